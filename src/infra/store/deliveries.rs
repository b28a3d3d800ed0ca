//! What orders delivered on their pages: files, and codes and texts that are encrypted to the buyer.

use std::collections::BTreeMap;

use sqlx::FromRow;

use crate::domain::orders::OrderRef;
use crate::domain::values::{FileName, Timestamp};
use crate::infra::store::{Connection, StoreError, Tx};

#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(rename_all = "lowercase")]
pub enum DeliveryKind {
    File,
    Codes,
    Text,
}

/// Something that is about to be delivered.
pub struct NewDelivery {
    /// The position of the order's line.
    pub line: usize,
    pub content: NewContent,
}

pub enum NewContent {
    File {
        name: FileName,
        /// How often it may be downloaded; `None`: no limit.
        downloads: Option<i64>,
        /// Units: days; `None`: as long as the order is kept.
        days: Option<i64>,
    },
    /// Encrypted to the buyer, one a line.
    Codes(Vec<u8>),
    /// Encrypted to the buyer.
    Text(Vec<u8>),
}

/// Something that was delivered. What was erased is left out.
#[derive(FromRow)]
pub struct StoredDelivery {
    pub position: i64,
    pub line: i64,
    pub kind: DeliveryKind,
    pub file: Option<FileName>,
    pub sealed: Option<Vec<u8>>,
    pub downloads: Option<i64>,
    pub days: Option<i64>,
    /// The day of the delivery.
    pub since: Timestamp,
    /// Units: bytes, counted only where `downloads` is a number.
    pub sent: i64,
}

/// Whether this order has got anything yet, erased or not.
pub async fn has_any(db: &mut Connection, order_ref: &OrderRef) -> Result<bool, StoreError> {
    let has_any = sqlx::query_scalar(
        r#"
        select exists (
            select 1 from deliveries d join orders o on o.id = d.order_id where o.order_ref = $1)
        "#,
    );
    Ok(has_any.bind(order_ref).fetch_one(db).await?)
}

