//! What people use: the buyers' pages, the desk, the command line; and the HTTP below.

pub mod cli;
pub mod desk;
pub mod http;
pub mod web;
