//! Invoices, addresses and amounts.

use crate::domain::orders::OrderRef;
use crate::domain::payment::Address;
use crate::domain::payment::Coin;
use crate::domain::payment::Destination;
use crate::domain::payment::ExtendedPubkey;
use crate::domain::payment::TransactionId;
use crate::domain::payment::ViewKey;
use crate::domain::payment::Wallet;
use crate::domain::values::Amount;
use crate::domain::values::Currency;
use crate::domain::values::Timestamp;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use sqlx::Row;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteRow;

/// The wallets, in the seller's order.
pub async fn list_wallets(db: &Db) -> Result<Vec<Wallet>, StoreError> {
    let rows = sqlx::query("select * from wallets order by position").fetch_all(&db.read).await?;
    rows.iter().map(parse_wallet).collect()
}

/// The same inside a transaction.
pub async fn list_wallets_now(tx: &mut Tx) -> Result<Vec<Wallet>, StoreError> {
    let rows = sqlx::query("select * from wallets order by position").fetch_all(&mut *tx.0).await?;
    rows.iter().map(parse_wallet).collect()
}

/// The wallet of a currency as it is at this moment of the transaction.
pub async fn find_wallet(tx: &mut Tx, currency: &Currency) -> Result<Option<Wallet>, StoreError> {
    let row = sqlx::query("select * from wallets where currency = ?")
        .bind(currency.as_str())
        .fetch_optional(&mut *tx.0)
        .await?;
    row.as_ref().map(parse_wallet).transpose()
}

/// Takes the next index of an account, as [`Destination::account`] names it; it is never given out again, whatever becomes of
/// the order. Those that a node found used on the chain are passed over.
pub async fn take_index(tx: &mut Tx, account: &str) -> Result<u32, StoreError> {
    loop {
        let row = sqlx::query(
            // The row without a key: where those begin that a copy which was brought back did not know.
            "insert into derivations (xpub, next_index) \
             values (?, 1 + coalesce((select next_index from derivations where xpub = ''), 0)) \
             on conflict (xpub) do update set next_index = next_index + 1 \
             returning next_index - 1 as taken, exists (select 1 from used_indexes u \
                 where u.xpub = derivations.xpub and u.key_index = derivations.next_index - 1) as is_used",
        )
        .bind(account)
        .fetch_one(&mut *tx.0)
        .await?;
        let taken: i64 = row.try_get("taken")?;
        if !row.try_get::<bool, _>("is_used")? {
            return u32::try_from(taken).map_err(|_| StoreError::Row("next_index"));
        }
    }
}

/// How far an account was used.
pub struct Reach {
    /// Units: addresses that were given out, and those that were left out on the way.
    pub n_given: i64,
    /// Of those, how many were given out after the last one that was paid to.
    pub n_since_paid: i64,
}

pub async fn find_reach(db: &Db, account: &str) -> Result<Option<Reach>, StoreError> {
    let row: Option<(i64, i64)> = sqlx::query_as(
        "select next_index, next_index - 1 - coalesce(paid_index, -1) from derivations where xpub = ?",
    )
    .bind(account)
    .fetch_optional(&db.read)
    .await?;
    Ok(row.map(|(n_given, n_since_paid)| Reach { n_given, n_since_paid }))
}

/// Accounts that an earlier version of the shop named by their text go on under the name that all texts of one account
/// have. The old rows stay, and change nothing.
pub(super) async fn name_accounts(pool: &SqlitePool) -> Result<(), StoreError> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select xpub, next_index from derivations where xpub glob '[xyz]pub*' and 0 < next_index",
    )
    .fetch_all(pool)
    .await?;
    for (text, next) in rows {
        // Bitcoin reads every prefix; the account is the same for all coins.
        let Ok(key) = ExtendedPubkey::parse(&Coin::Bitcoin, &text) else { continue };
        sqlx::query(
            "insert into derivations (xpub, next_index) values (?, ?) \
             on conflict (xpub) do update set next_index = excluded.next_index where next_index < excluded.next_index",
        )
        .bind(key.identity())
        .bind(next)
        .execute(pool)
        .await?;
    }
    Ok(())
}

/// The amounts from `least` to `most` that orders are asked for at an address: unfinished ones, and those that were
/// finished on `recent` or later, since a late payment must not be taken for a new one.
pub async fn list_amounts(
    tx: &mut Tx,
    address: &Address,
    least: Amount,
    most: Amount,
    recent: Timestamp,
) -> Result<Vec<Amount>, StoreError> {
    let amounts: Vec<i64> = sqlx::query_scalar(
        "select i.amount from invoices i join orders o on o.id = i.order_id where i.address = ? and i.amount between ? and ? \
             and (o.finished_at is null or ? <= o.finished_at)",
    )
    .bind(address.as_str())
    .bind(least.get())
    .bind(most.get())
    .bind(recent.day_start().get())
    .fetch_all(&mut *tx.0)
    .await?;
    amounts.into_iter().map(|n| Amount::new(n).map_err(|_| StoreError::Row("amount"))).collect()
}

