//! The flags of `shop init`, and what it leaves as it is.

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
pub struct InitArgs {
    /// Extended public key of your wallet, instead of its address in --wallet: a separate address for each order
    #[arg(long, value_name = "KEY")]
    pub xpub: Option<String>,
    /// File with the private view key of your Monero wallet, along with --wallet; -: standard input
    #[arg(long, value_name = "FILE")]
    pub view_key_file: Option<PathBuf>,
    /// File with your OpenPGP public key, which is copied to db/seller.asc
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The same from gpg's keyring: a fingerprint, or the owner's address
    #[arg(long, value_name = "NAME")]
    pub gpg_key: Option<String>,
    /// File with the password of the web desk, which is turned on; -: standard input
    #[arg(long, value_name = "FILE")]
    pub desk_password_file: Option<PathBuf>,
    /// The catalog to begin with: empty, or demo for the demo's products
    #[arg(long, value_name = "CATALOG")]
    pub catalog: Option<String>,
    /// Ask nothing, and keep existing files
    #[arg(long)]
    pub yes: bool,
    /// Overwrite existing files
    #[arg(long)]
    pub force: bool,
}

/// What exists and stays as it is.
pub struct Kept {
    /// The demo's pages and pictures that exist.
    pub others: bool,
    pub env: bool,
    pub catalog: bool,
    /// Whether the database has products, which an import might remove.
    pub has_products: bool,
    pub key: bool,
    pub policy: bool,
    pub password: bool,
}
