//! A single product as the seller changes it at the desk. What buyers see of it is read in `catalog`.

use crate::domain::catalog::OfferKey;
use crate::domain::catalog::OptionRecord;
use crate::domain::catalog::Prices;
use crate::domain::catalog::ProductRecord;
use crate::domain::catalog::Slug;
use crate::domain::catalog::markdown;
use crate::domain::values::Currency;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use crate::infra::store::catalog::Choices;
use crate::infra::store::catalog::Image;
use crate::infra::store::catalog::ProductOption;
use crate::infra::store::catalog::read_choices;
use crate::infra::store::catalog_import::ShownPicture;
use serde_json::json;
use sqlx::Row;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

/// Everything that the form of a product shows.
#[derive(Clone, Debug)]
pub struct EditedProduct {
    pub id: i64,
    pub slug: Slug,
    /// Its name in the seller's file; empty where it has none yet.
    pub record: String,
    pub name: String,
    /// Markdown.
    pub description: String,
    pub stock: i64,
    pub hidden: bool,
    pub edition: i64,
    pub prices: Prices,
    pub categories: Vec<String>,
    pub options: Vec<ProductOption>,
    pub pictures: Vec<EditedPicture>,
}

#[derive(Clone, Debug)]
pub struct EditedPicture {
    /// Its name below the seller's picture folder; empty where an older version of the shop did not keep it.
    pub file: String,
    pub fingerprint: String,
    pub alt: String,
    pub thumb: Image,
}

/// How many pieces a pool gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// Those of the product.
    Shared,
    /// What lies there, whatever that is by now.
    Kept,
    Set(i64),
}

/// A product as it is to stand in the tables.
pub struct Written<'a> {
    pub slug: &'a Slug,
    pub record: &'a ProductRecord,
    pub pieces: Pieces,
    /// Beside each option of the record: which one it was, and its pieces.
    pub options: Vec<(Option<i64>, Pieces)>,
    pub pictures: Vec<ShownPicture<'a>>,
}

/// A product that the seller has, hidden or not. What is neither is kept for orders and carts alone.
pub async fn find(db: &Db, slug: &Slug) -> Result<Option<EditedProduct>, StoreError> {
    let mut connection = db.read.acquire().await?;
    find_with(&mut connection, slug).await
}

/// The same inside a transaction.
pub async fn find_now(tx: &mut Tx, slug: &Slug) -> Result<Option<EditedProduct>, StoreError> {
    find_with(&mut tx.0, slug).await
}

async fn find_with(
    connection: &mut SqliteConnection,
    slug: &Slug,
) -> Result<Option<EditedProduct>, StoreError> {
    let Some(row) =
        sqlx::query("select * from products where slug = ? and (gone = 0 or hidden = 1)")
            .bind(slug.as_str())
            .fetch_optional(&mut *connection)
            .await?
    else {
        return Ok(None);
    };
    let id: i64 = row.try_get("id")?;
    let Choices { prices, options, categories } = read_choices(connection, id).await?;
    let pictures = sqlx::query(
        "select pp.file, pp.fingerprint, pp.alt, i.thumb_width as width, i.thumb_height as height, \
            i.thumb_webp as webp, i.thumb_fallback as fallback \
         from product_pictures pp join pictures i on i.fingerprint = pp.fingerprint where pp.product_id = ? order by pp.position",
    )
    .bind(id)
    .fetch_all(&mut *connection)
    .await?;
    Ok(Some(EditedProduct {
        id,
        slug: parse_slug(&row)?,
        record: row.try_get("record")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        stock: row.try_get("stock")?,
        hidden: row.try_get("hidden")?,
        edition: row.try_get("edition")?,
        prices,
        categories,
        options,
        pictures: pictures.iter().map(parse_picture).collect::<Result<_, _>>()?,
    }))
}

