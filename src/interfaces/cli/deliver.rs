//! `shop deliver`: takes the seller's replies from the mail program.

use std::io;
use std::io::Read;
use std::process::ExitCode;

use clap::{ArgAction, Args};

use crate::actions;
use crate::actions::{ApplyReplyError, Shop};
use crate::infra::config::Settings;
use crate::infra::mail::reply::{MOST_BYTES, addressed};
use crate::infra::mail::{Reply, Unreadable};
use crate::interfaces::cli::open;
use crate::interfaces::cli::output::say_error;

#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Deliver {
    /// Print help
    // Without `-h`, which is sendmail's own and means something else.
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// Sendmail's flags, then the recipient: order+REF@shop.invalid
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
struct DeliveryError {
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

async fn take(deliver: &Deliver, settings: &Settings) -> Result<(), DeliveryError> {
    let envelope = Envelope::parse(&deliver.arguments)
        .map_err(|words| DeliveryError { code: USAGE, words })?;
    if envelope.recipients.is_empty() && !envelope.reads_head {
        let words = "No recipient given. Use order+REF@shop.invalid".to_owned();
        return Err(DeliveryError { code: USAGE, words });
    }
    let letter = read_letter().map_err(|error| try_again(&error.into()))?;
    // A letter makes no shop: in the wrong folder there is none.
    open::require_shop(settings)
        .map_err(|error| DeliveryError { code: NO_SETTINGS, words: format!("{error:#}") })?;
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

async fn post(shop: &Shop, envelope: &Envelope, letter: &[u8]) -> Result<(), DeliveryError> {
    let now = open::now();
    let unreadable =
        |error: Unreadable| DeliveryError { code: UNREADABLE, words: error.to_string() };
    let mut recipients = envelope.recipients.clone();
    if envelope.reads_head {
        recipients.extend(addressed(letter).map_err(unreadable)?);
    }
    let own_key_ids = match shop.availability.seal(now) {
        Ok(Some(key)) => key.key_ids(),
        Ok(None) | Err(_) => Vec::new(),
    };
    let reply = Reply::parse(letter, &recipients, &own_key_ids).map_err(unreadable)?;
    let reply = reply.handed_over_on(now);
    match actions::apply_reply(shop, &reply, now).await {
        Ok(()) => Ok(()),
        Err(ApplyReplyError::Broken(error)) => Err(try_again(&error)),
        Err(unposted @ ApplyReplyError::Unchanged { .. }) => {
            Err(DeliveryError { code: UNREADABLE, words: nothing_was_sent(&unposted) })
        }
        Err(unposted @ (ApplyReplyError::NoOrder(_) | ApplyReplyError::NoReader(_))) => {
            Err(DeliveryError { code: NO_ORDER, words: nothing_was_sent(&unposted) })
        }
    }
}

fn nothing_was_sent(unposted: &ApplyReplyError) -> String {
    format!("{unposted}. Nothing was sent.")
}

fn try_again(error: &anyhow::Error) -> DeliveryError {
    let words =
        format!("The shop cannot accept the message now; nothing was sent. Try again: {error:#}");
    DeliveryError { code: TRY_AGAIN, words }
}

/// Flags of one letter with a value, which may stand by itself: sender, name, notices, kind of body, account, file, log,
/// number of hops, options. Sources: the manuals of sendmail, Postfix, Exim, msmtp and ssmtp.
const WITH_VALUE: &str = "fFrNRVBaCXhOLpD";

/// Flags of one letter without a value. `t`: the recipients stand in the letter's head.
const ALONE: &str = "tivmnGUdE";

/// msmtp's long flags that a value follows, behind `=` or by itself. They name a server, an account or a log: the letter
/// goes to the buyer's page, by no server.
const LONG_WITH_VALUE: [&str; 29] = [
    "account",
    "aliases",
    "allow-from-override",
    "dsn-notify",
    "dsn-return",
    "domain",
    "file",
    "from",
    "from-full-name",
    "host",
    "logfile-time-format",
    "maildomain",
    "passwordeval",
    "port",
    "protocol",
    "proxy-host",
    "proxy-port",
    "socket",
    "source-ip",
    "timeout",
    "tls-cert-file",
    "tls-crl-file",
    "tls-fingerprint",
    "tls-host-override",
    "tls-key-file",
    "tls-min-dh-prime-bits",
    "tls-priorities",
    "tls-trust-file",
    "user",
];

/// The same, where a value stands behind `=` only, or not at all.
const LONG_ALONE: [&str; 17] = [
    "add-missing-date-header",
    "add-missing-from-header",
    "auth",
    "auto-from",
    "debug",
    "keepbcc",
    "logfile",
    "read-envelope-from",
    "remove-bcc-headers",
    "set-date-header",
    "set-from-header",
    "set-msgid-header",
    "syslog",
    "tls",
    "tls-certcheck",
    "tls-starttls",
    "undisclosed-recipients",
];

/// What would not deliver the letter that lies on standard input.
const OTHER_WORK: [&str; 6] = ["configure", "help", "pretend", "rmqs", "serverinfo", "version"];

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
            let has_value = match flag.strip_prefix('-') {
                Some(long) => envelope.take_long(long)?,
                None => envelope.take_short(flag)?,
            };
            if has_value && words.next().is_none() {
                return Err(format!("{word} needs a value"));
            }
        }
        Ok(envelope)
    }

    /// Whether its value is the next word.
    fn take_short(&mut self, flag: &str) -> Result<bool, String> {
        let (letter, rest) = flag.split_at(flag.chars().next().map_or(0, char::len_utf8));
        match letter {
            _ if WITH_VALUE.contains(letter) => return Ok(rest.is_empty()),
            "o" | "A" if !rest.is_empty() => {}
            "b" if rest == "m" => {}
            "d" if rest.starts_with(|c: char| c.is_ascii_digit()) => {}
            _ if flag.chars().all(|letter| ALONE.contains(letter)) => {
                self.reads_head |= flag.contains('t');
            }
            "b" | "q" | "P" | "S" | "I" => return Err(no_delivery(&format!("-{flag}"))),
            _ => {
                return Err(format!("-{flag} is not a supported flag of sendmail or msmtp"));
            }
        }
        Ok(false)
    }

    /// The same, of a flag that is a word.
    fn take_long(&mut self, flag: &str) -> Result<bool, String> {
        let (name, value) =
            flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        if name == "read-recipients" {
            self.reads_head = true;
        } else if LONG_WITH_VALUE.contains(&name) {
            return Ok(value.is_none());
        } else if OTHER_WORK.contains(&name) {
            return Err(no_delivery(&format!("--{name}")));
        } else if !LONG_ALONE.contains(&name) {
            return Err(format!("--{name} is not a supported flag of sendmail or msmtp"));
        }
        Ok(false)
    }
}

