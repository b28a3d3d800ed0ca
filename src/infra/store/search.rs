//! The full-text search of products.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::catalog::markdown;
use crate::infra::store::{Connection, StoreError, Tx};

/// The products that a query finds, the best first, among the first 500 of the seller's order. `query`: an expression of FTS5
/// that [`fts_query`] made.
pub async fn search(
    db: &mut Connection,
    query: &str,
    currency: &str,
) -> Result<Vec<i64>, StoreError> {
    // The inner limit keeps a word that is in every product from costing more than others.
    let found = sqlx::query_scalar(
        r#"
        select id
        from (
            select w.rowid as id, w.rank as rank
            from product_words w
            where product_words match $1
                and exists (select 1 from listing s where s.product_id = w.rowid and s.currency = $2 and s.category = '')
            limit 500
        )
        order by rank, id
        "#,
    );
    Ok(found.bind(query).bind(currency).fetch_all(db).await?)
}

/// What a visitor typed, as an expression of FTS5: each word in quotes, so that none is an operator, each as a beginning.
/// `None` where no word is left.
pub fn fts_query(typed: &str) -> Option<String> {
    let words: Vec<String> = typed
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(12)
        // A single letter begins so many words that only the letter itself is meant.
        .map(|word| {
            if word.chars().nth(1).is_some() {
                format!("\"{word}\"*")
            } else {
                format!("\"{word}\"")
            }
        })
        .collect();
    if words.is_empty() { None } else { Some(words.join(" ")) }
}

#[derive(FromRow)]
struct TextRow {
    id: i64,
    name: String,
    description: String,
    categories: String,
}

/// Reads anew what the search knows of these products.
pub(super) async fn update(tx: &mut Tx, products: &[i64]) -> Result<(), StoreError> {
    let ids = json!(products).to_string();
    let texts: Vec<TextRow> = sqlx::query_as(
        r#"
        select p.id, p.name, p.description, coalesce((
            select group_concat(category, ' ')
            from (select category from product_categories where product_id = p.id order by position)), '') as categories
        from products p
        where p.id in (select value from json_each($1))
        "#,
    )
    .bind(&ids)
    .fetch_all(&mut **tx)
    .await?;
    sqlx::query("delete from product_words where rowid in (select value from json_each($1))")
        .bind(&ids)
        .execute(&mut **tx)
        .await?;
    let rows: Vec<_> = texts
        .iter()
        .map(|text| {
            json!([text.id, text.name, text.categories, markdown::plain_text(&text.description)])
        })
        .collect();
    sqlx::query(
        r#"
        insert into product_words (rowid, name, categories, description)
        select value ->> 0, value ->> 1, value ->> 2, value ->> 3 from json_each($1)
        "#,
    )
    .bind(json!(rows).to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_of_any_characters_is_words_in_quotes() {
        assert_eq!(fts_query("wool socks"), Some("\"wool\"* \"socks\"*".to_owned()));
        assert_eq!(
            fts_query("NEAR(\"a\" OR b* -c:d"),
            Some("\"NEAR\"* \"a\" \"OR\"* \"b\" \"c\" \"d\"".to_owned())
        );
        assert_eq!(fts_query(" \"*;--' \u{0}"), None);
    }
}
