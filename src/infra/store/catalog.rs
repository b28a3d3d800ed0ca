//! Products, options, prices and categories, as pages read them.

use crate::domain::catalog::Offer;
use crate::domain::catalog::OfferKey;
use crate::domain::catalog::Prices;
use crate::domain::catalog::Rate;
use crate::domain::catalog::Slug;
use crate::domain::values::Amount;
use crate::domain::values::Country;
use crate::domain::values::Currency;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use sqlx::Row;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use std::collections::HashMap;

/// A product as a list shows it.
#[derive(Clone, Debug)]
pub struct Card {
    pub slug: String,
    pub name: String,
    /// The lowest; `None` in a shop without wallets.
    pub price: Option<Amount>,
    /// Whether an option costs more than `price`.
    pub from: bool,
    /// Units: pieces, of all options together.
    pub stock: i64,
    pub thumb: Option<Image>,
}

/// A picture in one size. Shape: file names as `/picture/{file}` takes them.
#[derive(Clone, Debug)]
pub struct Image {
    pub width: i64,
    pub height: i64,
    pub webp: String,
    pub fallback: String,
    pub alt: String,
}

/// Where on a sheet a picture is. Shape: `cell` counts from 0, four in a row.
#[derive(Clone, Debug)]
pub struct SheetCell {
    pub webp: String,
    pub fallback: String,
    pub width: i64,
    pub height: i64,
    pub cell: i64,
}

#[derive(Clone, Debug)]
pub struct Product {
    pub id: i64,
    pub slug: Slug,
    pub name: String,
    pub description_html: String,
    pub stock: i64,
    pub gone: bool,
    pub categories: Vec<String>,
    pub options: Vec<ProductOption>,
    /// The product's own, by the wallets' order.
    pub prices: Prices,
    pub pictures: Vec<ProductPicture>,
}

#[derive(Clone, Debug)]
pub struct ProductOption {
    pub id: i64,
    pub name: String,
    /// `None` where it shares the product's.
    pub stock: Option<i64>,
    /// Those that differ from the product's.
    pub prices: Prices,
}

#[derive(Clone, Debug)]
pub struct ProductPicture {
    pub page: Image,
    pub full: Image,
}

/// A category and how many products of it can be seen in the currency.
#[derive(Clone, Debug)]
pub struct CategorySize {
    pub name: String,
    pub products: i64,
}

/// Which products a list shows.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Empty in a shop without wallets.
    pub currency: &'a str,
    /// Empty: all.
    pub category: &'a str,
    pub first: i64,
    pub n_products: i64,
}

/// Two numbers that only grow: with every change of what a page of the catalog shows, and with every seeding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub catalog: i64,
    pub seeding: i64,
}

/// The numbers as they are now; mostly they are remembered.
pub async fn version(db: &Db) -> Result<Version, StoreError> {
    let count = db.changes.count();
    if let Some(version) = db.changes.remembered(count) {
        return Ok(version);
    }
    let (catalog, seeding) =
        sqlx::query_as("select version, seeding from catalog_state").fetch_one(&db.read).await?;
    let version = Version { catalog, seeding };
    db.changes.remember(count, version);
    Ok(version)
}

/// Whether nothing was ever put into it, neither from a file nor at the desk.
pub async fn is_empty(db: &Db) -> Result<bool, StoreError> {
    let found: Option<i64> = sqlx::query_scalar(
        "select 1 from products union all select 1 from catalog_state where 0 < desk_changes limit 1",
    )
    .fetch_optional(&db.read)
    .await?;
    Ok(found.is_none())
}

