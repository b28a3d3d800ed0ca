//! An attacker without money orders as fast as the shop allows, while others buy: how many purchases succeed, how long each
//! answer takes, whether anything in stock cannot be bought, and what the flood leaves behind.
//!
//! `cargo bench --bench siege`. All on loopback: first the shop listens on a unix socket behind tor's own lines, which this
//! program writes, with 1,000 circuits of the attacker's; then on TCP, where it cannot tell visitors apart. A minute each;
//! `-- --seconds 600` for ten, `-- --circuits 100`, `-- --purchases 20`, `-- --tor` or `-- --tcp` for one of the two. Each part
//! begins with a new shop. The attacker solves 30 % of the challenges, buyers solve all.

mod parts;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::time::{Duration, Instant};

use shop::infra::captcha;
use shop::interfaces::web::ChallengeKey;

use parts::visitor::{Door, Visitor};
use parts::{SHOP, machine};

/// Units: requests of the attacker at once.
const N_AT_ONCE: usize = 16;
/// Units: products, each with ten in stock.
const N_PRODUCTS: usize = 20;
/// Units: percent.
const SOLVED_BY_ATTACKER: usize = 30;
/// The circuits of those who buy begin here.
const FIRST_BUYER: u32 = 1_000_000;
/// Where refunds would go: what is contested can be ordered with such an address alone.
const REFUND: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
/// How often each product's page is looked at.
const PROBE_EVERY: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
struct Plan {
    time: Duration,
    n_circuits: u32,
    n_purchases: u32,
    /// Whether the shop tells circuits apart.
    is_behind_tor: bool,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let number = |name: &str, default: u32| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let plan = Plan {
        time: Duration::from_secs(number("--seconds", 60).into()),
        n_circuits: number("--circuits", 1_000).max(1),
        n_purchases: number("--purchases", 200).max(1),
        is_behind_tor: true,
    };
    println!("{}, {} s, {N_AT_ONCE} requests at once\n", machine(), plan.time.as_secs());
    if !has("--tcp") {
        println!("Behind tor's lines, {} circuits of the attacker's\n", plan.n_circuits);
        measure(plan);
    }
    if !has("--tor") {
        println!("\nOn TCP, where the shop cannot tell visitors apart\n");
        measure(Plan { is_behind_tor: false, ..plan });
    }
}

/// What the attacker did.
#[derive(Default)]
struct Attack {
    n_requests: AtomicUsize,
    n_orders: AtomicUsize,
    n_challenges: AtomicUsize,
    n_solved: AtomicUsize,
    /// Orders that were not taken, by a limit or a wrong answer.
    n_refused: AtomicUsize,
    /// Connections that ended without an answer.
    n_broken: AtomicUsize,
}

/// What those who buy saw.
#[derive(Default)]
struct Purchases {
    n_done: usize,
    /// Of each step, over all purchases.
    times: BTreeMap<&'static str, Vec<Duration>>,
    order_refs: HashSet<String>,
    /// At which step the others ended, and with which status.
    ended: BTreeMap<(&'static str, u16), usize>,
    n_challenges: usize,
}

/// What the product pages said meanwhile.
#[derive(Default)]
struct Probes {
    n_looks: AtomicUsize,
    n_unanswered: AtomicUsize,
    unbuyable: Mutex<BTreeMap<usize, usize>>,
}

fn measure(plan: Plan) {
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on this disk");
    let shop = BesiegedShop::open(home.path(), plan.is_behind_tor);
    let idle = shop.memory("VmRSS:");
    let (attack, probes) = (Attack::default(), Probes::default());
    let purchases = Mutex::new(Purchases::default());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for n in 0..N_AT_ONCE {
            let (shop, attack, is_over) = (&shop, &attack, &is_over);
            scope.spawn(move || attack_from(shop, plan, n, attack, is_over));
        }
        scope.spawn(|| probe(&shop, &probes, &is_over));
        std::thread::scope(|buyers| {
            let begun = Instant::now();
            for n in 0..plan.n_purchases {
                // Spread over the whole time; a slow one keeps no other waiting.
                let due = plan.time * n / plan.n_purchases;
                std::thread::sleep(due.saturating_sub(begun.elapsed()));
                let (shop, purchases) = (&shop, &purchases);
                buyers.spawn(move || buy(shop, n, purchases));
            }
            std::thread::sleep(plan.time.saturating_sub(begun.elapsed()));
        });
        is_over.store(true, Relaxed);
    });
    let purchases = purchases.into_inner().expect("no buyer panics");
    report(plan, &purchases, &attack, &probes);
    shop.report(idle, &purchases.order_refs);
}

