//! The desk's first page: tasks, revenue, health, weekly figures.

mod plots;
mod weeks;

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, web};
use askama::Template;

use crate::actions;
use crate::actions::ClosedReason;
use crate::domain::orders::Status;
use crate::domain::payment::{Coin, Wallet};
use crate::domain::values::{Currency, Timestamp};
use crate::infra::plots::bars_height;
use crate::infra::store;
use crate::infra::store::Connection;
use crate::infra::store::order_reports::{Counts, ToGiveBack};
use crate::infra::store::seller_products::LOW;
use crate::infra::store::statistics::BestSold;
use crate::infra::store::stock::LowStock;
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::health::HealthReport;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::desk::today::weeks::{
    MoneyIn, WeekFigures, by_week, coins, first_week, money_in,
};
use crate::interfaces::http::{NoFields, now, query_field};

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/", web::get().to(show))
        .route("/today/orders.png", web::get().to(plots::show_orders))
        .route("/today/takings.png", web::get().to(plots::show_revenue))
        .route("/today/best.png", web::get().to(plots::show_best))
        .route("/today/close", web::post().to(close))
        .route("/today/open", web::post().to(open))
        .route("/today/codes", web::post().to(dismiss_codes));
}

/// Units: listed orders.
const MAX_REFUNDS: i64 = 20;
/// Units: listed stocks.
const MAX_LOW: i64 = 20;

const NOTICES: [(&str, &str); 3] = [
    ("codes", "The wrong codes were dismissed."),
    ("closed", "The shop is closed: no new orders are accepted. Existing orders continue."),
    ("opened", "The shop is open: buyers can place orders."),
];

#[derive(Template)]
#[template(path = "desk/today.html")]
struct TodayPage<'a> {
    layout: DeskLayout<'a>,
    now: Timestamp,
    /// Whether the wallets are public test wallets.
    is_demo: bool,
    has_wallets: bool,
    /// How often a code was wrong although the password was right, and since when.
    wrong_codes: Option<(i64, Timestamp)>,
    has_rates: bool,
    has_products: bool,
    has_pages: bool,
    shop_state: ShopState,
    /// Since when siege mode lasts, and how many orders were placed since then.
    siege: Option<(Timestamp, i64)>,
    /// Whether unpaid orders use all the space that they may use.
    is_full: bool,
    counts: Counts,
    refunds_due: Vec<ToGiveBack>,
    /// Of the orders to be paid.
    n_partial: i64,
    /// Of the orders to be shipped.
    n_overpaid: i64,
    money: Vec<MoneyIn>,
    low: Vec<LowStock>,
    has_more_low: bool,
    key: KeyState,
    node_faults: Vec<NodeFault>,
    n_watches: usize,
    health: Option<HealthReport>,
    /// Of the revenue plot; `None`: there is neither a wallet nor revenue.
    currency: Option<&'a Currency>,
    currencies: &'a [Currency],
    weeks: Vec<WeekFigures>,
    best: Vec<BestSold>,
    best_since: Timestamp,
}

enum ShopState {
    Open,
    /// Since that day.
    ClosedBySeller(Option<Timestamp>),
    /// The shop accepts no orders for this reason.
    ClosedItself(String),
}

enum KeyState {
    None,
    /// Its last day, if it expires.
    Good(Option<Timestamp>),
    EndsSoon(Timestamp),
    Faulty(String),
}

/// Why a node's reports do not count.
struct NodeFault {
    coin: String,
    text: String,
    since: Option<Timestamp>,
}

async fn show(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let now = now();
    let state = store::shop_state::find(&mut *desk.shop.db.reader().await?).await?;
    let shop_state = shop_state(&desk, state.closed_on, now).await?;
    let mut db = desk.shop.db.reader().await?;
    let days = store::statistics::list_days(&mut db, first_week(now), now.plus_days(1)).await?;
    let wallets = store::wallets::list(&mut db).await?;
    let (is_demo, has_wallets) = (wallets.iter().any(Wallet::is_demo), !wallets.is_empty());
    let mut currencies: Vec<Currency> = wallets.into_iter().map(|wallet| wallet.currency).collect();
    // Revenue in a currency whose wallet was removed counts too.
    let mut others: BTreeSet<Currency> =
        days.iter().map(|figures| figures.currency.clone()).collect();
    others.retain(|other| !currencies.contains(other));
    currencies.extend(others);
    let wanted = query_field(&request, "currency");
    let currency =
        currencies.iter().find(|currency| currency.as_str() == wanted).or(currencies.first());
    let mut low = store::stock::list_low(&mut db, LOW, MAX_LOW + 1).await?;
    let most_low = usize::try_from(MAX_LOW).unwrap_or(usize::MAX);
    let has_more_low = most_low < low.len();
    low.truncate(most_low);
    let watches = store::watch::list(&mut db).await?;
    let node_faults = watches.iter().filter_map(|watch| {
        let text = watch.complaint(now)?;
        let coin = Coin::name_of_network(&watch.network).to_string();
        Some(NodeFault { coin, text, since: watch.problem_since })
    });
    let template = TodayPage {
        layout: DeskLayout::new(&seller, "/").with_notice(&request, &NOTICES),
        now,
        is_demo,
        has_wallets,
        wrong_codes: store::login::find_wrong_codes(&mut db).await?,
        has_rates: !store::shipping::list(&mut db).await?.is_empty(),
        has_products: store::seller_products::count(&mut db).await?.0 != 0,
        has_pages: store::pages::list(&mut db).await?.iter().any(|page| !page.is_gone),
        shop_state,
        siege: state.siege_since.map(|since| (since, state.siege_orders)),
        is_full: state.is_full,
        counts: store::order_reports::count_today(&mut db).await?,
        refunds_due: store::order_reports::list_to_give_back(&mut db, MAX_REFUNDS).await?,
        n_partial: count(&mut db, Status::Partial).await?,
        n_overpaid: count(&mut db, Status::Overpaid).await?,
        money: money_in(&days, &currencies, now),
        low,
        has_more_low,
        key: key_state(&desk, now),
        node_faults: node_faults.collect(),
        n_watches: watches.len(),
        health: desk.health.last(now),
        currency,
        currencies: &currencies,
        weeks: by_week(&days, currency, now),
        best: store::statistics::list_best(&mut db, plots::N_BEST).await?,
        best_since: actions::best_since(now),
    };
    page(StatusCode::OK, &template)
}

