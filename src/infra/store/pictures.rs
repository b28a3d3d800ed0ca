//! Rendered pictures and the files they are in.

use std::collections::HashMap;

use serde_json::json;
use sqlx::FromRow;

use crate::infra::store::{Connection, StoreError, Tx};

/// A picture in one size. Shape: file names as `/picture/{file}` takes them.
#[derive(Clone, Debug)]
pub struct Image {
    pub width: i64,
    pub height: i64,
    pub webp: String,
    pub fallback: String,
    pub alt: String,
}

/// A picture of a product, rendered before.
#[derive(Clone, Debug)]
pub struct ShownPicture<'a> {
    pub fingerprint: String,
    /// Its path in the seller's picture folder.
    pub file: &'a str,
    pub alt: &'a str,
}

/// A rendered picture: for thumb, page and full the width, the height and the two files.
pub struct RenderedPicture<'a> {
    pub fingerprint: &'a str,
    pub sizes: [(u32, u32, &'a str, &'a str); 3],
}

/// The columns of a thumb, which are all null where a product has no picture.
#[derive(FromRow)]
pub(super) struct ThumbRow {
    thumb_width: Option<i64>,
    thumb_height: Option<i64>,
    thumb_webp: Option<String>,
    thumb_fallback: Option<String>,
    alt: Option<String>,
}

#[derive(FromRow)]
struct FilesRow {
    thumb_webp: String,
    thumb_fallback: String,
    page_webp: String,
    page_fallback: String,
    full_webp: String,
    full_fallback: String,
}

/// The files of a picture that was rendered before, or `None`: thumb, page, full, each with its fallback.
pub async fn find(
    db: &mut Connection,
    fingerprint: &str,
) -> Result<Option<[String; 6]>, StoreError> {
    let row: Option<FilesRow> = sqlx::query_as("select * from pictures where fingerprint = $1")
        .bind(fingerprint)
        .fetch_optional(db)
        .await?;
    Ok(row.map(FilesRow::files))
}

/// The thumb of a picture that was rendered, whether a product shows it or not yet.
pub async fn find_thumb(
    db: &mut Connection,
    fingerprint: &str,
) -> Result<Option<Image>, StoreError> {
    let row: Option<ThumbRow> =
        sqlx::query_as("select *, '' as alt from pictures where fingerprint = $1")
            .bind(fingerprint)
            .fetch_optional(db)
            .await?;
    Ok(row.and_then(ThumbRow::image))
}

#[derive(FromRow)]
struct ProductThumbRow {
    product_id: i64,
    #[sqlx(flatten)]
    thumb: ThumbRow,
}

/// Product → the thumb of its first picture, for those that have one.
pub async fn list_thumbs(
    db: &mut Connection,
    products: &[i64],
) -> Result<HashMap<i64, Image>, StoreError> {
    let rows: Vec<ProductThumbRow> = sqlx::query_as(
        r#"
        select pp.product_id, i.thumb_width, i.thumb_height, i.thumb_webp, i.thumb_fallback, pp.alt
        from json_each($1) chosen
        cross join product_pictures pp on pp.product_id = chosen.value and pp.position = 0
        cross join pictures i on i.fingerprint = pp.fingerprint
        "#,
    )
    .bind(json!(products).to_string())
    .fetch_all(db)
    .await?;
    let thumbs = rows.into_iter().filter_map(|row| Some((row.product_id, row.thumb.image()?)));
    Ok(thumbs.collect())
}

pub async fn keep(tx: &mut Tx, picture: &RenderedPicture<'_>) -> Result<(), StoreError> {
    let mut insert = sqlx::query(
        r#"
        insert into pictures (fingerprint, thumb_width, thumb_height, thumb_webp, thumb_fallback,
            page_width, page_height, page_webp, page_fallback, full_width, full_height, full_webp, full_fallback)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        on conflict (fingerprint) do update set
            thumb_width = excluded.thumb_width, thumb_height = excluded.thumb_height,
            thumb_webp = excluded.thumb_webp, thumb_fallback = excluded.thumb_fallback,
            page_width = excluded.page_width, page_height = excluded.page_height,
            page_webp = excluded.page_webp, page_fallback = excluded.page_fallback,
            full_width = excluded.full_width, full_height = excluded.full_height,
            full_webp = excluded.full_webp, full_fallback = excluded.full_fallback
        "#,
    )
    .bind(picture.fingerprint);
    for (width, height, webp, fallback) in picture.sizes {
        insert = insert.bind(width).bind(height).bind(webp).bind(fallback);
    }
    insert.execute(&mut **tx).await?;
    Ok(())
}

