//! Name, contact, notice, accent colour and logo.

use crate::domain::values::Colour;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// How the seller wants the shop to look, above what the settings say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appearance {
    /// Grows with every change.
    pub edition: i64,
    /// `None`: as in the settings.
    pub name: Option<String>,
    /// `None`: as in the settings; empty: none.
    pub contact: Option<String>,
    /// Markdown on the shop window; empty: none.
    pub notice: String,
    pub notice_html: String,
    /// `None`: the shop's own.
    pub accent: Option<Colour>,
    pub logo: Option<Logo>,
}

/// The files of the logo.
///
/// Units: pixels, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    pub width: u32,
    pub height: u32,
    pub webp: String,
    pub fallback: String,
}

const LOOK: &str = "select * from look";
const NAME: &str = "select name from look";

pub async fn find(db: &Db) -> Result<Appearance, StoreError> {
    parse(&sqlx::query(LOOK).fetch_one(&db.read).await?)
}

pub async fn find_now(tx: &mut Tx) -> Result<Appearance, StoreError> {
    parse(&sqlx::query(LOOK).fetch_one(&mut *tx.0).await?)
}

/// The shop's name as the desk says it; `None`: as in the settings.
pub async fn find_name(db: &Db) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar(NAME).fetch_one(&db.read).await?)
}

/// The same inside a transaction.
pub async fn find_name_now(tx: &mut Tx) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar(NAME).fetch_one(&mut *tx.0).await?)
}

/// Keeps it as the edition after the one that is kept.
pub async fn put(tx: &mut Tx, look: &Appearance) -> Result<(), StoreError> {
    let logo = look.logo.as_ref();
    sqlx::query(
        "update look set edition = edition + 1, name = ?, contact = ?, notice = ?, notice_html = ?, accent = ?, \
            logo_width = ?, logo_height = ?, logo_webp = ?, logo_fallback = ?",
    )
    .bind(&look.name)
    .bind(&look.contact)
    .bind(&look.notice)
    .bind(&look.notice_html)
    .bind(look.accent.map(|accent| accent.to_string()))
    .bind(logo.map(|logo| logo.width))
    .bind(logo.map(|logo| logo.height))
    .bind(logo.map(|logo| &logo.webp))
    .bind(logo.map(|logo| &logo.fallback))
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

fn parse(row: &SqliteRow) -> Result<Appearance, StoreError> {
    let accent: Option<String> = row.try_get("accent")?;
    let webp: Option<String> = row.try_get("logo_webp")?;
    let logo = match webp {
        Some(webp) => Some(Logo {
            width: row.try_get("logo_width")?,
            height: row.try_get("logo_height")?,
            webp,
            fallback: row.try_get("logo_fallback")?,
        }),
        None => None,
    };
    Ok(Appearance {
        edition: row.try_get("edition")?,
        name: row.try_get("name")?,
        contact: row.try_get("contact")?,
        notice: row.try_get("notice")?,
        notice_html: row.try_get("notice_html")?,
        accent: accent
            .map(|text| Colour::parse(&text))
            .transpose()
            .map_err(|_| StoreError::Row("accent"))?,
        logo,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_kept_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let db = Db::open_or_make(&home.path().join("shop.sqlite")).await.unwrap();
            let first = find(&db).await.unwrap();
            assert_eq!((first.edition, &first.name, &first.logo), (1, &None, &None));
            let logo =
                Logo { width: 240, height: 64, webp: "a.webp".into(), fallback: "a.png".into() };
            let look = Appearance {
                edition: 2,
                name: Some("Tea & Wool".into()),
                contact: Some(String::new()),
                notice: "*Back* on Monday".into(),
                notice_html: "<p>…</p>".into(),
                accent: Colour::parse("#8a1538").ok(),
                logo: Some(logo),
            };
            let mut tx = db.write().await.unwrap();
            put(&mut tx, &look).await.unwrap();
            assert_eq!(find_now(&mut tx).await.unwrap(), look);
            assert_eq!(find_name_now(&mut tx).await.unwrap(), look.name);
            tx.commit().await.unwrap();
            assert_eq!(find(&db).await.unwrap(), look);
            assert_eq!(find_name(&db).await.unwrap(), look.name);
            db.close().await;
        });
    }
}
