//! Finds the orders to which a reply is addressed.

use mailparse::{MailAddr, MailHeader, addrparse, addrparse_header};

use crate::domain::orders::OrderRef;
use crate::infra::mail::reply::error::{ReplyError, shown};

/// Prefix of the local part of an order's address: `order+REF@shop.invalid`.
const NAME: &str = "order+";
const DOMAIN: &str = "shop.invalid";

/// Units: orders that one message may be addressed to.
const MAX_ORDERS: usize = 500;

/// Each order once. If any recipient is not an order, all are refused.
pub fn orders(recipients: &[String]) -> Result<Vec<OrderRef>, ReplyError> {
    let mut found: Vec<OrderRef> = Vec::new();
    for recipient in recipients {
        let addresses = match addrparse(recipient) {
            Ok(list) => singles(&list),
            Err(_) => return Err(ReplyError::Foreign(shown(recipient))),
        };
        if addresses.is_empty() && !recipient.trim().is_empty() && !recipient.contains(':') {
            return Err(ReplyError::Foreign(shown(recipient)));
        }
        for address in addresses {
            let order_ref = order(&address)?;
            if !found.contains(&order_ref) {
                found.push(order_ref);
            }
            if MAX_ORDERS < found.len() {
                return Err(ReplyError::TooManyOrders);
            }
        }
    }
    if found.is_empty() { Err(ReplyError::NoOrder) } else { Ok(found) }
}

/// The recipients in the header.
pub fn of_header(headers: &[MailHeader<'_>]) -> Result<Vec<String>, ReplyError> {
    let mut found = Vec::new();
    for header in headers {
        let name = header.get_key_ref();
        let names_recipients =
            ["To", "Cc", "Bcc"].iter().any(|known| name.trim().eq_ignore_ascii_case(known));
        if names_recipients {
            found.extend(singles(&addrparse_header(header).map_err(|_| ReplyError::Addresses)?));
        }
    }
    Ok(found)
}

fn singles(list: &[MailAddr]) -> Vec<String> {
    let mut found = Vec::new();
    for address in list {
        match address {
            MailAddr::Single(single) => found.push(single.addr.clone()),
            MailAddr::Group(group) => found.extend(group.addrs.iter().map(|one| one.addr.clone())),
        }
    }
    found
}

fn order(address: &str) -> Result<OrderRef, ReplyError> {
    let foreign = || ReplyError::Foreign(shown(address));
    let (local, domain) = address.trim().rsplit_once('@').ok_or_else(foreign)?;
    let (name, order_ref) = local.split_at_checked(NAME.len()).ok_or_else(foreign)?;
    if !domain.eq_ignore_ascii_case(DOMAIN) || !name.eq_ignore_ascii_case(NAME) {
        return Err(foreign());
    }
    OrderRef::parse(order_ref).map_err(|_| ReplyError::NotAnOrder(shown(address)))
}
