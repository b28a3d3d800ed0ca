//! `shop orders` and `shop orders export`.

use std::io;
use std::io::{BufWriter, Write};

use clap::{Args, ValueEnum};

use crate::actions;
use crate::actions::{ExportFormat, Shop};
use crate::domain::orders::Status;
use crate::domain::values::{Currency, Timestamp, escaped};
use crate::infra::store;
use crate::infra::store::order_reports::{Filter, OrderSummary};
use crate::interfaces::cli::output::allow_closed_pipe;
use crate::interfaces::cli::shop_context;

#[derive(Args, Default, PartialEq, Eq)]
pub struct ListArgs {
    /// Only orders with this status; may be given several times
    #[arg(long, value_name = "STATE", value_parser = parse_state)]
    state: Vec<Status>,
    /// Only open orders
    #[arg(long, conflicts_with = "state")]
    open: bool,
    /// Only orders placed on or after this day
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = Timestamp::parse_day)]
    since: Option<Timestamp>,
    /// All orders, not only the newest
    #[arg(long)]
    all: bool,
}

#[derive(Args)]
pub struct ExportArgs {
    /// One line per order for a spreadsheet, or JSON with each item
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Only orders with this status; may be given several times
    #[arg(long, value_name = "STATE", value_parser = parse_state)]
    state: Vec<Status>,
    /// Only orders placed on or after this day
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = Timestamp::parse_day)]
    since: Option<Timestamp>,
    /// Only orders placed on or before this day
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = Timestamp::parse_day)]
    until: Option<Timestamp>,
    /// Only orders in this currency
    #[arg(long, value_name = "CURRENCY", value_parser = parse_currency)]
    coin: Option<Currency>,
    /// Begin the CSV with a byte-order mark, by which spreadsheets recognize UTF-8
    #[arg(long)]
    bom: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Json,
}

/// Units: orders that are listed without `--all`.
const FEW: i64 = 50;
/// Units: orders that are read at a time.
const PAGE: i64 = 1_000;

fn parse_state(text: &str) -> Result<Status, String> {
    Status::parse(text)
        .map_err(|error| format!("{error}; one of {}", Status::ALL.map(Status::as_str).join(", ")))
}

fn parse_currency(text: &str) -> Result<Currency, &'static str> {
    Currency::parse(text).map_err(|_| "a currency, for example ETH")
}

pub async fn list(shop: &Shop, listing: &ListArgs, as_json: bool) -> anyhow::Result<()> {
    // The shop may not be running, and then no other process does this.
    actions::expire_orders(shop, shop_context::now()).await?;
    let states = if listing.open {
        Status::ALL.into_iter().filter(|status| !status.is_finished()).collect()
    } else {
        listing.state.clone()
    };
    let filter = Filter { states, since: listing.since, ..Filter::default() };
    if as_json || listing.all {
        return allow_closed_pipe(list_all(shop, &filter, as_json).await);
    }
    let orders = store::order_reports::list(&mut *shop.db.reader().await?, &filter, FEW).await?;
    let n_orders = store::order_reports::count(&mut *shop.db.reader().await?, &filter).await?;
    let mut out = io::stdout().lock();
    allow_closed_pipe(write_few(&mut out, &orders, n_orders, listing).map_err(Into::into))
}

fn write_few(
    out: &mut impl Write,
    orders: &[OrderSummary],
    n_orders: i64,
    listing: &ListArgs,
) -> io::Result<()> {
    if orders.is_empty() {
        let is_filtered = listing.since.is_some() || !listing.state.is_empty() || listing.open;
        let text = if is_filtered { "No matching orders." } else { "No orders yet." };
        return writeln!(out, "{text}");
    }
    writeln!(out, "{}", heading())?;
    for order in orders {
        writeln!(out, "{}", table_line(order))?;
    }
    let n_more = n_orders - i64::try_from(orders.len()).unwrap_or(i64::MAX);
    if 0 < n_more { writeln!(out, "… and {n_more} more: use --all to show them") } else { Ok(()) }
}

async fn list_all(shop: &Shop, filter: &Filter, as_json: bool) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout());
    let mut array = Array::default();
    let mut last = None;
    if as_json {
        array.open(&mut out)?;
    } else {
        writeln!(out, "{}", heading())?;
    }
    loop {
        let mut page = {
            let mut db = shop.db.reader().await?;
            store::order_reports::list_next(&mut db, filter, last.as_ref(), PAGE).await?
        };
        for order in &page {
            if as_json {
                array.push(&mut out, &summary_json(order))?;
            } else {
                writeln!(out, "{}", table_line(order))?;
            }
        }
        last = page.pop();
        if last.is_none() {
            break;
        }
    }
    if as_json {
        array.close(&mut out)?;
    }
    Ok(out.flush()?)
}

fn heading() -> String {
    format!("{:<10}  {:<11}  {:<10}  {:>6}  {:>26}", "ORDER", "STATUS", "PLACED", "ITEMS", "AMOUNT")
}

/// Units: 69 columns; 76 for the largest sum in the currency of the longest name.
fn table_line(order: &OrderSummary) -> String {
    let amount = format!("{} {}", order.amount, order.currency);
    format!(
        "{:<10}  {:<11}  {:<10}  {:>6}  {amount:>26}",
        order.order_ref,
        order.status,
        order.placed_at.short_day(),
        order.n_items
    )
}

fn summary_json(order: &OrderSummary) -> serde_json::Value {
    serde_json::json!({
        "ref": order.order_ref.as_str(),
        "state": order.status.as_str(),
        "placed": order.placed_at.short_day(),
        "until": order.until.rfc_3339(),
        "pieces": order.n_items,
        "amount": order.amount.to_string(),
        "received": order.received.to_string(),
        // Null if no node tracks it.
        "seen": order.seen.map(|sum| sum.to_string()),
        "settled": order.settled.map(|sum| sum.to_string()),
        "currency": order.currency,
    })
}

pub async fn export(shop: &Shop, export: &ExportArgs, as_json: bool) -> anyhow::Result<()> {
    let format = match export.format {
        Some(Format::Json) => ExportFormat::Json,
        None if as_json => ExportFormat::Json,
        Some(Format::Csv) | None if export.bom => ExportFormat::CsvWithMark,
        Some(Format::Csv) | None => ExportFormat::Csv,
    };
    actions::expire_orders(shop, shop_context::now()).await?;
    let filter = Filter {
        states: export.state.clone(),
        since: export.since,
        before: export.until.map(|day| day.plus_days(1)),
        currency: export.coin.clone(),
        ..Filter::default()
    };
    allow_closed_pipe(write_export(shop, filter, format).await)
}

async fn write_export(shop: &Shop, filter: Filter, format: ExportFormat) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let mut export = actions::OrderExport::new(filter, format);
    while let Some(part) = export.next(shop).await? {
        out.write_all(&part)?;
    }
    Ok(out.flush()?)
}

/// A JSON array that is written row by row.
#[derive(Default)]
struct Array {
    has_rows: bool,
}

impl Array {
    fn open(&mut self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(b"[")
    }

    fn push(&mut self, out: &mut impl Write, row: &serde_json::Value) -> io::Result<()> {
        let before = if self.has_rows { ",\n " } else { "\n " };
        self.has_rows = true;
        write!(out, "{before}{}", escaped(&row.to_string()))
    }

    fn close(&mut self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}]", if self.has_rows { "\n" } else { "" })
    }
}
