//! Sends a buyer's message to the seller.

use anyhow::Context;

use crate::actions::notify_seller::queue_message;
use crate::actions::{Shop, notify_seller};
use crate::domain::orders::{
    Code, LookupName, MessageLimit, PgpBlock, Refusal, RefusalReason, Status,
};
use crate::domain::values::{Paragraph, Timestamp};
use crate::infra::mail::{Notification, SellerKey};
use crate::infra::store;
use crate::infra::store::messages::{MessageKind, NewMessage, QuestionCounts};

/// Units: characters of a message to the seller.
pub const MAX_MESSAGE: usize = 4_000;
/// Units: messages of a buyer about one order, in total and per day.
const MAX_MESSAGES: i64 = 200;
const MAX_A_DAY: i64 = 10;
/// Those of an unpaid order of which the seller is not notified yet, or in siege mode: they take disk space.
const MAX_WAITING: i64 = 2;

/// What a buyer typed for the seller: either field can be used in place of the other.
pub struct Question<'a> {
    pub message: &'a str,
    pub pgp: &'a str,
    /// What the order's page shows in the place of a PGP message.
    pub pgp_shown: &'a str,
    /// Idempotency key, the same for the same text on the same day: a form sent twice is one message.
    pub once: [u8; 32],
}

/// Why a message was refused.
pub enum AskSellerError {
    /// The code no longer opens an order.
    NoOrder,
    Refused(UnfitMessage),
    Broken(anyhow::Error),
}

broken_from!(AskSellerError);

/// What is wrong with the input.
pub struct UnfitMessage {
    pub refusal: Refusal,
    /// What the form shows again, if that is not the whole input.
    pub left: Option<String>,
}

impl UnfitMessage {
    fn new(field: &'static str, why: impl Into<RefusalReason>) -> Self {
        Self { refusal: Refusal::new(field, why.into()), left: None }
    }
}

/// The buyer's message after validation.
enum MessageBody {
    Text(Paragraph),
    /// Encrypted, for the seller only.
    Block(PgpBlock),
}

/// Sends a buyer's message: it is delivered to the Maildir and shown on the order's page.
pub async fn ask_seller(
    shop: &Shop,
    name: &LookupName,
    question: &Question<'_>,
    now: Timestamp,
) -> Result<(), AskSellerError> {
    let body = match read(
        question,
        shop.availability.encryption_key(now).map_err(anyhow::Error::from)?.as_ref(),
    ) {
        Ok(body) => body,
        Err(unfit) => return Err(AskSellerError::Refused(unfit)),
    };
    let mut tx = shop.db.write().await?;
    let Some(order) = store::orders::find_by_lookup(&mut tx, name).await? else {
        return Err(AskSellerError::NoOrder);
    };
    let order_ref = &order.order_ref;
    if store::messages::was_applied(&mut tx, order_ref, &question.once).await? {
        return Ok(());
    }
    let QuestionCounts { n_all, n_today, is_short } =
        store::messages::count_questions(&mut tx, order_ref, now).await?;
    let is_unpaid = !order.has_received() && order.status != Status::Cancelled;
    if is_short && is_unpaid && MAX_WAITING <= n_all {
        let why = RefusalReason::MessagesWait { most: MAX_WAITING };
        return Err(AskSellerError::Refused(UnfitMessage::new("message", why)));
    }
    if MAX_MESSAGES <= n_all || MAX_A_DAY <= n_today {
        let why = RefusalReason::TooManyMessages(MessageLimit {
            a_day: MAX_A_DAY,
            in_all: MAX_MESSAGES,
            is_for_today: n_all < MAX_MESSAGES,
        });
        return Err(AskSellerError::Refused(UnfitMessage::new("message", why)));
    }
    let (notification, shown) = match &body {
        MessageBody::Text(text) => (Notification::Question(text.as_str(), None), text.as_str()),
        MessageBody::Block(block) => (Notification::Question("", Some(block)), question.pgp_shown),
    };
    // Orders from before buyers had keys show that a message was sent, but not its text.
    let recipient = store::orders::find_buyer_key(&mut tx, order_ref).await?;
    let sealed = recipient
        .map(|recipient| recipient.encrypt(shown))
        .transpose()
        .context("encrypt the message")?;
    let queued = queue_message(shop, &mut tx, &order, notification, false, now).await?;
    let message = NewMessage {
        kind: MessageKind::Question,
        now,
        status: None,
        sealed: sealed.as_deref(),
        idempotency_key: Some(&question.once),
        outbox_number: Some(queued.number),
    };
    store::messages::insert(&mut tx, order_ref, &message)
        .await
        .context("save the buyer's message")?;
    tx.commit().await.context("commit the buyer's message")?;

    notify_seller(shop, queued, now).await;
    Ok(())
}

fn read(question: &Question<'_>, key: Option<&SellerKey>) -> Result<MessageBody, UnfitMessage> {
    let text = Paragraph::parse(question.message, MAX_MESSAGE)
        .map_err(|why| UnfitMessage::new("message", why))?;
    if question.pgp.trim().is_empty() {
        if text.is_empty() {
            return Err(UnfitMessage::new("message", RefusalReason::Missing));
        }
        // People paste their code by mistake, and it must not end up in the seller's mailbox.
        if let Some(left) = Code::without_code(text.as_str()) {
            let refusal = Refusal::new("message", RefusalReason::OrderCode);
            return Err(UnfitMessage { refusal, left: Some(left) });
        }
        return Ok(MessageBody::Text(text));
    }
    if !text.is_empty() {
        return Err(UnfitMessage::new("message", RefusalReason::TextAndPgp));
    }
    let unfit = |why| UnfitMessage::new("pgp", why);
    let block = PgpBlock::parse(question.pgp).map_err(unfit)?;
    if let Some(key) = key {
        key.check_block(&block).map_err(unfit)?;
    }
    Ok(MessageBody::Block(block))
}
