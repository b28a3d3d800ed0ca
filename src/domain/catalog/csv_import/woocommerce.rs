//! The product export of WooCommerce.
//!
//! Source: `WC_Product_CSV_Exporter`, `WC_CSV_Exporter` and `WC_Product_CSV_Importer` of WooCommerce 10.

use std::collections::HashMap;

use crate::domain::catalog::csv_import::draft::{Delivery, Draft, DraftOption};
use crate::domain::catalog::csv_import::found::{Columns, Found, ImportRules, place};
use crate::domain::catalog::csv_import::html::{self, LineBreaks};
use crate::domain::catalog::csv_import::pictures::PictureNames;
use crate::domain::catalog::csv_import::table::{Row, Table};
use crate::domain::catalog::csv_import::values::{self, CellPrice, is_yes, items, shortened};
use crate::domain::values::{FiatPrice, FileName};

const COLUMNS: Columns = Columns {
    read: &[
        "id",
        "type",
        "name",
        "published",
        "visibility in catalog",
        "short description",
        "description",
        "in stock?",
        "stock",
        "regular price",
        "categories",
        "tags",
        "images",
        "parent",
        "position",
        "download limit",
        "download expiry days",
    ],
    read_prefixes: &["weight (", "attribute ", "download "],
    silent: &[
        ("tax status", &["taxable"]),
        ("tax class", &["parent"]),
        ("is featured?", &["0"]),
        ("backorders allowed?", &["0"]),
        ("sold individually?", &["0"]),
        ("allow customer reviews?", &[]),
        ("meta: _wpcom_is_markdown", &[]),
    ],
};

/// Units: attributes, or downloads, of one product that are looked for.
const MAX_NUMBERED: usize = 50;
/// Units: options of one product, one more than the catalog allows, so that it refuses more.
const MAX_OPTIONS: usize = 101;
/// The category of products without one.
const NO_CATEGORY: &str = "Uncategorized";

pub fn is_known(columns: &[String]) -> bool {
    ["type", "name", "regular price"].iter().all(|name| columns.iter().any(|column| column == name))
}

struct Reader<'a> {
    table: &'a Table,
    rules: ImportRules,
    /// The column of the weight, and its unit.
    weight: Option<(String, String)>,
    /// Variations by the product that they belong to: the position of its row.
    variations: HashMap<usize, Vec<Row<'a>>>,
    pictures: PictureNames,
}

pub fn read(table: &Table, rules: ImportRules, found: &mut Found) {
    let weight = table.columns.iter().find_map(|name| {
        let column = name.to_lowercase();
        let unit = column.strip_prefix("weight (")?.strip_suffix(')')?.to_owned();
        Some((column, unit))
    });
    let pictures = PictureNames::default();
    let mut reader = Reader { table, rules, weight, variations: HashMap::new(), pictures };
    reader.collect_variations(found);
    for (at, row) in table.rows().enumerate() {
        match kind(row).as_str() {
            "variation" => {}
            "simple" | "variable" => reader.product(at, row, found),
            "" => {
                let place = place(row.line(), &name(row));
                found.refuse(&place, "Type", "nothing", "simple, variable or variation");
            }
            other => found.leave(row, &name(row), format!("its type is {other:?}")),
        }
    }
}

/// `simple` of `simple, downloadable, virtual`.
fn kind(row: Row<'_>) -> String {
    types(row).first().cloned().unwrap_or_default()
}

fn types(row: Row<'_>) -> Vec<String> {
    items(&row.get(&["type"]).to_lowercase())
}

fn name(row: Row<'_>) -> String {
    html::line(unquoted(row.get(&["name"])))
}

/// The exporter writes a quotation mark before what a spreadsheet would take for a formula. Source: `escape_data`.
fn unquoted(text: &str) -> &str {
    let rest = text.strip_prefix('\'');
    rest.filter(|rest| rest.starts_with(['=', '+', '-', '@', '\t', '\r'])).unwrap_or(text)
}

