//! Exchange rates from the seller's file or from a URL.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context;

use crate::actions;
use crate::actions::{NewRates, Shop};
use crate::domain::catalog::{MAX_RATES_BYTES, RateSource, RatesFile};
use crate::domain::values::{FiatCurrency, Timestamp};
use crate::infra::bounded;
use crate::infra::config::Settings;
use crate::infra::node::RpcClient;
use crate::interfaces::cli::recurring_error::RecurringError;
use crate::interfaces::cli::shop_context;
use crate::interfaces::http::monotonic_now;

/// Units: seconds by which a rate may be newer than now.
const CLOCK_SKEW: i64 = 300;

/// Reads a file of rates. They were observed when the file says, or when it was written.
pub fn read_file(file: &Path, price_in: FiatCurrency, minutes: i64) -> anyhow::Result<NewRates> {
    let path = file.display();
    let (text, metadata) = bounded::read_text_and_metadata(file, MAX_RATES_BYTES as u64)
        .with_context(|| format!("read {path}"))?;
    let written = metadata.modified().with_context(|| format!("read {path}"))?;
    let written = written.duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    let written = Timestamp::new(i64::try_from(written).unwrap_or_default())?;
    new_rates(&text, price_in, (written, minutes), RateSource::File)
        .with_context(|| path.to_string())
}

/// `observed`: when, if the text does not say; and for how many minutes the rates are valid.
fn new_rates(
    text: &str,
    price_in: FiatCurrency,
    observed: (Timestamp, i64),
    source: RateSource,
) -> anyhow::Result<NewRates> {
    let now = shop_context::now();
    let rates = RatesFile::parse(text, price_in)?;
    let at = rates.at.unwrap_or(observed.0);
    let valid_until = at.plus_minutes(observed.1);
    anyhow::ensure!(
        at <= now.plus_seconds(CLOCK_SKEW),
        "the rates are of {}, which is later than now",
        at.for_people()
    );
    anyhow::ensure!(
        now < valid_until,
        "the rates are outdated: they are of {} and were valid until {}",
        at.for_people(),
        valid_until.for_people()
    );
    // An observation is not later than the file or the answer that tells of it.
    let at = at.min(observed.0).min(now);
    Ok(NewRates { values: rates.values, at, valid_until, source })
}

/// The rates that `shop watch` keeps up to date.
pub struct RateWatch {
    /// When the URL is due, by the monotonic clock.
    next_fetch: Duration,
    error: RecurringError,
}

/// Units: seconds until a failed request is repeated.
const RETRY_SECONDS: u64 = 300;

impl RateWatch {
    /// `None`: no setting names a file or a URL.
    pub fn of(settings: &Settings) -> Option<Self> {
        let error = RecurringError::default();
        settings.rates.has_source().then_some(Self { next_fetch: Duration::ZERO, error })
    }

    /// Reads or fetches the rates if that is due, and sets those that are newer than the stored ones. Returns whether
    /// nothing failed; each new error is logged.
    pub async fn tick(&mut self, shop: &Shop, settings: &Settings) -> bool {
        let error = self.update(shop, settings).await.err().map(|error| format!("{error:#}"));
        let is_well = error.is_none();
        self.error.note("exchange rates", error);
        is_well
    }

    /// An error of the file does not keep the URL from being fetched.
    async fn update(&mut self, shop: &Shop, settings: &Settings) -> anyhow::Result<()> {
        let Some(price_in) = settings.rates.price_in else { return Ok(()) };
        let from_file = async {
            let Some(file) = &settings.rates.file else { return Ok(()) };
            let new = read_file(file, price_in, settings.rates.hours * 60)?;
            actions::set_newer_exchange_rates(shop, new).await.map_err(anyhow::Error::from)
        };
        let from_file = from_file.await;
        if let Some(new) = self.fetch(price_in, settings).await? {
            actions::set_newer_exchange_rates(shop, new).await?;
        }
        from_file
    }

    /// `None`: the URL is not due, or there is none.
    async fn fetch(
        &mut self,
        price_in: FiatCurrency,
        settings: &Settings,
    ) -> anyhow::Result<Option<NewRates>> {
        let (rates, now) = (&settings.rates, monotonic_now());
        let Some(url) = rates.url.as_ref().filter(|_| self.next_fetch <= now) else {
            return Ok(None);
        };
        let pause = Duration::from_secs(rates.minutes.unsigned_abs() * 60);
        self.next_fetch = now + pause.min(Duration::from_secs(RETRY_SECONDS));
        let client = RpcClient::open(url, settings.nodes.proxy.as_ref())?;
        let text = client.get(MAX_RATES_BYTES).await?;
        let observed = (shop_context::now(), rates.hours * 60);
        let new =
            new_rates(&text, price_in, observed, RateSource::Url).with_context(|| client.node())?;
        self.next_fetch = now + pause;
        Ok(Some(new))
    }
}
