//! What a paid order has delivered on its page, and what is left for the seller.

use crate::domain::orders::{Order, OrderLine, Status};

/// `None` if the order has only shipped lines, or is not paid.
pub fn digital_notice(order: &Order) -> Option<String> {
    let is_paid = matches!(order.status, Status::Confirmed | Status::Overpaid);
    if !is_paid || order.lines.iter().all(|line| line.kind.is_shipped()) {
        return None;
    }
    let named = |is_wanted: &dyn Fn(usize, &OrderLine) -> bool| {
        let wanted = order.lines.iter().enumerate().filter(|(n, line)| is_wanted(*n, line));
        let names = wanted.map(|(_, line)| format!("  {} x {}", line.quantity, line.full_name()));
        names.collect::<Vec<_>>().join("\n")
    };
    let is_delivered = |n: usize| order.delivered.contains(&n);
    let mut parts = Vec::new();
    let mut add = |text: &str, names: String| {
        if !names.is_empty() {
            parts.push(format!("{text}\n{names}"));
        }
    };
    add(
        "Delivered on the order's page:",
        named(&|n, line| line.kind.is_digital() && is_delivered(n)),
    );
    add(
        "Not delivered: no codes are left, or the product delivers nothing any more. Add\n\
         codes for later orders; send these in an answer, or refund them:",
        named(&|n, line| line.kind.is_digital() && !is_delivered(n)),
    );
    add("To ship:", named(&|_, line| line.kind.is_shipped()));
    add(
        "To hand over or to do:",
        named(&|_, line| !line.kind.is_shipped() && !line.kind.is_digital()),
    );
    parts.push(match order.is_delivered {
        true => "Nothing is left to do.".to_owned(),
        false => "Use /shipped when all of it is done.".to_owned(),
    });
    Some(parts.join("\n"))
}