/// Forgets those of these pictures that no product shows any more, and returns the files that nobody needs now.
pub async fn forget(tx: &mut Tx, fingerprints: &[String]) -> Result<Vec<String>, StoreError> {
    let mut files = Vec::new();
    for fingerprint in fingerprints {
        let row: Option<FilesRow> = sqlx::query_as(
            r#"
            delete from pictures
            where fingerprint = $1
                and not exists (select 1 from product_pictures where fingerprint = $1)
                and not exists (select 1 from sprites where picture = $1)
            returning *
            "#,
        )
        .bind(fingerprint)
        .fetch_optional(&mut **tx)
        .await?;
        files.extend(row.map(FilesRow::files).into_iter().flatten());
    }
    let mut unused = Vec::new();
    for file in files {
        // The same picture saved twice by different programs has one rendering.
        let is_used: bool = sqlx::query_scalar(
            r#"
            select exists (select 1 from pictures
                where $1 in (thumb_webp, thumb_fallback, page_webp, page_fallback, full_webp, full_fallback))
            "#,
        )
        .bind(&file)
        .fetch_one(&mut **tx)
        .await?;
        if !is_used {
            unused.push(file);
        }
    }
    Ok(unused)
}

/// The pictures that neither a product nor a sprite sheet shows.
pub async fn list_unused(db: &mut Connection) -> Result<Vec<String>, StoreError> {
    let unused = sqlx::query_scalar(
        r#"
        select i.fingerprint from pictures i
        where not exists (select 1 from product_pictures where fingerprint = i.fingerprint)
            and i.fingerprint not in (select picture from sprites)
        "#,
    );
    Ok(unused.fetch_all(db).await?)
}

/// Every rendered file that a product, the shop window or the layout of the pages shows.
pub async fn list_files(db: &mut Connection) -> Result<Vec<String>, StoreError> {
    let files = sqlx::query_scalar(
        r#"
        select thumb_webp from pictures union select thumb_fallback from pictures
        union select page_webp from pictures union select page_fallback from pictures
        union select full_webp from pictures union select full_fallback from pictures
        union select webp from sprite_sheets union select fallback from sprite_sheets
        union select logo_webp from appearance where logo_webp is not null
        union select logo_fallback from appearance where logo_fallback is not null
        "#,
    );
    Ok(files.fetch_all(db).await?)
}

/// The pictures of which only the rendering is known, and not which file of the seller's they came from.
pub async fn list_unnamed(db: &mut Connection) -> Result<Vec<String>, StoreError> {
    let unnamed =
        sqlx::query_scalar("select distinct fingerprint from product_pictures where file = ''");
    Ok(unnamed.fetch_all(db).await?)
}

pub async fn name(tx: &mut Tx, fingerprint: &str, file: &str) -> Result<(), StoreError> {
    sqlx::query("update product_pictures set file = $2 where fingerprint = $1 and file = ''")
        .bind(fingerprint)
        .bind(file)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl ThumbRow {
    pub fn image(self) -> Option<Image> {
        Some(Image {
            width: self.thumb_width?,
            height: self.thumb_height?,
            webp: self.thumb_webp?,
            fallback: self.thumb_fallback?,
            alt: self.alt?,
        })
    }
}

impl FilesRow {
    fn files(self) -> [String; 6] {
        [
            self.thumb_webp,
            self.thumb_fallback,
            self.page_webp,
            self.page_fallback,
            self.full_webp,
            self.full_fallback,
        ]
    }
}
