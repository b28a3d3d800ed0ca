//! The seller's own list of products, hidden ones among them.

use crate::domain::values::Amount;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::catalog::Image;
use crate::infra::store::product_edit::parse_thumb;
use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// Units: pieces. So many or fewer are running out.
pub const LOW: i64 = 5;

/// Which products the list shows; what is empty or `false` asks for nothing.
#[derive(Clone, Debug, Default)]
pub struct DeskFilter {
    pub category: String,
    /// An expression of FTS5 that `catalog::fts_words` made.
    pub words: Option<String>,
    pub low: bool,
    pub hidden: bool,
}

/// A product as the seller's list shows it.
#[derive(Clone, Debug)]
pub struct DeskRow {
    pub slug: String,
    pub name: String,
    pub hidden: bool,
    /// The lowest in the currency that was asked for.
    pub price: Option<Amount>,
    /// Whether an option costs more than `price`.
    pub from: bool,
    /// Units: pieces, of all options together.
    pub stock: i64,
    /// Whether a pool of it is running out.
    pub low: bool,
    pub thumb: Option<Image>,
}

// Each begins with what is rarest, and ends in the products' own order.
const ALL: &str = "select id from products p where (gone = 0 or hidden = 1) \
    order by position, id limit ?3 offset ?4";
const HIDDEN: &str = "select id from products p where hidden = 1 \
    and (?1 = '' or exists (select 1 from product_categories c where c.product_id = p.id and c.category = ?1)) \
    order by position, id limit ?3 offset ?4";
const OF_CATEGORY: &str = "select p.id from product_categories c cross join products p on p.id = c.product_id \
    where c.category = ?1 order by p.position, p.id limit ?3 offset ?4";
const RUNNING_OUT: &str = "select p.id from ( \
        select q.id from products q where (q.gone = 0 or q.hidden = 1) and q.stock <= 5 and (not exists ( \
            select 1 from options o where o.product_id = q.id and o.gone = 0 and o.stock is not null) or exists ( \
            select 1 from options o where o.product_id = q.id and o.gone = 0 and o.stock is null)) \
        union select o.product_id from options o where o.gone = 0 and o.stock is not null and o.stock <= 5) low \
    cross join products p on p.id = low.id where (p.gone = 0 or p.hidden = 1) \
    and (?1 = '' or exists (select 1 from product_categories c where c.product_id = p.id and c.category = ?1)) \
    and (?2 = '' or p.hidden = 1) order by p.position, p.id limit ?3 offset ?4";
const WITH_WORDS: &str = "select p.id from (select rowid as id from product_words where product_words match ?5 limit 1000) w \
    cross join products p on p.id = w.id where (p.gone = 0 or p.hidden = 1) \
    and (?1 = '' or exists (select 1 from product_categories c where c.product_id = p.id and c.category = ?1)) \
    and (?2 = '' or p.hidden = 1) \
    and (?6 = 0 or p.stock <= 5 or exists (select 1 from options o where o.product_id = p.id and o.gone = 0 and o.stock <= 5)) \
    order by p.position, p.id limit ?3 offset ?4";

const ROWS: &str = "select p.slug, p.name, p.hidden, \
        (select min(r.price) from prices r where r.product_id = p.id and r.currency = ?2) as price, \
        (select max(r.price) from prices r where r.product_id = p.id and r.currency = ?2) as most, \
        case when exists (select 1 from options o where o.product_id = p.id and o.gone = 0 and o.stock is not null) \
          then (select sum(coalesce(o.stock, 0)) from options o where o.product_id = p.id and o.gone = 0) \
             + case when exists (select 1 from options o where o.product_id = p.id and o.gone = 0 and o.stock is null) \
               then p.stock else 0 end \
          else p.stock end as stock, \
        case when exists (select 1 from options o where o.product_id = p.id and o.gone = 0 and o.stock is not null) \
          then exists (select 1 from options o where o.product_id = p.id and o.gone = 0 and coalesce(o.stock, p.stock) <= 5) \
          else p.stock <= 5 end as low, \
        i.thumb_width as width, i.thumb_height as height, i.thumb_webp as webp, i.thumb_fallback as fallback, pp.alt \
     from json_each(?1) chosen cross join products p on p.id = chosen.value \
     left join product_pictures pp on pp.product_id = p.id and pp.position = 0 \
     left join pictures i on i.fingerprint = pp.fingerprint order by chosen.key";

