//! The seller's desk, through HTTP.

mod access;
mod appearance;
mod backup;
mod digital;
mod exchange_rates;
mod login;
mod metrics;
mod newcomer;
mod orders;
mod products;
mod records;
mod shipping;
mod today;
mod unpaid_orders;
mod update;

use crate::world::{Answer, World};

/// The edition in the form of a page.
#[track_caller]
fn edition(page: &Answer) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("name=\"edition\" value=\"").expect("a form with an edition");
    rest.split('"').next().unwrap().to_owned()
}

/// The activity log, the oldest entry first.
fn activity(world: &World) -> Vec<String> {
    let rows = world.find("select what from audit_log order by id");
    rows.into_iter().map(|row| String::from_utf8(row).unwrap()).collect()
}
