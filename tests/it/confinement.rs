//! What the running shop cannot do any more: tried in each thread of the real program, through ptrace
//! (`tests/confinement/probe.py`), so that nothing is built into it for this.
//!
//! Trying needs root and x86-64; without, these tests say so and check only what `/proc` tells.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::world::{World, catalog};

/// Numbers of system calls, and of errors. Source: Linux, arch/x86/entry/syscalls/syscall_64.tbl; errno(3).
const SOCKET: i64 = 41;
const CONNECT: i64 = 42;
const SENDTO: i64 = 44;
const SENDMSG: i64 = 46;
const BIND: i64 = 49;
const EXECVE: i64 = 59;
const KILL: i64 = 62;
const PTRACE: i64 = 101;
const OPENAT: i64 = 257;
const MEMFD_CREATE: i64 = 319;
const EXECVEAT: i64 = 322;
const IO_URING_SETUP: i64 = 425;
const X32: i64 = 0x4000_0000;
const EPERM: i64 = -1;
const EACCES: i64 = -13;
/// `AT_FDCWD`, and flags to read, and to create and write.
const HERE: i64 = -100;
const READ: i64 = 0;
const CREATE: i64 = 0o101;
/// `AF_INET`, 127.0.0.1, port 9.
const ADDRESS: &str = "\u{2}\0\0\u{9}\u{7f}\0\0\u{1}\0\0\0\0\0\0\0\0";

/// A call, and what it has to answer: `None`, that it succeeds.
struct Attempt {
    name: &'static str,
    call: i64,
    arguments: Value,
    expected: Option<i64>,
}

fn attempt(name: &'static str, call: i64, arguments: Value, expected: Option<i64>) -> Attempt {
    Attempt { name, call, arguments, expected }
}

/// What no thread may do: reach others, start a program, read or write other files.
fn forbidden(outside: &str) -> Vec<Attempt> {
    let refused = |name, call, arguments| attempt(name, call, arguments, Some(EPERM));
    let hidden = |name, call, arguments| attempt(name, call, arguments, Some(EACCES));
    vec![
        refused("a TCP socket", SOCKET, json!([2, 1, 0])),
        refused("a TCP socket for IPv6", SOCKET, json!([10, 1, 0])),
        refused("a UDP socket", SOCKET, json!([2, 2, 0])),
        refused("a Unix socket", SOCKET, json!([1, 1, 0])),
        refused("a netlink socket", SOCKET, json!([16, 3, 0])),
        refused("a socket of x32", SOCKET | X32, json!([2, 1, 0])),
        refused("connect", CONNECT, json!([0, ADDRESS, 16])),
        refused("connect with data", SENDTO, json!([0, "x", 1, 0x2000_0000, ADDRESS, 16])),
        refused("send a message", SENDMSG, json!([0, ADDRESS, 0])),
        refused("bind", BIND, json!([0, ADDRESS, 16])),
        refused("io_uring", IO_URING_SETUP, json!([1, 0])),
        refused("a program in memory", MEMFD_CREATE, json!(["x", 0])),
        refused("trace another process", PTRACE, json!([0x4206, 1, 0, 0])),
        refused("a signal to another process", KILL, json!([std::process::id(), 0])),
        hidden("run a program", EXECVE, json!(["/bin/true", 0, 0])),
        refused("run a program otherwise", EXECVEAT, json!([HERE, "/bin/true", 0, 0, 0])),
        hidden("read /etc/passwd", OPENAT, json!([HERE, "/etc/passwd", READ, 0])),
        hidden("read another folder", OPENAT, json!([HERE, outside, READ, 0])),
        hidden("read it through a link", OPENAT, json!([HERE, "db/link", READ, 0])),
        hidden("write elsewhere", OPENAT, json!([HERE, "/tmp/shop-was-here", CREATE, 0o600])),
        hidden("write the settings", OPENAT, json!([HERE, ".env", CREATE, 0o600])),
        attempt("read the database", OPENAT, json!([HERE, "db/shop.sqlite", READ, 0]), None),
    ]
}

#[test]
fn no_thread_of_the_open_shop_can_connect_run_a_program_or_read_other_files() {
    let mut world = World::with_desk();
    // With threads of all kinds: workers, the database's, and those for blocking work.
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    assert_eq!(buyer.checks_out(&[]).state(), "awaiting");
    symlink("/etc/passwd", world.path("db/link")).unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let n_threads = assert_confined(world.pid());
    assert!(5 < n_threads, "{n_threads} threads");
    if let Some(threads) = tried(world.pid(), &forbidden(outside.path().to_str().unwrap())) {
        assert_eq!(threads, n_threads);
    }
    // It is as well as before.
    buyer.adds("green-tea", "", "1");
    assert_eq!(buyer.get("/health").status, 200);
    assert_eq!(world.close("-TERM"), Some(0));
}

#[test]
fn without_confinement_the_same_attempts_succeed() {
    let world = World::with(&catalog(), &[("CONFINE", "off")]);
    let status = fs::read_to_string(format!("/proc/{}/status", world.pid())).unwrap();
    assert!(status.contains("Seccomp:\t0"), "{status}");
    let possible = [
        attempt("read /etc/passwd", OPENAT, json!([HERE, "/etc/passwd", READ, 0]), None),
        attempt("a TCP socket", SOCKET, json!([2, 1, 0]), None),
        attempt("a signal to another process", KILL, json!([std::process::id(), 0]), None),
    ];
    tried(world.pid(), &possible);
    let log = fs::read_to_string(world.path("log")).unwrap();
    assert!(log.contains("the shop is not confined: CONFINE=off"), "{log}");
    let doctor = world.shop(&["doctor"]);
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(said.contains("note confinement   off:"), "{said}");
}

