//! The seller's OpenPGP key: from a file, or from gpg's keyring.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::infra::bounded;
use crate::infra::mail::SellerKey;
use crate::interfaces::cli::shop_context::{MAX_OF_KEY, now};

/// A key that can be used, in armor.
pub struct CheckedKey {
    pub armored: Vec<u8>,
    /// Its fingerprint, in groups.
    pub fingerprint: String,
}

/// A key in gpg's keyring.
pub struct ListedKey {
    pub fingerprint: String,
    pub owner: String,
}

/// Units: keys that are listed.
const MAX_LISTED: usize = 9;

/// # Errors
/// Why the file cannot be used.
pub fn of_file(path: &Path) -> Result<CheckedKey, String> {
    let bytes = bounded::read_file(path, MAX_OF_KEY)
        .map_err(|error| format!("{} cannot be read ({error})", path.display()))?;
    checked(bytes).map_err(|fault| format!("{}: {fault}", path.display()))
}

/// Exports a key by its fingerprint or its owner's address.
///
/// # Errors
/// Why gpg gave none, or why it cannot be used.
pub fn of_gpg(name: &str) -> Result<CheckedKey, String> {
    let exported = gpg(&["--armor", "--export", "--", name])?;
    if exported.is_empty() {
        return Err(format!("gpg has no public key {name:?}: `gpg --list-keys` lists them"));
    }
    checked(exported).map_err(|fault| format!("the key {name:?}: {fault}"))
}

fn checked(armored: Vec<u8>) -> Result<CheckedKey, String> {
    let key = SellerKey::read(&armored, now()).map_err(|fault| fault.to_string())?;
    Ok(CheckedKey { armored, fingerprint: key.fingerprint_for_people() })
}

/// The seller's own keys, as far as gpg is installed; if it has no private key, as it should be on a server, all keys.
pub fn list() -> Vec<ListedKey> {
    let own = listed(&["--with-colons", "--list-secret-keys"]);
    if own.is_empty() { listed(&["--with-colons", "--list-keys"]) } else { own }
}

/// Source: gpg's doc/DETAILS: each key is a line `pub` or `sec`, then its fingerprint, then its owners.
fn listed(arguments: &[&str]) -> Vec<ListedKey> {
    let Ok(text) = gpg(arguments) else { return Vec::new() };
    let mut keys: Vec<ListedKey> = Vec::new();
    let mut is_new = false;
    for line in String::from_utf8_lossy(&text).lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let tenth = fields.get(9).copied().unwrap_or_default().to_owned();
        match (fields.first().copied(), keys.last_mut()) {
            (Some("pub" | "sec"), _) => is_new = true,
            (Some("fpr"), _) if is_new => {
                keys.push(ListedKey { fingerprint: tenth, owner: String::new() });
                is_new = false;
            }
            (Some("uid"), Some(key)) if key.owner.is_empty() => key.owner = tenth,
            _ => {}
        }
    }
    keys.truncate(MAX_LISTED);
    keys
}

fn gpg(arguments: &[&str]) -> Result<Vec<u8>, String> {
    let output = Command::new("gpg")
        .args(["--batch", "--no-tty"])
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|error| format!("gpg cannot be run ({error}): give a file with --key"))?;
    Ok(output.stdout)
}
