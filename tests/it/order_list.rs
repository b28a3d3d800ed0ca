use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::world::{ADDRESS, World};

/// Ten states in turn, ten orders a day, the last on 2026-11-20; nobody's time runs out.
const HUNDRED_AND_TWENTY: &str = "\
    with recursive n(n) as (select 1 union all select n + 1 from n where n < 120) \
    insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at, transaction_id, shipping_name, \
        shipping_price, discount_code, discount_percent, discount_amount) \
    select n, printf('%010d', n), randomblob(32), randomblob(32), \
        json_extract('[\"awaiting\",\"reported\",\"partial\",\"unconfirmed\",\"confirmed\",\"overpaid\",\"late\",\"shipped\",\"refunded\",\"cancelled\"]', \
            '$[' || (n % 10) || ']'), \
        1795132800 - (120 - n) / 10 * 86400, case when n = 120 then '-0xab' end, case when n = 120 then '=Post, \"fast\"' end, \
        case when n = 120 then 5000000 end, case when n = 120 then 'SPRING' end, case when n = 120 then 10 end, \
        case when n = 120 then 1000000 end from n; \
    insert into invoices (order_id, currency, address, amount, total, received, until) \
    select id, 'ETH', 'x', 1000000000 + id, 1000000000, id % 2, 253402300000 from orders; \
    insert into order_lines (order_id, position, product_id, option_id, pool_option, name, option_name, quantity, price) \
    select id, 0, 1, 0, 0, '=HYPERLINK(\"x\")', '', 2, 250000000 from orders; \
    insert into order_lines (order_id, position, product_id, option_id, pool_option, name, option_name, quantity, price) \
    select id, 1, 2, 3, 0, 'Wool Socks', 'Red', 1, 500000000 from orders";

/// A shop in a folder of its own that is not open, with these orders.
fn closed_shop(orders: &'static str) -> World {
    let world = empty_shop();
    assert_eq!(world.says(&["orders"]), "No orders yet.\n");
    world.sql(orders);
    world
}

/// A shop that is not open, without products and orders.
fn empty_shop() -> World {
    let mut world = World::closed(&[]);
    world.open();
    assert_eq!(world.close("-TERM"), Some(0));
    world
}

fn told(world: &World, arguments: &[&str], words: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_shop"))
        .args(arguments)
        .current_dir(world.home.path())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whoever refuses at once may have gone before all was said.
    let _ = child.stdin.take().unwrap().write_all(words);
    child.wait_with_output().unwrap()
}

fn rows(world: &World, arguments: &[&str]) -> Vec<Value> {
    serde_json::from_str(&world.says(arguments)).unwrap()
}

fn refs(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["ref"].as_str().unwrap()).collect()
}

#[test]
fn the_list_shows_the_newest_and_says_how_many_more_there_are() {
    let world = closed_shop(HUNDRED_AND_TWENTY);
    let list = world.says(&["orders"]);
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 52, "{list}");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{list}");
    assert_eq!(
        lines[1].split_whitespace().collect::<Vec<_>>(),
        ["0000000120", "awaiting", "2026-11-20", "3", "1.00000012", "ETH"]
    );
    assert!(lines[50].starts_with("0000000071"));
    assert_eq!(lines[51], "… and 70 more: use --all to show them");
    assert_eq!(world.says(&["orders", "--all"]).lines().count(), 121);
}

