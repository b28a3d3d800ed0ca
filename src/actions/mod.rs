//! What the shop does: one file each, named by its verb.

mod ask_seller;
mod blur_figures;
mod change_factor;
mod change_look;
mod change_order;
mod close_shop;
mod darkroom;
mod doubt_node;
mod edit_product;
mod edit_trade;
mod edit_wallet;
mod empty_catalog;
mod erase_buyer;
mod expire_orders;
mod follow_payments;
mod forget_deeds;
mod forget_orders;
mod hang_pages;
mod look_at_clock;
mod look_for_reading;
mod look_for_seller;
mod notify_seller;
mod openness;
mod paint_sheets;
mod place_order;
mod porter;
mod post_answer;
mod post_reply;
mod read_letters;
mod report_payment;
mod set_password;
mod sign_in;
mod sign_out;
mod stock_shelves;
mod take_picture;
mod take_seen;
mod take_steps;
mod tend_product;
mod try_to_work;
mod write_page;

pub use ask_seller::{MOST_MESSAGE, Question, Unasked, Unfit, ask_seller};
pub use blur_figures::{best_since, blur_figures, forget_figures};
pub use change_factor::{FactorUnset, begin_factor, confirm_factor, drop_factor, renew_recovery};
pub use change_look::{LookChange, Unlooked, change_look, hang_logo, take_logo_down};
pub use change_order::{OrderChange, Unchanged, change_order};
pub use close_shop::{close_shop, open_shop};
pub use darkroom::{Answering, Apart, Darkroom, PictureRequest, develop};
pub use doubt_node::doubt_node;
pub use edit_product::{Edited, PoolEdit, ProductEdit, edit_product};
pub use edit_trade::{
    Saved, Shown, move_rate, remove_discount, remove_rate, save_discount, save_rate,
};
pub use edit_wallet::{move_wallet, remove_wallet, save_wallet, what_hangs_on};
pub use empty_catalog::empty_catalog;
pub use erase_buyer::erase_buyer;
pub use expire_orders::expire_orders;
pub use follow_payments::follow_payments;
pub use forget_deeds::{count_old_deeds, forget_deeds};
pub use forget_orders::{empty_journal, forget_orders, list_forgettable};
pub use hang_pages::{PageFile, hang_pages, list_pages_over_desk};
pub use look_at_clock::{
    ClockDoubted, NotAcceptable, accept_clock, doubt_clock, look_at_clock, note_jump,
};
pub use look_for_reading::look_for_reading;
pub use look_for_seller::look_for_seller;
pub use notify_seller::{clear_drafts, notify_seller, sweep};
pub use openness::{Closed, Openness, refuse_key, remember_key, take_key, why_closed};
pub use place_order::{Placed, Placing, place_order};
pub use porter::{Given, Line, NotIn, Porter};
pub use post_answer::{Unanswered, post_answer};
pub use post_reply::{Unposted, post_reply};
pub use read_letters::{Letter, read_letters};
pub use report_payment::{Unreported, report_payment};
pub use set_password::{change_password, set_password};
pub use sign_in::{Signing, confirm_password, confirm_seller, sign_in};
pub use sign_out::{end_sessions, forget_wrong_codes, sign_out};
pub use stock_shelves::{
    Stocked, Stocking, Unstocked, check_shelves, has_faults, list_changes, stock_shelves,
};
pub use take_picture::{TakenPicture, name_pictures, take_picture};
pub use take_seen::take_seen;
pub use take_steps::{Untaken, send_orders, take_step};
pub use tend_product::{
    Place, Stale, add_stock, delete_product, duplicate_product, hide_product, move_product,
    rename_category,
};
pub use try_to_work::try_to_work;
pub use write_page::{Unwritten, add_page, change_page, list_page_texts, remove_page, swap_pages};

pub use crate::stops;

use crate::mail::Maildir;
use crate::payment::Tolerance;
use crate::pictures::Gallery;
use crate::pictures::Originals;
use crate::store;
use crate::store::Db;
use crate::store::StoreError;
use crate::store::Tx;
use crate::values::Mailbox;
use crate::values::Reading;
use std::sync::Arc;

/// What an action may touch.
#[derive(Clone)]
pub struct Shop {
    pub db: Db,
    pub maildir: Maildir,
    pub pictures: Gallery,
    /// The seller's own pictures.
    pub originals: Originals,
    pub darkroom: Darkroom,
    pub terms: Terms,
    pub openness: Arc<Openness>,
    /// Reads the host's clocks.
    pub clocks: fn() -> Reading,
    /// The shop's own: goes into what is made from buyers' codes.
    pub salt: Arc<[u8]>,
}

impl Shop {
    /// What the host's clocks say now.
    fn reading(&self) -> Reading {
        (self.clocks)()
    }

    /// The shop's name: what the desk says stands above the settings, from the moment it was said.
    async fn name(&self) -> Result<String, StoreError> {
        let name = store::look::find_name(&self.db).await?;
        Ok(name.unwrap_or_else(|| self.terms.site_name.clone()))
    }

    /// The same inside a transaction.
    async fn name_now(&self, tx: &mut Tx) -> Result<String, StoreError> {
        let name = store::look::find_name_now(tx).await?;
        Ok(name.unwrap_or_else(|| self.terms.site_name.clone()))
    }
}

/// The seller's settings, as far as the shop's deeds hang on them.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Until the desk says another: see `Shop::name`.
    pub site_name: String,
    /// Whom orders are addressed to.
    pub seller: Mailbox,
    /// Units: minutes that a quoted amount stands.
    pub payment_minutes: i64,
    /// Units: days that a finished order is kept.
    pub keep_days: i64,
    /// Whether an erased order's messages are taken out of the Maildir too.
    pub purge_mail: bool,
    /// Units: days that the seller may leave new mail unread before the shop closes itself; 0: any number.
    pub close_after_days: i64,
    /// Whether buyers are told that the seller has read what they wrote.
    pub read_marks: bool,
    /// Units: orders that may wait for their payment at the same time.
    pub most_unpaid: i64,
    /// Units: percent of a stock that they may hold.
    pub most_held: i64,
    /// What a payment may be short of its amount, or above it, without a word about it.
    pub tolerance: Tolerance,
}
