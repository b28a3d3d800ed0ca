//! What people use: the buyers' pages, the desk, the command line.

pub mod cli;
pub mod desk;
pub mod web;
