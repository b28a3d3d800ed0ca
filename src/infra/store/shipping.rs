//! Shipping methods and their prices.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::catalog::discount::amount_in;
use crate::domain::catalog::{RateStep, ShippingRate, StepLimit};
use crate::domain::values::{Amount, Currency};
use crate::infra::store::columns::{parse_prices, parse_regions, prices_json};
use crate::infra::store::{Connection, StoreError, Tx};

/// A shipping method as the desk shows it.
#[derive(Clone, Debug)]
pub struct StoredRate {
    pub rate: ShippingRate,
    pub edition: i64,
}

#[derive(FromRow)]
struct RateRow {
    name: String,
    countries: String,
    excluded_countries: String,
    edition: i64,
    steps: String,
    free_from: String,
}

const RATES: &str = r#"
    select r.name, r.countries, r.excluded_countries, r.edition,
        (select json_group_array(json_array(s.step, s.up_to_grams, p.currency, p.price, p.up_to) order by s.step, w.position)
            from shipping_steps s join shipping_prices p on p.rate = s.rate and p.step = s.step
            join wallets w on w.currency = p.currency
            where s.rate = r.name) as steps,
        (select json_group_array(json_array(f.currency, f.amount) order by w.position)
            from shipping_free_from f join wallets w on w.currency = f.currency
            where f.rate = r.name) as free_from
    from shipping_rates r
    order by r.position
    "#;

/// All shipping methods, in the seller's order.
pub async fn list(db: &mut Connection) -> Result<Vec<ShippingRate>, StoreError> {
    Ok(list_stored(db).await?.into_iter().map(|stored| stored.rate).collect())
}

/// The same, as the desk shows them.
pub async fn list_stored(db: &mut Connection) -> Result<Vec<StoredRate>, StoreError> {
    let rows: Vec<RateRow> = sqlx::query_as(RATES).fetch_all(db).await?;
    rows.into_iter().map(RateRow::rate).collect()
}

impl RateRow {
    fn rate(self) -> Result<StoredRate, StoreError> {
        let rate = ShippingRate {
            name: self.name,
            countries: parse_regions(&self.countries)?,
            excluded_countries: parse_regions(&self.excluded_countries)?,
            steps: parse_steps(&self.steps)?,
            free_from: parse_prices(&self.free_from)?,
        };
        Ok(StoredRate { rate, edition: self.edition })
    }
}

/// Step, weight up to which it counts, currency, price, subtotal up to which it counts.
type StepPrice = (i64, Option<i64>, String, i64, Option<i64>);

/// A method whose currencies all lost their wallets has one step without prices.
fn parse_steps(json: &str) -> Result<Vec<RateStep>, StoreError> {
    let rows: Vec<StepPrice> =
        serde_json::from_str(json).map_err(|_| StoreError::Row("shipping_prices"))?;
    let mut steps: Vec<(i64, RateStep)> = Vec::new();
    for (number, grams, currency, price, most) in rows {
        let amount = |n: i64| Amount::new(n).map_err(|_| StoreError::Row("price"));
        let currency = Currency::parse(&currency).map_err(|_| StoreError::Row("currency"))?;
        if steps.last().is_none_or(|(last, _)| *last != number) {
            let up_to = match (grams, most) {
                (Some(grams), _) => StepLimit::Grams(grams),
                (None, Some(_)) => StepLimit::Subtotals(Vec::new()),
                (None, None) => StepLimit::None,
            };
            steps.push((number, RateStep { up_to, prices: Vec::new() }));
        }
        let Some((_, step)) = steps.last_mut() else { continue };
        if let (StepLimit::Subtotals(amounts), Some(most)) = (&mut step.up_to, most) {
            amounts.push((currency.clone(), amount(most)?));
        }
        step.prices.push((currency, amount(price)?));
    }
    if steps.is_empty() {
        return Ok(vec![RateStep { up_to: StepLimit::None, prices: Vec::new() }]);
    }
    Ok(steps.into_iter().map(|(_, step)| step).collect())
}

const UNPRICED: &str = r#"
    select w.currency
    from wallets w
    where not exists (select 1 from shipping_prices s where s.currency = w.currency)
        and exists (
            select 1 from prices r join products p on p.id = r.product_id
            where r.currency = w.currency and r.option_id = 0 and p.gone = 0 and p.kind = 'shipped')
    order by w.position
    "#;

/// Currencies in which shipped products have a price, but no shipping method has one.
pub async fn list_unpriced(db: &mut Connection) -> Result<Vec<Currency>, StoreError> {
    Ok(sqlx::query_scalar(UNPRICED).fetch_all(db).await?)
}

