use crate::node::Link;

/// A node of a chain like Ethereum's.
pub struct Ethereum {
    pub link: Link,
}
