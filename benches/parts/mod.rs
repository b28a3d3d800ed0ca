//! What the benchmarks share: a shop of its own in a temporary folder, and medians.
#![allow(dead_code)]

pub mod buyer;
pub mod many_orders;
pub mod visitor;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const SHOP: &str = env!("CARGO_BIN_EXE_shop");

/// A shop that is open on loopback, on one core, and closed when it is dropped.
pub struct OpenShop {
    pub child: Child,
    pub address: String,
    /// From the start of the process to the first answer.
    pub ready_after: Duration,
    pub home: PathBuf,
}

impl OpenShop {
    /// Opens the shop of a folder whose catalog is filled already. `core`: where it may run.
    pub fn open(home: &Path, core: &str) -> Self {
        let started = Instant::now();
        let mut child = Command::new("taskset")
            .args(["-c", core, SHOP, "serve", "--listen", "127.0.0.1:0"])
            // What is measured is no flood.
            .args(["--siege-orders", "1000000"])
            .current_dir(home)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("start the shop (taskset is of util-linux)");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let address = loop {
            let line = lines.next().expect("the shop says its address").expect("a line");
            if let Some(at) = line.find("http://") {
                break line[at + 7..].to_owned();
            }
        };
        std::thread::spawn(move || lines.count());
        get(&address, "/", "");
        Self { child, address, ready_after: started.elapsed(), home: home.to_owned() }
    }

    /// Units: kilobytes of resident memory.
    pub fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// A line of proc_pid_status(5). Units: kilobytes.
    pub fn memory(&self, name: &str) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the shop runs");
        let line = status.lines().find(|line| line.starts_with(name)).expect("Linux says it");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
    }

    /// Processor time of all its threads so far.
    pub fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("the shop runs");
        let times = tasks.map(|task| {
            // Source: "schedstat" in the kernel's documentation; the first number is the time on a processor.
            let text = fs::read_to_string(task.expect("a thread").path().join("schedstat"));
            let text = text.unwrap_or_default();
            text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
        });
        Duration::from_nanos(times.sum())
    }
}

impl Drop for OpenShop {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// A folder with the demo catalog, seeded.
pub fn demo_home() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a temporary folder");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("db");
    copy(&source.join("images"), &home.path().join("db/images"));
    copy(&source.join("pages"), &home.path().join("db/pages"));
    fs::copy(source.join("data.json"), home.path().join("db/data.json")).expect("copy the catalog");
    seed(home.path());
    home
}

/// A folder below `target` with this many products without pictures, seeded; and how long that took.
pub fn large_home(n_products: usize) -> (tempfile::TempDir, Duration) {
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    fs::create_dir_all(home.path().join("db")).expect("make db");
    let mut text = String::from(
        "{\"wallets\": {\"_model\": \"Wallet\", \"eth\": {\"currency\": \"ETH\", \"address\": \"0x52908400098527886E0F7030069857D2E4169EE7\"}},\n\"products\": {\"_model\": \"Product\"",
    );
    for n in 0..n_products {
        text.push_str(&format!(
            ",\n\"p{n}\": {{\"name\": \"Thing number {n}\", \"description\": \"A **thing** of kind {}, with the number {n}.\\n\\n- good\\n- cheap\", \"quantity\": 10, \
             \"prices\": [{{\"price\": {}, \"wallet\": \"->wallets.eth\"}}], \"categories\": [\"Kind {}\"], \"options\": [\"Small\", \"Large\"]}}",
            n % 97,
            1_000_000 + n,
            n % 10
        ));
    }
    text.push_str("}}\n");
    fs::write(home.path().join("db/data.json"), text).expect("write the catalog");
    let started = Instant::now();
    seed(home.path());
    (home, started.elapsed())
}

fn seed(home: &Path) {
    let done = Command::new(SHOP)
        .args(["seed", "db/data.json"])
        .current_dir(home)
        .stdout(Stdio::null())
        .status();
    assert!(done.expect("start `shop seed`").success(), "the catalog is good");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("make a folder");
    for entry in fs::read_dir(from).expect("read a folder") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copy a file");
    }
}

/// One request on a connection of its own; head and body of the answer.
pub fn get(address: &str, path: &str, more: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("connect to loopback");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n{more}Connection: close\r\n\r\n")
        .expect("send");
    read_answer(&mut stream)
}

/// Head and body of an answer with which the connection ends.
fn read_answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("read the answer");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    let body = bytes.split_off(end);
    (String::from_utf8_lossy(&bytes).into_owned(), body)
}

pub fn median<T: PartialOrd + Copy>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
    sorted[sorted.len() / 2]
}

pub fn machine() -> String {
    let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{}, {cores} cores", model.unwrap_or("an unknown processor"))
}

/// The armored public key of a fresh pair.
pub fn made_by_gpg(home: &Path, kind: &str, part: &str) -> String {
    let gpg = |arguments: &[&str]| {
        let output = Command::new("gpg")
            .args(["--batch", "--pinentry-mode", "loopback", "--passphrase", ""])
            .args(["--faked-system-time", "1779000000!"])
            .args(arguments)
            .env("GNUPGHOME", home)
            .output()
            .expect("gpg");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    gpg(&["--quick-gen-key", "seller", kind, "sign,cert", "never"]);
    let listed = gpg(&["--with-colons", "--list-keys"]);
    let line = listed.lines().find(|line| line.starts_with("fpr:")).expect("a key");
    gpg(&["--quick-add-key", line.split(':').nth(9).expect("a fingerprint"), part, "encr"]);
    let armored = gpg(&["--armor", "--export"]);
    Command::new("gpgconf")
        .args(["--kill", "all"])
        .env("GNUPGHOME", home)
        .status()
        .expect("gpg's agent is ended");
    armored
}