/// The products of one page of a list.
pub async fn list_cards(db: &Db, window: Window<'_>) -> Result<Vec<Card>, StoreError> {
    let rows = sqlx::query(
        "select p.slug, p.name, \
            (select min(r.price) from prices r where r.product_id = p.id and r.currency = s.currency) as price, \
            (select max(r.price) from prices r where r.product_id = p.id and r.currency = s.currency) as most, \
            case when exists (select 1 from options o where o.product_id = p.id and o.gone = 0 and o.stock is not null) \
              then (select sum(coalesce(o.stock, 0)) from options o where o.product_id = p.id and o.gone = 0) \
                 + case when exists (select 1 from options o where o.product_id = p.id and o.gone = 0 and o.stock is null) \
                   then p.stock else 0 end \
              else p.stock end as stock, \
            i.thumb_width as width, i.thumb_height as height, i.thumb_webp as webp, i.thumb_fallback as fallback, pp.alt \
         from shelf s join products p on p.id = s.product_id \
         left join product_pictures pp on pp.product_id = p.id and pp.position = 0 \
         left join pictures i on i.fingerprint = pp.fingerprint \
         where s.currency = ? and s.category = ? and s.position between ? and ? order by s.position",
    )
    .bind(window.currency)
    .bind(window.category)
    .bind(window.first)
    .bind(window.first + window.n_products - 1)
    .fetch_all(&db.read)
    .await?;
    rows.iter().map(parse_card).collect()
}

/// The cells of the window's sheet, by the WebP of the thumb that each stands for; none in a catalog without a sheet.
pub async fn list_cells(db: &Db, currency: &str) -> Result<HashMap<String, SheetCell>, StoreError> {
    let rows = sqlx::query(
        "select i.thumb_webp, s.webp, s.fallback, s.width, s.height, c.cell from sheet_cells c \
         join sheets s on s.fingerprint = c.sheet join pictures i on i.fingerprint = c.picture where c.currency = ?",
    )
    .bind(currency)
    .fetch_all(&db.read)
    .await?;
    rows.iter().map(|row| Ok((row.try_get("thumb_webp")?, parse_cell(row)?))).collect()
}

/// How many products a list has in all; `None` for a category that there is not in this currency.
pub async fn find_size(db: &Db, currency: &str, category: &str) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar("select products from shelf_sizes where currency = ? and category = ?")
        .bind(currency)
        .bind(category)
        .fetch_optional(&db.read)
        .await?)
}

/// Whether any product stands in a category, in whatever currency.
pub async fn has_category(db: &Db, category: &str) -> Result<bool, StoreError> {
    let found: Option<i64> =
        sqlx::query_scalar("select 1 from shelf_sizes where category = ? limit 1")
            .bind(category)
            .fetch_optional(&db.read)
            .await?;
    Ok(found.is_some() && !category.is_empty())
}

/// The categories in the order in which the seller's file first names them.
pub async fn list_categories(db: &Db, currency: &str) -> Result<Vec<CategorySize>, StoreError> {
    let rows = sqlx::query(
        "select category, products from shelf_sizes where currency = ? and category <> '' order by position, category",
    )
    .bind(currency)
    .fetch_all(&db.read)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(CategorySize { name: row.try_get("category")?, products: row.try_get("products")? })
        })
        .collect()
}

/// The products in which all the words stand, the best first, among the first 500 of the seller's order.
/// `words`: an expression of FTS5 that [`fts_words`] made.
pub async fn search(db: &Db, words: &str, currency: &str) -> Result<Vec<i64>, StoreError> {
    // The inner limit keeps a word that stands everywhere from costing more than others.
    Ok(sqlx::query_scalar(
        "select id from (select w.rowid as id, w.rank as rank from product_words w \
         where product_words match ? and exists (select 1 from shelf s where s.product_id = w.rowid and s.currency = ? and s.category = '') \
         limit 500) order by rank, id",
    )
    .bind(words)
    .bind(currency)
    .fetch_all(&db.read)
    .await?)
}