/// The thumb of a picture that was rendered, whether a product shows it or not yet.
pub async fn find_thumb(db: &Db, fingerprint: &str) -> Result<Option<Image>, StoreError> {
    let row = sqlx::query(
        "select '' as alt, thumb_width as width, thumb_height as height, thumb_webp as webp, thumb_fallback as fallback \
         from pictures where fingerprint = ?",
    )
    .bind(fingerprint)
    .fetch_optional(&db.read)
    .await?;
    row.map(|row| parse_thumb(&row)).transpose()
}

/// Whether another product that the seller has goes by this slug.
pub async fn is_slug_taken(tx: &mut Tx, slug: &Slug, but: Option<i64>) -> Result<bool, StoreError> {
    let found: Option<i64> = sqlx::query_scalar(
        "select 1 from products where slug = ? and (gone = 0 or hidden = 1) and id is not ?",
    )
    .bind(slug.as_str())
    .bind(but)
    .fetch_optional(&mut *tx.0)
    .await?;
    Ok(found.is_some())
}

/// Writes a product, its options, prices, categories, pictures and words; a new one comes to the end of the list.
/// The shelves are not counted anew.
pub async fn write(
    tx: &mut Tx,
    product: Option<i64>,
    written: &Written<'_>,
) -> Result<i64, StoreError> {
    // A product that went keeps its row for orders, but not its address.
    sqlx::query(
        "update products set slug = 'gone-' || id where slug = ? and gone = 1 and hidden = 0 and id is not ?",
    )
    .bind(written.slug.as_str())
    .bind(product)
    .execute(&mut *tx.0)
    .await?;
    let record = written.record;
    let html = markdown::html(&record.description);
    let id = match product {
        Some(id) => {
            sqlx::query(
                "update products set slug = ?2, name = ?3, edition = edition + 1, \
                    description_html = case when description = ?4 then description_html else ?5 end, description = ?4 \
                 where id = ?1",
            )
            .bind(id)
            .bind(written.slug.as_str())
            .bind(&record.name)
            .bind(&record.description)
            .bind(html)
            .execute(&mut *tx.0)
            .await?;
            id
        }
        None => {
            sqlx::query_scalar(
                "insert into products (slug, position, name, description_html, file_quantity, stock, description, record, hidden, gone) \
                 values (?1, (select coalesce(max(position), -1) + 1 from products), ?2, ?3, 0, 0, ?4, ?5, ?6, ?6) returning id",
            )
            .bind(written.slug.as_str())
            .bind(&record.name)
            .bind(html)
            .bind(&record.description)
            .bind(&record.record)
            .bind(record.hidden)
            .fetch_one(&mut *tx.0)
            .await?
        }
    };
    if let Pieces::Set(n) = written.pieces {
        set_stock(tx, OfferKey { product: id, option: 0 }, n).await?;
    }
    let options = write_options(tx, id, &record.options, &written.options).await?;
    sqlx::query(
        "delete from prices where product_id = ? and currency in (select currency from wallets)",
    )
    .bind(id)
    .execute(&mut *tx.0)
    .await?;
    let own = record.prices.iter().map(|price| (0, price));
    let of_options = options
        .iter()
        .zip(&record.options)
        .flat_map(|(option, record)| record.prices.iter().map(|price| (*option, price)));
    for (option, (currency, price)) in own.chain(of_options) {
        sqlx::query(
            "insert into prices (product_id, option_id, currency, price) values (?, ?, ?, ?)",
        )
        .bind(id)
        .bind(option)
        .bind(currency.as_str())
        .bind(price.get())
        .execute(&mut *tx.0)
        .await?;
    }
    sqlx::query("delete from product_categories where product_id = ?")
        .bind(id)
        .execute(&mut *tx.0)
        .await?;
    for (position, category) in (0_i64..).zip(&record.categories) {
        sqlx::query(
            "insert into product_categories (product_id, position, category) values (?, ?, ?)",
        )
        .bind(id)
        .bind(position)
        .bind(category)
        .execute(&mut *tx.0)
        .await?;
    }
    sqlx::query("delete from product_pictures where product_id = ?")
        .bind(id)
        .execute(&mut *tx.0)
        .await?;
    for (position, picture) in (0_i64..).zip(&written.pictures) {
        sqlx::query(
            "insert into product_pictures (product_id, position, fingerprint, alt, file) values (?, ?, ?, ?, ?)",
        )
        .bind(id)
        .bind(position)
        .bind(&picture.fingerprint)
        .bind(picture.alt)
        .bind(picture.file)
        .execute(&mut *tx.0)
        .await?;
    }
    write_words(tx, &json!([id]).to_string()).await?;
    Ok(id)
}

