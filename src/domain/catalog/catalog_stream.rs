//! Reads a catalog file product by product and reports all its errors at once, whatever its size.

use std::collections::BTreeMap;
use std::io;
use std::io::{Read, Seek, SeekFrom};

use serde::de::IgnoredAny;

use crate::domain::catalog::catalog_reader::{NameSet, RawRecord, Reader, is_wallet_model};
use crate::domain::catalog::fault::{FoundValue, add_fault, add_note};
use crate::domain::catalog::json_splitter::{JsonSplitter, Part, RawValue, SplitError};
use crate::domain::catalog::limits::{self, NameLimits, memory_fault};
use crate::domain::catalog::{CatalogFile, Fault, Json, ProductRecord};
use crate::domain::payment::Wallet;

const MAX_PRODUCTS: usize = 1_000_000;
const MODELS: &str = "`_model`: one of Wallet, Product, ShippingRate, Discount";

/// A catalog file that is being read. The file is read several times, since a product may come before its wallet, and a
/// collection's records before its `_model`.
pub struct CatalogStream<R> {
    splitter: JsonSplitter<R>,
    settings_wallet: Option<Wallet>,
    outline: Vec<Collection>,
    reader: Reader,
    /// Errors by the step that finds them and the collection: they are reported in this order.
    faults: BTreeMap<(Step, usize), Vec<Fault>>,
    /// Those of the collections, which are reported first.
    notes: Vec<String>,
    /// The collections that were begun.
    n_begun: usize,
    seen: NameSet,
    n_products: usize,
    /// Whether the products were read before: then neither their size nor secrets in them are checked again.
    is_checked: bool,
    broken: Option<Fault>,
}

/// The steps in which a file is checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Programs,
    Secrets,
    Records,
    Wallets,
    Products,
    Rates,
    Discounts,
    Number,
}

/// What is known of a collection before its records are read.
struct Collection {
    name: String,
    is_second: bool,
    /// The first, if there are several.
    model: Option<Json>,
    is_of_wallets: bool,
    /// Not a record of records, but this.
    value: Option<Json>,
    /// All its records, unless they are products.
    held: Vec<(String, Json)>,
}

impl Collection {
    fn is_of(&self, model: &str) -> bool {
        let is_model = matches!(&self.model, Some(Json::String(name)) if name == model);
        is_model && !self.is_second && self.value.is_none() && self.name != "_dependencies"
    }

    /// Products are many; the records of others are kept until the end of the file, since they may refer to what follows.
    fn is_held(&self) -> bool {
        self.name == "_dependencies"
            || ["Wallet", "ShippingRate", "Discount"].iter().any(|model| self.is_of(model))
    }
}

impl<R: Read + Seek> CatalogStream<R> {
    /// Reads everything but the products.
    ///
    /// # Errors
    /// A [`Fault`] of the file as a whole.
    pub fn open(mut source: R, settings_wallet: Option<Wallet>) -> Result<Self, Fault> {
        let checked = source.seek(SeekFrom::Start(0)).and_then(|_| limits::check(&mut source));
        if let Some(fault) = checked.map_err(unreadable)? {
            return Err(fault);
        }
        let mut stream = Self {
            splitter: JsonSplitter::new(source),
            settings_wallet,
            outline: Vec::new(),
            reader: Reader::default(),
            faults: BTreeMap::new(),
            notes: Vec::new(),
            n_begun: 0,
            seen: NameSet::default(),
            n_products: 0,
            is_checked: false,
            broken: None,
        };
        stream.read_outline()?;
        stream.read_held()?;
        stream.begin()?;
        Ok(stream)
    }

    /// Reads the products again, from the first.
    ///
    /// # Errors
    /// The file cannot be read again.
    pub fn restart(&mut self) -> Result<(), Fault> {
        self.is_checked = true;
        self.begin()
    }

    fn begin(&mut self) -> Result<(), Fault> {
        self.reader = Reader::default();
        self.faults.clear();
        self.notes.clear();
        self.seen.clear();
        (self.n_begun, self.n_products, self.broken) = (0, 0, None);
        self.check_collections();
        self.check_held();
        self.splitter.restart().map_err(unreadable)
    }

