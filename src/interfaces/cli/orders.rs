//! `shop orders`: shows and changes orders.

use std::io::Read;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::actions;
use crate::actions::{OrderChange, Shop};
use crate::domain::orders::{MAX_ARGUMENT, Order, OrderRef, Refund, Status};
use crate::domain::payment::Tolerance;
use crate::domain::values::{Amount, Line, plural};
use crate::infra::config::Settings;
use crate::infra::mail::{MessageId, Reply};
use crate::infra::store::messages::{MessageKind, SealedMessage};
use crate::infra::{bounded, mail, store};
use crate::interfaces::cli::order_digest::DigestArgs;
use crate::interfaces::cli::order_list::{ExportArgs, ListArgs};
use crate::interfaces::cli::output::{say, say_json};
use crate::interfaces::cli::unpaid_orders::UnpaidArgs;
use crate::interfaces::cli::{order_digest, order_list, shop_context, unpaid_orders};

#[derive(Args)]
pub struct OrdersArgs {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    listing: ListArgs,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Args)]
struct OrderArgument {
    /// Order number, or `-`: the one in the order's message on standard input
    #[arg(value_name = "REF")]
    order_ref: String,
}

#[derive(Subcommand)]
enum Action {
    /// Show one order
    Show(OrderArgument),
    /// Mark as paid in full
    Paid(OrderArgument),
    /// Record the total received so far, in coins, if it differs from the amount due
    Partial {
        #[command(flatten)]
        order: OrderArgument,
        /// Total received so far, in coins, for example 0.05
        amount: String,
    },
    /// Mark as shipped
    Shipped {
        #[command(flatten)]
        order: OrderArgument,
        /// Tracking number, shown to the buyer
        tracking: Vec<String>,
    },
    /// Cancel the order, or with --unpaid all orders that are neither paid nor reported as paid
    Cancel {
        /// Order number, or `-`: the one in the order's message on standard input
        #[arg(value_name = "REF", required_unless_present = "unpaid")]
        order_ref: Option<String>,
        /// Reason, shown to the buyer
        reason: Vec<String>,
        #[command(flatten)]
        unpaid: UnpaidArgs,
    },
    /// Mark as refunded
    Refunded {
        #[command(flatten)]
        order: OrderArgument,
        /// Transaction of the refund
        txid: Option<String>,
        /// Record the refund even if the shop has seen no payment
        #[arg(long)]
        anyway: bool,
    },
    /// Let the buyer download the order's files again, as often and as long as at first
    Downloads(OrderArgument),
    /// Post a message on the order's page; without TEXT it is read from standard input
    Note {
        #[command(flatten)]
        order: OrderArgument,
        /// Your message [default: standard input]
        text: Vec<String>,
    },
    /// Export orders for your accounting, without buyers' data
    Export(ExportArgs),
    /// Summarize what needs your attention; prints nothing if nothing does
    Digest(DigestArgs),
}

/// Units: bytes of a message's head, which contains the order's reference.
const LONGEST_HEAD: u64 = 65_536;

pub async fn run(orders: OrdersArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        orders.action.is_none() || orders.listing == ListArgs::default(),
        "filters of an export come after `export`: `shop orders export --since …`"
    );
    let shop = shop_context::shop(&settings).await?;
    let as_json = orders.json;
    let mut code = ExitCode::SUCCESS;
    match orders.action {
        None => order_list::list(&shop, &orders.listing, as_json).await?,
        Some(Action::Export(export)) => order_list::export(&shop, &export, as_json).await?,
        Some(Action::Digest(digest)) => order_digest::run(&shop, &digest, as_json).await?,
        Some(Action::Show(order)) => show(&shop, &order.read()?, as_json).await?,
        Some(Action::Paid(order)) => {
            change(&shop, &order.read()?, OrderChange::Paid, as_json).await?;
        }
        Some(Action::Partial { order, amount }) => {
            let sum = Amount::parse_coins(&amount).with_context(|| format!("{amount:?}"))?;
            change(&shop, &order.read()?, OrderChange::Partial(sum), as_json).await?;
        }
        Some(Action::Shipped { order, tracking }) => {
            let shipped = OrderChange::Shipped(parse_line("tracking", &tracking)?);
            change(&shop, &order.read()?, shipped, as_json).await?;
        }
        Some(Action::Cancel { unpaid, .. }) if unpaid.is_on => {
            code = unpaid_orders::cancel(&shop, &unpaid, as_json).await?;
        }
        Some(Action::Cancel { order_ref, reason, .. }) => {
            let order = OrderArgument { order_ref: order_ref.unwrap_or_default() };
            let cancelled = OrderChange::Cancelled(parse_line("reason", &reason)?);
            change(&shop, &order.read()?, cancelled, as_json).await?;
        }
        Some(Action::Refunded { order, txid, anyway }) => {
            let mut refund = Refund::parse(&txid.unwrap_or_default())?;
            refund.anyway |= anyway;
            change(&shop, &order.read()?, OrderChange::Refunded(refund), as_json).await?;
        }
        Some(Action::Downloads(order)) => renew_downloads(&shop, &order.read()?).await?,
        Some(Action::Note { order, text }) => {
            anyhow::ensure!(
                order.order_ref != "-" || !text.is_empty(),
                "if the order is read from standard input, give the text as an argument: note - TEXT"
            );
            note(&shop, &order.read()?, &text.join(" ")).await?;
        }
    }
    shop.db.close().await;
    Ok(code)
}

