//! A message to the seller that belongs to no order.

use lettre::message::Message;
use lettre::message::header::{ContentType, MIME_VERSION_1_0};

use crate::domain::values::{Mailbox, Timestamp};
use crate::infra::mail::order_message::{DOMAIN, Unwritable};
use crate::infra::mail::{SellerKey, layout, seal};

/// A message about the shop itself, or about one of the seller's nodes.
pub(super) struct ShopMessage<'a> {
    /// What it is about, in one word: `node`.
    pub about: &'a str,
    /// Unique among those about the same.
    pub name: &'a str,
    pub subject: &'a str,
    pub text: &'a str,
    /// By the mailbox's clock.
    pub at: Timestamp,
    pub seller: &'a Mailbox,
}

impl ShopMessage<'_> {
    /// The message's file name in the Maildir, and the message as stored there.
    ///
    /// # Errors
    /// [`Unwritable`]
    pub fn write(
        &self,
        key: Option<&SellerKey>,
        now: Timestamp,
    ) -> Result<(String, Vec<u8>), Unwritable> {
        let Self { about, name, subject, .. } = self;
        let text = layout::fitted(self.text);
        let since_1970 = std::time::Duration::from_secs(self.at.get().unsigned_abs());
        let head = Message::builder()
            .from(format!("{about}@{DOMAIN}").parse()?)
            .to(self.seller.as_str().parse()?)
            .header(MIME_VERSION_1_0)
            .subject(*subject)
            .message_id(Some(format!("<{about}.{name}@{DOMAIN}>")))
            .date(std::time::UNIX_EPOCH + since_1970);
        let message = match key {
            None => head.header(ContentType::TEXT_PLAIN).body(seal::body(&text))?,
            Some(key) => seal::sealed_message(head, key, subject, &text, None, now)?,
        };
        let day = now.day_start().get();
        Ok((format!("{day}.{about}_{name}.shop"), seal::stored(&message)))
    }
}
