//! The seller's own pages.

use crate::domain::catalog::PageSlug;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// A page of the seller's as buyers see it.
#[derive(Clone, Debug)]
pub struct SellersPage {
    pub slug: String,
    pub title: String,
    pub html: String,
}

/// The same with what the shop must know to change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPage {
    pub slug: PageSlug,
    pub position: i64,
    pub title: String,
    pub html: String,
    /// `None`: known only as it is shown.
    pub markdown: Option<String>,
    /// What db/pages last said; `None`: made at the desk.
    pub file_markdown: Option<String>,
    /// Grows with every change of the text.
    pub edition: i64,
    /// Taken down at the desk, while its file is the same as ever.
    pub is_gone: bool,
}

impl StoredPage {
    /// Whether it is other than its file, by what was done at the desk.
    pub fn is_of_desk(&self) -> bool {
        self.is_gone || self.markdown.is_some() && self.markdown != self.file_markdown
    }
}

const SHOWN: &str = "select slug, title, html from pages where slug = ? and is_gone = 0";
const TITLES: &str =
    "select slug, title, '' as html from pages where is_gone = 0 order by position";
const KEPT: &str = "select * from pages order by position";
const ONE: &str = "select * from pages where slug = ? and is_gone = 0";

pub async fn find_shown(db: &Db, slug: &str) -> Result<Option<SellersPage>, StoreError> {
    let row = sqlx::query(SHOWN).bind(slug).fetch_optional(&db.read).await?;
    row.map(|row| parse_shown(&row)).transpose()
}

/// What buyers can see, without the texts.
pub async fn list_shown(db: &Db) -> Result<Vec<SellersPage>, StoreError> {
    let rows = sqlx::query(TITLES).fetch_all(&db.read).await?;
    rows.iter().map(parse_shown).collect()
}

pub async fn find(db: &Db, slug: &PageSlug) -> Result<Option<StoredPage>, StoreError> {
    let row = sqlx::query(ONE).bind(slug.as_str()).fetch_optional(&db.read).await?;
    row.map(|row| parse_kept(&row)).transpose()
}

/// Those that were taken down too.
pub async fn list(db: &Db) -> Result<Vec<StoredPage>, StoreError> {
    let rows = sqlx::query(KEPT).fetch_all(&db.read).await?;
    rows.iter().map(parse_kept).collect()
}

/// The same inside a transaction.
pub async fn list_now(tx: &mut Tx) -> Result<Vec<StoredPage>, StoreError> {
    let rows = sqlx::query(KEPT).fetch_all(&mut *tx.0).await?;
    rows.iter().map(parse_kept).collect()
}

/// Keeps a page, in the place of the one of its name where there is one.
pub async fn put(tx: &mut Tx, page: &StoredPage) -> Result<(), StoreError> {
    sqlx::query(
        "insert or replace into pages (slug, position, title, html, markdown, file_markdown, edition, is_gone) \
         values (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(page.slug.as_str())
    .bind(page.position)
    .bind(&page.title)
    .bind(&page.html)
    .bind(&page.markdown)
    .bind(&page.file_markdown)
    .bind(page.edition)
    .bind(page.is_gone)
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

pub async fn delete(tx: &mut Tx, slug: &PageSlug) -> Result<(), StoreError> {
    sqlx::query("delete from pages where slug = ?").bind(slug.as_str()).execute(&mut *tx.0).await?;
    Ok(())
}

pub async fn mark_position(tx: &mut Tx, slug: &PageSlug, position: i64) -> Result<(), StoreError> {
    sqlx::query("update pages set position = ? where slug = ?")
        .bind(position)
        .bind(slug.as_str())
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

fn parse_shown(row: &SqliteRow) -> Result<SellersPage, StoreError> {
    Ok(SellersPage {
        slug: row.try_get("slug")?,
        title: row.try_get("title")?,
        html: row.try_get("html")?,
    })
}

fn parse_kept(row: &SqliteRow) -> Result<StoredPage, StoreError> {
    let slug: String = row.try_get("slug")?;
    Ok(StoredPage {
        slug: PageSlug::parse(&slug).map_err(|_| StoreError::Row("slug"))?,
        position: row.try_get("position")?,
        title: row.try_get("title")?,
        html: row.try_get("html")?,
        markdown: row.try_get("markdown")?,
        file_markdown: row.try_get("file_markdown")?,
        edition: row.try_get("edition")?,
        is_gone: row.try_get("is_gone")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(slug: &str, position: i64) -> StoredPage {
        StoredPage {
            slug: PageSlug::parse(slug).unwrap(),
            position,
            title: slug.to_uppercase(),
            html: "<p>…</p>".into(),
            markdown: Some("…".into()),
            file_markdown: None,
            edition: 1,
            is_gone: false,
        }
    }

    #[test]
    fn pages_are_kept_in_their_order_and_one_is_found_by_its_name() {
        let home = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let db = Db::open_or_make(&home.path().join("shop.sqlite")).await.unwrap();
            let mut tx = db.write().await.unwrap();
            let pages = [page("policy", 0), page("about", 1), page("care", 2)];
            for page in &pages {
                put(&mut tx, page).await.unwrap();
            }
            put(&mut tx, &StoredPage { is_gone: true, ..page("care", 2) }).await.unwrap();
            mark_position(&mut tx, &pages[0].slug, 7).await.unwrap();
            assert_eq!(list_now(&mut tx).await.unwrap().len(), 3);
            tx.commit().await.unwrap();
            let shown = list_shown(&db).await.unwrap();
            let titles: Vec<&str> = shown.iter().map(|page| page.title.as_str()).collect();
            assert_eq!(titles, ["ABOUT", "POLICY"]);
            assert_eq!(find(&db, &pages[1].slug).await.unwrap().as_ref(), Some(&pages[1]));
            assert!(find(&db, &pages[2].slug).await.unwrap().is_none());
            assert!(find_shown(&db, "care").await.unwrap().is_none());
            assert_eq!(list(&db).await.unwrap().len(), 3);
            for query in [SHOWN, ONE] {
                let plan: Vec<(i64, i64, i64, String)> =
                    sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {query}")))
                        .bind("about")
                        .fetch_all(&db.read)
                        .await
                        .unwrap();
                assert!(
                    plan.iter().all(|(_, _, _, step)| step.contains("USING INDEX")),
                    "{plan:?}"
                );
            }
            let mut tx = db.write().await.unwrap();
            delete(&mut tx, &pages[1].slug).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(list_shown(&db).await.unwrap().len(), 1);
            db.close().await;
        });
    }
}
