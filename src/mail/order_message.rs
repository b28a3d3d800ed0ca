use crate::mail::layout;
use crate::orders::Delivery;
use crate::orders::Order;
use crate::orders::Status;
use crate::values::Mailbox;
use crate::values::Moment;
use askama::Template;
use lettre::message::Message;
use lettre::message::header::ContentType;
use lettre::message::header::HeaderName;
use lettre::message::header::HeaderValue;
use lettre::message::header::MIME_VERSION_1_0;

/// An order, as a message whose thread and file name are made of the order.
pub struct OrderMessage<'a> {
    pub order: &'a Order,
    /// The order's state when it happened: what is told may be older than what is.
    pub status: Status,
    /// 0: the order itself, then 1, 2 … within the order.
    pub number: i64,
    pub at: Moment,
    /// Whether it tells of the order itself, and not of a payment for it.
    pub is_new: bool,
    pub site_name: &'a str,
    pub seller: &'a Mailbox,
    pub keep_days: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum Unwritable {
    #[error("the text of the message: {0}")]
    Text(#[from] askama::Error),
    #[error("an address of the message: {0}")]
    Address(#[from] lettre::address::AddressError),
    #[error("the message: {0}")]
    Message(#[from] lettre::error::Error),
}

#[derive(Template)]
#[template(path = "mail/order.txt", escape = "none")]
struct OrderText<'a> {
    headline: String,
    expired_note: Option<&'a str>,
    order_ref: &'a str,
    placed: String,
    state: &'a str,
    bill: Vec<String>,
    amount: String,
    mark: Option<String>,
    received: Option<String>,
    currency: &'a str,
    address: &'a str,
    until: String,
    transaction: Option<&'a str>,
    refund: Option<&'a str>,
    delivery: Vec<String>,
    email: Vec<String>,
    note: Vec<String>,
    keep_days: i64,
}

/// The domain of all names of the shop's own: it can never be one of somebody else's (RFC 6761).
const DOMAIN: &str = "shop.invalid";

impl OrderMessage<'_> {
    /// The message's file name: its time, order and number, and neither host nor process.
    pub fn delivery_name(&self) -> String {
        format!("{}.{}_{}.shop", self.at.get(), self.order.order_ref, self.number)
    }

    /// The message as it lies in the Maildir, lines ended by LF.
    ///
    /// # Errors
    /// [`Unwritable`], which no order should ever cause.
    pub fn write(&self) -> Result<Vec<u8>, Unwritable> {
        let order_ref = self.order.order_ref.as_str();
        let from: lettre::message::Mailbox = format!("order+{order_ref}@{DOMAIN}").parse()?;
        let to: lettre::message::Mailbox = self.seller.as_str().parse()?;
        let mut message = Message::builder()
            .from(from.clone())
            .reply_to(from)
            .to(to)
            .header(MIME_VERSION_1_0)
            .subject(self.subject())
            .message_id(Some(self.message_id(self.number)))
            .date(
                std::time::UNIX_EPOCH
                    + std::time::Duration::from_secs(self.at.get().unsigned_abs()),
            );
        if 0 < self.number {
            message = message.in_reply_to(self.message_id(0)).references(self.message_id(0));
        }
        let text = self.text()?;
        let mut message = message.header(ContentType::TEXT_PLAIN).body(text)?;
        for (name, value) in [("X-Shop-Order", order_ref), ("X-Shop-State", self.status.as_str())] {
            let name = HeaderName::new_from_ascii_str(name);
            message.headers_mut().insert_raw(HeaderValue::new(name, value.to_owned()));
        }
        // Mail readers of a Maildir show the CR of a CRLF as ^M.
        let mut bytes = message.formatted();
        bytes.retain(|byte| *byte != b'\r');
        Ok(bytes)
    }

    /// Never a buyer's word.
    fn subject(&self) -> String {
        let order_ref = &self.order.order_ref;
        match (self.is_new, self.status) {
            (true, Status::Awaiting) => format!("New order {order_ref} - unpaid"),
            (true, _) => format!("New order {order_ref}"),
            (false, status) => format!("Payment for order {order_ref}: {status}"),
        }
    }

    fn message_id(&self, number: i64) -> String {
        format!("<{}.{number}@{DOMAIN}>", self.order.order_ref)
    }

    /// What the seller reads.
    pub fn text(&self) -> Result<String, askama::Error> {
        let order = self.order;
        let invoice = &order.invoice;
        let headline = match (self.is_new, self.status) {
            (true, Status::Awaiting) => {
                format!("New order {} for {}, not paid yet", order.order_ref, self.site_name)
            }
            (true, Status::Reported) => format!(
                "New order {} for {}, paid as the buyer says",
                order.order_ref, self.site_name
            ),
            (true, status) => format!("Order {} for {}: {status}", order.order_ref, self.site_name),
            (false, _) => format!("The buyer of order {} says that it was paid", order.order_ref),
        };
        let late = "The time to pay had run out before, and the things had gone back on the shelf.";
        let text = OrderText {
            headline,
            expired_note: (self.status == Status::Late).then_some(late),
            order_ref: order.order_ref.as_str(),
            placed: order.placed_at.for_people(),
            state: self.status.as_str(),
            bill: self.bill(),
            amount: invoice.amount.to_string(),
            mark: Some(invoice.mark()).filter(|mark| 0 < mark.get()).map(|mark| mark.to_string()),
            received: Some(invoice.received).filter(|sum| 0 < sum.get()).map(|sum| sum.to_string()),
            currency: invoice.currency.as_str(),
            address: invoice.address.as_str(),
            until: invoice.until.for_people(),
            transaction: order.transaction.as_ref().map(|id| id.as_str()),
            refund: order.refund.as_ref().map(|address| address.as_str()),
            delivery: delivery(&order.delivery),
            email: layout::barred(order.email.as_str()),
            note: layout::barred(order.note.as_str()),
            keep_days: self.keep_days,
        };
        text.render()
    }

    fn bill(&self) -> Vec<String> {
        let order = self.order;
        let mut bill = Vec::new();
        for line in &order.lines {
            let option = if line.option_name.is_empty() {
                String::new()
            } else {
                format!(", {}", line.option_name)
            };
            let left = format!("{} x {}{option}  at {}", line.quantity, line.name, line.price);
            bill.extend(layout::bill(&left, &line.sum.to_string()));
        }
        if let Some(discount) = &order.discount {
            let left = format!("less {} %, code {}", discount.percent, discount.code);
            bill.extend(layout::bill(&left, &format!("-{}", discount.less)));
        }
        if let Some(sending) = &order.sending {
            bill.extend(layout::bill(
                &format!("sending: {}", sending.name),
                &sending.price.to_string(),
            ));
        }
        let total = format!("{} {}", order.invoice.total, order.invoice.currency);
        bill.extend(layout::bill("TOTAL", &total));
        bill
    }
}

fn delivery(delivery: &Delivery) -> Vec<String> {
    match delivery {
        Delivery::Plain(address) => {
            let mut lines = layout::barred(address.recipient.as_str());
            lines.extend(layout::barred(address.street.as_str()));
            for line in [&address.city, &address.province, &address.postcode, &address.country] {
                lines.extend(layout::barred(line.as_str()));
            }
            lines
        }
        Delivery::Sealed { block, country } => {
            let mut lines = vec![
                "  The buyer has sealed the address to your key. To read it: gpg --decrypt"
                    .to_owned(),
            ];
            lines.extend(layout::barred(country.as_str()));
            // Not indented, so that it can be piped into gpg as it stands (mutt: press | and type gpg).
            lines.push(String::new());
            lines.extend(block.as_str().lines().map(str::to_owned));
            lines
        }
    }
}
