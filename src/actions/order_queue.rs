//! Inserts all orders that wait with one commit, then delivers all their messages with two syncs of the disk.
//!
//! While one batch is committed or delivered, the next one gathers: so the more buyers order at once, the less each order
//! costs the disk. Both run on the runtime of the shop itself, so that no order ends with the connection that brought it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::actions::Shop;
use crate::actions::batch_queue::{BatchQueue, Worker};
use crate::actions::insert_order::{BatchMemory, OrderBatch, PlacedOrder, PreparedOrder};
use crate::actions::quote_order::PlaceOrderError;
use crate::actions::siege::log_begin;
use crate::domain::orders::OrderRef;
use crate::infra::mail::{NewFile, delivery_name};
use crate::infra::store::outbox::OutboxMessage;
use crate::infra::store::{StoreError, Tx};
use crate::infra::{failpoints, store};

/// Orders and messages that wait for their batch.
pub struct OrderQueue {
    orders: Arc<BatchQueue<QueuedOrder>>,
    messages: Arc<BatchQueue<QueuedMessage>>,
    runtime: Handle,
    memory: BatchMemory,
    /// Whether somebody waits to forget delivered messages.
    is_forgetting: AtomicBool,
}

type OnPlaced = Box<dyn FnOnce() + Send>;

struct QueuedOrder {
    order: PreparedOrder,
    buyer: WaitingBuyer,
}

struct WaitingBuyer {
    on_placed: OnPlaced,
    answer: oneshot::Sender<Result<OrderRef, PlaceOrderError>>,
}

/// The message of an order that is committed. Its buyer is answered once it is delivered, or cannot be.
struct QueuedMessage {
    message: OutboxMessage,
    answer: oneshot::Sender<Result<OrderRef, PlaceOrderError>>,
}

/// Delivered messages are forgotten with the next orders, or this long after the last ones. Until then a seller's program
/// that moves a message out of the Maildir would get it twice if the shop were killed.
const FORGET_AFTER: Duration = Duration::from_millis(50);

impl OrderQueue {
    /// In the runtime that is to do the work.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            orders: BatchQueue::new(),
            messages: BatchQueue::new(),
            runtime: Handle::current(),
            memory: BatchMemory::default(),
            is_forgetting: AtomicBool::new(false),
        })
    }
}

/// Waits until the order is committed, and its message delivered if it can be.
pub(super) async fn queue_order(
    shop: &Shop,
    order: PreparedOrder,
    on_placed: OnPlaced,
) -> Result<OrderRef, PlaceOrderError> {
    let (answer, answered) = oneshot::channel();
    let queued = QueuedOrder { order, buyer: WaitingBuyer { on_placed, answer } };
    if let Some(worker) = shop.order_queue.orders.push([queued]) {
        shop.order_queue.runtime.spawn(insert_waiting(shop.clone(), worker));
    }
    let stopped = |_| Err(PlaceOrderError::Broken(anyhow!("the shop is stopping")));
    answered.await.unwrap_or_else(stopped)
}

async fn insert_waiting(shop: Shop, mut worker: Worker<QueuedOrder>) {
    while !worker.is_over() {
        // Orders that arrive while this waits for the lock are in this batch.
        let tx = shop.db.write().await;
        // A buyer who has left orders nothing.
        let waiting = worker.take().into_iter().filter(|queued| !queued.buyer.answer.is_closed());
        let (orders, buyers): (Vec<_>, Vec<_>) =
            waiting.map(|queued| (queued.order, queued.buyer)).unzip();
        if orders.is_empty() {
            continue;
        }
        let placed = match insert_batch(&shop, tx, orders).await {
            Ok(placed) => placed,
            Err(error) => {
                let why = format!("{error:#}");
                buyers.iter().map(|_| Err(PlaceOrderError::Broken(anyhow!(why.clone())))).collect()
            }
        };
        let mut messages = Vec::new();
        for (placed, WaitingBuyer { on_placed, answer }) in placed.into_iter().zip(buyers) {
            // A buyer who left in the meantime gets no answer.
            let _ = match placed {
                Ok(PlacedOrder::New(order_ref, message)) => {
                    on_placed();
                    match message {
                        Some(message) => {
                            messages.push(QueuedMessage { message, answer });
                            continue;
                        }
                        None => answer.send(Ok(order_ref)),
                    }
                }
                Ok(PlacedOrder::Earlier(order_ref)) => answer.send(Ok(order_ref)),
                Err(refused) => answer.send(Err(refused)),
            };
        }
        if let Some(worker) = shop.order_queue.messages.push(messages) {
            shop.order_queue.runtime.spawn(deliver_waiting(shop.clone(), worker));
        }
    }
}

