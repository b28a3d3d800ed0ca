//! Files and standard input of the seller's commands.

use std::fs;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::symlink;

use super::{hollow_file, idle_mb, makes_pipe, nothing, runs, says_much};
use crate::world::World;

#[test]
fn an_invalid_catalog_is_refused_before_it_fills_the_memory() {
    let world = World::closed(&[]);
    fs::create_dir(world.path("db")).unwrap();
    let data = world.path("db/data.json");
    fs::write(&data, "{}").unwrap();
    let idle = idle_mb(&world);

    hollow_file(&data, 1_100 << 20);
    for arguments in [
        &["seed", "db/data.json"][..],
        &["seed", "--check", "db/data.json"],
        &["seed", "--check", "--json", "db/data.json"],
        &["wallet", "check", "db/data.json"],
    ] {
        let ended = runs(&world, arguments, nothing);
        ended.is_refused(idle, &["db/data.json", "1100 MB", "1024 MB", "Shorten"]);
    }
    // Below the limit of the file's size.
    let numbers = format!("{{\"products\": [{}0]}}", "0,".repeat(30 << 20));
    let fields = format!("{{{}\"b\":0}}", "\"a\":{},".repeat(8 << 20));
    let records = format!("{{\"p\":{{{}\"b\":0}}}}", "\"a\":{\"b\":0},".repeat(4 << 20));
    let one = format!("{{\"p\":{{\"a\":{{{}\"b\":0}}}}}}", "\"a\":{},".repeat(8 << 20));
    for (text, words) in [
        (numbers, "a list of 31457281 items"),
        ("[".repeat(60 << 20), "more than 16"),
        ("{\"a\":".repeat(12 << 20), "more than 16"),
        (fields, "found 8388609 collections"),
        (records, "field `_model`"),
        (one, "a record of more than 4 MB"),
        (format!("{{\"p\":\"{}\"}}", "\u{7F}".repeat(60 << 20)), "a text of 60 MB"),
        (format!("{{\"p\":\"{}\"}}", "abandon ".repeat(7 << 20)), "a text of 56 MB"),
        (" ".repeat(60 << 20), "JSON"),
    ] {
        fs::write(&data, text).unwrap();
        for arguments in [&["seed", "db/data.json"][..], &["seed", "--check", "db/data.json"]] {
            runs(&world, arguments, nothing).is_refused(idle, &["db/data.json", words]);
        }
    }
}

#[test]
fn a_catalog_or_page_that_is_no_regular_file_is_refused_at_once() {
    let world = World::closed(&[]);
    fs::create_dir_all(world.path("db/pages")).unwrap();
    let (data, page) = (world.path("db/data.json"), world.path("db/pages/about.md"));
    fs::write(&data, "{}").unwrap();
    let idle = idle_mb(&world);
    for path in [&page, &data] {
        let place = path.strip_prefix(world.home.path()).unwrap().to_str().unwrap();
        let refused = |words: &[&str]| {
            runs(&world, &["seed", "db/data.json"], nothing).is_refused(idle, words);
            fs::remove_file(path).unwrap();
        };
        let _ = fs::remove_file(path);
        symlink("/dev/zero", path).unwrap();
        refused(&[place, "not a regular file"]);
        makes_pipe(path);
        refused(&[place, "not a regular file"]);
        hollow_file(path, 1 << 40);
        refused(&[place, "at most"]);
        fs::write(path, "{}").unwrap();
    }
    let many = |n: usize| world.path(&format!("db/pages/page-{n}.md"));
    (0..300).for_each(|n| fs::write(many(n), "A page.").unwrap());
    runs(&world, &["seed", "db/data.json"], nothing).is_refused(idle, &["at most 200 files"]);
}

/// A catalog of this many products, written one after the other.
fn writes_products(path: &std::path::Path, n_products: usize, last: &str) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let catalog = crate::world::catalog();
    write!(file, "{{\"wallets\": {}, \"products\": {{\"_model\": \"Product\"", catalog["wallets"])
        .unwrap();
    let description = "words ".repeat(30);
    for n in 0..n_products {
        write!(
            file,
            ", \"p{n}\": {{\"name\": \"Thing number {n}\", \"description\": \"{description}\", \"quantity\": 10, \"categories\": [\"Kind {}\"], \
             \"prices\": [{{\"price\": 1000000, \"wallet\": \"->wallets.eth\"}}, {{\"price\": 1000, \"wallet\": \"->wallets.btc\"}}]}}",
            n % 50
        )
        .unwrap();
    }
    write!(file, "{last}}}}}").unwrap();
    file.flush().unwrap();
}

