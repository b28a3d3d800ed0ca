//! Named points at which a test ends the shop, so that what lies between any two steps is tried, and not hoped for.

/// Every point, in the order in which the shop passes it. The order's are passed by a buyer's POST, the word's by
/// whatever the seller says of an order.
///
/// `…-begun`: the transaction has the writer's lock. `…-inserted`: all rows are there, nothing is committed.
/// `message-drafted`: the message lies in `tmp`, synced. `message-moved`: it lies in `new`, whose folder is not synced.
pub const ORDER: [&str; 8] = [
    "order-begun",
    "order-inserted",
    "order-committed",
    "message-drafted",
    "message-moved",
    "message-delivered",
    "order-told",
    "before-answer",
];
pub const WORD: [&str; 3] = ["word-begun", "word-inserted", "word-committed"];
/// Passed by whatever erases what is due: the rows are gone; the messages too; nothing is left but the journal.
pub const PURGE: [&str; 3] = ["purge-stripped", "purge-unmailed", "purge-erased"];

/// Nothing, in the program that is given out.
#[cfg(not(feature = "stops"))]
#[inline(always)]
pub fn at(_name: &'static str) {}

/// Ends the process as `kill -9` does, nothing written and nothing put away, where `SHOP_STOP_AT` is this name.
#[cfg(feature = "stops")]
pub fn at(name: &'static str) {
    let points = [ORDER.as_slice(), &WORD, &PURGE];
    assert!(points.iter().any(|some| some.contains(&name)), "no point is called {name}");
    // A test's own wish, which is no setting of the shop.
    if std::env::var_os("SHOP_STOP_AT").is_some_and(|wanted| wanted == name) {
        std::process::abort();
    }
}
