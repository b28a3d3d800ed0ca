//! One order's page.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::actions;
use crate::domain::orders::{Order, OrderRef, Status};
use crate::domain::payment::{Coin, Tolerance};
use crate::domain::values::Amount;
use crate::infra::store;
use crate::infra::store::messages::MessageKind;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::field_view::apart;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::orders::letters::LetterView;
use crate::interfaces::desk::orders::step_forms::{Refused, StepForm, step_forms};
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::{hex, query_field, random_bytes};

/// Units: pieces of the conversation that are shown where not all are asked for; a buyer may write 200 times.
const MOST_SPOKEN: i64 = 30;

/// What `?done=` says on this page.
const DONE: [(&str, &str); 7] = [
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
    /// What is to be said of its items; empty: nothing.
    reservation: &'static str,
    placed: String,
    erased_on: Option<String>,
    /// What was tried and not done.
    refused: &'a Refused,
    steps: Vec<StepForm>,
    /// Whether somebody can read an answer.
    has_reader: bool,
    answer_once: String,
    lines: Vec<LineView>,
    /// Discount, sending: what, its sign, how much.
    more: Vec<(String, &'static str, Sum)>,
    total: Sum,
    currency: &'a str,
    money: MoneyView<'a>,
    /// The order as the seller was told it, with its address.
    letter: LetterView,
    spoken: Vec<SpokenView>,
    /// Whether earlier ones are left out.
    has_earlier: bool,
    /// Whether a question alone is sealed, so that it is said there how to open it.
    opens_below: bool,
}

struct LineView {
    name: String,
    quantity: i64,
    price: Sum,
    sum: Sum,
}

/// In coins and in Gwei.
#[derive(Clone, Copy)]
struct Sum(Amount);

impl Sum {
    fn gwei(self) -> String {
        apart(self.0)
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

struct MoneyView<'a> {
    asked: Sum,
    mark: Option<Sum>,
    received: Option<Sum>,
    node: Option<NodeView>,
    due: Option<Sum>,
    excess: Option<Sum>,
    coin: String,
    address: &'a str,
    until: Option<String>,
    transaction: Option<&'a str>,
}

/// What the seller's node saw.
struct NodeView {
    seen: Sum,
    settled: Sum,
    depth: Option<String>,
    block: Option<String>,
    is_moved: bool,
    in_doubt: bool,
}

struct SpokenView {
    day: String,
    machine_day: String,
    title: String,
    note: &'static str,
    letter: Option<LetterView>,
    is_question: bool,
}

pub async fn show(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
    order_ref: web::Path<String>,
) -> Result<HttpResponse, DeskError> {
    let order = find(&desk, &seller, &order_ref).await?;
    show_order(&request, &desk, &seller, &order, StatusCode::OK, &Refused::default()).await
}

#[derive(Template)]
#[template(path = "desk/orders/none.html")]
struct NoOrderPage<'a> {
    layout: DeskLayout<'a>,
    title: &'a str,
    words: &'a str,
}

/// # Errors
/// The page that says why there is no such order.
pub async fn find(desk: &Desk, seller: &Seller, order_ref: &str) -> Result<Order, DeskError> {
    let mut db = desk.shop.db.reader().await?;
    let mut none = (
        StatusCode::NOT_FOUND,
        "Order not found",
        "An order number is 10 letters and digits, for example K3QF0W2ZD7.",
    );
    if let Ok(order_ref) = OrderRef::parse(order_ref) {
        if let Some(order) = store::orders::find(&mut db, &order_ref).await? {
            return Ok(order);
        }
        none.2 = "It never existed or was deleted: the shop keeps no record of deleted orders.";
        if store::retention::is_stripped(&mut db, &order_ref).await? {
            none = (
                StatusCode::GONE,
                "This order was deleted",
                "It was finished and its retention period is over. Only its messages are left; they are deleted next.",
            );
        }
    }
    let (status, title, words) = none;
    let template = NoOrderPage { layout: DeskLayout::new(seller, "/orders"), title, words };
    Err(DeskError::Page(status.as_u16(), template.render()?))
}

pub async fn show_order(
    request: &HttpRequest,
    desk: &Desk,
    seller: &Seller,
    order: &Order,
    status: StatusCode,
    refused: &Refused,
) -> Result<HttpResponse, DeskError> {
    let db = &desk.shop.db;
    let order_ref = &order.order_ref;
    let invoice = &order.invoice;
    let most = if query_field(request, "all").is_empty() { MOST_SPOKEN } else { i64::MAX - 1 };
    let mut spoken =
        store::messages::list_summaries(&mut *db.reader().await?, order_ref, most + 1).await?;
    let has_earlier = most < i64::try_from(spoken.len()).unwrap_or(i64::MAX);
    spoken.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    spoken.reverse();
    let numbers: Vec<i64> =
        spoken.iter().filter_map(|spoken| spoken.outbox_number).chain([0]).collect();
    let mut letters = actions::read_messages(&desk.shop, order_ref, &numbers).await?;
    let letter = LetterView::of(letters.remove(&0));
    let spoken: Vec<SpokenView> = spoken
        .into_iter()
        .map(|spoken| {
            let letter = spoken.outbox_number.and_then(|number| letters.remove(&number));
            spoken_view(&spoken, letter)
        })
        .collect();
    let random_bytes = random_bytes::<32>();
    let head = match &invoice.observation {
        Some(_) => store::watch::find(&mut *db.reader().await?, &invoice.coin.network())
            .await?
            .and_then(|watch| watch.head),
        None => None,
    };
    let template = OrderPage {
        layout: DeskLayout::new(seller, "/orders").told(request, &DONE),
        order_ref: order_ref.as_str(),
        state: order.status.as_str(),
        title: order.status.for_seller(),
        reservation: if order.status.is_finished() { "" } else { order.reservation.for_seller() },
        placed: order.placed_at.day(),
        erased_on: order.erased_after(desk.shop.policy.keep_days).map(|day| day.day()),
        steps: step_forms(order, &random_bytes, refused),
        refused,
        has_reader: store::orders::has_reader(&mut *db.reader().await?, order_ref).await?,
        answer_once: hex(&random_bytes),
        lines: order
            .lines
            .iter()
            .map(|line| LineView {
                name: line.full_name(),
                quantity: line.quantity.get(),
                price: Sum(line.price),
                sum: Sum(line.sum),
            })
            .collect(),
        more: more_lines(order),
        total: Sum(invoice.total),
        currency: invoice.currency.as_str(),
        money: money(order, head, desk.shop.policy.tolerance),
        opens_below: !matches!(letter, LetterView::Sealed(_))
            && spoken.iter().any(|spoken| matches!(spoken.letter, Some(LetterView::Sealed(_)))),
        letter,
        spoken,
        has_earlier,
    };
    page(status, &template)
}

fn more_lines(order: &Order) -> Vec<(String, &'static str, Sum)> {
    let discount = order
        .discount
        .as_ref()
        .map(|discount| (format!("Discount (code {})", discount.code), "−", Sum(discount.less)));
    let sending = order
        .sending
        .as_ref()
        .map(|sending| (format!("Shipping: {}", sending.name), "", Sum(sending.price)));
    discount.into_iter().chain(sending).collect()
}

fn money(order: &Order, head: Option<i64>, tolerance: Tolerance) -> MoneyView<'_> {
    let invoice = &order.invoice;
    let some = |sum: Amount| (Amount::ZERO < sum).then_some(Sum(sum));
    MoneyView {
        asked: Sum(invoice.amount),
        mark: some(invoice.mark()),
        received: some(invoice.received),
        node: invoice.observation.map(|observation| NodeView {
            seen: Sum(observation.seen),
            settled: Sum(observation.settled),
            depth: order.confirmations(),
            block: block(order, head),
            is_moved: observation.is_moved,
            in_doubt: invoice.in_doubt,
        }),
        due: some(order.due(tolerance)),
        excess: some(order.excess()),
        coin: coin(&invoice.coin),
        address: invoice.address.as_str(),
        // Of others the hour is not kept.
        until: matches!(
            order.status,
            Status::Awaiting
                | Status::Reported
                | Status::Partial
                | Status::Unconfirmed
                | Status::Expired
        )
        .then(|| invoice.until.for_people()),
        transaction: order.transaction.as_ref().map(|id| id.as_str()),
    }
}