async fn count(db: &mut Connection, status: Status) -> Result<i64, DeskError> {
    let filter = store::order_reports::Filter { states: vec![status], ..Default::default() };
    Ok(store::order_reports::count(db, &filter).await?)
}

/// `closed_on`: when the seller closed the shop.
async fn shop_state(
    desk: &Desk,
    closed_on: Option<Timestamp>,
    now: Timestamp,
) -> Result<ShopState, DeskError> {
    // This reason comes first: while it lasts, the page offers to open the shop. Other reasons are shown afterwards.
    if closed_on.is_some() {
        return Ok(ShopState::ClosedBySeller(closed_on));
    }
    Ok(match actions::why_closed(&desk.shop, now).await? {
        None => ShopState::Open,
        Some(ClosedReason::BySeller) => ShopState::ClosedBySeller(None),
        Some(closed) => ShopState::ClosedItself(closed.to_string()),
    })
}

fn key_state(desk: &Desk, now: Timestamp) -> KeyState {
    match desk.shop.availability.encryption_key(now) {
        Ok(None) => KeyState::None,
        Ok(Some(key)) => match key.usable_until() {
            Some(until) if actions::is_near_end(until, now) => KeyState::EndsSoon(until),
            until => KeyState::Good(until),
        },
        Err(closed) => KeyState::Faulty(closed.to_string()),
    }
}

async fn close(desk: Data<Desk>, _form: VerifiedForm<NoFields>) -> DeskResult {
    actions::close_shop(&desk.shop, now()).await?;
    Ok(see_other("/?done=closed"))
}

async fn open(desk: Data<Desk>, _form: VerifiedForm<NoFields>) -> DeskResult {
    actions::open_shop(&desk.shop, now()).await?;
    Ok(see_other("/?done=opened"))
}

async fn dismiss_codes(desk: Data<Desk>, _form: VerifiedForm<NoFields>) -> DeskResult {
    actions::forget_wrong_codes(&desk.shop).await?;
    Ok(see_other("/?done=codes"))
}

impl TodayPage<'_> {
    fn has_revenue(&self) -> bool {
        self.weeks.iter().any(|week| week.received != 0)
    }

    /// The plot's content in a sentence, as of the other plots.
    fn describe_orders(&self) -> String {
        let n_orders: i64 = self.weeks.iter().map(|week| week.orders).sum();
        let n_paid: i64 = self.weeks.iter().map(|week| week.paid).sum();
        if n_orders == 0 {
            return format!("Orders per week: none in the last {} weeks.", self.weeks.len());
        }
        let best = self.weeks.iter().rev().max_by_key(|week| week.orders);
        let best = best.map_or_else(String::new, |week| {
            format!(" Highest: {} in the week of {}.", week.orders, week.monday.day())
        });
        format!(
            "Orders per week: {n_orders} in the last {} weeks, {n_paid} of them paid.{best}",
            self.weeks.len()
        )
    }

    fn describe_revenue(&self, currency: &Currency) -> String {
        let sum = self.weeks.iter().fold(0_i64, |sum, week| sum.saturating_add(week.received));
        let sum = coins(sum);
        let best = self.weeks.iter().rev().max_by_key(|week| week.received);
        let best = best.filter(|week| 0 < week.received).map_or_else(String::new, |week| {
            format!(" Highest: {} in the week of {}.", coins(week.received), week.monday.day())
        });
        format!("{currency} received per week: {sum} in the last {} weeks.{best}", self.weeks.len())
    }

    fn best_height(&self) -> usize {
        bars_height(self.best.len())
    }

    fn describe_best(&self) -> String {
        let first = self.best.first().map_or_else(String::new, |best| {
            format!(" First: {}, with {} sold.", best.name, best.quantity)
        });
        format!("Best sellers by quantity in paid orders since {}.{first}", self.best_since.day())
    }
}
