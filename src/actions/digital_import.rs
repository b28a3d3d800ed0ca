//! Reads the files of digital products that a catalog file names.

use std::io;

use crate::domain::catalog::fault::add_fault;
use crate::domain::catalog::{CatalogFile, DigitalCode, Fault};
use crate::domain::values::{FileName, escaped};
use crate::infra::files::DigitalFolders;

/// What digital products deliver, as far as an import needs it.
pub(super) struct DigitalImport {
    /// The codes in the file of each pool.
    pub codes: Vec<(FileName, Vec<DigitalCode>)>,
    notes: Vec<String>,
}

/// Checks that each file can be delivered, and reads each file of codes. `pools`: those of the shop.
pub(super) fn read_digital(
    file: &CatalogFile,
    folders: &DigitalFolders,
    pools: &[FileName],
    faults: &mut Vec<Fault>,
) -> DigitalImport {
    let mut digital = DigitalImport { codes: Vec::new(), notes: Vec::new() };
    for product in &file.products {
        for (n, name) in product.content.files.iter().enumerate() {
            if let Err(error) = folders.size(name) {
                let found = format!("{:?} ({})", name.as_str(), reason(&error));
                let expected = format!("a regular file in {}", folders.files().display());
                add_fault(
                    faults,
                    Fault::new(&product.place, &format!("files[{n}]"), found, expected),
                );
            }
        }
        let Some(pool) = &product.content.codes else { continue };
        match folders.read_codes(pool) {
            Ok(text) => match DigitalCode::parse_list(&text) {
                Ok(codes) => digital.codes.push((pool.clone(), codes)),
                Err(why) => {
                    let found = format!("{:?}, of which {why}", pool.as_str());
                    let expected = "a text file with one code a line";
                    add_fault(faults, Fault::new(&product.place, "codes", found, expected));
                }
            },
            // Who has read the codes may delete the file, so that they are in one place only.
            Err(error) if error.kind() == io::ErrorKind::NotFound && pools.contains(pool) => {
                digital.notes.push(format!(
                    "{}: there is no file {pool} in {}; the codes that the shop has are kept",
                    product.place,
                    folders.codes().display()
                ));
            }
            Err(error) => {
                let found = format!("{:?} ({})", pool.as_str(), reason(&error));
                let expected = format!("a text file in {}", folders.codes().display());
                add_fault(faults, Fault::new(&product.place, "codes", found, expected));
            }
        }
    }
    digital
}

impl DigitalImport {
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
