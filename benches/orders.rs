//! How many orders a second the shop takes, sealed and not, against what the disk takes of the same row and the same file, each synced,
//! one after the other.
//!
//! `cargo bench --bench orders`. Needs gpg, which makes the keys. All on loopback and in a temporary folder below `target`, so that it is this disk.

mod parts;

use std::fs;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use parts::{OpenShop, machine, made_by_gpg, median};

const N_ORDERS: usize = 400;
const N_BUYERS: usize = 8;
const ROUNDS: usize = 5;

fn main() {
    println!("{}\n", machine());
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    println!(
        "| sealed to | orders/s of the shop | rows and files/s of the disk | ratio |\n|---|---|---|---|"
    );
    for key in [None, Some(("ed25519", "cv25519")), Some(("rsa3072", "rsa3072"))] {
        let (mut of_disk, mut of_shop) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let home = tempfile::tempdir_in(base).expect("a folder on this disk");
            fs::create_dir_all(home.path().join("db")).expect("make db");
            if let Some((kind, part)) = key {
                let keys =
                    tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp").expect("a folder");
                let armored = made_by_gpg(keys.path(), kind, part);
                fs::write(home.path().join("db/seller.asc"), armored).expect("write the key");
            }
            let (rate, row, message) = shop_rate(home.path());
            of_shop.push(rate);
            of_disk.push(disk_rate(home.path(), &row, &message));
        }
        let ratios: Vec<u64> =
            of_shop.iter().zip(&of_disk).map(|(shop, disk)| shop * 1_000 / disk).collect();
        println!(
            "| {} | {} | {} | {}.{:03} |",
            key.map_or("nothing", |(_, part)| part),
            median(&of_shop),
            median(&of_disk),
            median(&ratios) / 1_000,
            median(&ratios) % 1_000
        );
    }
    checkout_pages(base);
}

/// The form with all countries, and the review.
fn checkout_pages(base: &Path) {
    let home = tempfile::tempdir_in(base).expect("a folder on this disk");
    fs::create_dir_all(home.path().join("db")).expect("make db");
    let shop = open_shop(home.path());
    let (cookies, token) = filled_cart(&shop.address);
    let mut n_countries = 0;
    let times = |ask: &mut dyn FnMut()| {
        let times: Vec<Duration> = (0..101)
            .map(|_| {
                let started = Instant::now();
                ask();
                started.elapsed()
            })
            .collect();
        median(&times).as_micros()
    };
    let form = times(&mut || {
        let (_, body) = parts::get(&shop.address, "/checkout", &format!("Cookie: {cookies}\r\n"));
        n_countries = String::from_utf8_lossy(&body).matches("<option value=\"").count() - 1;
    });
    let review = times(&mut || {
        let (head, _) = post(&shop.address, "/checkout", &cookies, &checkout_form(&token));
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    });
    println!("\ncheckout with {n_countries} countries: {form} µs; review: {review} µs");
}

fn open_shop(home: &Path) -> OpenShop {
    let text = "{\"wallets\": {\"_model\": \"Wallet\", \"eth\": {\"currency\": \"ETH\", \"xpub\": \
        \"xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP\"}}, \
        \"products\": {\"_model\": \"Product\", \"tea\": {\"name\": \"Tea\", \"quantity\": 100000, \
        \"prices\": [{\"price\": 1000000, \"wallet\": \"->wallets.eth\"}]}}}";
    fs::write(home.join("db/data.json"), text).expect("write the catalog");
    OpenShop::open(home, "0,1")
}

/// Units: orders a second; with a row and a message as they lie on the disk afterwards.
fn shop_rate(home: &Path) -> (u64, Vec<u8>, Vec<u8>) {
    let shop = open_shop(home);
    let carts: Vec<(String, String)> =
        (0..N_ORDERS).map(|_| reviewed_order(&shop.address)).collect();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for carts in carts.chunks(N_ORDERS / N_BUYERS) {
            let address = &shop.address;
            scope.spawn(move || {
                for (cookies, form) in carts {
                    let (head, _) = post(address, "/checkout/place", cookies, form);
                    assert!(head.starts_with("HTTP/1.1 303"), "{head}");
                }
            });
        }
    });
    let rate = per_second(N_ORDERS, started.elapsed());
    let new = fs::read_dir(home.join("mailorders/new")).expect("the Maildir");
    let messages: Vec<_> = new.map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(messages.len(), N_ORDERS, "every order lies in the Maildir");
    // The row with its lines, invoice and message's mark takes about as much as its message.
    let message = fs::read(&messages[0]).expect("a message");
    (rate, vec![b'x'; 700], message)
}

