//! Categories, as buyers and the seller see them.

use sqlx::FromRow;

use crate::infra::store::{Connection, StoreError, Tx, search_index};

/// A category and how many products of it a list shows.
#[derive(Clone, Debug, FromRow)]
pub struct CategorySize {
    #[sqlx(rename = "category")]
    pub name: String,
    pub products: i64,
}

/// The categories of a currency, in the order of their first products.
pub async fn list_shown(
    db: &mut Connection,
    currency: &str,
) -> Result<Vec<CategorySize>, StoreError> {
    let sizes = sqlx::query_as(
        r#"
        select category, sum(products) as products from listing_sizes
        where currency in ($1, '-' || $1) and category <> ''
        group by category
        order by min(position), category
        "#,
    );
    Ok(sizes.bind(currency).fetch_all(db).await?)
}

/// Whether any product is shown in a category, in whatever currency.
pub async fn is_shown(db: &mut Connection, category: &str) -> Result<bool, StoreError> {
    let is_shown = sqlx::query_scalar(
        "select $1 <> '' and exists (select 1 from listing_sizes where category = $1)",
    );
    Ok(is_shown.bind(category).fetch_one(db).await?)
}

/// Every category with the number of its products, hidden ones too, by the alphabet.
pub async fn list(db: &mut Connection) -> Result<Vec<(String, i64)>, StoreError> {
    let categories = sqlx::query_as(
        "select category, count(*) from product_categories group by category order by category",
    );
    Ok(categories.fetch_all(db).await?)
}

/// Gives a category another name in all products, or takes it away where there is none. Returns how many products have
/// changed.
pub async fn rename(tx: &mut Tx, category: &str, name: Option<&str>) -> Result<usize, StoreError> {
    let products: Vec<i64> = sqlx::query_scalar(
        r#"
        update products set edition = edition + 1
        where id in (select product_id from product_categories where category = $1)
        returning id
        "#,
    )
    .bind(category)
    .fetch_all(&mut **tx)
    .await?;
    // Where a product has the new one already, it has it once.
    sqlx::query(
        r#"
        delete from product_categories
        where category = $1 and ($2 is null
            or product_id in (select product_id from product_categories where category = $2))
        "#,
    )
    .bind(category)
    .bind(name)
    .execute(&mut **tx)
    .await?;
    sqlx::query("update product_categories set category = $2 where category = $1")
        .bind(category)
        .bind(name)
        .execute(&mut **tx)
        .await?;
    search_index::update(tx, &products).await?;
    Ok(products.len())
}
