//! Reads an order's messages back from the mailbox.

use std::collections::HashMap;

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::orders::OrderRef;
use crate::infra::mail::{Lookup, PlainMessage, delivery_name};
use crate::infra::{mail, store};

/// The state of a message to the seller.
pub enum SentMessage {
    /// Armored: the seller decrypts it at home.
    Sealed(String),
    /// Of a shop without a key.
    Plain(PlainMessage),
    /// It waits until the seller's key can be used.
    Waiting,
    /// The seller has deleted it, or renamed its file.
    Gone,
}

/// Reads the messages about an order from the mailbox: those with these numbers, each by its own file name. Messages
/// without such a number are left out.
pub async fn load_sent_messages(
    shop: &Shop,
    order_ref: &OrderRef,
    numbers: &[i64],
) -> anyhow::Result<HashMap<i64, SentMessage>> {
    let sent = store::outbox::list_sent(&mut *shop.db.reader().await?, order_ref, numbers)
        .await
        .context("list the order's messages")?;
    let (maildir, order_ref) = (shop.maildir.clone(), order_ref.clone());
    tokio::task::spawn_blocking(move || {
        let mut lookup = Lookup::new(maildir);
        sent.into_iter()
            .map(|sent| {
                let message = match sent.waiting {
                    // The same bytes that will be delivered to the mailbox.
                    Some(message) => Some(message),
                    None => lookup.read(&delivery_name(&order_ref, sent.number, sent.at))?,
                };
                Ok((sent.number, sent_message(message.as_deref())))
            })
            .collect::<std::io::Result<_>>()
    })
    .await
    .context("read the Maildir")?
    .context("read the Maildir")
}

fn sent_message(message: Option<&[u8]>) -> SentMessage {
    match message {
        None => SentMessage::Gone,
        Some([]) => SentMessage::Waiting,
        Some(message) => match mail::StoredMessage::parse(message) {
            Some(mail::StoredMessage::Encrypted(armored)) => SentMessage::Sealed(armored),
            Some(mail::StoredMessage::Plain(plain)) => SentMessage::Plain(plain),
            None => SentMessage::Gone,
        },
    }
}
