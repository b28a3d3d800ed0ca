//! Wallets at the desk.

use crate::actions;
use crate::actions::Saved;
use crate::domain::catalog::Json;
use crate::domain::payment::Coin;
use crate::domain::payment::Destination;
use crate::domain::payment::Wallet;
use crate::domain::values::Currency;
use crate::infra::store;
use crate::infra::store::Db;
use crate::infra::store::wallets::StoredWallet;
use crate::infra::store::wallets::Stranded;
use crate::interfaces::desk::fields::Asked;
use crate::interfaces::desk::fields::Faults;
use crate::interfaces::desk::fields::FieldKind;
use crate::interfaces::desk::fields::FieldView;
use crate::interfaces::desk::fields::add_faults;
use crate::interfaces::desk::fields::encoded;
use crate::interfaces::desk::fields::fields;
use crate::interfaces::desk::fields::in_order;
use crate::interfaces::desk::fields::text;
use crate::interfaces::desk::fields::whole;
use crate::interfaces::desk::form::DeskForm;
use crate::interfaces::desk::form::query_field;
use crate::interfaces::desk::page::DeskError;
use crate::interfaces::desk::page::DeskLayout;
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::page::see_other;
use crate::interfaces::desk::password_prompt::Fresh;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use actix_web::web::Data;
use actix_web::web::Payload;
use actix_web::web::ServiceConfig;
use askama::Template;

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/wallets", web::get().to(list))
        .route("/wallets/addresses", web::get().to(show_addresses))
        .route("/wallets/new", web::get().to(show_new))
        .route("/wallets/change", web::get().to(show_one))
        .route("/wallets/save", web::post().to(save))
        .route("/wallets/move", web::post().to(change_order))
        .route("/wallets/remove", web::get().to(ask_removal))
        .route("/wallets/remove", web::post().to(remove));
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
    currency: String,
    name: String,
    network: String,
    is_demo: bool,
    told_apart: String,
    kind_hint: Option<&'static str>,
    reveals: &'static str,
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
#[template(path = "desk/trade/wallet.html")]
struct WalletPage<'a> {
    layout: DeskLayout<'a>,
    faults: &'a Faults,
    is_stale: bool,
    is_gone: bool,
    /// The currency of the wallet that is changed; empty: a new one.
    was: &'a str,
    edition: i64,
    currency: FieldView,
    name: FieldView,
    receives: Vec<FieldView>,
    view_key_error: String,
    has_view_key: bool,
    drops_view_key: bool,
    coin: Vec<FieldView>,
    fresh: Fresh,
}

#[derive(Template)]
#[template(path = "desk/trade/wallet_removal.html")]
struct RemovalPage<'a> {
    layout: DeskLayout<'a>,
    currency: &'a str,
    edition: i64,
    is_stale: bool,
    stranded: Stranded,
    fresh: Fresh,
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
        currency: wallet.currency.to_string(),
        name: wallet.name.clone(),
        network: wallet.network(),
        is_demo: wallet.is_demo(),
        told_apart: wallet.told_apart(),
        kind_hint: wallet.kind_hint(),
        reveals: wallet.reveals(),
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
    let kept = find(&desk.shop.db, &query_field(&request, "currency")).await?;
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

async fn find(db: &Db, currency: &str) -> Result<Option<StoredWallet>, DeskError> {
    let kept = store::wallets::list_stored(&mut *db.reader().await?).await?;
    Ok(kept.into_iter().find(|kept| kept.wallet.currency.as_str() == currency))
}

fn asked() -> Vec<Asked> {
    let field =
        |name: &str, label: &str, hint, kind| (name.to_owned(), label.to_owned(), hint, kind);
    let line = FieldKind::OfWallet;
    vec![
        field(
            "currency",
            "Currency",
            "ETH, BTC or XMR; or 2 to 10 letters and digits for a coin with a chain or token",
            line,
        ),
        field("name", "Name", "shown to buyers; empty: the currency", line),
        field("address", "Address", "shared by all orders; for Monero, the primary address", line),
        field(
            "xpub",
            "Extended public key",
            "xpub, ypub or zpub: a separate address for each order",
            line,
        ),
        field("chain", "Chain ID", "EIP-155 number; empty: 1, Ethereum mainnet", line),
        field("contract", "Token contract", "0x…", line),
        field("decimals", "Token decimals", "as in the contract", line),
    ]
}

