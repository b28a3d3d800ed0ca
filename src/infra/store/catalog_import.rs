//! Imports a catalog.

use crate::domain::catalog::ProductRecord;
use crate::domain::catalog::markdown;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use serde_json::json;

/// A product of the seller's file with the pictures it has on the shelf.
pub struct StockedProduct<'a> {
    pub record: &'a ProductRecord,
    /// Its pictures, each kept before with [`keep_picture`].
    pub pictures: Vec<ShownPicture<'a>>,
}

/// A picture of a product.
#[derive(Clone, Debug)]
pub struct ShownPicture<'a> {
    pub fingerprint: String,
    /// Its name below the seller's picture folder.
    pub file: &'a str,
    pub alt: &'a str,
}

/// A rendered picture's columns: for thumb, page and full the width, the height and the two files.
pub struct PictureRow<'a> {
    pub fingerprint: &'a str,
    pub sizes: [(u32, u32, &'a str, &'a str); 3],
}

/// The window's pictures in one file.
#[derive(Clone, Debug)]
pub struct SheetRow {
    pub fingerprint: String,
    pub width: u32,
    pub height: u32,
    pub webp: String,
    pub fallback: String,
}

/// The files of a picture that was rendered before, or `None`: thumb, page, full, each with its fallback.
pub async fn find_picture(db: &Db, fingerprint: &str) -> Result<Option<[String; 6]>, StoreError> {
    let row: Option<(String, String, String, String, String, String)> = sqlx::query_as(
        "select thumb_webp, thumb_fallback, page_webp, page_fallback, full_webp, full_fallback from pictures where fingerprint = ?",
    )
    .bind(fingerprint)
    .fetch_optional(&db.read)
    .await?;
    Ok(row.map(|(a, b, c, d, e, f)| [a, b, c, d, e, f]))
}

pub async fn keep_picture(tx: &mut Tx, picture: &PictureRow<'_>) -> Result<(), StoreError> {
    let mut insert = sqlx::query(
        "insert or replace into pictures (fingerprint, thumb_width, thumb_height, thumb_webp, thumb_fallback, \
            page_width, page_height, page_webp, page_fallback, full_width, full_height, full_webp, full_fallback) \
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(picture.fingerprint);
    for (width, height, webp, fallback) in picture.sizes {
        insert = insert.bind(i64::from(width)).bind(i64::from(height)).bind(webp).bind(fallback);
    }
    insert.execute(&mut *tx.0).await?;
    Ok(())
}

/// A sheet that was painted before, or `None`.
pub async fn find_sheet(db: &Db, fingerprint: &str) -> Result<Option<SheetRow>, StoreError> {
    let row: Option<(u32, u32, String, String)> =
        sqlx::query_as("select width, height, webp, fallback from sheets where fingerprint = ?")
            .bind(fingerprint)
            .fetch_optional(&db.read)
            .await?;
    Ok(row.map(|(width, height, webp, fallback)| SheetRow {
        fingerprint: fingerprint.to_owned(),
        width,
        height,
        webp,
        fallback,
    }))
}

/// Hangs a sheet into the windows of these currencies. `pictures`: fingerprints, cell by cell, each kept before.
pub async fn put_sheet(
    tx: &mut Tx,
    sheet: &SheetRow,
    currencies: &[String],
    pictures: &[String],
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into sheets (fingerprint, width, height, webp, fallback) values (?, ?, ?, ?, ?)",
    )
    .bind(&sheet.fingerprint)
    .bind(sheet.width)
    .bind(sheet.height)
    .bind(&sheet.webp)
    .bind(&sheet.fallback)
    .execute(&mut *tx.0)
    .await?;
    for currency in currencies {
        for (cell, picture) in (0_i64..).zip(pictures) {
            sqlx::query(
                "insert into sheet_cells (currency, picture, sheet, cell) values (?, ?, ?, ?)",
            )
            .bind(currency)
            .bind(picture)
            .bind(&sheet.fingerprint)
            .bind(cell)
            .execute(&mut *tx.0)
            .await?;
        }
    }
    Ok(())
}

