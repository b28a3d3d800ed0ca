//! The full-text search of products, and what it suggests for misspelt words.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::catalog::search_text::{Term, terms, trigrams};
use crate::infra::store::{Connection, StoreError};

/// Units: products of one search. More are of no use to a visitor, and a word that is in every product costs no more than
/// others.
const MAX_FOUND: usize = 500;
/// Units: words that are compared with a misspelt one; of these, how many are looked up.
const MAX_NEAR: i64 = 60;
const MAX_TRIED: usize = 5;
/// Units: letters of the longest beginnings of words that have an index of their own.
const MAX_INDEXED: usize = 4;
/// Units: words that begin with a longer one, of which products are found.
const MAX_WORDS: i64 = 100;

/// A word of the shop that a visitor may have meant.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Suggestion {
    /// As it is compared.
    pub word: String,
    /// As it is written, in lowercase.
    pub shown: String,
}

/// The products that buyers see with these words, from one table.
macro_rules! found_in {
    ($table:literal) => {
        concat!(
            "select w.rowid from ",
            $table,
            " w where ",
            $table,
            r#" match $1
                and exists (select 1 from listing s where s.product_id = w.rowid and s.category = '')
            limit $2 + 0
            "#
        )
    };
}
const IN_NAMES: &str = found_in!("product_names");
const IN_ALL: &str = found_in!("product_words");

/// The products in which all words are, the best first, at most 500: those with the words themselves in their names, then
/// with other words that begin so, then those with the words elsewhere. Each in the order in which they were added.
///
/// No rank is computed: that would visit every product that has the word.
pub async fn search(db: &mut Connection, terms: &[Term]) -> Result<Vec<i64>, StoreError> {
    find(db, terms, " AND ").await
}

/// The products in which any of the words is.
pub async fn search_any(db: &mut Connection, terms: &[Term]) -> Result<Vec<i64>, StoreError> {
    find(db, terms, " OR ").await
}

async fn find(db: &mut Connection, terms: &[Term], operator: &str) -> Result<Vec<i64>, StoreError> {
    let mut found: Vec<i64> = Vec::new();
    if terms.is_empty() {
        return Ok(found);
    }
    let whole = terms.iter().map(whole_word).collect::<Vec<_>>().join(operator);
    let mut begun = String::new();
    for (statement, is_whole) in
        [(IN_NAMES, true), (IN_NAMES, false), (IN_ALL, true), (IN_ALL, false)]
    {
        if !is_whole && begun.is_empty() {
            begun = beginnings(db, terms, operator).await?;
        }
        let expression = if is_whole { &whole } else { &begun };
        // What was found before is found again.
        let limit = i64::try_from(MAX_FOUND).unwrap_or(i64::MAX);
        let more: Vec<i64> =
            sqlx::query_scalar(statement).bind(expression).bind(limit).fetch_all(&mut *db).await?;
        let is_new = |id: &i64| !found.contains(id);
        let new: Vec<i64> = more.into_iter().filter(is_new).collect();
        found.extend(new);
        if MAX_FOUND <= found.len() {
            found.truncate(MAX_FOUND);
            break;
        }
    }
    Ok(found)
}

/// What the seller typed, as an expression of FTS5: each word as a beginning. `None` if no word is left.
pub async fn fts_query(db: &mut Connection, typed: &str) -> Result<Option<String>, StoreError> {
    let terms = terms(typed);
    match terms.is_empty() {
        true => Ok(None),
        false => Ok(Some(beginnings(db, &terms, " AND ").await?)),
    }
}

/// The word itself and its forms. All words are letters and digits: in quotes, none is an operator.
fn whole_word(term: &Term) -> String {
    let words = term.spellings.iter().chain(&term.stems);
    group(words.map(|word| format!("\"{word}\"")))
}

