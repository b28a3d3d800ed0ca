//! The message that a node has failed or recovered.

use askama::Template;

use crate::domain::values::{Mailbox, Timestamp};
use crate::infra::mail::SellerKey;
use crate::infra::mail::order_message::Unwritable;
use crate::infra::mail::shop_message::ShopMessage;

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
        let end = if self.trouble.is_some() { "doubt" } else { "well" };
        let message = ShopMessage {
            about: "node",
            name: &format!("{}.{end}", self.since.get()),
            subject: &subject,
            text: &text.render()?,
            at: self.at,
            seller: self.seller,
        };
        message.write(key, now)
    }
}
