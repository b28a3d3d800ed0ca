//! E-mail addresses.

/// The address of the seller's mail. It never leaves the host, so `root@localhost` is as good as any.
///
/// Shape: `local@domain`, at most 200 characters of ASCII without space, quotes and brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a mailbox has the form name@domain, for example root@localhost")]
pub struct NotAMailbox;

impl Mailbox {
    /// # Errors
    /// [`NotAMailbox`] for any other shape.
    pub fn parse(text: &str) -> Result<Self, NotAMailbox> {
        let text = text.trim();
        let (local, domain) = text.split_once('@').ok_or(NotAMailbox)?;
        let letters = |part: &str, more: &[u8]| {
            !part.is_empty()
                && !part.starts_with('.')
                && !part.ends_with('.')
                && !part.contains("..")
                && part.bytes().all(|byte| {
                    byte.is_ascii_alphanumeric() || byte == b'.' || more.contains(&byte)
                })
        };
        if 200 < text.len()
            || 64 < local.len()
            || !letters(local, b"+-_=~#$&'*!%")
            || !letters(domain, b"-")
        {
            return Err(NotAMailbox);
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_a_name_and_a_domain() {
        for text in ["root@localhost", "your@email.com", "a+b@shop.invalid"] {
            assert!(Mailbox::parse(text).is_ok(), "{text:?}");
        }
        for text in
            ["", "root", "@x", "a@", "a b@x", "a@x\r\nBcc: b@y", "<a@x>", "a@b@c", "ä@x", "a@.x"]
        {
            assert_eq!(Mailbox::parse(text), Err(NotAMailbox), "{text:?}");
        }
    }
}
