//! `shop deliver`: accepts the seller's replies from the mail program, in place of sendmail.

use std::io;
use std::io::Read;
use std::process::ExitCode;

use clap::{ArgAction, Args};

use crate::actions;
use crate::actions::{ApplyReplyError, Shop};
use crate::infra::config::Settings;
use crate::infra::mail::reply::{MAX_BYTES, addressed};
use crate::infra::mail::{Reply, ReplyError};
use crate::interfaces::cli::output::say_error;
use crate::interfaces::cli::shop_context;

#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct DeliverArgs {
    /// Print help
    // Without `-h`, which is sendmail's own and means something else.
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// Sendmail's flags, then the recipient: order+REF@shop.invalid
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS|RECIPIENT")]
    arguments: Vec<String>,
}

/// The settings cannot be read. Source of all five codes: sysexits.h, which mutt translates into text.
pub const NO_SETTINGS: u8 = 78;
const USAGE: u8 = 64;
const UNREADABLE: u8 = 65;
const NO_ORDER: u8 = 67;
const TRY_AGAIN: u8 = 75;

/// Why a message was not delivered: one sentence, which mutt shows, and an exit code.
struct DeliveryError {
    code: u8,
    message: String,
}

impl DeliveryError {
    fn new(code: u8, message: impl ToString) -> Self {
        Self { code, message: message.to_string() }
    }
}

/// The recipients, as sendmail gets them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Envelope {
    recipients: Vec<String>,
    /// `-t`: also those in the message's head.
    reads_head: bool,
}

pub async fn run(deliver: DeliverArgs, settings: Settings) -> ExitCode {
    match deliver_message(&deliver, &settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&error.message);
            ExitCode::from(error.code)
        }
    }
}

async fn deliver_message(deliver: &DeliverArgs, settings: &Settings) -> Result<(), DeliveryError> {
    let envelope = Envelope::parse(&deliver.arguments)
        .map_err(|message| DeliveryError::new(USAGE, message))?;
    if envelope.recipients.is_empty() && !envelope.reads_head {
        let message = "No recipient given. Use order+REF@shop.invalid";
        return Err(DeliveryError::new(USAGE, message));
    }
    let message = read_message().map_err(|error| try_again(&error.into()))?;
    // In the wrong folder there is no shop, and none is created.
    shop_context::require_shop(settings)
        .map_err(|error| DeliveryError::new(NO_SETTINGS, format!("{error:#}")))?;
    let shop = shop_context::shop(settings).await.map_err(|error| try_again(&error))?;
    let result = post(&shop, &envelope, &message).await;
    shop.db.close().await;
    result
}

/// Units: bytes that are read and discarded after [`MAX_BYTES`]: a message with large pictures. An endless one is not read to
/// its end.
const MAX_DRAINED: u64 = 256 << 20;

/// The message, or as much of it as shows that it is too long.
fn read_message() -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    let mut stdin = io::stdin().lock();
    stdin.by_ref().take(MAX_BYTES as u64 + 1).read_to_end(&mut message)?;
    // Otherwise the mail program would report a broken pipe instead of our error.
    io::copy(&mut stdin.take(MAX_DRAINED), &mut io::sink())?;
    Ok(message)
}

async fn post(shop: &Shop, envelope: &Envelope, message: &[u8]) -> Result<(), DeliveryError> {
    let now = shop_context::now();
    let unreadable = |error: ReplyError| DeliveryError::new(UNREADABLE, error);
    let mut recipients = envelope.recipients.clone();
    if envelope.reads_head {
        recipients.extend(addressed(message).map_err(unreadable)?);
    }
    let own_key_ids = match shop.availability.encryption_key(now) {
        Ok(Some(key)) => key.key_ids(),
        Ok(None) | Err(_) => Vec::new(),
    };
    let reply = Reply::parse(message, &recipients, &own_key_ids).map_err(unreadable)?;
    let reply = reply.handed_over_on(now);
    match actions::apply_reply(shop, &reply, now).await {
        Ok(()) => Ok(()),
        Err(ApplyReplyError::Broken(error)) => Err(try_again(&error)),
        Err(error @ ApplyReplyError::Unchanged { .. }) => {
            Err(DeliveryError::new(UNREADABLE, format!("{error}. Nothing was sent.")))
        }
        Err(error @ (ApplyReplyError::NoOrder(_) | ApplyReplyError::NoReader(_))) => {
            Err(DeliveryError::new(NO_ORDER, format!("{error}. Nothing was sent.")))
        }
    }
}

