//! What handlers share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::cookie::Key;
use hkdf::Hkdf;
use parking_lot::Mutex;
use sha2::Sha256;

use crate::actions;
use crate::actions::{ClosedReason, Shop};
use crate::domain::catalog::{ExchangeRate, ValidRates};
use crate::domain::payment::Wallet;
use crate::domain::values::{Accent, Country, Currency, Timestamp};
use crate::infra::store;
use crate::infra::store::StoreError;
use crate::infra::store::appearance::Logo;
use crate::infra::store::catalog_state::Version;
use crate::infra::store::categories::CategorySize;
use crate::infra::store::pages::SellersPage;
use crate::interfaces::http::clock::reading;
use crate::interfaces::http::hosts::Hosts;
use crate::interfaces::http::{RequestCounts, TokenKey, monotonic_now, now};
use crate::interfaces::web::challenge::Challenges;
use crate::interfaces::web::page_cache::PageCache;
use crate::interfaces::web::refusal_texts::closed_text;
use crate::interfaces::web::stylesheet::StyleSheet;

/// The seller's settings for the pages.
#[derive(Clone, Debug)]
pub struct Site {
    /// Unless the desk sets another: see `SiteSnapshot`.
    pub name: String,
    /// The seller's home page; `/` if it is this shop.
    pub url: String,
    /// Unless the desk sets another.
    pub contact: String,
    pub preferred_currency: Option<Currency>,
    /// Listed first at checkout.
    pub preferred_countries: Vec<Country>,
    /// The seller's signed list of addresses, for `/mirrors.txt`.
    pub mirrors: Option<String>,
}

/// What all requests share.
pub struct AppState {
    pub shop: Shop,
    pub site: Site,
    pub token_key: TokenKey,
    pub cookie_key: Key,
    pub challenges: Challenges,
    pub page_cache: PageCache,
    pub hosts: Hosts,
    pub request_counts: Arc<RequestCounts>,
    health: Mutex<Health>,
    snapshot: Mutex<Option<Arc<SiteSnapshot>>>,
    closed: Mutex<ClosedState>,
}

/// What every page shows of the catalog; read once after each import.
pub struct SiteSnapshot {
    seeding: i64,
    pub wallets: Vec<Wallet>,
    /// Valid or not: see [`AppState::valid_rates`].
    rates: Vec<ExchangeRate>,
    pub is_demo: bool,
    /// Without their text.
    pub pages: Vec<SellersPage>,
    pub site_name: String,
    pub contact: String,
    /// The seller's notice on the front page, as HTML; may be empty.
    pub notice: String,
    pub logo: Option<Logo>,
    pub style: StyleSheet,
    /// For each currency, and for `""` in a shop without wallets.
    pub categories: HashMap<String, Vec<CategorySize>>,
}

/// Whether and why the shop takes no orders now, as pages show it.
#[derive(Default)]
struct ClosedState {
    /// Of the catalog, when this was last found.
    version: i64,
    /// The id of the text that pages show.
    text: Option<&'static str>,
    /// Whether pages link to the seller's key.
    has_key: bool,
    /// Grows with every change of `text` and `has_key`, so that no cached page shows another state.
    n_changes: i64,
}

/// The result of the last health check.
#[derive(Default)]
struct Health {
    /// By the monotonic clock.
    checked_at: Option<Duration>,
    is_ready: bool,
}

/// How long the result of a health check is reused, however often it is requested.
const HEALTH_TTL: Duration = Duration::from_secs(2);

impl AppState {
    /// `secret`: the seller's or the shop's own; the keys of cookies and forms are derived from it.
    pub fn new(shop: Shop, site: Site, secret: &[u8]) -> Self {
        let mut bytes = [0; 96];
        Hkdf::<Sha256>::new(None, secret)
            .expand(b"shop cookies and forms 1", &mut bytes)
            .expect("96 bytes can be had");
        Self {
            hosts: Hosts::new(&site.url),
            request_counts: Arc::default(),
            shop,
            site,
            token_key: TokenKey::new(&bytes[64..]),
            cookie_key: Key::from(&bytes[..64]),
            challenges: Challenges::new(secret),
            page_cache: PageCache::default(),
            health: Mutex::default(),
            snapshot: Mutex::default(),
            closed: Mutex::default(),
        }
    }

    /// Whether an order could be placed now.
    pub async fn is_healthy(&self) -> bool {
        // Why the shop is closed is logged elsewhere.
        matches!(actions::why_closed(&self.shop, now()).await, Ok(None))
            && self.can_store_orders().await
    }

