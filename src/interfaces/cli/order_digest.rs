//! `shop orders digest`: what needs the seller's attention.

use std::io;
use std::io::Write;

use clap::Args;

use crate::actions;
use crate::actions::Shop;
use crate::domain::orders::{OrderRef, Status};
use crate::domain::payment::GapReach;
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::order_reports::Filter;
use crate::interfaces::cli::output::allow_closed_pipe;
use crate::interfaces::cli::{address_usage, shop_context};

#[derive(Args)]
pub struct DigestArgs {
    /// Count orders placed on or after this day as new [default: yesterday]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = Timestamp::parse_day)]
    since: Option<Timestamp>,
}

/// Units: orders that a line names in JSON, and as text.
const MAX_IN_JSON: i64 = 50;
const MAX_IN_TEXT: usize = 3;

struct Line {
    key: &'static str,
    text: String,
    count: usize,
    orders: Vec<OrderRef>,
}

/// The lines that count orders by their status.
const BY_STATUS: [(&str, &str, &[Status]); 5] = [
    ("unpaid", "awaiting payment", &[Status::Awaiting]),
    ("look", "payment to check", &[Status::Reported, Status::Partial, Status::Unconfirmed]),
    ("send", "to ship", &[Status::Confirmed]),
    (
        "decide",
        "needs decision: ship or refund",
        &[Status::Late, Status::Oversold, Status::Overpaid],
    ),
    ("expired", "expired", &[Status::Expired]),
];

impl Line {
    fn new(key: &'static str, text: impl Into<String>, count: impl TryInto<usize>) -> Self {
        let count = count.try_into().unwrap_or(usize::MAX);
        Self { key, text: text.into(), count, orders: Vec::new() }
    }

    /// `orders`: some of those that are counted.
    fn of_orders(key: &'static str, text: &str, count: i64, orders: Vec<OrderRef>) -> Self {
        Self { orders, ..Self::new(key, text, count) }
    }
}

pub async fn run(shop: &Shop, digest: &DigestArgs, as_json: bool) -> anyhow::Result<()> {
    let now = shop_context::now();
    actions::expire_orders(shop, now).await?;
    let since = digest.since.unwrap_or_else(|| now.plus_days(-1).day_start());
    let new = Filter { states: Vec::new(), since: Some(since), ..Filter::default() };
    let text = format!("new since {}", since.short_day());
    let mut lines = vec![count_orders(shop, "new", text, new).await?];
    for (key, text, states) in BY_STATUS {
        // What is delivered on its page is done.
        let filter =
            Filter { states: states.to_vec(), is_delivered: Some(false), ..Filter::default() };
        lines.push(count_orders(shop, key, text.to_owned(), filter).await?);
    }
    let mut db = shop.db.reader().await?;
    let n_unanswered = store::order_reports::count_unanswered(&mut db).await?;
    let unanswered = store::order_reports::list_unanswered(&mut db, MAX_IN_JSON).await?;
    drop(db);
    lines.push(Line::of_orders("answer", "to answer", n_unanswered, unanswered));
    let n_due = actions::count_forgettable(shop, now).await?;
    let due = actions::list_forgettable(shop, now, MAX_IN_JSON).await?;
    lines.push(Line::of_orders("erase", "due for deletion", n_due, due));
    let n_undelivered = store::outbox::count_undelivered(&mut *shop.db.reader().await?).await?;
    lines.push(Line::new("untold", "messages not yet in the Maildir", n_undelivered));
    let watches = store::watch::list(&mut *shop.db.reader().await?).await?;
    let n_untracked = watches.iter().filter(|watch| watch.complaint(now).is_some()).count();
    lines.push(Line::new("nodes", "coins not tracked: shop doctor", n_untracked));
    lines.extend(siege(shop).await?);
    lines.extend(addresses(shop).await?);
    lines.retain(|line| 0 < line.count);
    let mut out = io::stdout().lock();
    allow_closed_pipe(write(&mut out, &lines, as_json).map_err(Into::into))
}

async fn count_orders(
    shop: &Shop,
    key: &'static str,
    text: String,
    filter: Filter,
) -> anyhow::Result<Line> {
    let mut db = shop.db.reader().await?;
    let count = store::order_reports::count(&mut db, &filter).await?;
    let orders = store::order_reports::list(&mut db, &filter, MAX_IN_JSON).await?;
    let orders = orders.into_iter().map(|order| order.order_ref).collect();
    Ok(Line::of_orders(key, &text, count, orders))
}

/// Siege mode, with the number of orders placed since it began.
async fn siege(shop: &Shop) -> anyhow::Result<Option<Line>> {
    let state = store::shop_state::find(&mut *shop.db.reader().await?).await?;
    // At least 1: a line that counts nothing is left out, but siege mode is on before its first order.
    let n_orders = state.siege_orders.max(1);
    Ok(state.siege_since.map(|_| Line::new("siege", "placed since siege mode began", n_orders)))
}

/// The wallet with the most addresses used since one was paid, if its program may soon miss payments.
async fn addresses(shop: &Shop) -> anyhow::Result<Option<Line>> {
    let usages = address_usage::list(&mut *shop.db.reader().await?).await?;
    let far = usages.into_iter().filter(|usage| usage.reach() != GapReach::Near);
    Ok(far.max_by_key(|usage| usage.n_since_paid).map(|usage| {
        let text = format!("{} addresses unpaid: doctor", usage.wallet.currency);
        Line::new("addresses", text, usage.n_since_paid)
    }))
}

fn write(out: &mut impl Write, lines: &[Line], as_json: bool) -> io::Result<()> {
    if as_json {
        let lines: serde_json::Map<String, serde_json::Value> = lines
            .iter()
            .map(|line| {
                let orders: Vec<&str> = line.orders.iter().map(OrderRef::as_str).collect();
                let value = serde_json::json!({ "count": line.count, "orders": orders });
                (line.key.to_owned(), value)
            })
            .collect();
        return writeln!(out, "{}", serde_json::Value::Object(lines));
    }
    for line in lines {
        let mut orders: Vec<&str> =
            line.orders.iter().take(MAX_IN_TEXT).map(OrderRef::as_str).collect();
        if !orders.is_empty() && orders.len() < line.count {
            orders.push("…");
        }
        let text = format!("{:>6}  {:<31}  {}", line.count, line.text, orders.join(" "));
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}