pub async fn insert(
    tx: &mut Tx,
    order_ref: &OrderRef,
    deliveries: &[NewDelivery],
    now: Timestamp,
) -> Result<(), StoreError> {
    for (position, delivery) in (0_i64..).zip(deliveries) {
        let (kind, file, sealed, downloads, days) = match &delivery.content {
            NewContent::File { name, downloads, days } => {
                (DeliveryKind::File, Some(name), None, *downloads, *days)
            }
            NewContent::Codes(sealed) => (DeliveryKind::Codes, None, Some(sealed), None, None),
            NewContent::Text(sealed) => (DeliveryKind::Text, None, Some(sealed), None, None),
        };
        sqlx::query(
            r#"
            insert into deliveries (order_id, position, line, kind, file, sealed, downloads, days, since)
            select id, $2, $3, $4, $5, $6, $7, $8, $9 from orders where order_ref = $1
            "#,
        )
        .bind(order_ref)
        .bind(position)
        .bind(i64::try_from(delivery.line).unwrap_or(i64::MAX))
        .bind(kind)
        .bind(file)
        .bind(sealed)
        .bind(downloads)
        .bind(days)
        .bind(now.day_start())
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// The positions of the order's lines that have delivered something, erased or not.
pub async fn list_lines(
    db: &mut Connection,
    order_ref: &OrderRef,
) -> Result<Vec<usize>, StoreError> {
    let lines: Vec<i64> = sqlx::query_scalar(
        r#"
        select distinct d.line from deliveries d join orders o on o.id = d.order_id
        where o.order_ref = $1 order by d.line
        "#,
    )
    .bind(order_ref)
    .fetch_all(db)
    .await?;
    Ok(lines.into_iter().filter_map(|line| usize::try_from(line).ok()).collect())
}

/// The buyer has got everything: the seller has nothing left to do, and the days until the order is erased are counted.
pub async fn mark_delivered(
    tx: &mut Tx,
    order_ref: &OrderRef,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        update orders set is_delivered = 1, finished_at = $2,
            finished_in_doubt = exists (select 1 from clock where ahead is not null)
        where order_ref = $1
        "#,
    )
    .bind(order_ref)
    .bind(now.day_start())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn list(
    db: &mut Connection,
    order_ref: &OrderRef,
) -> Result<Vec<StoredDelivery>, StoreError> {
    let rows = sqlx::query_as(
        r#"
        select d.* from deliveries d join orders o on o.id = d.order_id
        where o.order_ref = $1 and (d.file is not null or d.sealed is not null)
        order by d.position
        "#,
    );
    Ok(rows.bind(order_ref).fetch_all(db).await?)
}

pub async fn find(
    db: &mut Connection,
    order_ref: &OrderRef,
    position: i64,
) -> Result<Option<StoredDelivery>, StoreError> {
    let row = sqlx::query_as(
        r#"
        select d.* from deliveries d join orders o on o.id = d.order_id
        where o.order_ref = $1 and d.position = $2
        "#,
    );
    Ok(row.bind(order_ref).bind(position).fetch_optional(db).await?)
}

/// Counts bytes that are about to be sent, unless there would be more than `most` of them. Returns whether they count.
pub async fn add_sent(
    tx: &mut Tx,
    order_ref: &OrderRef,
    position: i64,
    n_bytes: i64,
    most: i64,
) -> Result<bool, StoreError> {
    let counted = sqlx::query(
        r#"
        update deliveries set sent = sent + $3
        where order_id = (select id from orders where order_ref = $1) and position = $2 and sent + $3 <= $4
        "#,
    )
    .bind(order_ref)
    .bind(position)
    .bind(n_bytes)
    .bind(most)
    .execute(&mut **tx)
    .await?;
    Ok(counted.rows_affected() == 1)
}

/// Erases what was delivered. That it was delivered stays, so that it is not delivered again.
pub async fn erase(tx: &mut Tx, order_ref: &OrderRef) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        update deliveries set file = null, sealed = null, downloads = null, days = null, sent = 0
        where order_id = (select id from orders where order_ref = $1)
        "#,
    )
    .bind(order_ref)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What uses a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileUse {
    /// Names of products that deliver it.
    pub products: Vec<String>,
    /// How many orders have delivered it.
    pub n_orders: i64,
}

/// The files that products deliver, hidden ones too, and those that orders have delivered.
pub async fn list_file_uses(
    db: &mut Connection,
) -> Result<BTreeMap<FileName, FileUse>, StoreError> {
    let mut uses: BTreeMap<FileName, FileUse> = BTreeMap::new();
    let of_products = sqlx::query_as::<_, (FileName, String)>(
        r#"
        select f.value, p.name from products p, json_each(p.files) f
        where p.kind = 'digital' and (p.gone = 0 or p.hidden = 1)
        order by p.name
        "#,
    );
    for (file, product) in of_products.fetch_all(&mut *db).await? {
        uses.entry(file).or_default().products.push(product);
    }
    let of_orders = sqlx::query_as::<_, (FileName, i64)>(
        "select file, count(distinct order_id) from deliveries where file is not null group by file",
    );
    for (file, n_orders) in of_orders.fetch_all(db).await? {
        uses.entry(file).or_default().n_orders = n_orders;
    }
    Ok(uses)
}

/// Allows all downloads of an order once more, from now on.
pub async fn renew(tx: &mut Tx, order_ref: &OrderRef, now: Timestamp) -> Result<u64, StoreError> {
    let renewed = sqlx::query(
        r#"
        update deliveries set sent = 0, since = $2
        where order_id = (select id from orders where order_ref = $1) and file is not null
        "#,
    )
    .bind(order_ref)
    .bind(now.day_start())
    .execute(&mut **tx)
    .await?;
    Ok(renewed.rows_affected())
}

impl StoredDelivery {
    /// When it can no longer be downloaded; `None`: with the order.
    pub fn until(&self) -> Option<Timestamp> {
        // The day itself is not counted, so that nobody gets less than the days promised.
        self.days.map(|days| self.since.plus_days(days + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::with_shop;

    const ORDER: &str = r#"
        insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at)
        values (1, 'AAAAAAAAAA', randomblob(32), randomblob(32), 'confirmed', 0)
        "#;

    #[test]
    fn what_was_delivered_is_counted_renewed_and_erased_but_never_delivered_again() {
        with_shop(async |db| {
            let mut tx = db.write().await.unwrap();
            sqlx::raw_sql(ORDER).execute(&mut *tx).await.unwrap();
            let order = OrderRef::parse("AAAAAAAAAA").unwrap();
            let now = Timestamp::new(86_400 * 5 + 7).unwrap();
            assert!(!has_any(&mut tx, &order).await.unwrap());
            let name = FileName::parse("guide.pdf").unwrap();
            let file = NewContent::File { name, downloads: Some(1), days: Some(2) };
            let file = NewDelivery { line: 0, content: file };
            let codes = NewDelivery { line: 1, content: NewContent::Codes(vec![1, 2]) };
            insert(&mut tx, &order, &[file, codes], now).await.unwrap();
            for (n_bytes, expected) in [(60, true), (40, true), (1, false)] {
                assert_eq!(add_sent(&mut tx, &order, 0, n_bytes, 100).await.unwrap(), expected);
            }
            let found = find(&mut tx, &order, 0).await.unwrap().unwrap();
            assert_eq!((found.sent, found.until().unwrap().get()), (100, 86_400 * 8));
            assert_eq!(renew(&mut tx, &order, now.plus_days(10)).await.unwrap(), 1);
            let found = find(&mut tx, &order, 0).await.unwrap().unwrap();
            assert_eq!((found.sent, found.until().unwrap().get()), (0, 86_400 * 18));
            erase(&mut tx, &order).await.unwrap();
            assert!(list(&mut tx, &order).await.unwrap().is_empty());
            assert!(has_any(&mut tx, &order).await.unwrap());
        });
    }
}
