//! What a product delivers on the order's page, as its row holds it.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::catalog::DigitalContent;
use crate::domain::values::FileName;
use crate::infra::store::{Connection, StoreError};

/// Shape: `files` is an array in JSON; `codes` is empty without a pool.
#[derive(FromRow)]
pub(super) struct ContentColumns {
    files: String,
    codes: String,
    text: String,
    downloads: Option<i64>,
    download_days: Option<i64>,
}

impl ContentColumns {
    pub fn content(self) -> Result<DigitalContent, StoreError> {
        let codes = Some(self.codes).filter(|name| !name.is_empty());
        Ok(DigitalContent {
            files: parse_files(&self.files)?,
            codes: codes
                .map(|name| FileName::parse(&name).map_err(|_| StoreError::Row("codes")))
                .transpose()?,
            text: self.text,
            downloads: self.downloads,
            download_days: self.download_days,
        })
    }
}

/// What a product delivers, whether or not it can still be bought.
pub async fn find(db: &mut Connection, product: i64) -> Result<DigitalContent, StoreError> {
    let row: Option<ContentColumns> = sqlx::query_as(
        "select files, codes, text, downloads, download_days from products where id = $1",
    )
    .bind(product)
    .fetch_optional(db)
    .await?;
    row.map_or_else(|| Ok(DigitalContent::default()), ContentColumns::content)
}

pub(super) fn files_json(files: &[FileName]) -> String {
    json!(files.iter().map(FileName::as_str).collect::<Vec<_>>()).to_string()
}

/// Reads what [`files_json`] wrote.
pub(super) fn parse_files(text: &str) -> Result<Vec<FileName>, StoreError> {
    let names: Vec<String> = serde_json::from_str(text).map_err(|_| StoreError::Row("files"))?;
    let parse = |name: String| FileName::parse(&name).map_err(|_| StoreError::Row("files"));
    names.into_iter().map(parse).collect()
}