#[test]
fn a_catalog_is_read_and_imported_in_little_memory_whatever_its_size() {
    let world = World::closed(&[]);
    fs::create_dir(world.path("db")).unwrap();
    let data = world.path("db/data.json");
    fs::write(&data, "{}").unwrap();
    let idle = idle_mb(&world);
    writes_products(&data, 60_000, "");
    assert!((20 << 20) < fs::metadata(&data).unwrap().len());
    let ended = runs(&world, &["seed", "--check", "db/data.json"], nothing);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.said.contains("60000 products"), "{}", ended.said);
    assert!(ended.peak_mb <= idle + 48, "{} MB", ended.peak_mb);
    // All errors are still reported, also those of the last product.
    let wrong = ", \"p1\": {\"name\": \"Again\", \"prices\": [{\"price\": 0.5, \"wallet\": \"->wallets.eth\"}]}";
    writes_products(&data, 3_000, wrong);
    let ended = runs(&world, &["seed", "db/data.json"], nothing);
    ended.is_refused(
        idle,
        &["2 errors", "a second record of this name", "field `prices[0].price`: found 0.5"],
    );
    writes_products(&data, 3_000, "");
    let ended = runs(&world, &["seed", "db/data.json"], nothing);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.peak_mb <= idle + 64, "{} MB", ended.peak_mb);
}

#[test]
fn a_message_of_any_size_and_form_is_refused_within_limits() {
    let world = World::new();
    let idle = idle_mb(&world);
    let order = "order+AAAAAAAAAA@shop.invalid";
    let deliver = |to: &[&str], feed: &(dyn Fn(&mut dyn Write) + Sync)| {
        let arguments = [&["deliver", "--"], to].concat();
        runs(&world, &arguments, |stream| feed(stream))
    };
    let head = "From: root@localhost\nMIME-Version: 1.0\n";
    // Longer than any letter, and without an end.
    for bytes in [&b"a"[..], b"\0", b"a\n", b"X: y\n", b"--a\n\n"] {
        let ended = deliver(&[order], &|stream| says_much(stream, bytes, 1_000));
        ended.is_refused(idle, &["larger than 64 KB"]);
    }
    let parts = format!(
        "{head}Content-Type: multipart/mixed; boundary=a\n\n{}--a--\n",
        "--a\n\n".repeat(12_000)
    );
    let deep: String = (0..1_100)
        .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n"))
        .collect();
    let header = format!("{head}Subject: {}\n\nwords\n", "=?utf-8?q?a?= ".repeat(4_500));
    let names = format!("{head}{}\nwords\n", "X: y\n".repeat(12_000));
    let to = format!("{head}To: {}\n\nwords\n", "a:b@c,".repeat(10_000));
    for letter in [parts, format!("{head}{deep}"), header, names, to] {
        assert!(letter.len() <= 65_536, "{}", letter.len());
        let ended = deliver(&[order], &|stream| {
            let _ = stream.write_all(letter.as_bytes());
        });
        ended.is_refused(idle, &[]);
        let ended = runs(&world, &["deliver", "-t"], |stream| {
            let _ = stream.write_all(letter.as_bytes());
        });
        ended.is_refused(idle, &[]);
    }
    let letters = "ABCDEFGHJKMNPQRSTVWXYZ";
    let many: Vec<String> = (0..20_000)
        .map(|n: usize| {
            let of = |place: usize| {
                char::from(letters.as_bytes()[n / 22_usize.pow(u32::try_from(place).unwrap()) % 22])
            };
            let tail: String = (0..4).map(of).collect();
            format!("order+AAAAAA{tail}@shop.invalid")
        })
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let ended = deliver(&many, &|stream| {
        let _ = stream.write_all(b"Subject: x\n\nwords\n");
    });
    ended.is_refused(idle, &["more than 500 orders"]);
}