/// The exporter writes line breaks as `\n`, and `\n` as `\\n`. Source: `filter_description_field`.
fn description(text: &str) -> String {
    let parts = unquoted(text).split("\\\\n").map(|part| part.replace("\\n", "\n"));
    parts.collect::<Vec<_>>().join("\\n")
}

impl<'a> Reader<'a> {
    fn collect_variations(&mut self, found: &mut Found) {
        let mut parents = HashMap::new();
        for (at, row) in self.table.rows().enumerate().filter(|(_, row)| kind(*row) == "variable") {
            parents.insert(format!("id:{}", row.get(&["id"])), at);
            parents.insert(unquoted(row.get(&["sku"])).to_owned(), at);
        }
        parents.remove("");
        for row in self.table.rows().filter(|row| kind(*row) == "variation") {
            let parent = unquoted(row.get(&["parent"]));
            match parents.get(parent) {
                Some(at) => self.variations.entry(*at).or_default().push(row),
                None => {
                    let expected = "the SKU of a variable product in this file, or id: and its ID";
                    let place = place(row.line(), &name(row));
                    found.refuse(&place, "Parent", format!("{parent:?}"), expected);
                }
            }
        }
    }

    fn product(&mut self, at: usize, row: Row<'a>, found: &mut Found) {
        let name = name(row);
        if name.is_empty() {
            return found.refuse(&place(row.line(), ""), "Name", "nothing", "the product's name");
        }
        let mut draft = Draft { line: row.line(), name, ..Draft::default() };
        let variations = self.variations.remove(&at).unwrap_or_default();
        self.texts(row, &variations, &mut draft);
        self.visibility(row, &mut draft);
        self.groups(row, &mut draft);
        for address in items(row.get(&["images"])) {
            draft.add_picture(&address, "", &mut self.pictures);
        }
        self.delivery(row, &variations, &mut draft, found);
        draft.weight = self.grams(row, &draft.name, found);
        let stock = self.stock(row, &mut draft.left_out, &draft.name, found);
        draft.quantity = stock.unwrap_or(self.rules.uncounted);
        if kind(row) == "simple" {
            draft.price = self.price(row, &mut draft.left_out, &draft.name, found);
        }
        draft.left_out.extend(COLUMNS.others(row));
        for variation in &variations {
            self.variation(row, *variation, &mut draft, found);
        }
        draft.share_among_options();
        if draft.price.is_none() {
            found.leave(row, &draft.name, "it has no price above 0");
            return;
        }
        found.products.push(draft);
    }

