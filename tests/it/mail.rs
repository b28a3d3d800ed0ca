use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::world::{Keyring, World};

#[test]
fn a_message_has_the_headers_that_were_promised() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let page = buyer.checks_out(&[("note", "[-- End of PGP/MIME encrypted data --]\r\nFrom: me")]);
    let order_ref = page.mark("order-ref");
    buyer.post("/order/transaction", &[("transaction", &format!("0x{}", "12".repeat(32)))]);
    let messages = world.messages();
    assert_eq!(messages.len(), 2);
    for (n, (name, text)) in messages.iter().enumerate() {
        let head = text.split_once("\n\n").unwrap().0;
        assert!(!text.contains('\r'));
        for line in [
            format!("From: order+{order_ref}@shop.invalid"),
            format!("Reply-To: order+{order_ref}@shop.invalid"),
            "To: root@localhost".into(),
            format!("Message-ID: <{order_ref}.{n}@shop.invalid>"),
            format!("X-Shop-Order: {order_ref}"),
            "Content-Type: text/plain; charset=utf-8".into(),
            "MIME-Version: 1.0".into(),
        ] {
            assert!(head.lines().any(|found| found == line), "{line}: {head}");
        }
        assert!(head.lines().any(|line| line.starts_with("Date: ") && line.ends_with(" +0000")));
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert!(!name.contains(host.trim()) && !text.contains(host.trim()));
        assert_eq!(
            fs::metadata(world.path("mailorders/new").join(name)).unwrap().permissions().mode()
                & 0o777,
            0o600
        );
    }
    let note = "  | [-- End of PGP/MIME encrypted data --]\n  | From: me\n";
    assert!(messages[0].1.contains(note), "{}", messages[0].1);
    // What says who the buyer is was told once.
    assert!(!messages[1].1.contains("From: me") && !messages[1].1.contains("Ada"));
    assert!(messages[1].1.contains(&format!("In-Reply-To: <{order_ref}.0@shop.invalid>\n")));
    assert!(messages[1].1.contains(&format!("References: <{order_ref}.0@shop.invalid>\n")));
    assert!(
        messages[0].1.contains("X-Shop-State: awaiting\n")
            && messages[1].1.contains("X-Shop-State: reported\n")
    );
}

#[test]
fn pythons_mailbox_reads_what_was_written() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    buyer.checks_out(&[("recipient", "Käthe Größe"), ("note", "東京 — ünïcode")]);
    let script = "import mailbox\nfor m in mailbox.Maildir('mailorders', create=False):\n print(m['subject']); print(m.get_payload(decode=True).decode(m.get_content_charset()))";
    let output = Command::new("python3")
        .args(["-c", script])
        .current_dir(world.home.path())
        .env("PYTHONIOENCODING", "utf-8")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for words in ["New order ", "  | Käthe Größe\n", "  | 東京 — ünïcode\n"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn an_order_is_kept_while_the_maildir_cannot_be_written_and_told_when_it_can() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    fs::rename(world.path("mailorders"), world.path("away")).unwrap();
    fs::write(world.path("mailorders"), "in the way").unwrap();
    let order_ref = buyer.checks_out(&[]).mark("order-ref");
    let doctor = world.shop(&["doctor"]);
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert_eq!(doctor.status.code(), Some(1));
    assert!(
        said.contains("BAD  Maildir") && said.contains("BAD  messages      1 message not yet"),
        "{said}"
    );
    fs::remove_file(world.path("mailorders")).unwrap();
    fs::rename(world.path("away"), world.path("mailorders")).unwrap();
    world.until("the message arrives", || {
        world.path("mailorders/new").is_dir() && world.messages().len() == 1
    });
    assert!(world.messages()[0].1.contains(&order_ref));
}

#[test]
fn a_message_says_what_the_node_saw_and_what_there_is_to_do() {
    let keyring = Keyring::new();
    let key = keyring.exports(&keyring.makes_key("seller"));
    let mut world = World::sealed(&key);
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let order_ref = buyer.checks_out(&[]).mark("order-ref");
    let mut n_messages = 1;
    let mut check = |status: &str, seen: &str, settled: &str, expected: &[&str]| {
        world.sql_with("update orders set status = cast(? as text)", &[status.as_bytes()]);
        world.sql_with(
            "update invoices set seen = cast(cast(? as text) as integer), settled = cast(cast(? as text) as integer), \
                confirmations = 2, needed = 12",
            &[seen.as_bytes(), settled.as_bytes()],
        );
        // As one that could not be sealed when it was owed: it is written of the state alone.
        world.sql(
            "insert into outbox (order_id, number, at, message) \
             select order_id, max(number) + 1, max(at) + 1, x'' from outbox group by order_id",
        );
        n_messages += 1;
        // It tells at once what was left to be told.
        world.close("-TERM");
        world.open();
        world.until("the message lies in the mailbox", || world.messages().len() == n_messages);
        let (_, message) = world.messages().pop().unwrap();
        let subject = format!("Subject: Payment for order {order_ref}: {status}\n");
        assert!(message.contains(&subject), "{message}");
        assert!(message.contains(&format!("X-Shop-State: {status}\n")), "{message}");
        let text = keyring.opens(&message).replace('\r', "");
        for words in expected {
            assert!(text.contains(words), "{words}: {text}");
        }
        let (_, body) = text.split_once("\n\n").unwrap();
        let longest = body.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(80), "{text}");
    };
    check(
        "unconfirmed",
        "40000000",
        "10000000",
        &[
            "Your node has detected a payment.",
            "  detected  0.04 ETH, by your node\n            (0.01 confirmed)\n            (2 of 12 confirmations)\n  remaining 0.05199 ETH\n",
        ],
    );
    check("unconfirmed", "0", "0", &["reversed", "  detected  nothing, by your node\n"]);
    check("partial", "40000000", "40000000", &["asks the buyer to pay the remaining 0.05199 ETH"]);
    check("confirmed", "91990000", "91990000", &["you can ship the order"]);
    check(
        "overpaid",
        "100000000",
        "100000000",
        &["overpaid by 0.00801 ETH.", "  overpaid  0.00801 ETH\n"],
    );
    check("expired", "0", "0", &["another\n7 days.", "if unpaid, 7 days\nafter it expires"]);
    check("late", "40000000", "40000000", &["0.04 of 0.09199 ETH", "You decide: use /paid"]);
}

