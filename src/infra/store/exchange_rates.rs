//! Exchange rates, and the prices in coins that are converted with them.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::catalog::{CoinValue, ExchangeRate, RateSource};
use crate::domain::payment::Wallet;
use crate::domain::values::{Currency, FiatCurrency, FiatPrice, Timestamp};
use crate::infra::store::{Connection, StoreError, Tx, listing_index, wallets};

#[derive(FromRow)]
struct RateRow {
    currency: Currency,
    price_in: FiatCurrency,
    value: CoinValue,
    at: Timestamp,
    valid_until: Timestamp,
    source: RateSource,
}

impl RateRow {
    fn rate(self) -> ExchangeRate {
        let Self { currency, price_in, value, at, valid_until, source } = self;
        ExchangeRate { currency, price_in, value, at, valid_until, source }
    }
}

/// Every rate that was not removed, valid or not, in the order of the wallets; those of coins without a wallet come last.
pub async fn list(db: &mut Connection) -> Result<Vec<ExchangeRate>, StoreError> {
    let rows: Vec<RateRow> = sqlx::query_as(
        r#"
        select r.* from exchange_rates r left join wallets w on w.currency = r.currency
        where r.at < r.valid_until
        order by w.position is null, w.position, r.currency
        "#,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(RateRow::rate).collect())
}

/// Replaces the rate of a coin. Prices are converted by [`convert_all`].
pub async fn put(tx: &mut Tx, rate: &ExchangeRate) -> Result<(), StoreError> {
    replace(tx, rate, false).await.map(|_| ())
}

/// The same, unless a rate in the same currency was observed or removed since. Returns whether it was replaced.
pub async fn put_newer(tx: &mut Tx, rate: &ExchangeRate) -> Result<bool, StoreError> {
    replace(tx, rate, true).await
}

async fn replace(tx: &mut Tx, rate: &ExchangeRate, only_newer: bool) -> Result<bool, StoreError> {
    let done = sqlx::query(
        r#"
        insert into exchange_rates (currency, price_in, value, at, valid_until, source) values ($1, $2, $3, $4, $5, $6)
        on conflict (currency) do update set price_in = excluded.price_in, value = excluded.value, at = excluded.at,
            valid_until = excluded.valid_until, source = excluded.source
        where not $7 or at < excluded.at or price_in <> excluded.price_in
        "#,
    )
    .bind(&rate.currency)
    .bind(rate.price_in)
    .bind(rate.value)
    .bind(rate.at)
    .bind(rate.valid_until)
    .bind(rate.source)
    .bind(only_newer)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() != 0)
}

/// Removes the rate of a coin. Returns whether there was one.
///
/// The row stays, valid for no time: so the seller's file or URL does not bring the same rate back.
pub async fn remove(tx: &mut Tx, currency: &Currency, now: Timestamp) -> Result<bool, StoreError> {
    let done = sqlx::query(
        r#"
        update exchange_rates set at = $2, valid_until = $2, source = 'seller'
        where currency = $1 and at < valid_until
        "#,
    )
    .bind(currency)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() != 0)
}

/// Units: products of which the product itself or an option has a price in ordinary money; first those in this currency, then
/// those in others.
pub async fn count_priced(
    db: &mut Connection,
    price_in: Option<FiatCurrency>,
) -> Result<(i64, i64), StoreError> {
    let counts = sqlx::query_as(
        r#"
        select count(distinct iif(f.currency = $1, f.product_id, null)), count(distinct iif(f.currency is not $1, f.product_id, null))
        from fiat_prices f join products p on p.id = f.product_id
        where p.gone = 0
        "#,
    );
    Ok(counts.bind(price_in).fetch_one(db).await?)
}

/// Converts every price in ordinary money anew, in the currency of each wallet.
pub async fn convert_all(tx: &mut Tx) -> Result<(), StoreError> {
    convert(tx, None).await?;
    let converted: Vec<i64> = sqlx::query_scalar("select distinct product_id from fiat_prices")
        .fetch_all(&mut **tx)
        .await?;
    listing_index::follow_sort_keys(tx, &converted).await
}

/// The same, where the listing index is rebuilt afterwards.
pub async fn convert_before_rebuild(tx: &mut Tx) -> Result<(), StoreError> {
    convert(tx, None).await
}

/// The same for some products. Where lists that are sorted by price have them is left to the caller.
pub(super) async fn convert_products(tx: &mut Tx, products: &[i64]) -> Result<(), StoreError> {
    convert(tx, Some(json!(products).to_string())).await
}