/// `most` products from the `first` on, counted from 0, in the seller's order. Prices in `currency`.
pub async fn list(
    db: &Db,
    filter: &DeskFilter,
    currency: &str,
    first: i64,
    most: i64,
) -> Result<Vec<DeskRow>, StoreError> {
    let ids = choose(db, filter, first, most).await?;
    let rows =
        sqlx::query(ROWS).bind(json!(ids).to_string()).bind(currency).fetch_all(&db.read).await?;
    rows.iter().map(parse_row).collect()
}

async fn choose(
    db: &Db,
    filter: &DeskFilter,
    first: i64,
    most: i64,
) -> Result<Vec<i64>, StoreError> {
    let statement = match filter {
        DeskFilter { words: Some(_), .. } => WITH_WORDS,
        DeskFilter { low: true, .. } => RUNNING_OUT,
        DeskFilter { hidden: true, .. } => HIDDEN,
        DeskFilter { category, .. } if !category.is_empty() => OF_CATEGORY,
        _ => ALL,
    };
    Ok(sqlx::query_scalar(statement)
        .bind(&filter.category)
        .bind(if filter.hidden { "hidden" } else { "" })
        .bind(most)
        .bind(first)
        .bind(&filter.words)
        .bind(filter.low)
        .fetch_all(&db.read)
        .await?)
}

/// How many products the seller has, and how many of them are hidden.
pub async fn count(db: &Db) -> Result<(i64, i64), StoreError> {
    Ok(sqlx::query_as(COUNT).fetch_one(&db.read).await?)
}

const COUNT: &str = "select (select count(*) from products indexed by products_at_desk where gone = 0 or hidden = 1), \
    (select count(*) from products where hidden = 1)";

fn parse_row(row: &SqliteRow) -> Result<DeskRow, StoreError> {
    let price: Option<i64> = row.try_get("price")?;
    let most: Option<i64> = row.try_get("most")?;
    let webp: Option<String> = row.try_get("webp")?;
    Ok(DeskRow {
        slug: row.try_get("slug")?,
        name: row.try_get("name")?,
        hidden: row.try_get("hidden")?,
        price: price.map(Amount::new).transpose().map_err(|_| StoreError::Row("price"))?,
        from: price != most,
        stock: row.try_get("stock")?,
        low: row.try_get("low")?,
        thumb: webp.map(|_| parse_thumb(row)).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_of_products_is_found_by_an_index() {
        assert_eq!(LOW, 5, "the statements name the number themselves");
        let home = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let db = Db::open_or_make(&home.path().join("shop.sqlite")).await.unwrap();
            for query in [ALL, HIDDEN, OF_CATEGORY, RUNNING_OUT, WITH_WORDS, ROWS, COUNT] {
                let plan: Vec<(i64, i64, i64, String)> =
                    sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {query}")))
                        .bind("[]")
                        .bind("")
                        .bind(50)
                        .bind(0)
                        .bind("\"tea\"*")
                        .bind(false)
                        .fetch_all(&db.read)
                        .await
                        .unwrap();
                let steps: Vec<&str> = plan.iter().map(|(_, _, _, step)| step.as_str()).collect();
                for step in steps.iter().filter(|step| step.starts_with("SCAN")) {
                    // What is read from end to end is an index in its own order, or what was chosen before.
                    let is_small = [
                        "SCAN chosen",
                        "SCAN low",
                        "SCAN w",
                        "SCAN json_each",
                        "SCAN product_words",
                    ]
                    .iter()
                    .any(|small| step.starts_with(small));
                    // The two counts read the shortest index that has them all.
                    let is_index = ["products_at_desk", "products_hidden", "products_by_stock"]
                        .iter()
                        .any(|index| step.contains(index));
                    assert!(
                        is_small || is_index || *step == "SCAN CONSTANT ROW",
                        "{query}\n{steps:#?}"
                    );
                }
            }
            db.close().await;
        });
    }
}
