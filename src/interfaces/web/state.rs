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
use crate::domain::payment::Wallet;
use crate::domain::values::{Accent, Currency, Timestamp};
use crate::infra::store;
use crate::infra::store::StoreError;
use crate::infra::store::appearance::Logo;
use crate::infra::store::categories::CategorySize;
use crate::interfaces::http::clock::reading;
use crate::interfaces::http::hosts::Hosts;
use crate::interfaces::http::{TokenKey, monotonic_now, now};
use crate::interfaces::web::challenge::Challenges;
use crate::interfaces::web::page_cache::PageCache;
use crate::interfaces::web::reasons::closed_text;
use crate::interfaces::web::stylesheet::{Assets, StyleSheet};

/// What the seller says of the shop itself.
#[derive(Clone, Debug)]
pub struct Site {
    /// Until the desk says another: see `SiteSnapshot`.
    pub name: String,
    /// The seller's home page; `/` where it is this shop.
    pub url: String,
    /// The same.
    pub contact: String,
    pub preferred_currency: Option<Currency>,
    /// The seller's signed list of addresses, for `/mirrors.txt`.
    pub mirrors: Option<String>,
}

/// All that a page of the shop needs to be made.
pub struct AppState {
    pub shop: Shop,
    pub site: Site,
    pub token_key: TokenKey,
    pub cookie_key: Key,
    pub challenges: Challenges,
    pub ready: PageCache,
    pub still: Assets,
    pub hosts: Hosts,
    health: Mutex<Health>,
    facts: Mutex<Option<Arc<SiteSnapshot>>>,
    notice: Mutex<Notice>,
}

/// What every page shows of the catalog; read once for each seeding of it.
pub struct SiteSnapshot {
    seeding: i64,
    pub wallets: Vec<Wallet>,
    pub is_demo: bool,
    /// Slug and title.
    pub pages: Vec<(String, String)>,
    pub site_name: String,
    pub contact: String,
    /// What the seller says on the shop window, as HTML; empty: nothing.
    pub notice: String,
    pub logo: Option<Logo>,
    pub style: Arc<StyleSheet>,
    /// For each currency, and for `""` in a shop without wallets.
    pub categories: HashMap<String, Vec<CategorySize>>,
}

/// Why the shop takes no orders just now, as pages say it.
#[derive(Default)]
struct Notice {
    /// Of the catalog, when the database was last asked.
    version: Option<i64>,
    closed_by_seller: bool,
    shown: Option<&'static str>,
    /// Whether pages link to the seller's key.
    has_key: bool,
    /// Grows with every change of `shown` and `has_key`, so that no cached page says something else.
    n_changes: i64,
}

/// What the last look found, so that asking for it all day costs no more than one look every few seconds.
#[derive(Default)]
struct Health {
    /// By the clock that nobody sets.
    looked_at: Option<Duration>,
    is_well: bool,
}

/// How long a look at the shop's health holds.
const LOOK_HOLDS: Duration = Duration::from_secs(2);

impl AppState {
    /// `secret`: whatever the seller gave or the shop made; the keys of cookies and forms are made from it.
    pub fn new(shop: Shop, site: Site, secret: &[u8]) -> Self {
        let mut bytes = [0; 96];
        Hkdf::<Sha256>::new(None, secret)
            .expand(b"shop cookies and forms 1", &mut bytes)
            .expect("96 bytes can be had");
        Self {
            hosts: Hosts::new(&site.url),
            shop,
            site,
            token_key: TokenKey::new(&bytes[64..]),
            cookie_key: Key::from(&bytes[..64]),
            challenges: Challenges::new(secret),
            ready: PageCache::default(),
            still: Assets::new(),
            health: Mutex::default(),
            facts: Mutex::new(None),
            notice: Mutex::default(),
        }
    }

    /// Whether an order could be placed now.
    pub async fn is_well(&self) -> bool {
        // The log tells by itself why the seller has closed the shop, or the shop itself.
        matches!(actions::why_closed(&self.shop, now()).await, Ok(None))
            && self.can_keep_orders().await
    }

    async fn can_keep_orders(&self) -> bool {
        let started = monotonic_now();
        {
            let mut health = self.health.lock();
            if health.looked_at.is_some_and(|then| started.saturating_sub(then) < LOOK_HOLDS) {
                return health.is_well;
            }
            // Requests during this check are answered with the result of the last one.
            if health.looked_at.is_some() {
                health.looked_at = Some(started);
            }
        }
        let looked = actions::check_readiness(&self.shop, now()).await;
        let is_well = looked.is_ok();
        let mut health = self.health.lock();
        if let Err(error) = looked.as_ref().map_err(|error| format!("{error:#}"))
            && (health.is_well || health.looked_at.is_none())
        {
            tracing::error!("no order can be taken: {error}");
        }
        *health = Health { looked_at: Some(started), is_well };
        is_well
    }

