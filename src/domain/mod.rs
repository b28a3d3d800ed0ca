//! Pure rules: no files, no network, no clock and no random bytes.

pub mod cart;
pub mod catalog;
pub mod login;
pub mod orders;
pub mod payment;
pub mod values;
