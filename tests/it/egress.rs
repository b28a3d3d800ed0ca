//! Nothing leaves: the whole life of an order inside a network namespace that holds loopback alone, every system call
//! read that could reach beyond it.
//!
//! Needs `strace`, `unshare` and `ip`. A namespace is made as root, or where the kernel lets any user make one.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::{Buyer, World, catalog};

const SHOP: &str = env!("CARGO_BIN_EXE_shop");
/// Says to a test that it runs inside its namespace already.
const INSIDE: &str = "SHOP_TEST_INSIDE";
/// `%network` and `%file` are all calls that name an address or a path. The others could do the same by another way.
const READ_CALLS: &str = "trace=%network,%file,io_uring_setup,pidfd_getfd,bpf,ptrace,open_by_handle_at,name_to_handle_at";
/// What a program of Rust reads by itself: its libraries, its own limits, chance.
const SYSTEM_PATHS: [&str; 11] = [
    "/lib/",
    "/lib64/",
    "/usr/lib/",
    "/etc/ld.so.",
    "/proc/self/",
    "/sys/fs/cgroup/",
    // What the C library asks before it gives memory back.
    "/proc/sys/vm/overcommit_memory",
    // The doctor's, which the shop keeps when it gives up other files.
    "/proc/swaps",
    "/sys/devices/system/cpu/",
    "/dev/urandom",
    "/dev/null",
];

#[test]
fn behind_a_unix_socket_the_shop_has_one_socket_and_not_a_byte_crosses_its_loopback() {
    let world = folder();
    let door = world.path("door.sock");
    let listen = format!("unix:{}", door.display());
    let open = || Watched::open(&world, Command::new("sh").isolated(), &listen);
    // The buyer stays outside, as tor does: only the socket's file crosses into the namespace.
    let buyer = Buyer {
        address: bridge_to(&door),
        cookies: BTreeMap::new(),
        host: "shop.example".to_owned(),
        before: String::new(),
        fetch_site: None,
    };
    let traces = whole_life(&world, buyer, open, |arguments, words| {
        Watched::says(&world, Command::new("sh").isolated(), arguments, words)
    });
    for trace in &traces {
        let door = trace.serves.then(|| format!("sun_path=\"{}\"", door.display()));
        assert_nothing_leaves(&world, trace, "AF_UNIX", door.as_deref());
    }
}

#[test]
fn on_a_tcp_door_the_shop_has_one_socket_and_asks_nobody_for_anything() {
    if std::env::var_os(INSIDE).is_none() {
        return once_more_inside(
            "egress::on_a_tcp_door_the_shop_has_one_socket_and_asks_nobody_for_anything",
        );
    }
    assert_eq!(interfaces("self"), ["lo"]);
    let world = folder();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let buyer = Buyer {
        address: listen.clone(),
        cookies: BTreeMap::new(),
        host: listen.clone(),
        before: String::new(),
        fetch_site: None,
    };
    let open = || Watched::open(&world, Command::new("sh").beside(), &listen);
    let traces = whole_life(&world, buyer, open, |arguments, words| {
        Watched::says(&world, Command::new("sh").beside(), arguments, words)
    });
    for trace in &traces {
        let door = format!("sin_port=htons({port}), sin_addr=inet_addr(\"127.0.0.1\")");
        assert_nothing_leaves(&world, trace, "AF_INET", trace.serves.then_some(door.as_str()));
    }
}