#[test]
fn the_image_worker_can_not_even_run_itself() {
    let world = World::new();
    let mut worker = world.child(&["develop"]);
    let pid = worker.id();
    world.until("it waits for its picture", || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        status.contains("Seccomp:\t2")
    });
    let itself = format!("/proc/{pid}/exe");
    let mut attempts = vec![
        attempt("run itself", EXECVE, json!([itself, 0, 0]), Some(EPERM)),
        attempt("run a program", EXECVE, json!(["/bin/true", 0, 0]), Some(EPERM)),
    ];
    // Started by this test and not by the shop, it is not restricted to the shop's files.
    let of_calls = |attempt: &Attempt| {
        attempt.expected == Some(EPERM) && attempt.name != "a signal to another process"
    };
    attempts.extend(forbidden("").into_iter().filter(of_calls));
    tried(pid, &attempts);
    ended(&mut worker);
}

#[test]
fn the_shop_says_when_its_folder_was_replaced() {
    let world = World::new();
    fs::rename(world.path("mailorders"), world.path("away")).unwrap();
    for folder in ["new", "cur", "tmp"] {
        fs::create_dir_all(world.path("mailorders").join(folder)).unwrap();
    }
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    assert_eq!(buyer.checks_out(&[]).state(), "awaiting");
    let log = || fs::read_to_string(world.path("log")).unwrap();
    world.until("it says so", || log().contains("mailorders was created or replaced"));
    assert!(log().contains("restart the shop"), "{}", log());
    let mut world = world;
    assert_eq!(world.close("-TERM"), Some(0));
    world.open();
    world.until("the message arrives", || world.messages().len() == 1);
}

#[test]
fn folders_on_other_disks_and_a_name_as_the_address_work_confined() {
    let elsewhere = tempfile::tempdir().unwrap();
    let at = |name: &str| elsewhere.path().join(name);
    fs::create_dir(at("mail")).unwrap();
    fs::create_dir_all(at("data/images")).unwrap();
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/db/images/socks.jpg");
    fs::copy(picture, at("data/images/socks.jpg")).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("localhost:{port}");
    let mut world = World::closed(&[("LISTEN", listen.as_str())]);
    symlink(at("data"), world.path("db")).unwrap();
    symlink(at("mail"), world.path("mailorders")).unwrap();
    let mut with_picture = catalog();
    with_picture["products"]["socks"]["images"] = json!(["socks.jpg"]);
    fs::write(world.path("db/data.json"), with_picture.to_string()).unwrap();
    world.open();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    assert_eq!(buyer.checks_out(&[]).state(), "awaiting");
    world.until("the message arrives", || fs::read_dir(at("mail/new")).unwrap().count() == 1);
    assert_eq!(world.close("-TERM"), Some(0));
}

#[test]
fn a_link_inside_of_the_folders_that_the_shop_writes_leads_nowhere() {
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("guide.pdf"), "%PDF-1.7").unwrap();
    let mut world = World::closed(&[("MAILDIR", "db/mail")]);
    fs::create_dir(world.path("db")).unwrap();
    fs::write(world.path("db/data.json"), catalog().to_string()).unwrap();
    for name in ["files", "mail"] {
        symlink(elsewhere.path(), world.path("db").join(name)).unwrap();
    }
    world.open();
    let log = fs::read_to_string(world.path("log")).unwrap();
    assert!(log.contains("db/files is a link"), "{log}");
    let mut attempts = Vec::new();
    for name in ["files", "mail"] {
        let path = format!("db/{name}/guide.pdf");
        attempts.push(attempt(name, OPENAT, json!([HERE, path, READ, 0]), Some(EACCES)));
    }
    tried(world.pid(), &attempts);
}

#[test]
fn the_doctor_says_how_far_this_kernel_confines_the_shop() {
    let world = World::with(&catalog(), &[]);
    let found: Value = serde_json::from_slice(&world.shop(&["doctor", "--json"]).stdout).unwrap();
    let checks = found["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["check"] == "confinement").unwrap();
    // What the log of the running shop says is missing, the doctor says too.
    let log = fs::read_to_string(world.path("log")).unwrap();
    let is_full = !log.contains("confined");
    assert_eq!(check["state"] == "ok", is_full, "{check}\n{log}");
}

/// Each thread has the filter; returns how many there are.
#[track_caller]
fn assert_confined(pid: u32) -> usize {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let statuses: Vec<String> = tasks
        .map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap())
        .collect();
    for status in &statuses {
        assert!(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"), "{status}");
    }
    statuses.len()
}

/// Makes these attempts in every thread, and returns how many there are; `None` if that is not possible here.
#[track_caller]
fn tried(pid: u32, attempts: &[Attempt]) -> Option<usize> {
    let calls: Vec<Value> =
        attempts.iter().map(|made| json!([made.name, made.call, made.arguments])).collect();
    let is_root = fs::metadata("/proc/self").is_ok_and(|found| {
        use std::os::unix::fs::MetadataExt;
        found.uid() == 0
    });
    if !is_root || !cfg!(target_arch = "x86_64") {
        eprintln!("not tried: attempts inside of the process need root and x86-64");
        return None;
    }
    let probe = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/confinement/probe.py");
    let mut child = Command::new("python3")
        .args([probe, &pid.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(json!(calls).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let threads: BTreeMap<String, BTreeMap<String, i64>> =
        serde_json::from_slice(&output.stdout).unwrap();
    for (thread, results) in &threads {
        for made in attempts {
            let result = results[made.name];
            let is_expected = match made.expected {
                Some(error) => result == error,
                None => 0 <= result,
            };
            assert!(is_expected, "thread {thread}: {}: {result}", made.name);
        }
    }
    Some(threads.len())
}

fn ended(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}
