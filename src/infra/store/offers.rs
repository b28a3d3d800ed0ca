//! What can be bought now: price and stock of a product, or of one of its options.

use std::collections::HashMap;

use serde_json::json;
use sqlx::FromRow;

use crate::domain::catalog::{Offer, OfferKey, ProductKind, Slug};
use crate::domain::values::{Amount, Currency};
use crate::infra::store::columns::parse_regions;
use crate::infra::store::{Connection, StoreError, stock};

#[derive(FromRow)]
struct OfferRow {
    product_id: i64,
    option_id: i64,
    slug: Slug,
    kind: ProductKind,
    name: String,
    option_name: Option<String>,
    price: Option<Amount>,
    is_converted: bool,
    stock: i64,
    reserved: i64,
    pool_option: i64,
    is_gone: bool,
    has_options: bool,
    weight: Option<i64>,
    excluded_countries: String,
}

const OFFERS: &str = concat!(
    "select p.id as product_id, k.value ->> 1 as option_id, p.slug, p.kind, p.name, o.name as option_name, ",
    stock::of_option!(),
    r#",
        p.gone = 1 or coalesce(o.gone, 0) = 1 as is_gone,
        iif(own.product_id is null, base.price, own.price) as price,
        coalesce(own.is_converted, base.is_converted, 0) as is_converted,
        exists (select 1 from options where product_id = p.id and gone = 0) as has_options,
        coalesce(o.weight, p.weight) as weight, p.excluded_countries
    from json_each($1) k cross join products p on p.id = k.value ->> 0
    left join options o on o.id = k.value ->> 1 and o.product_id = p.id
    left join prices own on own.product_id = p.id and own.option_id = k.value ->> 1 and own.currency = $2
    left join prices base on base.product_id = p.id and base.option_id = 0 and base.currency = $2
    "#
);

/// What the shop offers now under these keys; one that it has never known is left out. `has_rate`: whether the currency has a
/// valid exchange rate; without, what is priced in ordinary money has no price.
pub async fn list(
    db: &mut Connection,
    keys: impl Iterator<Item = OfferKey>,
    currency: &Currency,
    has_rate: bool,
) -> Result<HashMap<OfferKey, Offer>, StoreError> {
    let keys: Vec<_> = keys.map(|key| json!([key.product, key.option])).collect();
    let rows: Vec<OfferRow> =
        sqlx::query_as(OFFERS).bind(json!(keys).to_string()).bind(currency).fetch_all(db).await?;
    let mut offers = HashMap::new();
    for row in rows {
        offers.extend(row.offer(has_rate)?.map(|offer| (offer.key, offer)));
    }
    Ok(offers)
}

impl OfferRow {
    /// `None` where the option is none of this product's.
    fn offer(self, has_rate: bool) -> Result<Option<Offer>, StoreError> {
        let key = OfferKey { product: self.product_id, option: self.option_id };
        if self.option_name.is_none() && key.option != 0 {
            return Ok(None);
        }
        // A product that has got options since it was put into a cart can no longer be bought without one.
        let needs_option = key.option == 0 && self.has_options;
        Ok(Some(Offer {
            key,
            slug: self.slug,
            kind: self.kind,
            name: self.name,
            option_name: self.option_name.unwrap_or_default(),
            price: self.price.filter(|_| has_rate || !self.is_converted),
            needs_rate: self.is_converted && (!has_rate || self.price.is_none()),
            stock: self.stock,
            reserved: self.reserved,
            pool: OfferKey { option: self.pool_option, ..key },
            gone: self.is_gone || needs_option,
            weight: self.weight,
            excluded_countries: parse_regions(&self.excluded_countries)?,
        }))
    }
}

#[derive(FromRow)]
struct KeyRow {
    id: i64,
    option_id: i64,
    has_options: bool,
}

/// What a form means. `None`: no such product or option; a product with options needs one, others take none.
pub async fn find_key(
    db: &mut Connection,
    slug: &Slug,
    option: &str,
) -> Result<Option<OfferKey>, StoreError> {
    let row: Option<KeyRow> = sqlx::query_as(
        r#"
        select p.id, coalesce(o.id, 0) as option_id,
            exists (select 1 from options where product_id = p.id and gone = 0) as has_options
        from products p left join options o on o.product_id = p.id and o.name = $2 and o.gone = 0
        where p.slug = $1 and p.gone = 0
        "#,
    )
    .bind(slug)
    .bind(option)
    .fetch_optional(db)
    .await?;
    Ok(row
        .filter(|row| row.has_options == (row.option_id != 0))
        .map(|row| OfferKey { product: row.id, option: row.option_id }))
}
