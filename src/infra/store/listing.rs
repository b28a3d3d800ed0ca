//! Pages of products, as buyers browse them.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::values::{Amount, FiatCurrency, FiatPrice};
use crate::infra::store::pictures::{Image, ThumbRow};
use crate::infra::store::{Connection, StoreError, stock};

/// A product as a list shows it.
#[derive(Clone, Debug)]
pub struct Card {
    pub slug: String,
    pub name: String,
    /// The lowest; `None` in a shop without wallets, and where only prices in ordinary money could be converted.
    pub price: Option<Amount>,
    /// The lowest price in ordinary money, unless the seller gave a price in this currency.
    pub fiat: Option<FiatPrice>,
    /// Whether an option costs more than `price`.
    pub from: bool,
    /// Units: items of all options together that nobody reserves.
    pub stock: i64,
    /// Units: those that unpaid orders reserve.
    pub reserved: i64,
    pub thumb: Option<Image>,
}

/// Which products a list shows.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Empty in a shop without wallets.
    pub currency: &'a str,
    /// Empty: all.
    pub category: &'a str,
    pub first: i64,
    pub n_products: i64,
    /// Whether the currency has a valid exchange rate.
    pub has_rate: bool,
}

#[derive(FromRow)]
struct CardRow {
    slug: String,
    name: String,
    price: Option<Amount>,
    most: Option<Amount>,
    fiat_price: Option<i64>,
    fiat_currency: Option<FiatCurrency>,
    stock: i64,
    reserved: i64,
    #[sqlx(flatten)]
    thumb: ThumbRow,
}

/// The lowest or highest price of a product, converted ones only with a valid rate.
macro_rules! price {
    ($which:literal, $rated:literal) => {
        concat!(
            "(select ",
            $which,
            "(r.price) from prices r where r.product_id = p.id and r.currency = s.currency and (r.is_converted = 0 or ",
            $rated,
            "))"
        )
    };
}

/// Of the lowest price in ordinary money, unless the seller gave one in this currency.
macro_rules! fiat {
    ($column:literal) => {
        concat!(
            "(select f.",
            $column,
            r#" from fiat_prices f
                where f.product_id = p.id and not exists (
                    select 1 from prices r where r.product_id = p.id and r.currency = s.currency and r.is_converted = 0)
                order by f.price limit 1)"#
        )
    };
}

/// The columns of a card for each row of the listing index `s`.
macro_rules! cards {
    ($rated:literal, $from:literal, $where:literal) => {
        concat!(
            r#"
            select p.slug, p.name, i.thumb_width, i.thumb_height, i.thumb_webp, i.thumb_fallback, pp.alt,
                "#,
            price!("min", $rated),
            " as price, ",
            price!("max", $rated),
            " as most, ",
            fiat!("price"),
            " as fiat_price, ",
            fiat!("currency"),
            " as fiat_currency, ",
            stock::total!(),
            " as stock, ",
            stock::reserved!(),
            " as reserved from ",
            $from,
            r#"
            join products p on p.id = s.product_id
            left join product_pictures pp on pp.product_id = p.id and pp.position = 0
            left join pictures i on i.fingerprint = pp.fingerprint
            "#,
            $where
        )
    };
}

const PAGE: &str = cards!(
    "$5",
    "listing s",
    "where s.currency = $1 and s.category = $2 and s.position between $3 and $4 order by s.position"
);
const CHOSEN: &str = cards!(
    "$3",
    "json_each($1) chosen cross join listing s on s.product_id = chosen.value and s.currency = $2 and s.category = ''",
    "order by chosen.key"
);

/// The products of one page of a list.
pub async fn list(db: &mut Connection, window: Window<'_>) -> Result<Vec<Card>, StoreError> {
    let rows: Vec<CardRow> = sqlx::query_as(PAGE)
        .bind(window.currency)
        .bind(window.category)
        .bind(window.first)
        .bind(window.first + window.n_products - 1)
        .bind(window.has_rate)
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().map(CardRow::card).collect())
}

/// These products as far as they can be bought in this currency, in this order.
pub async fn list_chosen(
    db: &mut Connection,
    products: &[i64],
    currency: &str,
    has_rate: bool,
) -> Result<Vec<Card>, StoreError> {
    let rows: Vec<CardRow> = sqlx::query_as(CHOSEN)
        .bind(json!(products).to_string())
        .bind(currency)
        .bind(has_rate)
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().map(CardRow::card).collect())
}

/// How many products a list has in all; `None` for a category that there is not in this currency.
pub async fn find_size(
    db: &mut Connection,
    currency: &str,
    category: &str,
) -> Result<Option<i64>, StoreError> {
    let size = sqlx::query_scalar(
        "select products from listing_sizes where currency = $1 and category = $2",
    );
    Ok(size.bind(currency).bind(category).fetch_optional(db).await?)
}

/// Slug and name of the product after this one; after the last comes the first.
pub async fn find_next(
    db: &mut Connection,
    product: i64,
    currency: &str,
) -> Result<Option<(String, String)>, StoreError> {
    // CROSS keeps SQLite from beginning with the whole list.
    let next = sqlx::query_as(
        r#"
        select p.slug, p.name
        from listing here cross join listing_sizes z cross join listing s cross join products p
        where here.product_id = $1 and here.currency = $2 and here.category = ''
            and z.currency = here.currency and z.category = ''
            and s.currency = here.currency and s.category = '' and s.position = (here.position + 1) % z.products
            and p.id = s.product_id and p.id <> $1
        "#,
    );
    Ok(next.bind(product).bind(currency).fetch_optional(db).await?)
}

impl CardRow {
    fn card(self) -> Card {
        Card {
            slug: self.slug,
            name: self.name,
            price: self.price,
            fiat: self
                .fiat_price
                .zip(self.fiat_currency)
                .map(|(minor, currency)| FiatPrice { currency, minor }),
            from: self.price != self.most,
            stock: self.stock,
            reserved: self.reserved,
            thumb: self.thumb.image(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{assert_scans_only, query_plan, with_shop};

    #[test]
    fn every_page_is_found_by_an_index() {
        with_shop(async |db| {
            for query in [PAGE, CHOSEN] {
                assert_scans_only(&query_plan(&db, query).await, &["SCAN chosen"]);
            }
        });
    }
}