    /// The names of all collections, and what each is of.
    fn read_outline(&mut self) -> Result<(), Fault> {
        self.splitter.restart().map_err(unreadable)?;
        let mut names = NameLimits::default();
        loop {
            match self.splitter.next_part() {
                Ok(None) => break,
                Ok(Some(Part::Collection(name))) => {
                    names.add_collection(&name);
                    self.outline_collection(name, None);
                }
                Ok(Some(Part::Value(name, raw))) => {
                    names.add_collection(&name);
                    let value = self.parse(&raw)?;
                    self.outline_collection(name, Some(value));
                }
                Ok(Some(Part::Record(name, raw))) => {
                    names.add(&name);
                    if name == "_model" {
                        let model = self.parse(&raw)?;
                        if let Some(collection) = self.outline.last_mut() {
                            collection.is_of_wallets |= is_wallet_model(&name, &model);
                            collection.model.get_or_insert(model);
                        }
                    }
                }
                Ok(Some(Part::Other(raw))) => {
                    let other = self.parse(&raw)?;
                    // What follows may be malformed.
                    if let Err(error) = self.splitter.next_part() {
                        return Err(self.explain(error));
                    }
                    let expected = "a record of collections, for example {\"products\": {\"_model\": \"Product\", …}}";
                    return Err(Fault::new("", "", &other, expected));
                }
                Err(error) => return Err(self.explain(error)),
            }
        }
        names.fault().map_or(Ok(()), Err)
    }

    fn outline_collection(&mut self, name: String, value: Option<Json>) {
        // More are refused, and need not be remembered.
        if NameLimits::MAX_COLLECTIONS < self.outline.len() {
            return;
        }
        let is_second = self.outline.iter().any(|other| other.name == name);
        self.outline.push(Collection {
            name,
            is_second,
            model: None,
            is_of_wallets: false,
            value,
            held: Vec::new(),
        });
    }

    /// The records of wallets, shipping methods and discounts.
    fn read_held(&mut self) -> Result<(), Fault> {
        if !self.outline.iter().any(Collection::is_held) {
            return Ok(());
        }
        self.splitter.restart().map_err(unreadable)?;
        let (mut n, mut memory) = (0, 0_usize);
        loop {
            match self.splitter.next_part() {
                Ok(None) => return Ok(()),
                Ok(Some(Part::Collection(_) | Part::Value(..))) => n += 1,
                Ok(Some(Part::Record(name, raw)))
                    if self.outline.get(n - 1).is_some_and(Collection::is_held) =>
                {
                    memory = memory.saturating_add(limits::memory_of(&raw.text));
                    if limits::MAX_HELD_MEMORY < memory {
                        return Err(memory_fault(memory, limits::MAX_HELD_MEMORY));
                    }
                    let record = self.parse(&raw)?;
                    self.outline[n - 1].held.push((name, record));
                }
                Ok(Some(_)) => {}
                Err(error) => return Err(self.explain(error)),
            }
        }
    }

    /// What is wrong with collections as a whole.
    fn check_collections(&mut self) {
        for (n, collection) in self.outline.iter().enumerate() {
            if collection.name == "_dependencies" {
                continue;
            }
            let faults = self.faults.entry((Step::Records, n)).or_default();
            let name = collection.name.as_str();
            let mut refuse = |field: &str, found: FoundValue, expected: &str| {
                add_fault(faults, Fault::new(name, field, found, expected));
            };
            if collection.is_second {
                refuse("", "a second collection of this name".into(), "each collection only once");
            } else if let Some(value) = &collection.value {
                refuse("", value.into(), &format!("a record with {MODELS}"));
            } else {
                match &collection.model {
                    Some(Json::String(model)) => match model.as_str() {
                        "Wallet" | "Product" | "ShippingRate" | "Discount" => {}
                        "Agent" => {
                            let note = "agents are not supported and are ignored";
                            add_note(&mut self.notes, format!("{name}: {note}"));
                        }
                        _ => refuse("_model", format!("{model:?}").into(), MODELS),
                    },
                    other => refuse("_model", other.as_ref().into(), MODELS),
                }
            }
        }
    }

