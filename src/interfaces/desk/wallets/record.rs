//! A wallet as a record of the desk.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use crate::actions;
use crate::actions::{Saved, Shop};
use crate::domain::catalog::{CatalogFile, Fault, Json};
use crate::domain::payment::{Coin, Destination, Wallet};
use crate::domain::values::{Currency, plural};
use crate::infra::store;
use crate::infra::store::wallets::{StoredWallet, Stranded};
use crate::infra::store::{Db, StoreError};
use crate::interfaces::desk::confirmation::Obstacles;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::field_view::{FieldKind, FieldView};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::password_prompt::Fresh;
use crate::interfaces::desk::record_form::RecordForm;
use crate::interfaces::desk::records::{OrderedRecord, Question, Record, RecordView, Written};
use crate::interfaces::http::now;

#[derive(Template)]
#[template(path = "desk/trade/wallet.html")]
struct WalletPage<'a> {
    layout: DeskLayout<'a>,
    fresh: Fresh,
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
    const ASKS_PASSWORD: bool = true;

    fn key(&self) -> &str {
        self.wallet.currency.as_str()
    }

    fn edition(&self) -> i64 {
        self.edition
    }

    fn fields(_: &[Wallet], record: Option<&Self>) -> Vec<FieldView> {
        let field = |name, label| FieldView::new(name, label, FieldKind::OfWallet);
        let has_view_key = record.is_some_and(|record| has_view_key(&record.wallet));
        vec![
            field("currency", "Currency").hint(
                "ETH, BTC or XMR; or 2 to 10 letters and digits for a coin with a chain or token",
            ),
            field("name", "Name").hint("shown to buyers; empty: the currency"),
            field("address", "Address").hint("shared by all orders; for Monero, the primary address"),
            field("xpub", "Extended public key")
                .hint("xpub, ypub or zpub: a separate address for each order"),
            field("view_key", "Monero private view key").hint(if has_view_key {
                "stored, not shown; leave empty to keep it"
            } else {
                "optional; with the primary address it gives each order its own subaddress and can see incoming payments"
            }),
            field("chain", "Chain ID").hint("EIP-155 number; empty: 1, Ethereum mainnet"),
            field("contract", "Token contract").hint("0x…"),
            field("decimals", "Token decimals").hint("as in the contract"),
        ]
    }

    /// A view key is never shown.
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

    /// A view key that is kept stays where the form gives no other and the address is the same.
    fn write(form: &RecordForm, _: &[Wallet], record: Option<&Self>) -> Written {
        let kept = record.map(|record| &record.wallet);
        // Of a wallet that is changed the currency is not asked.
        let currency = kept.map_or(form.get("currency").trim(), |kept| kept.currency.as_str());
        let mut record = vec![("currency".to_owned(), Json::Text(currency.to_owned()))];
        record.push(
            form.text("name").unwrap_or(("name".to_owned(), Json::Text(currency.to_owned()))),
        );
        record.extend(form.text("address"));
        record.extend(form.text("xpub"));
        let given = form.text("view_key");
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
        record.extend(form.whole("chain"));
        let decimals = form.whole("decimals");
        match form.text("contract") {
            Some((_, contract)) => {
                let mut token = vec![("contract".to_owned(), contract)];
                token.extend(decimals);
                record.push(("token".to_owned(), Json::Record(token)));
            }
            None => record.extend(decimals),
        }
        Written { fields: record, ..Written::default() }
    }

    fn check(fields: &[(String, Json)], _: &[Wallet]) -> Vec<Fault> {
        CatalogFile::parse_wallet("wallet", fields).err().unwrap_or_default()
    }

    fn show(status: StatusCode, view: RecordView<'_, Self>) -> Result<HttpResponse, DeskError> {
        let template = WalletPage {
            layout: view.layout,
            fresh: view.fresh,
            has_view_key: view.record.is_some_and(|record| has_view_key(&record.wallet)),
            drops_view_key: view.form.is_some_and(|form| form.has("drop_view_key")),
            view,
        };
        page(status, &template)
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
            // The form's own token has that name.
            for fault in faults.iter_mut().filter(|fault| fault.place.field == "token") {
                "contract".clone_into(&mut fault.place.field);
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

    async fn question(&self, shop: &Shop) -> anyhow::Result<Question> {
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
        Ok(Question { title: format!("Remove {currency} wallet"), consequences, obstacles })
    }
}

impl OrderedRecord for StoredWallet {
    async fn shift(shop: &Shop, key: &str, up: bool) -> anyhow::Result<()> {
        match Currency::parse(key) {
            Ok(currency) => actions::move_wallet(shop, &currency, up, now()).await,
            Err(_) => Ok(()),
        }
    }
}

fn obstacles(currency: &Currency, stranded: &Stranded) -> Obstacles {
    let what = plural(
        stranded.n,
        "product, shipping method or discount is",
        "products, shipping methods or discounts are",
    );
    let text = format!(
        "This wallet cannot be removed yet: {what} priced only in {currency}. Add a price in another currency or remove them first."
    );
    let mut names = stranded.names.clone();
    if names.len() < stranded.n {
        names.push("…".to_owned());
    }
    Obstacles { text, names }
}
