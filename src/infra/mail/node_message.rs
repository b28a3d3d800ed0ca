//! The message that a node has failed or recovered.

use askama::Template;
use lettre::message::Message;
use lettre::message::header::{ContentType, MIME_VERSION_1_0};

use crate::domain::values::{Mailbox, Timestamp};
use crate::infra::mail::order_message::{DOMAIN, Unwritable};
use crate::infra::mail::{SellerKey, layout, seal};

/// A message to the seller about one of their nodes, unrelated to any order.
pub struct NodeMessage<'a> {
    /// The display name of what is paid there: `Ethereum mainnet`.
    pub coin: &'a str,
    /// Why payments cannot be detected; `None`: the node has recovered.
    pub trouble: Option<&'a str>,
    pub since: Timestamp,
    /// By the mailbox's clock.
    pub at: Timestamp,
    pub site_name: &'a str,
    pub seller: &'a Mailbox,
}

#[derive(Template)]
#[template(path = "mail/node.txt", escape = "none")]
struct NodeText<'a> {
    coin: &'a str,
    trouble: Option<&'a str>,
    since: String,
    site_name: &'a str,
}

impl NodeMessage<'_> {
    /// The message as stored in the Maildir, and its file name there.
    ///
    /// # Errors
    /// [`Unwritable`]
    pub fn write(
        &self,
        key: Option<&SellerKey>,
        now: Timestamp,
    ) -> Result<(String, Vec<u8>), Unwritable> {
        let subject = match self.trouble {
            Some(_) => format!("NOT TRACKED: payments in {}", self.coin),
            None => format!("Tracked again: payments in {}", self.coin),
        };
        let text = NodeText {
            coin: self.coin,
            trouble: self.trouble,
            since: self.since.for_people(),
            site_name: self.site_name,
        };
        let text = layout::fitted(&text.render()?);
        let day = now.day_start().get();
        let end = if self.trouble.is_some() { "doubt" } else { "well" };
        let name = format!("{}.{end}", self.since.get());
        let head = Message::builder()
            .from(format!("node@{DOMAIN}").parse()?)
            .to(self.seller.as_str().parse()?)
            .header(MIME_VERSION_1_0)
            .subject(&subject)
            .message_id(Some(format!("<node.{name}@{DOMAIN}>")))
            .date(
                std::time::UNIX_EPOCH
                    + std::time::Duration::from_secs(self.at.get().unsigned_abs()),
            );
        let message = match key {
            None => head.header(ContentType::TEXT_PLAIN).body(seal::body(&text))?,
            Some(key) => seal::sealed_message(head, key, &subject, &text, None, now)?,
        };
        let mut bytes = message.formatted();
        // Mail readers show the CR of a CRLF in a Maildir as ^M.
        bytes.retain(|byte| *byte != b'\r');
        Ok((format!("{day}.node_{name}.shop"), bytes))
    }
}