    async fn can_store_orders(&self) -> bool {
        let started = monotonic_now();
        {
            let mut health = self.health.lock();
            if health.checked_at.is_some_and(|then| started.saturating_sub(then) < HEALTH_TTL) {
                return health.is_ready;
            }
            // Requests during this check are answered with the result of the last one.
            if health.checked_at.is_some() {
                health.checked_at = Some(started);
            }
        }
        let checked = actions::check_readiness(&self.shop).await;
        let is_ready = checked.is_ok();
        let mut health = self.health.lock();
        if let Err(error) = checked
            && (health.is_ready || health.checked_at.is_none())
        {
            tracing::error!("no order can be taken: {error:#}");
        }
        *health = Health { checked_at: Some(started), is_ready };
        is_ready
    }

    /// The time that decides whether an order has expired. Read from the database, since another process may just have
    /// accepted the host's clock.
    pub async fn trusted_now(&self) -> Result<Timestamp, StoreError> {
        let reading = reading();
        let stored = store::clock::find(&mut *self.shop.db.reader().await?).await?;
        Ok(stored.map_or(reading.wall, |clock| clock.at(&reading).trusted))
    }

    /// The current snapshot, and a number that grows whenever pages of the catalog change.
    pub async fn snapshot(&self) -> Result<(Arc<SiteSnapshot>, i64), StoreError> {
        let db = &self.shop.db;
        let version = store::catalog_state::version(db).await?;
        let n_changes = self.update_closed_state(version);
        let last = self.snapshot.lock().clone();
        if let Some(snapshot) = last.filter(|last| last.seeding == version.seeding) {
            return Ok((snapshot, version.catalog + n_changes));
        }
        let mut db = db.reader().await?;
        let wallets = store::wallets::list(&mut db).await?;
        let rates = store::exchange_rates::list(&mut db).await?;
        let pages = store::pages::list_shown(&mut db).await?;
        let mut categories = HashMap::new();
        for name in wallets.iter().map(|wallet| wallet.currency.as_str()).chain([""]) {
            let shown = store::categories::list_shown(&mut db, name).await?;
            categories.insert(name.to_owned(), shown);
        }
        let look = store::appearance::find(&mut db).await?;
        drop(db);
        let accent = look.accent.and_then(|accent| Accent::of(accent).ok()).unwrap_or_default();
        let snapshot = Arc::new(SiteSnapshot {
            seeding: version.seeding,
            is_demo: wallets.iter().any(Wallet::is_demo),
            wallets,
            rates,
            pages,
            site_name: look.name.unwrap_or_else(|| self.site.name.clone()),
            contact: look.contact.unwrap_or_else(|| self.site.contact.clone()),
            notice: look.notice_html,
            logo: look.logo,
            style: StyleSheet::new(accent),
            categories,
        });
        *self.snapshot.lock() = Some(snapshot.clone());
        Ok((snapshot, version.catalog + n_changes))
    }

    /// The exchange rates that are valid now, of those that [`Self::snapshot`] last found.
    pub fn valid_rates(&self) -> ValidRates {
        let snapshot = self.snapshot.lock();
        let rates = snapshot.as_ref().map_or(&[][..], |snapshot| &snapshot.rates);
        ValidRates::of(rates, self.shop.policy.price_in, now())
    }

    /// The id of the text that every page shows while no orders are taken, as [`Self::snapshot`] last found it.
    pub fn closed_text(&self) -> Option<&'static str> {
        self.closed.lock().text
    }

    /// Returns the number of changes.
    fn update_closed_state(&self, version: Version) -> i64 {
        let own_reason = self.shop.availability.encryption_key_for_order(false, now()).err();
        let reason = own_reason.or(version.is_closed.then_some(ClosedReason::BySeller));
        let text = reason.as_ref().map(closed_text);
        let has_key = self.shop.availability.has_key();
        let mut closed = self.closed.lock();
        // Another request may have read a newer version meanwhile.
        if version.catalog < closed.version {
            return closed.n_changes;
        }
        closed.version = version.catalog;
        if closed.text != text || closed.has_key != has_key {
            (closed.text, closed.has_key) = (text, has_key);
            closed.n_changes += 1;
        }
        closed.n_changes
    }
}

impl SiteSnapshot {
    pub fn find_wallet(&self, currency: &str) -> Option<&Wallet> {
        self.wallets.iter().find(|wallet| wallet.currency.as_str() == currency)
    }
}
