use crate::node::Link;

/// A node of a chain like Ethereum's.
pub struct Ethereum {
    pub link: Link,
}

impl Ethereum {
    pub fn open(link: Link) -> Self {
        Self { link }
    }
    pub async fn chain_id(&self) -> Result<u64, crate::node::Doubt> {
        Err(self.link.malformed("nothing"))
    }
    pub async fn look(
        &self,
        _: &[crate::payment::Followed],
        _: Option<&str>,
        _: crate::values::Moment,
    ) -> Result<crate::payment::Look, crate::node::Doubt> {
        Err(self.link.malformed("nothing"))
    }
    pub async fn list_used(
        &self,
        _: &[crate::payment::Address],
    ) -> Result<Vec<bool>, crate::node::Doubt> {
        Err(self.link.malformed("nothing"))
    }
}