async fn beginnings(
    db: &mut Connection,
    terms: &[Term],
    operator: &str,
) -> Result<String, StoreError> {
    let mut all = Vec::with_capacity(terms.len());
    for term in terms {
        all.push(beginning(db, term).await?);
    }
    Ok(all.join(operator))
}

const WORDS: &str = r#"
    select term from words_of_products where $1 <= term and term < $1 || char(1114111) limit $2 + 0
    "#;

/// The word itself, its forms, and words that begin like it.
async fn beginning(db: &mut Connection, term: &Term) -> Result<String, StoreError> {
    let mut found: Vec<String> = term.stems.iter().map(|word| format!("\"{word}\"")).collect();
    for spelling in &term.spellings {
        match spelling.chars().count() {
            // A single letter begins so many words that only the letter itself is meant.
            ..=1 => found.push(format!("\"{spelling}\"")),
            2..=MAX_INDEXED => found.push(format!("\"{spelling}\"*")),
            // Without an index, FTS5 would collect all products of all these words before the first is found.
            _ => {
                let words: Vec<String> = sqlx::query_scalar(WORDS)
                    .bind(spelling)
                    .bind(MAX_WORDS)
                    .fetch_all(&mut *db)
                    .await?;
                found.push(format!("\"{spelling}\""));
                found.extend(words.iter().map(|word| format!("\"{word}\"")));
            }
        }
    }
    Ok(group(found.into_iter()))
}

fn group(words: impl Iterator<Item = String>) -> String {
    format!("({})", words.collect::<Vec<_>>().join(" OR "))
}

/// Whether buyers see a product with this word.
pub async fn has_word(db: &mut Connection, term: &Term) -> Result<bool, StoreError> {
    // The word itself is found without looking for others that begin so.
    if is_found(db, &whole_word(term)).await? {
        return Ok(true);
    }
    let expression = beginning(db, term).await?;
    is_found(db, &expression).await
}

async fn is_found(db: &mut Connection, expression: &str) -> Result<bool, StoreError> {
    let found: Option<i64> =
        sqlx::query_scalar(IN_ALL).bind(expression).bind(1).fetch_optional(db).await?;
    Ok(found.is_some())
}

const NEAR: &str = r#"
    select t.word, w.shown
    from json_each($1) chosen
    cross join suggested_trigrams t on t.trigram = chosen.value
    cross join suggested_words w on w.word = t.word
    where length(t.word) between $2 and $3
    group by t.word
    order by count(*) desc, t.word
    limit $4
    "#;

