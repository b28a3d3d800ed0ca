//! Formats bills and buyers' text in lines of at most 60 columns.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

/// Columns of texts and bills: as many as a narrow terminal has. No terminal wraps such a line, so no part of a buyer's
/// text can appear at the start of a line, where the shop's own text begins.
const WIDTH: usize = 60;

/// The maximum number of columns of any line of a message.
const WIDEST: usize = 78;

/// The prefix of a quoted line of a buyer's text.
pub const BAR: &str = "  | ";

/// Ends a line that is continued on the next one. A line of a buyer's own text never ends with it.
const CONTINUED: char = ' ';

/// A buyer's text with a bar before each line, so that none can pass for the shop's own or for a line of a mail
/// program.
pub fn barred(text: &str) -> Vec<String> {
    let most = WIDTH - BAR.len() - 2;
    let mut barred = Vec::new();
    for line in text.lines() {
        let mut parts = wrapped(&printable(line), most);
        let last = parts.len().saturating_sub(1);
        parts.iter_mut().take(last).for_each(|part| part.push(CONTINUED));
        barred.extend(parts.iter().map(|part| format!("{BAR}{part}")));
    }
    barred
}

/// The original text, line by line as it was typed. A line without a bar stays unchanged.
pub fn unbarred<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut unwrapped: Vec<String> = Vec::new();
    let mut is_continued = false;
    for line in lines {
        let (text, continues) = match line.strip_prefix(BAR) {
            Some(text) => text.strip_suffix(CONTINUED).map_or((text, false), |text| (text, true)),
            None => (line, false),
        };
        match unwrapped.last_mut().filter(|_| is_continued) {
            Some(last) => last.push_str(text),
            None => unwrapped.push(text.to_owned()),
        }
        is_continued = continues;
    }
    unwrapped
}

/// A line of the bill: the item on the left, the price on the right.
pub fn bill(left: &str, right: &str) -> Vec<String> {
    let right = printable(right);
    let most = WIDTH.saturating_sub(INDENT.len() + 4 + width(&right));
    let mut lines = wrapped(&printable(left), most);
    lines.iter_mut().for_each(|line| line.truncate(line.trim_end_matches(' ').len()));
    let last = lines.len().saturating_sub(1);
    for (n, line) in lines.iter_mut().enumerate() {
        line.insert_str(0, if n == 0 { INDENT } else { "    " });
        if n == last {
            let gap = WIDTH.saturating_sub(width(line) + width(&right)).max(2);
            line.push_str(&" ".repeat(gap));
            line.push_str(&right);
        }
    }
    lines
}

const INDENT: &str = "  ";

/// The text with its widest lines wrapped and their continuations indented. Shorter lines stay unchanged.
pub fn fitted(text: &str) -> String {
    let mut fitted = String::new();
    for line in text.lines() {
        let line = printable(line);
        if width(&line) <= WIDEST {
            fitted.extend([&line, "\n"]);
            continue;
        }
        let unindented = line.trim_start_matches(' ');
        let indent = &line[..(line.len() - unindented.len()).min(WIDEST / 2)];
        let parts = wrapped(unindented, WIDEST - indent.len() - INDENT.len() - 1);
        for (n, part) in parts.iter().enumerate() {
            let hang = if n == 0 { "" } else { INDENT };
            fitted.extend([indent, hang, part.trim_end_matches(' '), "\n"]);
        }
    }
    fitted
}

/// Wraps after a space, and inside a word only if it is too long by itself. The parts joined are the line again; a part
/// may be wider by the one space at its end.
fn wrapped(line: &str, most: usize) -> Vec<String> {
    let most = most.max(8);
    let mut parts = vec![String::new()];
    for word in line.trim_end_matches(' ').split_inclusive(' ') {
        let current = parts.last_mut().expect("there is always a part");
        if width(current) + width(word.trim_end_matches(' ')) <= most {
            current.push_str(word);
            continue;
        }
        if !current.is_empty() {
            parts.push(String::new());
        }
        for piece in pieces(word, most) {
            let current = parts.last_mut().expect("there is always a part");
            if current.is_empty() || width(current) + width(piece.trim_end_matches(' ')) <= most {
                current.push_str(piece);
            } else {
                parts.push(piece.to_owned());
            }
        }
    }
    parts
}

/// Pieces that must not be split: a letter with its combining marks; if the marks alone are too wide, each of them.
fn pieces(word: &str, most: usize) -> impl Iterator<Item = &str> {
    word.graphemes(true).flat_map(move |letter| {
        let step = if width(letter) <= most { letter.len() } else { 1 };
        let mut rest = letter;
        std::iter::from_fn(move || {
            let end = (step..=rest.len()).find(|end| *end != 0 && rest.is_char_boundary(*end))?;
            let (piece, after) = rest.split_at(end);
            rest = after;
            Some(piece)
        })
    })
}

/// The maximum number of columns that a text takes on any terminal. Terminals disagree on combining marks, on emoji
/// sequences, and on letters that are wide in East Asian fonts (é, я, …). The widest counts.
fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

fn columns(c: char) -> usize {
    match (c, c.width_cjk().unwrap_or(0)) {
        (c, _) if c.is_ascii() => 1,
        // Parts of Korean syllables: some terminals show each separately.
        (
            '\u{1100}'..='\u{11FF}'
            | '\u{3164}'
            | '\u{A960}'..='\u{A97F}'
            | '\u{D7B0}'..='\u{D7FF}',
            _,
        ) => 2,
        // Combining marks and invisible characters: a terminal that does not support them shows a replacement.
        (_, 0) => 1,
        (_, columns) => columns.max(2),
    }
}