#[test]
fn while_payments_are_followed_the_shop_itself_still_opens_no_connection() {
    let world = folder();
    let door = world.path("door.sock");
    let listen = format!("unix:{}", door.display());
    let shop = Watched::open(&world, Command::new("sh").isolated(), &listen);
    // Whoever is asked here says nothing: that somebody asks is what counts.
    let node = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", node.local_addr().unwrap());
    let mut watch = Command::new(SHOP)
        .args(["watch", "--watch-seconds", "1", "--eth-rpc-url", &url])
        .current_dir(world.home.path())
        .env_clear()
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut buyer = Buyer {
        address: bridge_to(&door),
        cookies: BTreeMap::new(),
        host: "shop.example".to_owned(),
        before: String::new(),
        fetch_site: None,
    };
    for _ in 0..3 {
        drop(node.accept().unwrap());
        buyer.adds("wool-socks", "Red", "1");
        assert_eq!(buyer.checks_out(&[]).state(), "awaiting");
        assert_eq!(buyer.get("/order").state(), "awaiting");
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    let trace = shop.close();
    let door = format!("sun_path=\"{}\"", door.display());
    assert_nothing_leaves(&world, &trace, "AF_UNIX", Some(&door));
}

#[test]
fn a_program_that_looks_up_a_name_or_sends_a_packet_is_seen() {
    let world = folder();
    let found = |script: &str| {
        let trace = world.path("watched");
        let mut command = Command::new("sh").isolated();
        command
            .args(["strace", "-f", "-ff", "-e", READ_CALLS, "-o"])
            .arg(&trace)
            .args(["bash", "-c", script]);
        // Nothing answers there: that the program fails is as it should be.
        let _ = command.output().unwrap();
        let (mut all, mut n_files) = (String::new(), 0);
        for entry in fs::read_dir(world.home.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_str().unwrap().starts_with("watched.") {
                all.push_str(&fs::read_to_string(&path).unwrap());
                fs::remove_file(path).unwrap();
                n_files += 1;
            }
        }
        assert!(0 < n_files, "strace wrote nothing");
        complaints(&all, world.home.path(), "AF_UNIX", None).join("\n")
    };
    let looked_up = found("exec getent hosts shop.example");
    for words in ["/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/hosts", "connect("] {
        assert!(looked_up.contains(words), "{words}: {looked_up}");
    }
    let connected = found("exec 3<>/dev/tcp/192.0.2.1/80");
    assert!(connected.contains("socket(AF_INET") && connected.contains("connect("), "{connected}");
    let sent = found("exec 3<>/dev/udp/127.0.0.1/53; echo x >&3");
    assert!(sent.contains("SOCK_DGRAM") && sent.contains("connect("), "{sent}");
}

/// A folder with a catalog that has a picture, and no shop in it yet.
fn folder() -> World {
    let world = World::closed(&[]);
    fs::create_dir_all(world.path("db/images")).unwrap();
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/db/images/socks.jpg");
    fs::copy(picture, world.path("db/images/socks.jpg")).unwrap();
    let mut catalog = catalog();
    catalog["products"]["socks"]["images"] = json!(["socks.jpg"]);
    fs::write(world.path("db/data.json"), catalog.to_string()).unwrap();
    // Only `shop watch` and `shop notify` run it.
    let program = world.path("notify-me");
    fs::write(&program, "#!/bin/sh\ntouch ran\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    // Nobody listens there; only `shop watch` asks.
    let settings = "PRICE_IN=EUR\nRATES_URL=http://127.0.0.1:9/rates\n";
    let settings = format!("{settings}NOTIFY_COMMAND={}\n", program.display());
    fs::write(world.path(".env"), settings).unwrap();
    world
}

/// Two orders: both bought, paid and shipped; one is erased by the command, the other by the open shop.
fn whole_life(
    world: &World,
    mut buyer: Buyer,
    open: impl Fn() -> Watched,
    says: impl Fn(&[&str], &str) -> (String, Trace),
) -> Vec<Trace> {
    let mut traces = Vec::new();
    let mut tell = |arguments: &[&str], words: &str| {
        let (said, trace) = says(arguments, words);
        traces.push(trace);
        said
    };

    let shop = open();
    let window = buyer.get("/").text();
    let picture = window.split("src=\"").nth(1).expect("a picture").split('"').next().unwrap();
    assert_eq!(buyer.get(picture).status, 200);
    assert_eq!(buyer.get("/search?q=wool").status, 200);
    assert_eq!(buyer.get("/product/wool-socks").status, 200);
    let orders: Vec<String> = ["ETH", "XMR"]
        .into_iter()
        .map(|currency| {
            buyer.chooses(currency);
            buyer.adds("wool-socks", "Red", "1");
            let page = buyer.checks_out(&[("note", "Please wrap it.")]);
            let code = page.mark("code");
            assert_eq!(buyer.get("/order/qr.png").status, 200);
            assert_eq!(buyer.get("/order/receipt.txt").status, 200);
            let transaction =
                if currency == "ETH" { format!("0x{}", "ab".repeat(32)) } else { "cd".repeat(32) };
            assert_eq!(
                buyer.post("/order/transaction", &[("transaction", &transaction)]).status,
                303
            );
            assert_eq!(buyer.post("/order/close", &[]).status, 303);
            assert_eq!(buyer.post("/order", &[("code", &code)]).status, 303);
            page.mark("order-ref")
        })
        .collect();
    let messages = world.messages();
    assert_eq!(messages.iter().filter(|(_, text)| text.contains("Subject: New order")).count(), 2);
    for order in &orders {
        // As mutt hands it over, from whatever folder.
        let to = format!("order+{order}@shop.invalid");
        let letter = format!(
            "From: root@localhost\nTo: {to}\nMessage-ID: <{order}@seller>\nContent-Type: text/plain\n\n/paid\nThank you.\n"
        );
        tell(&["deliver", "-oi", "--", &to], &letter);
        tell(&["orders", "note", order], "It leaves tomorrow.");
        tell(&["orders", "shipped", order, "RB123456785GB"], "");
    }
    let page = buyer.get("/order");
    assert_eq!(page.state(), "shipped");
    assert!(page.text().contains("Thank you.") && page.text().contains("It leaves tomorrow."));
    assert_eq!(buyer.post("/order/message", &[("message", "It is here.")]).status, 303);
    let mut seller = |arguments: &[&str]| tell(arguments, "");
    assert!(seller(&["orders"]).contains(&orders[0]));
    let first = shop.close();

    world.sql("update orders set finished_at = 1 where rowid = (select min(rowid) from orders)");
    assert!(seller(&["purge"]).contains("1 order"));
    world.sql("update orders set finished_at = 1");
    let shop = open();
    world.until("the open shop erases the other", || world.messages().is_empty());
    assert_eq!(buyer.get("/order").attribute("code", "name"), "code");
    assert!(!world.path("ran").exists(), "the seller's program was run");
    let second = shop.close();
    assert!(seller(&["orders"]).contains("No orders"));
    traces.extend([first, second]);
    traces
}

/// Every system call of one run of the program, and of the programs that it started.
struct Trace {
    what: String,
    calls: String,
    serves: bool,
    /// What went over the namespace's loopback meanwhile. Units: bytes.
    loopback_bytes: u64,
}

/// An open shop whose system calls are written down.
struct Watched {
    child: Child,
    trace: PathBuf,
}

impl Watched {
    fn open(world: &World, mut namespace: Command, listen: &str) -> Self {
        let trace = fresh_trace(world);
        // With -D the tracer is the grandchild: the child is the shop itself, to be sent signals to.
        namespace.args(["strace", "-D", "-ff", "-e", READ_CALLS, "-s", "300", "-o"]).arg(&trace);
        let mut child = namespace
            .args([SHOP, "serve", "--listen", listen])
            .current_dir(world.home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !lines.next().expect("the shop did not open").unwrap().contains("is open at") {}
        std::thread::spawn(move || lines.count());
        Self { child, trace }
    }

    fn close(mut self) -> Trace {
        let pid = self.child.id();
        let loopback_bytes = loopback_bytes(&pid.to_string());
        Command::new("kill").args(["-TERM", &pid.to_string()]).status().unwrap();
        assert!(self.child.wait().unwrap().success(), "the shop closes in good order");
        let calls = read_trace(&self.trace, pid);
        Trace { what: "shop serve".to_owned(), calls, serves: true, loopback_bytes }
    }

    /// Runs a command of the seller's that must succeed.
    fn says(
        world: &World,
        mut namespace: Command,
        arguments: &[&str],
        words: &str,
    ) -> (String, Trace) {
        let trace = fresh_trace(world);
        namespace.args(["strace", "-D", "-ff", "-e", READ_CALLS, "-s", "300", "-o"]).arg(&trace);
        let mut child = namespace
            .arg(SHOP)
            .args(arguments)
            .current_dir(world.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        child.stdin.take().unwrap().write_all(words.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let calls = read_trace(&trace, pid);
        let what = format!("shop {}", arguments.join(" "));
        (
            String::from_utf8(output.stdout).unwrap(),
            Trace { what, calls, serves: false, loopback_bytes: 0 },
        )
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

trait Namespaced {
    fn isolated(self) -> Self;
    fn beside(self) -> Self;
}

impl Namespaced for Command {
    /// The rest of the command line runs in a network namespace of its own, with loopback alone.
    fn isolated(mut self) -> Self {
        need(&["strace", "unshare", "ip"]);
        self.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let unshare = if is_root() { "unshare --net" } else { "unshare --map-root-user --net" };
        let script =
            format!("exec {unshare} -- sh -c 'ip link set lo up && exec \"$@\"' sh \"$@\"");
        self.args(["-c", &script, "sh"]);
        self
    }

    /// The rest of the command line runs where the test runs.
    fn beside(mut self) -> Self {
        need(&["strace"]);
        self.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        self.args(["-c", "exec \"$@\"", "sh"]);
        self
    }
}

pub fn need(programs: &[&str]) {
    for program in programs {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
        assert!(
            found.unwrap().status.success(),
            "{program} is missing: scripts/install-test-tools"
        );
    }
}

pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

/// Runs one test of this program again, buyer and shop together inside a namespace.
fn once_more_inside(test: &str) {
    let output = Command::new("sh")
        .isolated()
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "yes")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}\n{}\n(a namespace wants root, or a kernel that lets users make one)",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Carries a buyer's bytes to the shop's socket and back.
fn bridge_to(door: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let door = door.to_owned();
    let carry = |mut from: TcpStream, mut to: UnixStream| -> io::Result<()> {
        let (mut back, mut answers) = (from.try_clone()?, to.try_clone()?);
        std::thread::spawn(move || {
            let _ = io::copy(&mut answers, &mut back);
            back.shutdown(Shutdown::Both)
        });
        io::copy(&mut from, &mut to)?;
        to.shutdown(Shutdown::Write)
    };
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, to) = (stream.unwrap(), UnixStream::connect(&door).unwrap());
            std::thread::spawn(move || carry(stream, to));
        }
    });
    address
}

/// Where strace writes, one file a thread, beside the shop's own folder but out of its way.
fn fresh_trace(world: &World) -> PathBuf {
    let folder = world.path("traces");
    fs::create_dir_all(&folder).unwrap();
    let n_before = fs::read_dir(&folder).unwrap().count();
    folder.join(format!("{n_before}"))
}

/// All that was written down of a process that has ended, its threads and its children.
fn read_trace(trace: &Path, pid: u32) -> String {
    let main = trace.with_extension(pid.to_string());
    let started = Instant::now();
    // The tracer outlives the traced by a moment.
    while !fs::read_to_string(&main).is_ok_and(|text| text.contains("\n+++ exited with ")) {
        assert!(started.elapsed() < Duration::from_secs(20), "strace did not finish");
        std::thread::sleep(Duration::from_millis(10));
    }
    let stem = trace.file_name().unwrap().to_str().unwrap();
    fs::read_dir(trace.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_stem().unwrap() == stem)
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

fn interfaces(pid: &str) -> Vec<String> {
    let table = fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap();
    table.lines().skip(2).map(|line| line.split(':').next().unwrap().trim().to_owned()).collect()
}

fn loopback_bytes(pid: &str) -> u64 {
    assert_eq!(interfaces(pid), ["lo"]);
    let table = fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap();
    let line = table.lines().find_map(|line| line.trim_start().strip_prefix("lo:")).unwrap();
    line.split_whitespace().nth(8).unwrap().parse().unwrap()
}

#[track_caller]
fn assert_nothing_leaves(world: &World, trace: &Trace, family: &str, door: Option<&str>) {
    let Trace { what, calls, serves, loopback_bytes } = trace;
    let complaints = complaints(calls, world.home.path(), family, door);
    assert!(complaints.is_empty(), "{what}:\n{}", complaints.join("\n"));
    // The reader was awake: it saw what every run does.
    assert!(calls.contains("db/shop.sqlite"), "{what}: {calls}");
    let count = |call: &str| calls.lines().filter(|line| line.starts_with(call)).count();
    let n_sockets = usize::from(*serves);
    assert_eq!(
        (count("socket("), count("bind("), count("listen(")),
        (n_sockets, n_sockets, n_sockets),
        "{what}"
    );
    assert_eq!(0 < count("accept4("), *serves, "{what}");
    if family == "AF_UNIX" {
        assert_eq!(*loopback_bytes, 0, "{what}");
    } else if *serves {
        assert!(0 < *loopback_bytes, "{what}: the buyer came over loopback");
    }
}

/// The calls that are not in the list of what the shop may do: a list of what is allowed forgets nothing.
fn complaints(calls: &str, home: &Path, family: &str, door: Option<&str>) -> Vec<String> {
    calls
        .lines()
        .filter(|line| !line.starts_with("+++ ") && !line.starts_with("--- "))
        .filter(|line| !is_allowed(line, home, family, door))
        .map(str::to_owned)
        .collect()
}

fn is_allowed(line: &str, home: &Path, family: &str, door: Option<&str>) -> bool {
    let Some((call, rest)) = line.split_once('(') else { return false };
    let arguments = rest.rsplit_once(" = ").map_or(rest, |(arguments, _)| arguments.trim_end());
    match call {
        "socket" => door.is_some() && rest.starts_with(&format!("{family}, SOCK_STREAM")),
        "bind" => door.is_some_and(|door| rest.contains(door)),
        // A pair of sockets is joined to itself: the runtime wakes its threads with one.
        "socketpair" => rest.starts_with("AF_UNIX, "),
        "listen" | "accept4" | "getsockname" | "getsockopt" | "setsockopt" | "shutdown" => true,
        // Without an address these answer the one who is connected already.
        "sendto" => arguments.ends_with(", NULL, 0)"),
        "recvfrom" => arguments.ends_with(", NULL, NULL)"),
        "execve" => rest.starts_with(&format!("\"{SHOP}\"")),
        "open" | "openat" | "openat2" | "creat" | "access" | "faccessat" | "faccessat2"
        | "stat" | "lstat" | "statx" | "newfstatat" | "statfs" | "readlink" | "readlinkat"
        | "getcwd" | "mkdir" | "mkdirat" | "rename" | "renameat" | "renameat2" | "link"
        | "linkat" | "unlink" | "unlinkat" | "rmdir" | "chmod" | "fchmodat" | "fchmodat2"
        | "chown" | "fchownat" | "truncate" | "utimensat" | "inotify_add_watch" | "chdir" => {
            rest.split('"').skip(1).step_by(2).all(|path| is_own(path, home))
        }
        _ => false,
    }
}

/// The shop's own folder with what lies above it, and what the system gives every program.
fn is_own(path: &str, home: &Path) -> bool {
    if path.split('/').any(|part| part == "..") {
        return false;
    }
    !path.starts_with('/')
        || Path::new(path).starts_with(home)
        || home.starts_with(path)
        || Path::new(SHOP).starts_with(path)
        || SYSTEM_PATHS.iter().any(|known| format!("{path}/").starts_with(known))
}
