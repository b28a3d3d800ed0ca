//! The shop's use cases. A file is named by what it does, or by the concept it serves (`availability`, `siege`).

/// Lets `?` turn whatever else fails in an action into the error's variant `Broken`.
macro_rules! broken_from {
    ($error:ty) => {
        impl From<anyhow::Error> for $error {
            fn from(error: anyhow::Error) -> Self {
                Self::Broken(error)
            }
        }

        impl From<crate::infra::store::StoreError> for $error {
            fn from(error: crate::infra::store::StoreError) -> Self {
                Self::Broken(error.into())
            }
        }
    };
}

mod add_picture;
mod answer_buyer;
mod apply_import;
mod apply_payments;
mod apply_reply;
mod ask_seller;
mod authenticator;
mod availability;
mod back_up;
mod batch_queue;
mod build_sprites;
mod cancel_unpaid;
mod change_appearance;
mod change_order;
mod change_order_at_desk;
mod change_second_factor;
mod check_clock;
mod check_readiness;
mod check_seller_activity;
mod close_shop;
mod coarsen_statistics;
mod deliver_digital;
mod digital_edit;
mod digital_import;
mod downloads;
mod edit_pricing;
mod edit_product;
mod edit_wallet;
mod empty_catalog;
mod enforce_unpaid_quota;
mod erase_buyer;
mod expire_orders;
mod export_orders;
mod image_worker;
mod import_catalog;
mod import_pictures;
mod insert_order;
mod load_sent_messages;
mod manage_files;
mod manage_product;
mod mark_seen;
mod notify_seller;
mod order_queue;
mod order_steps;
mod place_order;
mod prune_audit_log;
mod purge_orders;
mod quote_order;
mod record_node_failure;
mod render_picture;
mod report_payment;
mod reprice;
mod set_exchange_rates;
mod set_password;
mod siege;
mod sign_in;
mod sign_out;
mod sync_pages;
mod sync_read_marks;
mod write_page;

pub use add_picture::{AddedPicture, add_picture, name_pictures};
pub use answer_buyer::{AnswerError, answer_buyer};
pub use apply_import::{await_import, complete_import};
pub use apply_payments::apply_payments;
pub use apply_reply::{ApplyReplyError, apply_reply};
pub use ask_seller::{AskSellerError, MAX_MESSAGE, Question, UnfitMessage, ask_seller};
pub use authenticator::{AuthError, Authenticator, Credentials, LoginQueue};
pub use availability::{
    Availability, ClosedReason, is_near_end, load_seller_key, refuse_key, store_key_fingerprint,
    why_closed,
};
pub use back_up::{Backup, BackupError, back_up, back_up_at_desk, remove_old_snapshot};
pub use cancel_unpaid::{UnpaidCancellation, cancel_unpaid, cancel_unpaid_at_desk};
pub use change_appearance::{
    AppearanceError, LookChange, change_appearance, remove_logo, set_logo,
};
pub use change_order::{ChangeOrderError, OrderChange, change_order};
pub use change_order_at_desk::{ChangeAtDeskError, change_order_at_desk, ship_orders};
pub use change_second_factor::{
    ConfirmFactorError, begin_factor, confirm_factor, drop_factor, renew_recovery,
};
pub use check_clock::{
    AcceptClockError, ClockDoubted, accept_clock, check_clock, doubt_clock, note_jump,
};
pub use check_readiness::check_readiness;
pub use check_seller_activity::check_seller_activity;
pub use close_shop::{close_shop, open_shop};
pub use coarsen_statistics::{best_since, coarsen_statistics, delete_statistics};
pub use downloads::{
    DeliveredFile, DeliveredLine, Download, DownloadError, list_delivered, open_download,
    renew_downloads,
};
pub use edit_pricing::{
    Saved, Shown, move_rate, remove_discount, remove_rate, save_discount, save_rate,
};
pub use edit_product::{Edited, PoolEdit, ProductEdit, edit_product};
pub use edit_wallet::{move_wallet, remove_wallet, save_wallet};
pub use empty_catalog::empty_catalog;
pub use enforce_unpaid_quota::enforce_unpaid_quota;
pub use erase_buyer::erase_buyer;
pub use expire_orders::expire_orders;
pub use export_orders::{ExportFormat, OrderExport};
pub use image_worker::{Answering, ImageWorker, PictureError, PictureRequest, Subprocess, develop};
pub use import_catalog::{
    CheckedFile, ImportError, Stocked, Stocking, import_catalog, list_changes, validate_catalog,
};
pub use insert_order::OrderRequest;
pub use load_sent_messages::{SentMessage, load_sent_messages};
pub use manage_files::{
    AddFileError, DeleteFileError, DigitalFile, add_file, begin_file, delete_file, list_file_uses,
    list_files, write_file,
};
pub use manage_product::{
    AddStockError, DeleteProductError, NewPosition, add_stock, delete_product, duplicate_product,
    hide_product, move_product, rename_category,
};
pub use mark_seen::mark_seen;
pub use notify_seller::{clear_drafts, deliver_outbox, notify_seller};
pub use order_queue::OrderQueue;
pub use place_order::place_order;
pub use prune_audit_log::{count_old_actions, prune_audit_log};
pub use purge_orders::{
    PurgeError, count_forgettable, empty_journal, list_forgettable, purge_orders,
};
pub use quote_order::{OrderPreview, PlaceOrderError, PreviewRequest, preview_order};
pub use record_node_failure::record_node_failure;
pub use report_payment::{ReportPaymentError, report_payment};
pub use reprice::{list_price_changes, reprice};
pub use set_exchange_rates::{
    NewRates, RateRefusal, list_exchange_rates, remove_exchange_rate, set_exchange_rates,
    set_newer_exchange_rates,
};
pub use set_password::{change_password, set_password};
pub use siege::{check_siege, minutes_to_pay};
pub use sign_in::{NewSession, confirm_password, confirm_seller, sign_in};
pub use sign_out::{end_sessions, forget_wrong_codes, sign_out};
pub use sync_pages::{PageFile, list_pages_over_desk, sync_pages};
pub use sync_read_marks::sync_read_marks;
pub use write_page::{
    WritePageError, add_page, change_page, list_page_texts, remove_page, swap_pages,
};

