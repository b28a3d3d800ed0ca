//! An order's history and messages, decrypted with the code.

use crate::domain::orders::{BuyerIdentity, Order, Quiet, Status};
use crate::infra::store;
use crate::infra::store::messages::{MessageKind, SealedMessage};
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::order_texts::event;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::texts::{Text, day, text};

/// What happened to an order and who said what, as its page shows it.
pub struct Conversation {
    /// The newest last.
    pub pieces: Vec<Piece>,
    pub n_new: i64,
    /// The page of what came before, where there is more.
    pub earlier: Option<i64>,
    /// The page of what came after.
    pub later: Option<i64>,
    /// The newest piece of all, to tell what is new at the next look.
    pub last: i64,
    /// When the seller gets the buyer's messages, where that is not at once.
    pub waits: Option<Text<'static>>,
}

pub struct Piece {
    pub kind: &'static str,
    pub who: Option<Text<'static>>,
    pub day: Text<'static>,
    pub day_machine: String,
    pub words: String,
    /// Words for a program, which are shown exactly as they came.
    pub is_armor: bool,
    pub is_new: bool,
    /// The seller has opened the message, and wants that to be seen.
    pub is_read: bool,
}

/// Units: pieces on one page; each costs an opening of its seal.
const ON_A_PAGE: i64 = 20;

impl Conversation {
    /// `page`: 1 is the newest. `seen`: the newest piece that the buyer had seen before.
    pub async fn read(
        app: &AppState,
        order: &Order,
        key: &BuyerIdentity,
        page: i64,
        seen: i64,
    ) -> Result<Self, PageError> {
        let order_ref = &order.order_ref;
        let mut db = app.shop.db.reader().await?;
        let extent = store::messages::measure(&mut db, order_ref, seen).await?;
        let n_pages = (extent.n_messages + ON_A_PAGE - 1) / ON_A_PAGE;
        let page = page.clamp(1, n_pages.max(1));
        let kept =
            store::messages::list(&mut db, order_ref, (page - 1) * ON_A_PAGE, ON_A_PAGE).await?;
        let mut stood = None;
        let mut pieces = Vec::with_capacity(kept.len());
        for kept in kept.iter().rev() {
            pieces.push(piece(kept, stood, key, seen, app.shop.policy.read_marks));
            stood = kept.status.or(stood);
        }
        Ok(Self {
            pieces,
            n_new: extent.n_new,
            earlier: (page < n_pages).then_some(page + 1),
            later: (1 < page).then_some(page - 1),
            last: extent.last,
            waits: waits(extent.quiet, order.status).map(text),
        })
    }
}

/// The id of a text. A message about a cancelled order reaches the seller whatever was paid.
fn waits(quiet: Quiet, status: Status) -> Option<&'static str> {
    match quiet {
        _ if status == Status::Cancelled => None,
        Quiet::No | Quiet::Briefly => None,
        Quiet::UntilReported => Some("order-read-once-reported"),
        Quiet::UntilPaid => Some("order-read-once-paid"),
    }
}

/// `stood`: where the order stood before, as far as this page shows it.
fn piece(
    kept: &SealedMessage,
    stood: Option<Status>,
    key: &BuyerIdentity,
    seen: i64,
    shows_read: bool,
) -> Piece {
    let words = match &kept.sealed {
        Some(sealed) => {
            key.open(sealed).unwrap_or_else(|_| text("order-message-damaged").to_string())
        }
        None => String::new(),
    };
    let (kind, who) = match kept.kind {
        MessageKind::Question => ("question", Some(text("order-you"))),
        MessageKind::Answer => ("answer", Some(text("order-seller"))),
        MessageKind::Step | MessageKind::Receipt => {
            ("step", kept.status.map(|status| text(event(status, stood))))
        }
    };
    Piece {
        kind,
        who,
        day: day(kept.day),
        day_machine: kept.day.short_day(),
        is_armor: words.contains("-----BEGIN PGP"),
        words,
        is_new: !is_own(kept) && seen < kept.id,
        is_read: kept.is_read && shows_read,
    }
}

/// What the buyer did is no news to the buyer: as [`store::messages::measure`] counts it.
fn is_own(kept: &SealedMessage) -> bool {
    kept.kind == MessageKind::Question || kept.status == Some(Status::Reported)
}