/// How many transaction ids an order was given so far.
pub async fn count_transactions(tx: &mut Tx, order_ref: &OrderRef) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "select count(*) from given_transactions \
         where order_id = (select id from orders where order_ref = ?)",
    )
    .bind(order_ref.as_str())
    .fetch_one(&mut *tx.0)
    .await?;
    Ok(count)
}

/// The buyer's word that it was paid. An id that was ever given for another order is refused as taken.
pub async fn mark_transaction(
    tx: &mut Tx,
    order_ref: &OrderRef,
    transaction: &TransactionId,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into given_transactions (transaction_id, order_id) select ?1, o.id from orders o \
         where o.order_ref = ?2 and not exists (select 1 from given_transactions g \
             where g.transaction_id = ?1 and g.order_id = o.id)",
    )
    .bind(transaction.digits())
    .bind(order_ref.as_str())
    .execute(&mut *tx.0)
    .await?;
    sqlx::query("update orders set transaction_id = ? where order_ref = ?")
        .bind(transaction.as_str())
        .bind(order_ref.as_str())
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// Replaces all wallets.
pub async fn replace_wallets(tx: &mut Tx, wallets: &[Wallet]) -> Result<(), StoreError> {
    sqlx::query("delete from wallets").execute(&mut *tx.0).await?;
    for (position, wallet) in (0_i64..).zip(wallets) {
        insert_wallet(tx, wallet, position).await?;
    }
    Ok(())
}

/// Keeps a wallet, in the place of the one of its currency where there is one.
pub(super) async fn insert_wallet(
    tx: &mut Tx,
    wallet: &Wallet,
    position: i64,
) -> Result<(), StoreError> {
    let (chain, token, decimals) = coin_columns(&wallet.coin);
    let (address, xpub, view_key) = match &wallet.receives {
        Destination::Address(address) | Destination::Integrated(address) => {
            (Some(address.to_string()), None, None)
        }
        Destination::Account(key) => (None, Some(key.as_str()), None),
        Destination::View(key) => (Some(key.primary().to_string()), None, Some(key.as_str())),
    };
    sqlx::query(
        "insert or replace into wallets (currency, position, name, chain, token, decimals, address, xpub, view_key, edition) \
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, (select version from catalog_state))",
    )
    .bind(wallet.currency.as_str())
    .bind(position)
    .bind(&wallet.name)
    .bind(chain)
    .bind(token)
    .bind(decimals)
    .bind(address)
    .bind(xpub)
    .bind(view_key)
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// A coin as three columns: chain, token, decimals.
pub fn coin_columns(coin: &Coin) -> (Option<i64>, Option<&str>, Option<i64>) {
    let chain_number = |chain: &u64| i64::try_from(*chain).ok();
    match coin {
        Coin::Bitcoin | Coin::Monero => (None, None, None),
        Coin::Ether { chain } => (chain_number(chain), None, None),
        Coin::Token { chain, contract, decimals } => {
            (chain_number(chain), Some(contract.as_str()), Some(i64::from(*decimals)))
        }
    }
}

/// The same columns read again.
pub fn parse_coin(row: &SqliteRow, currency: &Currency) -> Result<Coin, StoreError> {
    let chain: Option<i64> = row.try_get("chain")?;
    let token: Option<String> = row.try_get("token")?;
    let decimals: Option<i64> = row.try_get("decimals")?;
    let whole =
        |n: Option<i64>| n.map(u64::try_from).transpose().map_err(|_| StoreError::Row("chain"));
    Coin::parse(currency, whole(chain)?, token.as_deref(), whole(decimals)?)
        .map_err(|_| StoreError::Row("coin"))
}

pub(super) fn parse_wallet(row: &SqliteRow) -> Result<Wallet, StoreError> {
    let currency = parse_currency(row)?;
    let coin = parse_coin(row, &currency)?;
    let address: Option<String> = row.try_get("address")?;
    let xpub: Option<String> = row.try_get("xpub")?;
    let view_key: Option<String> = row.try_get("view_key")?;
    let parse_address =
        |text: &str| Address::parse(&coin, text).map_err(|_| StoreError::Row("address"));
    let receives = match (address, view_key, xpub) {
        (Some(primary), Some(text), _) => {
            let key = ViewKey::parse(&parse_address(&primary)?, &text);
            Destination::View(key.map_err(|_| StoreError::Row("view_key"))?)
        }
        (Some(text), None, _) => Destination::of_address(parse_address(&text)?),
        (None, _, Some(text)) => Destination::Account(
            ExtendedPubkey::parse(&coin, &text).map_err(|_| StoreError::Row("xpub"))?,
        ),
        (None, _, None) => return Err(StoreError::Row("address")),
    };
    Ok(Wallet { currency, name: row.try_get("name")?, coin, receives })
}

pub fn parse_currency(row: &SqliteRow) -> Result<Currency, StoreError> {
    Currency::parse(row.try_get("currency")?).map_err(|_| StoreError::Row("currency"))
}
