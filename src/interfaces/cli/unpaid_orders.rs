//! `shop orders cancel --unpaid`: cancels all orders that nobody has paid for.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::actions;
use crate::actions::{Shop, UnpaidCancellation};
use crate::domain::catalog::Slug;
use crate::domain::orders::{MAX_ARGUMENT, OrderRef};
use crate::domain::values::{Age, Line, plural};
use crate::infra::store;
use crate::infra::store::unpaid_orders::UnpaidQuery;
use crate::interfaces::cli::output::{ask, say};
use crate::interfaces::cli::shop_context;

#[derive(Args)]
pub struct UnpaidArgs {
    /// Cancel all orders that are neither paid nor reported as paid; says how many, and asks
    #[arg(id = "unpaid", long = "unpaid", conflicts_with_all = ["order_ref", "reason"])]
    pub is_on: bool,
    /// Only those placed at least this long ago: 30m, 2h, 1d
    #[arg(long, value_name = "TIME", requires = "unpaid", conflicts_with = "order_ref", value_parser = Age::parse)]
    older: Option<Age>,
    /// Only those that contain this product
    #[arg(long, value_name = "SLUG", requires = "unpaid", conflicts_with = "order_ref", value_parser = Slug::parse)]
    product: Option<Slug>,
    /// Reason, shown to each buyer
    #[arg(
        id = "to_each",
        long = "reason",
        value_name = "TEXT",
        requires = "unpaid",
        conflicts_with = "order_ref"
    )]
    reason: Option<String>,
    /// Do not ask
    #[arg(id = "yes", long = "yes", requires = "unpaid", conflicts_with = "order_ref")]
    is_sure: bool,
}

/// Shows how many orders match, asks for confirmation, and cancels them.
pub async fn cancel(shop: &Shop, unpaid: &UnpaidArgs, as_json: bool) -> anyhow::Result<ExitCode> {
    let reason = Line::parse(unpaid.reason.as_deref().unwrap_or_default(), MAX_ARGUMENT)
        .context("the reason cannot be shown")?;
    if let Some(slug) = &unpaid.product {
        let product = store::products::find(&mut *shop.db.reader().await?, slug).await?;
        anyhow::ensure!(product.is_some(), "there is no product {slug}");
    }
    actions::expire_orders(shop, shop_context::now()).await?;
    let query = UnpaidQuery {
        placed_by: unpaid.older.map(|age| shop_context::trusted().plus_minutes(-age.minutes())),
        product: unpaid.product.clone(),
        ..UnpaidQuery::default()
    };
    let matching = store::unpaid_orders::list(&mut *shop.db.reader().await?, &query).await?;
    let orders = plural(matching.len(), "unpaid order", "unpaid orders");
    if !unpaid.is_sure
        && !matching.is_empty()
        && let Some(code) = ask(&format!("Cancel {orders}?"), "nothing was cancelled")?
    {
        return Ok(code);
    }
    // Only those that the seller was asked about, not newer ones.
    let order_refs: Vec<OrderRef> = matching.into_iter().map(|order| order.order_ref).collect();
    let how = UnpaidCancellation { reason: &reason, is_at_desk: false, now: shop_context::now() };
    let n_cancelled = actions::cancel_unpaid(shop, &order_refs, &how).await?;
    if as_json {
        say(&serde_json::json!({ "cancelled": n_cancelled }).to_string());
    } else {
        say(&format!("{} cancelled.", plural(n_cancelled, "unpaid order", "unpaid orders")));
    }
    Ok(ExitCode::SUCCESS)
}
