//! Forms of the desk that were handled, so that one that is sent twice is handled once.

use crate::domain::values::Timestamp;
use crate::infra::store::{Connection, StoreError, Tx};

/// Units: seconds. A form that is sent twice is sent twice within minutes; this is longer than a page stays open.
const KEPT_FOR: i64 = 7 * 86_400;

/// What was answered to a form that was handled before. `form`: the name that the page gave it, and what it asks for.
pub async fn find(db: &mut Connection, form: &str) -> Result<Option<String>, StoreError> {
    let answer = sqlx::query_scalar("select answer from handled_forms where form = $1");
    Ok(answer.bind(form).fetch_optional(db).await?)
}

pub async fn insert(
    tx: &mut Tx,
    form: &str,
    answer: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("delete from handled_forms where at < $1")
        .bind(now.plus_seconds(-KEPT_FOR))
        .execute(&mut **tx)
        .await?;
    sqlx::query("insert into handled_forms (form, at, answer) values ($1, $2, $3)")
        .bind(form)
        .bind(now)
        .bind(answer)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
