//! Filters of the order list.

use actix_web::HttpRequest;
use serde::Deserialize;

use crate::domain::orders::{PendingTask, RefPart, Status};
use crate::domain::values::text::sentence;
use crate::domain::values::{Currency, Timestamp};
use crate::infra::store::order_query::{Cursor, OrderQuery, Sort};
use crate::infra::store::order_reports::Filter;
use crate::interfaces::desk::page::address_with_query;
use crate::interfaces::http::query_field;

/// The filters as the query string has them.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Filters {
    /// A status, a task, `answer` or nothing.
    pub show: String,
    pub currency: String,
    pub since: String,
    pub before: String,
    pub part: String,
    pub sort: String,
    /// The cursor of the page.
    pub after: String,
}

/// Field and error text.
pub type Faults = Vec<(&'static str, String)>;

/// The filter of orders whose buyers wait for an answer, in any status.
pub const TO_ANSWER: &str = "answer";

impl Filters {
    pub fn of(request: &HttpRequest) -> Self {
        let field = |name| query_field(request, name).trim().chars().take(40).collect();
        Self {
            show: field("show"),
            currency: field("currency"),
            since: field("since"),
            before: field("before"),
            part: field("part"),
            sort: field("sort"),
            after: field("after"),
        }
    }

    /// The query, and what is wrong with the filters.
    pub fn read(&self) -> (OrderQuery, Faults) {
        let mut faults = Faults::new();
        let mut day = |field, text: &str| {
            let day = (!text.is_empty()).then(|| Timestamp::parse_day(text)).transpose();
            day.unwrap_or_else(|fault| {
                faults.push((field, sentence(&fault.to_string())));
                None
            })
        };
        let (since, before) = (day("since", &self.since), day("before", &self.before));
        if let (Some(since), Some(before)) = (since, before)
            && before < since
        {
            faults.push(("before", "This day is before “Placed since”.".to_owned()));
        }
        let part = (!self.part.is_empty()).then(|| RefPart::parse(&self.part)).transpose();
        let part = part.unwrap_or_else(|fault| {
            faults.push(("part", sentence(&fault.to_string())));
            None
        });
        let task = PendingTask::ALL.into_iter().find(|task| task.as_str() == self.show);
        let states = match (task, Status::parse(&self.show)) {
            (Some(task), _) => task.states(),
            (None, Ok(status)) => vec![status],
            (None, Err(_)) => Vec::new(),
        };
        let sort = match self.sort.as_str() {
            "oldest" => Sort::Oldest,
            "amount" => Sort::Amount,
            _ => Sort::Newest,
        };
        let is_unanswered = self.show == TO_ANSWER;
        let currency = Currency::parse(&self.currency).ok();
        let is_delivered = task.and_then(PendingTask::is_delivered);
        let filter = Filter { states, is_delivered, since, before, currency };
        (OrderQuery { filter, is_unanswered, part, sort }, faults)
    }

    pub fn cursor(&self) -> Option<Cursor> {
        Cursor::parse(&self.after)
    }

    /// Whether the list leaves out any orders.
    pub fn is_filtered(&self) -> bool {
        [&self.show, &self.currency, &self.since, &self.before, &self.part]
            .iter()
            .any(|field| !field.is_empty())
    }

    /// The address of the list. `after`: the cursor.
    pub fn address(&self, after: &str) -> String {
        self.address_of("/orders", after)
    }

    /// Whether exactly these orders can be exported: not by a part of the order number, nor those to be answered.
    pub fn can_export(&self) -> bool {
        self.show != TO_ANSWER && self.part.is_empty()
    }

    /// Where the orders of these filters are downloaded.
    pub fn export_address(&self, format: &str) -> String {
        let fields = [
            ("format", format),
            ("show", self.show.as_str()),
            ("currency", &self.currency),
            ("since", &self.since),
            ("before", &self.before),
        ];
        address_with_query("/orders/export", &fields)
    }

    /// The address of another page with these filters.
    pub fn address_of(&self, page: &str, after: &str) -> String {
        let fields = [
            ("show", self.show.as_str()),
            ("currency", &self.currency),
            ("since", &self.since),
            ("before", &self.before),
            ("part", &self.part),
            ("sort", &self.sort),
            ("after", after),
        ];
        address_with_query(page, &fields)
    }
}
