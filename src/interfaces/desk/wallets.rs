//! Wallets at the desk.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, web};
use askama::Template;

use crate::actions;
use crate::actions::{Saved, Shop};
use crate::domain::catalog::{CatalogFile, Fault, Json};
use crate::domain::payment::{Coin, Destination, Wallet};
use crate::domain::values::{Currency, plural};
use crate::infra::store;
use crate::infra::store::address_indexes::Reach;
use crate::infra::store::wallets::{StoredWallet, Stranded};
use crate::infra::store::{Db, StoreError};
use crate::interfaces::desk::confirmation::Obstacles;
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::field_view::{FieldKind, FieldView};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::parsed_form::ParsedForm;
use crate::interfaces::desk::password_prompt::PasswordPrompt;
use crate::interfaces::desk::record_form::RecordForm;
use crate::interfaces::desk::records;
use crate::interfaces::desk::records::{OrderedRecord, Record, RecordView, Removal};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::{now, query_field};

pub fn addresses(config: &mut ServiceConfig) {
    records::ordered_addresses::<StoredWallet>(config);
    config.route("/wallets/addresses", web::get().to(show_addresses));
}

static CURRENCIES: LazyLock<String> = LazyLock::new(|| {
    let names = Coin::names();
    format!("one of {names}; or 2 to 10 letters and digits for a coin with a chain or token")
});

/// Units: addresses.
const N_FIRST: u32 = 3;
const N_NEXT: usize = 3;
const N_LISTED: u32 = 20;

#[derive(Template)]
#[template(path = "desk/records/wallets.html")]
struct WalletsPage<'a> {
    layout: DeskLayout<'a>,
    wallets: Vec<WalletView<'a>>,
}

struct WalletView<'a> {
    record: &'a StoredWallet,
    wallet: &'a Wallet,
    /// Index and address, to compare with a wallet program.
    first: Vec<(u32, String)>,
    /// Of the next orders; empty if all orders share one address.
    next: Vec<(u32, String)>,
    reach: Option<Reach>,
}

impl<'a> WalletView<'a> {
    async fn new(db: &Db, record: &'a StoredWallet) -> Result<Self, StoreError> {
        let wallet = &record.wallet;
        let (mut next, mut reach) = (Vec::new(), None);
        if let Some(account) = wallet.receives.account() {
            let mut db = db.reader().await?;
            for index in store::address_indexes::list_next(&mut db, &account, N_NEXT).await? {
                next.push((index, wallet.address(index).to_string()));
            }
            reach = store::address_indexes::find_reach(&mut db, &account).await?;
        }
        Ok(Self { record, wallet, first: numbered_addresses(wallet, 0, N_FIRST), next, reach })
    }
}

fn numbered_addresses(wallet: &Wallet, first: u32, n: u32) -> Vec<(u32, String)> {
    let addresses = wallet.addresses(first, n);
    (first..).zip(addresses).map(|(index, address)| (index, address.to_string())).collect()
}

#[derive(Template)]
#[template(path = "desk/records/addresses.html")]
struct AddressesPage<'a> {
    layout: DeskLayout<'a>,
    currency: &'a str,
    addresses: Vec<(u32, String)>,
    is_numbered: bool,
    earlier: Option<u32>,
    later: u32,
}

async fn show_addresses(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let record = records::find::<StoredWallet>(&desk, &query_field(&request, "currency")).await?;
    let wallet = record.ok_or(DeskError::NotFound)?.wallet;
    let first: u32 = query_field(&request, "first").parse().unwrap_or(0);
    let template = AddressesPage {
        layout: DeskLayout::new(&seller, StoredWallet::SECTION),
        currency: wallet.currency.as_str(),
        is_numbered: wallet.receives.account().is_some(),
        addresses: numbered_addresses(&wallet, first, N_LISTED),
        earlier: (0 < first).then(|| first.saturating_sub(N_LISTED)),
        later: first.saturating_add(N_LISTED),
    };
    page(StatusCode::OK, &template)
}

#[derive(Template)]
#[template(path = "desk/records/wallet.html")]
struct WalletPage<'a> {
    layout: DeskLayout<'a>,
    prompt: PasswordPrompt,
    has_view_key: bool,
    drops_view_key: bool,
    view: RecordView<'a, StoredWallet>,
}

fn has_view_key(wallet: &Wallet) -> bool {
    matches!(wallet.receives, Destination::View(_))
}

impl Record for StoredWallet {
    const SECTION: &'static str = "/wallets";
    const KEY: &'static str = "currency";
    const NOTICES: &'static [(&'static str, &'static str)] = &[
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
    const ASKS_PASSWORD: bool = true;

    fn key(&self) -> &str {
        self.wallet.currency.as_str()
    }

    fn edition(&self) -> i64 {
        self.edition
    }

    fn fields(_: &[Wallet], record: Option<&Self>) -> Vec<FieldView> {
        let field = |name, label| FieldView::new(name, label, FieldKind::Wallet);
        let has_view_key = record.is_some_and(|record| has_view_key(&record.wallet));
        vec![
            field("currency", "Currency").hint(&CURRENCIES),
            field("name", "Name").hint("shown to buyers; empty: the currency"),
            field("address", "Address").hint("shared by all orders; for Monero, the primary address"),
            field("xpub", "Extended public key")
                .hint("xpub, ypub, zpub, Ltub, Mtub or dgub: a separate address for each order"),
            field("view_key", "Monero private view key").hint(if has_view_key {
                "stored, not shown; leave empty to keep it"
            } else {
                "optional; with the primary address it gives each order its own subaddress and can see incoming payments"
            }),
            field("chain", "Chain ID").hint("EIP-155 number; empty: 1, Ethereum mainnet"),
            field("contract", "Token contract")
                .hint("USDT, USDC or DAI on Ethereum mainnet; or the address, 0x…"),
            field("decimals", "Token decimals")
                .hint("as in the contract; not needed for USDT, USDC and DAI"),
        ]
    }

