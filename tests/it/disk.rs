//! A disk that fails, is full, cannot be written, or keeps what was erased.
//!
//! Needs `strace`, `unshare` and `nsenter`; the last test needs root too, to mount a file system of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::egress::{is_root, need};
use crate::world::{Answer, World, catalog};

/// While it lives, the disk answers the open shop otherwise.
pub struct Disturbed(Child);

impl Disturbed {
    /// With this error whenever the shop writes to its database.
    fn failing(pid: u32, database: &Path, error: &str) -> Self {
        let journal = format!("{}-wal", database.display());
        let inject = format!("inject=pwrite64,write,fsync,fdatasync,syncfs:error={error}");
        Self::begin(pid, &["-P", &journal, "-P", &database.display().to_string(), "-e", &inject])
    }

    /// Late whenever the shop waits for it.
    pub fn slow(pid: u32) -> Self {
        Self::begin(pid, &["-e", "inject=fsync,fdatasync,syncfs:delay_exit=300000"])
    }

    fn begin(pid: u32, injected: &[&str]) -> Self {
        need(&["strace"]);
        let mut strace = Command::new("strace")
            .args(["-f", "-o", "/dev/null", "-p", &pid.to_string()])
            .args(injected)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut words = BufReader::new(strace.stderr.take().unwrap()).lines();
        let first = words.next().unwrap().unwrap();
        assert!(first.contains("attached"), "{first}");
        // It goes on telling of threads that begin, and must not wait until somebody reads that.
        std::thread::spawn(move || words.for_each(drop));
        Self(strace)
    }

    /// The disk is well again.
    pub fn end(mut self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.0.wait().unwrap();
    }
}

/// A shop that alone sees what is mounted in its folder.
struct Subprocess {
    world: World,
    holder: Child,
}