fn no_delivery(flag: &str) -> String {
    format!("{flag} is not supported: this command only delivers messages")
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

    #[test]
    fn the_flags_of_msmtp_name_a_way_that_no_letter_takes() {
        check("-a shop -- a@b", Ok((&["a@b"], false)));
        check("-ashop -C /home/me/.msmtprc --host=localhost --port 25 a@b", Ok((&["a@b"], false)));
        check("--account=shop --file=.msmtprc -t", Ok((&[], true)));
        check("--account shop --read-recipients", Ok((&[], true)));
        check("--read-envelope-from --read-recipients c@d", Ok((&["c@d"], true)));
        check(
            "--tls --tls-certcheck=off --auth=on --user me --from=me@x a@b",
            Ok((&["a@b"], false)),
        );
        check("--from me@x -X /tmp/log --timeout=5 -d a@b", Ok((&["a@b"], false)));
        check("--keepbcc=on --syslog=LOG_MAIL -N never -O Timeout=1 a@b", Ok((&["a@b"], false)));
        check("--logfile=- -Am -oQ/tmp -h 3 a@b", Ok((&["a@b"], false)));
        for line in [
            "--account",
            "-a",
            "-P a@b",
            "--pretend a@b",
            "-S",
            "--serverinfo --host=x",
            "--version",
            "--hots=x",
            "--",
        ] {
            let expected = if line == "--" { Ok((&[][..], false)) } else { Err(()) };
            check(line, expected);
        }
        let words = |line: &str| Envelope::parse(&[line.to_owned()]).unwrap_err();
        assert!(words("--pretend").starts_with("--pretend is not supported"));
        assert!(words("--hots=x").starts_with("--hots is not a supported flag"));
        assert!(words("--account").starts_with("--account needs a value"));
    }
}
