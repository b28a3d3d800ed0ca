use crate::actions;
use crate::actions::OrderChange;
use crate::actions::Shop;
use crate::cli::open;
use crate::cli::say;
use crate::config::Settings;
use crate::mail::OrderMessage;
use crate::orders::Delivery;
use crate::orders::Order;
use crate::orders::OrderRef;
use crate::orders::Status;
use crate::store;
use crate::store::orders::OrderSummary;
use crate::values::Gwei;
use crate::values::Line;
use crate::values::Paragraph;
use anyhow::Context;
use clap::Args;
use clap::Subcommand;
use std::process::ExitCode;

#[derive(Args)]
pub struct Orders {
    #[command(subcommand)]
    deed: Option<Deed>,
    /// As JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Deed {
    /// One order, whole
    Show { order_ref: String },
    /// It was paid in full
    Paid { order_ref: String },
    /// So much has arrived in all, in coins
    Partial { order_ref: String, amount: String },
    /// It is on its way
    Shipped { order_ref: String, tracking: Vec<String> },
    /// It will not be sent
    Cancel { order_ref: String, reason: Vec<String> },
    /// The money went back
    Refunded { order_ref: String, txid: Option<String> },
    /// A note of your own, which no buyer sees
    Note { order_ref: String, text: Vec<String> },
}

/// Units: characters of a word to the buyer.
const MOST_WORDS: usize = 300;

pub async fn run(orders: Orders, settings: Settings) -> anyhow::Result<ExitCode> {
    let shop = open::shop(&settings).await?;
    match orders.deed {
        None => list(&shop, orders.json).await?,
        Some(Deed::Show { order_ref }) => show(&shop, &order_ref, orders.json).await?,
        Some(Deed::Paid { order_ref }) => {
            change(&shop, &order_ref, OrderChange::Paid, orders.json).await?
        }
        Some(Deed::Partial { order_ref, amount }) => {
            let sum = Gwei::parse_coins(&amount).with_context(|| format!("{amount:?}"))?;
            change(&shop, &order_ref, OrderChange::Partial(sum), orders.json).await?;
        }
        Some(Deed::Shipped { order_ref, tracking }) => {
            change(
                &shop,
                &order_ref,
                OrderChange::Shipped(words("tracking", &tracking)?),
                orders.json,
            )
            .await?;
        }
        Some(Deed::Cancel { order_ref, reason }) => {
            change(
                &shop,
                &order_ref,
                OrderChange::Cancelled(words("reason", &reason)?),
                orders.json,
            )
            .await?;
        }
        Some(Deed::Refunded { order_ref, txid }) => {
            let txid: Vec<String> = txid.into_iter().collect();
            change(
                &shop,
                &order_ref,
                OrderChange::Refunded(words("transaction", &txid)?),
                orders.json,
            )
            .await?;
        }
        Some(Deed::Note { order_ref, text }) => note(&shop, &order_ref, &text.join(" ")).await?,
    }
    shop.db.close().await;
    Ok(ExitCode::SUCCESS)
}

fn words(what: &str, given: &[String]) -> anyhow::Result<Line> {
    Line::parse(&given.join(" "), MOST_WORDS).with_context(|| format!("the {what} cannot be shown"))
}

