//! What the desk's handlers share.

use std::sync::Arc;

use hkdf::Hkdf;
use sha2::Sha256;

use crate::actions::{Authenticator, Shop};
use crate::infra::store;
use crate::infra::store::StoreError;
use crate::interfaces::desk::health::Health;
use crate::interfaces::desk::hosts::DeskHosts;
use crate::interfaces::http::TokenKey;
use crate::interfaces::web::Site;

/// All that a page of the desk needs to be made.
pub struct Desk {
    pub shop: Shop,
    pub site: Site,
    pub token_key: TokenKey,
    /// What the doctor found: it looks when the desk is opened, and pages show it.
    pub health: Arc<Health>,
    pub authenticator: Authenticator,
    pub hosts: DeskHosts,
}

impl Desk {
    /// `secret`: the shop's own; the key of the desk's forms is made from it, and is not the buyers'.
    pub fn new(shop: Shop, site: Site, secret: &[u8], hosts: DeskHosts) -> Self {
        let mut bytes = [0; 32];
        Hkdf::<Sha256>::new(None, secret)
            .expand(b"shop desk forms 1", &mut bytes)
            .expect("32 bytes can be had");
        let n_cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let authenticator = Authenticator::new(n_cores);
        let token_key = TokenKey::new(&bytes);
        Self { shop, site, token_key, health: Arc::default(), authenticator, hosts }
    }

    /// The shop's name as it is now: what the seller set at the desk, else what the settings say.
    ///
    /// # Errors
    /// What the store says.
    pub async fn site_name(&self) -> Result<String, StoreError> {
        let set = store::appearance::find_name(&mut *self.shop.db.reader().await?).await?;
        Ok(set.unwrap_or_else(|| self.site.name.clone()))
    }

    /// What a browser keeps that was let in: it opens nothing, but waits in a line of its own.
    ///
    /// `random_bytes`: 32 hexadecimal digits.
    pub fn mark_of_known(&self, random_bytes: &str) -> String {
        format!("{random_bytes}.{}", self.token_key.token(&format!("known {random_bytes}")))
    }

    pub fn knows(&self, mark: &str) -> bool {
        let parts = mark.split_once('.').filter(|(random_bytes, _)| random_bytes.len() == 32);
        parts.is_some_and(|(random_bytes, token)| {
            self.token_key.verify(&format!("known {random_bytes}"), token)
        })
    }
}