/// Cards of these products, in this order.
pub async fn list_cards_of(
    db: &Db,
    products: &[i64],
    currency: &str,
) -> Result<Vec<Card>, StoreError> {
    let mut cards = Vec::new();
    for product in products {
        let position: Option<i64> = sqlx::query_scalar(
            "select position from shelf where product_id = ? and currency = ? and category = ''",
        )
        .bind(product)
        .bind(currency)
        .fetch_optional(&db.read)
        .await?;
        if let Some(first) = position {
            cards.extend(
                list_cards(db, Window { currency, category: "", first, n_products: 1 }).await?,
            );
        }
    }
    Ok(cards)
}

/// A visitor's words as an expression of FTS5: each word in quotes, so that none is an operator, each as a beginning.
/// `None` where no word is left.
pub fn fts_words(query: &str) -> Option<String> {
    let words: Vec<String> = query
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(12)
        // A single letter begins so many words that only the letter itself is meant.
        .map(|word| {
            if word.chars().nth(1).is_some() {
                format!("\"{word}\"*")
            } else {
                format!("\"{word}\"")
            }
        })
        .collect();
    if words.is_empty() { None } else { Some(words.join(" ")) }
}

/// What there is to choose from at a product, and where it stands.
pub(super) struct Choices {
    /// The product's own, by the wallets' order.
    pub prices: Prices,
    pub options: Vec<ProductOption>,
    pub categories: Vec<String>,
}

pub(super) async fn read_choices(
    connection: &mut SqliteConnection,
    product: i64,
) -> Result<Choices, StoreError> {
    let prices = sqlx::query(
        "select r.option_id, r.currency, r.price from prices r join wallets w on w.currency = r.currency \
         where r.product_id = ? order by w.position",
    )
    .bind(product)
    .fetch_all(&mut *connection)
    .await?;
    let prices_of = |option: i64| -> Result<Prices, StoreError> {
        let of_option = prices
            .iter()
            .filter(|row| row.try_get::<i64, _>("option_id").is_ok_and(|id| id == option));
        of_option
            .map(|row| {
                Ok((crate::infra::store::payment::parse_currency(row)?, gwei(row, "price")?))
            })
            .collect()
    };
    let options = sqlx::query(
        "select id, name, stock from options where product_id = ? and gone = 0 order by position",
    )
    .bind(product)
    .fetch_all(&mut *connection)
    .await?;
    let options = options.iter().map(|row| {
        let id = row.try_get("id")?;
        Ok(ProductOption {
            id,
            name: row.try_get("name")?,
            stock: row.try_get("stock")?,
            prices: prices_of(id)?,
        })
    });
    let options = options.collect::<Result<Vec<_>, StoreError>>()?;
    let categories = sqlx::query_scalar(
        "select category from product_categories where product_id = ? order by position",
    )
    .bind(product)
    .fetch_all(connection)
    .await?;
    Ok(Choices { prices: prices_of(0)?, options, categories })
}

/// A product that is still in the catalog.
pub async fn find_product(db: &Db, slug: &Slug) -> Result<Option<Product>, StoreError> {
    let Some(row) = sqlx::query("select * from products where slug = ? and gone = 0")
        .bind(slug.as_str())
        .fetch_optional(&db.read)
        .await?
    else {
        return Ok(None);
    };
    let id: i64 = row.try_get("id")?;
    let Choices { prices, options, categories } =
        read_choices(&mut *db.read.acquire().await?, id).await?;
    let pictures = sqlx::query(
        "select i.*, pp.alt from product_pictures pp join pictures i on i.fingerprint = pp.fingerprint \
         where pp.product_id = ? order by pp.position",
    )
    .bind(id)
    .fetch_all(&db.read)
    .await?;
    Ok(Some(Product {
        id,
        slug: parse_slug(&row)?,
        name: row.try_get("name")?,
        description_html: row.try_get("description_html")?,
        stock: row.try_get("stock")?,
        gone: row.try_get("gone")?,
        categories,
        options,
        prices,
        pictures: pictures.iter().map(parse_picture).collect::<Result<_, _>>()?,
    }))
}

