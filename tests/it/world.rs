use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Publicly known test keys.
pub const ETH_XPUB: &str = "xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP";
pub const BTC_ZPUB: &str = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";
pub const XMR_ADDRESS: &str = "46BN3P4tsCMNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTJmDHf39";

/// A whole shop in a temporary folder.
pub struct World {
    pub home: tempfile::TempDir,
    /// Which build of the shop.
    pub program: PathBuf,
    pub settings: Vec<(String, String)>,
    /// What the system lets the open shop open in its turn.
    pub most_files: Option<u32>,
    server: Option<Server>,
}

struct Server {
    child: Child,
    address: String,
    /// Of the seller's desk, where the settings open one.
    desk: Option<String>,
    log: PathBuf,
}

/// A catalog of four products: tea without options, socks whose options have their own stock, a cap whose options share
/// it, and a stone that is sold for XMR alone.
pub fn catalog() -> Value {
    let price = |eth: i64| json!([{"price": eth, "wallet": "->wallets.eth"}, {"price": eth / 1000 * 10, "wallet": "->wallets.btc"}, {"price": eth * 10, "wallet": "->wallets.xmr"}]);
    json!({
        "wallets": {"_model": "Wallet",
            "eth": {"currency": "ETH", "xpub": ETH_XPUB},
            "btc": {"currency": "BTC", "xpub": BTC_ZPUB},
            "xmr": {"currency": "XMR", "address": XMR_ADDRESS}},
        "products": {"_model": "Product",
            "tea": {"name": "Green Tea", "description": "A **fine** tea.\n\n<script>alert(1)</script>", "quantity": 20,
                "prices": price(91_990_000), "categories": ["Tea & Co", "Warm/Dry"]},
            "socks": {"name": "Wool Socks", "quantity": 9, "prices": price(5_000_000), "categories": ["Wool"],
                "options": [{"name": "Red", "quantity": 3}, {"name": "Blue", "quantity": 0}]},
            "cap": {"name": "Cap", "quantity": 4, "prices": price(7_000_000), "options": ["Small", "Large"], "categories": ["Wool"]},
            "stone": {"name": "Stone", "quantity": 1, "prices": [{"price": 1_230_000_000, "wallet": "->wallets.xmr"}]}}
    })
}

impl World {
    /// An open shop with the catalog above.
    pub fn new() -> Self {
        Self::with(&catalog(), &[])
    }

    pub fn with(catalog: &Value, settings: &[(&str, &str)]) -> Self {
        let mut world = Self::closed(settings);
        fs::create_dir(world.path("db")).unwrap();
        fs::write(world.path("db/data.json"), catalog.to_string()).unwrap();
        world.open();
        world
    }

    /// An open shop with the catalog above that seals to this key.
    pub fn sealed(key: &str) -> Self {
        let mut world = Self::closed(&[]);
        fs::create_dir(world.path("db")).unwrap();
        fs::write(world.path("db/data.json"), catalog().to_string()).unwrap();
        fs::write(world.path("db/seller.asc"), key).unwrap();
        world.open();
        world
    }

    /// A folder without anything in it.
    pub fn closed(settings: &[(&str, &str)]) -> Self {
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self {
            home: tempfile::tempdir().unwrap(),
            program: PathBuf::from(env!("CARGO_BIN_EXE_shop")),
            settings,
            most_files: None,
            server: None,
        }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match self.most_files {
            None => Command::new(&self.program),
            Some(most) => {
                let mut command = Command::new("sh");
                command
                    .args(["-c", &format!("ulimit -n {most}; exec \"$@\""), "sh"])
                    .arg(&self.program);
                command
            }
        };
        command
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .envs(self.settings.iter().cloned());
        command
    }

