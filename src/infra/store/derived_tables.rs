//! Fills in the tables that are made from others, where an older version of the shop did not have them.

use crate::infra::store::{Connection, Db, StoreError, listing_index, search_index};

/// The version of these tables. A change of what they contain needs the next number.
const VERSION: i64 = 1;

/// Makes the search and listing indexes anew, unless they are of this version.
pub async fn fill(db: &Db) -> Result<(), StoreError> {
    if is_filled(&mut *db.reader().await?).await? {
        return Ok(());
    }
    let mut tx = db.write().await?;
    // Another process may have been first.
    if is_filled(&mut tx).await? {
        return Ok(());
    }
    search_index::rebuild(&mut tx).await?;
    listing_index::rebuild(&mut tx).await?;
    sqlx::query("update catalog_state set index_version = $1")
        .bind(VERSION)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

async fn is_filled(db: &mut Connection) -> Result<bool, StoreError> {
    let version: i64 =
        sqlx::query_scalar("select index_version from catalog_state").fetch_one(db).await?;
    Ok(version == VERSION)
}

#[cfg(test)]
mod tests {
    use sqlx::Connection as _;

    use super::*;
    use crate::domain::catalog::SortOrder;
    use crate::domain::catalog::search_text::terms;
    use crate::infra::store::listing::{Window, find_size, list};
    use crate::infra::store::search::search;
    use crate::infra::store::test_shop::{older_shop, with_file, with_shop};

    const ROWS: &str = r#"
        insert into wallets (currency, position, name, address) values ('BTC', 0, 'Bitcoin', 'x'), ('ETH', 1, 'Ether', 'y');
        insert into products (id, slug, position, name, description, description_html, file_quantity, stock, gone, hidden) values
            (1, 'tea', 0, 'Tea', '', '<p>A <strong>fine</strong> one</p>', 1, 1, 0, 0),
            (2, 'cups', 1, 'Cups', 'of **clay**', '', 1, 1, 0, 0),
            (3, 'old', 2, 'Old', '', '', 1, 1, 1, 0);
        insert into prices (product_id, option_id, currency, price) values (1, 0, 'BTC', 5), (2, 0, 'ETH', 5), (3, 0, 'ETH', 5);
        insert into product_words (rowid, name, categories, description) values (1, 'Tea', '', 'A fine one')
        "#;

    #[test]
    fn a_shop_of_an_older_version_is_searched_and_listed_like_a_new_one() {
        with_file(async |file| {
            let mut connection = older_shop(file, 16).await;
            sqlx::raw_sql(ROWS).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            let db = Db::open(file).await.unwrap();
            let mut reader = db.reader().await.unwrap();
            for (query, found) in
                [("fine", &[1][..]), ("cup", &[2]), ("clay", &[2]), ("old", &[]), ("strong", &[])]
            {
                assert_eq!(search(&mut reader, &terms(query)).await.unwrap(), found, "{query}");
            }
            let window = Window {
                currency: "ETH",
                category: "",
                order: SortOrder::Name,
                first: 0,
                n_products: 9,
                has_rate: false,
            };
            let size = find_size(&mut reader, "ETH", "").await.unwrap();
            let cards = list(&mut reader, window, size).await.unwrap();
            let slugs: Vec<&str> = cards.iter().map(|card| card.slug.as_str()).collect();
            assert_eq!(slugs, ["cups", "tea"]);
            assert_eq!(
                (cards[1].price, cards[1].other_currencies.as_slice()),
                (None, &["BTC".to_owned()][..])
            );
            drop(reader);
            db.close().await;
        });
    }
    #[test]
    fn what_another_process_has_filled_meanwhile_is_not_filled_again() {
        with_shop(async |db| {
            let mut other = db.write().await.unwrap();
            sqlx::raw_sql("update catalog_state set index_version = 0")
                .execute(&mut *other)
                .await
                .unwrap();
            other.commit().await.unwrap();
            let mut other = db.write().await.unwrap();
            let filled = async {
                // Long enough for the other one to read the old version.
                for _ in 0..1_000 {
                    tokio::task::yield_now().await;
                }
                sqlx::query("update catalog_state set index_version = $1")
                    .bind(VERSION)
                    .execute(&mut *other)
                    .await
                    .unwrap();
                let of_others = "insert into listing_sizes (currency, category, position, products) values ('BTC', '', 0, 7)";
                sqlx::query(of_others).execute(&mut *other).await.unwrap();
                other.commit().await.unwrap();
            };
            let (outcome, ()) = tokio::join!(fill(&db), filled);
            outcome.unwrap();
            let sizes: i64 = sqlx::query_scalar("select count(*) from listing_sizes")
                .fetch_one(&db.read)
                .await
                .unwrap();
            assert_eq!(sizes, 1);
        });
    }
}
