use crate::node::Doubt;
use crate::node::Link;
use crate::payment::Followed;
use crate::payment::Look;
use crate::values::Moment;

pub struct Bitcoin {
    link: Link,
}

impl Bitcoin {
    pub fn open(link: Link) -> Self {
        Self { link }
    }

    pub async fn look(&self, _: &[Followed], _: Option<&str>, _: Moment) -> Result<Look, Doubt> {
        Err(self.link.malformed("nothing"))
    }
}
