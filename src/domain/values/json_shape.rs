//! Measures the depth and size of JSON before it is parsed.

/// The size of a JSON text, counted without building any value: it tells how much memory a parser would need.
///
/// Whether the text is valid JSON is not checked. Up to the first error that a parser finds, the counts are never too
/// small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonShape {
    /// The deepest nesting of arrays and objects.
    pub depth: usize,
    /// An upper bound of the number of values: strings, numbers, arrays, objects and so on.
    pub n_values: usize,
    pub n_arrays: usize,
    pub n_objects: usize,
    /// Strings, including field names.
    pub n_strings: usize,
    /// Units: items of one array.
    pub longest_array: usize,
    /// Units: bytes of one string, as written in the text.
    pub longest_string: usize,
}

impl JsonShape {
    /// Counts until the nesting exceeds `most_depth`; then `depth` is one more than that.
    pub fn of(text: &[u8], most_depth: usize) -> Self {
        let mut counter = ShapeCounter::new(most_depth);
        counter.count(text);
        counter.shape
    }
}

/// The same for a text that comes in parts.
pub struct ShapeCounter {
    /// As far as the text has come.
    pub shape: JsonShape,
    most_depth: usize,
    /// For each open array and object: whether it is an array, and its number of commas so far.
    open: Vec<(bool, usize)>,
    /// Units: bytes of the open string so far.
    string: Option<usize>,
    is_escaped: bool,
}

impl ShapeCounter {
    pub fn new(most_depth: usize) -> Self {
        let shape = JsonShape { n_values: 1, ..JsonShape::default() };
        Self { shape, most_depth, open: Vec::new(), string: None, is_escaped: false }
    }

    /// Counts the next part.
    pub fn count(&mut self, part: &[u8]) {
        for byte in part {
            if self.most_depth < self.open.len() {
                return;
            }
            match &mut self.string {
                None => self.count_byte(*byte),
                Some(_) if *byte == b'"' && !self.is_escaped => self.string = None,
                Some(n_bytes) => {
                    *n_bytes += 1;
                    self.shape.longest_string = self.shape.longest_string.max(*n_bytes);
                    self.is_escaped = *byte == b'\\' && !self.is_escaped;
                }
            }
        }
    }

    /// A byte outside of strings.
    fn count_byte(&mut self, byte: u8) {
        let shape = &mut self.shape;
        match byte {
            b'"' => {
                shape.n_strings += 1;
                self.string = Some(0);
            }
            b'[' | b'{' => {
                let is_list = byte == b'[';
                self.open.push((is_list, 0));
                shape.n_arrays += usize::from(is_list);
                shape.n_objects += usize::from(!is_list);
                shape.n_values += 1;
                shape.depth = shape.depth.max(self.open.len());
            }
            b',' => {
                shape.n_values += 1;
                if let Some((is_list, n_commas)) = self.open.last_mut() {
                    *n_commas += 1;
                    if *is_list {
                        shape.longest_array = shape.longest_array.max(*n_commas + 1);
                    }
                }
            }
            b']' | b'}' => {
                self.open.pop();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, depth: usize, n_values: usize, n_strings: usize, longest_array: usize) {
        let shape = JsonShape::of(text.as_bytes(), 5);
        let mut counter = ShapeCounter::new(5);
        text.as_bytes().chunks(3).for_each(|part| counter.count(part));
        assert_eq!(counter.shape, shape, "{text}");
        let found = (shape.depth, shape.n_values, shape.n_strings, shape.longest_array);
        assert_eq!(found, (depth, n_values, n_strings, longest_array), "{text}");
    }

    #[test]
    fn lists_records_and_texts_are_counted_and_what_stands_in_a_text_is_not() {
        check("", 0, 1, 0, 0);
        check("7", 0, 1, 0, 0);
        check("[0,0,0]", 1, 4, 0, 3);
        check("{\"a\":[1,2],\"b\":{}}", 2, 6, 2, 2);
        check("[\"[[[,,,{\",\"\\\"[,\",\"\\\\\"]", 1, 4, 3, 3);
        check("\"never closed [,", 0, 1, 1, 0);
        check("]]]][[", 2, 3, 0, 0);
    }

    #[test]
    fn the_longest_text_is_measured_as_it_is_written() {
        for (text, n_bytes) in [("[1]", 0), ("[\"ab\",\"c\"]", 2), ("\"\\\"\"", 2), ("\"open", 4)] {
            assert_eq!(JsonShape::of(text.as_bytes(), 5).longest_string, n_bytes, "{text}");
        }
    }

    #[test]
    fn what_is_too_deep_is_not_followed() {
        check(&"[".repeat(1_000_000), 6, 7, 0, 0);
        check(&format!("{}{}", "[".repeat(5), "]".repeat(5)), 5, 6, 0, 0);
    }

    #[test]
    fn a_reader_never_finds_more_than_was_counted() {
        fn n_values(value: &serde_json::Value) -> usize {
            match value {
                serde_json::Value::Array(items) => 1 + items.iter().map(n_values).sum::<usize>(),
                serde_json::Value::Object(fields) => {
                    1 + fields.values().map(n_values).sum::<usize>()
                }
                _ => 1,
            }
        }
        for text in [
            "[[],[[]],{}]",
            "{\"a\":{\"b\":[1,\"x,y\",null]},\"c\":[{\"d\":1},{\"d\":2}]}",
            "[1,2,[3,4],5]",
        ] {
            let value = serde_json::from_str(text).unwrap();
            assert!(n_values(&value) <= JsonShape::of(text.as_bytes(), 9).n_values, "{text}");
        }
    }
}