fn report(plan: Plan, purchases: &Purchases, attack: &Attack, probes: &Probes) {
    println!("| | |\n|---|---|");
    println!("| purchases that succeeded | {} of {} |", purchases.n_done, plan.n_purchases);
    println!("| challenges that buyers were asked | {} |", purchases.n_challenges);
    for ((step, status), n) in &purchases.ended {
        println!("| ended at {step}, status {status} | {n} |");
    }
    for (step, times) in &purchases.times {
        let mut times = times.clone();
        times.sort();
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
        println!(
            "| {step}: median, p95, slowest | {} ms, {} ms, {} ms |",
            at(50).as_millis(),
            at(95).as_millis(),
            at(100).as_millis()
        );
    }
    for (what, n) in [
        ("requests", &attack.n_requests),
        ("orders", &attack.n_orders),
        ("challenges", &attack.n_challenges),
        ("challenges solved", &attack.n_solved),
        ("orders refused", &attack.n_refused),
        ("connections without an answer", &attack.n_broken),
    ] {
        println!("| attacker: {what} | {} |", n.load(Relaxed));
    }
    let unbuyable = probes.unbuyable.lock().expect("nobody panics");
    println!(
        "| looks at product pages; without an answer | {}; {} |",
        probes.n_looks.load(Relaxed),
        probes.n_unanswered.load(Relaxed)
    );
    println!(
        "| products that could not be bought at some time; looks that found so | {} of {N_PRODUCTS}; {} |",
        unbuyable.len(),
        unbuyable.values().sum::<usize>()
    );
}

/// The characters in the picture of a challenge, as a person reads them: the shop's own secret opens it. `None`: it is not
/// of this shop.
fn read_challenge(secret: &[u8], challenge: &str) -> Option<String> {
    Some(captcha::text(&ChallengeKey::of_secret(secret).open(challenge)?.id))
}

/// Orders on every `N_AT_ONCE`th circuit in turn, on each as soon as it may again.
fn attack_from(
    shop: &BesiegedShop,
    plan: Plan,
    first: usize,
    attack: &Attack,
    is_over: &AtomicBool,
) {
    let step = u32::try_from(N_AT_ONCE).expect("small");
    let first = u32::try_from(first).expect("small");
    let circuits: Vec<u32> = (1 + first..=plan.n_circuits).step_by(N_AT_ONCE).collect();
    let mut free_at = vec![Instant::now(); circuits.len()];
    let mut turn = 0_usize;
    while !is_over.load(Relaxed) && !circuits.is_empty() {
        let n = turn % circuits.len();
        turn += 1;
        if Instant::now() < free_at[n] {
            if n == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
            continue;
        }
        let mut visitor = Visitor::new(&shop.door, circuits[n]);
        let wait = order_once(shop, &mut visitor, turn * step as usize + first as usize, attack);
        free_at[n] = Instant::now() + wait;
        attack.n_requests.fetch_add(visitor.times.len(), Relaxed);
        attack.n_broken.fetch_add(visitor.n_broken, Relaxed);
    }
}

/// Tries to order all that is left of a product; returns how long the shop asks to wait.
fn order_once(shop: &BesiegedShop, visitor: &mut Visitor, n: usize, attack: &Attack) -> Duration {
    let product = n % N_PRODUCTS;
    let Some(mut wish) =
        fill_cart(visitor, product, "10").or_else(|| fill_cart(visitor, product, "1"))
    else {
        attack.n_refused.fetch_add(1, Relaxed);
        return visitor.retry_after;
    };
    if let Some(challenge) = &wish.challenge {
        attack.n_challenges.fetch_add(1, Relaxed);
        let answer = read_challenge(&shop.secret, challenge);
        let answer = answer.filter(|_| n * 7_919 % 100 < SOLVED_BY_ATTACKER);
        attack.n_solved.fetch_add(usize::from(answer.is_some()), Relaxed);
        wish.answer = answer.unwrap_or_else(|| "AAAAAA".to_owned());
    }
    let taken = visitor
        .asks("order", "POST", "/checkout/place", &wish.form())
        .is_some_and(|a| a.status == 303);
    let count = if taken { &attack.n_orders } else { &attack.n_refused };
    count.fetch_add(1, Relaxed);
    visitor.retry_after
}

