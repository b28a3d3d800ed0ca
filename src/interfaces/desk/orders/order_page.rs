//! The page of an order.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, web};
use askama::Template;

use crate::actions;
use crate::actions::SentMessage;
use crate::domain::orders::{Order, OrderLine, OrderRef, Status};
use crate::domain::payment::{Coin, Tolerance};
use crate::domain::values::{Amount, Timestamp};
use crate::infra::store;
use crate::infra::store::messages::{MessageKind, MessageSummary};
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::orders::message_view::MessageView;
use crate::interfaces::desk::orders::step_forms::{Refusal, StepForm, Subject, step_forms};
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::{hex, query_field, random_bytes};

/// Units: entries of the history, unless all are asked for. A buyer may write 200 messages.
const MAX_HISTORY: i64 = 30;

const NOTICES: [(&str, &str); 7] = [
    ("answered", "Your answer was sent to the order's page."),
    ("paid", "Marked as paid."),
    (
        "oversold",
        "The payment was recorded, but other payments came first and the items are sold out. Add stock and mark it as paid again, \
         or refund it.",
    ),
    ("partial", "The received amount was recorded."),
    ("shipped", "Marked as shipped."),
    ("cancel", "The order was cancelled."),
    ("refunded", "Marked as refunded."),
];

#[derive(Template)]
#[template(path = "desk/orders/order.html")]
struct OrderPage<'a> {
    layout: DeskLayout<'a>,
    order_ref: &'a str,
    state: &'static str,
    title: &'static str,
    /// Empty: there is nothing to say about its items.
    reservation: &'static str,
    is_delivered: bool,
    placed: String,
    erased_on: Option<String>,
    refusal: &'a Refusal,
    step_forms: Vec<StepForm<'a>>,
    /// Whether the buyer can read an answer.
    has_buyer_key: bool,
    answer_key: String,
    lines: &'a [OrderLine],
    adjustments: Vec<Adjustment>,
    total: Amount,
    currency: &'a str,
    payment: PaymentView<'a>,
    /// The message about the order, with its address.
    message: MessageView,
    history: Vec<HistoryEntry>,
    has_earlier: bool,
    /// Whether the history explains how to decrypt messages, because the first message does not.
    explains_decryption: bool,
}

/// A discount, or the shipping cost.
struct Adjustment {
    label: String,
    sign: &'static str,
    amount: Amount,
}

struct PaymentView<'a> {
    amount: Amount,
    /// The part of the amount that identifies the payment.
    tag: Option<Amount>,
    received: Option<Amount>,
    node: Option<NodeView>,
    due: Option<Amount>,
    excess: Option<Amount>,
    coin: String,
    address: &'a str,
    until: Option<String>,
    transaction: Option<&'a str>,
}

/// What the seller's node has seen.
struct NodeView {
    seen: Amount,
    settled: Amount,
    depth: Option<String>,
    block: Option<String>,
    is_moved: bool,
    node_unreliable: bool,
}

struct HistoryEntry {
    day: Timestamp,
    title: &'static str,
    note: &'static str,
    /// Of a question.
    message: Option<MessageView>,
}

pub async fn show(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
    order_ref: web::Path<String>,
) -> DeskResult {
    let order = find(&desk, &seller, &order_ref).await?;
    show_order(&request, &desk, &seller, &order, StatusCode::OK, &Refusal::default()).await
}

#[derive(Template)]
#[template(path = "desk/orders/not_found.html")]
struct OrderNotFoundPage<'a> {
    layout: DeskLayout<'a>,
    title: &'a str,
    text: &'a str,
}

/// # Errors
/// The page that says why there is no such order.
pub async fn find(desk: &Desk, seller: &Seller, order_ref: &str) -> Result<Order, DeskError> {
    let mut db = desk.shop.db.reader().await?;
    let (status, title, text) = match OrderRef::parse(order_ref) {
        Err(_) => (
            StatusCode::NOT_FOUND,
            "Order not found",
            "An order number is 10 letters and digits, for example K3QF0W2ZD7.",
        ),
        Ok(order_ref) => {
            if let Some(order) = store::orders::find(&mut db, &order_ref).await? {
                return Ok(order);
            }
            if store::retention::is_stripped(&mut db, &order_ref).await? {
                (
                    StatusCode::GONE,
                    "This order was deleted",
                    "It was finished and its retention period is over. Only its messages are left; they are deleted next.",
                )
            } else {
                (
                    StatusCode::NOT_FOUND,
                    "Order not found",
                    "It never existed or was deleted: the shop keeps no record of deleted orders.",
                )
            }
        }
    };
    let layout = DeskLayout::new(seller, "/orders");
    Err(DeskError::Page(status, OrderNotFoundPage { layout, title, text }.render()?))
}

