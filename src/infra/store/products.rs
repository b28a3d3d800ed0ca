//! Products, as buyers see them and as the seller's form shows them.

use sqlx::FromRow;

use crate::domain::catalog::{DigitalContent, Prices, ProductKind, Slug, ValidRates};
use crate::domain::values::{Amount, Currency, FiatCurrency, FiatPrice, Regions};
use crate::infra::store::columns::parse_regions;
use crate::infra::store::digital_content::ContentColumns;
use crate::infra::store::pictures::{Image, ThumbRow};
use crate::infra::store::{Connection, StoreError};

/// A product as buyers see it.
#[derive(Clone, Debug)]
pub struct Product {
    pub id: i64,
    pub slug: Slug,
    pub name: String,
    pub description_html: String,
    pub kind: ProductKind,
    /// Units: items that nobody reserves.
    pub stock: i64,
    /// Units: items of it that unpaid orders reserve.
    pub reserved: i64,
    pub categories: Vec<String>,
    pub options: Vec<ProductOption>,
    /// The product's own that count now, in the order of the wallets.
    pub prices: Prices,
    /// The product's own in ordinary money.
    pub fiat: Option<FiatPrice>,
    pub pictures: Vec<ProductPicture>,
    /// Where it is not shipped to.
    pub excluded_countries: Regions,
}

#[derive(Clone, Debug)]
pub struct ProductOption {
    pub id: i64,
    pub name: String,
    /// `None` where it shares the product's.
    pub stock: Option<i64>,
    /// Units: items of its own stock that unpaid orders reserve.
    pub reserved: i64,
    /// Those that differ from the product's.
    pub prices: Prices,
    /// Units: grams of one item; `None` where it is the product's.
    pub weight: Option<i64>,
    pub fiat: Option<FiatPrice>,
}

#[derive(Clone, Debug)]
pub struct ProductPicture {
    pub page: Image,
    pub full: Image,
}

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
    pub kind: ProductKind,
    pub content: DigitalContent,
    pub stock: i64,
    pub hidden: bool,
    pub edition: i64,
    /// Units: grams of one item; `None` if it is not known.
    pub weight: Option<i64>,
    pub excluded_countries: Regions,
    /// The seller's own, not those converted from `fiat`.
    pub prices: Prices,
    pub fiat: Option<FiatPrice>,
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

#[derive(FromRow)]
struct ProductRow {
    id: i64,
    slug: Slug,
    record: String,
    name: String,
    description: String,
    description_html: String,
    stock: i64,
    reserved: i64,
    hidden: bool,
    edition: i64,
    kind: ProductKind,
    #[sqlx(flatten)]
    content: ContentColumns,
    weight: Option<i64>,
    excluded_countries: String,
}

#[derive(FromRow)]
struct OptionRow {
    id: i64,
    name: String,
    stock: Option<i64>,
    reserved: i64,
    weight: Option<i64>,
}

#[derive(FromRow)]
struct PriceRow {
    option_id: i64,
    currency: Currency,
    price: Option<Amount>,
    is_converted: bool,
}

#[derive(FromRow)]
struct FiatRow {
    option_id: i64,
    currency: FiatCurrency,
    price: i64,
}

#[derive(FromRow)]
struct PictureRow {
    page_width: i64,
    page_height: i64,
    page_webp: String,
    page_fallback: String,
    full_width: i64,
    full_height: i64,
    full_webp: String,
    full_fallback: String,
    alt: String,
}

#[derive(FromRow)]
struct EditedPictureRow {
    file: String,
    fingerprint: String,
    #[sqlx(flatten)]
    thumb: ThumbRow,
}

/// Before each condition that names one product.
macro_rules! product_where {
    ($condition:literal) => {
        concat!(
            r#"
            select *, coalesce((select unpaid from held_stock h where h.product_id = products.id and h.pool_option = 0), 0) as reserved
            from products where "#,
            $condition
        )
    };
}

