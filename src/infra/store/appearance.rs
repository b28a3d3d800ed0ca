//! Name, contact, notice, accent colour and logo.

use sqlx::FromRow;

use crate::domain::values::Colour;
use crate::infra::store::{Connection, StoreError, Tx};

/// How the seller wants the shop to look, above what the settings say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appearance {
    /// Grows with every change.
    pub edition: i64,
    /// `None`: as in the settings.
    pub name: Option<String>,
    /// `None`: as configured; empty: none.
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

#[derive(FromRow)]
struct AppearanceRow {
    edition: i64,
    name: Option<String>,
    contact: Option<String>,
    notice: String,
    notice_html: String,
    accent: Option<String>,
    logo_width: Option<u32>,
    logo_height: Option<u32>,
    logo_webp: Option<String>,
    logo_fallback: Option<String>,
}

pub async fn find(db: &mut Connection) -> Result<Appearance, StoreError> {
    let row: AppearanceRow = sqlx::query_as("select * from appearance").fetch_one(db).await?;
    row.appearance()
}

/// The shop's name as the desk says it; `None`: as in the settings.
pub async fn find_name(db: &mut Connection) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("select name from appearance").fetch_one(db).await?)
}

/// Keeps it as the edition after the one that is kept.
pub async fn put(tx: &mut Tx, look: &Appearance) -> Result<(), StoreError> {
    let logo = look.logo.as_ref();
    sqlx::query(
        r#"
        update appearance
        set edition = edition + 1, name = $1, contact = $2, notice = $3, notice_html = $4, accent = $5,
            logo_width = $6, logo_height = $7, logo_webp = $8, logo_fallback = $9
        "#,
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
    .execute(&mut **tx)
    .await?;
    Ok(())
}

impl AppearanceRow {
    fn appearance(self) -> Result<Appearance, StoreError> {
        let accent = self.accent.map(|text| Colour::parse(&text)).transpose();
        let size = self.logo_width.zip(self.logo_height);
        let files = self.logo_webp.zip(self.logo_fallback);
        Ok(Appearance {
            edition: self.edition,
            name: self.name,
            contact: self.contact,
            notice: self.notice,
            notice_html: self.notice_html,
            accent: accent.map_err(|_| StoreError::Row("accent"))?,
            logo: size.zip(files).map(|((width, height), (webp, fallback))| Logo {
                width,
                height,
                webp,
                fallback,
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::with_shop;

    #[test]
    fn an_appearance_is_kept_as_it_is() {
        with_shop(async |db| {
            let mut reader = db.reader().await.unwrap();
            let first = find(&mut reader).await.unwrap();
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
            assert_eq!(find(&mut tx).await.unwrap(), look);
            assert_eq!(find_name(&mut tx).await.unwrap(), look.name);
            tx.commit().await.unwrap();
            assert_eq!(find(&mut reader).await.unwrap(), look);
            assert_eq!(find_name(&mut reader).await.unwrap(), look.name);
        });
    }
}
