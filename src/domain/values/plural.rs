//! A count with its noun.

use std::fmt::Display;

/// `1 product`, `2 products`; a verb may follow each noun: `1 order is`, `2 orders are`.
pub fn plural(n: impl Display, one: &str, many: &str) -> String {
    let n = n.to_string();
    let noun = if n == "1" { one } else { many };
    format!("{n} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_the_only_number_with_the_singular() {
        assert_eq!(plural(0, "product", "products"), "0 products");
        assert_eq!(plural(1_usize, "product", "products"), "1 product");
        assert_eq!(plural(2_i64, "order is", "orders are"), "2 orders are");
    }
}