pub use crate::infra::failpoints;

use std::sync::Arc;

use crate::domain::payment::Tolerance;
use crate::domain::values::{FiatCurrency, Mailbox, Notify, Reading};
use crate::infra::files::DigitalFolders;
use crate::infra::mail::Maildir;
use crate::infra::pictures::{Gallery, Originals};
use crate::infra::store;
use crate::infra::store::{Connection, Db, StoreError};

/// The context that every action gets.
#[derive(Clone)]
pub struct Shop {
    pub db: Db,
    pub maildir: Maildir,
    pub pictures: Gallery,
    /// The seller's own pictures.
    pub originals: Originals,
    /// What digital products deliver.
    pub digital: DigitalFolders,
    pub image_worker: ImageWorker,
    pub policy: Policy,
    pub availability: Arc<Availability>,
    pub order_queue: Arc<OrderQueue>,
    /// Reads the host's clocks.
    pub clocks: fn() -> Reading,
    /// The shop's own salt, for values derived from buyers' codes.
    pub salt: Arc<[u8]>,
}

impl Shop {
    /// The seller's folders beside the database.
    fn folders(&self) -> SellerFolders {
        SellerFolders { pictures: self.originals.clone(), digital: self.digital.clone() }
    }

    /// The current readings of the host's clocks.
    fn reading(&self) -> Reading {
        (self.clocks)()
    }

    /// The shop's name: a name set at the desk overrides the configuration at once.
    async fn name(&self, db: &mut Connection) -> Result<String, StoreError> {
        let name = store::appearance::find_name(db).await?;
        Ok(name.unwrap_or_else(|| self.policy.site_name.clone()))
    }
}

/// The folders that a catalog file names files of.
pub struct SellerFolders {
    pub pictures: Originals,
    pub digital: DigitalFolders,
}

/// The seller's settings that actions depend on.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Until the desk sets another: see `Shop::name`.
    pub site_name: String,
    /// The recipient of orders.
    pub seller: Mailbox,
    /// Units: minutes that a quoted amount is valid.
    pub payment_minutes: i64,
    /// Units: days that a finished order is kept.
    pub keep_days: i64,
    /// Whether an erased order's messages are also deleted from the Maildir.
    pub purge_mail: bool,
    /// Units: days that the seller may leave new mail unread before the shop closes itself; 0: no limit.
    pub close_after_days: i64,
    /// Whether buyers see that the seller has read their messages.
    pub read_marks: bool,
    /// Units: unpaid orders of an hour with which siege mode begins.
    pub siege_orders: i64,
    /// Units: bytes that unpaid orders may take.
    pub unpaid_bytes: i64,
    /// When the seller is notified of an order.
    pub notify: Notify,
    /// How far a payment may be below or above its amount and still count as exact.
    pub tolerance: Tolerance,
    /// The reference currency; without one, no exchange rate counts.
    pub price_in: Option<FiatCurrency>,
}
