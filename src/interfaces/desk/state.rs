//! The state that the desk's handlers share.

use std::sync::Arc;

use hkdf::Hkdf;
use sha2::Sha256;

use crate::actions::{Authenticator, Shop};
use crate::infra::backup::Layout;
use crate::infra::store;
use crate::infra::store::StoreError;
use crate::interfaces::desk::health::Health;
use crate::interfaces::desk::hosts::DeskHosts;
use crate::interfaces::desk::metrics::Metrics;
use crate::interfaces::http::TokenKey;
use crate::interfaces::web::Site;

pub struct Desk {
    pub shop: Shop,
    pub site: Site,
    pub token_key: TokenKey,
    /// The doctor's last findings.
    pub health: Arc<Health>,
    pub authenticator: Authenticator,
    pub hosts: DeskHosts,
    /// Where the files are that a backup contains.
    pub layout: Layout,
    /// `None`: there are none.
    pub metrics: Option<Metrics>,
}

impl Desk {
    /// `secret`: the shop's, from which the key of the desk's forms is derived. It differs from the key of the buyers' forms.
    pub fn new(shop: Shop, site: Site, secret: &[u8], hosts: DeskHosts, layout: Layout) -> Self {
        let mut bytes = [0; 32];
        Hkdf::<Sha256>::new(None, secret)
            .expand(b"shop desk forms 1", &mut bytes)
            .expect("HKDF-SHA256 gives up to 8160 bytes");
        let n_cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let authenticator = Authenticator::new(n_cores);
        let token_key = TokenKey::new(&bytes);
        Self {
            shop,
            site,
            token_key,
            health: Arc::default(),
            authenticator,
            hosts,
            layout,
            metrics: None,
        }
    }

    /// The shop's current name: a name set at the desk overrides the configuration.
    pub async fn site_name(&self) -> Result<String, StoreError> {
        let name = store::appearance::find_name(&mut *self.shop.db.reader().await?).await?;
        Ok(name.unwrap_or_else(|| self.site.name.clone()))
    }

    /// A cookie for a browser that has signed in. It gives no access, but strangers do not delay the browser's next
    /// sign-in.
    ///
    /// `id`: random, 32 hexadecimal digits.
    pub fn known_browser_token(&self, id: &str) -> String {
        format!("{id}.{}", self.token_key.token(&format!("known {id}")))
    }

    pub fn is_known_browser(&self, token: &str) -> bool {
        token.split_once('.').is_some_and(|(id, token)| {
            id.len() == 32 && self.token_key.verify(&format!("known {id}"), token)
        })
    }
}
