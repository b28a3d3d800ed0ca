//! Reads the files of digital products that a catalog file names.

use std::io;

use crate::domain::catalog::fault::add_fault;
use crate::domain::catalog::{DigitalCode, Fault, ProductRecord};
use crate::domain::values::{FileName, escaped};
use crate::infra::files::DigitalFolders;

/// What digital products deliver, as far as an import needs it.
#[derive(Default)]
pub(super) struct DigitalImport {
    /// The codes in the file of each pool.
    pub codes: Vec<(FileName, Vec<DigitalCode>)>,
    notes: Vec<String>,
}

impl DigitalImport {
    /// Checks that each file of a product can be delivered, and reads its file of codes. `pools`: those of the shop.
    pub fn read(
        &mut self,
        product: &ProductRecord,
        folders: &DigitalFolders,
        pools: &[FileName],
        faults: &mut Vec<Fault>,
    ) {
        let mut refuse = |field: &str, found: String, expected: String| {
            add_fault(faults, Fault::new(&product.place, field, found, expected));
        };
        for (n, name) in product.content.files.iter().enumerate() {
            if let Err(error) = folders.size(name) {
                let found = format!("{:?} ({})", name.as_str(), reason(&error));
                let expected = format!("a regular file in {}", folders.files().display());
                refuse(&format!("files[{n}]"), found, expected);
            }
        }
        let Some(pool) = &product.content.codes else { return };
        match folders.read_codes(pool) {
            Ok(text) => match DigitalCode::parse_list(&text) {
                Ok(codes) => self.codes.push((pool.clone(), codes)),
                Err(why) => {
                    let found = format!("{:?}, of which {why}", pool.as_str());
                    refuse("codes", found, "a text file with one code a line".to_owned());
                }
            },
            // Who has read the codes may delete the file, so that they are in one place only.
            Err(error) if error.kind() == io::ErrorKind::NotFound && pools.contains(pool) => {
                self.notes.push(format!(
                    "{}: there is no file {pool} in {}; the codes that the shop has are kept",
                    product.place,
                    folders.codes().display()
                ));
            }
            Err(error) => {
                let found = format!("{:?} ({})", pool.as_str(), reason(&error));
                let expected = format!("a text file in {}", folders.codes().display());
                refuse("codes", found, expected);
            }
        }
    }

    pub fn with_notes(self, notes: Vec<String>) -> Vec<String> {
        notes.into_iter().chain(self.notes).collect()
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it is not there".to_owned(),
        _ => escaped(&error.to_string()),
    }
}
