//! Pages of products, as buyers browse them.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::catalog::SortOrder;
use crate::domain::values::{Amount, FiatCurrency, FiatPrice};
use crate::infra::store::pictures::{Image, ThumbRow};
use crate::infra::store::{Connection, StoreError, stock};

/// A product as a list shows it.
#[derive(Clone, Debug)]
pub struct Card {
    pub slug: String,
    pub name: String,
    /// The lowest; `None` without a price in the currency, and where a price in ordinary money cannot be converted.
    pub price: Option<Amount>,
    /// The lowest price in ordinary money, unless the seller gave a price in this currency.
    pub fiat: Option<FiatPrice>,
    /// Whether an option costs more than `price`.
    pub from: bool,
    /// Where it has no price in the currency: those in which it has one, in the order of the wallets.
    pub other_currencies: Vec<String>,
    /// Units: items of all options together that nobody reserves.
    pub stock: i64,
    /// Units: those that unpaid orders reserve.
    pub reserved: i64,
    pub thumb: Option<Image>,
}

/// Which products a list shows: those sold in a currency, then those sold only in others.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Empty in a shop without wallets.
    pub currency: &'a str,
    /// Empty: all.
    pub category: &'a str,
    pub order: SortOrder,
    pub first: i64,
    pub n_products: i64,
    /// Whether the currency has a valid exchange rate.
    pub has_rate: bool,
}

/// Units: products of a list.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListSize {
    /// Sold in the currency.
    pub sold: i64,
    /// Sold only in other currencies.
    pub others: i64,
}

impl ListSize {
    pub fn total(self) -> i64 {
        self.sold + self.others
    }
}

/// The key of the lists of products that are sold only in other currencies.
fn others_of(currency: &str) -> String {
    format!("-{currency}")
}

#[derive(FromRow)]
struct CardRow {
    slug: String,
    name: String,
    price: Option<Amount>,
    most: Option<Amount>,
    fiat_price: Option<i64>,
    fiat_currency: Option<FiatCurrency>,
    other_currencies: Option<String>,
    stock: i64,
    reserved: i64,
    #[sqlx(flatten)]
    thumb: ThumbRow,
}

/// The lowest or highest price of a product, converted ones only with a valid rate.
macro_rules! price {
    ($which:literal) => {
        concat!(
            "(select ",
            $which,
            "(r.price) from prices r where r.product_id = p.id and r.currency = $2 and (r.is_converted = 0 or $3))"
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
                    select 1 from prices r where r.product_id = p.id and r.currency = $2 and r.is_converted = 0)
                order by f.price limit 1)"#
        )
    };
}

const CARDS: &str = concat!(
    r#"
    select p.slug, p.name, i.thumb_width, i.thumb_height, i.thumb_webp, i.thumb_fallback, pp.alt,
        "#,
    price!("min"),
    " as price, ",
    price!("max"),
    " as most, ",
    fiat!("price"),
    " as fiat_price, ",
    fiat!("currency"),
    r#" as fiat_currency,
        (select group_concat(currency, ' ') from (
            select w.currency from wallets w
            where exists (select 1 from prices r where r.product_id = p.id and r.currency = w.currency)
                and not exists (select 1 from prices r where r.product_id = p.id and r.currency = $2)
            order by w.position)) as other_currencies,
        "#,
    stock::total!(),
    " as stock, ",
    stock::reserved!(),
    r#" as reserved
    from json_each($1) chosen cross join products p on p.id = chosen.value and p.gone = 0
    left join product_pictures pp on pp.product_id = p.id and pp.position = 0
    left join pictures i on i.fingerprint = pp.fingerprint
    order by chosen.key
    "#
);

const STANDARD: &str = r#"
    select product_id from listing
    where currency = $1 and category = $2 and $3 <= position order by position limit $4 + 0
    "#;
const NEWEST: &str = r#"
    select product_id from sorted_listing
    where currency = $1 and category = $2 order by product_id desc limit $4 + 0 offset $3
    "#;
const BY_PRICE: &str = r#"
    select product_id from sorted_listing
    where currency = $1 and category = $2 order by price, product_id limit $4 + 0 offset $3
    "#;
const BY_NAME: &str = r#"
    select product_id from sorted_listing
    where currency = $1 and category = $2 order by name, product_id limit $4 + 0 offset $3
    "#;

/// The products of one page of a list. `size`: from [`find_size`].
pub async fn list(
    db: &mut Connection,
    window: Window<'_>,
    size: ListSize,
) -> Result<Vec<Card>, StoreError> {
    let products = list_ids(db, window, size).await?;
    list_cards(db, &products, window.currency, window.has_rate).await
}