/// The product that stands after this one, and the first after the last.
pub async fn find_next(
    db: &Db,
    product: i64,
    currency: &str,
) -> Result<Option<(String, String)>, StoreError> {
    let row = sqlx::query(
        // CROSS keeps SQLite from beginning with the whole shelf.
        "select p.slug, p.name from shelf here cross join shelf_sizes z cross join shelf s cross join products p \
         where here.product_id = ?1 and here.currency = ?2 and here.category = '' \
         and z.currency = here.currency and z.category = '' \
         and s.currency = here.currency and s.category = '' and s.position = (here.position + 1) % z.products \
         and p.id = s.product_id and p.id <> ?1",
    )
    .bind(product)
    .bind(currency)
    .fetch_optional(&db.read)
    .await?;
    row.map(|row| Ok((row.try_get("slug")?, row.try_get("name")?))).transpose()
}

const OFFERS: &str = "select p.id, p.slug, p.name, p.gone, p.stock, o.name as option_name, o.stock as option_stock, o.gone as option_gone, \
        coalesce((select price from prices where product_id = p.id and option_id = ?2 and currency = ?3), \
                 (select price from prices where product_id = p.id and option_id = 0 and currency = ?3)) as price, \
        exists (select 1 from options where product_id = p.id and gone = 0) as has_options \
     from products p left join options o on o.id = ?2 and o.product_id = p.id where p.id = ?1";

/// What the shop says now of each thing; one that it has never known is left out.
pub async fn list_offers(
    db: &Db,
    keys: impl Iterator<Item = OfferKey>,
    currency: &Currency,
) -> Result<HashMap<OfferKey, Offer>, StoreError> {
    let mut offers = HashMap::new();
    let mut connection = db.read.acquire().await?;
    for key in keys {
        let row = sqlx::query(OFFERS)
            .bind(key.product)
            .bind(key.option)
            .bind(currency.as_str())
            .fetch_optional(&mut *connection)
            .await?;
        offers.extend(
            row.map(|row| parse_offer(&row, key)).transpose()?.flatten().map(|offer| (key, offer)),
        );
    }
    Ok(offers)
}

/// The same inside a transaction: what is read here cannot change before the order is kept.
pub async fn list_offers_now(
    tx: &mut Tx,
    keys: impl Iterator<Item = OfferKey>,
    currency: &Currency,
) -> Result<HashMap<OfferKey, Offer>, StoreError> {
    let mut offers = HashMap::new();
    for key in keys {
        let row = sqlx::query(OFFERS)
            .bind(key.product)
            .bind(key.option)
            .bind(currency.as_str())
            .fetch_optional(&mut *tx.0)
            .await?;
        offers.extend(
            row.map(|row| parse_offer(&row, key)).transpose()?.flatten().map(|offer| (key, offer)),
        );
    }
    Ok(offers)
}

/// Which thing a form means. `None`: no such product or option; a product with options needs one, others take none.
pub async fn find_key(db: &Db, slug: &Slug, option: &str) -> Result<Option<OfferKey>, StoreError> {
    let row = sqlx::query(
        "select p.id, coalesce(o.id, 0) as option_id, exists (select 1 from options where product_id = p.id and gone = 0) as has_options \
         from products p left join options o on o.product_id = p.id and o.name = ?2 and o.gone = 0 where p.slug = ?1 and p.gone = 0",
    )
    .bind(slug.as_str())
    .bind(option)
    .fetch_optional(&db.read)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let key = OfferKey { product: row.try_get("id")?, option: row.try_get("option_id")? };
    Ok((row.try_get::<bool, _>("has_options")? == (key.option != 0)).then_some(key))
}

/// Takes pieces off the shelf. The caller has read in this transaction that there are enough.
pub async fn take_stock(tx: &mut Tx, pool: OfferKey, pieces: i64) -> Result<(), StoreError> {
    let changed = if pool.option == 0 {
        sqlx::query("update products set stock = stock - ?2 where id = ?1 and ?2 <= stock")
            .bind(pool.product)
    } else {
        sqlx::query("update options set stock = stock - ?2 where id = ?1 and ?2 <= stock")
            .bind(pool.option)
    };
    let changed = changed.bind(pieces).execute(&mut *tx.0).await?;
    if changed.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Row("stock")) }
}