    /// Never shows the view key.
    fn value(&self, field: &str) -> String {
        let wallet = &self.wallet;
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

    /// The stored view key is kept if the form gives no other and the address is the same.
    fn parse(form: &RecordForm, _: &[Wallet], record: Option<&Self>) -> ParsedForm {
        let stored = record.map(|record| &record.wallet);
        // The currency of a stored wallet cannot change, and its form does not ask for it.
        let currency =
            stored.map_or(form.get("currency").trim(), |wallet| wallet.currency.as_str());
        let text = |name: &str, value: &str| (name.to_owned(), Json::String(value.to_owned()));
        let mut fields = vec![text("currency", currency)];
        fields.push(form.text("name").unwrap_or_else(|| text("name", currency)));
        fields.extend(form.text("address"));
        fields.extend(form.text("xpub"));
        let stored_key = stored.and_then(|wallet| match &wallet.receives {
            Destination::View(key)
                if !form.has("drop_view_key")
                    && key.primary().as_str() == form.get("address").trim() =>
            {
                Some(text("view_key", key.as_str()))
            }
            _ => None,
        });
        fields.extend(form.text("view_key").or(stored_key));
        fields.extend(form.whole("chain"));
        let decimals = form.whole("decimals");
        match form.text("contract") {
            Some(contract) => {
                let token = [contract].into_iter().chain(decimals).collect();
                fields.push(("token".to_owned(), Json::Object(token)));
            }
            None => fields.extend(decimals),
        }
        ParsedForm { fields, ..ParsedForm::default() }
    }

    fn check(fields: &[(String, Json)], _: &[Wallet]) -> Vec<Fault> {
        CatalogFile::parse_wallet("wallet", fields).err().unwrap_or_default()
    }

    async fn show_list(desk: &Desk, layout: DeskLayout<'_>) -> DeskResult {
        let records = Self::list(&desk.shop.db).await?;
        let mut wallets = Vec::new();
        for record in &records {
            wallets.push(WalletView::new(&desk.shop.db, record).await?);
        }
        page(StatusCode::OK, &WalletsPage { layout, wallets })
    }

    fn show_form(status: StatusCode, view: RecordView<'_, Self>) -> DeskResult {
        let template = WalletPage {
            layout: view.layout,
            prompt: view.prompt,
            has_view_key: view.record.is_some_and(|record| has_view_key(&record.wallet)),
            drops_view_key: view.form.is_some_and(|form| form.has("drop_view_key")),
            view,
        };
        page(status, &template)
    }

    async fn removal(&self, shop: &Shop) -> anyhow::Result<Removal> {
        let currency = &self.wallet.currency;
        let stranded =
            store::wallets::list_stranded(&mut *shop.db.reader().await?, currency).await?;
        let orders = match stranded.n_orders {
            0 => format!("No order is awaiting payment in {currency}."),
            n => format!(
                "{} awaiting payment in {currency} and {}. Keep watching that wallet until then.",
                plural(n, "order is", "orders are"),
                if n == 1 { "keeps its address" } else { "keep their addresses" }
            ),
        };
        let consequences = vec![
            format!("Buyers can no longer pay in {currency}."),
            format!(
                "All prices in {currency} are deleted: of {} with their options, of shipping and of discounts. If you add a {currency} wallet again, you have to enter them again.",
                plural(stranded.n_products, "product", "products")
            ),
            orders,
            "Used addresses are never used again, even if you add this wallet again.".to_owned(),
        ];
        let obstacles = (!stranded.is_empty()).then(|| obstacles(currency, &stranded));
        Ok(Removal { title: format!("Remove {currency} wallet"), consequences, obstacles })
    }

    async fn list(db: &Db) -> Result<Vec<Self>, StoreError> {
        store::wallets::list_stored(&mut *db.reader().await?).await
    }

    async fn save(
        shop: &Shop,
        shown: Option<(&str, i64)>,
        fields: &[(String, Json)],
    ) -> anyhow::Result<Saved<Self>> {
        let mut saved = actions::save_wallet(shop, shown, fields, now()).await?;
        if let Saved::Refused(faults) = &mut saved {
            // In this form, `token` is the token against forgery.
            for fault in faults.iter_mut().filter(|fault| fault.field == "token") {
                "contract".clone_into(&mut fault.field);
            }
        }
        Ok(saved)
    }

    async fn remove(shop: &Shop, key: &str, edition: i64) -> anyhow::Result<Saved<Self>> {
        match Currency::parse(key) {
            Ok(currency) => actions::remove_wallet(shop, (&currency, edition), now()).await,
            Err(_) => Ok(Saved::Stale(None)),
        }
    }
}

impl OrderedRecord for StoredWallet {
    async fn reorder(shop: &Shop, key: &str, up: bool) -> anyhow::Result<()> {
        match Currency::parse(key) {
            Ok(currency) => actions::move_wallet(shop, &currency, up, now()).await,
            Err(_) => Ok(()),
        }
    }
}

fn obstacles(currency: &Currency, stranded: &Stranded) -> Obstacles {
    let priced = plural(
        stranded.n,
        "product, shipping method or discount is",
        "products, shipping methods or discounts are",
    );
    let text = format!(
        "This wallet cannot be removed yet: {priced} priced only in {currency}. Add a price in another currency or remove them first."
    );
    let mut names = stranded.names.clone();
    if names.len() < stranded.n {
        names.push("…".to_owned());
    }
    Obstacles { text, names }
}
