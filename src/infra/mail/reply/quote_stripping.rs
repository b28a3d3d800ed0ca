//! Separates the seller's own text from quoted text.

use crate::infra::mail::reply::error::ReplyError;
use crate::infra::mail::reply::lines::ReplyLine;
use crate::infra::mail::stored_message::{ACTIONS, ADDRESS, NOTE};

/// The seller's own text: without quoted lines and their attribution line, without a signature, and without an older
/// message at the end.
///
/// # Errors
/// [`ReplyError`] if it contains something that no buyer should be sent.
pub fn quoted_text_removed(lines: &[ReplyLine]) -> Result<String, ReplyError> {
    let mut lines = lines.to_vec();
    mark_indented_quotes(&mut lines);
    let lines = lines.as_slice();
    let mut own: Vec<&str> = Vec::new();
    let mut in_signature = false;
    let mut after_quote = false;
    for (n, line) in lines.iter().enumerate() {
        let text = line.text.as_str();
        if line.is_quoted {
            drop_lead_in(&mut own);
            in_signature = false;
            after_quote = true;
            continue;
        }
        if is_forward_mark(text) {
            return Err(ReplyError::Forwarded);
        }
        if is_older_message(&lines[n..]) {
            break;
        }
        // Also without its trailing space: a name below it should not reach the buyer.
        in_signature |= text == "-- " || text == "--";
        if in_signature || (after_quote && text.trim().is_empty()) {
            continue;
        }
        if after_quote && !own.is_empty() {
            own.push("");
        }
        after_quote = false;
        own.push(text.trim_end());
    }
    if own.iter().any(|line| is_of_an_order_mail(line)) {
        return Err(ReplyError::Forwarded);
    }
    if let Some(name) = own.windows(2).find_map(|pair| uuencoded(pair[0], pair[1])) {
        return Err(ReplyError::Attachment(super::shown(name)));
    }
    Ok(own.join("\n").trim().to_owned())
}

/// Some programs quote with a tab or a bar: mailx, and mutt if configured so. Such lines are a quote if they follow an
/// attribution line, or if they are from the shop's own message; otherwise they are the seller's list or table.
fn mark_indented_quotes(lines: &mut [ReplyLine]) {
    for indent in ['\t', '|'] {
        let mut start = 0;
        while start < lines.len() {
            let n_lines =
                lines[start..].iter().take_while(|line| line.text.starts_with(indent)).count();
            if n_lines == 0 {
                start += 1;
                continue;
            }
            let block = start..start + n_lines;
            let above: Vec<&str> = lines[..start]
                .iter()
                .rev()
                .map(|line| line.text.trim())
                .skip_while(|text| text.is_empty())
                .take(2)
                .collect();
            let is_led_in = match above.as_slice() {
                [last, before] => leads_in(last) || leads_in(&format!("{before} {last}")),
                [last] => leads_in(last),
                _ => false,
            };
            let is_ours = lines[block.clone()]
                .iter()
                .any(|line| is_of_an_order_mail(line.text.trim_start_matches(indent)));
            let continues = lines[..start]
                .iter()
                .rfind(|line| !line.text.trim().is_empty())
                .is_some_and(|line| line.is_quoted && line.text.starts_with(indent));
            if is_led_in || is_ours || continues {
                lines[block].iter_mut().for_each(|line| line.is_quoted = true);
            }
            start += n_lines;
        }
    }
}

/// Verbs of "On … somebody wrote:", in the languages of common mail programs.
const WROTE: [&str; 30] = [
    "wrote",
    "writes",
    "schrieb",
    "escribió",
    "escribio",
    "escribe",
    "a écrit",
    "a ecrit",
    "ha scritto",
    "escreveu",
    "schreef",
    "skrev",
    "kirjoitti",
    "napisał",
    "napisał(a)",
    "pisze",
    "napsal",
    "napsal(a)",
    "napísal",
    "írta",
    "a scris",
    "yazdı",
    "пишет",
    "писал",
    "написал",
    "написав",
    "έγραψε",
    "写道",
    "のメール",
    "님이 작성",
];

/// How an attribution line that is split in two begins.
const ON: [&str; 13] = [
    "On ", "Am ", "Le ", "El ", "Il ", "Em ", "Op ", "Den ", "Dnia ", "W dniu ", "Dne ", "В ", "* ",
];

/// Removes the attribution line of a quote, which may be split into three, from the end of the seller's own text.
fn drop_lead_in(own: &mut Vec<&str>) {
    while own.last().is_some_and(|line| line.trim().is_empty()) {
        own.pop();
    }
    for n in 1..=3.min(own.len()) {
        let start = own.len() - n;
        if own[start].trim().is_empty() {
            return;
        }
        if leads_in(&own[start..].join(" ")) {
            let is_begun_above = start
                .checked_sub(1)
                .is_some_and(|above| is_beginning(own[above]) && !is_beginning(own[start]));
            own.truncate(if is_begun_above { start - 1 } else { start });
            while own.last().is_some_and(|line| line.trim().is_empty()) {
                own.pop();
            }
            return;
        }
    }
}

