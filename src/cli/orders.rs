use crate::actions;
use crate::actions::OrderChange;
use crate::actions::Shop;
use crate::cli::open;
use crate::cli::say;
use crate::config::Settings;
use crate::mail;
use crate::mail::MessageId;
use crate::mail::Reply;
use crate::orders::Order;
use crate::orders::OrderRef;
use crate::orders::Status;
use crate::store;
use crate::store::orders::OrderSummary;
use crate::store::words::SealedWords;
use crate::store::words::WordsKind;
use crate::values::Gwei;
use crate::values::Line;
use anyhow::Context;
use clap::Args;
use clap::Subcommand;
use std::io::Read;
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
    /// Words for the buyer, on the order's page; without TEXT they are read from standard input
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
    say(&format!("Order {}, placed {}, is {status}.", order.order_ref, order.placed_at.day()));
    say("");
    for line in mail::bill(&order) {
        say(&line);
    }
    let invoice = &order.invoice;
    say("");
    say(&format!("  amount    {} {}", invoice.amount, invoice.currency));
    say(&format!("  received  {} {}", invoice.received, invoice.currency));
    say(&format!("  address   {}", invoice.address.as_str()));
    if status == Status::Awaiting {
        say(&format!("  until     {}", invoice.until.for_people()));
    }
    if let Some(id) = &order.transaction {
        say(&format!("  paid with {} (the buyer's word)", id.as_str()));
    }
    say("");
    for step in store::words::list_steps(&shop.db, &order.order_ref).await? {
        say(&format!("  {}  {}", &step.day.rfc_3339()[..10], step_words(&step)));
    }
    say(
        "Where it goes and what was said stands in your mailbox alone, in the thread of this order.",
    );
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
    serde_json::json!({
        "ref": order.order_ref.as_str(),
        "state": status.as_str(),
        "placed": &order.placed_at.rfc_3339()[..10],
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

/// Words for the order's page: given here, or read from standard input.
async fn note(shop: &Shop, order_ref: &str, text: &str) -> anyhow::Result<()> {
    let order_ref = OrderRef::parse(order_ref)?;
    let text = if text.is_empty() { read_words()? } else { text.to_owned() };
    let words = mail::reply::words(&text)?;
    let reply = Reply {
        order_refs: vec![order_ref.clone()],
        message_id: MessageId(open::chance()),
        command: None,
        words: Some(words),
    };
    actions::post_reply(shop, &reply, open::now()).await??;
    say(&format!("The buyer of {order_ref} can read it on the order's page."));
    Ok(())
}

fn read_words() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin().take(64 * 1024).read_to_string(&mut text).context("read the words")?;
    Ok(text)
}

fn step_words(step: &SealedWords) -> String {
    match (step.kind, step.status) {
        (WordsKind::Question, _) => "the buyer wrote".to_owned(),
        (WordsKind::Answer, _) => "you wrote".to_owned(),
        (_, Some(status)) => status.to_string(),
        (_, None) => String::new(),
    }
}
