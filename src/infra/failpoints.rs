//! Named points at which a test kills the process, so that a crash between any two steps is tested.

/// Every point, in the order in which the shop passes it: `ORDER` when a buyer places an order, `WORD` when the seller
/// changes one.
///
/// `…-begun`: the transaction has the write lock. `…-inserted`: all rows are inserted, nothing is committed.
/// `message-drafted`: the message is in `tmp`, synced. `message-moved`: it is in `new`, whose folder is not synced.
/// `order-told`: the outbox has forgotten it, which may be after the answer. Of orders that are placed at once, the first
/// one that passes a point stops them all.
pub const ORDER: [&str; 8] = [
    "order-begun",
    "order-inserted",
    "order-committed",
    "message-drafted",
    "message-moved",
    "message-delivered",
    "before-answer",
    "order-told",
];
pub const WORD: [&str; 3] = ["word-begun", "word-inserted", "word-committed"];
/// Passed by a purge: the rows are erased; then the messages too; then only the journal is left.
pub const PURGE: [&str; 3] = ["purge-stripped", "purge-unmailed", "purge-erased"];

/// Passed by an import: its changes are written down; they will be done; some are done; all products are; the lists are too.
pub const IMPORT: [&str; 5] =
    ["import-written", "import-begun", "import-applied-some", "import-applied", "import-listed"];

/// Does nothing in release builds.
#[cfg(not(feature = "stops"))]
#[inline(always)]
pub fn at(_name: &'static str) {}

/// If `SHOP_STOP_AT` has this name, aborts the process without any cleanup, as `kill -9` does.
#[cfg(feature = "stops")]
pub fn at(name: &'static str) {
    let points = [ORDER.as_slice(), &WORD, &PURGE, &IMPORT];
    assert!(points.iter().any(|some| some.contains(&name)), "no point is called {name}");
    // Only for tests, not a setting of the shop.
    if std::env::var_os("SHOP_STOP_AT").is_some_and(|wanted| wanted == name) {
        std::process::abort();
    }
}
