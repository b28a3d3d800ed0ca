//! All connections, by circuit, with what each circuit has used.

mod connection;
mod eviction;
mod fair_queue;
mod limiter;
mod memory;
mod permits;
mod registry;
#[cfg(test)]
mod tests;

pub use memory::{NoMemory, UNCOUNTED};
pub use permits::{Permit, QueueTimeout};
pub use registry::{
    ClientKey, Connection, ConnectionLimiter, ConnectionLimits, ConnectionState,
    MAX_CONNECTIONS_OF_CIRCUIT,
};