    /// What decides whether an order's time is over, as it is kept: another process may just have accepted the host's clock.
    pub async fn trusted(&self) -> Result<Timestamp, StoreError> {
        let reading = reading();
        let kept = store::clock::find(&mut *self.shop.db.reader().await?).await?;
        Ok(kept.map_or(reading.wall, |clock| clock.at(&reading).trusted))
    }

    /// The facts as they are now, and a number that grows whenever pages of the catalog say something else.
    pub async fn facts(&self) -> Result<(Arc<SiteSnapshot>, i64), StoreError> {
        let db = &self.shop.db;
        let version = store::catalog_state::version(db).await?;
        let n_changes = self.look_whether_closed(version.catalog).await?;
        let known = self.facts.lock().clone();
        if let Some(facts) = known.filter(|facts| facts.seeding == version.seeding) {
            return Ok((facts, version.catalog + n_changes));
        }
        let wallets = store::wallets::list(&mut *db.reader().await?).await?;
        let pages = store::pages::list_shown(&mut *db.reader().await?)
            .await?
            .into_iter()
            .map(|page| (page.slug, page.title))
            .collect();
        let mut categories = HashMap::new();
        for name in wallets.iter().map(|wallet| wallet.currency.as_str()).chain([""]) {
            categories.insert(
                name.to_owned(),
                store::categories::list_shown(&mut *db.reader().await?, name).await?,
            );
        }
        let is_demo = wallets.iter().any(Wallet::is_demo);
        let look = store::appearance::find(&mut *db.reader().await?).await?;
        let accent = look.accent.and_then(|accent| Accent::of(accent).ok()).unwrap_or_default();
        let facts = Arc::new(SiteSnapshot {
            seeding: version.seeding,
            wallets,
            is_demo,
            pages,
            site_name: look.name.unwrap_or_else(|| self.site.name.clone()),
            contact: look.contact.unwrap_or_else(|| self.site.contact.clone()),
            notice: look.notice_html,
            logo: look.logo,
            style: self.still.style(accent),
            categories,
        });
        *self.facts.lock() = Some(facts.clone());
        Ok((facts, version.catalog + n_changes))
    }

    /// The id of the text that every page shows while no order is taken; as the last look of [`Self::facts`] found it.
    pub fn closed(&self) -> Option<&'static str> {
        self.notice.lock().shown
    }

    /// `version`: of the catalog, which grows when the seller closes or opens the shop.
    async fn look_whether_closed(&self, version: i64) -> Result<i64, StoreError> {
        let is_known = |notice: &Notice| notice.version.is_some_and(|known| version <= known);
        let known = {
            let notice = self.notice.lock();
            is_known(&notice).then_some(notice.closed_by_seller)
        };
        let closed_by_seller = match known {
            Some(known) => known,
            None => store::shop_state::find(&mut *self.shop.db.reader().await?)
                .await?
                .closed_on
                .is_some(),
        };
        let by_itself = self.shop.availability.seal_for_order(false, now()).err();
        let closed = by_itself.or(closed_by_seller.then_some(ClosedReason::BySeller));
        let mut notice = self.notice.lock();
        // Somebody else may have looked meanwhile, and later.
        if known.is_some() == is_known(&notice) {
            notice.version = notice.version.max(Some(version));
            notice.closed_by_seller = closed_by_seller;
            let shown = closed.as_ref().map(closed_text);
            let has_key = self.shop.availability.has_key();
            if notice.shown != shown || notice.has_key != has_key {
                (notice.shown, notice.has_key) = (shown, has_key);
                notice.n_changes += 1;
            }
        }
        Ok(notice.n_changes)
    }

    /// The name of [`Self::currency`]; empty in a shop without wallets.
    pub fn currency_name<'a>(&self, facts: &'a SiteSnapshot, wanted: Option<&str>) -> &'a str {
        self.currency(facts, wanted).map_or("", |wallet| wallet.currency.as_str())
    }

    /// The currency that a visitor who asked for `wanted` sees; `None` in a shop without wallets.
    pub fn currency<'a>(
        &self,
        facts: &'a SiteSnapshot,
        wanted: Option<&str>,
    ) -> Option<&'a Wallet> {
        let of = |name: &str| facts.wallets.iter().find(|wallet| wallet.currency.as_str() == name);
        let preferred = self.site.preferred_currency.as_ref().map(Currency::as_str);
        wanted.and_then(of).or_else(|| preferred.and_then(of)).or_else(|| facts.wallets.first())
    }
}