/// `products`: an array of their ids.
async fn convert(tx: &mut Tx, products: Option<String>) -> Result<(), StoreError> {
    let delete = match products {
        Some(_) => {
            "delete from prices where is_converted = 1 and product_id in (select value from json_each($1))"
        }
        None => "delete from prices where is_converted = 1",
    };
    sqlx::query(delete).bind(&products).execute(&mut **tx).await?;
    let amounts: Vec<(FiatCurrency, i64)> = sqlx::query_as(match products {
        Some(_) => {
            "select distinct currency, price from fiat_prices where product_id in (select value from json_each($1))"
        }
        None => "select distinct currency, price from fiat_prices",
    })
    .bind(&products)
    .fetch_all(&mut **tx)
    .await?;
    if amounts.is_empty() {
        return Ok(());
    }
    let rates = list(tx).await?;
    for wallet in wallets::list(tx).await? {
        let rate = rates.iter().find(|rate| rate.currency == wallet.currency);
        insert_converted(tx, &wallet, converted(&amounts, &wallet, rate), products.as_deref())
            .await?;
    }
    Ok(())
}

/// Currency, price and its amount of coins: `[["EUR", 4500, 16982000], …]`. Shape: those without an amount are left out.
fn converted(
    amounts: &[(FiatCurrency, i64)],
    wallet: &Wallet,
    rate: Option<&ExchangeRate>,
) -> String {
    let coins = amounts.iter().filter_map(|(currency, minor)| {
        let price = FiatPrice { currency: *currency, minor: *minor };
        let coins = rate?.coins_for(price, &wallet.coin)?;
        Some(json!([currency.as_str(), minor, coins.get()]))
    });
    json!(coins.collect::<Vec<_>>()).to_string()
}

/// A price of the seller's own in the coin comes before a converted one.
macro_rules! insert_converted {
    ($of:literal) => {
        concat!(
            r#"
            insert into prices (product_id, option_id, currency, price, is_converted)
            select f.product_id, f.option_id, $1, c.coins, 1
            from fiat_prices f
            left join (select value ->> 0 as currency, value ->> 1 as price, value ->> 2 as coins from json_each($2)) c
                on c.currency = f.currency and c.price = f.price
            where "#,
            $of,
            " on conflict (product_id, option_id, currency) do nothing"
        )
    };
}

