//! The seller's wallets.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::orders::PendingTask;
use crate::domain::payment::{Address, Coin, Destination, ExtendedPubkey, ViewKey, Wallet};
use crate::domain::values::{Amount, Currency};
use crate::infra::store::columns::states_that;
use crate::infra::store::{Connection, StoreError, Tx};

/// A wallet as the desk shows it.
#[derive(Clone, Debug)]
pub struct StoredWallet {
    pub wallet: Wallet,
    pub edition: i64,
}

/// A coin as columns.
#[derive(FromRow)]
pub(super) struct CoinColumns {
    pub chain: Option<i64>,
    pub token: Option<String>,
    pub decimals: Option<i64>,
}

#[derive(FromRow)]
struct WalletRow {
    currency: Currency,
    name: String,
    #[sqlx(flatten)]
    coin: CoinColumns,
    address: Option<String>,
    xpub: Option<String>,
    view_key: Option<String>,
    edition: i64,
}

/// The wallets, in the seller's order.
pub async fn list(db: &mut Connection) -> Result<Vec<Wallet>, StoreError> {
    Ok(list_stored(db).await?.into_iter().map(|stored| stored.wallet).collect())
}

/// The same with their editions.
pub async fn list_stored(db: &mut Connection) -> Result<Vec<StoredWallet>, StoreError> {
    let rows: Vec<WalletRow> =
        sqlx::query_as("select * from wallets order by position").fetch_all(db).await?;
    rows.into_iter().map(WalletRow::wallet).collect()
}

pub async fn find(db: &mut Connection, currency: &Currency) -> Result<Option<Wallet>, StoreError> {
    let row: Option<WalletRow> = sqlx::query_as("select * from wallets where currency = $1")
        .bind(currency)
        .fetch_optional(db)
        .await?;
    Ok(row.map(WalletRow::wallet).transpose()?.map(|stored| stored.wallet))
}

/// Replaces all wallets.
pub async fn replace_all(tx: &mut Tx, wallets: &[Wallet]) -> Result<(), StoreError> {
    sqlx::query("delete from wallets").execute(&mut **tx).await?;
    for wallet in wallets {
        put(tx, wallet).await?;
    }
    Ok(())
}

