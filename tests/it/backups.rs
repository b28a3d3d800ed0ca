//! What is damaged is said to be damaged: a database after one flipped bit, and every member of a copy.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use crate::world::{World, files_below};

fn error_text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A shop with an order, that is not open; its journal is in the file.
fn closed_shop() -> World {
    let mut world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    buyer.checks_out(&[]);
    assert_eq!(world.close("-TERM"), Some(0));
    world.sql("pragma wal_checkpoint(truncate)");
    world
}

/// Makes an index say something else than its table: a bit of one entry in the file is another one. `quick_check` sees
/// nothing of it.
fn flip_a_bit_of_an_index(database: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ask = |statement: &'static str| {
        runtime.block_on(async {
            let options = SqliteConnectOptions::new().filename(database);
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            let found: Vec<u8> =
                sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            found
        })
    };
    // The name under which a buyer's code finds the order stands in the table's row and in its index.
    let lookup = ask("select lookup_name from orders");
    let number = ask(
        "select cast(rootpage || '' as blob) from sqlite_schema where type = 'index' and tbl_name = 'orders' \
         and name = (select list.name from pragma_index_list('orders') as list, pragma_index_info(list.name) as info \
         where info.name = 'lookup_name')",
    );
    let size = ask("select cast(page_size || '' as blob) from pragma_page_size");
    let parse = |digits: Vec<u8>| String::from_utf8(digits).unwrap().parse::<usize>().unwrap();
    let (number, size) = (parse(number), parse(size));
    let mut bytes = fs::read(database).unwrap();
    let page = &mut bytes[(number - 1) * size..number * size];
    let at = page.windows(lookup.len()).position(|window| window == lookup).expect("the index");
    page[at] ^= 1;
    fs::write(database, bytes).unwrap();
    let quick = ask("select cast(quick_check as blob) from pragma_quick_check");
    assert_eq!(quick, b"ok", "the small check would do: nothing is tested");
}