    pub fn open(&mut self) {
        let log = self.path("log");
        let file = fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let has_door = self.settings.iter().any(|(name, _)| name == "LISTEN");
        let arguments: &[&str] =
            if has_door { &["serve"] } else { &["serve", "--listen", "127.0.0.1:0"] };
        let mut child =
            self.command(arguments).stdout(Stdio::piped()).stderr(file).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next_line = || {
            let line = lines.next().unwrap_or_else(|| {
                panic!("the shop did not open: {}", fs::read_to_string(&log).unwrap())
            });
            line.unwrap()
        };
        let address = loop {
            let line = next_line();
            if let Some(at) = line.find("http://") {
                break line[at + 7..].to_owned();
            }
            if let Some(path) = line.strip_prefix("The shop is open at unix:") {
                break format!("unix:{}", self.path(path).display());
            }
        };
        let has_desk = self.settings.iter().any(|(name, _)| name == "DESK_LISTEN");
        let desk = has_desk.then(|| {
            loop {
                let line = next_line();
                if let Some(address) = line.strip_prefix("Your desk is at ") {
                    break address.trim_start_matches("http://").to_owned();
                }
            }
        });
        std::thread::spawn(move || lines.count());
        self.server = Some(Server { child, address, desk, log });
    }

    pub fn address(&self) -> &str {
        &self.server.as_ref().unwrap().address
    }

    pub fn pid(&self) -> u32 {
        self.server.as_ref().unwrap().child.id()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.server.as_ref().unwrap().log).unwrap()
    }

    /// What a shop says on standard output when it opens; it is closed again at once.
    pub fn opening_words(&self) -> String {
        let mut child = self
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            said.push_str(&format!("{}\n", line.unwrap()));
            if said.contains("is open at") {
                break;
            }
        }
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        child.wait().unwrap();
        said
    }

    /// Ends the shop with a signal and gives back its exit code.
    pub fn close(&mut self, signal: &str) -> Option<i32> {
        let mut server = self.server.take().unwrap();
        Command::new("kill").args([signal, &server.child.id().to_string()]).status().unwrap();
        server.child.wait().unwrap().code()
    }

    /// The seller's command line.
    pub fn shop(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a command that must succeed says.
    #[track_caller]
    pub fn says(&self, arguments: &[&str]) -> String {
        let output = self.shop(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// A command that waits for its standard input.
    pub fn child(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
    }

    /// A command with words on standard input.
    pub fn told(&self, arguments: &[&str], words: &[u8]) -> Output {
        fed(&mut self.command(arguments), words)
    }

    /// The seller answers with a mail program: `r`, words, sent.
    pub fn replies(&self, order_refs: &[&str], id: &str, words: &str) -> Output {
        let to: Vec<String> =
            order_refs.iter().map(|order_ref| format!("order+{order_ref}@shop.invalid")).collect();
        let letter = format!(
            "From: root@localhost\nTo: {}\nSubject: Re: New order\nMessage-ID: <{id}@seller>\nMIME-Version: 1.0\n\
             Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{words}\n",
            to.join(", ")
        );
        let mut arguments = vec!["deliver", "--"];
        arguments.extend(to.iter().map(String::as_str));
        self.told(&arguments, letter.as_bytes())
    }

    /// An answer that is taken.
    #[track_caller]
    pub fn answers(&self, order_ref: &str, id: &str, words: &str) {
        let done = self.replies(&[order_ref], id, words);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    #[track_caller]
    pub fn seed(&self, catalog: &Value) {
        fs::write(self.path("db/data.json"), catalog.to_string()).unwrap();
        self.says(&["seed", "db/data.json"]);
    }

    pub fn buyer(&self) -> Buyer {
        Buyer {
            address: self.address().to_owned(),
            cookies: BTreeMap::new(),
            host: if self.address().starts_with("unix:") { "localhost" } else { self.address() }
                .to_owned(),
            before: String::new(),
            fetch_site: None,
        }
    }

    /// A browser before the desk's login page.
    pub fn stranger_at_desk(&self) -> Buyer {
        let address = self.server.as_ref().unwrap().desk.clone().expect("DESK_LISTEN");
        Buyer { address: address.clone(), host: address, ..self.buyer() }
    }

    /// The seller at the desk, signed in with [`DESK_PASSWORD`]. For a shop that was made [`World::with_desk`].
    #[track_caller]
    pub fn desk(&self) -> SellerAtDesk {
        let mut browser = self.stranger_at_desk();
        let token = browser.get("/login").token();
        let answer = browser.post_raw("/login", &[("token", &token), ("password", DESK_PASSWORD)]);
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/")),
            "{}",
            answer.text()
        );
        SellerAtDesk(browser)
    }

    /// An open shop with the catalog above and a desk whose password is set.
    pub fn with_desk() -> Self {
        Self::with_desk_and(&catalog(), &[])
    }

    pub fn with_desk_and(catalog: &Value, settings: &[(&str, &str)]) -> Self {
        let mut all = vec![("DESK_LISTEN", "127.0.0.1:0")];
        all.extend(settings);
        let world = Self::with(catalog, &all);
        world.sets_desk_password();
        world
    }

    #[track_caller]
    pub fn sets_desk_password(&self) {
        let words = format!("{DESK_PASSWORD}\n{DESK_PASSWORD}\n");
        let done = self.told(&["desk", "password"], words.as_bytes());
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// A buyer whose connections tor begins with this circuit's line.
    pub fn buyer_on(&self, circuit: u32) -> Buyer {
        Buyer { before: tors_line(circuit), ..self.buyer() }
    }

    pub fn messages(&self) -> Vec<(String, String)> {
        let mut messages: Vec<(String, String)> = fs::read_dir(self.path("mailorders/new"))
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                (
                    path.file_name().unwrap().to_str().unwrap().to_owned(),
                    fs::read_to_string(&path).unwrap(),
                )
            })
            .collect();
        messages.sort();
        messages
    }

    /// Runs a statement on the shop's database: only to move times, which a test cannot wait for.
    pub fn sql(&self, statement: &str) {
        self.sql_with(statement, &[]);
    }

    /// The same with a value for each `?`.
    pub fn sql_with(&self, statement: &str, values: &[&[u8]]) {
        self.ask(statement, values);
    }

    /// What a statement finds, as bytes: the first column of each row.
    pub fn find(&self, statement: &str) -> Vec<Vec<u8>> {
        self.ask(statement, &[])
    }

    /// Holds the database's write lock until it is dropped.
    pub fn hold_database(&self) -> sqlx::SqliteConnection {
        let path = self.path("db/shop.sqlite");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            use sqlx::Connection;
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
            let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::query("begin immediate").execute(&mut connection).await.unwrap();
            connection
        })
    }

    fn ask(&self, statement: &str, values: &[&[u8]]) -> Vec<Vec<u8>> {
        let path = self.path("db/shop.sqlite");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            use sqlx::Connection;
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
            let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
            let query = sqlx::query(sqlx::AssertSqlSafe(statement.to_owned()));
            let query = values.iter().fold(query, |query, value| query.bind(value.to_vec()));
            let rows = query.fetch_all(&mut connection).await.unwrap();
            rows.iter()
                .map(|row| {
                    use sqlx::Row;
                    let value = row.try_get_raw(0).unwrap();
                    <Vec<u8> as sqlx::Decode<sqlx::Sqlite>>::decode(value).unwrap()
                })
                .collect()
        })
    }

    /// Waits for what the shop does by itself within seconds.
    #[track_caller]
    pub fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < Duration::from_secs(40), "{what}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.child.kill();
            let _ = server.child.wait();
        }
    }
}

