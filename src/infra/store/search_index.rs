//! What the search knows of each product: the words of its name, its categories and its description.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::FromRow;

use crate::domain::catalog::markdown;
use crate::domain::catalog::search_text::{index_text, sort_key, suggested_words, trigrams};
use crate::infra::store::{StoreError, Tx};

/// The texts of a product. Shape: plain text; `categories` with spaces between.
struct ProductText {
    id: i64,
    name: String,
    categories: String,
    description: String,
}

#[derive(FromRow)]
struct TextRow {
    id: i64,
    name: String,
    categories: String,
    description: String,
    description_html: String,
}

const INSERT: [&str; 3] = [
    r#"
    insert into product_names (rowid, words)
    select value ->> 0, value ->> 2 from jsonb_each($1)
    "#,
    r#"
    insert into product_words (rowid, words)
    select value ->> 0, value ->> 3 from jsonb_each($1)
    "#,
    r#"
    insert into sort_names (product_id, name)
    select value ->> 0, value ->> 1 from jsonb_each($1) where true
    on conflict (product_id) do update set name = excluded.name
    "#,
];

/// Units: products that are read and indexed at once.
const CHUNK: usize = 2_000;

/// Adds products of which the search knows nothing.
async fn insert(tx: &mut Tx, texts: &[ProductText]) -> Result<(), StoreError> {
    let mut suggested = BTreeMap::new();
    let mut rows = Vec::with_capacity(texts.len());
    for text in texts {
        let all = [text.name.as_str(), &text.categories, &text.description].join(" ");
        rows.push(json!([text.id, sort_key(&text.name), index_text(&text.name), index_text(&all)]));
        suggested.extend(suggested_words(&all));
    }
    let rows = json!(rows).to_string();
    for statement in INSERT {
        sqlx::query(statement).bind(&rows).execute(&mut **tx).await?;
    }
    suggest(tx, &suggested).await
}

/// `words`: without case and accents → as they are written.
async fn suggest(tx: &mut Tx, words: &BTreeMap<String, String>) -> Result<(), StoreError> {
    let rows: Vec<_> = words.iter().map(|(word, shown)| json!([word, shown])).collect();
    let new: Vec<String> = sqlx::query_scalar(
        r#"
        insert into suggested_words (word, shown)
        select value ->> 0, value ->> 1 from jsonb_each($1) where true
        on conflict (word) do nothing
        returning word
        "#,
    )
    .bind(json!(rows).to_string())
    .fetch_all(&mut **tx)
    .await?;
    let of_word = |word: &String| {
        let trigrams = trigrams(word).into_iter();
        trigrams.map(|trigram| json!([trigram, word])).collect::<Vec<_>>()
    };
    let rows: Vec<_> = new.iter().flat_map(of_word).collect();
    sqlx::query(
        r#"
        insert into suggested_trigrams (trigram, word)
        select value ->> 0, value ->> 1 from jsonb_each($1) where true
        on conflict do nothing
        "#,
    )
    .bind(json!(rows).to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Reads anew what the search knows of these products. Words that nothing has any more may still be suggested until the next
/// import; the search suggests only what it finds.
pub async fn update(tx: &mut Tx, products: &[i64]) -> Result<(), StoreError> {
    for products in products.chunks(CHUNK) {
        let ids = json!(products).to_string();
        let rows: Vec<TextRow> = sqlx::query_as(
            r#"
            select p.id, p.name, p.description,
                case when p.description = '' then p.description_html else '' end as description_html, coalesce((
                select group_concat(category, ' ')
                from (select category from product_categories where product_id = p.id order by position)), '') as categories
            from products p
            where p.id in (select value from json_each($1))
            "#,
        )
        .bind(&ids)
        .fetch_all(&mut **tx)
        .await?;
        for table in [
            "delete from product_names where rowid in (select value from json_each($1))",
            "delete from product_words where rowid in (select value from json_each($1))",
        ] {
            sqlx::query(table).bind(&ids).execute(&mut **tx).await?;
        }
        let texts: Vec<ProductText> = rows.into_iter().map(TextRow::text).collect();
        insert(tx, &texts).await?;
    }
    Ok(())
}

/// Forgets products.
pub async fn remove(tx: &mut Tx, products: &[i64]) -> Result<(), StoreError> {
    let ids = json!(products).to_string();
    for statement in [
        "delete from product_names where rowid in (select value from json_each($1))",
        "delete from product_words where rowid in (select value from json_each($1))",
        "delete from sort_names where product_id in (select value from json_each($1))",
    ] {
        sqlx::query(statement).bind(&ids).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Forgets all products.
pub async fn clear(tx: &mut Tx) -> Result<(), StoreError> {
    for statement in [
        "insert into product_names (product_names) values ('delete-all')",
        "insert into product_words (product_words) values ('delete-all')",
        "delete from sort_names",
        "delete from suggested_words",
        "delete from suggested_trigrams",
    ] {
        sqlx::query(statement).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Reads all products anew.
pub async fn rebuild(tx: &mut Tx) -> Result<(), StoreError> {
    clear(tx).await?;
    let products: Vec<i64> =
        sqlx::query_scalar("select id from products where gone = 0 or hidden = 1 order by id")
            .fetch_all(&mut **tx)
            .await?;
    update(tx, &products).await
}

impl TextRow {
    fn text(self) -> ProductText {
        let description = if self.description.is_empty() {
            without_tags(&self.description_html)
        } else {
            markdown::plain_text(&self.description)
        };
        ProductText { id: self.id, name: self.name, categories: self.categories, description }
    }
}

/// The text of a description of which only the HTML is known.
fn without_tags(html: &str) -> String {
    let after_tag = |part: &str| part.split_once('>').map(|(_, text)| text.to_owned());
    let mut parts = html.split('<');
    let first = parts.next().unwrap_or_default().to_owned();
    let texts: Vec<String> = std::iter::once(first).chain(parts.filter_map(after_tag)).collect();
    texts.join(" ")
}
