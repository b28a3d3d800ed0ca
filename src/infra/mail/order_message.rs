//! The messages about an order.

use askama::Template;
use lettre::message::header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::message::{Message, MessageBuilder};

use crate::domain::orders::{Buyer, Delivery, Order, OrderRef, PgpBlock, Reservation, Status};
use crate::domain::payment::{Invoice, Observation, Tolerance};
use crate::domain::values::{Amount, Mailbox, Timestamp, plural};
use crate::infra::mail::digital_notice::digital_notice;
use crate::infra::mail::seal::SealError;
use crate::infra::mail::{SellerKey, layout, seal};

/// The event of an order that the seller is notified of.
pub enum Notification<'a> {
    NewOrder(&'a Buyer),
    /// The buyer reports a payment.
    PaymentReported,
    /// The order's status changed, by the seller's action or because it expired. Empty: without a text.
    StatusChanged(&'a str),
    /// What the seller's node observed, if the order's status does not change.
    NodeUpdate(&'a str),
    /// A message from the buyer: text, or a PGP block that only the seller can decrypt.
    Question(&'a str, Option<&'a PgpBlock>),
    /// The buyer's data was erased at the buyer's request.
    DataErased,
}

/// An event of an order, as a message whose thread and file name are derived from the order.
pub struct OrderMessage<'a> {
    pub order: &'a Order,
    pub notification: Notification<'a>,
    /// 0: the order itself, then 1, 2 … within the order.
    pub number: i64,
    /// By the mailbox's clock.
    pub at: Timestamp,
    pub site_name: &'a str,
    pub seller: &'a Mailbox,
    pub keep_days: i64,
    pub tolerance: Tolerance,
}

#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    #[error("the text of the message: {0}")]
    Text(#[from] askama::Error),
    #[error("an address of the message: {0}")]
    Address(#[from] lettre::address::AddressError),
    #[error("the message: {0}")]
    Message(#[from] lettre::error::Error),
    #[error("the seal of the message: {0}")]
    Seal(#[from] SealError),
}

#[derive(Template)]
#[template(path = "mail/order.txt", escape = "none")]
struct OrderText<'a> {
    headline: String,
    notice: Option<String>,
    words: Vec<String>,
    order_ref: &'a str,
    placed: String,
    state: &'a str,
    bill: Vec<String>,
    amount: String,
    mark: Option<String>,
    received: Option<String>,
    node: Option<NodeText>,
    excess: Option<String>,
    due: Option<String>,
    currency: &'a str,
    address: &'a str,
    until: Option<String>,
    transaction: Option<&'a str>,
    buyer: Option<BuyerText<'a>>,
    may_answer: bool,
    is_sealed: bool,
    /// With their units.
    keep: String,
    unpaid: String,
    /// Whether the buyer's own PGP message follows the text.
    has_block: bool,
    most_unpacked: u32,
}

/// What the seller's node observed.
struct NodeText {
    seen: Option<String>,
    /// The confirmed part of it, if that is less.
    settled: Option<String>,
    depth: Option<String>,
    is_accepted_unconfirmed: bool,
    is_moved: bool,
}

struct BuyerText<'a> {
    refund: Option<&'a str>,
    delivery: Vec<String>,
    email: Vec<String>,
    note: Vec<String>,
}

/// Units: minutes. A plain-text message stays on the disk for weeks, and the exact deadline would reveal the minute of
/// ordering.
const UNTIL_MINUTES: i64 = 15;
/// Units: bytes at which gpg stops decompressing a buyer's message: a few bytes can expand to hundreds of megabytes.
pub const MAX_UNPACKED: u32 = 1_000_000;

/// The domain of all names of the shop: it can never be anybody else's (RFC 6761).
pub(super) const DOMAIN: &str = "shop.invalid";

/// A message's file name: its time by the mailbox's clock, order and number, but neither host nor process.
pub fn delivery_name(order_ref: &OrderRef, number: i64, at: Timestamp) -> String {
    format!("{}.{order_ref}_{number}.shop", at.get())
}

impl OrderMessage<'_> {
    /// The message as stored in the Maildir, with LF line ends: encrypted if there is a key.
    ///
    /// # Errors
    /// [`MessageError`], which no order should ever cause.
    pub fn write(&self, key: Option<&SellerKey>, now: Timestamp) -> Result<Vec<u8>, MessageError> {
        let subject = self.subject();
        let text = self.text(key.is_some())?;
        let head = self.head(&subject)?;
        let mut message = match key {
            None => head.header(ContentType::TEXT_PLAIN).body(seal::body(&text))?,
            Some(key) => seal::sealed_message(head, key, &subject, &text, self.block(), now)?,
        };
        let Order { order_ref, status, invoice, .. } = self.order;
        let amount = format!("{} {}", invoice.amount, invoice.currency);
        for (name, value) in [
            ("X-Shop-Order", order_ref.as_str()),
            ("X-Shop-State", status.as_str()),
            ("X-Shop-Amount", &amount),
        ] {
            let name = HeaderName::new_from_ascii_str(name);
            message.headers_mut().insert_raw(HeaderValue::new(name, value.to_owned()));
        }
        Ok(seal::stored(&message))
    }

    fn head(&self, subject: &str) -> Result<MessageBuilder, MessageError> {
        let order_ref = &self.order.order_ref;
        let from: lettre::message::Mailbox = format!("order+{order_ref}@{DOMAIN}").parse()?;
        let to: lettre::message::Mailbox = self.seller.as_str().parse()?;
        let since = std::time::Duration::from_secs(self.at.get().unsigned_abs());
        let head = Message::builder()
            .from(from.clone())
            .reply_to(from)
            .to(to)
            .header(MIME_VERSION_1_0)
            .subject(subject)
            .message_id(Some(self.message_id(self.number)))
            .date(std::time::UNIX_EPOCH + since);
        Ok(if 0 < self.number {
            head.in_reply_to(self.message_id(0)).references(self.message_id(0))
        } else {
            head
        })
    }

    /// Never contains a buyer's text.
    fn subject(&self) -> String {
        let Order { order_ref, status, .. } = self.order;
        match (&self.notification, status) {
            (Notification::NewOrder(_), Status::Awaiting) => {
                format!("New order {order_ref} - unpaid")
            }
            (Notification::NewOrder(_), _) => format!("New order {order_ref}"),
            (
                Notification::PaymentReported
                | Notification::StatusChanged(_)
                | Notification::NodeUpdate(_),
                status,
            ) => {
                format!("Payment for order {order_ref}: {status}")
            }
            (Notification::Question(..) | Notification::DataErased, _) => {
                format!("Message about order {order_ref}")
            }
        }
    }

    fn message_id(&self, number: i64) -> String {
        format!("<{}.{number}@{DOMAIN}>", self.order.order_ref)
    }

    /// The buyer's own PGP message to the seller.
    fn block(&self) -> Option<&PgpBlock> {
        match &self.notification {
            Notification::NewOrder(Buyer {
                delivery: Delivery::Encrypted { block, .. }, ..
            }) => Some(block),
            Notification::Question(_, block) => *block,
            _ => None,
        }
    }

    fn headline(&self) -> String {
        let Order { order_ref, status, .. } = self.order;
        let shop = self.site_name;
        match (&self.notification, status) {
            (Notification::NewOrder(_), Status::Awaiting) => {
                format!("New order {order_ref} for {shop}, awaiting payment")
            }
            (Notification::NewOrder(_), _) => {
                format!("New order {order_ref} for {shop}, payment reported by the buyer")
            }
            (Notification::PaymentReported, _) => {
                format!("The buyer of order {order_ref} reports a payment")
            }
            (Notification::StatusChanged(_), status) => {
                format!("Order {order_ref} is now {status}")
            }
            (Notification::NodeUpdate(_), _) => {
                format!("Payment update from your node for order {order_ref}")
            }
            (Notification::Question(..), _) => {
                format!("New message from the buyer of order {order_ref}")
            }
            (Notification::DataErased, _) => {
                format!("The buyer of order {order_ref} has deleted their data")
            }
        }
    }

    fn notice(&self) -> Option<String> {
        let words = match (&self.notification, self.order.status) {
            (Notification::DataErased, _) => {
                "The shop no longer has the buyer's data, and the order code no longer works.\n\
                 The first message of this thread still holds the buyer's data: please delete\n\
                 it when no longer needed."
            }
            (Notification::NodeUpdate(words), _) => words,
            (Notification::PaymentReported, Status::Late) => {
                "The order had already expired, and its items were back in stock."
            }
            (Notification::NewOrder(_), _) if self.order.reservation == Reservation::Contested => {
                "Nothing is reserved for this order: other unpaid orders want the same items.\n\
                 Whoever pays first gets them."
            }
            (Notification::StatusChanged(_), Status::Oversold)
                if self.order.invoice.observation.is_none() =>
            {
                "Nothing is left for this order: other payments came first. You decide: add stock\n\
                 and use /paid again, or refund the payment and use /refunded."
            }
            (Notification::NewOrder(_), Status::Awaiting)
                if self.order.invoice.observation.is_some() =>
            {
                "Your node is watching for the payment. You are notified when it arrives."
            }
            (Notification::StatusChanged(_), _) => {
                let parts = self.node_notice().into_iter().chain(digital_notice(self.order));
                return Some(parts.collect::<Vec<_>>().join("\n")).filter(|text| !text.is_empty());
            }
            _ => return None,
        };
        Some(words.to_owned())
    }

    /// Explains a change that the seller's node observed, and what to do about it.
    fn node_notice(&self) -> Option<String> {
        let order = self.order;
        let Invoice { amount, currency, received, .. } = &order.invoice;
        let observation = order.invoice.observation.as_ref()?;
        let words = match order.status {
            Status::Unconfirmed if order.is_reversed() => {
                "The network reversed the payment's block. The payment usually confirms again:\n\
                 do not ship before it does."
                    .to_owned()
            }
            Status::Unconfirmed => {
                "Your node has detected a payment. Do not ship yet: you are notified when it is\n\
                 confirmed."
                    .to_owned()
            }
            Status::Partial if order.is_sold_out() => {
                "Other payments came first and nothing is left, so the order's page does not ask\n\
                 for the rest. Add stock, or refund the payment and use /refunded."
                    .to_owned()
            }
            Status::Partial => format!(
                "The order's page asks the buyer to pay the remaining {} {currency} to the same\n\
                 address.",
                order.due(self.tolerance)
            ),
            Status::Confirmed if *received < observation.settled => {
                let may_ship = "The payment is confirmed: you can ship the order.";
                let is_confirmed = "The payment is confirmed.";
                if order.is_shipped() { may_ship } else { is_confirmed }.to_owned()
            }
            Status::Overpaid => format!(
                "The order was overpaid by {} {currency}.\n\
                 You can ship the order and refund the overpayment: not to the address it came\n\
                 from, which may belong to an exchange, but to the refund address the buyer gave\n\
                 with the order or sends you now, as the order's page asks. Tell the buyer in an\n\
                 answer when you have refunded it; /refunded is for an order you do not ship.",
                order.excess()
            ),
            Status::Late => format!(
                "A payment arrived after the order had expired: {} of {amount} {currency}.\n\
                 The items are back in stock. You decide: use /paid to accept the order if the\n\
                 items are still in stock, or refund the payment and use /refunded.{}",
                observation.seen,
                unconfirmed(observation)
            ),
            Status::Oversold => format!(
                "{} of {amount} {currency} arrived, but other payments came first and nothing is left.\n\
                 You decide: add stock and use /paid to accept the order, or refund the payment\n\
                 and use /refunded.{}",
                observation.seen,
                unconfirmed(observation)
            ),
            Status::Expired => format!(
                "The items are back in stock. Your node watches for a late payment for another\n\
                 {}.",
                plural(order.unpaid_days(), "day", "days")
            ),
            _ => return None,
        };
        Some(words)
    }

    fn node(&self) -> Option<NodeText> {
        let order = self.order;
        let observation = order.invoice.observation.as_ref()?;
        let settled = Some(observation.settled).filter(|settled| *settled < observation.seen);
        Some(NodeText {
            seen: some(observation.seen),
            settled: settled.and_then(some),
            depth: order.confirmations(),
            is_accepted_unconfirmed: order.is_accepted_unconfirmed(),
            is_moved: observation.is_moved,
        })
    }

    /// The text for the seller.
    fn text(&self, is_sealed: bool) -> Result<String, askama::Error> {
        let order = self.order;
        let invoice = &order.invoice;
        let words = match &self.notification {
            Notification::Question(_, Some(_)) => {
                vec!["  The message is encrypted to your key: see the end of this mail.".to_owned()]
            }
            Notification::Question(words, None) | Notification::StatusChanged(words) => {
                layout::barred(words)
            }
            _ => Vec::new(),
        };
        let text = OrderText {
            headline: self.headline(),
            notice: self.notice(),
            words,
            order_ref: order.order_ref.as_str(),
            placed: order.placed_at.day(),
            state: order.status.as_str(),
            bill: bill(order),
            amount: invoice.amount.to_string(),
            mark: some(invoice.tag()),
            received: some(invoice.received),
            node: self.node(),
            excess: some(order.excess()).filter(|_| order.status == Status::Overpaid),
            due: some(order.due(self.tolerance))
                .filter(|_| order.status.may_be_underpaid() && !order.is_reversed()),
            currency: invoice.currency.as_str(),
            address: invoice.address.as_str(),
            until: (order.status == Status::Awaiting)
                .then(|| invoice.until.rounded_up(UNTIL_MINUTES).for_people()),
            transaction: order.transaction.as_ref().map(|id| id.as_str()),
            buyer: match &self.notification {
                Notification::NewOrder(buyer) => Some(BuyerText {
                    refund: buyer.refund.as_ref().map(|address| address.as_str()),
                    delivery: delivery(&buyer.delivery),
                    email: layout::barred(buyer.email.as_str()),
                    note: layout::barred(buyer.note.as_str()),
                }),
                _ => None,
            },
            may_answer: !matches!(self.notification, Notification::DataErased),
            is_sealed,
            keep: plural(self.keep_days, "day", "days"),
            unpaid: plural(order.unpaid_days(), "day", "days"),
            has_block: self.block().is_some(),
            most_unpacked: MAX_UNPACKED,
        };
        let mut text = layout::fitted(&text.render()?);
        // In an encrypted message it is a separate part after this one.
        if let Some(block) = self.block().filter(|_| !is_sealed) {
            text.push('\n');
            text.push_str(block.as_str());
        }
        Ok(text)
    }
}

fn unconfirmed(observation: &Observation) -> &'static str {
    if observation.settled < observation.seen {
        "\nIt is not confirmed yet: wait until you are notified."
    } else {
        ""
    }
}