async fn list(shop: &Shop, as_json: bool) -> anyhow::Result<()> {
    let orders = store::orders::list(&shop.db).await?;
    if as_json {
        let rows: Vec<serde_json::Value> = orders.iter().map(summary_json).collect();
        say(&serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    if orders.is_empty() {
        say("There are no orders yet.");
        return Ok(());
    }
    say(&format!(
        "{:<10}  {:<11}  {:<29}  {:>6}  {:>22}",
        "ORDER", "STATE", "PLACED", "PIECES", "AMOUNT"
    ));
    for order in orders {
        let status = status_now(order.status, order.until);
        let amount = format!("{} {}", order.amount, order.currency);
        let placed = order.placed_at.for_people();
        say(&format!(
            "{:<10}  {status:<11}  {placed:<29}  {:>6}  {amount:>22}",
            order.order_ref, order.n_pieces
        ));
    }
    Ok(())
}

/// An order whose time has run out is shown as expired, also where no shop is open that would write it down.
fn status_now(status: Status, until: crate::values::Moment) -> Status {
    if status == Status::Awaiting && until <= open::now() { Status::Expired } else { status }
}

fn summary_json(order: &OrderSummary) -> serde_json::Value {
    serde_json::json!({
        "ref": order.order_ref.as_str(),
        "state": status_now(order.status, order.until).as_str(),
        "placed": order.placed_at.rfc_3339(),
        "until": order.until.rfc_3339(),
        "pieces": order.n_pieces,
        "amount": order.amount.to_string(),
        "received": order.received.to_string(),
        "currency": order.currency,
    })
}

async fn find(shop: &Shop, order_ref: &str) -> anyhow::Result<Order> {
    let order_ref = OrderRef::parse(order_ref)?;
    store::orders::find(&shop.db, &order_ref)
        .await?
        .context("there is no order with this reference")
}

async fn show(shop: &Shop, order_ref: &str, as_json: bool) -> anyhow::Result<()> {
    let order = find(shop, order_ref).await?;
    let status = order.status_at(open::now());
    if as_json {
        say(&serde_json::to_string_pretty(&order_json(&order, status))?);
        return Ok(());
    }
    let message = OrderMessage {
        order: &order,
        status,
        number: 0,
        at: order.placed_at,
        is_new: true,
        site_name: &shop.terms.site_name,
        seller: &shop.terms.seller,
        keep_days: shop.terms.keep_days,
    };
    say(&message.text()?);
    if !order.word.is_empty() {
        say(&format!("YOUR WORD TO THE BUYER\n  {}", order.word.as_str()));
    }
    if !order.seller_note.is_empty() {
        say(&format!("YOUR NOTE\n  {}", order.seller_note.as_str()));
    }
    if let Some(day) = order.erased_after(shop.terms.keep_days) {
        say(&format!("It is erased after {}.", day.for_people()));
    }
    Ok(())
}

fn order_json(order: &Order, status: Status) -> serde_json::Value {
    let lines = order.lines.iter().map(|line| {
        serde_json::json!({
            "name": line.name, "option": line.option_name, "quantity": line.quantity.get(),
            "price": line.price.to_string(), "sum": line.sum.to_string(),
        })
    });
    let delivery = match &order.delivery {
        Delivery::Plain(address) => serde_json::json!({
            "recipient": address.recipient.as_str(), "street": address.street.as_str(), "city": address.city.as_str(),
            "province": address.province.as_str(), "country": address.country.as_str(), "postcode": address.postcode.as_str(),
        }),
        Delivery::Sealed { block, country } => {
            serde_json::json!({ "pgp": block.as_str(), "country": country.as_str() })
        }
    };
    serde_json::json!({
        "ref": order.order_ref.as_str(),
        "state": status.as_str(),
        "placed": order.placed_at.rfc_3339(),
        "until": order.invoice.until.rfc_3339(),
        "lines": lines.collect::<Vec<_>>(),
        "shipping": order.sending.as_ref().map(|sending| serde_json::json!({ "name": sending.name, "price": sending.price.to_string() })),
        "discount": order.discount.as_ref().map(|discount| serde_json::json!({ "code": discount.code, "percent": discount.percent, "less": discount.less.to_string() })),
        "total": order.invoice.total.to_string(),
        "amount": order.invoice.amount.to_string(),
        "received": order.invoice.received.to_string(),
        "due": order.due().to_string(),
        "currency": order.invoice.currency.as_str(),
        "address": order.invoice.address.as_str(),
        "transaction": order.transaction.as_ref().map(|id| id.as_str()),
        "refund": order.refund.as_ref().map(|address| address.as_str()),
        "delivery": delivery,
        "email": order.email.as_str(),
        "note": order.note.as_str(),
        "word": order.word.as_str(),
        "seller_note": order.seller_note.as_str(),
    })
}

async fn change(
    shop: &Shop,
    order_ref: &str,
    change: OrderChange,
    as_json: bool,
) -> anyhow::Result<()> {
    let order_ref = OrderRef::parse(order_ref)?;
    let status = actions::change_order(shop, &order_ref, change, open::now()).await??;
    if as_json {
        say(&serde_json::json!({ "ref": order_ref.as_str(), "state": status.as_str() }).to_string());
        return Ok(());
    }
    say(&format!("{order_ref} is now {status}."));
    if status == Status::Late {
        say(
            "Its time had run out and its things went back on the shelf. Say `paid` again to take them and send it, or `refunded`.",
        );
    }
    Ok(())
}

async fn note(shop: &Shop, order_ref: &str, text: &str) -> anyhow::Result<()> {
    let order_ref = OrderRef::parse(order_ref)?;
    let text = Paragraph::parse(text, 2_000).context("the note")?;
    let mut tx = shop.db.write().await?;
    anyhow::ensure!(
        store::orders::mark_note(&mut tx, &order_ref, &text).await?,
        "there is no order with this reference"
    );
    tx.commit().await?;
    say(&format!("Noted with {order_ref}."));
    Ok(())
}
