//! The commands of the seller's replies.

use crate::domain::values::{Amount, Line, NotText};

/// A command of the seller for an order: a line that begins with `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Paid,
    /// The total received so far.
    Partial(Amount),
    /// With a tracking number; may be empty.
    Shipped(Line),
    Refunded(Refund),
    /// With a reason; may be empty.
    Cancel(Line),
}

/// A refund by the seller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// A transaction ID; may be empty.
    pub txid: Line,
    /// Whether it is recorded even if the shop knows of no payment.
    pub anyway: bool,
}

/// Each sentence is shown to the seller by their mail program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotACommand {
    #[error(
        "Unknown command on the first line. The commands are /paid, /partial 0.05, /shipped TRACKING, /refunded TXID and /cancel REASON."
    )]
    Unknown,
    #[error("/paid must be alone on its line. Write your message to the buyer on the next line.")]
    PaidAndMore,
    #[error(
        "/partial takes the total received so far, without the currency and with at most nine decimals, for example /partial 0.05."
    )]
    Amount,
    #[error("/partial needs an amount above 0.")]
    Nothing,
    #[error("Invalid text after the command: {0}.")]
    Argument(NotText),
    #[error("/refunded takes a transaction ID, or --anyway and a transaction ID.")]
    Flag,
}

/// The flag of `/refunded` for an order without a known payment.
const ANYWAY: &str = "--anyway";

/// Units: characters of a tracking number, a transaction id or a reason.
pub const MAX_ARGUMENT: usize = 300;

impl Command {
    /// `None` if the line does not begin with `/`.
    ///
    /// # Errors
    /// [`NotACommand`] says what is wrong, and which commands there are.
    pub fn parse(line: &str) -> Option<Result<Self, NotACommand>> {
        let line = line.trim().strip_prefix('/')?;
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let argument = || Line::parse(rest, MAX_ARGUMENT).map_err(NotACommand::Argument);
        Some(match word.to_ascii_lowercase().as_str() {
            "paid" if rest.is_empty() => Ok(Self::Paid),
            "paid" => Err(NotACommand::PaidAndMore),
            "partial" => match Amount::parse_coins(rest) {
                Ok(Amount::ZERO) => Err(NotACommand::Nothing),
                Ok(sum) => Ok(Self::Partial(sum)),
                Err(_) => Err(NotACommand::Amount),
            },
            "shipped" => argument().map(Self::Shipped),
            "refunded" => Refund::parse(rest).map(Self::Refunded),
            "cancel" => argument().map(Self::Cancel),
            _ => Err(NotACommand::Unknown),
        })
    }
}

impl Refund {
    /// The argument of `/refunded`.
    ///
    /// # Errors
    /// [`NotACommand`] says what is wrong.
    pub fn parse(rest: &str) -> Result<Self, NotACommand> {
        let rest = rest.trim();
        let (anyway, txid) = match rest.strip_prefix(ANYWAY) {
            Some(more) if more.is_empty() || more.starts_with([' ', '\t']) => (true, more.trim()),
            _ => (false, rest),
        };
        // A misspelt flag must not be shown to the buyer as a transaction.
        if txid.starts_with("--") {
            return Err(NotACommand::Flag);
        }
        let txid = Line::parse(txid, MAX_ARGUMENT).map_err(NotACommand::Argument)?;
        Ok(Self { txid, anyway })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<Result<Command, NotACommand>>) {
        assert_eq!(Command::parse(line), expected, "{line:?}");
    }

    fn line(text: &str) -> Line {
        Line::parse(text, MAX_ARGUMENT).unwrap()
    }

    #[test]
    fn a_command_is_one_of_five() {
        check("/paid", Some(Ok(Command::Paid)));
        check("  /PAID \t", Some(Ok(Command::Paid)));
        check("/partial 0.05", Some(Ok(Command::Partial(Amount::parse_coins("0.05").unwrap()))));
        check("/shipped  RR 12 DE", Some(Ok(Command::Shipped(line("RR 12 DE")))));
        check("/shipped", Some(Ok(Command::Shipped(line("")))));
        for (text, txid, anyway) in [
            ("/refunded", "", false),
            ("/Refunded 0xab", "0xab", false),
            ("/refunded --anyway", "", true),
            ("/refunded  --anyway  0xab", "0xab", true),
            ("/refunded anyway", "anyway", false),
        ] {
            let refund = Refund { txid: line(txid), anyway };
            check(text, Some(Ok(Command::Refunded(refund))));
        }
        check("/cancel sold out, sorry", Some(Ok(Command::Cancel(line("sold out, sorry")))));
    }

    #[test]
    fn words_are_no_command() {
        for text in ["", "paid", "I paid / you ship", "\\paid", "Thanks /paid"] {
            check(text, None);
        }
    }

    #[test]
    fn what_is_nearly_a_command_is_refused_in_words() {
        for text in ["/", "/pay", "/paid!", "//paid", "/ paid", "/home/me", "/cancelled x"] {
            check(text, Some(Err(NotACommand::Unknown)));
        }
        check("/paid thank you", Some(Err(NotACommand::PaidAndMore)));
        check("/partial 0", Some(Err(NotACommand::Nothing)));
        for text in ["/refunded --anywya", "/refunded --anyway2", "/refunded --anyway --anyway"] {
            check(text, Some(Err(NotACommand::Flag)));
        }
        for text in ["/partial", "/partial 0,05", "/partial 0.05 ETH", "/partial -1"] {
            check(text, Some(Err(NotACommand::Amount)));
        }
        check(
            "/cancel a\u{202e}b",
            Some(Err(NotACommand::Argument(NotText::Invisible('\u{202e}')))),
        );
        let long = format!("/shipped {}", "x".repeat(301));
        check(&long, Some(Err(NotACommand::Argument(NotText::TooLong { most: MAX_ARGUMENT }))));
    }

    proptest! {
        #[test]
        fn no_line_panics(text in ".*") {
            let _ = Command::parse(&text);
            let _ = Command::parse(&format!("/{text}"));
        }
    }
}