impl OrderArgument {
    /// The order's reference; for `-` that of the message on standard input, as with mutt's `|`. The head of an encrypted
    /// message is not encrypted.
    fn read(self) -> anyhow::Result<String> {
        if self.order_ref != "-" {
            return Ok(self.order_ref);
        }
        let mut head = Vec::new();
        std::io::stdin()
            .take(LONGEST_HEAD)
            .read_to_end(&mut head)
            .context("read the message on standard input")?;
        let head = String::from_utf8_lossy(&head);
        let order_ref = head.lines().take_while(|line| !line.is_empty()).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("X-Shop-Order").then(|| value.trim().to_owned())
        });
        order_ref.context("standard input is not a message of this shop: it has no order number")
    }
}

fn parse_line(name: &str, words: &[String]) -> anyhow::Result<Line> {
    Line::parse(&words.join(" "), MAX_ARGUMENT)
        .with_context(|| format!("the {name} cannot be shown"))
}

async fn renew_downloads(shop: &Shop, order_ref: &str) -> anyhow::Result<()> {
    let order_ref = OrderRef::parse(order_ref)?;
    let n_files = actions::renew_downloads(shop, &order_ref, shop_context::now()).await?;
    match n_files.context("order not found")? {
        0 => anyhow::bail!("the order has delivered no files"),
        n => say(&format!("{} can be downloaded again.", plural(n, "file", "files"))),
    }
    Ok(())
}

async fn find(shop: &Shop, order_ref: &str) -> anyhow::Result<Order> {
    let order_ref = OrderRef::parse(order_ref)?;
    store::orders::find(&mut *shop.db.reader().await?, &order_ref).await?.context("order not found")
}

async fn show(shop: &Shop, order_ref: &str, as_json: bool) -> anyhow::Result<()> {
    let order = find(shop, order_ref).await?;
    let status = order.status_at(shop_context::trusted());
    let tolerance = shop.policy.tolerance;
    if as_json {
        return say_json(&order_json(&order, status, tolerance));
    }
    say(&format!("Order {}, placed {}, is {status}.", order.order_ref, order.placed_at.day()));
    if order.is_delivered {
        say("It was delivered on the order's page: nothing is left to do.");
    }
    say("");
    for line in mail::bill(&order) {
        say(&line);
    }
    let invoice = &order.invoice;
    say("");
    say(&format!("  amount    {} {}", invoice.amount, invoice.currency));
    if Amount::ZERO < invoice.received {
        say(&format!("  received  {} {}, confirmed by you", invoice.received, invoice.currency));
    } else if invoice.observation.is_none() {
        say("  received  nothing recorded");
    }
    for line in observation_lines(&order) {
        say(&format!("  {line}"));
    }
    if order.status == Status::Overpaid {
        say(&format!("  overpaid  {} {}", order.excess(), invoice.currency));
    }
    say(&format!("  address   {}", invoice.address.as_str()));
    if status.may_be_underpaid() && Amount::ZERO < order.due(tolerance) && !order.is_reversed() {
        say(&format!("  remaining {} {}", order.due(tolerance), invoice.currency));
    }
    if status == Status::Awaiting {
        say(&format!("  expires   {}", invoice.until.for_people()));
    }
    if !status.is_finished() && !order.reservation.for_seller().is_empty() {
        say(&format!("  stock     {}", order.reservation.for_seller()));
    }
    if let Some(id) = &order.transaction {
        say(&format!("  tx id     {} (reported by the buyer)", id.as_str()));
    }
    say("");
    let steps =
        store::messages::list_steps(&mut *shop.db.reader().await?, &order.order_ref).await?;
    for step in steps {
        say(&format!("  {}  {}", step.day.short_day(), step_text(&step)));
    }
    say("The address and messages are only in your mailbox, in the thread of this order.");
    if let Some(day) = order.erased_after(shop.policy.keep_days) {
        say(&format!("It is deleted after {}.", day.for_people()));
    }
    Ok(())
}