/// A browser without scripts, with a cookie jar of its own.
#[derive(Clone)]
pub struct Buyer {
    pub address: String,
    pub cookies: BTreeMap<String, String>,
    pub host: String,
    /// What each connection begins with.
    pub before: String,
    /// What it sends as `Sec-Fetch-Site`, as browsers do where they trust the address.
    pub fetch_site: Option<&'static str>,
}

pub const DESK_PASSWORD: &str = "cinder-otter-velvet-28-plum";

/// The seller's browser, signed in at the desk.
#[derive(Clone)]
pub struct SellerAtDesk(pub Buyer);

impl SellerAtDesk {
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Answer {
        let answer = self.0.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer
    }

    /// Sends a form with the token of a page; without the hidden fields that the page's own form has.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.0.get("/").token();
        let mut all = vec![("token", token.as_str())];
        all.extend(fields);
        self.0.post_raw(path, &all)
    }

    /// The same, of a form that is taken: it leads to the page that shows what was done.
    #[track_caller]
    pub fn does(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.post(path, fields);
        assert_eq!(answer.status, 303, "{path} {fields:?}: {}", answer.text());
        let next = answer.header("location").unwrap().to_owned();
        self.get(next.split('#').next().unwrap())
    }
}

/// Both kinds of door.
pub trait Connection: Read + Write + Send {}
impl Connection for TcpStream {}
impl Connection for UnixStream {}

pub fn connect(address: &str) -> Box<dyn Connection> {
    let patience = Some(Duration::from_secs(30));
    if let Some(path) = address.strip_prefix("unix:") {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(patience).unwrap();
        return Box::new(stream);
    }
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(patience).unwrap();
    Box::new(stream)
}