/// How many pieces a shelf holds; `None` for one that is gone or shares another's.
pub async fn find_stock(tx: &mut Tx, pool: OfferKey) -> Result<Option<i64>, StoreError> {
    let row = if pool.option == 0 {
        sqlx::query_scalar("select stock from products where id = ?").bind(pool.product)
    } else {
        sqlx::query_scalar("select stock from options where id = ?").bind(pool.option)
    };
    Ok(row.fetch_optional(&mut *tx.0).await?.flatten())
}

/// Puts pieces back.
pub async fn give_back_stock(tx: &mut Tx, pool: OfferKey, pieces: i64) -> Result<(), StoreError> {
    let update = if pool.option == 0 {
        sqlx::query("update products set stock = stock + ?2 where id = ?1").bind(pool.product)
    } else {
        // An option that joins the product's stock takes its lines along (migration 0012), so that there is a number here.
        sqlx::query("update options set stock = stock + ?2 where id = ?1 and stock is not null")
            .bind(pool.option)
    };
    update.bind(pieces).execute(&mut *tx.0).await?;
    Ok(())
}

/// Says that pages of the catalog show something else from now on.
pub async fn mark_changed(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update catalog_state set version = version + 1").execute(&mut *tx.0).await?;
    Ok(())
}

/// Says that wallets, pages and categories may be others from now on, and so the rest too.
pub async fn mark_seeded(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update catalog_state set version = version + 1, seeding = seeding + 1")
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

const RATES: &str = "select r.name, r.countries, p.price from shipping_rates r join shipping_prices p on p.rate = r.name \
     where p.currency = ? order by r.position";
const ANY_RATE: &str = "select 1 from shipping_rates limit 1";

/// The ways of sending that have a price in this currency, in the seller's order.
pub async fn list_rates(db: &Db, currency: &Currency) -> Result<Vec<Rate>, StoreError> {
    let rows = sqlx::query(RATES).bind(currency.as_str()).fetch_all(&db.read).await?;
    rows.iter().map(parse_rate).collect()
}

/// The same inside a transaction.
pub async fn list_rates_now(tx: &mut Tx, currency: &Currency) -> Result<Vec<Rate>, StoreError> {
    let rows = sqlx::query(RATES).bind(currency.as_str()).fetch_all(&mut *tx.0).await?;
    rows.iter().map(parse_rate).collect()
}

/// Whether sending is asked for at all, in whatever currency.
pub async fn asks_for_sending(db: &Db) -> Result<bool, StoreError> {
    let found: Option<i64> = sqlx::query_scalar(ANY_RATE).fetch_optional(&db.read).await?;
    Ok(found.is_some())
}

/// The same inside a transaction.
pub async fn asks_for_sending_now(tx: &mut Tx) -> Result<bool, StoreError> {
    let found: Option<i64> = sqlx::query_scalar(ANY_RATE).fetch_optional(&mut *tx.0).await?;
    Ok(found.is_some())
}

pub async fn has_discounts(db: &Db) -> Result<bool, StoreError> {
    let found: Option<i64> =
        sqlx::query_scalar("select 1 from discounts limit 1").fetch_optional(&db.read).await?;
    Ok(found.is_some())
}

fn parse_card(row: &SqliteRow) -> Result<Card, StoreError> {
    let price: Option<i64> = row.try_get("price")?;
    let most: Option<i64> = row.try_get("most")?;
    let webp: Option<String> = row.try_get("webp")?;
    let thumb = webp.map(|webp| {
        let (width, height) = (row.try_get("width")?, row.try_get("height")?);
        Ok::<_, StoreError>(Image {
            width,
            height,
            webp,
            fallback: row.try_get("fallback")?,
            alt: row.try_get("alt")?,
        })
    });
    Ok(Card {
        slug: row.try_get("slug")?,
        name: row.try_get("name")?,
        price: price.map(Amount::new).transpose().map_err(|_| StoreError::Row("price"))?,
        from: price != most,
        stock: row.try_get("stock")?,
        thumb: thumb.transpose()?,
    })
}

fn parse_cell(row: &SqliteRow) -> Result<SheetCell, StoreError> {
    Ok(SheetCell {
        webp: row.try_get("webp")?,
        fallback: row.try_get("fallback")?,
        width: row.try_get("width")?,
        height: row.try_get("height")?,
        cell: row.try_get("cell")?,
    })
}

fn parse_picture(row: &SqliteRow) -> Result<ProductPicture, StoreError> {
    let alt: String = row.try_get("alt")?;
    Ok(ProductPicture {
        page: Image {
            width: row.try_get("page_width")?,
            height: row.try_get("page_height")?,
            webp: row.try_get("page_webp")?,
            fallback: row.try_get("page_fallback")?,
            alt: alt.clone(),
        },
        full: Image {
            width: row.try_get("full_width")?,
            height: row.try_get("full_height")?,
            webp: row.try_get("full_webp")?,
            fallback: row.try_get("full_fallback")?,
            alt,
        },
    })
}

/// `None` where the option is none of this product's, or one is needed and none is named.
fn parse_offer(row: &SqliteRow, key: OfferKey) -> Result<Option<Offer>, StoreError> {
    let option_name: Option<String> = row.try_get("option_name")?;
    if option_name.is_none() && key.option != 0 {
        return Ok(None);
    }
    let option_stock: Option<i64> = row.try_get("option_stock")?;
    let product_gone: bool = row.try_get("gone")?;
    let option_gone: Option<bool> = row.try_get("option_gone")?;
    // A product that has got options since it was put into a cart can no longer be bought without one.
    let needs_option = key.option == 0 && row.try_get::<bool, _>("has_options")?;
    let price: Option<i64> = row.try_get("price")?;
    Ok(Some(Offer {
        key,
        slug: parse_slug(row)?,
        name: row.try_get("name")?,
        option_name: option_name.unwrap_or_default(),
        price: price.map(Amount::new).transpose().map_err(|_| StoreError::Row("price"))?,
        stock: option_stock.map_or_else(|| row.try_get("stock"), Ok)?,
        pool: OfferKey { option: if option_stock.is_some() { key.option } else { 0 }, ..key },
        gone: product_gone || option_gone == Some(true) || needs_option,
    }))
}

fn parse_rate(row: &SqliteRow) -> Result<Rate, StoreError> {
    let letters: String = row.try_get("countries")?;
    let countries = letters.split(',').filter(|code| !code.is_empty()).map(Country::parse);
    Ok(Rate {
        name: row.try_get("name")?,
        countries: countries.collect::<Result<_, _>>().map_err(|_| StoreError::Row("countries"))?,
        price: gwei(row, "price")?,
    })
}

pub(super) fn parse_slug(row: &SqliteRow) -> Result<Slug, StoreError> {
    Slug::parse(row.try_get("slug")?).map_err(|_| StoreError::Row("slug"))
}

pub(super) fn gwei(row: &SqliteRow, column: &'static str) -> Result<Amount, StoreError> {
    Amount::new(row.try_get(column)?).map_err(|_| StoreError::Row(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_of_any_characters_is_words_in_quotes() {
        assert_eq!(fts_words("wool socks"), Some("\"wool\"* \"socks\"*".to_owned()));
        assert_eq!(
            fts_words("NEAR(\"a\" OR b* -c:d"),
            Some("\"NEAR\"* \"a\" \"OR\"* \"b\" \"c\" \"d\"".to_owned())
        );
        assert_eq!(fts_words(" \"*;--' \u{0}"), None);
    }
}
