//! Reads a whole catalog file into memory.

use std::io::{Cursor, Read, Seek};

use crate::domain::catalog::{CatalogFile, CatalogStream, Fault};
use crate::domain::payment::Wallet;

impl CatalogFile {
    /// Parses the text of the file. `settings_wallet` is the predecessor's older form: one wallet in the settings, used
    /// if the file has none.
    ///
    /// Returns everything that could be read and every [`Fault`] at once: if there is one, the file is refused, but its
    /// pictures can be checked before that is reported.
    pub fn parse(text: &str, settings_wallet: Option<Wallet>) -> (Self, Vec<Fault>) {
        Self::read(Cursor::new(text), settings_wallet)
    }

    /// The same for a file, of which all products are kept in memory.
    pub fn read(source: impl Read + Seek, settings_wallet: Option<Wallet>) -> (Self, Vec<Fault>) {
        let read = CatalogStream::open(source, settings_wallet);
        read.and_then(|mut stream| stream.read_rest())
            .unwrap_or_else(|fault| (Self::default(), vec![fault]))
    }

    /// The same, but products are only checked.
    pub fn read_without_products(
        source: impl Read + Seek,
        settings_wallet: Option<Wallet>,
    ) -> (Self, Vec<Fault>) {
        let read = CatalogStream::open(source, settings_wallet).and_then(|mut stream| {
            while stream.next_product().is_some() {}
            stream.close()
        });
        read.unwrap_or_else(|fault| (Self::default(), vec![fault]))
    }
}
