use crate::catalog::Discount;
use crate::catalog::Less;
use crate::catalog::Prices;
use crate::catalog::RateRecord;
use crate::store::Db;
use crate::store::StoreError;
use crate::store::Tx;
use crate::store::orders::moment;
use crate::values::Country;
use crate::values::Currency;
use crate::values::Gwei;
use serde_json::json;
use sqlx::Row;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

/// A code as the desk shows it.
#[derive(Clone, Debug)]
pub struct KeptDiscount {
    pub discount: Discount,
    /// Units: orders that use it.
    pub used: i64,
    pub edition: i64,
}

/// A way of sending as the desk shows it, with all its prices.
#[derive(Clone, Debug)]
pub struct KeptRate {
    pub rate: RateRecord,
    pub edition: i64,
}

const DISCOUNTS: &str = "select d.code, d.percent, d.first_day, d.last_day, d.uses, d.edition, \
        coalesce((select used from discount_uses u where u.code = d.code), 0) as used, \
        (select json_group_array(json_array(a.currency, a.amount) order by w.position) \
         from discount_amounts a join wallets w on w.currency = a.currency where a.code = d.code) as amounts \
     from discounts d where ?1 is null or d.code = ?1 order by d.position";

/// All codes, in the seller's order.
pub async fn list_discounts(db: &Db) -> Result<Vec<KeptDiscount>, StoreError> {
    read_discounts(&mut *db.read.acquire().await?).await
}

/// The same inside a transaction.
pub async fn list_discounts_now(tx: &mut Tx) -> Result<Vec<KeptDiscount>, StoreError> {
    read_discounts(&mut tx.0).await
}

pub(super) async fn read_discounts(
    connection: &mut SqliteConnection,
) -> Result<Vec<KeptDiscount>, StoreError> {
    let rows = sqlx::query(DISCOUNTS).bind(None::<&str>).fetch_all(connection).await?;
    rows.iter().map(parse_discount).collect()
}

/// `code`: capital letters.
pub async fn find_discount(tx: &mut Tx, code: &str) -> Result<Option<KeptDiscount>, StoreError> {
    let row = sqlx::query(DISCOUNTS).bind(code).fetch_optional(&mut *tx.0).await?;
    row.as_ref().map(parse_discount).transpose()
}

fn parse_discount(row: &SqliteRow) -> Result<KeptDiscount, StoreError> {
    let percent: Option<i64> = row.try_get("percent")?;
    let day = |column: &'static str| -> Result<_, StoreError> {
        row.try_get::<Option<i64>, _>(column)?.map(|_| moment(row, column)).transpose()
    };
    let less = match percent {
        Some(percent) => Less::Percent(percent),
        None => Less::Amounts(parse_prices(row.try_get("amounts")?)?),
    };
    Ok(KeptDiscount {
        discount: Discount {
            code: row.try_get("code")?,
            less,
            from: day("first_day")?,
            until: day("last_day")?,
            uses: row.try_get("uses")?,
        },
        used: row.try_get("used")?,
        edition: row.try_get("edition")?,
    })
}

/// `[["ETH", 91990000], …]`.
fn parse_prices(text: &str) -> Result<Prices, StoreError> {
    let pairs: Vec<(String, i64)> =
        serde_json::from_str(text).map_err(|_| StoreError::Row("prices"))?;
    let parse = |(currency, price): (String, i64)| {
        Ok((
            Currency::parse(&currency).map_err(|_| StoreError::Row("currency"))?,
            Gwei::new(price).map_err(|_| StoreError::Row("price"))?,
        ))
    };
    pairs.into_iter().map(parse).collect()
}