/// Options keep their rows, so that carts and orders find them under whatever name. Returns the rows, in the record's order.
async fn write_options(
    tx: &mut Tx,
    product: i64,
    records: &[OptionRecord],
    written: &[(Option<i64>, Pieces)],
) -> Result<Vec<i64>, StoreError> {
    let old: Vec<(i64, String, bool)> =
        sqlx::query_as("select id, name, gone from options where product_id = ? order by id")
            .bind(product)
            .fetch_all(&mut *tx.0)
            .await?;
    let chosen: Vec<Option<i64>> = records
        .iter()
        .zip(written)
        .map(|(record, (id, _))| {
            let lives = |wanted: &i64| old.iter().any(|(id, _, gone)| id == wanted && !gone);
            // One that comes back under its old name is the old one, as when a file brings it back.
            let came_back = || old.iter().find(|(_, name, gone)| *gone && *name == record.name);
            id.filter(lives).or_else(|| came_back().map(|(id, _, _)| *id))
        })
        .collect();
    // Two options may swap their names: for a moment all have others.
    sqlx::query("update options set name = char(1) || id, gone = 1 where product_id = ?")
        .bind(product)
        .execute(&mut *tx.0)
        .await?;
    let mut rows = Vec::with_capacity(records.len());
    for (position, ((record, (_, pieces)), id)) in
        (0_i64..).zip(records.iter().zip(written).zip(chosen))
    {
        let id = match id {
            Some(id) => {
                sqlx::query("update options set name = ?2, position = ?3, gone = 0 where id = ?1")
                    .bind(id)
                    .bind(&record.name)
                    .bind(position)
                    .execute(&mut *tx.0)
                    .await?;
                id
            }
            None => sqlx::query_scalar(
                "insert into options (product_id, position, name) values (?, ?, ?) returning id",
            )
            .bind(product)
            .bind(position)
            .bind(&record.name)
            .fetch_one(&mut *tx.0)
            .await?,
        };
        match pieces {
            Pieces::Kept => {}
            Pieces::Set(n) => set_stock(tx, OfferKey { product, option: id }, *n).await?,
            Pieces::Shared => {
                sqlx::query("update options set stock = null, file_quantity = null where id = ?")
                    .bind(id)
                    .execute(&mut *tx.0)
                    .await?;
            }
        }
        rows.push(id);
    }
    for (id, name, _) in old.iter().filter(|(id, _, _)| !rows.contains(id)) {
        sqlx::query(
            "update options set name = case when exists (select 1 from options where product_id = ?3 and name = ?2) \
                then ?2 || ' (' || id || ')' else ?2 end where id = ?1",
        )
        .bind(id)
        .bind(name)
        .bind(product)
        .execute(&mut *tx.0)
        .await?;
    }
    Ok(rows)
}

/// Counts a pool. What a file would have to say for it is kept beside it: what lies there, and what open orders hold.
pub async fn set_stock(tx: &mut Tx, pool: OfferKey, pieces: i64) -> Result<(), StoreError> {
    // In two steps: an option that shared the product's stock until now takes along what orders of it hold.
    let steps = if pool.option == 0 {
        [
            "update products set stock = ?2 where id = ?1",
            "update products set file_quantity = stock + coalesce( \
                (select pieces from held where product_id = products.id and pool_option = 0), 0) where id = ?1",
        ]
    } else {
        [
            "update options set stock = ?2, file_quantity = ?2 where id = ?1",
            "update options set file_quantity = stock + coalesce( \
                (select pieces from held where product_id = options.product_id and pool_option = options.id), 0) where id = ?1",
        ]
    };
    let id = if pool.option == 0 { pool.product } else { pool.option };
    let [count, note] = steps;
    sqlx::query(count).bind(id).bind(pieces).execute(&mut *tx.0).await?;
    sqlx::query(note).bind(id).execute(&mut *tx.0).await?;
    Ok(())
}