/// What a kept wallet has in each field of the form. A view key is never shown.
fn word_of(wallet: &Wallet, field: &str) -> String {
    match (field, &wallet.receives, &wallet.coin) {
        ("currency", ..) => wallet.currency.to_string(),
        ("name", ..) => wallet.name.clone(),
        ("address", Destination::Address(address) | Destination::Integrated(address), _) => {
            address.to_string()
        }
        ("address", Destination::View(key), _) => key.primary().to_string(),
        ("xpub", Destination::Account(key), _) => key.as_str().to_owned(),
        ("chain", _, Coin::Ether { chain } | Coin::Token { chain, .. }) if *chain != 1 => {
            chain.to_string()
        }
        ("contract", _, Coin::Token { contract, .. }) => contract.clone(),
        ("decimals", _, Coin::Token { decimals, .. }) => decimals.to_string(),
        _ => String::new(),
    }
}

/// The form as it goes to the seller.
struct Shown<'a> {
    status: StatusCode,
    was: &'a str,
    edition: i64,
    faults: Faults,
    has_view_key: bool,
    drops_view_key: bool,
    fresh: Fresh,
    /// What is kept meanwhile, where that is not what the form showed; `Some(None)`: nothing.
    meanwhile: Option<Option<Wallet>>,
}

impl Shown<'_> {
    fn fresh(status: StatusCode) -> Self {
        Self {
            status,
            was: "",
            edition: 0,
            faults: Faults::new(),
            has_view_key: false,
            drops_view_key: false,
            fresh: Fresh::asked(),
            meanwhile: None,
        }
    }
}

fn has_view_key(wallet: &Wallet) -> bool {
    matches!(wallet.receives, Destination::View(_))
}

fn show_form(
    seller: &Seller,
    word: impl Fn(&str) -> String,
    shown: &Shown<'_>,
) -> Result<HttpResponse, DeskError> {
    let kept = shown.meanwhile.as_ref().and_then(Option::as_ref);
    let now_there = kept.map(|kept| move |field: &str| word_of(kept, field));
    let now_there = now_there.as_ref().map(|now| now as &dyn Fn(&str) -> String);
    let asked = asked();
    let mut faults = in_order(shown.faults.clone(), &asked);
    if shown.fresh.is_refused {
        let words = "Wrong password. Please enter it again.";
        faults.push(("password".to_owned(), words.to_owned()));
    }
    let mut views = fields(asked, word, &faults, now_there).into_iter();
    let mut next = || views.next().ok_or(DeskError::NotFound);
    let (currency, name) = (next()?, next()?);
    let receives = vec![next()?, next()?];
    let of_key = shown.faults.iter().find(|(field, _)| field == "view_key");
    let template = WalletPage {
        layout: DeskLayout::new(seller, SECTION),
        faults: &faults,
        is_stale: shown.meanwhile.is_some(),
        is_gone: matches!(shown.meanwhile, Some(None)),
        was: shown.was,
        edition: shown.edition,
        currency,
        name,
        receives,
        view_key_error: of_key.map(|(_, words)| words.clone()).unwrap_or_default(),
        has_view_key: shown.has_view_key,
        drops_view_key: shown.drops_view_key,
        coin: views.collect(),
        fresh: shown.fresh,
    };
    page(shown.status, &template)
}

async fn show_new(seller: Seller) -> Result<HttpResponse, DeskError> {
    show_form(&seller, |_| String::new(), &Shown::fresh(StatusCode::OK))
}

async fn show_one(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let currency = query_field(&request, "currency");
    let kept = find(&desk.shop.db, &currency).await?.ok_or(DeskError::NotFound)?;
    let shown = Shown {
        was: &currency,
        edition: kept.edition,
        has_view_key: has_view_key(&kept.wallet),
        ..Shown::fresh(StatusCode::OK)
    };
    show_form(&seller, |field| word_of(&kept.wallet, field), &shown)
}

/// The form as a record of the seller's file. A view key that is kept stays where the form gives no other and the address is
/// the same.
fn record_of(form: &DeskForm, kept: Option<&Wallet>) -> Vec<(String, Json)> {
    // Of a wallet that is changed the currency is not asked.
    let currency = kept.map_or(form.get("currency").trim(), |kept| kept.currency.as_str());
    let mut record = vec![("currency".to_owned(), Json::Text(currency.to_owned()))];
    record.push(text(form, "name").unwrap_or(("name".to_owned(), Json::Text(currency.to_owned()))));
    record.extend(text(form, "address"));
    record.extend(text(form, "xpub"));
    let given = text(form, "view_key");
    let kept_key = kept.and_then(|wallet| match &wallet.receives {
        Destination::View(key)
            if !form.has("drop_view_key")
                && key.primary().as_str() == form.get("address").trim() =>
        {
            Some(("view_key".to_owned(), Json::Text(key.as_str().to_owned())))
        }
        _ => None,
    });
    record.extend(given.or(kept_key));
    record.extend(whole(form, "chain"));
    let decimals = whole(form, "decimals");
    match text(form, "contract") {
        Some((_, contract)) => {
            let mut token = vec![("contract".to_owned(), contract)];
            token.extend(decimals);
            record.push(("token".to_owned(), Json::Record(token)));
        }
        None => record.extend(decimals),
    }
    record
}

