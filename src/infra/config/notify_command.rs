//! The seller's own program, as the setting `NOTIFY_COMMAND` names it.

use crate::infra::config::parsers::InvalidValue;

/// A program and its arguments.
///
/// Shape: words separated by spaces. No shell reads them, so what only a shell would understand is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyCommand {
    pub program: String,
    pub arguments: Vec<String>,
}

/// Units: bytes.
const MAX_BYTES: usize = 1_000;

impl NotifyCommand {
    /// # Errors
    /// `InvalidValue`, which says what belongs there.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let is_plain = |c: char| !c.is_control() && !"\"'`$|&;<>()\\".contains(c);
        let mut words = text.split_whitespace().map(str::to_owned);
        match words.next() {
            Some(program) if text.len() <= MAX_BYTES && text.trim().chars().all(is_plain) => {
                Ok(Self { program, arguments: words.collect() })
            }
            _ => Err(InvalidValue::from(
                "a program and its arguments, separated by spaces; quotes, pipes and variables belong in a script",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_split_at_spaces_and_no_shell_is_expected() {
        let read = |text: &str| {
            NotifyCommand::parse(text)
                .map(|command| (command.program, command.arguments.join("|")))
                .ok()
        };
        let of = |program: &str, arguments: &str| Some((program.to_owned(), arguments.to_owned()));
        assert_eq!(read("/usr/local/bin/notify"), of("/usr/local/bin/notify", ""));
        assert_eq!(read(" ./notify  --to  me "), of("./notify", "--to|me"));
        for text in ["", "  ", "echo 'new'", "notify | mail", "a; b", "echo $SHOP_TEXT", "a\nb"] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(read(&"a".repeat(1_001)), None);
    }
}