#[test]
fn an_invalid_backup_is_refused_by_its_headers() {
    let world = World::closed(&[]);
    let idle = idle_mb(&world);
    let head = |name: &str, kind: u8, size: u64| {
        let mut head = [0_u8; 512];
        head[..name.len()].copy_from_slice(name.as_bytes());
        head[100..107].copy_from_slice(b"0000600");
        head[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
        head[156] = kind;
        head[257..265].copy_from_slice(b"ustar  \0");
        head[148..156].fill(b' ');
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        head[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        head
    };
    for (name, kind, size, words) in [
        ("db/codes/keys.txt", b'0', 7 << 30, "can be restored"),
        ("db/images/a.jpg", b'0', 1 << 30, "can be restored"),
        ("db/pages/a.md", b'0', 1 << 30, "can be restored"),
        ("long", b'L', 1 << 30, "a part of it is too long"),
        ("long", b'x', 1 << 30, "a part of it is too long"),
        ("db/images/a.jpg", b'S', 1 << 30, "not a backup of a shop"),
        ("db/images/a.jpg", b'2', 0, "does not belong in a backup"),
        ("etc/passwd", b'0', 1 << 30, "does not belong in a backup"),
    ] {
        let head = head(name, kind, size);
        let ended = runs(&world, &["restore", "-"], |stream| {
            if stream.write_all(&head).is_ok() {
                says_much(stream, b"\0", 1_000);
            }
        });
        ended.is_refused(idle, &[words]);
    }
    let ended = runs(&world, &["restore", "-"], |stream| says_much(stream, b"\0", 1_000));
    ended.is_refused(idle, &["contains no database"]);
    let ended = runs(&world, &["restore", "-"], |stream| says_much(stream, b"a", 1_000));
    ended.is_refused(idle, &["not a backup of a shop"]);
    assert!(!world.path("db").exists());
}

#[test]
fn no_other_file_is_read_beyond_its_limit() {
    let world = World::closed(&[]);
    fs::create_dir(world.path("db")).unwrap();
    fs::write(world.path("db/data.json"), "{}").unwrap();
    world.says(&["seed", "db/data.json"]);
    let idle = idle_mb(&world);
    for (file, arguments) in [
        (".env", &["orders"][..]),
        ("db/shop.secret", &["serve", "--listen", "127.0.0.1:0", "--confine", "off"]),
        ("db/onion.key", &["onion", "backup", "-"]),
        ("db/onion.clients", &["onion", "client", "list"]),
        ("sealed.key", &["onion", "restore", "sealed.key"]),
    ] {
        let path = world.path(file);
        let _ = fs::remove_file(&path);
        let refused = |words: &str| {
            let ended = runs(&world, arguments, |stream| {
                let _ = stream.write_all(b"a long enough passphrase\n");
            });
            ended.is_refused(idle, &[words]);
            fs::remove_file(&path).unwrap();
        };
        symlink("/dev/zero", &path).unwrap();
        refused("not a regular file");
        makes_pipe(&path);
        refused("not a regular file");
        hollow_file(&path, 1 << 40);
        refused("at most");
    }
    // A key that cannot be read closes the checkout, which the doctor says.
    symlink("/dev/zero", world.path("db/seller.asc")).unwrap();
    runs(&world, &["doctor"], nothing).is_refused(idle, &["not a regular file"]);
    let endless =
        |arguments: &[&str]| runs(&world, arguments, |stream| says_much(stream, b"a", 1_000));
    endless(&["onion", "restore", "-"]).is_refused(idle, &["passphrase"]);
    endless(&["orders", "note", "AAAAAAAAAA"]).is_refused(idle, &[]);
}

#[test]
fn a_running_shop_reads_no_mirror_list_beyond_its_limit() {
    let mut world = World::closed(&[("CONFINE", "off")]);
    fs::create_dir(world.path("db")).unwrap();
    fs::write(world.path("db/data.json"), crate::world::catalog().to_string()).unwrap();
    symlink("/dev/zero", world.path("db/mirrors.txt")).unwrap();
    world.open();
    assert!(world.log().contains("mirrors.txt: it is not a regular file"), "{}", world.log());
    assert_eq!(world.buyer().get("/mirrors.txt").status, 404);
}