/// What the search knows of these products. `ids`: a list in JSON, so that many cost few statements.
async fn write_words(tx: &mut Tx, ids: &str) -> Result<(), StoreError> {
    let texts: Vec<(i64, String, String, String)> = sqlx::query_as(
        "select p.id, p.name, p.description, coalesce((select group_concat(category, ' ') from \
            (select category from product_categories where product_id = p.id order by position)), '') \
         from products p where p.id in (select value from json_each(?))",
    )
    .bind(ids)
    .fetch_all(&mut *tx.0)
    .await?;
    let rows = texts.into_iter().map(|(id, name, description, categories)| {
        json!([id, name, categories, markdown::words(&description)])
    });
    let rows: Vec<_> = rows.collect();
    sqlx::query("delete from product_words where rowid in (select value from json_each(?))")
        .bind(ids)
        .execute(&mut *tx.0)
        .await?;
    sqlx::query(
        "insert into product_words (rowid, name, categories, description) \
         select value ->> 0, value ->> 1, value ->> 2, value ->> 3 from json_each(?)",
    )
    .bind(json!(rows).to_string())
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Takes a product out of the shop for good. Orders and carts still find its row.
pub async fn delete(tx: &mut Tx, product: i64) -> Result<(), StoreError> {
    for statement in [
        "update products set gone = 1, hidden = 0, edition = edition + 1 where id = ?",
        "update options set gone = 1 where product_id = ?",
        "delete from prices where product_id = ?",
        "delete from product_categories where product_id = ?",
        "delete from product_pictures where product_id = ?",
        "delete from product_words where rowid = ?",
    ] {
        sqlx::query(statement).bind(product).execute(&mut *tx.0).await?;
    }
    Ok(())
}

/// Keeps a product from the buyers, or shows it again.
pub async fn set_hidden(tx: &mut Tx, product: i64, hidden: bool) -> Result<(), StoreError> {
    sqlx::query("update products set hidden = ?2, gone = ?2 where id = ?1")
        .bind(product)
        .bind(hidden)
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// Where a product stands in the seller's list. Shape: counts from 1.
pub async fn find_place(db: &Db, product: i64) -> Result<i64, StoreError> {
    let mut connection = db.read.acquire().await?;
    place_with(&mut connection, product).await
}

/// The same inside a transaction.
pub async fn find_place_now(tx: &mut Tx, product: i64) -> Result<i64, StoreError> {
    place_with(&mut tx.0, product).await
}

async fn place_with(connection: &mut SqliteConnection, product: i64) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "select 1 + count(*) from products where (gone = 0 or hidden = 1) \
         and (position, id) < (select position, id from products where id = ?)",
    )
    .bind(product)
    .fetch_one(connection)
    .await?)
}

/// Moves a product to a place of the list, counted from 1; a place behind the end is the last one. The others move up.
pub async fn move_to(tx: &mut Tx, product: i64, place: i64) -> Result<(), StoreError> {
    let own: i64 = sqlx::query_scalar("select position from products where id = ?")
        .bind(product)
        .fetch_one(&mut *tx.0)
        .await?;
    let there: Option<i64> = sqlx::query_scalar(
        "select position from products where (gone = 0 or hidden = 1) order by position, id limit 1 offset ?",
    )
    .bind(place.max(1) - 1)
    .fetch_optional(&mut *tx.0)
    .await?;
    let there = match there {
        Some(there) => there,
        None => {
            sqlx::query_scalar("select max(position) from products where gone = 0 or hidden = 1")
                .fetch_one(&mut *tx.0)
                .await?
        }
    };
    let shift = if own < there {
        "update products set position = position - 1 where (gone = 0 or hidden = 1) and ?1 < position and position <= ?2"
    } else {
        "update products set position = position + 1 where (gone = 0 or hidden = 1) and ?2 <= position and position < ?1"
    };
    sqlx::query(shift).bind(own).bind(there).execute(&mut *tx.0).await?;
    sqlx::query("update products set position = ?2 where id = ?1")
        .bind(product)
        .bind(there)
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// Every category with its products, hidden ones too, by the alphabet.
pub async fn list_categories(db: &Db) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(sqlx::query_as(CATEGORIES).fetch_all(&db.read).await?)
}

