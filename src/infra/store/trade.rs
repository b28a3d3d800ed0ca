//! Discount codes, shipping methods and wallets.

use crate::domain::catalog::Discount;
use crate::domain::catalog::Less;
use crate::domain::catalog::Prices;
use crate::domain::catalog::RateRecord;
use crate::domain::orders::OrderRef;
use crate::domain::payment::ExtendedPubkey;
use crate::domain::payment::Wallet;
use crate::domain::values::Amount;
use crate::domain::values::Country;
use crate::domain::values::Currency;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use crate::infra::store::orders::moment;
use crate::infra::store::payment::insert_wallet;
use crate::infra::store::payment::parse_wallet;
use serde_json::json;
use sqlx::Row;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

/// A code as the desk shows it.
#[derive(Clone, Debug)]
pub struct StoredDiscount {
    pub discount: Discount,
    /// Units: orders that use it.
    pub used: i64,
    pub edition: i64,
}

/// A way of sending as the desk shows it, with all its prices.
#[derive(Clone, Debug)]
pub struct StoredRate {
    pub rate: RateRecord,
    pub edition: i64,
}

const DISCOUNTS: &str = "select d.code, d.percent, d.first_day, d.last_day, d.uses, d.edition, \
        coalesce((select used from discount_uses u where u.code = d.code), 0) as used, \
        (select json_group_array(json_array(a.currency, a.amount) order by w.position) \
         from discount_amounts a join wallets w on w.currency = a.currency where a.code = d.code) as amounts \
     from discounts d where ?1 is null or d.code = ?1 order by d.position";

/// All codes, in the seller's order.
pub async fn list_discounts(db: &Db) -> Result<Vec<StoredDiscount>, StoreError> {
    read_discounts(&mut *db.read.acquire().await?).await
}

/// The same inside a transaction.
pub async fn list_discounts_now(tx: &mut Tx) -> Result<Vec<StoredDiscount>, StoreError> {
    read_discounts(&mut tx.0).await
}

pub(super) async fn read_discounts(
    connection: &mut SqliteConnection,
) -> Result<Vec<StoredDiscount>, StoreError> {
    let rows = sqlx::query(DISCOUNTS).bind(None::<&str>).fetch_all(connection).await?;
    rows.iter().map(parse_discount).collect()
}

/// `code`: capital letters.
pub async fn find_discount(tx: &mut Tx, code: &str) -> Result<Option<StoredDiscount>, StoreError> {
    let row = sqlx::query(DISCOUNTS).bind(code).fetch_optional(&mut *tx.0).await?;
    row.as_ref().map(parse_discount).transpose()
}

