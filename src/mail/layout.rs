/// Columns of a terminal that is read without turning lines.
const WIDTH: usize = 76;

/// A buyer's words, each line behind a bar, so that none of them can pass for the shop's own or for a line of a mail
/// program.
pub fn barred(words: &str) -> Vec<String> {
    words
        .lines()
        .flat_map(|line| wrapped(line, WIDTH - 4))
        .map(|line| format!("  | {line}"))
        .collect()
}

/// A line of the bill: what it is on the left, what it costs on the right.
pub fn bill(left: &str, right: &str) -> Vec<String> {
    let mut lines = wrapped(left, WIDTH - 24);
    let last = lines.pop().unwrap_or_default();
    let gap = (WIDTH - 2).saturating_sub(width(&last) + width(right)).max(2);
    lines.push(format!("{last}{}{right}", " ".repeat(gap)));
    let hang = |(n, line): (usize, String)| {
        if n == 0 { format!("  {line}") } else { format!("    {line}") }
    };
    lines.into_iter().enumerate().map(hang).collect()
}

/// Breaks at spaces, and inside a word only where it alone is too long.
fn wrapped(line: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        let mut word = word.to_owned();
        loop {
            let current = lines.last_mut().expect("there is always a line");
            let space = usize::from(!current.is_empty());
            if width(current) + space + width(&word) <= most {
                if space == 1 {
                    current.push(' ');
                }
                current.push_str(&word);
                break;
            }
            if current.is_empty() {
                let cut = word.char_indices().nth(most).map_or(word.len(), |(at, _)| at);
                let rest = word.split_off(cut);
                current.push_str(&word);
                word = rest;
            }
            lines.push(String::new());
        }
    }
    lines
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bill_has_its_sums_on_the_right() {
        let [line] = bill("2 x Tea", "0.02 ETH").try_into().unwrap();
        assert!(line.starts_with("  2 x Tea ") && line.ends_with(" 0.02 ETH"));
        assert_eq!(width(&line), WIDTH);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal_and_no_letter_is_lost(text in "[a-z ]{0,300}") {
            let lines = barred(&text);
            prop_assert!(lines.iter().all(|line| width(line) <= WIDTH && line.starts_with("  | ")));
            let letters = |text: &str| text.chars().filter(|c| c.is_ascii_lowercase()).collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }
    }
}
