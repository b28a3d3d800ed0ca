use crate::actions;
use crate::actions::Shop;
use crate::actions::Unposted;
use crate::cli::open;
use crate::cli::say_error;
use crate::config::Settings;
use crate::mail::Reply;
use crate::mail::Unreadable;
use crate::mail::reply::MOST_BYTES;
use crate::mail::reply::addressed;
use clap::Args;
use std::io;
use std::io::Read;
use std::process::ExitCode;

#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Deliver {
    /// Sendmail's flags, then to whom: order+REF@shop.invalid
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS|RECIPIENT")]
    arguments: Vec<String>,
}

/// The settings cannot be read. Source of all five numbers: sysexits.h, which mutt puts into words.
pub const NO_SETTINGS: u8 = 78;
const USAGE: u8 = 64;
const UNREADABLE: u8 = 65;
const NO_ORDER: u8 = 67;
const TRY_AGAIN: u8 = 75;

/// Why a letter was not taken: one sentence, which mutt shows, and the number that says what to do about it.
struct Undelivered {
    code: u8,
    words: String,
}

/// Whom a letter is for, as sendmail is told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Envelope {
    recipients: Vec<String>,
    /// `-t`: those in the letter's head too.
    reads_head: bool,
}

pub async fn run(deliver: Deliver, settings: Settings) -> ExitCode {
    match take(&deliver, &settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(undelivered) => {
            say_error(&undelivered.words);
            ExitCode::from(undelivered.code)
        }
    }
}

async fn take(deliver: &Deliver, settings: &Settings) -> Result<(), Undelivered> {
    let envelope =
        Envelope::parse(&deliver.arguments).map_err(|words| Undelivered { code: USAGE, words })?;
    if envelope.recipients.is_empty() && !envelope.reads_head {
        let words = "To whom? Name a recipient: order+REF@shop.invalid".to_owned();
        return Err(Undelivered { code: USAGE, words });
    }
    let letter = read_letter().map_err(|error| try_again(&error.into()))?;
    // A letter makes no shop: in the wrong folder there is none.
    if !settings.database.is_file() {
        let words = format!("There is no shop here: {} is missing.", settings.database.display());
        return Err(Undelivered { code: NO_SETTINGS, words });
    }
    let shop = open::shop(settings).await.map_err(|error| try_again(&error))?;
    let posted = post(&shop, &envelope, &letter).await;
    shop.db.close().await;
    posted
}

/// Units: bytes that are taken from a mail program before it is refused: a letter with large pictures. What never ends is not
/// heard to its end.
const MOST_HEARD: u64 = 256 << 20;

/// The letter, or so much of it that it is seen to be too long.
fn read_letter() -> io::Result<Vec<u8>> {
    let mut letter = Vec::new();
    let mut stdin = io::stdin().lock();
    stdin.by_ref().take(MOST_BYTES as u64 + 1).read_to_end(&mut letter)?;
    // Whoever writes into a pipe that nobody reads hears of the pipe, and not of the reason.
    io::copy(&mut stdin.take(MOST_HEARD), &mut io::sink())?;
    Ok(letter)
}

async fn post(shop: &Shop, envelope: &Envelope, letter: &[u8]) -> Result<(), Undelivered> {
    let now = open::now();
    let unreadable = |error: Unreadable| Undelivered { code: UNREADABLE, words: error.to_string() };
    let mut recipients = envelope.recipients.clone();
    if envelope.reads_head {
        recipients.extend(addressed(letter).map_err(unreadable)?);
    }
    let own_key_ids = match shop.openness.seal(now) {
        Ok(Some(key)) => key.key_ids(),
        Ok(None) | Err(_) => Vec::new(),
    };
    let reply = Reply::parse(letter, &recipients, &own_key_ids).map_err(unreadable)?;
    let reply = reply.handed_over_on(now);
    match actions::post_reply(shop, &reply, now).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(unposted)) => Err(Undelivered {
            code: match unposted {
                Unposted::NoOrder(_) | Unposted::NoReader(_) => NO_ORDER,
                Unposted::Unchanged { .. } => UNREADABLE,
            },
            words: format!("{unposted}. Nothing was sent."),
        }),
        Err(error) => Err(try_again(&error)),
    }
}

fn try_again(error: &anyhow::Error) -> Undelivered {
    let words =
        format!("The shop cannot take the letter now; nothing was sent. Try again: {error:#}");
    Undelivered { code: TRY_AGAIN, words }
}

impl Envelope {
    /// Reads what mail programs tell sendmail. What concerns the way of a letter means nothing here: it has none.
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut envelope = Self::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let Some(flag) = word.strip_prefix('-').filter(|flag| !flag.is_empty()) else {
                envelope.recipients.push(word.clone());
                continue;
            };
            if flag == "-" {
                envelope.recipients.extend(words.by_ref().cloned());
                break;
            }
            let (letter, rest) = flag.split_at(flag.chars().next().map_or(0, char::len_utf8));
            match letter {
                // With a value, which may stand by itself: sender, name, notice, kind of body.
                "f" | "F" | "r" | "N" | "R" | "V" | "B" => {
                    if rest.is_empty() && words.next().is_none() {
                        return Err(format!("-{letter} needs a value"));
                    }
                }
                "o" if !rest.is_empty() => {}
                "b" if rest == "m" => {}
                _ if flag.bytes().all(|letter| b"tivmnGU".contains(&letter)) => {
                    envelope.reads_head |= flag.contains('t');
                }
                _ => return Err(format!("-{flag} is no flag that the shop knows from sendmail")),
            }
        }
        Ok(envelope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<(&[&str], bool), ()>) {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let found =
            Envelope::parse(&words).map(|envelope| (envelope.recipients, envelope.reads_head));
        let expected =
            expected.map(|(to, head)| (to.iter().map(|name| (*name).to_owned()).collect(), head));
        assert_eq!(found.map_err(|_| ()), expected, "{line:?}");
    }

    #[test]
    fn the_flags_of_sendmail_are_understood() {
        check("-- a@b c@d", Ok((&["a@b", "c@d"], false)));
        check("-oem -oi -f me@x -- a@b", Ok((&["a@b"], false)));
        check("-fme@x -i a@b", Ok((&["a@b"], false)));
        check("-ti", Ok((&[], true)));
        check("-oi -t -bm -F Seller -v", Ok((&[], true)));
        check("-B8BITMIME -N never -R hdrs a@b", Ok((&["a@b"], false)));
        check("-- -odd@x", Ok((&["-odd@x"], false)));
        for line in ["-bs", "-q", "-f", "-x a@b", "--help", "-o", "-é"] {
            check(line, Err(()));
        }
    }
}
