//! File names in a Maildir, as mail programs change them.

/// The file name of a message in a Maildir, as the shop gave it or as a mail program has changed it.
///
/// Shape: `NAME[,KEY=VALUE]…[:2,FLAGS]`. The shop's own names contain only letters, digits, `.` and `_`.
/// Sources: <https://cr.yp.to/proto/maildir.html>; `,U=7` is mbsync's; `,S=12` and `,W=13` are Maildir++ as written by
/// Dovecot; lowercase flags are keywords of Dovecot and mbsync. If a file system does not allow `:`, programs write `;`
/// or `!`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageName<'a> {
    /// The part that mail programs do not change.
    base: &'a str,
    flags: &'a str,
}

const SEPARATORS: [char; 3] = [':', ';', '!'];

impl<'a> MessageName<'a> {
    /// Every file name can be parsed; one without a valid suffix has no flags.
    pub fn parse(file_name: &'a str) -> Self {
        let end = file_name.find(|c| c == ',' || SEPARATORS.contains(&c));
        let (base, rest) = file_name.split_at(end.unwrap_or(file_name.len()));
        // Flags begin after the last separator. `1,` marks experimental semantics.
        let flags = rest.rsplit_once(SEPARATORS).and_then(|(_, info)| info.strip_prefix("2,"));
        let flags = flags.and_then(|flags| flags.split(',').next()).unwrap_or_default();
        Self { base, flags }
    }

    pub fn base(&self) -> &'a str {
        self.base
    }

    /// Whether a mail program has shown the message.
    pub fn is_seen(&self) -> bool {
        self.flags.contains('S')
    }

    /// The reference of the order that one of the shop's messages is about; also works for a draft.
    pub fn order_ref(&self) -> Option<&'a str> {
        let mut parts = self.base.split('.').skip(1);
        let (order_ref, _) = parts.next()?.split_once('_')?;
        (parts.next() == Some("shop")).then_some(order_ref)
    }

    /// When the message was written, in Unix seconds: names begin with it.
    pub fn seconds(&self) -> Option<i64> {
        self.base.split('.').next()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE: &str = "1763683200.AAAAAAAAAA_0.shop";

    #[track_caller]
    fn check(tail: &str, is_seen: bool) {
        let name = format!("{BASE}{tail}");
        let name = MessageName::parse(&name);
        assert_eq!((name.base(), name.is_seen()), (BASE, is_seen), "{tail:?}");
        assert_eq!(name.order_ref(), Some("AAAAAAAAAA"), "{tail:?}");
        assert_eq!(name.seconds(), Some(1_763_683_200), "{tail:?}");
    }

    #[test]
    fn a_name_is_read_whatever_a_mail_program_has_added() {
        for unseen in [
            "",
            ":2,",
            ":2,F",
            ":2,T",
            ":2,a",
            ",U=7",
            ",U=7:2,",
            ",S=12:2,",
            ",S=12,W=13",
            ",S=12,W=13:2,FR",
            ":1,S",
            ":1,",
            ";2,",
            "!2,P",
            ",U=7,FMD5=7e33429f656f1e6e9d79b29c3f82c57e:2,",
            ":2,as",
            ":",
            ":2",
            ",S=12:2,,S",
        ] {
            check(unseen, false);
        }
        for seen in [
            ":2,S",
            ":2,FS",
            ":2,SF",
            ":2,Sa",
            ":2,aS",
            ":2,FRSabz",
            ",U=7:2,S",
            ",S=12:2,S",
            ",S=12,W=13:2,S",
            ",W=13,S=12:2,RS",
            ",U=7,S=12:2,Sz",
            ";2,S",
            "!2,S",
            ",U=7;2,S",
            ",U=7!2,FS",
            ":2,S,U=7",
            ",U=7,FMD5=7e33429f656f1e6e9d79b29c3f82c57e:2,S",
        ] {
            check(seen, true);
        }
    }

    #[test]
    fn other_names_are_no_orders() {
        for name in [
            "",
            "1763683200.M1P2.host:2,S",
            "1763683200.M1P2Q3.host,S=12:2,S",
            "1763683200.12345_1.host",
            "dovecot.index.log",
            ":2,S",
            "é,ü:2,é",
        ] {
            assert_eq!(MessageName::parse(name).order_ref(), None, "{name:?}");
        }
        assert_eq!(MessageName::parse("1763683200,U=7:2,S").seconds(), Some(1_763_683_200));
        assert_eq!(MessageName::parse("1.AAAAAAAAAA_0.shop.17.0").order_ref(), Some("AAAAAAAAAA"));
    }

    proptest! {
        #[test]
        fn whatever_is_added_the_message_stays_the_same(name in "[0-9A-Za-z._]{1,30}", tail in "([,:;!][ -~é]{0,20})?") {
            let changed = format!("{name}{tail}");
            prop_assert_eq!(MessageName::parse(&changed).base(), &name);
        }
    }
}