const CATEGORIES: &str =
    "select category, count(*) from product_categories group by category order by category";

/// Gives a category another name wherever it stands, or takes it away where there is none. Returns how many products
/// have changed.
pub async fn rename_category(
    tx: &mut Tx,
    category: &str,
    name: Option<&str>,
) -> Result<usize, StoreError> {
    let products: Vec<i64> =
        sqlx::query_scalar("select product_id from product_categories where category = ?")
            .bind(category)
            .fetch_all(&mut *tx.0)
            .await?;
    let ids = json!(products).to_string();
    sqlx::query(
        "update products set edition = edition + 1 where id in (select value from json_each(?))",
    )
    .bind(&ids)
    .execute(&mut *tx.0)
    .await?;
    // Where a product has the new one already, it has it once.
    sqlx::query(
        "delete from product_categories where category = ?1 and (?2 is null \
            or product_id in (select product_id from product_categories where category = ?2))",
    )
    .bind(category)
    .bind(name)
    .execute(&mut *tx.0)
    .await?;
    sqlx::query("update product_categories set category = ?2 where category = ?1")
        .bind(category)
        .bind(name)
        .execute(&mut *tx.0)
        .await?;
    write_words(tx, &ids).await?;
    Ok(products.len())
}

/// Counts all shelves through anew.
pub async fn rebuild_listing_index(tx: &mut Tx) -> Result<(), StoreError> {
    for statement in ["delete from shelf", "delete from shelf_sizes"] {
        sqlx::query(statement).execute(&mut *tx.0).await?;
    }
    crate::infra::store::catalog_import::count_products(tx).await
}

/// Forgets those of these pictures that no product shows any more, and returns the files that nobody needs now.
pub async fn forget_pictures(
    tx: &mut Tx,
    fingerprints: &[String],
) -> Result<Vec<String>, StoreError> {
    let mut files = Vec::new();
    for fingerprint in fingerprints {
        let row: Option<(String, String, String, String, String, String)> = sqlx::query_as(
            "delete from pictures where fingerprint = ?1 and not exists (select 1 from product_pictures where fingerprint = ?1) \
             and not exists (select 1 from sheet_cells where picture = ?1) \
             returning thumb_webp, thumb_fallback, page_webp, page_fallback, full_webp, full_fallback",
        )
        .bind(fingerprint)
        .fetch_optional(&mut *tx.0)
        .await?;
        if let Some((a, b, c, d, e, f)) = row {
            files.extend([a, b, c, d, e, f]);
        }
    }
    let mut unused = Vec::new();
    for file in files {
        // The same picture saved twice by different programs has one rendering.
        let used: Option<i64> = sqlx::query_scalar(
            "select 1 from pictures where ?1 in (thumb_webp, thumb_fallback, page_webp, page_fallback, full_webp, full_fallback) limit 1",
        )
        .bind(&file)
        .fetch_optional(&mut *tx.0)
        .await?;
        if used.is_none() {
            unused.push(file);
        }
    }
    Ok(unused)
}

/// The pictures of which only the rendering is known, and not which file of the seller's they came from.
pub async fn list_unnamed_pictures(db: &Db) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar("select distinct fingerprint from product_pictures where file = ''")
        .fetch_all(&db.read)
        .await?)
}