    /// Everything but products is checked now, except what refers to wallets that follow.
    fn check_held(&mut self) {
        let outline = std::mem::take(&mut self.outline);
        for (n, collection) in outline.iter().enumerate() {
            let fields = match &collection.value {
                Some(value) => [(collection.name.clone(), value.clone())],
                None if collection.is_held() => {
                    [(collection.name.clone(), Json::Object(collection.held.clone()))]
                }
                None => continue,
            };
            self.step(Step::Programs, n, |reader| reader.refuse_programs("", &fields));
            self.step(Step::Secrets, n, |reader| reader.refuse_secrets(&fields));
            if collection.is_held() && collection.name != "_dependencies" {
                let mut seen = NameSet::default();
                for (name, record) in &collection.held {
                    self.step(Step::Records, n, |reader| {
                        check_record(reader, &collection.name, name, record, &mut seen);
                    });
                }
            }
        }
        for collection in outline.iter().filter(|collection| collection.is_of("Wallet")) {
            for raw in records_of(collection) {
                self.step(Step::Wallets, 0, |reader| reader.wallet(&raw));
            }
        }
        self.outline = outline;
        if let Some(wallet) = &self.settings_wallet
            && self.reader.file.wallets.is_empty()
        {
            self.reader.file.wallets.push(wallet.clone());
        }
    }

    /// The next product without an error; `None` after the last one.
    pub fn next_product(&mut self) -> Option<ProductRecord> {
        if self.broken.is_some() {
            return None;
        }
        loop {
            match self.splitter.next_part() {
                Ok(None) => return None,
                Ok(Some(Part::Collection(_))) => {
                    self.n_begun += 1;
                    self.seen.clear();
                }
                Ok(Some(Part::Value(..))) => self.n_begun += 1,
                Ok(Some(Part::Other(_))) => {}
                Ok(Some(Part::Record(name, raw))) => match self.read_record(&name, &raw) {
                    Ok(()) => {
                        if let Some(product) = self.reader.file.products.pop() {
                            return Some(product);
                        }
                    }
                    Err(fault) => {
                        self.broken = Some(fault);
                        return None;
                    }
                },
                Err(error) => {
                    self.broken = Some(self.explain(error));
                    return None;
                }
            }
        }
    }

    fn read_record(&mut self, name: &str, raw: &RawValue) -> Result<(), Fault> {
        let n = self.n_begun.saturating_sub(1);
        let Some(collection) = self.outline.get(n) else { return Ok(()) };
        if collection.is_held() {
            return Ok(());
        }
        let (place, is_of_wallets) = (collection.name.clone(), collection.is_of_wallets);
        let is_product = collection.is_of("Product");
        if !self.is_checked {
            let memory = limits::memory_of(&raw.text);
            if limits::MAX_RECORD_MEMORY < memory {
                return Err(memory_fault(memory, limits::MAX_RECORD_MEMORY));
            }
        }
        let fields = [(name.to_owned(), self.parse(raw)?)];
        let record = &fields[0].1;
        if !self.is_checked {
            self.step(Step::Programs, n, |reader| reader.refuse_programs(&place, &fields));
            self.step(Step::Secrets, n, |reader| {
                reader.refuse_secrets_of(&place, is_of_wallets, name, record);
            });
        }
        if !is_product {
            return Ok(());
        }
        let mut seen = std::mem::take(&mut self.seen);
        self.step(Step::Records, n, |reader| {
            check_record(reader, &place, name, record, &mut seen);
        });
        self.seen = seen;
        if let Json::Object(fields) = record
            && !name.starts_with('_')
        {
            self.n_products += 1;
            let raw = RawRecord { collection: &place, name, fields };
            self.step(Step::Products, 0, |reader| reader.product(&raw));
        }
        Ok(())
    }

    /// The whole file, with all products from the next one on in memory, and every error.
    ///
    /// # Errors
    /// A [`Fault`] of the file as a whole; then no other counts.
    pub fn read_rest(&mut self) -> Result<(CatalogFile, Vec<Fault>), Fault> {
        let mut products = Vec::new();
        while let Some(product) = self.next_product() {
            products.push(product);
        }
        let (file, faults) = self.close()?;
        Ok((CatalogFile { products, ..file }, faults))
    }

