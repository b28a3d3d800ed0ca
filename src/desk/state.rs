use crate::actions::Shop;
use crate::desk::health::Health;
use crate::web::Site;
use crate::web::TokenKey;
use hkdf::Hkdf;
use sha2::Sha256;
use std::sync::Arc;

/// All that a page of the desk needs to be made.
pub struct Desk {
    pub shop: Shop,
    pub site: Site,
    pub token_key: TokenKey,
    /// What the doctor found: whoever opens the desk looks, and pages show it.
    pub health: Arc<Health>,
}

impl Desk {
    /// `secret`: the shop's own; the key of the desk's forms is made from it, and is not the buyers'.
    pub fn new(shop: Shop, site: Site, secret: &[u8]) -> Self {
        let mut bytes = [0; 32];
        Hkdf::<Sha256>::new(None, secret)
            .expand(b"shop desk forms 1", &mut bytes)
            .expect("32 bytes can be had");
        Self { shop, site, token_key: TokenKey::new(&bytes), health: Arc::default() }
    }
}