impl Subprocess {
    /// A closed shop; `script` makes the mounts, in the shop's folder.
    fn new(script: &str, settings: &[(&str, &str)]) -> Self {
        need(&["unshare", "nsenter"]);
        let mut world = World::closed(settings);
        fs::create_dir(world.path("db")).unwrap();
        let unshare = if is_root() { "-m" } else { "-Urm" };
        let mut holder = Command::new("unshare")
            .args([unshare, "sh", "-ec", &format!("{script}\necho ready\nread -r never")])
            .current_dir(world.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let ready = BufReader::new(holder.stdout.take().unwrap()).lines().next();
        assert_eq!(ready.unwrap().unwrap(), "ready");
        let enters = if is_root() { "-m" } else { "--preserve-credentials -U -m" };
        let program = format!(
            "#!/bin/sh\nexec nsenter {enters} -t {} -- sh -c 'cd {} && exec \"$@\"' sh {} \"$@\"\n",
            holder.id(),
            world.home.path().display(),
            world.program.display()
        );
        let path = world.path("shop");
        fs::write(&path, program).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        world.program = path;
        let apart = Self { world, holder };
        fs::write(apart.seen("db/data.json"), catalog().to_string()).unwrap();
        apart
    }

    /// Where the test finds what the shop sees there.
    fn seen(&self, path: &str) -> PathBuf {
        let there = self.world.path(path);
        Path::new(&format!("/proc/{}/root", self.holder.id()))
            .join(there.strip_prefix("/").unwrap())
    }

    #[track_caller]
    fn inside(&self, script: &str) {
        let pid = self.holder.id().to_string();
        let user: &[&str] =
            if is_root() { &["-m"] } else { &["--preserve-credentials", "-U", "-m"] };
        let script = format!("cd {} && {script}", self.world.home.path().display());
        let done = Command::new("nsenter")
            .args(user)
            .args(["-t", &pid, "--", "sh", "-ec", &script])
            .output()
            .unwrap();
        assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Subprocess {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[test]
fn on_a_failing_disk_every_form_is_answered_with_try_again_and_its_words() {
    let world = World::with_desk();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let order = buyer.checks_out(&[]);
    let (order_ref, code) = (order.mark("order-ref"), order.mark("code"));
    let mut other = world.buyer();
    other.adds("cap", "Small", "1");
    let mut desk = world.desk();
    let once = "5a".repeat(32);

    let id = format!("0x{}", "ab".repeat(32));
    let message = [("message", "When will it be sent?\nI am in a hurry.")];
    let transaction = [("transaction", id.as_str())];
    let answer = [("once", once.as_str()), ("answer", "Tomorrow, I promise.")];
    for error in ["EIO", "ENOSPC"] {
        let failing = Disturbed::failing(world.pid(), &world.path("db/shop.sqlite"), error);
        let later = |what: &str, answer: &Answer| {
            assert_eq!(answer.status, 503, "{error}, {what}: {}", answer.text());
            assert_eq!(answer.header("retry-after"), Some("60"), "{error}, {what}");
            assert!(answer.text().contains("again in a"), "{error}, {what}: {}", answer.text());
        };
        let refused = buyer.post("/order/message", &message);
        later("message", &refused);
        assert!(refused.text().contains("When will it be sent?\nI am in a hurry.</textarea>"));
        assert_eq!(refused.mark("order-ref"), order_ref);
        let refused = buyer.post("/order/transaction", &transaction);
        later("transaction", &refused);
        assert_eq!(refused.attribute("transaction", "value"), id);
        let refused = buyer.post("/order/erase", &[("confirm", "yes")]);
        later("erase", &refused);
        assert_eq!(refused.state(), "awaiting");
        let refused = other.tries_to_check_out(&[("note", "a note that is kept")]);
        assert_eq!(refused.status, 503, "{error}: {}", refused.text());
        assert!(refused.text().contains("a note that is kept"));
        // What writes nothing goes on: the window, the cart, and an order that its code opens.
        other.adds("green-tea", "", "1");
        assert_eq!(world.buyer().get("/product/cap").status, 200);
        let mut elsewhere = world.buyer();
        assert_eq!(elsewhere.post("/order", &[("code", &code)]).status, 303);
        assert_eq!(elsewhere.get("/order").mark("order-ref"), order_ref);

        let refused = desk.post(&format!("/orders/{order_ref}/answer"), &answer);
        assert_eq!(refused.status, 503, "{error}: {}", refused.text());
        assert_eq!(refused.header("retry-after"), Some("60"));
        assert!(refused.text().contains("Tomorrow, I promise.</textarea>"), "{}", refused.text());
        assert!(!refused.text().contains(&once), "nothing that the form brings along by itself");
        let step = [("once", once.as_str()), ("step", "paid"), ("seen", "awaiting")];
        assert_eq!(desk.post(&format!("/orders/{order_ref}/step"), &step).status, 503, "{error}");
        desk.get("/orders");
        failing.end();
    }
    assert!(world.messages().iter().all(|(_, text)| !text.contains("in a hurry")));

    assert_eq!(buyer.post("/order/message", &message).status, 303);
    assert_eq!(buyer.post("/order/transaction", &transaction).status, 303);
    assert_eq!(desk.post(&format!("/orders/{order_ref}/answer"), &answer).status, 303);
    let page = buyer.get("/order");
    assert_eq!((page.state().as_str(), page.mark("order-ref")), ("reported", order_ref));
    assert_eq!(page.text().matches("I am in a hurry.").count(), 1);
    assert_eq!(page.text().matches("Tomorrow, I promise.").count(), 1);
    assert_eq!(other.tries_to_check_out(&[]).status, 303);
}

#[test]
fn a_writer_that_could_only_be_opened_for_reading_is_replaced_as_soon_as_the_file_can_be_written() {
    let mut apart = Subprocess::new("mount -t tmpfs -o size=32m none db", &[]);
    apart.world.open();
    let mut buyer = apart.world.buyer();
    buyer.adds("green-tea", "", "1");
    buyer.checks_out(&[]);
    // The same files where nothing can be written: whoever opens the database now gets them.
    apart.inside(
        "mkdir copy && cp -a db/. copy/ && mount --bind copy db && mount -o remount,bind,ro db",
    );
    // One write that fails ends the connection of the open shop.
    let database = apart.world.path("db/shop.sqlite");
    let failing = Disturbed::failing(apart.world.pid(), &database, "EIO");
    let message = |n: u32| format!("message {n}");
    assert_eq!(buyer.post("/order/message", &[("message", &message(1))]).status, 503);
    failing.end();
    for n in 2..5 {
        assert_eq!(buyer.post("/order/message", &[("message", &message(n))]).status, 503, "{n}");
    }
    assert_eq!(buyer.get("/health").status, 503);
    let told =
        apart.world.shop(&["orders", "note", &buyer.get("/order").mark("order-ref"), "hello"]);
    assert_eq!(told.status.code(), Some(1));

    // Lazily: connections that were opened there still are.
    apart.inside("umount -l db");
    let mut other = apart.world.buyer();
    other.adds("green-tea", "", "1");
    assert_eq!(other.checks_out(&[]).state(), "awaiting");
    apart.world.until("the shop is well", || apart.world.buyer().get("/health").status == 200);
    assert_eq!(buyer.post("/order/message", &[("message", &message(5))]).status, 303);
    let page = buyer.get("/order").text();
    assert!(page.contains("message 5") && !page.contains("message 2"), "{page}");
}

#[test]
fn what_was_purged_lies_in_no_block_of_the_disk() {
    assert!(is_root(), "this test mounts a file system of its own: run it as root");
    need(&["mkfs.ext4", "losetup"]);
    let mounts = "mkdir mail\nfor disk in db mail; do truncate -s 48M $disk.image\nmkfs.ext4 -q -F $disk.image\n\
        mount -o loop $disk.image $disk\nrmdir $disk/lost+found; done";
    let mut apart = Subprocess::new(mounts, &[("MAILDIR", "mail/orders"), ("KEEP_DAYS", "0")]);
    apart.world.open();
    let id = "c3".repeat(32);
    let mut buyer = apart.world.buyer();
    buyer.adds("green-tea", "", "1");
    let page =
        buyer.checks_out(&[("note", "a note of the buyer"), ("transaction", &format!("0x{id}"))]);
    let (order_ref, address) = (page.mark("order-ref"), page.mark("address"));
    // Another one, which stays, and one that is done and undone again.
    let mut other = apart.world.buyer();
    other.adds("cap", "Small", "1");
    other.checks_out(&[("street", "1 Another Street")]);
    apart.world.says(&["orders", "paid", &order_ref]);

    let lies_in = |image: &str, needle: &str| {
        apart.inside("sync");
        let bytes = fs::read(apart.world.path(image)).unwrap();
        bytes.windows(needle.len()).any(|part| part == needle.as_bytes())
    };
    let of_database = [order_ref.as_str(), &address, &id];
    let of_mail = ["a note of the buyer", "Ada Byron", &address, &id];
    for (image, needles) in [("db.image", &of_database[..]), ("mail.image", &of_mail)] {
        for needle in needles {
            assert!(lies_in(image, needle), "{needle} lies in {image} before");
        }
    }
    apart.world.says(&["orders", "shipped", &order_ref]);
    let purged = apart.world.shop(&["purge"]);
    assert!(purged.status.success(), "{}", String::from_utf8_lossy(&purged.stderr));
    let code = apart.world.close("-TERM");
    assert_eq!(code, Some(0));
    apart.inside("umount db mail");
    for needle in of_database {
        let bytes = fs::read(apart.world.path("db.image")).unwrap();
        let found = bytes.windows(needle.len()).position(|part| part == needle.as_bytes());
        assert_eq!(found, None, "{needle} lies in the database's disk");
    }
    let bytes = fs::read(apart.world.path("mail.image")).unwrap();
    let lies = |needle: &str| bytes.windows(needle.len()).any(|part| part == needle.as_bytes());
    for needle in ["a note of the buyer", address.as_str(), &id] {
        assert!(!lies(needle), "{needle} lies in the Maildir's disk");
    }
    assert!(lies("1 Another Street"), "the other order's message is still there");
}

#[test]
fn the_doctor_writes_through_no_link_in_the_maildir_and_leaves_nothing_there() {
    let world = World::new();
    let kept = world.path("kept");
    fs::write(&kept, "the seller's own").unwrap();
    for link in ["tmp/trial.shop", "new/.trial.shop", "new/trial.shop"] {
        symlink(&kept, world.path("mailorders").join(link)).unwrap();
    }
    for _ in 0..2 {
        world.shop(&["doctor"]);
        assert_eq!(world.buyer().get("/health").status, 200);
    }
    assert_eq!(fs::read_to_string(&kept).unwrap(), "the seller's own");
    let left: Vec<_> = ["tmp", "new"]
        .iter()
        .flat_map(|part| fs::read_dir(world.path("mailorders").join(part)).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