pub async fn name_picture(tx: &mut Tx, fingerprint: &str, file: &str) -> Result<(), StoreError> {
    sqlx::query("update product_pictures set file = ?2 where fingerprint = ?1 and file = ''")
        .bind(fingerprint)
        .bind(file)
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// Currency → the pictures that its window shows, each once, as `catalog::list_cards` lists them.
pub async fn list_windows(
    db: &Db,
    n_products: usize,
) -> Result<Vec<(String, Vec<String>)>, StoreError> {
    windows_with(&mut *db.read.acquire().await?, n_products).await
}

/// The same inside a transaction.
pub async fn list_windows_now(
    tx: &mut Tx,
    n_products: usize,
) -> Result<Vec<(String, Vec<String>)>, StoreError> {
    windows_with(&mut tx.0, n_products).await
}

async fn windows_with(
    connection: &mut SqliteConnection,
    n_products: usize,
) -> Result<Vec<(String, Vec<String>)>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select s.currency, pp.fingerprint from shelf s \
         join product_pictures pp on pp.product_id = s.product_id and pp.position = 0 \
         where s.currency in (select currency from shelf_sizes where category = '') and s.category = '' and s.position < ? \
         order by s.currency, s.position",
    )
    .bind(i64::try_from(n_products).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    let mut windows: Vec<(String, Vec<String>)> = Vec::new();
    for (currency, picture) in rows {
        match windows.last_mut().filter(|(last, _)| *last == currency) {
            Some((_, pictures)) if pictures.contains(&picture) => {}
            Some((_, pictures)) => pictures.push(picture),
            None => windows.push((currency, vec![picture])),
        }
    }
    Ok(windows)
}

/// Currency → the pictures that its sheet holds.
pub async fn list_sheets(db: &Db) -> Result<Vec<(String, Vec<String>)>, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("select currency, picture from sheet_cells order by currency, cell")
            .fetch_all(&db.read)
            .await?;
    let mut sheets: Vec<(String, Vec<String>)> = Vec::new();
    for (currency, picture) in rows {
        match sheets.last_mut().filter(|(last, _)| *last == currency) {
            Some((_, pictures)) => pictures.push(picture),
            None => sheets.push((currency, vec![picture])),
        }
    }
    Ok(sheets)
}

/// The files of the sheets that hang.
pub async fn list_sheet_files(tx: &mut Tx) -> Result<Vec<String>, StoreError> {
    let files: Vec<(String, String)> =
        sqlx::query_as("select webp, fallback from sheets").fetch_all(&mut *tx.0).await?;
    Ok(files.into_iter().flat_map(|(webp, fallback)| [webp, fallback]).collect())
}

/// Takes all sheets down. Returns their files.
pub async fn remove_sprites(tx: &mut Tx) -> Result<Vec<String>, StoreError> {
    let files = list_sheet_files(tx).await?;
    for statement in ["delete from sheet_cells", "delete from sheets"] {
        sqlx::query(statement).execute(&mut *tx.0).await?;
    }
    Ok(files)
}

/// The currencies in which a product can be bought.
pub fn currencies(product: &Prices, options: &[&Prices]) -> Vec<Currency> {
    let mut currencies: Vec<Currency> = product
        .iter()
        .chain(options.iter().copied().flatten())
        .map(|(currency, _)| currency.clone())
        .collect();
    currencies.sort();
    currencies.dedup();
    currencies
}

fn parse_picture(row: &SqliteRow) -> Result<EditedPicture, StoreError> {
    Ok(EditedPicture {
        file: row.try_get("file")?,
        fingerprint: row.try_get("fingerprint")?,
        alt: row.try_get("alt")?,
        thumb: parse_thumb(row)?,
    })
}

pub(super) fn parse_thumb(row: &SqliteRow) -> Result<Image, StoreError> {
    Ok(Image {
        width: row.try_get("width")?,
        height: row.try_get("height")?,
        webp: row.try_get("webp")?,
        fallback: row.try_get("fallback")?,
        alt: row.try_get("alt")?,
    })
}

fn parse_slug(row: &SqliteRow) -> Result<Slug, StoreError> {
    Slug::parse(row.try_get("slug")?).map_err(|_| StoreError::Row("slug"))
}
