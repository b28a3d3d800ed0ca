//! Wallets at the desk.

mod record;

use actix_web::http::StatusCode;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::domain::payment::Wallet;
use crate::infra::store;
use crate::infra::store::Db;
use crate::infra::store::wallets::StoredWallet;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{encoded, page};
use crate::interfaces::desk::records;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::query_field;

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route(SECTION, web::get().to(list))
        .route("/wallets/move", web::post().to(records::shift::<StoredWallet>))
        .route("/wallets/addresses", web::get().to(show_addresses));
    records::addresses::<StoredWallet>(config);
}

const SECTION: &str = "/wallets";
const DONE: [(&str, &str); 4] = [
    (
        "added",
        "The wallet was added. Compare its addresses with your own wallet before you sell, and add prices in its currency to your products.",
    ),
    (
        "changed",
        "The wallet was changed. Compare its addresses with your own wallet. Open orders keep their address.",
    ),
    ("moved", "The order was changed."),
    (
        "removed",
        "The wallet and all prices in its currency were removed. Open orders keep their address.",
    ),
];

/// Units: addresses that are shown.
const N_NEXT: usize = 3;
const N_LISTED: u32 = 20;

#[derive(Template)]
#[template(path = "desk/trade/wallets.html")]
struct WalletsPage<'a> {
    layout: DeskLayout<'a>,
    wallets: Vec<WalletView>,
}

struct WalletView {
    wallet: Wallet,
    /// Index and address: the first ones, to compare with a wallet program.
    first: Vec<(u32, String)>,
    /// The same of the next orders; empty where nothing is numbered.
    next: Vec<(u32, String)>,
    /// How many are given out, and how many of those since the last that was paid to.
    reach: Option<(i64, i64)>,
    is_first: bool,
    is_last: bool,
}

#[derive(Template)]
#[template(path = "desk/trade/addresses.html")]
struct AddressesPage<'a> {
    layout: DeskLayout<'a>,
    currency: &'a str,
    addresses: Vec<(u32, String)>,
    is_numbered: bool,
    earlier: Option<u32>,
    later: u32,
}

async fn list(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let db = &desk.shop.db;
    let kept = store::wallets::list_stored(&mut *db.reader().await?).await?;
    let mut wallets = Vec::new();
    for (n, StoredWallet { wallet, .. }) in kept.iter().enumerate() {
        wallets.push(view(db, wallet, n == 0, n + 1 == kept.len()).await?);
    }
    let layout = DeskLayout::new(&seller, SECTION).told(&request, &DONE);
    page(StatusCode::OK, &WalletsPage { layout, wallets })
}

async fn view(
    db: &Db,
    wallet: &Wallet,
    is_first: bool,
    is_last: bool,
) -> Result<WalletView, DeskError> {
    let account = wallet.receives.account();
    let mut next = Vec::new();
    let mut reach = None;
    if let Some(account) = &account {
        let mut db = db.reader().await?;
        for index in store::accounts::list_next(&mut db, account, N_NEXT).await? {
            next.push((index, wallet.address(index).to_string()));
        }
        let found = store::accounts::find_reach(&mut db, account).await?;
        reach = found.map(|reach| (reach.n_given, reach.n_since_paid));
    }
    let first = (0..).zip(wallet.addresses(0, 3));
    Ok(WalletView {
        wallet: wallet.clone(),
        first: first.map(|(index, address)| (index, address.to_string())).collect(),
        next,
        reach,
        is_first,
        is_last,
    })
}

async fn show_addresses(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let kept = records::find::<StoredWallet>(&desk, &query_field(&request, "currency")).await?;
    let wallet = kept.ok_or(DeskError::NotFound)?.wallet;
    let first: u32 = query_field(&request, "first").parse().unwrap_or(0);
    let addresses: Vec<_> =
        (first..).zip(wallet.addresses(first, N_LISTED)).map(|(n, a)| (n, a.to_string())).collect();
    let template = AddressesPage {
        layout: DeskLayout::new(&seller, SECTION),
        currency: wallet.currency.as_str(),
        is_numbered: wallet.receives.account().is_some(),
        addresses,
        earlier: (0 < first).then(|| first.saturating_sub(N_LISTED)),
        later: first.saturating_add(N_LISTED),
    };
    page(StatusCode::OK, &template)
}

/// The address of what a wallet's links lead to.
impl WalletView {
    fn href(&self, what: &str) -> String {
        format!("/wallets/{what}?currency={}", encoded(self.wallet.currency.as_str()))
    }
}
