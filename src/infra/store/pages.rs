//! The seller's own pages.

use sqlx::FromRow;

use crate::domain::catalog::PageSlug;
use crate::infra::store::{Connection, StoreError, Tx};

/// A page of the seller's as buyers see it.
#[derive(Clone, Debug, FromRow)]
pub struct SellersPage {
    pub slug: String,
    pub title: String,
    pub html: String,
}

/// The same with what the shop must know to change it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
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

const SHOWN: &str = "select slug, title, html from pages where slug = $1 and is_gone = 0";
const ONE: &str = "select * from pages where slug = $1 and is_gone = 0";

pub async fn find_shown(
    db: &mut Connection,
    slug: &str,
) -> Result<Option<SellersPage>, StoreError> {
    Ok(sqlx::query_as(SHOWN).bind(slug).fetch_optional(db).await?)
}

/// What buyers can see, without the texts.
pub async fn list_shown(db: &mut Connection) -> Result<Vec<SellersPage>, StoreError> {
    let pages = sqlx::query_as(
        "select slug, title, '' as html from pages where is_gone = 0 order by position",
    );
    Ok(pages.fetch_all(db).await?)
}

pub async fn find(db: &mut Connection, slug: &PageSlug) -> Result<Option<StoredPage>, StoreError> {
    Ok(sqlx::query_as(ONE).bind(slug).fetch_optional(db).await?)
}

/// Those that were taken down too.
pub async fn list(db: &mut Connection) -> Result<Vec<StoredPage>, StoreError> {
    Ok(sqlx::query_as("select * from pages order by position").fetch_all(db).await?)
}

/// Keeps a page, in the place of the one of its name where there is one.
pub async fn put(tx: &mut Tx, page: &StoredPage) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        insert into pages (slug, position, title, html, markdown, file_markdown, edition, is_gone)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (slug) do update set position = excluded.position, title = excluded.title, html = excluded.html,
            markdown = excluded.markdown, file_markdown = excluded.file_markdown, edition = excluded.edition,
            is_gone = excluded.is_gone
        "#,
    )
    .bind(&page.slug)
    .bind(page.position)
    .bind(&page.title)
    .bind(&page.html)
    .bind(&page.markdown)
    .bind(&page.file_markdown)
    .bind(page.edition)
    .bind(page.is_gone)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn delete(tx: &mut Tx, slug: &PageSlug) -> Result<(), StoreError> {
    sqlx::query("delete from pages where slug = $1").bind(slug).execute(&mut **tx).await?;
    Ok(())
}

pub async fn mark_position(tx: &mut Tx, slug: &PageSlug, position: i64) -> Result<(), StoreError> {
    sqlx::query("update pages set position = $2 where slug = $1")
        .bind(slug)
        .bind(position)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{query_plan, with_shop};

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
        with_shop(async |db| {
            let mut reader = db.reader().await.unwrap();
            let mut tx = db.write().await.unwrap();
            let pages = [page("policy", 0), page("about", 1), page("care", 2)];
            for page in &pages {
                put(&mut tx, page).await.unwrap();
            }
            put(&mut tx, &StoredPage { is_gone: true, ..page("care", 2) }).await.unwrap();
            mark_position(&mut tx, &pages[0].slug, 7).await.unwrap();
            assert_eq!(list(&mut tx).await.unwrap().len(), 3);
            tx.commit().await.unwrap();
            let shown = list_shown(&mut reader).await.unwrap();
            let titles: Vec<&str> = shown.iter().map(|page| page.title.as_str()).collect();
            assert_eq!(titles, ["ABOUT", "POLICY"]);
            assert_eq!(find(&mut reader, &pages[1].slug).await.unwrap().as_ref(), Some(&pages[1]));
            assert!(find(&mut reader, &pages[2].slug).await.unwrap().is_none());
            assert!(find_shown(&mut reader, "care").await.unwrap().is_none());
            assert_eq!(list(&mut reader).await.unwrap().len(), 3);
            for query in [SHOWN, ONE] {
                let steps = query_plan(&db, query).await;
                assert!(steps.iter().all(|step| step.contains("USING INDEX")), "{steps:?}");
            }
            let mut tx = db.write().await.unwrap();
            delete(&mut tx, &pages[1].slug).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(list_shown(&mut reader).await.unwrap().len(), 1);
        });
    }
}