fn try_again(error: &anyhow::Error) -> DeliveryError {
    let message = "The shop cannot accept the message now; nothing was sent. Try again";
    DeliveryError::new(TRY_AGAIN, format!("{message}: {error:#}"))
}

/// One-letter flags with a value, which may be a separate argument: sender, name, notices, kind of body, account, file, log,
/// number of hops, options. Sources: the manuals of sendmail, Postfix, Exim, msmtp and ssmtp.
const WITH_VALUE: &str = "fFrNRVBaCXhOLpD";

/// One-letter flags without a value. `t`: the recipients are in the message's head.
const ALONE: &str = "tivmnGUdE";

/// msmtp's long flags with a value, after `=` or as a separate argument. They name a server, an account or a log, which do
/// not matter here: the message goes to the buyer's page.
const LONG_WITH_VALUE: &str = "\
    account aliases allow-from-override dsn-notify dsn-return domain file from from-full-name \
    host logfile-time-format maildomain passwordeval port protocol proxy-host proxy-port socket \
    source-ip timeout tls-cert-file tls-crl-file tls-fingerprint tls-host-override tls-key-file \
    tls-min-dh-prime-bits tls-priorities tls-trust-file user";

/// The same, with a value after `=` only, or none.
const LONG_ALONE: &str = "\
    add-missing-date-header add-missing-from-header auth auto-from debug keepbcc logfile \
    read-envelope-from remove-bcc-headers set-date-header set-from-header set-msgid-header \
    syslog tls tls-certcheck tls-starttls undisclosed-recipients";

/// Flags of msmtp that do something other than delivering the message on standard input.
const NOT_DELIVERY: &str = "configure help pretend rmqs serverinfo version";

impl Envelope {
    /// Parses the arguments that mail programs give to sendmail. Those about the transport are ignored.
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut envelope = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let Some(flag) = argument.strip_prefix('-').filter(|flag| !flag.is_empty()) else {
                envelope.recipients.push(argument.clone());
                continue;
            };
            if flag == "-" {
                envelope.recipients.extend(arguments.by_ref().cloned());
                break;
            }
            let has_value = match flag.strip_prefix('-') {
                Some(long) => envelope.parse_long(long)?,
                None => envelope.parse_short(flag)?,
            };
            if has_value && arguments.next().is_none() {
                return Err(format!("{argument} needs a value"));
            }
        }
        Ok(envelope)
    }

    /// Returns whether its value is the next argument.
    fn parse_short(&mut self, flag: &str) -> Result<bool, String> {
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
            _ => return Err(format!("-{flag} is not a supported flag of sendmail or msmtp")),
        }
        Ok(false)
    }

    /// The same for a long flag.
    fn parse_long(&mut self, flag: &str) -> Result<bool, String> {
        let (name, value) =
            flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        let is_in = |flags: &str| flags.split(' ').any(|flag| flag == name);
        if name == "read-recipients" {
            self.reads_head = true;
        } else if is_in(LONG_WITH_VALUE) {
            return Ok(value.is_none());
        } else if is_in(NOT_DELIVERY) {
            return Err(no_delivery(&format!("--{name}")));
        } else if !is_in(LONG_ALONE) {
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
    fn msmtps_flags_about_the_transport_are_ignored() {
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
