use crate::store::Db;
use crate::store::StoreError;
use crate::store::Tx;

/// The whole database as it is at one moment, while others read and write it; never a file.
pub async fn whole(db: &Db) -> Result<Vec<u8>, StoreError> {
    let mut connection = db.read.acquire().await?;
    Ok(connection.serialize(None).await?.as_ref().to_vec())
}

/// Whether the file holds what it should, page by page: the first complaint, if there is one.
pub async fn find_damage(db: &Db) -> Result<Option<String>, StoreError> {
    let found: String = sqlx::query_scalar("pragma quick_check(1)").fetch_one(&db.read).await?;
    Ok((found != "ok").then_some(found))
}

/// Lets every account go on so much further on. After a copy was brought back nobody knows how many addresses were given out
/// since it was made; an account that the copy does not know may have been used too, and begins with the gap.
pub async fn leave_gap(tx: &mut Tx, gap: u32) -> Result<(), StoreError> {
    sqlx::query(
        "insert into derivations (xpub, next_index) values ('', 0) on conflict (xpub) do nothing",
    )
    .execute(&mut *tx.0)
    .await?;
    sqlx::query("update derivations set next_index = next_index + ?")
        .bind(gap)
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}