pub fn tors_line(circuit: u32) -> String {
    let (high, low) = (circuit >> 16, circuit & 0xffff);
    format!("PROXY TCP6 fc00:dead:beef:4dad::{high:x}:{low:x} ::1 {low} 80\r\n")
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The page without its stylesheet, whose words are not those of the page.
    pub fn text(&self) -> String {
        let text = self.whole_text();
        match (text.split_once("<style>"), text.split_once("</style>")) {
            (Some((before, _)), Some((_, after))) => format!("{before}{after}"),
            _ => text,
        }
    }

    pub fn whole_text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The text of the element with this id, entities read.
    #[track_caller]
    pub fn mark(&self, id: &str) -> String {
        self.find_mark(id).unwrap_or_else(|| panic!("no #{id} in {}", self.text()))
    }

    pub fn find_mark(&self, id: &str) -> Option<String> {
        let text = self.text();
        let rest = text.split_once(&format!("id=\"{id}\""))?.1.split_once('>')?.1.to_owned();
        Some(plain(rest.split('<').next()?))
    }

    /// The attribute of the element with this id.
    #[track_caller]
    pub fn attribute(&self, id: &str, name: &str) -> String {
        let text = self.text();
        let at = text.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no #{id}"));
        let begin = text[..at].rfind('<').unwrap();
        let element = &text[begin..begin + text[begin..].find('>').unwrap()];
        let value = element
            .split_once(&format!("{name}=\""))
            .unwrap_or_else(|| panic!("no {name} on #{id}"))
            .1;
        plain(value.split('"').next().unwrap())
    }

    pub fn state(&self) -> String {
        self.attribute("state", "data-state")
    }

    pub fn token(&self) -> String {
        self.hidden("token")
    }

    /// The value of a hidden field.
    #[track_caller]
    pub fn hidden(&self, name: &str) -> String {
        let text = self.text();
        let field = text.split_once(&format!("name=\"{name}\" value=\""));
        let (_, rest) = field.unwrap_or_else(|| panic!("no field {name} in {text}"));
        rest.split('"').next().unwrap().to_owned()
    }
}

pub fn plain(text: &str) -> String {
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#38;", "&"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&amp;", "&"),
    ];
    entities
        .iter()
        .fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
        .trim()
        .to_owned()
}

pub const ADDRESS: [(&str, &str); 6] = [
    ("recipient", "Ada Byron"),
    ("street", "12 St James's Square\r\nSecond floor"),
    ("city", "London"),
    ("province", "Greater London"),
    ("country", "United Kingdom"),
    ("postcode", "SW1Y 4JH"),
];

impl Buyer {
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut stream = self.begins(method, path, headers, body);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let answer = parse_answer(&bytes);
        for (_, line) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, rest) = line.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Sends a request, of which the caller reads the answer.
    pub fn begins(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Box<dyn Connection> {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.host);
        if !self.cookies.is_empty() {
            let pairs: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            head.push_str(&format!("Cookie: {}\r\n", pairs.join("; ")));
        }
        if let Some(site) = self.fetch_site {
            head.push_str(&format!("Sec-Fetch-Site: {site}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || method == "POST" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut stream = connect(&self.address);
        stream.write_all(self.before.as_bytes()).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        // A server that refuses a long body may close before all of it was sent.
        let _ = stream.write_all(body);
        stream
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    /// Sends a form as it stands, without a token of its own.
    pub fn post_raw(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.request(
            "POST",
            path,
            &[("Content-Type", "application/x-www-form-urlencoded")],
            body.as_bytes(),
        )
    }

    /// Sends a form with the token of a page.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.get("/order").token();
        let mut all = vec![("token", token.as_str())];
        all.extend(fields);
        self.post_raw(path, &all)
    }

    #[track_caller]
    pub fn adds(&mut self, product: &str, option: &str, quantity: &str) {
        let answer =
            self.post("/cart", &[("product", product), ("option", option), ("quantity", quantity)]);
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/cart")),
            "{}",
            answer.text()
        );
    }

    /// Sends the checkout form with an address and more: the order for review, or the form again.
    pub fn reviews(&mut self, more: &[(&str, &str)]) -> Answer {
        let mut fields: Vec<(&str, &str)> = ADDRESS
            .iter()
            .copied()
            .filter(|(name, _)| !more.iter().any(|(other, _)| other == name))
            .collect();
        fields.extend(more);
        self.post("/checkout", &fields)
    }

    /// Places the order that a page shows for review.
    pub fn places(&mut self, review: &Answer, more: &[(&str, &str)]) -> Answer {
        let (token, draft) = (review.token(), review.hidden("draft"));
        let mut fields = vec![("token", token.as_str()), ("draft", draft.as_str())];
        fields.extend(more);
        self.post_raw("/checkout/place", &fields)
    }

    /// Sends the checkout form, and places the order if it can be reviewed.
    pub fn tries_to_check_out(&mut self, more: &[(&str, &str)]) -> Answer {
        let review = self.reviews(more);
        if review.status == 200 { self.places(&review, more) } else { review }
    }

    /// Places an order and looks at its page.
    #[track_caller]
    pub fn checks_out(&mut self, more: &[(&str, &str)]) -> Answer {
        let answer = self.tries_to_check_out(more);
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/order")),
            "{}",
            answer.text()
        );
        self.get("/order")
    }

    pub fn chooses(&mut self, currency: &str) {
        assert_eq!(
            self.post("/currency", &[("currency", currency), ("back", "/cart")]).status,
            303
        );
    }
}