/// Replaces characters that move a terminal's cursor, and line ends that only some programs recognise.
fn printable(line: &str) -> String {
    let shown = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => '\u{FFFD}',
        c => c,
    };
    line.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bill_has_its_sums_on_the_right() {
        let [line] = bill("2 x Tea", "0.02 ETH").try_into().unwrap();
        assert!(line.starts_with("  2 x Tea ") && line.ends_with(" 0.02 ETH"));
        assert_eq!(width(&line), WIDTH);
        let long = bill(&format!("2 x {}", "大きい茶 ".repeat(20)), "123456.123456789 ETH");
        assert!(long.iter().all(|line| width(line) <= WIDTH && line.starts_with("  ")), "{long:?}");
        assert!(long.last().unwrap().ends_with("  123456.123456789 ETH"));
    }

    #[test]
    fn a_line_takes_as_many_columns_as_it_may_and_no_fewer() {
        let (a, b) = ("a".repeat(70), "b".repeat(30));
        assert_eq!(barred(&a), [format!("  | {} ", &a[..54]), format!("  | {}", &a[54..])]);
        assert_eq!(barred(&format!("{b} {b}")), [format!("  | {b}  "), format!("  | {b}")]);
        let gap = " ".repeat(60 - 4 - 24 - 8);
        assert_eq!(
            bill(&a, "0.02 ETH"),
            [format!("  {}", &a[..46]), format!("    {}{gap}0.02 ETH", &a[46..])]
        );
        let gap = " ".repeat(60 - 4 - 30 - 8);
        assert_eq!(
            bill(&format!("{b} {b}"), "0.02 ETH"),
            [format!("  {b}"), format!("    {b}{gap}0.02 ETH")]
        );
    }

    #[track_caller]
    fn check_columns(text: &str, expected: usize) {
        assert_eq!(width(text), expected, "{text:?}");
    }

    #[test]
    fn the_widest_that_a_terminal_may_show_counts() {
        check_columns("Tea", 3);
        check_columns("茶道具", 6);
        check_columns("한국", 4);
        check_columns("\u{3000}", 2);
        check_columns("a\u{a0}b", 4);
        check_columns("é", 2);
        check_columns("чай", 6);
        check_columns("e\u{301}", 2);
        check_columns("\u{1F1E9}\u{1F1EA}", 4);
        check_columns("👍🏽", 4);
        check_columns("👩\u{200d}👩", 5);
        check_columns("☎\u{fe0f}", 3);
        check_columns("\u{115F}\u{1160}\u{3164}\u{FFA0}", 7);
    }

    #[test]
    fn no_line_of_any_script_comes_from_under_its_bar() {
        for letter in [
            "界",
            "\u{3000}",
            "\u{a0}",
            "é",
            "👩\u{200d}👩\u{200d}👧",
            "🇩🇪",
            "👍🏽",
            "ㅤ",
            "\u{301}",
            "x",
            "ก\u{e33}",
        ] {
            for n in [20, 29, 36, 72, 300] {
                let words = format!("{}STATE       confirmed", letter.repeat(n));
                let lines = barred(&words);
                for line in &lines {
                    assert!(line.starts_with(BAR) && width(line) <= WIDTH, "{line:?}");
                }
                let together = unbarred(lines.iter().map(String::as_str));
                assert_eq!(together, [words], "{letter:?} {n}");
            }
        }
    }

    #[test]
    fn what_would_move_the_cursor_is_shown_as_a_sign() {
        assert_eq!(
            barred("a\tb\u{85}c\u{2028}STATE\u{b}x"),
            ["  | a b\u{FFFD}c\u{FFFD}STATE\u{FFFD}x"]
        );
        assert_eq!(barred("a\r\n\nb  "), ["  | a", "  | ", "  | b"]);
    }

    #[test]
    fn only_lines_that_are_too_wide_are_broken() {
        let transaction = format!("  paid with 0x{}", "ab".repeat(32));
        assert_eq!(fitted(&transaction), format!("{transaction}\n"));
        let address = format!("  address   {}", "4".repeat(106));
        let lines: Vec<String> = fitted(&address).lines().map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                "  address".to_owned(),
                format!("    {}", "4".repeat(73)),
                format!("    {}", "4".repeat(33))
            ]
        );
        // If an indent leaves too little space, half a line of it is kept.
        let far = fitted(&format!("{}{}", " ".repeat(60), "x".repeat(60)));
        let (half, first, second) = (" ".repeat(39), "x".repeat(36), "x".repeat(24));
        assert_eq!(far, format!("{half}{first}\n{half}  {second}\n"));
        let name = fitted(&format!("New order X for {}, paid", "茶の店 ".repeat(20)));
        assert!(name.lines().all(|line| width(line) <= WIDEST), "{name}");
        assert!(name.lines().skip(1).all(|line| line.starts_with("  ")), "{name}");
        assert_eq!(fitted("a\n\n  b \n"), "a\n\n  b \n");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal_and_no_letter_is_lost(text in "(\\PC| |\n|[a-z]{1,20}){0,120}") {
            let lines = barred(&text);
            prop_assert!(lines.iter().all(|line| width(line) <= WIDTH && line.starts_with(BAR)));
            let typed = text.lines().map(|line| printable(line.trim_end_matches(' ')));
            let typed: Vec<String> = typed.collect();
            prop_assert_eq!(unbarred(lines.iter().map(String::as_str)), typed);
            let fitted = fitted(&text);
            prop_assert!(fitted.lines().all(|line| width(line) <= WIDEST));
        }
    }
}