/// Puts a wallet in the place of the one of its currency, or behind all others.
pub async fn put(tx: &mut Tx, wallet: &Wallet) -> Result<(), StoreError> {
    let coin = CoinColumns::of(&wallet.coin);
    let (address, xpub, view_key) = match &wallet.receives {
        Destination::Address(address) | Destination::Integrated(address) => {
            (Some(address.to_string()), None, None)
        }
        Destination::Account(key) => (None, Some(key.as_str()), None),
        Destination::View(key) => (Some(key.primary().to_string()), None, Some(key.as_str())),
    };
    sqlx::query(
        r#"
        insert into wallets (currency, position, name, chain, token, decimals, address, xpub, view_key, edition)
        values ($1, (select 1 + coalesce(max(position), -1) from wallets), $2, $3, $4, $5, $6, $7, $8,
            (select version from catalog_state))
        on conflict (currency) do update set name = excluded.name, chain = excluded.chain, token = excluded.token,
            decimals = excluded.decimals, address = excluded.address, xpub = excluded.xpub,
            view_key = excluded.view_key, edition = excluded.edition
        "#,
    )
    .bind(&wallet.currency)
    .bind(&wallet.name)
    .bind(coin.chain)
    .bind(coin.token)
    .bind(coin.decimals)
    .bind(address)
    .bind(xpub)
    .bind(view_key)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes a wallet, and every price in its currency. What was given out of its account is kept elsewhere, and stays.
pub async fn remove(tx: &mut Tx, currency: &Currency) -> Result<(), StoreError> {
    for statement in [
        "delete from prices where currency = $1",
        "delete from shipping_prices where currency = $1",
        "delete from shipping_free_from where currency = $1",
        "delete from discount_amounts where currency = $1",
        "delete from sprites where currency = $1",
        "delete from wallets where currency = $1",
    ] {
        sqlx::query(statement).bind(currency).execute(&mut **tx).await?;
    }
    Ok(())
}

/// `currencies`: those of all wallets, in their new order.
pub async fn reorder(tx: &mut Tx, currencies: &[String]) -> Result<(), StoreError> {
    sqlx::query(
        "update wallets set position = e.key from json_each($1) e where currency = e.value",
    )
    .bind(json!(currencies).to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Every price that the seller gave in a currency: of products, options, shipping methods and discount codes.
pub async fn list_prices(
    db: &mut Connection,
    currency: &Currency,
) -> Result<Vec<Amount>, StoreError> {
    let prices = sqlx::query_scalar(
        r#"
        select price from prices where currency = $1 and is_converted = 0
        union select price from shipping_prices where currency = $1
        union select up_to from shipping_prices where currency = $1 and up_to is not null
        union select amount from shipping_free_from where currency = $1
        union select amount from discount_amounts where currency = $1
        "#,
    );
    Ok(prices.bind(currency).fetch_all(db).await?)
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

/// Reads through the prices once: to look for each product would take longer.
const STRANDED: &str = r#"
    select name from products
    where id in (
        select product_id from prices r
        where r.option_id = 0 and r.currency = $1 and r.is_converted = 0
            and not exists (select 1 from prices o where o.product_id = r.product_id and o.option_id = 0 and o.currency <> $1)
            and not exists (select 1 from fiat_prices f where f.product_id = r.product_id and f.option_id = 0))
    union all
    select name from shipping_rates s
    where exists (select 1 from shipping_prices r where r.rate = s.name and r.currency = $1)
        and not exists (select 1 from shipping_prices r where r.rate = s.name and r.currency <> $1)
    union all
    select code from discounts d
    where exists (select 1 from discount_amounts a where a.code = d.code and a.currency = $1)
        and not exists (select 1 from discount_amounts a where a.code = d.code and a.currency <> $1)
    "#;
const LOSING: &str = r#"
    select
        (select count(*) from prices r where r.option_id = 0 and r.currency = $1 and r.is_converted = 0) as products,
        (select count(*) from orders o join invoices i on i.order_id = o.id
            where i.currency = $1 and o.status in (select value from json_each($2))) as orders
    "#;

/// Units: names that are shown.
const MAX_NAMES: usize = 12;

pub async fn list_stranded(
    db: &mut Connection,
    currency: &Currency,
) -> Result<Stranded, StoreError> {
    let mut names: Vec<String> =
        sqlx::query_scalar(STRANDED).bind(currency).fetch_all(&mut *db).await?;
    let n = names.len();
    names.truncate(MAX_NAMES);
    let (n_products, n_orders) = sqlx::query_as(LOSING)
        .bind(currency)
        .bind(states_that(|status| {
            matches!(status.pending_task(), PendingTask::ToPay | PendingTask::ToDecide)
        }))
        .fetch_one(db)
        .await?;
    Ok(Stranded { n, names, n_products, n_orders })
}

impl CoinColumns {
    pub fn of(coin: &Coin) -> Self {
        let number = |chain: &u64| i64::try_from(*chain).ok();
        match coin {
            Coin::BitcoinLike(_) | Coin::Monero => {
                Self { chain: None, token: None, decimals: None }
            }
            Coin::Ether { chain } => Self { chain: number(chain), token: None, decimals: None },
            Coin::Token { chain, contract, decimals } => Self {
                chain: number(chain),
                token: Some(contract.clone()),
                decimals: Some(i64::from(*decimals)),
            },
        }
    }

    pub fn coin(&self, currency: &Currency) -> Result<Coin, StoreError> {
        let number =
            |n: Option<i64>| n.map(u64::try_from).transpose().map_err(|_| StoreError::Row("chain"));
        Coin::parse(currency, number(self.chain)?, self.token.as_deref(), number(self.decimals)?)
            .map_err(|_| StoreError::Row("coin"))
    }
}

impl WalletRow {
    fn wallet(self) -> Result<StoredWallet, StoreError> {
        let coin = self.coin.coin(&self.currency)?;
        let address =
            |text: &str| Address::parse(&coin, text).map_err(|_| StoreError::Row("address"));
        let receives = match (self.address, self.view_key, self.xpub) {
            (Some(primary), Some(text), _) => {
                let key = ViewKey::parse(&address(&primary)?, &text);
                Destination::View(key.map_err(|_| StoreError::Row("view_key"))?)
            }
            (Some(text), None, _) => Destination::of_address(address(&text)?),
            (None, _, Some(text)) => Destination::Account(
                ExtendedPubkey::parse(&coin, &text).map_err(|_| StoreError::Row("xpub"))?,
            ),
            (None, _, None) => return Err(StoreError::Row("address")),
        };
        let wallet = Wallet { currency: self.currency, name: self.name, coin, receives };
        Ok(StoredWallet { wallet, edition: self.edition })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{assert_scans_only, query_plan, with_shop};

    #[test]
    fn what_a_wallet_takes_along_is_found_without_reading_every_order() {
        with_shop(async |db| {
            // Products are read through, for the one page that asks before a wallet goes.
            let steps = query_plan(&db, STRANDED).await;
            assert_scans_only(&steps, &["SCAN p", "SCAN s", "SCAN d", "SCAN r"]);
            let steps = query_plan(&db, LOSING).await;
            assert_scans_only(&steps, &["SCAN r", "SCAN p", "SCAN CONSTANT ROW", "json_each"]);
        });
    }
}