#[test]
fn the_list_is_narrowed_by_state_and_day() {
    let world = closed_shop(HUNDRED_AND_TWENTY);
    let late = rows(&world, &["orders", "--state", "late", "--json"]);
    assert_eq!(late.len(), 12);
    assert!(late.iter().all(|row| row["state"] == "late"));
    let two = rows(
        &world,
        &["orders", "--state", "late", "--state", "shipped", "--since", "2026-11-19", "--json"],
    );
    assert_eq!(refs(&two), ["0000000117", "0000000116", "0000000107", "0000000106"]);
    let open = rows(&world, &["orders", "--open", "--json"]);
    assert_eq!(open.len(), 84, "seven of the ten states are open");
    let list = world.says(&["orders", "--since", "2026-11-20"]);
    assert_eq!(list.lines().count(), 11, "{list}");
    assert_eq!(world.says(&["orders", "--since", "2026-11-21"]), "No matching orders.\n");
    assert_eq!(rows(&world, &["orders", "--since", "2026-11-21", "--json"]), [] as [Value; 0]);
    for wrong in [["--state", "paid"], ["--since", "2026-02-30"], ["--since", "yesterday"]] {
        let output = world.shop(&["orders", wrong[0], wrong[1]]);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
    assert!(
        String::from_utf8(world.shop(&["orders", "--state", "paid"]).stderr)
            .unwrap()
            .contains("confirmed")
    );
    assert_eq!(world.shop(&["orders", "--state", "late", "export"]).status.code(), Some(1));
}

#[test]
fn a_hundred_thousand_orders_are_listed_as_fast_as_a_few_and_all_of_them_where_asked() {
    let world = closed_shop(
        "with recursive n(n) as (select 1 union all select n + 1 from n where n < 100000) \
         insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at) \
         select n, printf('%010d', n), randomblob(32), randomblob(32), case when n % 1000 = 0 then 'late' else 'shipped' end, \
             1795132800 - (100000 - n) / 100 * 86400 from n; \
         insert into invoices (order_id, currency, address, amount, total, until) \
         select id, 'XMR', 'x', 1000000000, 1000000000, 253402300000 from orders; \
         insert into order_lines (order_id, position, product_id, option_id, pool_option, name, option_name, quantity, price) \
         select id, 0, 1, 0, 0, 'Green Tea', '', 1, 1000000000 from orders",
    );
    let list = world.says(&["orders"]);
    assert_eq!(list.lines().count(), 52);
    assert!(list.contains("\n0000100000 ") && list.contains("99950 more"), "{list}");
    let all = rows(&world, &["orders", "--json"]);
    assert_eq!(all.len(), 100_000);
    assert!(refs(&all).is_sorted_by(|before, after| after < before), "the newest first, each once");
    assert_eq!(rows(&world, &["orders", "--state", "late", "--json"]).len(), 100);
    let books = world.says(&["orders", "export", "--since", "2026-11-11", "--until", "2026-11-12"]);
    assert_eq!(books.lines().count(), 201);
}

#[test]
fn pythons_csv_reads_the_books_and_no_cell_is_a_formula() {
    let world = closed_shop(HUNDRED_AND_TWENTY);
    let books = told(
        &world,
        &["orders", "export", "--format", "csv", "--since", "2026-11-20", "--state", "awaiting"],
        b"",
    );
    assert!(books.stdout.ends_with(b"\r\n"));
    let script = "import csv, json, sys, io\nprint(json.dumps(list(csv.DictReader(io.TextIOWrapper(sys.stdin.buffer, 'utf-8', newline=''), strict=True))))";
    let mut python = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(&books.stdout).unwrap();
    let read: Value = serde_json::from_slice(&python.wait_with_output().unwrap().stdout).unwrap();
    let expected = serde_json::json!([{
        "order": "0000000120", "day": "2026-11-20", "state": "awaiting",
        "items": "2 x =HYPERLINK(\"x\") at 0.25; 1 x Wool Socks (Red) at 0.5", "pieces": "3",
        "sending": "'=Post, \"fast\"", "sending price": "0.005",
        "discount": "SPRING", "discount percent": "10", "discount less": "0.001",
        "total": "1", "amount asked": "1.00000012", "amount received": "0", "currency": "ETH", "transaction": "'-0xab",
    }]);
    assert_eq!(read, expected);
    let json = rows(&world, &["orders", "export", "--format", "json", "--since", "2026-11-20"]);
    assert_eq!(json.len(), 10);
    assert_eq!(
        json[0]["items"][1],
        serde_json::json!({"name": "Wool Socks", "option": "Red", "quantity": 1, "price": "0.5"})
    );
    assert_eq!(json[0]["transaction"], "-0xab");
}

#[test]
fn the_books_hold_nothing_of_a_buyer() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "2");
    let page = buyer.checks_out(&[("note", "Please ring twice"), ("email", "ada@example.org")]);
    let code = page.mark("code");
    for format in ["csv", "json"] {
        let books = world.says(&["orders", "export", "--format", format]);
        assert!(books.contains(&page.mark("order-ref")) && books.contains("Green Tea"), "{books}");
        let mut words = vec!["ring twice", "ada@example.org", code.as_str()];
        words.extend(ADDRESS.iter().map(|(_, value)| value.lines().next().unwrap()));
        for word in words {
            assert!(!books.contains(word), "{word}: {books}");
        }
    }
}