/// A purchase with the pages that a buyer sees on the way, up to the report of the payment.
fn buy(shop: &BesiegedShop, n: u32, purchases: &Mutex<Purchases>) {
    let mut buyer = Visitor::new(&shop.door, FIRST_BUYER + n);
    let mut seen = Seen::default();
    let is_done = take_steps(shop, &mut buyer, n, &mut seen).is_some();
    let mut purchases = purchases.lock().expect("no buyer panics");
    purchases.n_done += usize::from(is_done);
    purchases.n_challenges += usize::from(seen.was_challenged);
    purchases.order_refs.extend(seen.order_ref);
    if !is_done {
        *purchases.ended.entry(buyer.last).or_default() += 1;
    }
    for (step, time) in buyer.times {
        purchases.times.entry(step).or_default().push(time);
    }
}

/// Looks whether what is in stock can be bought. Nobody pays here, so that everything always is.
fn probe(shop: &BesiegedShop, probes: &Probes, is_over: &AtomicBool) {
    let mut n = 0;
    while !is_over.load(Relaxed) {
        for product in 0..N_PRODUCTS {
            n += 1;
            let mut visitor = Visitor::new(&shop.door, FIRST_BUYER * 2 + n);
            let path = format!("/product/product-{product}");
            probes.n_looks.fetch_add(1, Relaxed);
            match visitor.asks("probe", "GET", &path, "") {
                Some(answer) if answer.status == 200 => {
                    if !answer.text.contains("class=\"buy\"") {
                        let mut unbuyable = probes.unbuyable.lock().expect("nobody panics");
                        *unbuyable.entry(product).or_default() += 1;
                    }
                }
                _ => {
                    probes.n_unanswered.fetch_add(1, Relaxed);
                }
            }
        }
        std::thread::sleep(PROBE_EVERY);
    }
}

/// A shop with some products, and its secret.
struct BesiegedShop {
    child: Child,
    door: Door,
    secret: Vec<u8>,
    home: PathBuf,
}

impl BesiegedShop {
    fn open(home: &Path, is_behind_tor: bool) -> Self {
        let mut text = String::from(
            "{\"wallets\": {\"_model\": \"Wallet\", \"eth\": {\"currency\": \"ETH\", \"xpub\": \
            \"xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP\"}}, \
            \"products\": {\"_model\": \"Product\"",
        );
        for n in 0..N_PRODUCTS {
            text.push_str(&format!(
                ", \"p{n}\": {{\"name\": \"Product {n}\", \"description\": \"A product\", \"quantity\": 10, \"prices\": [{{\"price\": 1000000, \"wallet\": \"->wallets.eth\"}}]}}"
            ));
        }
        text.push_str("}}");
        fs::create_dir_all(home.join("db")).expect("make db");
        fs::write(home.join("db/data.json"), text).expect("write the catalog");
        let arguments: &[&str] = if is_behind_tor {
            &["serve", "--listen", "unix:door", "--circuit-id", "haproxy"]
        } else {
            &["serve", "--listen", "127.0.0.1:0"]
        };
        let mut child = Command::new(SHOP)
            .args(arguments)
            .current_dir(home)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("start the shop");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let address = loop {
            let line = lines.next().expect("the shop opens").expect("a line");
            if is_behind_tor && line.contains("is open at") {
                break home.join("door").display().to_string();
            }
            if let Some(at) = line.find("http://") {
                break line[at + 7..].to_owned();
            }
        };
        std::thread::spawn(move || lines.count());
        let secret = fs::read(home.join("db/shop.secret")).expect("the shop has a secret");
        Self { child, door: Door { address, is_behind_tor }, secret, home: home.to_owned() }
    }