/// What the seller's node observed.
fn observation_lines(order: &Order) -> Vec<String> {
    let Some(observation) = &order.invoice.observation else { return Vec::new() };
    let currency = &order.invoice.currency;
    let mut lines = vec![format!("detected  {} {currency}, by your node", observation.seen)];
    if Amount::ZERO < observation.settled && observation.settled < observation.seen {
        lines.push(format!("          ({} confirmed)", observation.settled));
    }
    if let Some(depth) = order.confirmations() {
        lines.push(format!("          ({depth} confirmations)"));
    }
    if order.is_accepted_unconfirmed() {
        lines.push(
            "          (accepted at 0 confirmations: a double spend can take it back)".to_owned(),
        );
    }
    if observation.is_moved {
        lines.push(
            "          (funds left the address before they were confirmed: check your wallet)"
                .to_owned(),
        );
    }
    lines
}

fn order_json(order: &Order, status: Status, tolerance: Tolerance) -> serde_json::Value {
    let lines = order.lines.iter().map(|line| {
        serde_json::json!({
            "name": line.name, "kind": line.kind.as_str(), "option": line.option_name, "quantity": line.quantity.get(),
            "price": line.price.to_string(), "sum": line.sum.to_string(),
        })
    });
    let observation = order.invoice.observation;
    serde_json::json!({
        "ref": order.order_ref.as_str(),
        "state": status.as_str(),
        "placed": order.placed_at.short_day(),
        "until": order.invoice.until.rfc_3339(),
        "lines": lines.collect::<Vec<_>>(),
        "shipping": order.shipping.as_ref().map(|shipping| serde_json::json!({ "name": shipping.name, "price": shipping.price.to_string() })),
        "discount": order.discount.as_ref().map(|discount| serde_json::json!({ "code": discount.code, "percent": discount.percent, "less": discount.amount.to_string() })),
        "total": order.invoice.total.to_string(),
        "amount": order.invoice.amount.to_string(),
        "received": order.invoice.received.to_string(),
        // Null if no node tracks it.
        "seen": observation.map(|observation| observation.seen.to_string()),
        "settled": observation.map(|observation| observation.settled.to_string()),
        "confirmations": observation.map(|observation| observation.confirmations),
        "needed": observation.map(|observation| observation.needed),
        "moved": observation.map(|observation| observation.is_moved),
        "due": order.due(tolerance).to_string(),
        "excess": order.excess().to_string(),
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
    let status = actions::change_order(shop, &order_ref, change, shop_context::now()).await?;
    if as_json {
        say(&serde_json::json!({ "ref": order_ref.as_str(), "state": status.as_str() }).to_string());
        return Ok(());
    }
    say(&format!("{order_ref} is now {status}."));
    if status == Status::Late {
        say(
            "It had expired and its items are back in stock. Use `paid` again to accept it, or `refunded`.",
        );
    }
    if status == Status::Oversold {
        say(
            "Its items are sold out: other payments came first. Add stock and use `paid` again, or `refunded`.",
        );
    }
    Ok(())
}

/// Posts a message on the order's page: `text`, or standard input if it is empty.
async fn note(shop: &Shop, order_ref: &str, text: &str) -> anyhow::Result<()> {
    let order_ref = OrderRef::parse(order_ref)?;
    let text = if text.is_empty() { read_text()? } else { text.to_owned() };
    let text = mail::reply::parse_text(&text)?;
    anyhow::ensure!(
        !text.is_empty(),
        "the text is empty: give it as an argument or on standard input"
    );
    let reply = Reply {
        order_refs: vec![order_ref.clone()],
        message_id: MessageId(shop_context::random_bytes()),
        is_named: true,
        command: None,
        text: Some(text),
    };
    actions::apply_reply(shop, &reply, shop_context::now()).await?;
    say(&format!("The buyer of {order_ref} can now read it on the order's page."));
    Ok(())
}

/// Units: bytes of a message on standard input.
const MAX_TEXT: u64 = 64 << 10;

fn read_text() -> anyhow::Result<String> {
    let bytes = bounded::read_stream(std::io::stdin(), MAX_TEXT)
        .context("read the text from standard input")?;
    String::from_utf8(bytes).context("the text is not UTF-8")
}

fn step_text(step: &SealedMessage) -> String {
    match (step.kind, step.status) {
        (MessageKind::Question, _) => "message from the buyer".to_owned(),
        (MessageKind::Answer, _) => "your answer".to_owned(),
        (_, Some(status)) => status.to_string(),
        (_, None) => String::new(),
    }
}
