use crate::payment::Address;
use crate::payment::Coin;
use crate::values::Gwei;
use crate::values::Moment;

/// How deep a payment must lie before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Shape: 1 or more; 1: in a block.
    Blocks(u32),
    /// The chain itself says that it will not be undone. Source: Ethereum's `finalized`.
    Final,
}

/// An invoice that a node is asked about.
#[derive(Clone, Debug)]
pub struct Followed {
    /// What the shop calls it; nobody else does.
    pub id: i64,
    pub coin: Coin,
    pub address: Address,
    pub amount: Gwei,
    /// Whether this address belongs to it alone: else only a payment of exactly its amount is its own.
    pub is_alone: bool,
    pub depth: Depth,
    /// By the day.
    pub placed_on: Moment,
    /// What was seen at the last look; `None`: it is new.
    pub last: Option<Sighting>,
}

/// What a node saw of one invoice at one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What came in all, as far as the node knows; parts of a Gwei are cut off.
    pub seen: Gwei,
    /// What of it lies as deep as it must.
    pub settled: Gwei,
    /// The youngest part of what was seen, as far as the node knows: 0 where it is in no block yet.
    pub confirmations: u32,
    /// How many it must have; where the chain says itself what is final, how many that takes just now.
    pub needed: u32,
    /// Something left the address before it was seen to settle: what lies there no longer tells what came. The seller decides.
    pub is_moved: bool,
}

/// One look of a node's, whole: where anything about it is in doubt, there is none.
#[derive(Clone, Debug)]
pub struct Look {
    /// The number of the newest block.
    pub head: u64,
    /// When the newest block was made that lies as deep as the deepest that is asked for: until then, what was not seen
    /// did not come.
    pub time: Moment,
    /// By [`Followed::id`]; an invoice that is missing here was not looked at, and stays as it was.
    pub sightings: Vec<(i64, Sighting)>,
    /// What this node's reader wants to be told at its next look, in its own form; it holds nothing of an invoice that was
    /// not followed at this look.
    pub memory: String,
}
