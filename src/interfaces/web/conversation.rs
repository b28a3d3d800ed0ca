//! An order's history and messages, decrypted with the code.

use crate::domain::orders::{BuyerIdentity, NotificationHold, Order, Status};
use crate::infra::store;
use crate::infra::store::messages::{MessageKind, SealedMessage};
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::order_texts::event;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::texts::{Text, day, text};

/// One page of an order's history and messages.
pub struct Conversation {
    /// The newest last.
    pub messages: Vec<MessageView>,
    pub n_new: i64,
    /// The page of the older messages, if there are any.
    pub older: Option<i64>,
    /// The page of the newer messages, if there are any.
    pub newer: Option<i64>,
    /// The newest message of all, to tell what is new at the next visit.
    pub last: i64,
    /// When the seller receives the buyer's messages, if not at once.
    pub delivery_note: Option<Text<'static>>,
}

pub struct MessageView {
    /// A CSS class.
    pub kind: &'static str,
    /// Who wrote it, or what happened.
    pub heading: Option<Text<'static>>,
    pub day: Text<'static>,
    pub day_machine: String,
    pub body: String,
    /// Whether it is for a program, and shown exactly as it came.
    pub is_armor: bool,
    pub is_new: bool,
    /// The seller has opened the message, and wants that to be seen.
    pub is_read: bool,
}

/// Units: messages on one page; each has to be decrypted.
const PER_PAGE: i64 = 20;

impl Conversation {
    /// `page`: 1 is the newest. `last_seen`: the newest message that the buyer had seen before.
    pub async fn read(
        app: &AppState,
        order: &Order,
        key: &BuyerIdentity,
        page: i64,
        last_seen: i64,
    ) -> Result<Self, PageError> {
        let order_ref = &order.order_ref;
        let mut db = app.shop.db.reader().await?;
        let extent = store::messages::measure(&mut db, order_ref, last_seen).await?;
        let n_pages = (extent.n_messages + PER_PAGE - 1) / PER_PAGE;
        let page = page.clamp(1, n_pages.max(1));
        let skipped = (page - 1) * PER_PAGE;
        let stored = store::messages::list(&mut db, order_ref, skipped, PER_PAGE).await?;
        drop(db);
        let mut status = None;
        let mut messages = Vec::with_capacity(stored.len());
        for message in stored.iter().rev() {
            let mut view = message_view(message, status, key);
            view.is_new = !is_own(message) && last_seen < message.id;
            view.is_read = message.is_read && app.shop.policy.read_marks;
            messages.push(view);
            status = message.status.or(status);
        }
        Ok(Self {
            messages,
            n_new: extent.n_new,
            older: (page < n_pages).then_some(page + 1),
            newer: (1 < page).then_some(page - 1),
            last: extent.last,
            delivery_note: delivery_note(extent.notification_hold, order.status).map(text),
        })
    }
}

/// The id of a text. A message about a cancelled order reaches the seller whatever was paid.
fn delivery_note(hold: NotificationHold, status: Status) -> Option<&'static str> {
    match hold {
        _ if status == Status::Cancelled => None,
        NotificationHold::No | NotificationHold::Briefly => None,
        NotificationHold::UntilReported => Some("order-read-once-reported"),
        NotificationHold::UntilPaid => Some("order-read-once-paid"),
    }
}

/// `before`: the order's status before this message, as far as this page shows it.
fn message_view(
    message: &SealedMessage,
    before: Option<Status>,
    key: &BuyerIdentity,
) -> MessageView {
    let body = match &message.sealed {
        Some(sealed) => {
            key.decrypt(sealed).unwrap_or_else(|_| text("order-message-damaged").to_string())
        }
        None => String::new(),
    };
    let (kind, heading) = match message.kind {
        MessageKind::Question => ("question", Some(text("order-you"))),
        MessageKind::Answer => ("answer", Some(text("order-seller"))),
        MessageKind::Step | MessageKind::Receipt => {
            ("step", message.status.map(|status| text(event(status, before))))
        }
    };
    MessageView {
        kind,
        heading,
        day: day(message.day),
        day_machine: message.day.short_day(),
        is_armor: body.contains("-----BEGIN PGP"),
        body,
        is_new: false,
        is_read: false,
    }
}

/// Whether the buyer caused it, so that it is not new to the buyer; as [`store::messages::measure`] counts it.
fn is_own(message: &SealedMessage) -> bool {
    message.kind == MessageKind::Question || message.status == Some(Status::Reported)
}
