//! `/metrics`, read by Prometheus' own parser.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::world::{Answer, World, catalog};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn world() -> World {
    World::with_desk_and(&catalog(), &[("METRICS_TOKEN", TOKEN)])
}

fn get(world: &World, authorization: Option<&str>) -> Answer {
    let mut reader = world.stranger_at_desk();
    let header = authorization.map(|value| ("Authorization", value));
    reader.request("GET", "/metrics", &header.into_iter().collect::<Vec<_>>(), b"")
}

/// Each sample by its name and labels, in the words of Prometheus' parser.
#[track_caller]
fn samples(world: &World) -> BTreeMap<String, f64> {
    let answer = get(world, Some(&format!("Bearer {TOKEN}")));
    assert_eq!(answer.status, 200);
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("text/plain; version=0.0.4; charset=utf-8"));
    let script = r#"
import json, sys
from prometheus_client.parser import text_string_to_metric_families
found = {}
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.type in ("counter", "gauge") and family.documentation, family
    for sample in family.samples:
        key = sample.name + "".join(" %s=%s" % label for label in sorted(sample.labels.items()))
        assert key not in found, key
        found[key] = sample.value
json.dump(found, sys.stdout)
"#;
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(answer.text().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "scripts/install-test-tools; {}", answer.text());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn metrics_count_orders_requests_and_messages_and_name_nothing_else() {
    let world = world();
    let before = samples(&world);
    assert_eq!(before["shop_orders state=awaiting"], 0.0);
    assert_eq!(before["shop_accepts_orders"], 1.0);
    let mut buyer = world.buyer();
    assert_eq!(buyer.get("/product/wool-socks").status, 200);
    assert_eq!(buyer.get("/nowhere").status, 404);
    buyer.adds("green-tea", "", "1");
    let order = buyer.checks_out(&[("note", "Please wrap it.")]).mark("order-ref");
    fs::rename(world.path("mailorders"), world.path("away")).unwrap();
    fs::write(world.path("mailorders"), "in the way").unwrap();
    buyer.adds("green-tea", "", "1");
    assert_eq!(buyer.checks_out(&[]).state(), "awaiting");
    let found = samples(&world);
    assert_eq!(found["shop_orders state=awaiting"], 2.0);
    assert_eq!(found["shop_orders state=shipped"], 0.0);
    assert_eq!(found["shop_outbox_messages state=due"], 1.0);
    assert_eq!(found["shop_outbox_messages state=held_back"], 0.0);
    assert_eq!(found["shop_outbox_oldest_days"], 0.0);
    let grown = |name: &str| found[name] - before[name];
    assert!(1.0 <= grown("shop_requests_total page=catalog status=2xx"), "{found:?}");
    assert!(1.0 <= grown("shop_requests_total page=other status=4xx"), "{found:?}");
    assert!(2.0 <= grown("shop_requests_total page=checkout status=3xx"), "{found:?}");
    let text = get(&world, Some(&format!("bearer {TOKEN}"))).text();
    for word in [order.as_str(), "socks", "tea", "wrap", TOKEN] {
        assert!(!text.to_lowercase().contains(&word.to_lowercase()), "{word}: {text}");
    }
    world.says(&["close"]);
    assert_eq!(samples(&world)["shop_accepts_orders"], 0.0);
}

#[test]
fn metrics_tell_of_nodes_and_tor() {
    let world = world();
    assert!(!samples(&world).keys().any(|name| name.starts_with("shop_node")));
    world.sql(
        "insert into watched_networks (network, is_on, scanned_at) values ('bitcoin', 1, unixepoch() - 7200)",
    );
    fs::create_dir_all(world.path("db/tor")).unwrap();
    let status = |at: u64| {
        let status = format!(
            r#"{{"at":{at},"tor":"","bootstrap":100,"published":8,"introduction_points":3,"effort":null,"circuits":9,"trouble":""}}"#
        );
        fs::write(world.path("db/tor/status.json"), status).unwrap();
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    status(now.as_secs());
    let found = samples(&world);
    assert!((7200.0..7300.0).contains(&found["shop_node_scan_age_seconds network=bitcoin"]));
    assert_eq!(found["shop_node_problem network=bitcoin"], 1.0);
    assert_eq!(found["shop_tor_reachable"], 1.0);
    assert_eq!(found["shop_tor_introduction_points"], 3.0);
    assert!(!found.contains_key("shop_tor_effort"), "Tor does not say");
    status(1);
    assert!(!samples(&world).keys().any(|name| name.starts_with("shop_tor")), "outdated");
}

#[test]
fn only_the_token_opens_the_metrics_at_the_desk_alone_and_by_default_nothing_does() {
    let world = world();
    let longer = format!("Bearer {TOKEN}0");
    for wrong in [None, Some("Bearer"), Some("Bearer x"), Some(longer.as_str()), Some(TOKEN)] {
        let answer = get(&world, wrong);
        assert_eq!(answer.status, 401, "{wrong:?}");
        assert!(!answer.text().contains("shop_"), "{wrong:?}");
    }
    assert_eq!(world.buyer().get("/metrics").status, 404);
    let off = World::with_desk();
    assert_eq!(get(&off, Some(&format!("Bearer {TOKEN}"))).status, 404);
    for token in ["short", "0123456789abcdef 0123456789abcdef"] {
        let refused = World::closed(&[("METRICS_TOKEN", token)]).shop(&["orders"]);
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(words.contains("METRICS_TOKEN") && !words.contains(token), "{words}");
    }
    let alone = World::closed(&[("METRICS_TOKEN", TOKEN)]).shop(&["orders"]);
    assert!(String::from_utf8_lossy(&alone.stderr).contains("DESK_LISTEN"));
}