    /// Units: MB. Source: proc_pid_status(5).
    fn memory(&self, name: &str) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the shop runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux says it");
        let number = line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        number.expect("a number") / 1024
    }

    /// What the flood left behind. `idle`: the memory before it; `honest`: the orders of those who bought.
    fn report(&self, idle: u64, honest: &HashSet<String>) {
        let mut n_messages = 0;
        let mut n_others = 0;
        for folder in ["new", "cur"] {
            let entries = fs::read_dir(self.home.join("mailorders").join(folder));
            for entry in entries.expect("the Maildir is there") {
                let name = entry.expect("a message").file_name().to_string_lossy().into_owned();
                // The name holds the order's reference: `1795219200.K3QF0W2ZD7_0.shop`.
                let order_ref = name.split('.').nth(1).and_then(|part| part.split('_').next());
                n_messages += 1;
                n_others += usize::from(!order_ref.is_some_and(|name| honest.contains(name)));
            }
        }
        println!(
            "| messages in the mailbox; of them not of those who bought | {n_messages}; {n_others} |"
        );
        let size = |name: &str| {
            let size = fs::metadata(self.home.join("db").join(name)).map_or(0, |file| file.len());
            size >> 10
        };
        println!(
            "| database; its journal | {} KB; {} KB |",
            size("shop.sqlite"),
            size("shop.sqlite-wal")
        );
        println!(
            "| memory idle; at the end; at most | {idle} MB; {} MB; {} MB |",
            self.memory("VmRSS:"),
            self.memory("VmHWM:")
        );
    }
}

impl Drop for BesiegedShop {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// An order that is about to be placed.
struct Wish {
    token: String,
    /// What was reviewed, encrypted.
    draft: String,
    challenge: Option<String>,
    answer: String,
}

impl Wish {
    fn form(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", &self.token).append_pair("draft", &self.draft);
        if let Some(challenge) = &self.challenge {
            form.append_pair("challenge", challenge).append_pair("answer", &self.answer);
        }
        form.finish()
    }
}

static LAST_TRANSACTION: AtomicU64 = AtomicU64::new(0);

/// What a buyer saw of an order.
#[derive(Default)]
struct Seen {
    was_challenged: bool,
    order_ref: Option<String>,
}

/// The steps of a purchase.
fn take_steps(shop: &BesiegedShop, buyer: &mut Visitor, n: u32, seen: &mut Seen) -> Option<()> {
    buyer.gets("window", "/")?;
    let product = usize::try_from(n).expect("small") % N_PRODUCTS;
    let mut wish = fill_cart(buyer, product, "1")?;
    if let Some(challenge) = wish.challenge.clone() {
        seen.was_challenged = true;
        buyer.gets("picture", &format!("/checkout/challenge.png?c={challenge}"))?;
        wish.answer = read_challenge(&shop.secret, &challenge).unwrap_or_default();
    }
    buyer.posts("order", "/checkout/place", &wish.form())?;
    let order = buyer.gets("order's page", "/order")?;
    seen.order_ref = order.mark("order-ref");
    let n = LAST_TRANSACTION.fetch_add(1, Relaxed);
    let form = format!("token={}&transaction=0x{n:064x}", order.field("token")?);
    buyer.posts("report", "/order/transaction", &form)?;
    let order = buyer.gets("order's page", "/order")?;
    order.text.contains("data-state=\"reported\"").then_some(())
}

/// From the product's page to the review.
fn fill_cart(visitor: &mut Visitor, product: usize, quantity: &str) -> Option<Wish> {
    let page = visitor.gets("product", &format!("/product/product-{product}"))?;
    let token = page.field("token")?;
    let form = format!("token={token}&product=product-{product}&quantity={quantity}");
    visitor.posts("add to cart", "/cart", &form)?;
    visitor.gets("cart", "/cart")?;
    let page = visitor.gets("checkout", "/checkout")?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", &page.field("token")?).extend_pairs([
        ("recipient", "Ada Byron"),
        ("street", "12 St James's Square"),
        ("city", "London"),
        ("province", "Greater London"),
        ("country", "United Kingdom"),
        ("postcode", "SW1Y 4JH"),
        ("refund", REFUND),
    ]);
    let page = visitor.asks("review", "POST", "/checkout", &form.finish())?;
    Some(Wish {
        token: page.field("token")?,
        draft: page.field("draft")?,
        challenge: page.field("challenge"),
        answer: String::new(),
    })
}