    /// After the last product: all but the products, and every error.
    ///
    /// # Errors
    /// A [`Fault`] of the file as a whole; then no other counts.
    pub fn close(&mut self) -> Result<(CatalogFile, Vec<Fault>), Fault> {
        if let Some(fault) = self.broken.take() {
            return Err(fault);
        }
        let outline = std::mem::take(&mut self.outline);
        for collection in outline.iter().filter(|collection| collection.is_of("ShippingRate")) {
            for raw in records_of(collection) {
                self.step(Step::Rates, 0, |reader| reader.rate(&raw));
            }
        }
        for collection in outline.iter().filter(|collection| collection.is_of("Discount")) {
            for raw in records_of(collection) {
                self.step(Step::Discounts, 0, |reader| reader.discount(&raw));
            }
        }
        let n_products = self.n_products;
        if MAX_PRODUCTS < n_products {
            let found = format!("{n_products} products");
            self.step(Step::Number, 0, |reader| reader.refuse("", "", found, "at most a million"));
        }
        self.outline = outline;
        let mut faults = Vec::new();
        for fault in std::mem::take(&mut self.faults).into_values().flatten() {
            add_fault(&mut faults, fault);
        }
        let mut file = std::mem::take(&mut self.reader.file);
        let mut notes = std::mem::take(&mut self.notes);
        for note in file.notes {
            add_note(&mut notes, note);
        }
        file.notes = notes;
        Ok((file, faults))
    }

    /// Does what may find errors, which are reported with those of the same step.
    fn step(&mut self, step: Step, n: usize, check: impl FnOnce(&mut Reader)) {
        let faults = self.faults.entry((step, n)).or_default();
        std::mem::swap(faults, &mut self.reader.faults);
        check(&mut self.reader);
        std::mem::swap(faults, &mut self.reader.faults);
    }

    fn parse(&mut self, raw: &RawValue) -> Result<Json, Fault> {
        serde_json::from_str(&raw.text).map_err(|error| {
            // Something before it may be wrong, too.
            self.find_error().unwrap_or_else(|| {
                let (line, column) = (error.line(), error.column());
                let column = if line == 1 { raw.at.column + column - 1 } else { column };
                invalid(raw.at.line + line - 1, column, &error)
            })
        })
    }

    fn explain(&mut self, error: SplitError) -> Fault {
        match error {
            SplitError::Malformed => self.find_error().unwrap_or_else(|| {
                Fault::new("", "", "a file that cannot be read to its end", "valid JSON")
            }),
            SplitError::TooLong => limits::long_value(),
            SplitError::Io(error) => unreadable(error),
        }
    }

    /// The first place at which the file is no JSON.
    fn find_error(&mut self) -> Option<Fault> {
        self.splitter.restart().ok()?;
        let error = serde_json::from_reader::<_, IgnoredAny>(self.splitter.source()).err()?;
        Some(invalid(error.line(), error.column(), &error))
    }
}

fn invalid(line: usize, column: usize, error: &serde_json::Error) -> Fault {
    let error = error.to_string();
    let error = error.split(" at line ").next().unwrap_or_default();
    let found = format!(
        "invalid JSON at line {line}, column {column} ({error} at line {line} column {column})"
    );
    Fault::new("", "", found, "valid JSON")
}

fn unreadable(error: io::Error) -> Fault {
    Fault::new("", "", format!("a file that cannot be read ({error})"), "a regular file")
}

fn records_of(collection: &Collection) -> impl Iterator<Item = RawRecord<'_>> {
    let records = collection.held.iter().filter(|(name, _)| !name.starts_with('_'));
    records.filter_map(|(name, record)| match record {
        Json::Object(fields) => Some(RawRecord { collection: &collection.name, name, fields }),
        _ => None,
    })
}

/// Whether something is a record with a name of its own.
fn check_record(
    reader: &mut Reader,
    collection: &str,
    name: &str,
    record: &Json,
    seen: &mut NameSet,
) {
    if name.starts_with('_') {
        return;
    }
    let place = format!("{collection} {name:?}");
    if !seen.insert(name) {
        reader.refuse(&place, "", "a second record of this name", "each name only once");
    }
    if !matches!(record, Json::Object(_)) {
        reader.refuse(&place, "", record, "a record with fields");
    }
}
