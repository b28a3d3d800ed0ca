//! `/metrics`: figures for the seller's own monitoring, in Prometheus' text format.

use std::fmt::{Display, Write};

use actix_web::http::header;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::actions;
use crate::domain::orders::Status;
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::metrics::{Metrics, TorFigures};
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;

pub fn addresses(config: &mut ServiceConfig) {
    config.route("/metrics", web::get().to(show));
}

/// Without `METRICS_TOKEN` there is no such page.
async fn show(request: HttpRequest, desk: Data<Desk>) -> DeskResult {
    let metrics = desk.metrics.as_ref().ok_or(DeskError::NotFound)?;
    if !is_allowed(&request, &desk, metrics) {
        return Ok(HttpResponse::Unauthorized()
            .insert_header((header::WWW_AUTHENTICATE, "Bearer"))
            .content_type("text/plain; charset=utf-8")
            .body("Send the header \"Authorization: Bearer\" with METRICS_TOKEN.\n"));
    }
    let mut text = Exposition::default();
    write_process(&mut text, metrics);
    write_shop(&mut text, &desk, now()).await?;
    if let Some(tor) = (metrics.find_tor)() {
        write_tor(&mut text, &tor);
    }
    // Source: https://prometheus.io/docs/instrumenting/exposition_formats/
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text.0))
}

/// Compares in constant time.
fn is_allowed(request: &HttpRequest, desk: &Desk, metrics: &Metrics) -> bool {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((scheme, token)) = given.and_then(|given| given.split_once(' ')) else { return false };
    let mac = |token: &str| format!("metrics {token}");
    scheme.eq_ignore_ascii_case("bearer")
        && desk.token_key.verify(&mac(token.trim()), &desk.token_key.token(&mac(&metrics.token)))
}

fn write_process(text: &mut Exposition, metrics: &Metrics) {
    text.family("shop_build_info", GAUGE, "The program's version.");
    text.sample("shop_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    let name = "shop_requests_total";
    text.family(name, COUNTER, "Requests of buyers since the start, by kind of page and status.");
    for count in metrics.requests.list() {
        text.sample(name, &[("page", count.page), ("status", count.status)], count.n);
    }
}

async fn write_shop(text: &mut Exposition, desk: &Desk, now: Timestamp) -> Result<(), DeskError> {
    let is_ready = actions::check_readiness(&desk.shop).await.is_ok();
    let closed = actions::why_closed(&desk.shop, now).await?;
    let mut db = desk.shop.db.reader().await?;
    text.family("shop_accepts_orders", GAUGE, "1: an order could be placed now.");
    text.sample("shop_accepts_orders", &[], u8::from(is_ready && closed.is_none()));
    let counts = store::order_reports::count_states(&mut db).await?;
    text.family("shop_orders", GAUGE, "Orders that are stored, by state.");
    for status in Status::ALL {
        let found = counts.iter().find(|(counted, _)| *counted == status);
        let n = found.map_or(0, |(_, n)| *n);
        text.sample("shop_orders", &[("state", status.as_str())], n);
    }
    let name = "shop_outbox_messages";
    text.family(name, GAUGE, "Messages to the seller: due now, and held back until a payment.");
    let (due, held) = (
        store::outbox::count_undelivered(&mut db).await?,
        store::outbox::count_held_back(&mut db).await?,
    );
    text.sample(name, &[("state", "due")], due);
    text.sample(name, &[("state", "held_back")], held);
    let oldest = store::outbox::find_oldest_due(&mut db).await?;
    let days = oldest.map_or(0, |at| now.seconds_after(at).max(0) / SECONDS_OF_DAY);
    let name = "shop_outbox_oldest_days";
    text.family(
        name,
        GAUGE,
        "Days since the day of the oldest message that is due; 0: today or none.",
    );
    text.sample(name, &[], days);
    let watches = store::watch::list(&mut db).await?;
    let name = "shop_node_scan_age_seconds";
    text.family(name, GAUGE, "Time since the last complete scan of a chain by shop watch.");
    for watch in &watches {
        if let Some(at) = watch.scanned_at {
            text.sample(name, &[("network", &watch.network)], (now.get() - at.get()).max(0));
        }
    }
    let name = "shop_node_problem";
    text.family(name, GAUGE, "1: payments of this chain are not being followed just now.");
    for watch in &watches {
        let has_problem = watch.complaint(now).is_some();
        text.sample(name, &[("network", &watch.network)], u8::from(has_problem));
    }
    Ok(())
}

fn write_tor(text: &mut Exposition, tor: &TorFigures) {
    text.family("shop_tor_reachable", GAUGE, "1: visitors can reach the onion service.");
    text.sample("shop_tor_reachable", &[], u8::from(tor.is_reachable));
    text.family("shop_tor_introduction_points", GAUGE, "Established introduction points.");
    text.sample("shop_tor_introduction_points", &[], tor.introduction_points);
    if let Some(effort) = tor.effort {
        text.family("shop_tor_effort", GAUGE, "The proof of work that visitors have to do.");
        text.sample("shop_tor_effort", &[], effort);
    }
}

/// The mailbox's clock knows only days.
const SECONDS_OF_DAY: i64 = 86_400;
const GAUGE: &str = "gauge";
const COUNTER: &str = "counter";

/// Shape: lines, each family of samples after its help and type.
#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_may_contain_any_text() {
        let mut text = Exposition::default();
        text.sample("a", &[("b", "x\"y\\z\n"), ("c", "")], 3);
        text.sample("a", &[], -1);
        assert_eq!(text.0, "a{b=\"x\\\"y\\\\z\\n\",c=\"\"} 3\na -1\n");
    }
}