async fn insert_converted(
    tx: &mut Tx,
    wallet: &Wallet,
    coins: String,
    products: Option<&str>,
) -> Result<(), StoreError> {
    let statement = match products {
        Some(_) => insert_converted!("f.product_id in (select value from json_each($3))"),
        None => insert_converted!("$3 is null"),
    };
    sqlx::query(statement)
        .bind(&wallet.currency)
        .bind(coins)
        .bind(products)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::values::Amount;
    use crate::infra::store::test_shop::{older_shop, with_file, with_shop};

    const SHOP: &str = r#"
        insert into wallets (currency, position, name, address) values
            ('ETH', 0, 'Ether', '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'), ('BTC', 1, 'Bitcoin', '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa');
        insert into products (id, slug, position, name, description_html, file_quantity, stock)
            values (1, 'tea', 0, 'Tea', '', 9, 9), (2, 'cap', 1, 'Cap', '', 9, 9);
        insert into prices (product_id, option_id, currency, price) values (2, 0, 'ETH', 5);
        insert into fiat_prices (product_id, option_id, currency, price)
            values (1, 0, 'EUR', 4500), (2, 0, 'EUR', 4500), (2, 7, 'USD', 100);
        "#;

    async fn prices(tx: &mut Tx) -> Vec<(i64, i64, String, Option<Amount>)> {
        sqlx::query_as(
            "select product_id, option_id, currency, price from prices order by 1, 2, 3 desc",
        )
        .fetch_all(&mut **tx)
        .await
        .unwrap()
    }

    fn rate(currency: &str, value: &str) -> ExchangeRate {
        ExchangeRate {
            currency: Currency::parse(currency).unwrap(),
            price_in: FiatCurrency::parse("EUR").unwrap(),
            value: CoinValue::parse(value).unwrap(),
            at: Timestamp::new(1_000_000).unwrap(),
            valid_until: Timestamp::new(2_000_000).unwrap(),
            source: RateSource::File,
        }
    }

    #[test]
    fn a_price_is_converted_for_each_wallet_beside_the_sellers_own() {
        with_shop(async |db| {
            let mut tx = db.write().await.unwrap();
            sqlx::raw_sql(SHOP).execute(&mut *tx).await.unwrap();
            convert_all(&mut tx).await.unwrap();
            let of = |product, option, currency: &str, price: Option<i64>| {
                let price = price.map(|n| Amount::new(n).unwrap());
                (product, option, currency.to_owned(), price)
            };
            let without_rate = [
                of(1, 0, "ETH", None),
                of(1, 0, "BTC", None),
                of(2, 0, "ETH", Some(5)),
                of(2, 0, "BTC", None),
                of(2, 7, "ETH", None),
                of(2, 7, "BTC", None),
            ];
            assert_eq!(prices(&mut tx).await, without_rate);
            put(&mut tx, &rate("ETH", "2650")).await.unwrap();
            put(&mut tx, &rate("ETH", "2500")).await.unwrap();
            assert_eq!(list(&mut tx).await.unwrap(), [rate("ETH", "2500")]);
            convert_all(&mut tx).await.unwrap();
            let mut with_rate = without_rate;
            with_rate[0] = of(1, 0, "ETH", Some(18_000_000));
            assert_eq!(prices(&mut tx).await, with_rate);
            put(&mut tx, &rate("BTC", "90000")).await.unwrap();
            convert_products(&mut tx, &[2]).await.unwrap();
            with_rate[3] = of(2, 0, "BTC", Some(500_000));
            assert_eq!(prices(&mut tx).await, with_rate);
            let eur = FiatCurrency::parse("EUR").ok();
            assert_eq!(count_priced(&mut tx, eur).await.unwrap(), (2, 1));
            assert_eq!(count_priced(&mut tx, None).await.unwrap(), (0, 2));
            let (ether, now) = (rate("ETH", "1").currency, Timestamp::new(1_500_000).unwrap());
            assert!(remove(&mut tx, &ether, now).await.unwrap());
            assert!(!remove(&mut tx, &ether, now).await.unwrap());
            assert_eq!(list(&mut tx).await.unwrap(), [rate("BTC", "90000")]);
            convert_all(&mut tx).await.unwrap();
            assert_eq!(prices(&mut tx).await[0], of(1, 0, "ETH", None));
            tx.commit().await.unwrap();
        });
    }

    #[test]
    fn an_older_rate_replaces_neither_a_newer_one_nor_a_removed_one() {
        with_shop(async |db| {
            let mut tx = db.write().await.unwrap();
            sqlx::raw_sql(SHOP).execute(&mut *tx).await.unwrap();
            let at = |seconds: i64, value: &str| ExchangeRate {
                at: Timestamp::new(seconds).unwrap(),
                ..rate("ETH", value)
            };
            for (new, is_newer) in [
                (at(1_000_000, "2500"), true),
                (at(1_000_000, "2600"), false),
                (at(999_999, "2600"), false),
                (at(1_000_001, "2700"), true),
            ] {
                assert_eq!(put_newer(&mut tx, &new).await.unwrap(), is_newer, "{new:?}");
            }
            assert_eq!(list(&mut tx).await.unwrap(), [at(1_000_001, "2700")]);
            let in_usd =
                ExchangeRate { price_in: FiatCurrency::parse("USD").unwrap(), ..at(5, "3000") };
            assert!(put_newer(&mut tx, &in_usd).await.unwrap());

            put(&mut tx, &at(1_000_000, "2500")).await.unwrap();
            let now = Timestamp::new(1_500_000).unwrap();
            assert!(remove(&mut tx, &in_usd.currency, now).await.unwrap());
            assert!(!put_newer(&mut tx, &at(1_500_000, "2500")).await.unwrap());
            assert_eq!(list(&mut tx).await.unwrap(), []);
            assert!(put_newer(&mut tx, &at(1_500_001, "2500")).await.unwrap());
            assert_eq!(list(&mut tx).await.unwrap(), [at(1_500_001, "2500")]);
            tx.commit().await.unwrap();
        });
    }

    #[test]
    fn prices_of_an_older_shop_are_the_sellers_own() {
        with_file(async |file| {
            let mut old = older_shop(file, 16).await;
            sqlx::raw_sql(
                r#"
                insert into products (id, slug, position, name, description_html, file_quantity, stock) values (1, 'tea', 0, 'Tea', '', 9, 9);
                insert into prices (product_id, option_id, currency, price) values (1, 0, 'ETH', 5)
                "#,
            )
            .execute(&mut old)
            .await
            .unwrap();
            sqlx::Connection::close(old).await.unwrap();
            let db = crate::infra::store::Db::open(file).await.unwrap();
            let rows: Vec<(i64, String, i64, bool)> =
                sqlx::query_as("select product_id, currency, price, is_converted from prices")
                    .fetch_all(&db.read)
                    .await
                    .unwrap();
            assert_eq!(rows, [(1, "ETH".to_owned(), 5, false)]);
            db.close().await;
        });
    }
}