const WITHOUT_WEIGHT: &str = r#"
    select p.name
    from products p
    where p.weight is null and p.gone = 0 and p.kind = 'shipped'
        and (exists (select 1 from options o where o.product_id = p.id and o.gone = 0 and o.weight is null)
            or not exists (select 1 from options o where o.product_id = p.id and o.gone = 0))
    order by p.position limit $1
    "#;

/// The names of shipped products that can be ordered without a weight, at most `most` of them.
pub async fn list_without_weight(
    db: &mut Connection,
    most: i64,
) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(WITHOUT_WEIGHT).bind(most).fetch_all(db).await?)
}

/// Replaces all shipping methods.
pub async fn replace_all(tx: &mut Tx, rates: &[ShippingRate]) -> Result<(), StoreError> {
    sqlx::query("delete from shipping_rates").execute(&mut **tx).await?;
    for rate in rates {
        put(tx, None, rate).await?;
    }
    Ok(())
}

/// Puts a shipping method in the place of the one that was called so, or behind all others.
pub async fn put(tx: &mut Tx, was: Option<&str>, rate: &ShippingRate) -> Result<(), StoreError> {
    let position: i64 = sqlx::query_scalar(
        r#"
        select coalesce((select position from shipping_rates where name = $1),
                        (select 1 + coalesce(max(position), -1) from shipping_rates))
        "#,
    )
    .bind(was)
    .fetch_one(&mut **tx)
    .await?;
    if let Some(was) = was {
        remove(tx, was).await?;
    }
    sqlx::query(
        r#"
        insert into shipping_rates (name, position, countries, excluded_countries, edition)
        values ($1, $2, $3, $4, (select version from catalog_state))
        "#,
    )
    .bind(&rate.name)
    .bind(position)
    .bind(rate.countries.codes())
    .bind(rate.excluded_countries.codes())
    .execute(&mut **tx)
    .await?;
    let (mut steps, mut prices) = (Vec::new(), Vec::new());
    for (n, RateStep { up_to, prices: own }) in rate.steps.iter().enumerate() {
        let (grams, most) = match up_to {
            StepLimit::None => (None, None),
            StepLimit::Grams(grams) => (Some(*grams), None),
            StepLimit::Subtotals(amounts) => (None, Some(amounts)),
        };
        steps.push(json!([n, grams]));
        prices.extend(own.iter().map(|(currency, price)| {
            let most = most.and_then(|most| amount_in(most, currency)).map(Amount::get);
            json!([n, currency.as_str(), price.get(), most])
        }));
    }
    for (statement, rows) in [(INSERT_STEPS, json!(steps)), (INSERT_PRICES, json!(prices))] {
        sqlx::query(statement).bind(&rate.name).bind(rows.to_string()).execute(&mut **tx).await?;
    }
    sqlx::query(INSERT_FREE_FROM)
        .bind(&rate.name)
        .bind(prices_json(&rate.free_from))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

const INSERT_STEPS: &str = r#"
    insert into shipping_steps (rate, step, up_to_grams)
    select $1, value ->> 0, value ->> 1 from json_each($2)
    "#;
const INSERT_PRICES: &str = r#"
    insert into shipping_prices (rate, step, currency, price, up_to)
    select $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 from json_each($2)
    "#;
const INSERT_FREE_FROM: &str = r#"
    insert into shipping_free_from (rate, currency, amount)
    select $1, value ->> 0, value ->> 1 from json_each($2)
    "#;

pub async fn remove(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    sqlx::query("delete from shipping_rates where name = $1").bind(name).execute(&mut **tx).await?;
    Ok(())
}

/// `names`: those of all shipping methods, in their new order.
pub async fn reorder(tx: &mut Tx, names: &[String]) -> Result<(), StoreError> {
    sqlx::query(
        "update shipping_rates set position = e.key from json_each($1) e where name = e.value",
    )
    .bind(json!(names).to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{assert_scans_only, query_plan, with_shop};

    #[test]
    fn shipping_methods_are_read_without_reading_other_prices() {
        with_shop(async |db| {
            assert_scans_only(&query_plan(&db, RATES).await, &["SCAN r", "SCAN w"]);
        });
    }

    #[test]
    fn what_is_missing_is_found_without_reading_every_product() {
        with_shop(async |db| {
            let few = ["SCAN w", "SCAN s", "products_without_weight"];
            assert_scans_only(&query_plan(&db, UNPRICED).await, &few);
            assert_scans_only(&query_plan(&db, WITHOUT_WEIGHT).await, &few);
        });
    }
}
