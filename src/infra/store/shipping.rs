//! Shipping methods and their prices.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::catalog::{Rate, RateRecord};
use crate::domain::values::{Amount, Country, Currency};
use crate::infra::store::columns::{parse_prices, prices_json};
use crate::infra::store::{Connection, StoreError, Tx};

/// A shipping method as the desk shows it, with all its prices.
#[derive(Clone, Debug)]
pub struct StoredRate {
    pub rate: RateRecord,
    pub edition: i64,
}

#[derive(FromRow)]
struct OfferedRow {
    name: String,
    countries: String,
    price: Amount,
}

#[derive(FromRow)]
struct RateRow {
    name: String,
    countries: String,
    edition: i64,
    prices: String,
}

/// Those that have a price in this currency, in the seller's order.
pub async fn list_offered(
    db: &mut Connection,
    currency: &Currency,
) -> Result<Vec<Rate>, StoreError> {
    let rows: Vec<OfferedRow> = sqlx::query_as(
        r#"
        select r.name, r.countries, p.price
        from shipping_rates r join shipping_prices p on p.rate = r.name
        where p.currency = $1
        order by r.position
        "#,
    )
    .bind(currency)
    .fetch_all(db)
    .await?;
    let parse = |OfferedRow { name, countries, price }| {
        Ok(Rate { name, countries: parse_countries(&countries)?, price })
    };
    rows.into_iter().map(parse).collect()
}

/// Whether shipping is asked for at all, in whatever currency.
pub async fn has_any(db: &mut Connection) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select exists (select 1 from shipping_rates)").fetch_one(db).await?)
}

const RATES: &str = r#"
    select r.name, r.countries, r.edition,
        (select json_group_array(json_array(p.currency, p.price) order by w.position)
            from shipping_prices p join wallets w on w.currency = p.currency
            where p.rate = r.name) as prices
    from shipping_rates r
    order by r.position
    "#;

/// All shipping methods, in the seller's order.
pub async fn list(db: &mut Connection) -> Result<Vec<StoredRate>, StoreError> {
    let rows: Vec<RateRow> = sqlx::query_as(RATES).fetch_all(db).await?;
    let parse = |row: RateRow| {
        let (countries, prices) = (parse_countries(&row.countries)?, parse_prices(&row.prices)?);
        let rate = RateRecord { name: row.name, countries, prices };
        Ok(StoredRate { rate, edition: row.edition })
    };
    rows.into_iter().map(parse).collect()
}

/// Replaces all shipping methods.
pub async fn replace_all(tx: &mut Tx, rates: &[RateRecord]) -> Result<(), StoreError> {
    sqlx::query("delete from shipping_rates").execute(&mut **tx).await?;
    for rate in rates {
        put(tx, None, rate).await?;
    }
    Ok(())
}

/// Puts a shipping method in the place of the one that was called so, or behind all others.
pub async fn put(tx: &mut Tx, was: Option<&str>, rate: &RateRecord) -> Result<(), StoreError> {
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
    let countries: Vec<&str> = rate.countries.iter().map(|country| country.code()).collect();
    sqlx::query(
        r#"
        insert into shipping_rates (name, position, countries, edition)
        values ($1, $2, $3, (select version from catalog_state))
        "#,
    )
    .bind(&rate.name)
    .bind(position)
    .bind(countries.join(","))
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        r#"
        insert into shipping_prices (rate, currency, price)
        select $1, value ->> 0, value ->> 1 from json_each($2)
        "#,
    )
    .bind(&rate.name)
    .bind(prices_json(&rate.prices))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

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

/// `AT,DE`.
fn parse_countries(codes: &str) -> Result<Vec<Country>, StoreError> {
    let countries = codes.split(',').filter(|code| !code.is_empty()).map(Country::parse);
    countries.collect::<Result<_, _>>().map_err(|_| StoreError::Row("countries"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{assert_scans_only, query_plan, with_shop};

    #[test]
    fn shipping_methods_are_read_without_reading_other_prices() {
        with_shop(async |db| {
            assert_scans_only(&query_plan(&db, RATES).await, &["SCAN r", "SCAN p", "SCAN w"]);
        });
    }
}