/// The word most like a misspelt one among those of products that buyers see.
pub async fn find_suggestion(
    db: &mut Connection,
    misspelt: &Term,
) -> Result<Option<Suggestion>, StoreError> {
    let length = i64::try_from(misspelt.folded.chars().count()).unwrap_or(i64::MAX);
    let near: Vec<Suggestion> = sqlx::query_as(NEAR)
        .bind(json!(trigrams(&misspelt.folded)).to_string())
        .bind(length - 2)
        .bind(length + 2)
        .bind(MAX_NEAR)
        .fetch_all(&mut *db)
        .await?;
    let first = misspelt.folded.chars().next();
    let mut near: Vec<(usize, bool, Suggestion)> = near
        .into_iter()
        .filter_map(|word| {
            let begins_otherwise = word.word.chars().next() != first;
            Some((misspelt.distance(&word.word)?, begins_otherwise, word))
        })
        .collect();
    near.sort_by_key(|(distance, begins_otherwise, _)| (*distance, *begins_otherwise));
    for (_, _, suggestion) in near.into_iter().take(MAX_TRIED) {
        if let [term] = terms(&suggestion.shown).as_slice()
            && has_word(db, term).await?
        {
            return Ok(Some(suggestion));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{assert_scans_only, query_plan, with_shop};
    use crate::infra::store::{Db, listing_index, search_index};

    #[test]
    fn a_search_of_any_characters_is_words_in_quotes() {
        with_shop(async |db| {
            let mut db = db.reader().await.unwrap();
            for (typed, expected) in [
                ("wool sock", Some("(\"wool\"*) AND (\"sock\"*)")),
                (
                    "NEAR(\"a\" OR b* -c:d",
                    Some(
                        "(\"near\"*) AND (\"a\") AND (\"or\"*) AND (\"b\") AND (\"c\") AND (\"d\")",
                    ),
                ),
                ("Käse", Some("(\"kas\" OR \"kaes\" OR \"kase\"* OR \"kaese\")")),
                (" \"*;--' \u{0}", None),
            ] {
                let query = fts_query(&mut db, typed).await.unwrap();
                assert_eq!(query.as_deref(), expected, "{typed}");
            }
        });
    }

    #[test]
    fn a_long_beginning_stands_for_the_words_that_begin_so() {
        with_shop(async |db| {
            fill(&db).await;
            let mut db = db.reader().await.unwrap();
            let query = fts_query(&mut db, "noteb").await.unwrap();
            assert_eq!(query.as_deref(), Some("(\"noteb\" OR \"notebook\" OR \"notebooks\")"));
        });
    }

    const THINGS: &str = r#"
        with recursive n(n) as (select 1 union all select n + 1 from n where n < 1200)
        insert into products (id, slug, position, name, description, description_html, file_quantity, stock, hidden, gone)
        select n, 'p' || n, n, case when n = 1100 then 'Notebooks' when n = 1101 then 'Käse' else 'Thing' end,
            case when n = 1102 then 'a notebook' else 'paper' end, '', 1, 1, n = 1103, n = 1103 from n;
        update products set name = 'Lantern' where id = 1103
        "#;

    async fn fill(db: &Db) {
        let mut tx = db.write().await.unwrap();
        sqlx::raw_sql(THINGS).execute(&mut *tx).await.unwrap();
        search_index::rebuild(&mut tx).await.unwrap();
        listing_index::rebuild(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    #[test]
    fn names_come_first_and_a_word_in_every_product_costs_no_more() {
        with_shop(async |db| {
            fill(&db).await;
            let mut reader = db.reader().await.unwrap();
            let mut found = async |query: &str| search(&mut reader, &terms(query)).await.unwrap();
            assert_eq!(found("notebook").await, [1100, 1102]);
            assert_eq!(found("noteb").await, [1100, 1102]);
            assert_eq!(found("kaese").await, [1101]);
            assert_eq!(found("notebook paper").await, [1100]);
            assert_eq!(found("paper").await, (1..=500).collect::<Vec<_>>());
            assert!(found("lantern").await.is_empty(), "a hidden product");
        });
    }

    #[test]
    fn a_misspelt_word_is_corrected_to_one_that_buyers_can_find() {
        with_shop(async |db| {
            fill(&db).await;
            let mut reader = db.reader().await.unwrap();
            for (typed, expected) in [
                ("notebok", Some("notebook")),
                ("ntoebooks", Some("notebooks")),
                ("kasse", Some("käse")),
                ("papier", Some("paper")),
                ("xylophone", None),
                ("lantren", None),
            ] {
                let found = find_suggestion(&mut reader, &terms(typed)[0]).await.unwrap();
                assert_eq!(found.map(|found| found.shown).as_deref(), expected, "{typed}");
            }
        });
    }

    #[test]
    fn a_search_reads_no_table_from_end_to_end() {
        with_shop(async |db| {
            for query in [IN_NAMES, IN_ALL] {
                let plan = query_plan(&db, query).await;
                assert_scans_only(&plan, &["SCAN w VIRTUAL TABLE INDEX"]);
            }
            assert_scans_only(&query_plan(&db, NEAR).await, &["SCAN chosen"]);
            let plan = query_plan(&db, WORDS).await;
            assert_scans_only(&plan, &["SCAN words_of_products VIRTUAL TABLE INDEX"]);
            assert!(plan.iter().all(|step| !step.contains("INDEX 0:")), "{plan:?}");
        });
    }
}
