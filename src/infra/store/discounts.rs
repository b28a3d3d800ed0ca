//! Discount codes, and how many orders use each.

use sqlx::FromRow;

use crate::domain::catalog::{Discount, DiscountValue};
use crate::domain::orders::OrderRef;
use crate::domain::values::Timestamp;
use crate::infra::store::columns::{parse_prices, prices_json};
use crate::infra::store::{Connection, StoreError, Tx};

/// A code as the desk shows it.
#[derive(Clone, Debug)]
pub struct StoredDiscount {
    pub discount: Discount,
    /// Units: orders that use it.
    pub used: i64,
    pub edition: i64,
}

#[derive(FromRow)]
struct DiscountRow {
    code: String,
    percent: Option<i64>,
    first_day: Option<Timestamp>,
    last_day: Option<Timestamp>,
    uses: Option<i64>,
    used: i64,
    edition: i64,
    amounts: String,
}

const DISCOUNTS: &str = r#"
    select d.code, d.percent, d.first_day, d.last_day, d.uses, d.edition,
        coalesce((select used from discount_uses u where u.code = d.code), 0) as used,
        (select json_group_array(json_array(a.currency, a.amount) order by w.position)
            from discount_amounts a join wallets w on w.currency = a.currency
            where a.code = d.code) as amounts
    from discounts d
    where $1 is null or d.code = $1
    order by d.position
    "#;

/// All codes, in the seller's order.
pub async fn list(db: &mut Connection) -> Result<Vec<StoredDiscount>, StoreError> {
    let rows: Vec<DiscountRow> = sqlx::query_as(DISCOUNTS).bind(None::<&str>).fetch_all(db).await?;
    rows.into_iter().map(DiscountRow::discount).collect()
}

/// `code`: capital letters.
pub async fn find(db: &mut Connection, code: &str) -> Result<Option<StoredDiscount>, StoreError> {
    let row: Option<DiscountRow> = sqlx::query_as(DISCOUNTS).bind(code).fetch_optional(db).await?;
    row.map(DiscountRow::discount).transpose()
}

pub async fn has_any(db: &mut Connection) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select exists (select 1 from discounts)").fetch_one(db).await?)
}

/// One order more uses a code.
pub async fn take_use(tx: &mut Tx, code: &str) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        insert into discount_uses (code, used) values ($1, 1)
        on conflict (code) do update set used = used + 1
        "#,
    )
    .bind(code)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// An order uses its code no more.
pub async fn give_back_use(
    tx: &mut Tx,
    order_ref: &OrderRef,
    code: &str,
) -> Result<(), StoreError> {
    sqlx::query("update orders set code_is_back = 1 where order_ref = $1")
        .bind(order_ref)
        .execute(&mut **tx)
        .await?;
    sqlx::query("update discount_uses set used = max(0, used - 1) where code = $1")
        .bind(code)
        .execute(&mut **tx)
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
        sqlx::query("update orders set code_is_back = 0 where order_ref = $1 and code_is_back = 1")
            .bind(order_ref)
            .execute(&mut **tx)
            .await?;
    if taken.rows_affected() == 0 { Ok(()) } else { take_use(tx, code).await }
}

/// Replaces all codes. How often each was used stays.
pub async fn replace_all(tx: &mut Tx, discounts: &[Discount]) -> Result<(), StoreError> {
    sqlx::query("delete from discounts").execute(&mut **tx).await?;
    for discount in discounts {
        put(tx, None, discount).await?;
    }
    Ok(())
}

/// Puts a code in the place of the one that was called so, or behind all others.
pub async fn put(tx: &mut Tx, was: Option<&str>, discount: &Discount) -> Result<(), StoreError> {
    let position: i64 = sqlx::query_scalar(
        r#"
        select coalesce((select position from discounts where code = $1),
                        (select 1 + coalesce(max(position), -1) from discounts))
        "#,
    )
    .bind(was)
    .fetch_one(&mut **tx)
    .await?;
    if let Some(was) = was {
        remove(tx, was).await?;
    }
    let (percent, amounts) = match &discount.value {
        DiscountValue::Percent(percent) => (Some(*percent), None),
        DiscountValue::Amounts(amounts) => (None, Some(prices_json(amounts))),
    };
    sqlx::query(
        r#"
        insert into discounts (code, position, percent, first_day, last_day, uses, edition)
        values ($1, $2, $3, $4, $5, $6, (select version from catalog_state))
        "#,
    )
    .bind(&discount.code)
    .bind(position)
    .bind(percent)
    .bind(discount.from)
    .bind(discount.until)
    .bind(discount.uses)
    .execute(&mut **tx)
    .await?;
    if let Some(amounts) = amounts {
        sqlx::query(
            r#"
            insert into discount_amounts (code, currency, amount)
            select $1, value ->> 0, value ->> 1 from json_each($2)
            "#,
        )
        .bind(&discount.code)
        .bind(amounts)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

pub async fn remove(tx: &mut Tx, code: &str) -> Result<(), StoreError> {
    sqlx::query("delete from discounts where code = $1").bind(code).execute(&mut **tx).await?;
    Ok(())
}

impl DiscountRow {
    fn discount(self) -> Result<StoredDiscount, StoreError> {
        let value = match self.percent {
            Some(percent) => DiscountValue::Percent(percent),
            None => DiscountValue::Amounts(parse_prices(&self.amounts)?),
        };
        Ok(StoredDiscount {
            discount: Discount {
                code: self.code,
                value,
                from: self.first_day,
                until: self.last_day,
                uses: self.uses,
            },
            used: self.used,
            edition: self.edition,
        })
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Connection;

    use super::*;
    use crate::infra::store::Db;
    use crate::infra::store::test_shop::{
        assert_scans_only, older_shop, query_plan, with_file, with_shop,
    };

    #[test]
    fn an_older_shops_uses_are_counted_as_the_shop_counts_them() {
        with_file(async |file| {
            let mut connection = older_shop(file, 7).await;
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
                    r#"
                    insert into orders (order_ref, form_token, lookup_name, status, placed_at, discount_code)
                    values (hex(randomblob(5)), randomblob(32), randomblob(32), $1, 1795219200, 'SPRING');
                    insert into invoices (order_id, currency, address, amount, total, received, seen, until)
                    values (last_insert_rowid(), 'BTC', 'x', 9, 9, $2, $3, 4000000000);
                    "#,
                )
                .bind(status)
                .bind(received)
                .bind(seen)
                .execute(&mut connection)
                .await
                .unwrap();
            }
            connection.close().await.unwrap();
            let db = Db::open_or_make(file).await.unwrap();
            let used: i64 = sqlx::query_scalar("select used from discount_uses")
                .fetch_one(&db.read)
                .await
                .unwrap();
            assert_eq!(used, 5);
            db.close().await;
        });
    }

    #[test]
    fn codes_are_read_without_reading_orders() {
        with_shop(async |db| {
            assert_scans_only(&query_plan(&db, DISCOUNTS).await, &["SCAN d", "SCAN a", "SCAN w"]);
        });
    }
}