fn parse_discount(row: &SqliteRow) -> Result<StoredDiscount, StoreError> {
    let percent: Option<i64> = row.try_get("percent")?;
    let day = |column: &'static str| -> Result<_, StoreError> {
        row.try_get::<Option<i64>, _>(column)?.map(|_| moment(row, column)).transpose()
    };
    let less = match percent {
        Some(percent) => Less::Percent(percent),
        None => Less::Amounts(parse_prices(row.try_get("amounts")?)?),
    };
    Ok(StoredDiscount {
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
            Amount::new(price).map_err(|_| StoreError::Row("price"))?,
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

/// An order gives its use of a code back: one less.
pub async fn give_back_use(
    tx: &mut Tx,
    order_ref: &OrderRef,
    code: &str,
) -> Result<(), StoreError> {
    sqlx::query("update orders set code_is_back = 1 where order_ref = ?")
        .bind(order_ref.as_str())
        .execute(&mut *tx.0)
        .await?;
    sqlx::query("update discount_uses set used = max(0, used - 1) where code = ?")
        .bind(code)
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// The order uses the code again, if it has given its use back.
pub async fn take_use_again(
    tx: &mut Tx,
    order_ref: &OrderRef,
    code: &str,
) -> Result<(), StoreError> {
    let taken =
        sqlx::query("update orders set code_is_back = 0 where order_ref = ? and code_is_back = 1")
            .bind(order_ref.as_str())
            .execute(&mut *tx.0)
            .await?;
    if taken.rows_affected() == 0 { Ok(()) } else { take_use(tx, code).await }
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
pub async fn list_rates(db: &Db) -> Result<Vec<StoredRate>, StoreError> {
    read_rates(&mut *db.read.acquire().await?).await
}

/// The same inside a transaction.
pub async fn list_rates_now(tx: &mut Tx) -> Result<Vec<StoredRate>, StoreError> {
    read_rates(&mut tx.0).await
}

pub(super) async fn read_rates(
    connection: &mut SqliteConnection,
) -> Result<Vec<StoredRate>, StoreError> {
    let rows = sqlx::query(RATES).fetch_all(connection).await?;
    rows.iter().map(parse_rate).collect()
}

fn parse_rate(row: &SqliteRow) -> Result<StoredRate, StoreError> {
    let letters: String = row.try_get("countries")?;
    let countries = letters.split(',').filter(|code| !code.is_empty()).map(Country::parse);
    Ok(StoredRate {
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
pub async fn put_rate(tx: &mut Tx, was: Option<&str>, rate: &RateRecord) -> Result<(), StoreError> {
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

/// A wallet as the desk shows it.
#[derive(Clone, Debug)]
pub struct StoredWallet {
    pub wallet: Wallet,
    pub edition: i64,
}

const WALLETS: &str = "select * from wallets order by position";

/// All wallets, the preferred first.
pub async fn list_kept_wallets(db: &Db) -> Result<Vec<StoredWallet>, StoreError> {
    let rows = sqlx::query(WALLETS).fetch_all(&db.read).await?;
    rows.iter().map(parse_kept_wallet).collect()
}

/// The same inside a transaction.
pub async fn list_kept_wallets_now(tx: &mut Tx) -> Result<Vec<StoredWallet>, StoreError> {
    let rows = sqlx::query(WALLETS).fetch_all(&mut *tx.0).await?;
    rows.iter().map(parse_kept_wallet).collect()
}

fn parse_kept_wallet(row: &SqliteRow) -> Result<StoredWallet, StoreError> {
    Ok(StoredWallet { wallet: parse_wallet(row)?, edition: row.try_get("edition")? })
}

/// Puts a wallet in the place of the one of its currency, or behind all others.
pub async fn put_wallet(tx: &mut Tx, wallet: &Wallet) -> Result<(), StoreError> {
    let position: Option<i64> =
        sqlx::query_scalar("select position from wallets where currency = ?")
            .bind(wallet.currency.as_str())
            .fetch_optional(&mut *tx.0)
            .await?;
    let position = match position {
        Some(position) => position,
        None => next_position(tx, "select 1 + coalesce(max(position), -1) from wallets").await?,
    };
    insert_wallet(tx, wallet, position).await
}

/// Removes a wallet, and all that has a price in its currency loses that price. What was given out of its account is kept
/// elsewhere, and stays.
pub async fn remove_wallet(tx: &mut Tx, currency: &Currency) -> Result<(), StoreError> {
    for statement in [
        "delete from prices where currency = ?",
        "delete from shipping_prices where currency = ?",
        "delete from discount_amounts where currency = ?",
        "delete from sheet_cells where currency = ?",
        "delete from wallets where currency = ?",
    ] {
        sqlx::query(statement).bind(currency.as_str()).execute(&mut *tx.0).await?;
    }
    Ok(())
}

/// Every price in a currency: of products, options, ways of sending and codes.
pub async fn list_prices_in(tx: &mut Tx, currency: &Currency) -> Result<Vec<Amount>, StoreError> {
    let prices: Vec<i64> = sqlx::query_scalar(
        "select price from prices where currency = ?1 union select price from shipping_prices where currency = ?1 \
         union select amount from discount_amounts where currency = ?1",
    )
    .bind(currency.as_str())
    .fetch_all(&mut *tx.0)
    .await?;
    prices.into_iter().map(|n| Amount::new(n).map_err(|_| StoreError::Row("price"))).collect()
}

/// What would have no price left without a currency.
#[derive(Clone, Debug, Default)]
pub struct Stranded {
    pub n: usize,
    /// The first of them.
    pub names: Vec<String>,
    /// Units: products that lose one of several prices.
    pub n_products: i64,
    /// Units: orders that are asked for this currency and are not finished.
    pub n_orders: i64,
}

impl Stranded {
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }
}

// One walk through the prices, of which only products have any that are there: a look for each product would take longer.
const STRANDED: &str = "\
    select name from products where id in (select product_id from prices r where r.option_id = 0 and r.currency = ?1 \
        and not exists (select 1 from prices o where o.product_id = r.product_id and o.option_id = 0 and o.currency <> ?1)) \
    union all select name from shipping_rates s \
        where exists (select 1 from shipping_prices r where r.rate = s.name and r.currency = ?1) \
        and not exists (select 1 from shipping_prices r where r.rate = s.name and r.currency <> ?1) \
    union all select code from discounts d \
        where exists (select 1 from discount_amounts a where a.code = d.code and a.currency = ?1) \
        and not exists (select 1 from discount_amounts a where a.code = d.code and a.currency <> ?1)";

const LOSING: &str = "\
    select (select count(*) from prices r where r.option_id = 0 and r.currency = ?1) as products, \
        (select count(*) from orders o join invoices i on i.order_id = o.id where i.currency = ?1 \
            and o.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'late')) as orders";

/// Units: names that are shown.
const MOST_NAMES: usize = 12;

pub async fn list_stranded(db: &Db, currency: &Currency) -> Result<Stranded, StoreError> {
    read_stranded(&mut *db.read.acquire().await?, currency).await
}

/// The same inside a transaction.
pub async fn list_stranded_now(tx: &mut Tx, currency: &Currency) -> Result<Stranded, StoreError> {
    read_stranded(&mut tx.0, currency).await
}

async fn read_stranded(
    connection: &mut SqliteConnection,
    currency: &Currency,
) -> Result<Stranded, StoreError> {
    let mut names: Vec<String> =
        sqlx::query_scalar(STRANDED).bind(currency.as_str()).fetch_all(&mut *connection).await?;
    let n = names.len();
    names.truncate(MOST_NAMES);
    let row = sqlx::query(LOSING).bind(currency.as_str()).fetch_one(connection).await?;
    Ok(Stranded {
        n,
        names,
        n_products: row.try_get("products")?,
        n_orders: row.try_get("orders")?,
    })
}

/// The next indexes that an account's orders get.
pub async fn list_next_indexes(
    db: &Db,
    account: &str,
    count: usize,
) -> Result<Vec<u32>, StoreError> {
    let next: i64 = sqlx::query_scalar(
        "select coalesce((select next_index from derivations where xpub = ?), \
            (select next_index from derivations where xpub = ''), 0)",
    )
    .bind(account)
    .fetch_one(&db.read)
    .await?;
    let used: Vec<i64> = sqlx::query_scalar(
        "select key_index from used_indexes where xpub = ? and ? <= key_index order by key_index limit 1000",
    )
    .bind(account)
    .bind(next)
    .fetch_all(&db.read)
    .await?;
    let free = (next..=i64::from(ExtendedPubkey::LAST_INDEX)).filter(|index| !used.contains(index));
    free.take(count)
        .map(|index| u32::try_from(index).map_err(|_| StoreError::Row("next_index")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::Connection;
    use sqlx::sqlite::SqliteConnectOptions;

    #[test]
    fn an_older_shops_uses_are_counted_as_the_shop_counts_them() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("shop.sqlite");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            let mut migrator = sqlx::migrate!();
            migrator.migrations =
                migrator.iter().filter(|migration| migration.version <= 7).cloned().collect();
            migrator.run(&mut connection).await.unwrap();
            // State, what the seller says has come, what the node saw.
            for (status, received, seen) in [
                ("awaiting", 0, None),
                ("expired", 0, Some(0)),
                ("expired", 0, Some(1)),
                ("late", 5, None),
                ("cancelled", 0, None),
                ("cancelled", 0, Some(0)),
                ("cancelled", 0, Some(9)),
                ("cancelled", 9, None),
                ("shipped", 9, None),
            ] {
                sqlx::query(
                    "insert into orders (order_ref, form_token, lookup_name, status, placed_at, discount_code) \
                     values (hex(randomblob(5)), randomblob(32), randomblob(32), ?, 1795219200, 'SPRING')",
                )
                .bind(status)
                .execute(&mut connection)
                .await
                .unwrap();
                sqlx::query(
                    "insert into invoices (order_id, currency, address, amount, total, received, seen, until) \
                     values (last_insert_rowid(), 'BTC', 'x', 9, 9, ?, ?, 4000000000)",
                )
                .bind(received)
                .bind(seen)
                .execute(&mut connection)
                .await
                .unwrap();
            }
            connection.close().await.unwrap();
            let db = Db::open_or_make(&file).await.unwrap();
            let used: i64 = sqlx::query_scalar("select used from discount_uses")
                .fetch_one(&db.read)
                .await
                .unwrap();
            assert_eq!(used, 5);
            db.close().await;
        });
    }

    #[test]
    fn no_page_of_the_trade_reads_every_order_or_every_price_of_every_thing() {
        let home = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let db = Db::open_or_make(&home.path().join("shop.sqlite")).await.unwrap();
            // What is read from end to end is short: codes, ways of sending, wallets; and products, for the one page that
            // asks before a wallet goes.
            for (query, may_scan) in [
                (DISCOUNTS, &["SCAN d", "SCAN a", "SCAN w"][..]),
                (RATES, &["SCAN r", "SCAN p", "SCAN w"]),
                (STRANDED, &["SCAN p", "SCAN s", "SCAN d", "SCAN r"]),
                (LOSING, &["SCAN r", "SCAN p", "SCAN CONSTANT ROW"]),
            ] {
                let plan: Vec<(i64, i64, i64, String)> =
                    sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {query}")))
                        .bind("ETH")
                        .fetch_all(&db.read)
                        .await
                        .unwrap();
                for (_, _, _, step) in &plan {
                    let is_short = may_scan.iter().any(|may| step.starts_with(may));
                    assert!(!step.starts_with("SCAN") || is_short, "{step}: {query}");
                }
            }
            db.close().await;
        });
    }
}