fn leads_in(line: &str) -> bool {
    let line = line.trim().to_lowercase();
    let Some(line) = line.strip_suffix([':', '：']) else { return false };
    let has_verb = || {
        WROTE.iter().any(|verb| {
            line.match_indices(verb).any(|(at, _)| {
                let begins_word = !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
                let ends_word =
                    !line[at + verb.len()..].starts_with(|c: char| c.is_ascii_alphanumeric());
                begins_word && ends_word
            })
        })
    };
    let names_somebody = line.contains('@') || line.contains(|c: char| c.is_ascii_digit());
    line.contains("@shop.invalid") || (names_somebody && has_verb())
}

fn is_beginning(line: &str) -> bool {
    ON.iter().any(|on| line.trim_start().starts_with(on))
        && line.contains(|c: char| c.is_ascii_digit())
}

/// Text inside a line of dashes. Written by mutt, Thunderbird, Gmail, Apple Mail and similar programs.
const FORWARDED: [&str; 11] = [
    "forwarded message",
    "forwarded mail",
    "weitergeleitet",
    "transféré",
    "transmis",
    "réexpédié",
    "reenviado",
    "inoltrato",
    "doorgestuurd",
    "encaminhada",
    "пересыл",
];

const ORIGINAL: [&str; 9] = [
    "original message",
    "original-nachricht",
    "ursprüngliche nachricht",
    "message d'origine",
    "mensaje original",
    "messaggio originale",
    "oorspronkelijk bericht",
    "mensagem original",
    "исходное сообщение",
];

fn is_forward_mark(line: &str) -> bool {
    let line = line.trim();
    line == "Begin forwarded message:" || is_in_dashes(line, &FORWARDED)
}

fn is_in_dashes(line: &str, marks: &[&str]) -> bool {
    let inner = line.trim_matches('-');
    line.starts_with("-----") && {
        let inner = inner.trim().to_lowercase();
        marks.iter().any(|mark| inner.contains(mark))
    }
}

/// Whether an older message begins here that is not quoted line by line: nothing from here on is the seller's own text.
fn is_older_message(lines: &[ReplyLine]) -> bool {
    let Some(first) = lines.first().map(|line| line.text.trim()) else { return false };
    if is_in_dashes(first, &ORIGINAL) {
        return true;
    }
    let is_rule = 20 <= first.len() && first.bytes().all(|byte| byte == b'_');
    if is_rule {
        let next = lines[1..].iter().find(|line| !line.text.trim().is_empty());
        return next.is_some_and(|line| begins_with(&line.text, &FROM));
    }
    if !begins_with(first, &FROM) {
        return false;
    }
    let n_fields =
        lines[1..].iter().take(6).filter(|line| begins_with(&line.text, &FIELDS)).count();
    2 <= n_fields
}

const FROM: [&str; 6] = ["from:", "von:", "de :", "de:", "da:", "van:"];
const FIELDS: [&str; 22] = [
    "sent:",
    "date:",
    "to:",
    "subject:",
    "cc:",
    "gesendet:",
    "datum:",
    "an:",
    "betreff:",
    "envoyé :",
    "envoyé:",
    "date :",
    "à :",
    "à:",
    "objet :",
    "objet:",
    "enviado:",
    "para:",
    "asunto:",
    "inviato:",
    "oggetto:",
    "onderwerp:",
];

fn begins_with(line: &str, names: &[&str]) -> bool {
    // Some programs put the field names between asterisks, for bold.
    let line = line.trim().trim_start_matches('*').to_lowercase().replace(":*", ":");
    names.iter().any(|name| line.starts_with(name))
}

/// Whether a line is from the shop's message about an order: it would show the buyer's own address and note on a page.
/// See `templates/mail/order.txt` and `mail/layout.rs`.
fn is_of_an_order_mail(line: &str) -> bool {
    let text = line.trim();
    let is_indented = line.starts_with([' ', '\t']);
    (is_indented && (text.starts_with("| ") || text == "|"))
        // The last ones are from messages of older versions.
        || text.starts_with("Lines after a bar ( | ) were written by the buyer")
        || text.starts_with("Lines behind a bar ( | ) are the buyer's words")
        || [ADDRESS, NOTE, ACTIONS].as_flattened().contains(&text)
        || text.starts_with("X-Shop-Order:")
        || (is_indented && text.starts_with("shop orders "))
}

/// The name of a uuencoded file in the text.
/// Source: POSIX, `uuencode`.
fn uuencoded<'a>(line: &'a str, next: &str) -> Option<&'a str> {
    let (mode, name) = line.strip_prefix("begin ")?.split_once(' ')?;
    let is_mode =
        (3..=4).contains(&mode.len()) && mode.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    // A full line of 45 bytes has 61 characters and begins with M; the last one is shorter.
    let is_data = !next.is_empty() && next.bytes().all(|byte| (0x20..=0x60).contains(&byte));
    (is_mode && is_data).then_some(name)
}
