//! Which addresses of an account were given out. An account is named as [`Destination::account`] names it.
//!
//! The row of `address_indexes` without a key holds the index at which accounts begin that a restored copy did not know.
//!
//! [`Destination::account`]: crate::domain::payment::Destination::account

use serde_json::json;
use sqlx::{FromRow, SqlitePool};

use crate::domain::orders::OrderRef;
use crate::domain::payment::{Coin, ExtendedPubkey};
use crate::domain::values::Currency;
use crate::infra::store::{Connection, StoreError, Tx};

macro_rules! allocate {
    () => {
        r#"
        insert into address_indexes (account, next_index)
        values ($1, 1 + coalesce((select next_index from address_indexes where account = ''), 0))
        on conflict (account) do update set next_index = next_index + 1
        returning next_index - 1, exists (
            select 1 from used_indexes u
            where u.account = address_indexes.account and u.key_index = address_indexes.next_index - 1)
        "#
    };
}

/// Takes the next index of an account, after [`Tx::begin_step`] in the same turn of the database's thread. Once committed it is
/// never given out again, whatever becomes of the order. Those that a node found used on the chain are passed over.
pub async fn take_in_step(tx: &mut Tx, account: &str) -> Result<u32, StoreError> {
    let mut statement = concat!("savepoint step;", allocate!());
    tx.has_step = false;
    loop {
        let (taken, is_used): (u32, bool) =
            sqlx::query_as(statement).bind(account).fetch_one(&mut **tx).await?;
        tx.has_step = true;
        if !is_used {
            return Ok(taken);
        }
        statement = allocate!();
    }
}

/// How far an account was used.
#[derive(FromRow)]
pub struct Reach {
    /// Units: addresses that were given out, and those that were left out on the way.
    pub n_given: i64,
    /// Of those, how many were given out after the last one that was paid to.
    pub n_since_paid: i64,
}

pub async fn find_reach(db: &mut Connection, account: &str) -> Result<Option<Reach>, StoreError> {
    let reach = sqlx::query_as(
        r#"
        select next_index as n_given, next_index - 1 - coalesce(paid_index, -1) as n_since_paid
        from address_indexes where account = $1
        "#,
    );
    Ok(reach.bind(account).fetch_optional(db).await?)
}

/// The next indexes that an account's orders get.
pub async fn list_next(
    db: &mut Connection,
    account: &str,
    count: usize,
) -> Result<Vec<u32>, StoreError> {
    let next = find_next(db, account).await?;
    let used: Vec<u32> = sqlx::query_scalar(
        r#"
        select key_index from used_indexes where account = $1 and $2 <= key_index
        order by key_index limit 1000
        "#,
    )
    .bind(account)
    .bind(next)
    .fetch_all(db)
    .await?;
    let free = (next..=ExtendedPubkey::LAST_INDEX).filter(|index| !used.contains(index));
    Ok(free.take(count).collect())
}

async fn find_next(db: &mut Connection, account: &str) -> Result<u32, StoreError> {
    let next = sqlx::query_scalar(
        r#"
        select coalesce((select next_index from address_indexes where account = $1),
                        (select next_index from address_indexes where account = ''), 0)
        "#,
    );
    Ok(next.bind(account).fetch_one(db).await?)
}

/// Units: indexes ahead of the next one that a node is asked about: more than are ordered between two looks.
const AHEAD: u32 = 200;

/// The indexes that come next, as far as no node was asked whether they were used already in this currency.
pub async fn list_unchecked(
    db: &mut Connection,
    account: &str,
    currency: &Currency,
) -> Result<Vec<u32>, StoreError> {
    let next = find_next(db, account).await?;
    let checked_to: Option<u32> = sqlx::query_scalar(
        "select scanned_to from scanned_addresses where account = $1 and currency = $2",
    )
    .bind(account)
    .bind(currency)
    .fetch_optional(db)
    .await?;
    Ok((next.max(checked_to.unwrap_or(0))..next.saturating_add(AHEAD)).collect())
}

/// The indexes below this one were checked, and of them these are never given out.
pub async fn mark_checked(
    tx: &mut Tx,
    account: &str,
    currency: &Currency,
    to: u32,
    used: &[u32],
) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        insert into scanned_addresses (account, currency, scanned_to) values ($1, $2, $3)
        on conflict (account, currency) do update set scanned_to = $3
        "#,
    )
    .bind(account)
    .bind(currency)
    .bind(to)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        r#"
        insert into used_indexes (account, key_index)
        select $1, value from json_each($2) where true
        on conflict do nothing
        "#,
    )
    .bind(account)
    .bind(json!(used).to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The address of this order was paid to: the addresses above it count from there.
pub async fn mark_paid(tx: &mut Tx, order_ref: &OrderRef) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        update address_indexes set paid_index = max(coalesce(paid_index, -1), i.key_index)
        from invoices i
        where i.order_id = (select id from orders where order_ref = $1)
            and i.account = address_indexes.account and i.key_index is not null
        "#,
    )
    .bind(order_ref)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Moves every account so much further on. After a copy was restored nobody knows how many addresses were given out since it
/// was made. An account that the copy does not know may have been used too, and begins with the gap.
pub async fn leave_gap(tx: &mut Tx, gap: u32) -> Result<(), StoreError> {
    sqlx::query(
        "insert into address_indexes (account, next_index) values ('', 0) on conflict (account) do nothing",
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query("update address_indexes set next_index = next_index + $1")
        .bind(gap)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Accounts that an earlier version of the shop named by their text go on under the name that all texts of one account
/// have. The old rows stay, and change nothing.
pub(super) async fn name_accounts(pool: &SqlitePool) -> Result<(), StoreError> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select account, next_index from address_indexes where account glob '[xyz]pub*' and 0 < next_index",
    )
    .fetch_all(pool)
    .await?;
    for (text, next) in rows {
        // Bitcoin reads every prefix; the account is the same for all coins.
        let Ok(key) = ExtendedPubkey::parse(&Coin::BITCOIN, &text) else { continue };
        sqlx::query(
            r#"
            insert into address_indexes (account, next_index) values ($1, $2)
            on conflict (account) do update set next_index = excluded.next_index
            where next_index < excluded.next_index
            "#,
        )
        .bind(key.identity())
        .bind(next)
        .execute(pool)
        .await?;
    }
    Ok(())
}
