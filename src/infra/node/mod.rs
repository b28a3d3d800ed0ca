//! Clients for the seller's own nodes, and for the server that exchange rates are fetched from. Only this module makes outgoing
//! connections, and only `shop watch` uses it.

mod bitcoin;
pub mod ethereum;
mod monero;
pub mod rpc_client;

pub use self::bitcoin::Bitcoin;
pub use self::monero::Monero;
pub use ethereum::Ethereum;
pub use rpc_client::RpcClient;

use crate::domain::payment::WatchedInvoice;
use crate::domain::values::Timestamp;

/// What a node is asked in one scan.
#[derive(Clone, Copy)]
pub struct ScanInput<'a> {
    pub invoices: &'a [WatchedInvoice],
    /// [`ScanResult::state`] of the last scan of this chain.
    ///
    /// [`ScanResult::state`]: crate::domain::payment::ScanResult::state
    pub state: Option<&'a str>,
    pub now: Timestamp,
    /// For a wallet without a clock of its own: its orders expire by this time.
    pub trusted: Timestamp,
}

/// Why a scan changes nothing. The texts tell the seller what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    #[error(
        "the node at {node} does not answer ({why}): check that it is running and that the setting is right"
    )]
    Unreachable { node: String, why: String },
    #[error("the proxy at {proxy} cannot reach the node ({why}): check that Tor is running")]
    Proxy { proxy: String, why: String },
    #[error(
        "the node at {node} can only be reached through a proxy: set TOR_PROXY_URL, for example socks5h://127.0.0.1:9050"
    )]
    NoProxy { node: String },
    #[error("the node at {node} did not answer within {seconds} seconds")]
    Timeout { node: String, seconds: u64 },
    #[error(
        "the node at {node} rejected the user or password: check the setting, http://USER:PASSWORD@HOST:PORT"
    )]
    Unauthorized { node: String },
    #[error("the node at {node} answers with HTTP status {status}, unlike a node")]
    Status { node: String, status: u16 },
    #[error(
        "the node at {node} sent more than {most} at once: it is not a supported node, or it is faulty"
    )]
    TooLong { node: String, most: String },
    #[error(
        "the node at {node} sent an answer that needs more than {megabytes} MB of memory: it is not a supported node, or it is faulty"
    )]
    TooLarge { node: String, megabytes: usize },
    /// The request, or what was wrong with the answer.
    #[error("the node at {node} sent an invalid answer: {what}")]
    Malformed { node: String, what: String },
    /// The node's own error message.
    #[error("the node at {node} refused {method}: {message} ({code})")]
    Refused { node: String, method: String, code: i64, message: String },
    #[error("the node at {node} serves chain {found}, but chain {expected} is needed")]
    WrongChain { node: String, expected: String, found: String },
    #[error(
        "the node at {node} is on a different chain than before, with the same name but another first block. If this is intended, run `shop watch --forget`"
    )]
    WrongGenesis { node: String },
    #[error("the node at {node} is still syncing: wait until it is done")]
    Syncing { node: String },
    #[error(
        "the newest block of the node at {node} is {minutes} minutes old: it has lost its connection to the network, or this host's clock is wrong"
    )]
    Stale { node: String, minutes: i64 },
    #[error(
        "the newest block of the node at {node} is {minutes} minutes ahead of this host's clock: the node's chain or the clock is wrong; \
         no payment is confirmed until they agree"
    )]
    Ahead { node: String, minutes: i64 },
    #[error(
        "the node at {node} no longer has block {number}, which was final: no payment is confirmed until it has that block again. If this is intended, as on a new chain, run `shop watch --forget`"
    )]
    LostBlock { node: String, number: u64 },
    #[error("the chain of the node at {node} was reorganized during the check")]
    Reorganized { node: String },
    /// Shape: a whole sentence without its full stop.
    #[error("{0}")]
    Other(String),
}