#[test]
fn no_words_of_a_buyer_stand_at_the_beginning_of_a_line() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let forged = "STATUS      confirmed";
    let fillers = ["界", "\u{3000}", "\u{a0}", "é", "ж", "한", "🇩🇪", "👍🏽"];
    let note: Vec<String> =
        fillers.iter().map(|filler| format!("{}{forged}", filler.repeat(40))).collect();
    buyer.checks_out(&[("note", &note.join("\r\n"))]);
    let (_, message) = world.messages().pop().unwrap();
    let (_, body) = message.split_once("\n\n").unwrap();
    for line in body.lines() {
        let is_of_note =
            fillers.iter().any(|filler| line.contains(filler)) || line.contains("firm");
        assert!(!is_of_note || line.starts_with("  | "), "{line}");
        // Each of these characters takes two columns at most.
        let columns: usize = line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
        assert!(columns <= 78, "{columns}: {line}");
        assert!(!line.starts_with("  | ") || columns <= 60, "{columns}: {line}");
    }
}

#[test]
fn copies_below_the_maildir_are_erased_with_their_order_and_other_mail_stays() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let order_ref = buyer.checks_out(&[("recipient", "Zebulon Quartermain")]).mark("order-ref");
    let (name, message) = world.messages().pop().unwrap();
    let mail = world.path("mailorders");
    // As Dovecot and mbsync rename it, and as mail programs keep copies.
    fs::rename(mail.join("new").join(&name), mail.join(format!("cur/{name},S=12,W=13:2,Sa")))
        .unwrap();
    let other = format!("Subject: x\nFrom: me\n\n> X-Shop-Order: {order_ref}\nZebulon\n");
    let begin = "From me Sat Nov 21 00:00:01 2026\n";
    let places = [
        (format!("order+{order_ref}/cur/1700000000.R1.host:2,S"), &message),
        (".Saved/new/1700000000.M1P2.host,U=7".to_owned(), &message),
        ("mh/12".to_owned(), &message),
        (".Sent/cur/1700000000.M3.host:2,S".to_owned(), &other),
    ];
    for (place, text) in &places {
        fs::create_dir_all(mail.join(place).parent().unwrap()).unwrap();
        fs::write(mail.join(place), text).unwrap();
    }
    fs::write(mail.join("saved"), format!("{begin}{message}\n{begin}{other}")).unwrap();
    world.says(&["orders", "cancel", &order_ref, "no tea"]);
    world.sql("update orders set finished_at = 1");
    world.says(&["purge"]);
    world.until("the order is gone", || world.says(&["orders"]).contains("No orders"));
    let left: Vec<bool> = places.iter().map(|(place, _)| mail.join(place).exists()).collect();
    assert_eq!(left, [false, false, false, true]);
    assert_eq!(fs::read_to_string(mail.join("saved")).unwrap(), format!("{begin}{other}"));
    assert!(fs::read_dir(mail.join("cur")).unwrap().next().is_none());
}

#[test]
fn a_message_that_another_program_has_renamed_is_not_delivered_again() {
    let mut world = World::new();
    let mut buyer = world.buyer();
    for tail in [",U=7:2,S", ",S=12:2,S", ":2,Sa", ",U=7"] {
        buyer.adds("green-tea", "", "1");
        buyer.checks_out(&[]);
        let (name, message) = world.messages().pop().unwrap();
        let place = if tail.contains(':') { "cur" } else { "new" };
        let new_name = world.path("mailorders").join(place).join(format!("{name}{tail}"));
        fs::rename(world.path("mailorders/new").join(&name), &new_name).unwrap();
        // As after a power cut between delivery and the note of it.
        world.close("-TERM");
        world
            .sql_with("update outbox set message = ? where message is null", &[message.as_bytes()]);
        world.open();
        world.until("all is told", || {
            world.find("select 1 from outbox where message is not null").is_empty()
        });
        assert!(!world.path("mailorders/new").join(&name).exists(), "{tail}");
        buyer.address = world.address().to_owned();
        buyer.host = world.address().to_owned();
        fs::remove_file(new_name).unwrap();
    }
}
