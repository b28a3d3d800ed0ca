//! An export as a whole: which program wrote it, its products, and the catalog file that they become.

use std::collections::{HashMap, HashSet};

use crate::domain::catalog::csv_import::draft::Draft;
use crate::domain::catalog::csv_import::found::{Found, ImportRules, LeftOut, place};
use crate::domain::catalog::csv_import::pictures::Picture;
use crate::domain::catalog::csv_import::table::Table;
use crate::domain::catalog::csv_import::{shopify, woocommerce};
use crate::domain::catalog::json_text::short_text;
use crate::domain::catalog::{CatalogFile, Fault, Json, NameSet};
use crate::domain::values::FileName;

/// The products of an export.
#[derive(Debug)]
pub struct Export {
    /// The program that wrote it.
    pub source: &'static str,
    products: Vec<Draft>,
    /// Products that cannot be taken over at all.
    left_out: Vec<LeftOut>,
}

/// The catalog file that an export becomes.
#[derive(Debug)]
pub struct NewCatalog {
    pub file: CatalogFile,
    /// In the order of the export's lines.
    pub left_out: Vec<LeftOut>,
}

const EXPECTED: &str = "those of a product export: Type, Name, Regular price (WooCommerce) or Handle, Title, Variant Price \
    (Shopify). Column names must be English: switch the language of your account there, and export again";

impl Export {
    /// Reads an export of WooCommerce or Shopify.
    ///
    /// # Errors
    /// Every [`Fault`] at once, with its line.
    pub fn read(bytes: &[u8], rules: ImportRules) -> Result<Self, Vec<Fault>> {
        let is_known = |names: &[String]| shopify::is_known(names) || woocommerce::is_known(names);
        let table = Table::parse(bytes, is_known, EXPECTED)?;
        let names: Vec<String> = table.columns.iter().map(|name| name.to_lowercase()).collect();
        let mut found = Found::default();
        let source = if shopify::is_known(&names) {
            shopify::read(&table, rules, &mut found);
            "Shopify"
        } else {
            woocommerce::read(&table, rules, &mut found);
            "WooCommerce"
        };
        if found.products.is_empty() && found.faults.is_empty() && found.left_out.is_empty() {
            found.refuse("", "", "no products", "at least one");
        }
        if !found.faults.is_empty() {
            return Err(found.faults);
        }
        Ok(Self { source, products: found.products, left_out: found.left_out })
    }

    /// Every picture once, in the order of the products.
    pub fn pictures(&self) -> Vec<&Picture> {
        let mut seen = HashSet::new();
        let all = self.products.iter().flat_map(|product| &product.pictures);
        all.map(|(picture, _)| picture).filter(|picture| seen.insert(&picture.file)).collect()
    }

    /// The catalog file: these products, and the wallets, shipping methods and discounts of `base`.
    ///
    /// # Errors
    /// Every [`Fault`] of a product that the catalog's rules refuse, with its line.
    pub fn catalog(
        &self,
        base: CatalogFile,
        has_picture: &dyn Fn(&str) -> bool,
        has_file: &dyn Fn(&FileName) -> bool,
    ) -> Result<NewCatalog, Vec<Fault>> {
        let mut names = NameSet::default();
        let mut places = HashMap::new();
        let mut records = vec![("_model".to_owned(), Json::String("Product".to_owned()))];
        let mut left_out = self.left_out.clone();
        for product in &self.products {
            let name = product.record_name(&mut names);
            let (fields, what) = product.fields(has_picture, has_file);
            if !what.is_empty() {
                left_out.push(LeftOut { line: product.line, product: product.name.clone(), what });
            }
            places.insert(format!("products {name:?}"), place(product.line, &product.name));
            records.push((name, Json::Object(fields)));
        }
        left_out.sort_by_key(|left| left.line);
        let products = vec![("products".to_owned(), Json::Object(records))];
        let text = short_text(&Json::Object(products));
        let (read, mut faults) = CatalogFile::parse(&text, base.wallets.first().cloned());
        faults.iter_mut().for_each(|fault| set_place(fault, &places));
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(NewCatalog { file: CatalogFile { products: read.products, ..base }, left_out })
    }
}

/// Replaces the record's name in a fault by its line.
fn set_place(fault: &mut Fault, places: &HashMap<String, String>) {
    if let Some((name, field)) =
        fault.field.strip_prefix("products.").and_then(|rest| rest.split_once('.'))
        && let Some(place) = places.get(&format!("products {name:?}"))
    {
        (fault.record, fault.field) = (place.clone(), field.to_owned());
        return;
    }
    let end = fault.record.find(", options").unwrap_or(fault.record.len());
    if let Some(place) = places.get(&fault.record[..end]) {
        fault.record = format!("{place}{}", &fault.record[end..]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::values::FiatCurrency;

    fn rules() -> ImportRules {
        let currency = FiatCurrency::parse("EUR").unwrap();
        ImportRules { currency, uncounted: 1, with_tags: true }
    }

    const WOO: &str = "ID,Type,SKU,Name,Published,Short description,Description,In stock?,Stock,Weight (kg),Sale price,Regular price,Categories,Tags,Images,Parent,Attribute 1 name,Attribute 1 value(s),Download 1 name,Download 1 URL\n";
    const SHOPIFY: &str = "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Price,Image Src,Status\n";

    /// A wallet that all products are priced for.
    fn base() -> CatalogFile {
        let wallet = r#"{"wallets": {"_model": "Wallet", "eth": {"currency": "ETH", "address": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"}}}"#;
        CatalogFile::parse(wallet, None).0
    }

    proptest! {
        #[test]
        fn no_file_is_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200), rows in "([a-zA-Z0-9 <>=\"';:,.\\\\/_\n-]{0,12},?){0,60}") {
            for header in ["", WOO, SHOPIFY] {
                for body in [bytes.as_slice(), rows.as_bytes()] {
                    let file = [header.as_bytes(), body].concat();
                    if let Ok(export) = Export::read(&file, rules()) {
                        let _ = export.catalog(base(), &|_| true, &|_| true);
                    }
                }
            }
        }

        #[test]
        fn no_cell_is_too_strange(cells in prop::collection::vec("(simple|variable|variation|simple, downloadable, virtual|id:1|1|-2|9,5|0|parent|<b>x</b>|\\\\n|a > b, c|https://x/y.jpg|[^\"]{0,9})", 20 * 4)) {
            for (header, n_columns) in [(WOO, 20), (SHOPIFY, 17)] {
                let mut file = header.to_owned();
                for row in cells.chunks(n_columns) {
                    let row: Vec<String> = row.iter().map(|cell| format!("\"{cell}\"")).collect();
                    file.push_str(&format!("{}\n", row.join(",")));
                }
                match Export::read(file.as_bytes(), rules()) {
                    Ok(export) => {
                        if let Ok(new) = export.catalog(base(), &|_| true, &|_| true) {
                            let (again, faults) = CatalogFile::parse(&new.file.write(), None);
                            prop_assert!(faults.is_empty(), "{:?}", faults);
                            prop_assert_eq!(again.products.len(), new.file.products.len());
                        }
                    }
                    Err(faults) => prop_assert!(faults.iter().all(|fault| !fault.to_string().is_empty())),
                }
            }
        }
    }
}
