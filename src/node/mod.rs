//! The seller's own nodes, asked what they saw. The only room with a way out; `shop watch` alone enters it.

mod bitcoin;
pub mod ethereum;
pub mod link;
mod monero;

pub use self::bitcoin::Bitcoin;
pub use self::monero::Monero;
pub use ethereum::Ethereum;
pub use link::Link;

/// Why a look at a node decides nothing. Its words are for the seller: what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    #[error("the node at {node} does not answer ({why}): is it running, and is the setting right?")]
    Unreachable { node: String, why: String },
    #[error("the proxy at {proxy} does not let us through to the node ({why}): is Tor running?")]
    Proxy { proxy: String, why: String },
    #[error(
        "the node at {node} is reached through a proxy only: set TOR_PROXY_URL, for example socks5h://127.0.0.1:9050"
    )]
    NoProxy { node: String },
    #[error("the node at {node} did not answer within {seconds} seconds")]
    Slow { node: String, seconds: u64 },
    #[error(
        "the node at {node} wants another user or password: look at the setting, http://USER:PASSWORD@HOST:PORT"
    )]
    NotLetIn { node: String },
    #[error("the node at {node} answers with HTTP status {status}, and not as a node does")]
    Status { node: String, status: u16 },
    #[error(
        "the node at {node} sent more than {most} at once: it is another kind of node, or out of order"
    )]
    TooLong { node: String, most: String },
    #[error(
        "the node at {node} sent an answer that would take more than {megabytes} MB of memory: it is another kind of node, or out of order"
    )]
    TooLarge { node: String, megabytes: usize },
    /// What was asked for, or what was wrong with it.
    #[error("the node at {node} sent what is no answer: {what}")]
    Malformed { node: String, what: String },
    /// The node's own words.
    #[error("the node at {node} refused {method}: {words} ({code})")]
    Refused { node: String, method: String, code: i64, words: String },
    #[error("the node at {node} serves chain {found}; asked for is chain {expected}")]
    OtherChain { node: String, expected: String, found: String },
    #[error(
        "the node at {node} is on another chain than before, although it has the same name: its first block differs. Where that is right: `shop watch --forget`"
    )]
    OtherGenesis { node: String },
    #[error("the node at {node} is still reading its chain: wait until it is done")]
    Syncing { node: String },
    #[error(
        "the newest block of the node at {node} is {minutes} minutes old: it has lost touch with the network, or this host's clock is wrong"
    )]
    Stale { node: String, minutes: i64 },
    #[error(
        "the newest block of the node at {node} lies {minutes} minutes ahead of this host's clock: the node's chain or the clock is wrong; \
         nothing is decided until both agree"
    )]
    Ahead { node: String, minutes: i64 },
    #[error(
        "the node at {node} went back behind block {number}, which was final: nothing is decided until it knows that block again. Where that is right, as on a new chain: `shop watch --forget`"
    )]
    WentBack { node: String, number: u64 },
    #[error("the chain of the node at {node} turned while it was looked at")]
    Turned { node: String },
    /// Shape: a whole sentence without its full stop.
    #[error("{0}")]
    Other(String),
}