    /// The description: the short one, the long one, and the attributes that buyers do not choose.
    fn texts(&self, row: Row<'a>, variations: &[Row<'a>], draft: &mut Draft) {
        let mut parts = Vec::new();
        for column in ["short description", "description"] {
            let html = description(row.get(&[column]));
            let converted = html::markdown(&html, LineBreaks::Paragraphs);
            draft.left_out.extend(
                converted.removed.into_iter().map(|what| format!("in the description: {what}")),
            );
            if !converted.markdown.is_empty() {
                parts.push(converted.markdown);
            }
        }
        let chosen = chosen_attributes(variations);
        let rest: Vec<String> = attributes(row)
            .into_iter()
            .filter(|(name, values)| !chosen.contains(name) && !values.is_empty())
            .map(|(name, values)| {
                format!("<li>{}: {}</li>", as_html(&name), as_html(&values.join(", ")))
            })
            .collect();
        if !rest.is_empty() {
            parts.push(html::markdown(&rest.concat(), LineBreaks::Spaces).markdown);
        }
        draft.describe(parts.join("\n\n"));
    }

    fn visibility(&self, row: Row<'a>, draft: &mut Draft) {
        let published = row.get(&["published"]);
        if !matches!(published, "" | "1") {
            draft.hidden = true;
            draft.leave("it is not published: hidden");
        }
        match row.get(&["visibility in catalog"]) {
            "" | "visible" => {}
            "hidden" => {
                draft.hidden = true;
                draft.leave("it is hidden in the catalog: hidden");
            }
            other => draft.leave(format!("Visibility in catalog {:?}", shortened(other))),
        }
    }

    fn groups(&self, row: Row<'a>, draft: &mut Draft) {
        for path in items(unquoted(row.get(&["categories"]))) {
            for level in path.split('>').map(html::line) {
                if level != NO_CATEGORY {
                    draft.add_category(&level);
                }
            }
        }
        for tag in items(unquoted(row.get(&["tags"]))) {
            if self.rules.with_tags {
                draft.add_category(&html::line(&tag));
            } else {
                draft.leave(format!("tag {:?}", shortened(&tag)));
            }
        }
    }

    /// A product without parcel is a service; what it delivers becomes files of a digital product. Those of variations do
    /// not: options deliver the same.
    fn delivery(&self, row: Row<'a>, variations: &[Row<'a>], draft: &mut Draft, found: &mut Found) {
        let types = types(row);
        let mut files = Vec::new();
        for n in 1..=MAX_NUMBERED {
            let url = row.get(&[&format!("download {n} url")]);
            if url.is_empty() {
                continue;
            }
            let file = url.split(['?', '#']).next().and_then(|path| path.rsplit('/').next());
            match file.map(FileName::parse) {
                Some(Ok(file)) if files.contains(&file) => {}
                Some(Ok(file)) => files.push(file),
                _ => draft
                    .leave(format!("download {:?}, whose name is no file name", shortened(url))),
            }
        }
        let mut limit = |column: &str, most: i64| {
            let text = row.get(&[column]);
            let number = if text.is_empty() { None } else { values::quantity(text) };
            if number.is_none() && !text.is_empty() {
                let place = place(row.line(), &draft.name);
                found.refuse(&place, column, format!("{text:?}"), "a whole number");
            }
            number.filter(|n| (1..=most).contains(n))
        };
        let (downloads, days) =
            (limit("download limit", 1_000), limit("download expiry days", 3_650));
        let is_virtual = |types: &[String]| types.iter().any(|name| name == "virtual");
        let all_virtual = !variations.is_empty()
            && variations.iter().all(|variation| is_virtual(&self::types(*variation)));
        if types.iter().any(|name| name == "downloadable") && !files.is_empty() {
            draft.delivery = Delivery::Files { files, downloads, days };
        } else if is_virtual(&types) || all_virtual {
            draft.delivery = Delivery::Unshipped;
            draft.leave("it is virtual: now of kind service, without an address");
        }
    }

    fn variation(&self, parent: Row<'a>, row: Row<'a>, draft: &mut Draft, found: &mut Found) {
        let name = name(row);
        let mut what = Vec::new();
        let values: Vec<(String, Vec<String>)> = attributes(row);
        let mut names = vec![Vec::<String>::new()];
        let quantity = self.stock_of_variation(row, &mut what, &name, found);
        for (attribute, all) in attributes(parent) {
            let Some((_, value)) = values.iter().find(|(other, _)| *other == attribute) else {
                continue;
            };
            let is_any = value.is_empty();
            if is_any && quantity.is_counted {
                what.push(format!(
                    "any {attribute}: its stock is counted for all of them together"
                ));
                continue;
            }
            let choices = if is_any { &all } else { value };
            let longer = names.iter().flat_map(|name| {
                choices
                    .iter()
                    .map(move |choice| [name.as_slice(), std::slice::from_ref(choice)].concat())
            });
            names = longer.take(MAX_OPTIONS).collect();
        }
        let price = self.price(row, &mut what, &name, found);
        let weight = self.grams(row, &name, found);
        what.extend(COLUMNS.others(row));
        for column in ["description", "short description"] {
            if !row.get(&[column]).is_empty() {
                what.push(column.to_owned());
            }
        }
        let is_hidden = !matches!(row.get(&["published"]), "" | "1");
        if is_hidden || price.is_none() {
            let why = if is_hidden { "it is not published" } else { "it has no price above 0" };
            draft.leave(format!("the option {:?}: {why}", shortened(&name)));
            return;
        }
        for address in items(row.get(&["images"]))
            .iter()
            .filter(|url| !draft.pictures.iter().any(|(known, _)| known.url.as_ref() == Some(url)))
        {
            what.push(format!("picture {:?} of the option alone", shortened(address)));
        }
        draft
            .left_out
            .extend(what.into_iter().map(|what| format!("option {:?}: {what}", shortened(&name))));
        for words in names {
            let option = if words.is_empty() { name.clone() } else { words.join(" / ") };
            let is_known = draft.options.iter().any(|other| other.name == option);
            if !is_known && draft.options.len() < MAX_OPTIONS {
                let quantity = quantity.number;
                draft.options.push(DraftOption { name: option, quantity, price, weight });
            }
        }
    }

    fn price(
        &self,
        row: Row<'a>,
        left_out: &mut Vec<String>,
        name: &str,
        found: &mut Found,
    ) -> Option<FiatPrice> {
        let text = row.get(&["regular price"]);
        if text.is_empty() {
            return None;
        }
        let Some(CellPrice { price, is_rounded }) = values::price(text, self.rules.currency) else {
            let place = place(row.line(), name);
            found.refuse(
                &place,
                "Regular price",
                format!("{text:?}"),
                "a price, for example 19.99",
            );
            return None;
        };
        if is_rounded && let Some(price) = price {
            left_out.push(format!("the decimals of its price {text:?}: now {price}"));
        }
        price
    }

    fn grams(&self, row: Row<'a>, name: &str, found: &mut Found) -> Option<i64> {
        let (column, unit) = self.weight.as_ref()?;
        let text = row.get(&[column]);
        if text.is_empty() {
            return None;
        }
        values::grams(text, unit).unwrap_or_else(|| {
            let expected = "a number, and a unit kg, g, lbs or oz in the column's name";
            found.refuse(&place(row.line(), name), column, format!("{text:?}"), expected);
            None
        })
    }

    /// `None`: it is not counted, or shared with the product.
    fn stock(
        &self,
        row: Row<'a>,
        left_out: &mut Vec<String>,
        name: &str,
        found: &mut Found,
    ) -> Option<i64> {
        let (text, status) = (row.get(&["stock"]), row.get(&["in stock?"]));
        if text.eq_ignore_ascii_case("parent") {
            return None;
        }
        if !text.is_empty() {
            let counted = values::quantity(text);
            if counted.is_none() {
                let place = place(row.line(), name);
                found.refuse(&place, "Stock", format!("{text:?}"), "a whole number");
            }
            if text.starts_with('-') {
                left_out.push(format!("its stock {text}: now 0"));
            }
            return counted;
        }
        if !status.is_empty() && !is_yes(status) {
            return Some(0);
        }
        // Of a product with variations, they say it.
        if kind(row) != "variable" {
            left_out.push(format!("its stock is not counted: now {}", self.rules.uncounted));
        }
        None
    }

    fn stock_of_variation(
        &self,
        row: Row<'a>,
        left_out: &mut Vec<String>,
        name: &str,
        found: &mut Found,
    ) -> VariationStock {
        let is_shared = row.get(&["stock"]).eq_ignore_ascii_case("parent");
        let number = self.stock(row, left_out, name, found);
        VariationStock {
            is_counted: number.is_some_and(|n| 0 < n),
            number: if is_shared { None } else { Some(number.unwrap_or(self.rules.uncounted)) },
        }
    }
}

struct VariationStock {
    is_counted: bool,
    /// `None`: shared with the product.
    number: Option<i64>,
}

/// The names of a row's attributes, with their values.
fn attributes(row: Row<'_>) -> Vec<(String, Vec<String>)> {
    let numbered = (1..=MAX_NUMBERED).map(|n| {
        let name = html::line(unquoted(row.get(&[&format!("attribute {n} name")])));
        let values = items(unquoted(row.get(&[&format!("attribute {n} value(s)")])));
        (name, values.iter().map(|value| html::line(value)).collect())
    });
    numbered.filter(|(name, _)| !name.is_empty()).collect()
}

/// The attributes that a product's variations differ in.
fn chosen_attributes(variations: &[Row<'_>]) -> Vec<String> {
    variations.iter().flat_map(|row| attributes(*row)).map(|(name, _)| name).collect()
}

fn as_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
