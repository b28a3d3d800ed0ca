//! The product export of Shopify, with the column names before and since 2024.
//!
//! Source: Shopify's `product_template.csv`, both versions, and "Using CSV files to import and export products".

use std::collections::HashMap;

use crate::domain::catalog::Slug;
use crate::domain::catalog::csv_import::draft::{Delivery, Draft, DraftOption};
use crate::domain::catalog::csv_import::found::{Columns, Found, ImportRules, place};
use crate::domain::catalog::csv_import::html::{self, LineBreaks};
use crate::domain::catalog::csv_import::pictures::PictureNames;
use crate::domain::catalog::csv_import::table::{Row, Table};
use crate::domain::catalog::csv_import::values::{self, CellPrice, is_yes, items, shortened};
use crate::domain::values::FiatPrice;

const HANDLE: &[&str] = &["handle", "url handle"];
const BODY: &[&str] = &["body (html)", "description"];
const PUBLISHED: &[&str] = &["published", "published on online store"];
const PRICE: &[&str] = &["variant price", "price"];
const TRACKER: &[&str] = &["variant inventory tracker", "inventory tracker"];
const QUANTITY: &[&str] = &["variant inventory qty", "inventory quantity"];
const POLICY: &[&str] = &["variant inventory policy", "continue selling when out of stock"];
const GRAMS: &[&str] = &["variant grams", "weight value (grams)"];
const SHIPPING: &[&str] = &["variant requires shipping", "requires shipping"];
const IMAGE: &[&str] = &["image src", "product image url", "image source"];
const VARIANT_IMAGE: &[&str] = &["variant image", "variant image url"];

const COLUMNS: Columns = Columns {
    read: &[
        "handle",
        "url handle",
        "title",
        "body (html)",
        "description",
        "product category",
        "type",
        "tags",
        "collection",
        "published",
        "published on online store",
        "status",
        "variant price",
        "price",
        "variant inventory tracker",
        "inventory tracker",
        "variant inventory qty",
        "inventory quantity",
        "variant inventory policy",
        "continue selling when out of stock",
        "variant grams",
        "weight value (grams)",
        "variant requires shipping",
        "requires shipping",
        "image src",
        "product image url",
        "image source",
        "image position",
        "image alt text",
        "variant image",
        "variant image url",
        "gift card",
        "variant weight unit",
        "weight unit for display",
        "option1 name",
        "option1 value",
        "option2 name",
        "option2 value",
        "option3 name",
        "option3 value",
    ],
    read_prefixes: &[],
    silent: &[
        ("variant fulfillment service", &["manual"]),
        ("fulfillment service", &["manual"]),
        ("variant taxable", &["true"]),
        ("charge tax", &["true"]),
        ("google shopping / custom product", &["false"]),
        ("included / united states", &["true"]),
        ("included / international", &["true"]),
    ],
};

pub fn is_known(columns: &[String]) -> bool {
    let has = |names: &[&str]| columns.iter().any(|column| names.contains(&column.as_str()));
    has(HANDLE) && has(&["title"]) && has(PRICE)
}

pub fn read(table: &Table, rules: ImportRules, found: &mut Found) {
    let mut order: Vec<Vec<Row<'_>>> = Vec::new();
    let mut of_handle: HashMap<String, usize> = HashMap::new();
    for row in table.rows() {
        let handle = row.get(HANDLE).to_lowercase();
        match of_handle.get(&handle) {
            Some(at) => order[*at].push(row),
            None if handle.is_empty() => {
                let place = place(row.line(), row.get(&["title"]));
                found.refuse(
                    &place,
                    "Handle",
                    "nothing",
                    "the product's handle, in each of its rows",
                );
            }
            None => {
                of_handle.insert(handle, order.len());
                order.push(vec![row]);
            }
        }
    }
    let has_quantity = QUANTITY.iter().any(|name| table.has_column(name));
    let mut reader = Reader { rules, has_quantity, pictures: PictureNames::default() };
    for rows in &order {
        reader.product(rows, found);
    }
}

struct Reader {
    rules: ImportRules,
    /// Exports of a shop with several places have none.
    has_quantity: bool,
    pictures: PictureNames,
}

/// One variant: the product itself if it has no options.
struct Variant {
    name: String,
    price: Option<FiatPrice>,
    quantity: i64,
    weight: Option<i64>,
    is_shipped: bool,
}

