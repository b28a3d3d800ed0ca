//! Messages to the seller that belong to no order.

use askama::Template;
use lettre::message::Message;
use lettre::message::header::{ContentType, MIME_VERSION_1_0};

use crate::domain::values::{Mailbox, Timestamp};
use crate::infra::mail::order_message::{DOMAIN, MessageError};
use crate::infra::mail::{SellerKey, layout, seal};

/// A message about one of the seller's nodes, or about siege mode.
pub struct ShopMessage<'a> {
    pub news: ShopNews<'a>,
    pub since: Timestamp,
    /// By the mailbox's clock.
    pub at: Timestamp,
    pub site_name: &'a str,
    pub seller: &'a Mailbox,
}

#[derive(Clone, Copy, Debug)]
pub enum ShopNews<'a> {
    Node {
        /// The display name of what is paid there: `Ethereum mainnet`.
        coin: &'a str,
        /// Why payments cannot be detected; `None`: the node has recovered.
        trouble: Option<&'a str>,
    },
    Siege {
        /// The id of the first order in siege mode: the messages of this siege mode are named after it.
        first: i64,
        news: SiegeNews,
    },
}

#[derive(Clone, Copy, Debug)]
pub enum SiegeNews {
    /// This many orders of an hour are not paid.
    Begun { n_orders: i64 },
    Over {
        /// Placed during the siege.
        n_orders: i64,
        /// Of those: reported or paid.
        n_reported: i64,
        /// Of those: orders whose messages were not delivered.
        n_held_back: i64,
    },
}

#[derive(Template)]
#[template(path = "mail/node.txt", escape = "none")]
struct NodeText<'a> {
    coin: &'a str,
    trouble: Option<&'a str>,
    since: String,
    site_name: &'a str,
}

#[derive(Template)]
#[template(path = "mail/siege.txt", escape = "none")]
struct SiegeText<'a> {
    news: SiegeNews,
    since: String,
    site_name: &'a str,
}

impl ShopMessage<'_> {
    /// The message's file name in the Maildir, and the message as stored there.
    ///
    /// # Errors
    /// [`MessageError`]
    pub fn write(
        &self,
        key: Option<&SellerKey>,
        now: Timestamp,
    ) -> Result<(String, Vec<u8>), MessageError> {
        let (topic, name) = self.topic_and_name();
        let subject = self.subject();
        let text = layout::fitted(&self.text()?);
        let since_1970 = std::time::Duration::from_secs(self.at.get().unsigned_abs());
        let head = Message::builder()
            .from(format!("{topic}@{DOMAIN}").parse()?)
            .to(self.seller.as_str().parse()?)
            .header(MIME_VERSION_1_0)
            .subject(subject.as_str())
            .message_id(Some(format!("<{topic}.{name}@{DOMAIN}>")))
            .date(std::time::UNIX_EPOCH + since_1970);
        let message = match key {
            None => head.header(ContentType::TEXT_PLAIN).body(seal::body(&text))?,
            Some(key) => seal::sealed_message(head, key, &subject, &text, None, now)?,
        };
        let day = now.day_start().get();
        Ok((format!("{day}.{topic}_{name}.shop"), seal::stored(&message)))
    }

    /// The name is unique among the messages of a topic.
    fn topic_and_name(&self) -> (&'static str, String) {
        let since = self.since.get();
        match self.news {
            ShopNews::Node { trouble: Some(_), .. } => ("node", format!("{since}.doubt")),
            ShopNews::Node { trouble: None, .. } => ("node", format!("{since}.well")),
            ShopNews::Siege { first, news: SiegeNews::Begun { .. } } => {
                ("siege", format!("{first}_begin"))
            }
            ShopNews::Siege { first, news: SiegeNews::Over { .. } } => {
                ("siege", format!("{first}_end"))
            }
        }
    }

    fn subject(&self) -> String {
        match self.news {
            ShopNews::Node { coin, trouble: Some(_) } => format!("NOT TRACKED: payments in {coin}"),
            ShopNews::Node { coin, trouble: None } => format!("Tracked again: payments in {coin}"),
            ShopNews::Siege { news: SiegeNews::Begun { .. }, .. } => {
                "Siege mode: many orders are not paid".to_owned()
            }
            ShopNews::Siege { news: SiegeNews::Over { .. }, .. } => "Siege mode is over".to_owned(),
        }
    }

    fn text(&self) -> Result<String, askama::Error> {
        let (since, site_name) = (self.since.for_people(), self.site_name);
        match self.news {
            ShopNews::Node { coin, trouble } => {
                NodeText { coin, trouble, since, site_name }.render()
            }
            ShopNews::Siege { news, .. } => SiegeText { news, since, site_name }.render(),
        }
    }
}