/// Either all that are not refused are committed, or none.
async fn insert_batch(
    shop: &Shop,
    tx: Result<Tx, StoreError>,
    orders: Vec<PreparedOrder>,
) -> anyhow::Result<Vec<Result<PlacedOrder, PlaceOrderError>>> {
    let tx = tx?;
    failpoints::at("order-begun");
    let mut batch = OrderBatch::begin(shop, tx, &orders, &shop.order_queue.memory).await?;
    let mut placed = Vec::with_capacity(orders.len());
    for order in orders {
        placed.push(batch.place(order).await?);
    }
    failpoints::at("order-inserted");
    let begins_siege = batch.commit().await?;
    failpoints::at("order-committed");
    if begins_siege {
        log_begin(shop);
    }
    Ok(placed)
}

async fn deliver_waiting(shop: Shop, mut worker: Worker<QueuedMessage>) {
    while !worker.is_over() {
        let (messages, answers): (Vec<_>, Vec<_>) =
            worker.take().into_iter().map(|queued| (queued.message, queued.answer)).unzip();
        let refs: Vec<OrderRef> =
            messages.iter().map(|message| message.order_ref.clone()).collect();
        // What is not delivered now, `deliver_outbox` delivers later: the row guarantees it.
        if let Err(error) = deliver_batch(&shop, messages).await {
            tracing::warn!("the seller will be notified later: {error:#}");
        }
        for (answer, order_ref) in answers.into_iter().zip(refs) {
            let _ = answer.send(Ok(order_ref));
        }
        forget_soon(&shop);
    }
}

async fn deliver_batch(shop: &Shop, messages: Vec<OutboxMessage>) -> anyhow::Result<()> {
    let maildir = shop.maildir.clone();
    let (delivered, problem) = tokio::task::spawn_blocking(move || {
        let files = messages.into_iter().map(|queued| {
            let name = delivery_name(&queued.order_ref, queued.number, queued.at);
            (queued.at, NewFile { name, message: queued.message })
        });
        let (times, files): (Vec<_>, Vec<_>) = files.unzip();
        let (mut delivered, mut problem) = (Vec::new(), Ok(()));
        for (at, done) in times.into_iter().zip(maildir.deliver_all(&files)) {
            match done {
                Ok(()) => delivered.push(at),
                Err(error) => problem = Err(error),
            }
        }
        (delivered, problem)
    })
    .await
    .context("deliver the messages")?;
    if !delivered.is_empty() {
        failpoints::at("message-delivered");
    }
    store::outbox::note_delivered(&shop.db, &delivered);
    problem.context("deliver the message into the Maildir")
}

/// Forgets delivered messages soon, unless orders do before.
fn forget_soon(shop: &Shop) {
    if shop.order_queue.is_forgetting.swap(true, Ordering::AcqRel) {
        return;
    }
    let shop = shop.clone();
    shop.order_queue.clone().runtime.spawn(async move {
        tokio::time::sleep(FORGET_AFTER).await;
        // Each batch forgets what was delivered before it.
        while shop.order_queue.orders.is_at_work() {
            tokio::time::sleep(FORGET_AFTER).await;
        }
        shop.order_queue.is_forgetting.store(false, Ordering::Release);
        match store::outbox::forget_delivered(&shop.db).await {
            Ok(()) => failpoints::at("order-told"),
            Err(error) => tracing::warn!("delivered messages are forgotten later: {error:#}"),
        }
    });
}