/// A product that buyers can see, with the prices that count at these rates.
pub async fn find_shown(
    db: &mut Connection,
    slug: &Slug,
    rates: &ValidRates,
) -> Result<Option<Product>, StoreError> {
    let row: Option<ProductRow> = sqlx::query_as(product_where!("slug = $1 and gone = 0"))
        .bind(slug)
        .fetch_optional(&mut *db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (prices, fiat, options) = list_options(db, row.id, Some(rates)).await?;
    let categories = list_categories(db, row.id).await?;
    let pictures: Vec<PictureRow> = sqlx::query_as(
        r#"
        select i.*, pp.alt
        from product_pictures pp join pictures i on i.fingerprint = pp.fingerprint
        where pp.product_id = $1
        order by pp.position
        "#,
    )
    .bind(row.id)
    .fetch_all(db)
    .await?;
    Ok(Some(Product {
        id: row.id,
        slug: row.slug,
        name: row.name,
        description_html: row.description_html,
        kind: row.kind,
        stock: row.stock,
        reserved: row.reserved,
        categories,
        options,
        prices,
        fiat,
        pictures: pictures.into_iter().map(PictureRow::picture).collect(),
        excluded_countries: parse_regions(&row.excluded_countries)?,
    }))
}

/// A product that the seller has, hidden or not. Others are kept for orders and carts alone.
pub async fn find(db: &mut Connection, slug: &Slug) -> Result<Option<EditedProduct>, StoreError> {
    let row: Option<ProductRow> =
        sqlx::query_as(product_where!("slug = $1 and (gone = 0 or hidden = 1)"))
            .bind(slug)
            .fetch_optional(&mut *db)
            .await?;
    let Some(row) = row else { return Ok(None) };
    let (prices, fiat, options) = list_options(db, row.id, None).await?;
    let categories = list_categories(db, row.id).await?;
    let pictures: Vec<EditedPictureRow> = sqlx::query_as(
        r#"
        select pp.file, pp.fingerprint, pp.alt, i.thumb_width, i.thumb_height, i.thumb_webp, i.thumb_fallback
        from product_pictures pp join pictures i on i.fingerprint = pp.fingerprint
        where pp.product_id = $1
        order by pp.position
        "#,
    )
    .bind(row.id)
    .fetch_all(db)
    .await?;
    Ok(Some(EditedProduct {
        id: row.id,
        slug: row.slug,
        record: row.record,
        name: row.name,
        description: row.description,
        kind: row.kind,
        content: row.content.content()?,
        stock: row.stock,
        hidden: row.hidden,
        edition: row.edition,
        weight: row.weight,
        excluded_countries: parse_regions(&row.excluded_countries)?,
        prices,
        fiat,
        categories,
        options,
        pictures: pictures.into_iter().filter_map(EditedPictureRow::picture).collect(),
    }))
}

/// The product's own prices in the order of the wallets and in ordinary money, and its options. Converted prices only with
/// `rates`, where those are valid.
async fn list_options(
    db: &mut Connection,
    product: i64,
    rates: Option<&ValidRates>,
) -> Result<(Prices, Option<FiatPrice>, Vec<ProductOption>), StoreError> {
    let prices: Vec<PriceRow> = sqlx::query_as(
        r#"
        select r.option_id, r.currency, r.price, r.is_converted
        from prices r join wallets w on w.currency = r.currency
        where r.product_id = $1
        order by w.position
        "#,
    )
    .bind(product)
    .fetch_all(&mut *db)
    .await?;
    let counts = |row: &&PriceRow| {
        !row.is_converted || rates.is_some_and(|rates| rates.has(row.currency.as_str()))
    };
    let prices_of = |option: i64| -> Prices {
        let own = prices.iter().filter(|row| row.option_id == option).filter(counts);
        own.filter_map(|row| Some((row.currency.clone(), row.price?))).collect()
    };
    let fiat: Vec<FiatRow> =
        sqlx::query_as("select option_id, currency, price from fiat_prices where product_id = $1")
            .bind(product)
            .fetch_all(&mut *db)
            .await?;
    let fiat_of = |option: i64| {
        let own = fiat.iter().find(|row| row.option_id == option);
        own.map(|row| FiatPrice { currency: row.currency, minor: row.price })
    };
    let options: Vec<OptionRow> = sqlx::query_as(
        r#"
        select id, name, stock, weight,
            coalesce((select unpaid from held_stock h where h.product_id = o.product_id and h.pool_option = o.id), 0) as reserved
        from options o where product_id = $1 and gone = 0 order by position
        "#,
    )
    .bind(product)
    .fetch_all(db)
    .await?;
    let options = options.into_iter().map(|OptionRow { id, name, stock, reserved, weight }| {
        let (prices, fiat) = (prices_of(id), fiat_of(id));
        ProductOption { id, name, stock, reserved, prices, fiat, weight }
    });
    Ok((prices_of(0), fiat_of(0), options.collect()))
}

async fn list_categories(db: &mut Connection, product: i64) -> Result<Vec<String>, StoreError> {
    let categories = sqlx::query_scalar(
        "select category from product_categories where product_id = $1 order by position",
    );
    Ok(categories.bind(product).fetch_all(db).await?)
}

/// The description of a product, as Markdown; empty where there is none.
pub async fn find_description(db: &mut Connection, slug: &str) -> Result<String, StoreError> {
    let found = sqlx::query_scalar("select description from products where slug = $1");
    Ok(found.bind(slug).fetch_optional(db).await?.unwrap_or_default())
}

/// Whether another product that the seller has goes by this slug.
pub async fn is_slug_taken(
    db: &mut Connection,
    slug: &Slug,
    but: Option<i64>,
) -> Result<bool, StoreError> {
    let is_taken = sqlx::query_scalar(
        r#"
        select exists (
            select 1 from products where slug = $1 and (gone = 0 or hidden = 1) and id is not $2)
        "#,
    );
    Ok(is_taken.bind(slug).bind(but).fetch_one(db).await?)
}

/// Where a product stands in the seller's list. Shape: counts from 1.
pub async fn find_place(db: &mut Connection, product: i64) -> Result<i64, StoreError> {
    let place = sqlx::query_scalar(
        r#"
        select 1 + count(*)
        from products
        where (gone = 0 or hidden = 1)
            and (position, id) < (select position, id from products where id = $1)
        "#,
    );
    Ok(place.bind(product).fetch_one(db).await?)
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

impl PictureRow {
    fn picture(self) -> ProductPicture {
        ProductPicture {
            page: Image {
                width: self.page_width,
                height: self.page_height,
                webp: self.page_webp,
                fallback: self.page_fallback,
                alt: self.alt.clone(),
            },
            full: Image {
                width: self.full_width,
                height: self.full_height,
                webp: self.full_webp,
                fallback: self.full_fallback,
                alt: self.alt,
            },
        }
    }
}

impl EditedPictureRow {
    fn picture(self) -> Option<EditedPicture> {
        let thumb = self.thumb.image()?;
        let (file, fingerprint, alt) = (self.file, self.fingerprint, thumb.alt.clone());
        Some(EditedPicture { file, fingerprint, alt, thumb })
    }
}