/// The same row and the same file, each synced before the next.
fn disk_rate(home: &Path, row: &[u8], message: &[u8]) -> u64 {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        use sqlx::Connection;
        use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
        let options = SqliteConnectOptions::new()
            .filename(home.join("baseline.sqlite"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut connection =
            sqlx::SqliteConnection::connect_with(&options).await.expect("a database");
        sqlx::query("create table rows (id integer primary key, row blob)")
            .execute(&mut connection)
            .await
            .expect("a table");
        for folder in ["tmp", "new"] {
            fs::create_dir_all(home.join("baseline").join(folder)).expect("a folder");
        }
        let (tmp, new) = (home.join("baseline/tmp"), home.join("baseline/new"));
        let started = Instant::now();
        for n in 0..N_ORDERS {
            sqlx::query("insert into rows (row) values (?)")
                .bind(row)
                .execute(&mut connection)
                .await
                .expect("a row");
            let draft = tmp.join(n.to_string());
            let mut file = File::create(&draft).expect("a file");
            file.write_all(message).and_then(|()| file.sync_all()).expect("the file is kept");
            fs::rename(&draft, new.join(n.to_string())).expect("rename");
            File::open(&new).and_then(|folder| folder.sync_all()).expect("the folder is kept");
        }
        per_second(N_ORDERS, started.elapsed())
    })
}

/// A visitor with one thing in the cart: cookies and token.
/// The cookies of a buyer with a cart, and the token of the buyer's forms.
fn filled_cart(address: &str) -> (String, String) {
    let (head, body) = parts::get(address, "/product/tea", "");
    let visitor = cookie(&head, "visitor");
    let token = field(&body, "token");
    let (head, _) =
        post(address, "/cart", &visitor, &format!("token={token}&product=tea&quantity=1"));
    assert!(head.starts_with("HTTP/1.1 303"), "{head}");
    (format!("{visitor}; {}", cookie(&head, "cart")), token)
}

fn checkout_form(token: &str) -> String {
    format!(
        "token={token}&recipient=Ada+Byron&street=12+St+James%27s+Square&city=London&province=Greater+London&country=United+Kingdom&postcode=SW1Y+4JH"
    )
}

/// The cookies of a buyer, and the form that places the order.
fn reviewed_order(address: &str) -> (String, String) {
    let (cookies, token) = filled_cart(address);
    let (_, body) = post(address, "/checkout", &cookies, &checkout_form(&token));
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("token", &token)
        .append_pair("draft", &field(&body, "draft"))
        .finish();
    (cookies, form)
}

/// The value of a hidden field.
fn field(page: &[u8], name: &str) -> String {
    let page = String::from_utf8_lossy(page);
    let rest = page.split(&format!("name=\"{name}\" value=\"")).nth(1).expect("the field");
    rest.split('"').next().expect("its value").to_owned()
}

fn cookie(head: &str, name: &str) -> String {
    let begin = format!("set-cookie: {name}=");
    let line = head.lines().find(|line| line.starts_with(&begin)).expect("a cookie");
    line["set-cookie: ".len()..].split(';').next().expect("a pair").to_owned()
}

fn post(address: &str, path: &str, cookies: &str, form: &str) -> (String, Vec<u8>) {
    use std::io::Read;
    let mut stream = std::net::TcpStream::connect(address).expect("connect to loopback");
    let length = form.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookies}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{form}"
    )
    .expect("send");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("read the answer");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    let body = bytes.split_off(end);
    (String::from_utf8_lossy(&bytes).into_owned(), body)
}

fn per_second(n: usize, time: Duration) -> u64 {
    u64::try_from(n).expect("small") * 1_000_000
        / u64::try_from(time.as_micros()).expect("small").max(1)
}