#[test]
fn one_flipped_bit_in_an_index_is_found_by_doctor_backup_and_restore() {
    let world = closed_shop();
    world.says(&["backup", "good.tar"]);
    flip_a_bit_of_an_index(&world.path("db/shop.sqlite"));
    let doctor = world.shop(&["doctor", "--deep", "--json"]);
    assert_eq!(doctor.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let checks = found["checks"].as_array().unwrap();
    let database = checks.iter().find(|check| check["check"] == "integrity").unwrap();
    assert_eq!(database["state"], "bad", "{database}");
    assert!(database["words"].as_str().unwrap().contains("damaged"), "{database}");
    // It comes last; without `--deep` nobody reads all of it.
    assert_eq!(checks.last().unwrap()["check"], "integrity");
    let quick = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    assert!(quick.contains("ok   database") && quick.contains("--deep"), "{quick}");
    assert!(!quick.contains("integrity"), "{quick}");
    let backup = world.shop(&["backup", "bad.tar"]);
    assert_eq!(backup.status.code(), Some(1));
    assert!(
        error_text(&backup).contains("damaged") && !world.path("bad.tar").exists(),
        "{}",
        error_text(&backup)
    );

    // A copy of the damaged file, whose list says that it is as it was copied.
    let other = World::closed(&[]);
    change_copy(
        &world.path("good.tar"),
        &other.path("copy.tar"),
        &format!(
            "files['db/shop.sqlite'] = open({:?}, 'rb').read(); sums()",
            world.path("db/shop.sqlite")
        ),
    );
    let restored = other.shop(&["restore", "copy.tar"]);
    assert_eq!(restored.status.code(), Some(1));
    assert!(error_text(&restored).contains("damaged"), "{}", error_text(&restored));
    assert_eq!(files_below(other.home.path()), [other.path("copy.tar")]);
}

#[test]
fn a_row_that_refers_to_a_missing_one_is_damage() {
    let world = closed_shop();
    world.sql("pragma foreign_keys = off; delete from orders");
    let doctor = String::from_utf8(world.shop(&["doctor", "--deep"]).stdout).unwrap();
    assert!(
        doctor.contains("BAD  integrity") && doctor.contains("refers to a missing row"),
        "{doctor}"
    );
}

/// Writes a copy anew, as this Python statement changes it: `files` are the members by their names, in order; `sums()` makes
/// their list anew; `owner` stands at all of them.
fn change_copy(from: &Path, to: &Path, statement: &str) {
    let script = format!(
        r#"
import hashlib, io, sys, tarfile
files, owner, twice, links = {{}}, 'listed', [], []
with tarfile.open(sys.argv[1]) as archive:
    for member in archive:
        files[member.name] = archive.extractfile(member).read()
def sums():
    files['SHA256SUMS'] = ''.join('%s  %s\n' % (hashlib.sha256(files[name]).hexdigest(), name)
        for name in files if name != 'SHA256SUMS').encode()
{statement}
with tarfile.open(sys.argv[2], 'w') as archive:
    for name, content in [*files.items(), *twice]:
        member = tarfile.TarInfo(name)
        member.size, member.uname, member.mode = len(content), owner, 0o600
        archive.addfile(member, io.BytesIO(content))
"#
    );
    let done = Command::new("python3").args(["-c", &script]).arg(from).arg(to).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn every_change_of_a_backup_is_found_before_anything_is_written() {
    let world = closed_shop();
    fs::create_dir_all(world.path("db/pages")).unwrap();
    fs::write(world.path("db/pages/about.md"), "# About\n\nHello.").unwrap();
    fs::write(world.path(".env"), "SITE_NAME=The Ash Tree\n").unwrap();
    world.says(&["backup", "good.tar"]);
    let good = world.path("good.tar");
    let checked = Command::new("sh")
        .args([
            "-c",
            "mkdir x && cd x && tar xf ../good.tar && sha256sum --quiet --check SHA256SUMS",
        ])
        .current_dir(world.home.path())
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", error_text(&checked));
    for (statement, words) in [
        ("files['db/shop.secret'] = bytes(32)", "db/shop.secret"),
        ("files['db/pages/about.md'] += b'!'", "db/pages/about.md"),
        ("files['.env'] = files['.env'][:-1]", ".env"),
        ("files['db/shop.sqlite'] = files['db/shop.sqlite'][:-4096]", "db/shop.sqlite"),
        ("del files['db/shop.secret']", "db/shop.secret is missing"),
        ("del files['.env']", ".env is missing"),
        ("del files['SHA256SUMS']", "list of files is missing"),
        ("files['db/pages/more.md'] = b'# More'", "was added"),
        ("files['db/pages/other.md'] = files.pop('db/pages/about.md')", "was added"),
        ("twice = [('.env', files['.env'])]", "twice"),
        ("twice = [('SHA256SUMS', files['SHA256SUMS'])]", "twice"),
        ("files['SHA256SUMS'] += files['SHA256SUMS']", "twice"),
        ("files['SHA256SUMS'] = b''", "was added"),
        ("files['SHA256SUMS'] = b'\\xff'", "cannot be read"),
    ] {
        let other = World::closed(&[]);
        change_copy(&good, &other.path("copy.tar"), statement);
        let output = other.shop(&["restore", "copy.tar"]);
        assert_eq!(output.status.code(), Some(1), "{statement}");
        assert!(error_text(&output).contains(words), "{statement}: {}", error_text(&output));
        assert_eq!(files_below(other.home.path()), [other.path("copy.tar")], "{statement}");
    }
    // Cut off anywhere, between two files among them.
    let bytes = fs::read(&good).unwrap();
    // The blocks at its end hold nothing.
    let ends = (512..bytes.len() - 1_024).step_by(512 * 7);
    for end in ends {
        let other = World::closed(&[]);
        fs::write(other.path("copy.tar"), &bytes[..end]).unwrap();
        let output = other.shop(&["restore", "copy.tar"]);
        assert_eq!(output.status.code(), Some(1), "{end}");
        assert_eq!(files_below(other.home.path()), [other.path("copy.tar")], "{end}");
    }
}

#[test]
fn a_backup_of_an_older_version_is_restored_with_a_note() {
    let world = closed_shop();
    world.says(&["backup", "good.tar"]);
    let other = World::closed(&[]);
    let older = "del files['SHA256SUMS']; owner = ''";
    change_copy(&world.path("good.tar"), &other.path("copy.tar"), older);
    let told = other.says(&["restore", "copy.tar"]);
    assert!(told.contains("Restored ") && told.contains("no list of its files"), "{told}");
    assert!(
        other.says(&["orders"]).contains("1 order")
            || !other.says(&["orders"]).contains("No orders")
    );
    let again = World::closed(&[]);
    fs::copy(world.path("good.tar"), again.path("copy.tar")).unwrap();
    let told = again.says(&["restore", "copy.tar"]);
    assert!(!told.contains("note:"), "{told}");
    assert!(!again.path("SHA256SUMS").exists());
    // As the versions before wrote it: the list first, and then the files by their names.
    let before = World::closed(&[]);
    let order =
        "files = dict(sorted(files.items(), key=lambda file: (file[0] != 'SHA256SUMS', file[0])))";
    change_copy(&world.path("good.tar"), &before.path("copy.tar"), order);
    assert!(!before.says(&["restore", "copy.tar"]).contains("note:"));
}

/// What a process has written is looked at while it waits for its pipe.
struct Waiting {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
}

/// A command between two pipes.
fn begins(world: &World, arguments: &[&str]) -> Waiting {
    let mut child = Command::new(&world.program)
        .args(arguments)
        .current_dir(world.home.path())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
    Waiting { child, stdin, stdout }
}

impl Waiting {
    fn signals(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

/// An open shop that is larger than a pipe.
fn large_shop() -> World {
    let world = World::new();
    fs::create_dir_all(world.path("db/files")).unwrap();
    fs::write(world.path("db/files/film.mkv"), vec![b'f'; 1 << 20]).unwrap();
    world
}

fn snapshots(world: &World) -> Vec<PathBuf> {
    let mut files = files_below(world.home.path());
    files.retain(|path| {
        let name = path.to_string_lossy().into_owned();
        [".snapshot", ".unfinished", ".shop-restore"].iter().any(|part| name.contains(part))
    });
    files
}

#[test]
fn orders_are_placed_while_a_backup_waits_and_there_is_only_one_at_a_time() {
    let world = large_shop();
    let mut waiting = begins(&world, &["backup", "-"]);
    waiting.stdout.read_exact(&mut [0; 512]).unwrap();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    buyer.checks_out(&[]);
    let second = world.shop(&["backup", "second.tar"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(error_text(&second).contains("another backup is being made"), "{second:?}");
    // The journal can be emptied: nobody reads the database any more.
    world.says(&["purge"]);
    let mut rest = Vec::new();
    waiting.stdout.read_to_end(&mut rest).unwrap();
    assert!(waiting.child.wait().unwrap().success());
    world.says(&["backup", "second.tar"]);
    assert_eq!(snapshots(&world), Vec::<PathBuf>::new());
}

#[test]
fn a_killed_backup_leaves_the_shop_as_it_was_and_its_copy_is_overwritten() {
    let mut world = large_shop();
    let snapshot = world.path("db/shop.sqlite.snapshot");
    for is_served in [false, true] {
        let mut waiting = begins(&world, &["backup", "-"]);
        waiting.stdout.read_exact(&mut [0; 512]).unwrap();
        waiting.signals("-KILL");
        waiting.child.wait().unwrap();
        assert_eq!(fs::metadata(&snapshot).unwrap().permissions().mode() & 0o777, 0o600);
        let mut left = fs::File::open(&snapshot).unwrap();
        if is_served {
            world.close("-KILL");
            world.open();
        } else {
            world.says(&["backup", "copy.tar"]);
        }
        assert_eq!(snapshots(&world), Vec::<PathBuf>::new(), "{is_served}");
        let mut bytes = Vec::new();
        left.read_to_end(&mut bytes).unwrap();
        assert!(!bytes.is_empty() && bytes.iter().all(|byte| *byte == 0), "{is_served}");
    }
    // One that can clean up does so.
    let mut waiting = begins(&world, &["backup", "-"]);
    waiting.stdout.read_exact(&mut [0; 512]).unwrap();
    waiting.signals("-TERM");
    waiting.stdout.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(waiting.child.wait().unwrap().code(), Some(1));
    assert_eq!(snapshots(&world), Vec::<PathBuf>::new());
    assert!(world.says(&["orders"]).contains("No orders yet"));
}

#[test]
fn a_killed_restore_leaves_nothing_that_counts_and_the_next_one_removes_it() {
    let world = large_shop();
    fs::write(world.path(".env"), "SITE_NAME=The Ash Tree\n").unwrap();
    world.says(&["backup", "good.tar"]);
    let copy = fs::read(world.path("good.tar")).unwrap();
    let other = World::closed(&[]);
    for signal in ["-KILL", "-TERM"] {
        let mut waiting = begins(&other, &["restore", "-"]);
        let mut stdin = waiting.stdin.take().unwrap();
        // The film is the first large file; the database comes after it.
        stdin.write_all(&copy[..1 << 20]).unwrap();
        let film = other.path("db/files/film.mkv.shop-restore");
        other.until("a part is written", || film.exists());
        waiting.signals(signal);
        drop(stdin);
        let code = waiting.child.wait().unwrap().code();
        if signal == "-TERM" {
            assert_eq!(code, Some(1));
            assert!(files_below(other.home.path()).is_empty());
            continue;
        }
        let left = files_below(other.home.path());
        assert!(left.iter().all(|path| path.to_string_lossy().ends_with(".shop-restore")));
        for path in &left {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o077, 0);
        }
        let mut opened = fs::File::open(&film).unwrap();
        fs::write(other.path("cut.tar"), &copy[..copy.len() / 2]).unwrap();
        assert!(!other.shop(&["restore", "cut.tar"]).status.success());
        assert_eq!(files_below(other.home.path()), [other.path("cut.tar")]);
        let mut bytes = Vec::new();
        opened.read_to_end(&mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 0), "it was overwritten");
        fs::remove_file(other.path("cut.tar")).unwrap();
    }
    other.says(&["restore", world.path("good.tar").to_str().unwrap()]);
    assert_eq!(snapshots(&other), Vec::<PathBuf>::new());
    let film = fs::read(other.path("db/files/film.mkv")).unwrap();
    assert_eq!(film, fs::read(world.path("db/files/film.mkv")).unwrap());
}

#[test]
fn digital_goods_are_in_a_backup_and_one_that_does_not_fit_is_refused() {
    let world = large_shop();
    fs::create_dir(world.path("db/codes")).unwrap();
    fs::write(world.path("db/codes/keys.txt"), "AAAA\nBBBB\n").unwrap();
    world.says(&["backup", "copy.tar"]);
    let other = World::closed(&[("DATABASE_URL", "sqlite://elsewhere/shop.sqlite")]);
    other.says(&["restore", world.path("copy.tar").to_str().unwrap()]);
    assert_eq!(fs::read(other.path("elsewhere/codes/keys.txt")).unwrap(), b"AAAA\nBBBB\n");
    assert_eq!(fs::metadata(other.path("elsewhere/files/film.mkv")).unwrap().len(), 1 << 20);

    let file = fs::File::create(world.path("db/files/hollow.bin")).unwrap();
    file.set_len(8 << 40).unwrap();
    let refused = world.shop(&["backup", "large.tar"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(error_text(&refused).contains("are needed: free some space"), "{refused:?}");
    assert!(!world.path("large.tar").exists());
    assert_eq!(snapshots(&world), Vec::<PathBuf>::new());
}