/// The same, without what a card shows.
pub async fn list_ids(
    db: &mut Connection,
    window: Window<'_>,
    size: ListSize,
) -> Result<Vec<i64>, StoreError> {
    let statement = match window.order {
        SortOrder::Standard => STANDARD,
        SortOrder::Newest => NEWEST,
        SortOrder::Price => BY_PRICE,
        SortOrder::Name => BY_NAME,
    };
    let sold = size.sold;
    let end = window.first + window.n_products;
    let parts = [
        (window.currency.to_owned(), window.first, end.min(sold)),
        (others_of(window.currency), (window.first - sold).max(0), end - sold),
    ];
    let mut products = Vec::new();
    for (currency, first, end) in parts.into_iter().filter(|(_, first, end)| first < end) {
        let part: Vec<i64> = sqlx::query_scalar(statement)
            .bind(currency)
            .bind(window.category)
            .bind(first)
            .bind(end - first)
            .fetch_all(&mut *db)
            .await?;
        products.extend(part);
    }
    Ok(products)
}

/// These products in this order, without those that buyers do not see.
pub async fn list_cards(
    db: &mut Connection,
    products: &[i64],
    currency: &str,
    has_rate: bool,
) -> Result<Vec<Card>, StoreError> {
    let rows: Vec<CardRow> = sqlx::query_as(CARDS)
        .bind(json!(products).to_string())
        .bind(currency)
        .bind(has_rate)
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().map(CardRow::card).collect())
}

/// The products of each order among those chosen, with what is sold in the currency first.
macro_rules! chosen_by {
    ($order:literal) => {
        concat!(
            r#"
            select s.product_id
            from json_each($1) chosen
            cross join sorted_listing s on s.currency in ($2, '-' || $2) and s.category = '' and s.product_id = chosen.value
            order by s.currency <> $2, "#,
            $order
        )
    };
}
const CHOSEN: [(SortOrder, &str); 4] = [
    (SortOrder::Standard, chosen_by!("chosen.key")),
    (SortOrder::Newest, chosen_by!("s.product_id desc")),
    (SortOrder::Price, chosen_by!("s.price, chosen.key")),
    (SortOrder::Name, chosen_by!("s.name, chosen.key")),
];

/// Sorts products that were found: what is sold in the currency comes first. `products`: the best first.
pub async fn sort(
    db: &mut Connection,
    products: &[i64],
    currency: &str,
    order: SortOrder,
) -> Result<Vec<i64>, StoreError> {
    let statement = CHOSEN.iter().find(|(name, _)| *name == order).expect("one for each order").1;
    let sorted = sqlx::query_scalar(statement).bind(json!(products).to_string()).bind(currency);
    Ok(sorted.fetch_all(db).await?)
}

/// How many products a list has in all.
pub async fn find_size(
    db: &mut Connection,
    currency: &str,
    category: &str,
) -> Result<ListSize, StoreError> {
    let (sold, others) = sqlx::query_as(
        r#"
        select
            coalesce((select products from listing_sizes where currency = $1 and category = $2), 0),
            coalesce((select products from listing_sizes where currency = '-' || $1 and category = $2), 0)
        "#,
    )
    .bind(currency)
    .bind(category)
    .fetch_one(db)
    .await?;
    Ok(ListSize { sold, others })
}

/// The products that follow a product in a category, then the first ones of it: at most `n_products`, without itself.
pub async fn list_related(
    db: &mut Connection,
    product: i64,
    (currency, category): (&str, &str),
    n_products: i64,
) -> Result<Vec<i64>, StoreError> {
    let (sold, own): (i64, Option<i64>) = sqlx::query_as(
        r#"
        select
            coalesce((select products from listing_sizes where currency = $2 and category = $3), 0),
            (select position from listing where product_id = $1 and currency = $2 and category = $3)
        "#,
    )
    .bind(product)
    .bind(currency)
    .bind(category)
    .fetch_one(&mut *db)
    .await?;
    let next = own.map_or(0, |own| own + 1);
    let others = sold - i64::from(own.is_some());
    let mut related = Vec::new();
    let n_products = n_products.min(others);
    let before_end = n_products.min(sold - next);
    let parts = [(next, before_end), (0, n_products - before_end)];
    for (first, n) in parts.into_iter().filter(|(_, n)| 0 < *n) {
        let part: Vec<i64> = sqlx::query_scalar(STANDARD)
            .bind(currency)
            .bind(category)
            .bind(first)
            .bind(n)
            .fetch_all(&mut *db)
            .await?;
        related.extend(part);
    }
    Ok(related)
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
            other_currencies: self
                .other_currencies
                .iter()
                .flat_map(|names| names.split(' '))
                .map(str::to_owned)
                .collect(),
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
            let wallets = "SCAN w";
            for query in [CARDS].into_iter().chain(CHOSEN.map(|(_, query)| query)) {
                let may_scan = ["SCAN chosen", wallets, "SCAN (subquery"];
                assert_scans_only(&query_plan(&db, query).await, &may_scan);
            }
            for query in [STANDARD, NEWEST, BY_PRICE, BY_NAME] {
                let plan = query_plan(&db, query).await;
                assert_scans_only(&plan, &[]);
                assert!(plan.iter().all(|step| !step.contains("TEMP B-TREE")), "{plan:?}");
            }
        });
    }
}