pub fn parse_answer(bytes: &[u8]) -> Answer {
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    let mut answer =
        Answer { status, headers: headers.collect(), bytes: bytes[end + 4..].to_vec() };
    // The answer to a HEAD has no body.
    if answer.header("transfer-encoding") == Some("chunked") && !answer.bytes.is_empty() {
        answer.bytes = joined_chunks(&answer.bytes);
    }
    answer
}

/// Source: RFC 9112, section 7.1. An answer that ends before its last chunk is refused.
fn joined_chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut joined = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").expect("a chunk's length");
        let length = std::str::from_utf8(&rest[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return joined;
        }
        joined.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 4 + length..];
    }
}

/// Runs a program with words on its standard input.
pub fn fed(command: &mut Command, words: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}: scripts/install-test-tools"));
    let mut stdin = child.stdin.take().unwrap();
    let words = words.to_vec();
    let writer = std::thread::spawn(move || {
        // Whoever refuses at once may have gone before all was said.
        let _ = stdin.write_all(&words);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// The seller's own computer: gpg with a home of its own, and its agent ended with it.
pub struct Keyring {
    home: tempfile::TempDir,
}

impl Drop for Keyring {
    fn drop(&mut self) {
        let home = self.home.path();
        let _ = Command::new("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", home).status();
    }
}

impl Keyring {
    pub fn new() -> Self {
        // The path of the agent's socket has to be short.
        let home = tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp").unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Self { home }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn tries(&self, arguments: &[&str], words: &[u8]) -> Output {
        let mut command = Command::new("gpg");
        command
            .args(["--batch", "--yes", "--no-tty", "--pinentry-mode", "loopback"])
            .args(["--passphrase", "", "--trust-model", "always"])
            .args(arguments)
            .env("GNUPGHOME", self.home.path())
            .env("LC_ALL", "C");
        fed(&mut command, words)
    }

    #[track_caller]
    pub fn does(&self, arguments: &[&str], words: &[u8]) -> String {
        let output = self.tries(arguments, words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "gpg {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A key as most sellers have it; its fingerprint.
    #[track_caller]
    pub fn makes_key(&self, name: &str) -> String {
        self.does(&["--quick-gen-key", name, "future-default", "default", "never"], b"");
        let listed = self.does(&["--with-colons", "--list-keys", &format!("={name}")], b"");
        let line = listed.lines().find(|line| line.starts_with("fpr:")).unwrap();
        line.split(':').nth(9).unwrap().to_owned()
    }

    #[track_caller]
    pub fn exports(&self, key: &str) -> String {
        self.does(&["--armor", "--export", key], b"")
    }

    /// What lies under the seal of a message, as it was written.
    #[track_caller]
    pub fn opens(&self, message: &str) -> String {
        let begin = message.find("-----BEGIN PGP MESSAGE").expect("a sealed message");
        self.does(&["--decrypt"], &message.as_bytes()[begin..])
    }
}

/// Every file below a folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}
