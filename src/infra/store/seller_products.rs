//! The seller's own list of products, hidden ones among them.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::values::{Amount, FiatCurrency, FiatPrice};
use crate::infra::store::pictures::{Image, ThumbRow};
use crate::infra::store::{Connection, StoreError, stock};

/// Units: items. A stock of so many or fewer is running out.
pub const LOW: i64 = 5;

/// Which products the list shows; what is empty or `false` asks for nothing.
#[derive(Clone, Debug, Default)]
pub struct DeskFilter {
    pub category: String,
    /// An expression of FTS5 that `search::fts_query` made.
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
    /// The lowest in ordinary money.
    pub fiat: Option<FiatPrice>,
    /// Whether an option costs more than `price`, or `fiat` where there is no `price`.
    pub from: bool,
    /// Units: items, of all options together.
    pub stock: i64,
    /// Whether a stock of it is running out.
    pub low: bool,
    pub thumb: Option<Image>,
}

#[derive(FromRow)]
struct ListRow {
    slug: String,
    name: String,
    hidden: bool,
    price: Option<Amount>,
    most: Option<Amount>,
    fiat_price: Option<i64>,
    fiat_most: Option<i64>,
    fiat_currency: Option<FiatCurrency>,
    stock: i64,
    low: bool,
    #[sqlx(flatten)]
    thumb: ThumbRow,
}

/// What the filters ask for beside what a statement begins with.
macro_rules! and_filters {
    () => {
        r#"
        and ($1 = '' or exists (select 1 from product_categories c where c.product_id = p.id and c.category = $1))
        and (not $2 or p.hidden = 1)
        "#
    };
}

// Each begins with what is rarest, and ends in the products' own order.
const ALL: &str = r#"
    select id from products p where (gone = 0 or hidden = 1)
    order by position, id limit $3 offset $4
    "#;
const HIDDEN: &str = concat!(
    "select id from products p where hidden = 1",
    and_filters!(),
    "order by position, id limit $3 offset $4"
);
const OF_CATEGORY: &str = r#"
    select p.id
    from product_categories c cross join products p on p.id = c.product_id
    where c.category = $1
    order by p.position, p.id limit $3 offset $4
    "#;
const RUNNING_OUT: &str = concat!(
    r#"
    select p.id
    from (
        select id from products where (gone = 0 or hidden = 1) and stock <= $6
        union select product_id from options where gone = 0 and stock is not null and stock <= $6
    ) low
    cross join products p on p.id = low.id
    where (p.gone = 0 or p.hidden = 1) and "#,
    stock::least!(),
    " <= $6",
    and_filters!(),
    "order by p.position, p.id limit $3 offset $4"
);
const WITH_WORDS: &str = concat!(
    r#"
    select p.id
    from (select rowid as id from product_words where product_words match $5 limit 1000) w
    cross join products p on p.id = w.id
    where (p.gone = 0 or p.hidden = 1) and (not $7 or "#,
    stock::least!(),
    " <= $6)",
    and_filters!(),
    "order by p.position, p.id limit $3 offset $4"
);

const ROWS: &str = concat!(
    r#"
    select p.slug, p.name, p.hidden, i.thumb_width, i.thumb_height, i.thumb_webp, i.thumb_fallback, pp.alt,
        (select min(r.price) from prices r where r.product_id = p.id and r.currency = $2 and r.is_converted = 0) as price,
        (select max(r.price) from prices r where r.product_id = p.id and r.currency = $2 and r.is_converted = 0) as most,
        (select min(f.price) from fiat_prices f where f.product_id = p.id) as fiat_price,
        (select f.currency from fiat_prices f where f.product_id = p.id order by f.price limit 1) as fiat_currency,
        (select max(f.price) from fiat_prices f where f.product_id = p.id) as fiat_most,
        "#,
    stock::total!(),
    " as stock, ",
    stock::least!(),
    r#" <= $3 as low
    from json_each($1) chosen cross join products p on p.id = chosen.value
    left join product_pictures pp on pp.product_id = p.id and pp.position = 0
    left join pictures i on i.fingerprint = pp.fingerprint
    order by chosen.key
    "#
);

/// The products from `first` on, at most `most` of them.
pub async fn list(
    db: &mut Connection,
    filter: &DeskFilter,
    currency: &str,
    first: i64,
    most: i64,
) -> Result<Vec<DeskRow>, StoreError> {
    let statement = match filter {
        DeskFilter { words: Some(_), .. } => WITH_WORDS,
        DeskFilter { low: true, .. } => RUNNING_OUT,
        DeskFilter { hidden: true, .. } => HIDDEN,
        DeskFilter { category, .. } if !category.is_empty() => OF_CATEGORY,
        _ => ALL,
    };
    let ids: Vec<i64> = sqlx::query_scalar(statement)
        .bind(&filter.category)
        .bind(filter.hidden)
        .bind(most)
        .bind(first)
        .bind(&filter.words)
        .bind(LOW)
        .bind(filter.low)
        .fetch_all(&mut *db)
        .await?;
    let rows: Vec<ListRow> = sqlx::query_as(ROWS)
        .bind(json!(ids).to_string())
        .bind(currency)
        .bind(LOW)
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().map(ListRow::row).collect())
}

const COUNT: &str = r#"
    select
        (select count(*) from products indexed by products_at_desk where gone = 0 or hidden = 1),
        (select count(*) from products where hidden = 1)
    "#;

/// How many products the seller has, and how many of them are hidden.
pub async fn count(db: &mut Connection) -> Result<(i64, i64), StoreError> {
    Ok(sqlx::query_as(COUNT).fetch_one(db).await?)
}

impl ListRow {
    fn row(self) -> DeskRow {
        DeskRow {
            slug: self.slug,
            name: self.name,
            hidden: self.hidden,
            price: self.price,
            fiat: self
                .fiat_price
                .zip(self.fiat_currency)
                .map(|(minor, currency)| FiatPrice { currency, minor }),
            from: match self.price {
                Some(price) => Some(price) != self.most,
                None => self.fiat_price != self.fiat_most,
            },
            stock: self.stock,
            low: self.low,
            thumb: self.thumb.image(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{assert_scans_only, query_plan, with_shop};

    #[test]
    fn every_list_of_products_is_found_by_an_index() {
        with_shop(async |db| {
            for query in [ALL, HIDDEN, OF_CATEGORY, RUNNING_OUT, WITH_WORDS, ROWS, COUNT] {
                // What was chosen before, and indexes in their own order.
                let may_scan = [
                    "SCAN chosen",
                    "SCAN low",
                    "SCAN w",
                    "SCAN json_each",
                    "SCAN product_words",
                    "SCAN CONSTANT ROW",
                    "products_at_desk",
                    "products_hidden",
                    "products_by_stock",
                ];
                assert_scans_only(&query_plan(&db, query).await, &may_scan);
            }
        });
    }
}