/// One order more that uses a code.
pub async fn take_use(tx: &mut Tx, code: &str) -> Result<(), StoreError> {
    sqlx::query(
        "insert into discount_uses (code, used) values (?, 1) on conflict (code) do update set used = used + 1",
    )
    .bind(code)
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// One order less.
pub async fn give_back_use(tx: &mut Tx, code: &str) -> Result<(), StoreError> {
    sqlx::query("update discount_uses set used = max(0, used - 1) where code = ?")
        .bind(code)
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// Replaces all codes. How often each was used stays.
pub async fn replace_discounts(tx: &mut Tx, discounts: &[Discount]) -> Result<(), StoreError> {
    sqlx::query("delete from discounts").execute(&mut *tx.0).await?;
    for (position, discount) in (0_i64..).zip(discounts) {
        insert_discount(tx, discount, position).await?;
    }
    Ok(())
}

async fn insert_discount(
    tx: &mut Tx,
    discount: &Discount,
    position: i64,
) -> Result<(), StoreError> {
    let percent = match &discount.less {
        Less::Percent(percent) => Some(*percent),
        Less::Amounts(_) => None,
    };
    sqlx::query(
        "insert into discounts (code, position, percent, first_day, last_day, uses, edition) \
         values (?, ?, ?, ?, ?, ?, (select version from catalog_state))",
    )
    .bind(&discount.code)
    .bind(position)
    .bind(percent)
    .bind(discount.from.map(|day| day.get()))
    .bind(discount.until.map(|day| day.get()))
    .bind(discount.uses)
    .execute(&mut *tx.0)
    .await?;
    if let Less::Amounts(amounts) = &discount.less {
        sqlx::query(
            "insert into discount_amounts (code, currency, amount) \
             select ?1, value ->> 0, value ->> 1 from json_each(?2)",
        )
        .bind(&discount.code)
        .bind(prices_json(amounts))
        .execute(&mut *tx.0)
        .await?;
    }
    Ok(())
}

fn prices_json(prices: &Prices) -> String {
    let rows: Vec<_> =
        prices.iter().map(|(currency, price)| json!([currency.as_str(), price.get()])).collect();
    json!(rows).to_string()
}

/// Puts a code in the place of the one of this name, or behind all others.
pub async fn put_discount(
    tx: &mut Tx,
    was: Option<&str>,
    discount: &Discount,
) -> Result<(), StoreError> {
    let position: Option<i64> = sqlx::query_scalar("select position from discounts where code = ?")
        .bind(was)
        .fetch_optional(&mut *tx.0)
        .await?;
    let position = match position {
        Some(position) => position,
        None => next_position(tx, "select 1 + coalesce(max(position), -1) from discounts").await?,
    };
    if let Some(was) = was {
        remove_discount(tx, was).await?;
    }
    insert_discount(tx, discount, position).await
}

async fn next_position(tx: &mut Tx, query: &'static str) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(query).fetch_one(&mut *tx.0).await?)
}

pub async fn remove_discount(tx: &mut Tx, code: &str) -> Result<(), StoreError> {
    sqlx::query("delete from discounts where code = ?").bind(code).execute(&mut *tx.0).await?;
    Ok(())
}

const RATES: &str = "select r.name, r.countries, r.edition, \
        (select json_group_array(json_array(p.currency, p.price) order by w.position) \
         from shipping_prices p join wallets w on w.currency = p.currency where p.rate = r.name) as prices \
     from shipping_rates r order by r.position";

/// All ways of sending, in the seller's order.
pub async fn list_rates(db: &Db) -> Result<Vec<KeptRate>, StoreError> {
    read_rates(&mut *db.read.acquire().await?).await
}

/// The same inside a transaction.
pub async fn list_rates_now(tx: &mut Tx) -> Result<Vec<KeptRate>, StoreError> {
    read_rates(&mut tx.0).await
}

pub(super) async fn read_rates(
    connection: &mut SqliteConnection,
) -> Result<Vec<KeptRate>, StoreError> {
    let rows = sqlx::query(RATES).fetch_all(connection).await?;
    rows.iter().map(parse_rate).collect()
}

fn parse_rate(row: &SqliteRow) -> Result<KeptRate, StoreError> {
    let letters: String = row.try_get("countries")?;
    let countries = letters.split(',').filter(|code| !code.is_empty()).map(Country::parse);
    Ok(KeptRate {
        rate: RateRecord {
            name: row.try_get("name")?,
            countries: countries
                .collect::<Result<_, _>>()
                .map_err(|_| StoreError::Row("countries"))?,
            prices: parse_prices(row.try_get("prices")?)?,
        },
        edition: row.try_get("edition")?,
    })
}

/// Replaces all ways of sending.
pub async fn replace_rates(tx: &mut Tx, rates: &[RateRecord]) -> Result<(), StoreError> {
    sqlx::query("delete from shipping_rates").execute(&mut *tx.0).await?;
    for (position, rate) in (0_i64..).zip(rates) {
        insert_rate(tx, rate, position).await?;
    }
    Ok(())
}

async fn insert_rate(tx: &mut Tx, rate: &RateRecord, position: i64) -> Result<(), StoreError> {
    let letters: Vec<&str> = rate.countries.iter().map(|country| country.code()).collect();
    sqlx::query(
        "insert into shipping_rates (name, position, countries, edition) \
         values (?, ?, ?, (select version from catalog_state))",
    )
    .bind(&rate.name)
    .bind(position)
    .bind(letters.join(","))
    .execute(&mut *tx.0)
    .await?;
    sqlx::query(
        "insert into shipping_prices (rate, currency, price) \
         select ?1, value ->> 0, value ->> 1 from json_each(?2)",
    )
    .bind(&rate.name)
    .bind(prices_json(&rate.prices))
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Puts a way of sending in the place of the one of this name, or behind all others.
pub async fn put_rate(
    tx: &mut Tx,
    was: Option<&str>,
    rate: &RateRecord,
) -> Result<(), StoreError> {
    let position: Option<i64> =
        sqlx::query_scalar("select position from shipping_rates where name = ?")
            .bind(was)
            .fetch_optional(&mut *tx.0)
            .await?;
    let position = match position {
        Some(position) => position,
        None => {
            next_position(tx, "select 1 + coalesce(max(position), -1) from shipping_rates").await?
        }
    };
    if let Some(was) = was {
        remove_rate(tx, was).await?;
    }
    insert_rate(tx, rate, position).await
}

pub async fn remove_rate(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    sqlx::query("delete from shipping_rates where name = ?").bind(name).execute(&mut *tx.0).await?;
    Ok(())
}

/// What stands in an order that the seller chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    Discounts,
    Rates,
    Wallets,
}

/// Says in which order they stand from now on: the names of all of them.
pub async fn reorder(tx: &mut Tx, what: Ordered, names: &[String]) -> Result<(), StoreError> {
    let statement = match what {
        Ordered::Discounts => {
            "update discounts set position = e.key from json_each(?) e where code = e.value"
        }
        Ordered::Rates => {
            "update shipping_rates set position = e.key from json_each(?) e where name = e.value"
        }
        Ordered::Wallets => {
            "update wallets set position = e.key from json_each(?) e where currency = e.value"
        }
    };
    sqlx::query(statement).bind(json!(names).to_string()).execute(&mut *tx.0).await?;
    Ok(())
}
