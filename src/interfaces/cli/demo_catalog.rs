//! The demo catalog, part of the program: its file, pictures and pages.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::interfaces::cli::shop_context::make_folder;

/// The demo's catalog file.
pub const CATALOG: &str = include_str!("../../../static/demo/data.json");

/// Everything beside the catalog file, by its path in the folder `db`.
///
/// Source: the project's own `db`; the pictures are smaller.
pub const FILES: [(&str, &[u8]); 19] = [
    ("pages/about.md", include_bytes!("../../../static/demo/pages/about.md")),
    ("pages/policy.md", include_bytes!("../../../static/demo/pages/policy.md")),
    ("images/blanket-stack.webp", include_bytes!("../../../static/demo/images/blanket-stack.webp")),
    ("images/blanket.webp", include_bytes!("../../../static/demo/images/blanket.webp")),
    ("images/candle.webp", include_bytes!("../../../static/demo/images/candle.webp")),
    (
        "images/green-tea-open.webp",
        include_bytes!("../../../static/demo/images/green-tea-open.webp"),
    ),
    ("images/green-tea.webp", include_bytes!("../../../static/demo/images/green-tea.webp")),
    (
        "images/herbal-tea-cup.webp",
        include_bytes!("../../../static/demo/images/herbal-tea-cup.webp"),
    ),
    ("images/herbal-tea.webp", include_bytes!("../../../static/demo/images/herbal-tea.webp")),
    ("images/lamp.webp", include_bytes!("../../../static/demo/images/lamp.webp")),
    ("images/lantern.webp", include_bytes!("../../../static/demo/images/lantern.webp")),
    ("images/letter-set.webp", include_bytes!("../../../static/demo/images/letter-set.webp")),
    ("images/notebook-open.webp", include_bytes!("../../../static/demo/images/notebook-open.webp")),
    ("images/notebook.webp", include_bytes!("../../../static/demo/images/notebook.webp")),
    ("images/pencils.webp", include_bytes!("../../../static/demo/images/pencils.webp")),
    ("images/socks.webp", include_bytes!("../../../static/demo/images/socks.webp")),
    (
        "images/tea-cosy-alone.webp",
        include_bytes!("../../../static/demo/images/tea-cosy-alone.webp"),
    ),
    ("images/tea-cosy.webp", include_bytes!("../../../static/demo/images/tea-cosy.webp")),
    ("images/teapot.webp", include_bytes!("../../../static/demo/images/teapot.webp")),
];

/// Writes the demo catalog into the folder `db` of a shop.
pub fn write(db: &Path) -> anyhow::Result<()> {
    for (name, bytes) in FILES.into_iter().chain([("data.json", CATALOG.as_bytes())]) {
        let path: PathBuf = db.join(name);
        make_folder(path.parent().unwrap_or(db))?;
        fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