#[test]
fn the_digest_names_what_waits_and_is_silent_where_nothing_does() {
    let world = empty_shop();
    assert_eq!(world.says(&["orders", "digest"]), "");
    assert_eq!(world.says(&["orders", "digest", "--json"]), "{}\n");
    world.sql(HUNDRED_AND_TWENTY);
    world.sql(
        "update orders set status = 'expired', finished_at = 253402214400 where id = 120; \
         update orders set finished_at = 86400 where id = 117; \
         insert into outbox (order_id, number, at, message) values (120, 0, 1, x'00'), (119, 0, 2, null); \
         insert into messages (order_id, kind, day, sealed, idempotency_key) values \
             (111, 'question', 0, x'00', null), (112, 'question', 0, x'00', null), \
             (112, 'answer', 0, x'00', randomblob(32)), (113, 'answer', 0, x'00', randomblob(32)), \
             (113, 'question', 0, x'00', null), (114, 'receipt', 0, x'00', null)",
    );
    let digest = world.says(&["orders", "digest", "--since", "2026-11-20"]);
    let lines: Vec<Vec<&str>> = digest
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|part| !part.is_empty()).collect())
        .collect();
    assert_eq!(
        lines,
        [
            vec!["10", "new since 2026-11-20", "0000000120 0000000119 0000000118 …"],
            vec!["11", "awaiting payment", "0000000110 0000000100 0000000090 …"],
            vec!["36", "payment to check", "0000000113 0000000112 0000000111 …"],
            vec!["12", "to ship", "0000000114 0000000104 0000000094 …"],
            vec!["24", "needs decision: ship or refund", "0000000116 0000000115 0000000106 …"],
            vec!["1", "expired", "0000000120"],
            vec!["2", "to answer", "0000000111 0000000113"],
            vec!["1", "due for deletion", "0000000117"],
            vec!["1", "messages not yet in the Maildir"],
        ],
        "{digest}"
    );
    assert!(digest.lines().all(|line| line.chars().count() <= 80), "{digest}");
    let json: Value = serde_json::from_str(&world.says(&["orders", "digest", "--json"])).unwrap();
    assert_eq!(
        json["answer"],
        serde_json::json!({"count": 2, "orders": ["0000000111", "0000000113"]})
    );
    world.sql("update orders set finished_at = 86400 where id <= 60");
    let json: Value = serde_json::from_str(&world.says(&["orders", "digest", "--json"])).unwrap();
    assert_eq!(json["erase"]["count"], 61);
    let named = json["erase"]["orders"].as_array().unwrap();
    assert!(named.len() == 50 && named[0] == "0000000001", "{named:?}");
}

#[test]
fn a_deed_takes_its_order_from_a_message() {
    let world = closed_shop(
        "insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at) \
         values (1, 'K3QF0W2ZD7', randomblob(32), randomblob(32), 'late', 1795132800); \
         insert into invoices (order_id, currency, address, amount, total, until) \
         values (1, 'ETH', '0x52908400098527886E0F7030069857D2E4169EE7', 1000000000, 1000000000, 253402300000)",
    );
    let message = b"From: order+K3QF0W2ZD7@shop.invalid\nx-shop-order: K3QF0W2ZD7\nX-Shop-State: late\n\nX-Shop-Order: AAAAAAAAAA\n";
    let done = told(&world, &["orders", "partial", "-", "--", "0.5"], message);
    assert_eq!(
        (
            done.status.code(),
            String::from_utf8_lossy(&done.stdout).starts_with("K3QF0W2ZD7 is now late.")
        ),
        (Some(0), true),
        "{done:?}"
    );
    let only_below = b"From: a@b\n\nX-Shop-Order: K3QF0W2ZD7\n";
    for strange in [&b""[..], only_below, b"X-Shop-Order: ../../x\n\n", &[0xff; 90_000]] {
        let done = told(&world, &["orders", "paid", "-"], strange);
        assert_eq!(done.status.code(), Some(1), "{done:?}");
        assert_eq!(done.stdout, b"");
    }
}