async fn save(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
    body: Payload,
) -> Result<HttpResponse, DeskError> {
    let form = DeskForm::read(&request, &seller, body).await?;
    let was = form.get("was");
    let kept = if was.is_empty() { None } else { find(&desk.shop.db, was).await? };
    let kept_wallet = kept.as_ref().map(|kept| &kept.wallet);
    let word = |field: &str| match (field, kept_wallet) {
        ("currency", Some(wallet)) => wallet.currency.to_string(),
        _ => form.get(field).to_owned(),
    };
    let again = |status| Shown {
        was,
        edition: form.edition(),
        has_view_key: kept_wallet.is_some_and(has_view_key),
        drops_view_key: form.has("drop_view_key"),
        ..Shown::fresh(status)
    };
    if let Some(fresh) = seller.fresh_password(&desk, &form).await? {
        let shown = Shown { fresh, ..again(StatusCode::UNPROCESSABLE_ENTITY) };
        return show_form(&seller, word, &shown);
    }
    let record = record_of(&form, kept_wallet);
    let of = (!was.is_empty()).then(|| (was, form.edition()));
    match actions::save_wallet(&desk.shop, of, &record, now()).await? {
        Saved::Done if was.is_empty() => Ok(see_other("/wallets?done=added")),
        Saved::Done => Ok(see_other("/wallets?done=changed")),
        Saved::Refused(found) => {
            let mut faults = Faults::new();
            add_faults(&mut faults, found, "", &[]);
            for (field, _) in &mut faults {
                // The form's own token has that name.
                if field == "token" {
                    "contract".clone_into(field);
                }
            }
            let shown = Shown { faults, ..again(StatusCode::UNPROCESSABLE_ENTITY) };
            show_form(&seller, word, &shown)
        }
        Saved::Stale(found) => {
            let shown = Shown {
                was: if found.is_some() { was } else { "" },
                edition: found.as_ref().map_or(0, |found| found.edition),
                meanwhile: Some(found.map(|found| found.wallet)),
                ..again(StatusCode::CONFLICT)
            };
            show_form(&seller, word, &shown)
        }
    }
}

async fn change_order(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
    body: Payload,
) -> Result<HttpResponse, DeskError> {
    let form = DeskForm::read(&request, &seller, body).await?;
    if let Ok(currency) = Currency::parse(form.get("was")) {
        actions::move_wallet(&desk.shop, &currency, form.get("to") == "up", now()).await?;
    }
    Ok(see_other("/wallets?done=moved"))
}

async fn ask_removal(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let kept = find(&desk.shop.db, &query_field(&request, "currency")).await?;
    let kept = kept.ok_or(DeskError::NotFound)?;
    show_removal(&desk, &seller, StatusCode::OK, &kept, Fresh::asked(), false).await
}

async fn show_removal(
    desk: &Desk,
    seller: &Seller,
    status: StatusCode,
    kept: &StoredWallet,
    fresh: Fresh,
    is_stale: bool,
) -> Result<HttpResponse, DeskError> {
    let currency = &kept.wallet.currency;
    let template = RemovalPage {
        layout: DeskLayout::new(seller, SECTION),
        currency: currency.as_str(),
        edition: kept.edition,
        is_stale,
        stranded: actions::what_hangs_on(&desk.shop, currency).await?,
        fresh,
    };
    page(status, &template)
}

async fn remove(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
    body: Payload,
) -> Result<HttpResponse, DeskError> {
    let form = DeskForm::read(&request, &seller, body).await?;
    // What is not there any more is removed.
    let Some(kept) = find(&desk.shop.db, form.get("was")).await? else {
        return Ok(see_other("/wallets?done=removed"));
    };
    let refused = StatusCode::UNPROCESSABLE_ENTITY;
    if let Some(fresh) = seller.fresh_password(&desk, &form).await? {
        return show_removal(&desk, &seller, refused, &kept, fresh, false).await;
    }
    let of = (&kept.wallet.currency, form.edition());
    match actions::remove_wallet(&desk.shop, of, now()).await? {
        Saved::Done | Saved::Stale(None) => Ok(see_other("/wallets?done=removed")),
        // The page says what hinders it.
        Saved::Refused(_) => {
            show_removal(&desk, &seller, refused, &kept, Fresh::asked(), false).await
        }
        Saved::Stale(Some(kept)) => {
            let status = StatusCode::CONFLICT;
            show_removal(&desk, &seller, status, &kept, Fresh::asked(), true).await
        }
    }
}

/// The address of what a wallet's links lead to.
impl WalletView {
    fn href(&self, what: &str) -> String {
        format!("/wallets/{what}?currency={}", encoded(&self.currency))
    }
}