/// A zero amount is left out.
fn some(sum: Amount) -> Option<String> {
    (Amount::ZERO < sum).then(|| sum.to_string())
}

/// The items and their prices, line by line, for a terminal.
pub fn bill(order: &Order) -> Vec<String> {
    let mut bill = Vec::new();
    for line in &order.lines {
        let (quantity, name, mark) = (line.quantity, line.full_name(), line.kind_mark());
        let left = format!("{quantity} x {name}{mark}  at {}", line.price);
        bill.extend(layout::bill(&left, &line.sum.to_string()));
    }
    if let Some(discount) = &order.discount {
        let percent = discount.percent.map_or(String::new(), |percent| format!(" {percent}%"));
        let left = format!("discount{percent}, code {}", discount.code);
        bill.extend(layout::bill(&left, &format!("-{}", discount.amount)));
    }
    if let Some(shipping) = &order.shipping {
        bill.extend(layout::bill(
            &format!("shipping: {}", shipping.name),
            &shipping.price.to_string(),
        ));
    }
    let total = format!("{} {}", order.invoice.total, order.invoice.currency);
    bill.extend(layout::bill("TOTAL", &total));
    bill
}

fn delivery(delivery: &Delivery) -> Vec<String> {
    match delivery {
        Delivery::None => Vec::new(),
        Delivery::Plain(address) => {
            address.lines().iter().flat_map(|line| layout::barred(line)).collect()
        }
        Delivery::Encrypted { country, .. } => {
            let words = "  The address is encrypted to your key: see the end of this mail.";
            let mut lines = vec![words.to_owned()];
            lines.extend(country.iter().flat_map(|country| layout::barred(country.name())));
            lines
        }
    }
}