pub async fn show_order(
    request: &HttpRequest,
    desk: &Desk,
    seller: &Seller,
    order: &Order,
    status: StatusCode,
    refusal: &Refusal,
) -> DeskResult {
    let mut db = desk.shop.db.reader().await?;
    let order_ref = &order.order_ref;
    let invoice = &order.invoice;
    let most = if query_field(request, "all").is_empty() { MAX_HISTORY } else { i64::MAX - 1 };
    let mut summaries = store::messages::list_summaries(&mut db, order_ref, most + 1).await?;
    let has_earlier = most < i64::try_from(summaries.len()).unwrap_or(i64::MAX);
    summaries.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    summaries.reverse();
    let watch = match &invoice.observation {
        Some(_) => store::watch::find(&mut db, &invoice.coin.network()).await?,
        None => None,
    };
    let has_buyer_key = store::orders::has_buyer_key(&mut db, order_ref).await?;
    drop(db);
    // Message 0 is the one about the order itself.
    let numbers: Vec<i64> =
        summaries.iter().filter_map(|summary| summary.outbox_number).chain([0]).collect();
    let mut messages = actions::load_sent_messages(&desk.shop, order_ref, &numbers).await?;
    let message = MessageView::new(messages.remove(&0));
    let history: Vec<HistoryEntry> = summaries
        .iter()
        .map(|summary| {
            let message = summary.outbox_number.and_then(|number| messages.remove(&number));
            history_entry(summary, message)
        })
        .collect();
    let is_encrypted = |message: &MessageView| matches!(message, MessageView::Encrypted(_));
    let random_bytes = random_bytes::<32>();
    let template = OrderPage {
        layout: DeskLayout::new(seller, "/orders").with_notice(request, &NOTICES),
        order_ref: order_ref.as_str(),
        state: order.status.as_str(),
        title: order.status.for_seller(),
        reservation: if order.is_delivered || order.status.is_finished() {
            ""
        } else {
            order.reservation.for_seller()
        },
        is_delivered: order.is_delivered,
        placed: order.placed_at.day(),
        erased_on: order.erased_after(desk.shop.policy.keep_days).map(Timestamp::day),
        step_forms: step_forms(order, &random_bytes, refusal),
        refusal,
        has_buyer_key,
        answer_key: hex(&random_bytes),
        lines: &order.lines,
        adjustments: adjustments(order),
        total: invoice.total,
        currency: invoice.currency.as_str(),
        payment: payment_view(
            order,
            watch.and_then(|watch| watch.head),
            desk.shop.policy.tolerance,
        ),
        explains_decryption: !is_encrypted(&message)
            && history.iter().filter_map(|entry| entry.message.as_ref()).any(is_encrypted),
        message,
        history,
        has_earlier,
    };
    page(status, &template)
}

fn adjustments(order: &Order) -> Vec<Adjustment> {
    let discount = order.discount.as_ref().map(|discount| Adjustment {
        label: format!("Discount (code {})", discount.code),
        sign: "−",
        amount: discount.amount,
    });
    let shipping = order.shipping.as_ref().map(|shipping| Adjustment {
        label: format!("Shipping: {}", shipping.name),
        sign: "",
        amount: shipping.price,
    });
    discount.into_iter().chain(shipping).collect()
}

fn payment_view(order: &Order, head: Option<i64>, tolerance: Tolerance) -> PaymentView<'_> {
    let invoice = &order.invoice;
    let positive = |amount: Amount| (Amount::ZERO < amount).then_some(amount);
    // For other states the time is not stored.
    let has_deadline = matches!(
        order.status,
        Status::Awaiting
            | Status::Reported
            | Status::Partial
            | Status::Unconfirmed
            | Status::Expired
    );
    PaymentView {
        amount: invoice.amount,
        tag: positive(invoice.tag()),
        received: positive(invoice.received),
        node: invoice.observation.map(|observation| NodeView {
            seen: observation.seen,
            settled: observation.settled,
            depth: order.confirmations(),
            block: block(order, head),
            is_moved: observation.is_moved,
            node_unreliable: invoice.node_unreliable,
        }),
        due: positive(order.due(tolerance)),
        excess: positive(order.excess()),
        coin: coin(&invoice.coin),
        address: invoice.address.as_str(),
        until: has_deadline.then(|| invoice.until.for_people()),
        transaction: order.transaction.as_ref().map(|id| id.as_str()),
    }
}

/// The block of the latest part of the payment, as far as it is known. It is computed from the newest block of the chain
/// (`head`) and the number of confirmations, which is not counted on once all is confirmed.
fn block(order: &Order, head: Option<i64>) -> Option<String> {
    let observation = order.invoice.observation?;
    if observation.seen == Amount::ZERO {
        return None;
    }
    if order.is_accepted_unconfirmed() {
        let text =
            "accepted at 0 confirmations: not in a block yet, a double spend can take it back";
        return Some(text.to_owned());
    }
    if observation.seen <= observation.settled {
        return Some("confirmed".to_owned());
    }
    if observation.confirmations == 0 {
        return Some("not in a block yet".to_owned());
    }
    let block = head? - i64::from(observation.confirmations) + 1;
    (0 <= block).then(|| format!("in block {block}"))
}

fn coin(coin: &Coin) -> String {
    match coin {
        Coin::BitcoinLike(_) | Coin::Monero => coin.name(),
        Coin::Ether { chain } => format!("native coin of chain {chain}"),
        Coin::Token { chain, .. } => format!("token on chain {chain}"),
    }
}

fn history_entry(summary: &MessageSummary, message: Option<SentMessage>) -> HistoryEntry {
    let is_question = summary.kind == MessageKind::Question;
    let (title, note) = match (summary.kind, summary.status) {
        (MessageKind::Question, _) => ("Message from the buyer", ""),
        (MessageKind::Answer, _) => ("Your answer", "Only the buyer can read it."),
        (_, Some(status)) if summary.has_text => {
            (status.for_seller(), "With a message that only the buyer can read.")
        }
        (_, Some(status)) => (status.for_seller(), ""),
        (_, None) => ("", ""),
    };
    let message = is_question.then(|| MessageView::new(message));
    HistoryEntry { day: summary.day, title, note, message }
}