/// Takes everything off sale but what orders and carts must still find: products and options keep their rows.
pub async fn clear(tx: &mut Tx) -> Result<(), StoreError> {
    for statement in [
        "update products set gone = 1, hidden = 0 where gone = 0 or hidden = 1",
        "update options set gone = 1 where gone = 0",
        "delete from prices",
        "delete from product_categories",
        "delete from product_pictures",
        "delete from sheet_cells",
        "delete from sheets",
        "delete from shelf",
        "delete from shelf_sizes",
        "insert into product_words (product_words) values ('delete-all')",
    ] {
        sqlx::query(statement).execute(&mut *tx.0).await?;
    }
    Ok(())
}

/// Puts products on sale, `first` being the position of the first of them in the seller's file.
///
/// A quantity that the file has changed is counted anew: what the file says, less what open orders hold. One that it
/// has not changed is no news, and what was sold since stays sold; `count_anew` treats all as changed.
pub async fn put(
    tx: &mut Tx,
    products: &[StockedProduct<'_>],
    first: usize,
    count_anew: bool,
) -> Result<(), StoreError> {
    // One statement for many products: a statement for each would cost more than the work itself.
    let mut rows = Vec::with_capacity(products.len());
    let mut options = Vec::new();
    let mut prices = Vec::new();
    let mut categories = Vec::new();
    let mut pictures = Vec::new();
    for (position, product) in (first..).zip(products) {
        let record = product.record;
        let slug = record.slug.as_str();
        let words = markdown::words(&record.description);
        rows.push(json!([
            slug,
            position,
            record.name,
            markdown::html(&record.description),
            record.quantity,
            record.categories.join(" "),
            words,
            record.description,
            record.record,
            i64::from(record.hidden)
        ]));
        let own = record
            .prices
            .iter()
            .map(|(currency, price)| json!([slug, null, currency.as_str(), price.get()]));
        prices.extend(own);
        for (n, option) in record.options.iter().enumerate() {
            options.push(json!([slug, n, option.name, option.quantity]));
            let own = option.prices.iter();
            prices.extend(own.map(|(currency, price)| {
                json!([slug, option.name, currency.as_str(), price.get()])
            }));
        }
        categories.extend(
            record.categories.iter().enumerate().map(|(n, category)| json!([slug, n, category])),
        );
        let shown = product.pictures.iter().enumerate();
        pictures.extend(
            shown.map(|(n, picture)| {
                json!([slug, n, picture.fingerprint, picture.alt, picture.file])
            }),
        );
    }
    let rows = json!(rows).to_string();
    sqlx::query(
        "insert into products (slug, position, name, description_html, file_quantity, stock, description, record, hidden, gone) \
         select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 4, value ->> 7, value ->> 8, \
            value ->> 9, value ->> 9 from json_each(?1) where true \
         on conflict (slug) do update set position = excluded.position, name = excluded.name, gone = excluded.gone, \
            hidden = excluded.hidden, description_html = excluded.description_html, description = excluded.description, \
            record = excluded.record, edition = edition + 1, file_quantity = excluded.file_quantity, \
            stock = case when products.file_quantity = excluded.file_quantity and not ?2 then products.stock + coalesce( \
                (select h.pieces from held h where h.product_id = products.id and h.pool_option = 0), 0) \
              else excluded.file_quantity end",
    )
    .bind(&rows)
    .bind(count_anew)
    .execute(&mut *tx.0)
    .await?;
    sqlx::query(
        "insert into product_words (rowid, name, categories, description) \
         select p.id, value ->> 2, value ->> 5, value ->> 6 from json_each(?) join products p on p.slug = value ->> 0",
    )
    .bind(&rows)
    .execute(&mut *tx.0)
    .await?;
    sqlx::query(
        "insert into options (product_id, position, name, file_quantity, stock) \
         select p.id, value ->> 1, value ->> 2, value ->> 3, value ->> 3 from json_each(?1) join products p on p.slug = value ->> 0 where true \
         on conflict (product_id, name) do update set position = excluded.position, gone = 0, file_quantity = excluded.file_quantity, \
            stock = case when excluded.file_quantity is null then null \
              when options.file_quantity is excluded.file_quantity and not ?2 then options.stock \
              else max(0, excluded.file_quantity - (select coalesce(sum(l.quantity), 0) from order_lines l \
                join orders o on o.id = l.order_id where l.product_id = options.product_id and l.option_id = options.id \
                and o.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid'))) end",
    )
    .bind(json!(options).to_string())
    .bind(count_anew)
    .execute(&mut *tx.0)
    .await?;
    // Only now: orders of an option that has got a stock of its own, or shares the product's again, have moved with it.
    sqlx::query(
        "update products set stock = max(0, stock - coalesce( \
            (select h.pieces from held h where h.product_id = products.id and h.pool_option = 0), 0)) \
         where slug in (select value ->> 0 from json_each(?))",
    )
    .bind(&rows)
    .execute(&mut *tx.0)
    .await?;
    for (statement, values) in [
        (
            "insert into prices (product_id, option_id, currency, price) \
             select p.id, coalesce(o.id, 0), value ->> 2, value ->> 3 from json_each(?) join products p on p.slug = value ->> 0 \
             left join options o on o.product_id = p.id and o.name = value ->> 1",
            prices,
        ),
        (
            "insert into product_categories (product_id, position, category) \
             select p.id, value ->> 1, value ->> 2 from json_each(?) join products p on p.slug = value ->> 0",
            categories,
        ),
        (
            "insert into product_pictures (product_id, position, fingerprint, alt, file) \
             select p.id, value ->> 1, value ->> 2, value ->> 3, value ->> 4 from json_each(?) join products p on p.slug = value ->> 0",
            pictures,
        ),
    ] {
        sqlx::query(statement).bind(json!(values).to_string()).execute(&mut *tx.0).await?;
    }
    Ok(())
}

/// Builds the listing index, once all products are in.
pub async fn count_products(tx: &mut Tx) -> Result<(), StoreError> {
    for statement in [
        // In a shop without wallets everything is shown, and nothing has a price.
        "insert into shelf (currency, category, position, product_id) \
         select '', '', row_number() over (order by position) - 1, id from products \
         where gone = 0 and not exists (select 1 from wallets)",
        "insert into shelf (currency, category, position, product_id) \
         select '', category, row_number() over (partition by category order by p.position) - 1, p.id \
         from products p join product_categories c on c.product_id = p.id \
         where p.gone = 0 and not exists (select 1 from wallets)",
        "insert into shelf (currency, category, position, product_id) \
         select w.currency, '', row_number() over (partition by w.currency order by p.position) - 1, p.id \
         from wallets w join products p on p.gone = 0 \
         where exists (select 1 from prices r where r.product_id = p.id and r.currency = w.currency)",
        "insert into shelf (currency, category, position, product_id) \
         select w.currency, c.category, row_number() over (partition by w.currency, c.category order by p.position) - 1, p.id \
         from wallets w join products p on p.gone = 0 join product_categories c on c.product_id = p.id \
         where exists (select 1 from prices r where r.product_id = p.id and r.currency = w.currency)",
        "insert into shelf_sizes (currency, category, position, products) \
         select s.currency, s.category, min(p.position), count(*) from shelf s join products p on p.id = s.product_id \
         group by s.currency, s.category",
    ] {
        sqlx::query(statement).execute(&mut *tx.0).await?;
    }
    Ok(())
}

/// Forgets the pictures that no product shows.
pub async fn forget_unused_pictures(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query(
        "delete from pictures where fingerprint not in (select fingerprint from product_pictures)",
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Every rendered file that a product, the window or the frame of the pages shows.
pub async fn list_picture_files(tx: &mut Tx) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "select thumb_webp from pictures union select thumb_fallback from pictures union select page_webp from pictures \
         union select page_fallback from pictures union select full_webp from pictures union select full_fallback from pictures \
         union select webp from sheets union select fallback from sheets \
         union select logo_webp from look where logo_webp is not null \
         union select logo_fallback from look where logo_fallback is not null",
    )
    .fetch_all(&mut *tx.0)
    .await?)
}

/// Why a changed name did not count anew: products whose number the file has not changed although some were sold.
pub async fn count_sold_since(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "select (select count(*) from products where gone = 0 and stock < file_quantity) \
              + (select count(*) from options where gone = 0 and stock < file_quantity)",
    )
    .fetch_one(&mut *tx.0)
    .await?)
}
