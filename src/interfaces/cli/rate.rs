//! `shop rate`: lists, sets and removes exchange rates.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::actions;
use crate::actions::{NewRates, Shop};
use crate::domain::catalog::{CoinValue, ExchangeRate, RateSource, RateValidity};
use crate::domain::values::{Currency, FiatCurrency, Timestamp};
use crate::infra::config::Settings;
use crate::interfaces::cli::exchange_rate_source;
use crate::interfaces::cli::output::{say, say_json};
use crate::interfaces::cli::shop_context;

#[derive(Args)]
pub struct RateArgs {
    /// Currency of the coin, for example ETH
    #[arg(requires = "change")]
    currency: Option<String>,
    /// What one coin is worth in PRICE_IN, for example 2650.50
    #[arg(group = "change")]
    rate: Option<String>,
    /// How long the rate is valid: 30m, 24h or 7d [default: 24h; of a file: RATES_HOURS]
    #[arg(long, value_name = "TIME")]
    valid: Option<String>,
    /// Set the rates in this file [default: RATES_FILE]
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with_all = ["currency", "rate"])]
    file: Option<Option<PathBuf>>,
    /// Remove the rate of the coin
    #[arg(long, group = "change", conflicts_with_all = ["rate", "valid"])]
    remove: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Units: minutes.
const VALID: i64 = 24 * 60;

pub async fn run(command: RateArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    let shop = shop_context::shop(&settings).await?;
    let result = change_or_list(&command, &shop, &settings).await;
    shop.db.close().await;
    result.map(|()| ExitCode::SUCCESS)
}

async fn change_or_list(
    command: &RateArgs,
    shop: &Shop,
    settings: &Settings,
) -> anyhow::Result<()> {
    let now = shop_context::now();
    let valid = command
        .valid
        .as_deref()
        .map(|text| RateValidity::parse(text).with_context(|| format!("--valid {text}")));
    let valid = valid.transpose()?.map(RateValidity::minutes);
    if let Some(file) = &command.file {
        let file = file.as_ref().or(settings.rates.file.as_ref());
        let file = file.context("name a file, or set RATES_FILE")?;
        let price_in = reference(settings)?;
        let minutes = valid.unwrap_or(settings.rates.hours * 60);
        let new = exchange_rate_source::read_file(file, price_in, minutes)?;
        actions::set_exchange_rates(shop, new, None).await?;
    } else if let Some(name) = &command.currency {
        let currency = Currency::parse(name).with_context(|| format!("found {name:?}"))?;
        if command.remove {
            let was_there = actions::remove_exchange_rate(shop, &currency, now).await?;
            anyhow::ensure!(was_there, "{currency} has no rate");
        } else if let Some(rate) = &command.rate {
            let value = CoinValue::parse(rate).with_context(|| format!("found {rate:?}"))?;
            let valid_until = now.plus_minutes(valid.unwrap_or(VALID));
            let (values, source) = (vec![(currency, value)], RateSource::Seller);
            let new = NewRates { values, at: now, valid_until, source };
            actions::set_exchange_rates(shop, new, None).await?;
        }
    } else {
        anyhow::ensure!(valid.is_none(), "--valid needs a coin and its rate, or --file");
    }
    list(shop, settings.rates.price_in, now, command.json).await
}

fn reference(settings: &Settings) -> Result<FiatCurrency, actions::RateRefusal> {
    settings.rates.price_in.ok_or(actions::RateRefusal::NoReference)
}

async fn list(
    shop: &Shop,
    price_in: Option<FiatCurrency>,
    now: Timestamp,
    as_json: bool,
) -> anyhow::Result<()> {
    let rates = actions::list_exchange_rates(shop).await?;
    let counts = |rate: &ExchangeRate| Some(rate.price_in) == price_in && rate.is_valid(now);
    if as_json {
        let rows = rates.iter().map(|rate| {
            serde_json::json!({
                "currency": rate.currency.as_str(),
                "rate": rate.value.to_string(),
                "price_in": rate.price_in.as_str(),
                "at": rate.at.rfc_3339(),
                "valid_until": rate.valid_until.rfc_3339(),
                "source": rate.source.as_str(),
                "is_valid": counts(rate),
            })
        });
        return say_json(&rows.collect::<Vec<_>>());
    }
    if rates.is_empty() {
        say(match price_in {
            Some(_) => "No exchange rates. Set one with `shop rate ETH 2650 --valid 24h`.",
            None => "No exchange rates. Set PRICE_IN first, for example PRICE_IN=EUR.",
        });
    }
    for rate in &rates {
        let state = match Some(rate.price_in) == price_in {
            false if rate.is_valid(now) => "not used: PRICE_IN differs".to_owned(),
            _ if rate.is_valid(now) => format!("valid until {}", rate.valid_until.for_people()),
            _ => format!("outdated since {}", rate.valid_until.for_people()),
        };
        say(&format!(
            "1 {} = {} {}, {} ({}, {})",
            rate.currency,
            rate.value,
            rate.price_in,
            state,
            rate.at.for_people(),
            rate.source.as_str()
        ));
    }
    Ok(())
}
