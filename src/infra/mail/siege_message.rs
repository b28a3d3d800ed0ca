//! The messages that siege mode has begun and is over.

use askama::Template;

use crate::domain::values::{Mailbox, Timestamp};
use crate::infra::mail::SellerKey;
use crate::infra::mail::order_message::Unwritable;
use crate::infra::mail::shop_message::ShopMessage;

/// What the seller is told of siege mode.
#[derive(Clone, Copy, Debug)]
pub enum SiegeNews {
    /// So many orders of an hour are not paid.
    Begun { n_orders: i64 },
    Over {
        /// Placed meanwhile.
        n_orders: i64,
        /// Of those: reported or paid.
        n_reported: i64,
        /// Of those: orders whose messages were not delivered.
        n_held_back: i64,
    },
}

/// A message to the seller about siege mode, unrelated to any order.
pub struct SiegeMessage<'a> {
    pub news: SiegeNews,
    /// The id of the first order in siege mode: the messages of this siege mode are named after it.
    pub first: i64,
    pub since: Timestamp,
    /// By the mailbox's clock.
    pub at: Timestamp,
    pub site_name: &'a str,
    pub seller: &'a Mailbox,
}

#[derive(Template)]
#[template(path = "mail/siege.txt", escape = "none")]
struct SiegeText<'a> {
    news: SiegeNews,
    since: String,
    site_name: &'a str,
}

impl SiegeMessage<'_> {
    /// The message as stored in the Maildir, and its file name there.
    ///
    /// # Errors
    /// [`Unwritable`]
    pub fn write(
        &self,
        key: Option<&SellerKey>,
        now: Timestamp,
    ) -> Result<(String, Vec<u8>), Unwritable> {
        let (subject, end) = match self.news {
            SiegeNews::Begun { .. } => ("Siege mode: many orders are not paid", "begin"),
            SiegeNews::Over { .. } => ("Siege mode is over", "end"),
        };
        let since = self.since.for_people();
        let text = SiegeText { news: self.news, since, site_name: self.site_name };
        let message = ShopMessage {
            about: "siege",
            name: &format!("{}_{end}", self.first),
            subject,
            text: &text.render()?,
            at: self.at,
            seller: self.seller,
        };
        message.write(key, now)
    }
}
