//! Which part of a file a request asks for (RFC 9110, section 14).

use actix_web::http::header;
use actix_web::http::header::HeaderMap;

/// What to answer a request for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeRequest {
    Whole,
    /// The first and the last byte of a part.
    Part(u64, u64),
    /// No byte of the file is asked for.
    Unsatisfiable,
    /// The client wants to continue a download of another version.
    Changed,
}

/// The part of a file of `size` bytes that a request asks for. `tag`: the file's entity tag, in quotes.
///
/// A request for several parts gets the whole file, as does one that would continue another version (`If-Range`).
pub fn requested_range(headers: &HeaderMap, size: u64, tag: &str) -> RangeRequest {
    let value = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if value(header::IF_MATCH)
        .is_some_and(|tags| tags.trim() != "*" && !tags.split(',').any(|one| one.trim() == tag))
    {
        return RangeRequest::Changed;
    }
    // A date cannot be compared: the shop sends none.
    if value(header::IF_RANGE).is_some_and(|condition| condition.trim() != tag) {
        return RangeRequest::Whole;
    }
    value(header::RANGE).map_or(RangeRequest::Whole, |range| parse(range, size))
}

fn parse(range: &str, size: u64) -> RangeRequest {
    let Some(range) = range.trim().strip_prefix("bytes=") else { return RangeRequest::Whole };
    let Some((first, last)) = range.trim().split_once('-') else { return RangeRequest::Whole };
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let (first, last) = (first.trim(), last.trim());
    match (number(first), number(last)) {
        (Some(first), None) if last.is_empty() && first < size => {
            RangeRequest::Part(first, size - 1)
        }
        (Some(first), Some(last)) if first <= last && first < size => {
            RangeRequest::Part(first, last.min(size - 1))
        }
        // The last bytes.
        (None, Some(n)) if first.is_empty() && 0 < n && 0 < size => {
            RangeRequest::Part(size.saturating_sub(n), size - 1)
        }
        (Some(_), None) if last.is_empty() => RangeRequest::Unsatisfiable,
        (Some(first), Some(last)) if first <= last => RangeRequest::Unsatisfiable,
        (None, Some(_)) if first.is_empty() => RangeRequest::Unsatisfiable,
        _ => RangeRequest::Whole,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const TAG: &str = "\"abc\"";

    #[track_caller]
    fn check(sent: &[(HeaderName, &'static str)], size: u64, expected: RangeRequest) {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.insert(name.clone(), HeaderValue::from_static(value));
        }
        assert_eq!(requested_range(&headers, size, TAG), expected, "{sent:?}");
    }

    #[test]
    fn one_part_of_a_file_is_read_from_a_range() {
        use RangeRequest::{Part, Unsatisfiable, Whole};
        check(&[], 10, Whole);
        for (range, expected) in [
            ("bytes=0-", Part(0, 9)),
            ("bytes=3-", Part(3, 9)),
            ("bytes=3-5", Part(3, 5)),
            ("bytes=3-99", Part(3, 9)),
            ("bytes=-4", Part(6, 9)),
            ("bytes=-99", Part(0, 9)),
            ("bytes=9-9", Part(9, 9)),
            ("bytes=10-", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=10-12", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=5-3", Whole),
            ("bytes=0-1,3-4", Whole),
            ("bytes=a-b", Whole),
            ("bytes=", Whole),
            ("items=0-1", Whole),
            ("bytes=+1-", Whole),
        ] {
            check(&[(header::RANGE, range)], 10, expected);
        }
        check(&[(header::RANGE, "bytes=0-")], 0, Unsatisfiable);
    }

    #[test]
    fn another_version_is_not_continued() {
        let range = (header::RANGE, "bytes=3-");
        let part = RangeRequest::Part(3, 9);
        check(&[range.clone(), (header::IF_RANGE, TAG)], 10, part);
        check(&[range.clone(), (header::IF_RANGE, "\"old\"")], 10, RangeRequest::Whole);
        check(&[range.clone(), (header::IF_RANGE, "W/\"abc\"")], 10, RangeRequest::Whole);
        let date = "Sat, 21 Nov 2026 06:17:00 GMT";
        check(&[range.clone(), (header::IF_RANGE, date)], 10, RangeRequest::Whole);
        check(&[range.clone(), (header::IF_MATCH, "\"x\", \"abc\"")], 10, part);
        check(&[range.clone(), (header::IF_MATCH, "*")], 10, part);
        check(&[range, (header::IF_MATCH, "\"old\"")], 10, RangeRequest::Changed);
    }
}
