//! Which products were added last, and on which day.

use sqlx::FromRow;

use crate::domain::values::Timestamp;
use crate::infra::store::{Connection, StoreError};

/// A product as the feed shows it.
#[derive(Clone, Debug, FromRow)]
pub struct NewProduct {
    pub slug: String,
    pub name: String,
    pub description_html: String,
    /// The day on which it was added.
    pub added_on: Timestamp,
}

const NEWEST: &str = r#"
    select p.slug, p.name, p.description_html, p.added_on
    from products p
    where p.gone = 0 and p.added_on is not null
        and exists (select 1 from listing s where s.product_id = p.id and s.category = '')
    order by p.id desc
    limit $1
    "#;

/// The products that were added last among those that buyers see, the newest first.
pub async fn list(db: &mut Connection, n_products: i64) -> Result<Vec<NewProduct>, StoreError> {
    Ok(sqlx::query_as(NEWEST).bind(n_products).fetch_all(db).await?)
}