/// In which block the youngest part of what was seen lies, as far as it can be known: the chain's newest block and how
/// deep it lies below. Once all has settled nobody counts on.
fn block(order: &Order, head: Option<i64>) -> Option<String> {
    let observation = order.invoice.observation?;
    if observation.seen == Amount::ZERO {
        return None;
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
        Coin::Bitcoin => "Bitcoin".to_owned(),
        Coin::Monero => "Monero".to_owned(),
        Coin::Ether { chain } => format!("native coin of chain {chain}"),
        Coin::Token { chain, .. } => format!("token on chain {chain}"),
    }
}

fn spoken_view(
    spoken: &store::messages::MessageSummary,
    letter: Option<actions::Letter>,
) -> SpokenView {
    let is_question = spoken.kind == MessageKind::Question;
    let (title, note) = match (spoken.kind, spoken.status) {
        (MessageKind::Question, _) => ("Message from the buyer", ""),
        (MessageKind::Answer, _) => ("Your answer", "Only the buyer can read it."),
        (_, Some(status)) if spoken.has_text => {
            (status.for_seller(), "With a message that only the buyer can read.")
        }
        (_, Some(status)) => (status.for_seller(), ""),
        (_, None) => ("", ""),
    };
    SpokenView {
        day: spoken.day.day(),
        machine_day: spoken.day.short_day(),
        title: title.to_owned(),
        note,
        letter: is_question.then(|| LetterView::of(letter)),
        is_question,
    }
}
