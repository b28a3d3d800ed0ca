//! `shop demo`: a shop that leaves nothing behind.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::world::{Buyer, SellerAtDesk, World};

/// A demo that was started in a folder with another shop's settings.
struct Demo {
    elsewhere: World,
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Drop for Demo {
    fn drop(&mut self) {
        // A kill would leave the folder and the shop.
        self.end("-TERM");
    }
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let elsewhere =
            World::closed(&[("DATABASE_URL", "sqlite://db/own.sqlite"), ("NOTIFY", "x")]);
        fs::write(elsewhere.path(".env"), "KEEP_DAYS=long\n").unwrap();
        fs::create_dir(elsewhere.path("tmp")).unwrap();
        let mut child = Command::new(&elsewhere.program)
            .arg("demo")
            .args(arguments)
            .current_dir(elsewhere.home.path())
            .env_clear()
            .envs(elsewhere.settings.iter().cloned())
            .env("TMPDIR", elsewhere.path("tmp"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { elsewhere, child, lines }
    }

    /// The rest of the first line that begins like this.
    fn says(&mut self, start: &str) -> String {
        let found = self.lines.find_map(|line| Some(line.unwrap().strip_prefix(start)?.to_owned()));
        found.unwrap_or_else(|| panic!("the demo did not say {start:?}"))
    }

    fn buyer(&mut self, start: &str) -> Buyer {
        let address = self.says(start).trim_start_matches("http://").to_owned();
        let (cookies, host) = (Default::default(), address.clone());
        Buyer { address, cookies, host, before: String::new(), fetch_site: None }
    }

    fn end(&mut self, signal: &str) -> Option<i32> {
        let _ = Command::new("kill").args([signal, &self.child.id().to_string()]).output();
        self.child.wait().unwrap().code()
    }

    fn left_behind(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.elsewhere.path("tmp")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn static_demo(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("static/demo").join(path)
}

#[test]
fn a_demo_opens_anywhere_with_a_desk_and_is_deleted_at_the_end() {
    // Wherever somebody listens, the demo finds another port.
    let _taken = [3000, 3001].map(|port| TcpListener::bind(("127.0.0.1", port)));
    let mut demo = Demo::start(&["--site-name", "Tea House"]);
    let password = demo.says("The password of its web desk: ");
    let mut buyer = demo.buyer("The shop is open at ");
    let desk = demo.buyer("Your desk is at ");
    assert!(!buyer.address.ends_with(":3000") && !desk.address.ends_with(":3001"));
    let page = buyer.get("/").text();
    for words in ["Tea House", "Linen Notebook", "Demo shop: do not send money"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(buyer.get("/policy").text().contains("This is a demonstration shop"));
    buyer.adds("linen-notebook", "Plain", "1");
    assert_eq!(buyer.checks_out(&[]).state(), "awaiting");
    let mut desk = SellerAtDesk(desk);
    let token = desk.0.get("/login").token();
    let answer = desk.0.post_raw("/login", &[("token", &token), ("password", &password)]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{}", answer.text());
    // All of the demo is part of the program.
    let folders = demo.left_behind();
    assert_eq!(folders.len(), 1, "{folders:?}");
    for folder in ["images", "pages"] {
        assert_eq!(names_in(&folders[0].join("db").join(folder)), names_in(&static_demo(folder)));
    }
    assert_eq!(demo.end("-INT"), Some(0));
    demo.says("The demo shop has been deleted.");
    assert_eq!(demo.left_behind(), [""; 0].map(PathBuf::from));
    let names = names_in(demo.elsewhere.home.path());
    assert_eq!(names, BTreeSet::from([".env".to_owned(), "tmp".to_owned()]));
}

#[test]
fn a_demo_that_is_stopped_while_it_starts_is_deleted_too() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let mut demo = Demo::start(&[]);
        demo.says("A demo shop in ");
        assert_eq!(demo.end(signal), Some(0), "{signal}");
        assert_eq!(demo.left_behind(), [""; 0].map(PathBuf::from), "{signal}");
    }
}

#[test]
fn a_demo_reaches_no_other_shops_files() {
    let mut demo = Demo::start(&["--database-url", "sqlite:///tmp/shop.sqlite"]);
    assert_eq!(demo.child.wait().unwrap().code(), Some(2));
    assert_eq!(demo.left_behind(), [""; 0].map(PathBuf::from));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut demo = Demo::start(&["--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(demo.child.wait().unwrap().code(), Some(1), "the address is in use");
    assert_eq!(demo.left_behind(), [""; 0].map(PathBuf::from));
}

#[test]
fn the_demo_in_the_program_is_the_demo_of_the_project() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("db");
    let read = |path: PathBuf| fs::read_to_string(path).unwrap();
    let smaller = read(own.join("data.json")).replace(".jpg\"", ".webp\"");
    assert!(read(static_demo("data.json")) == smaller, "copy db/data.json to static/demo");
    for page in ["pages/about.md", "pages/policy.md"] {
        assert_eq!(read(static_demo(page)), read(own.join(page)), "{page}");
    }
    let size = |name: &String| fs::metadata(static_demo("images").join(name)).unwrap().len();
    let bytes: u64 = names_in(&static_demo("images")).iter().map(size).sum();
    assert!(bytes < 250_000, "the program carries {bytes} bytes of pictures");
}