#[test]
fn deliver_says_with_sendmails_numbers_why_a_letter_was_not_taken() {
    let world = closed_shop("select 1");
    let letter = b"From: root@localhost\nTo: order+K3QF0W2ZD7@shop.invalid\nMessage-ID: <1@x>\n\nSent today.\n";
    let code = |arguments: &[&str], letter: &[u8]| {
        let done = told(&world, arguments, letter);
        let reason = String::from_utf8(done.stderr).unwrap();
        assert_eq!((done.stdout.len(), reason.lines().count()), (0, 1), "{reason}");
        done.status.code().unwrap()
    };
    assert_eq!(code(&["deliver"], letter), 64);
    assert_eq!(code(&["deliver", "-bs", "--", "order+K3QF0W2ZD7@shop.invalid"], letter), 64);
    assert_eq!(code(&["deliver", "--", "order+K3QF0W2ZD7@shop.invalid"], &[b'a'; 200_000]), 65);
    assert_eq!(
        code(
            &["deliver", "-oi", "-f", "root@localhost", "--", "order+K3QF0W2ZD7@shop.invalid"],
            letter
        ),
        67
    );
    let nowhere = World::closed(&[]);
    let done = told(&nowhere, &["deliver", "--", "order+K3QF0W2ZD7@shop.invalid"], letter);
    assert_eq!(done.status.code(), Some(78));
    assert!(!nowhere.path("db").exists(), "a letter makes no shop");
    std::fs::write(nowhere.path(".env"), "KEEP_DAYS=soon\n").unwrap();
    let done = told(&nowhere, &["deliver", "--", "order+K3QF0W2ZD7@shop.invalid"], letter);
    assert_eq!(done.status.code(), Some(78));
}

/// What mutt makes of a muttrc, without a terminal.
fn mail_program(
    program: &str,
    muttrc: &std::path::Path,
    arguments: &[&str],
    words: &[u8],
) -> Output {
    let mut child = Command::new(program)
        .arg("-n")
        .arg("-F")
        .arg(muttrc)
        .args(arguments)
        .current_dir("/")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", muttrc.parent().unwrap())
        .env("TERM", "xterm")
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(words).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn mutt_and_neomutt_find_a_shop_in_a_folder_of_any_name() {
    let world = World::closed(&[]);
    let folder = world.path("it's a \"shop\" of 5 $HOME \\ `x` ^A<enter>");
    std::fs::create_dir(&folder).unwrap();
    let shop = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_shop"))
            .args(arguments)
            .current_dir(&folder)
            .env_clear()
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    let data = crate::world::catalog().to_string();
    std::fs::write(folder.join("data.json"), data).unwrap();
    shop(&["seed", "data.json"]);
    let muttrc = world.path("muttrc");
    std::fs::write(&muttrc, shop(&["--from", "me+shop@example.org", "mutt"])).unwrap();
    for program in ["mutt", "neomutt"] {
        let asked =
            mail_program(program, &muttrc, &["-Q", "folder", "-Q", "from", "-Q", "tmpdir"], b"");
        let said = String::from_utf8(asked.stdout).unwrap();
        assert!(
            asked.stderr.is_empty() && asked.status.success(),
            "{program}: {said} {:?}",
            asked.stderr
        );
        assert!(said.contains("of 5 ") && said.contains("me+shop@example.org"), "{said}");
        let to = "order+K3QF0W2ZD7@shop.invalid";
        let sent = mail_program(program, &muttrc, &["-s", "Sent", "--", to], b"On its way.\n");
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&sent.stdout),
            String::from_utf8_lossy(&sent.stderr)
        );
        assert!(!sent.status.success() && said.contains("child exited 67"), "{program}: {said}");
    }
}