impl Reader {
    fn product(&mut self, rows: &[Row<'_>], found: &mut Found) {
        let first = rows[0];
        let name = html::line(first.get(&["title"]));
        if name.is_empty() {
            let place = place(first.line(), first.get(HANDLE));
            return found.refuse(
                &place,
                "Title",
                "nothing",
                "the title in the first row of a product",
            );
        }
        if is_yes(first.get(&["gift card"])) {
            return found.leave(first, &name, "it is a gift card");
        }
        let mut draft = Draft { line: first.line(), name, ..Draft::default() };
        let handle = first.get(HANDLE).to_lowercase();
        match Slug::parse(&handle) {
            Ok(_) => draft.slug = Some(handle),
            Err(_) => draft.leave(format!("its handle {:?}", shortened(&handle))),
        }
        let converted = html::markdown(first.get(BODY), LineBreaks::Spaces);
        draft.left_out.extend(
            converted.removed.into_iter().map(|what| format!("in the description: {what}")),
        );
        draft.describe(converted.markdown);
        visibility(first, &mut draft);
        self.groups(first, &mut draft);
        let mut variants = Vec::new();
        let n_faults = found.faults.len();
        for row in rows {
            draft.add_picture(row.get(IMAGE), row.get(&["image alt text"]), &mut self.pictures);
            if !row.get(PRICE).is_empty() || !row.get(&["option1 value"]).is_empty() {
                variants.extend(self.variant(*row, &mut draft, found));
            }
        }
        if n_faults < found.faults.len() {
            return;
        }
        for row in rows {
            draft.add_picture(row.get(VARIANT_IMAGE), "", &mut self.pictures);
        }
        if !variants.is_empty() && variants.iter().all(|variant| !variant.is_shipped) {
            draft.delivery = Delivery::Unshipped;
            draft.leave("it needs no shipping: now of kind service, without an address");
        }
        add_variants(&mut draft, variants);
        if draft.price.is_none() {
            return found.leave(first, &draft.name, "it has no price above 0");
        }
        found.products.push(draft);
    }

    fn groups(&self, row: Row<'_>, draft: &mut Draft) {
        draft.add_category(row.get(&["collection"]));
        draft.add_category(row.get(&["type"]));
        if draft.categories.is_empty() {
            // The last level of Shopify's own taxonomy.
            let path = row.get(&["product category"]);
            draft.add_category(path.rsplit('>').next().unwrap_or_default());
        }
        for tag in items(row.get(&["tags"])) {
            if self.rules.with_tags {
                draft.add_category(&tag);
            } else {
                draft.leave(format!("tag {:?}", shortened(&tag)));
            }
        }
    }

    fn variant(&self, row: Row<'_>, draft: &mut Draft, found: &mut Found) -> Option<Variant> {
        let values: Vec<&str> = (1..=3)
            .map(|n| row.get(&[&format!("option{n} value")]))
            .filter(|value| !value.is_empty())
            .collect();
        let values = if values == ["Default Title"] { Vec::new() } else { values };
        let name = values.join(" / ");
        let here = place(row.line(), &draft.name);
        let of = if name.is_empty() {
            String::new()
        } else {
            format!("option {:?}: ", shortened(&name))
        };
        let mut leave = |what: String| draft.left_out.push(format!("{of}{what}"));
        let text = row.get(PRICE);
        let price = if text.is_empty() { None } else { values::price(text, self.rules.currency) };
        if price.is_none() && !text.is_empty() {
            found.refuse(&here, "Variant Price", format!("{text:?}"), "a price, for example 19.99");
        }
        if let Some(CellPrice { price: Some(price), is_rounded: true }) = price {
            leave(format!("the decimals of its price {text:?}: now {price}"));
        }
        let quantity = self.quantity(row, &here, &mut leave, found);
        let text = row.get(GRAMS);
        let weight = if text.is_empty() { Some(None) } else { values::grams(text, "g") };
        if weight.is_none() {
            found.refuse(&here, "Variant Grams", format!("{text:?}"), "a number of grams");
        }
        COLUMNS.others(row).into_iter().for_each(leave);
        let price = price.and_then(|cell| cell.price);
        if price.is_none() && !name.is_empty() {
            draft.leave(format!("the option {:?}: it has no price above 0", shortened(&name)));
            return None;
        }
        let is_shipped = !row.get(SHIPPING).eq_ignore_ascii_case("false");
        Some(Variant { name, price, quantity, weight: weight.flatten(), is_shipped })
    }

    fn quantity(
        &self,
        row: Row<'_>,
        here: &str,
        leave: &mut dyn FnMut(String),
        found: &mut Found,
    ) -> i64 {
        let text = row.get(QUANTITY);
        let policy = row.get(POLICY).to_lowercase();
        if policy == "continue" || policy == "true" {
            leave("it is sold without stock, too".to_owned());
        }
        if row.get(TRACKER).is_empty() || text.is_empty() || !self.has_quantity {
            leave(format!("its stock is not counted: now {}", self.rules.uncounted));
            return self.rules.uncounted;
        }
        if text.starts_with('-') {
            leave(format!("its stock {text}: now 0"));
        }
        values::quantity(text).unwrap_or_else(|| {
            found.refuse(here, "Variant Inventory Qty", format!("{text:?}"), "a whole number");
            0
        })
    }
}

fn visibility(row: Row<'_>, draft: &mut Draft) {
    let status = row.get(&["status"]).to_lowercase();
    let published = row.get(PUBLISHED);
    if !matches!(status.as_str(), "" | "active") {
        draft.hidden = true;
        draft.leave(format!("its status is {:?}: hidden", shortened(&status)));
    } else if !published.is_empty() && !is_yes(published) {
        draft.hidden = true;
        draft.leave("it is not published: hidden");
    }
}

fn add_variants(draft: &mut Draft, variants: Vec<Variant>) {
    if let [only] = variants.as_slice()
        && only.name.is_empty()
    {
        draft.price = only.price;
        draft.quantity = only.quantity;
        draft.weight = only.weight;
        return;
    }
    for Variant { name, price, quantity, weight, .. } in variants {
        let quantity = Some(quantity);
        draft.options.push(DraftOption { name, quantity, price, weight });
    }
    draft.share_among_options();
}
