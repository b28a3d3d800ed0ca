//! A socket or port that is in use stays with its owner.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use crate::world::{World, catalog, connect, files_below};

const SHOP: &str = env!("CARGO_BIN_EXE_shop");

fn error_text(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The response of the shop at this address.
fn response(address: &str, path: &str) -> String {
    let mut stream = connect(address);
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_second_shop_leaves_the_socket_of_the_first_one_alone() {
    let mut first =
        World::closed(&[("LISTEN", "unix:door.sock"), ("DESK_LISTEN", "unix:desk.sock")]);
    first.open();
    symlink(first.path("door.sock"), first.path("link.sock")).unwrap();
    symlink(first.home.path(), first.path("folder")).unwrap();
    let whole = |name: &str| format!("unix:{}", first.path(name).display());
    // From another folder, with a shop of its own.
    for name in ["door.sock", "link.sock", "folder/door.sock", "desk.sock"] {
        let place = whole(name);
        let second = World::closed(&[("LISTEN", &place)]).shop(&["serve"]);
        let words = error_text(&second);
        assert_eq!(second.status.code(), Some(1), "{words}");
        assert!(words.contains("in use") && words.contains(name), "{words}");
        let settings = [("LISTEN", "127.0.0.1:0"), ("DESK_LISTEN", place.as_str())];
        let second = World::closed(&settings).shop(&["serve"]);
        assert_eq!(second.status.code(), Some(1), "{}", error_text(&second));
        assert!(error_text(&second).contains("in use"), "{}", error_text(&second));
    }
    // And from its own folder.
    for listen in ["unix:door.sock", "unix:./door.sock", "unix:link.sock"] {
        let second = first.shop(&["serve", "--listen", listen, "--desk-listen", "off"]);
        assert_eq!(second.status.code(), Some(1), "{}", error_text(&second));
    }
    for name in ["door.sock", "link.sock", "folder/door.sock"] {
        assert!(response(&whole(name), "/health").ends_with("ok"), "{name}");
    }
    assert!(response(&whole("desk.sock"), "/login").starts_with("HTTP/1.1 200"));
    assert_eq!(first.close("-TERM"), Some(0));
    assert!(!first.path("door.sock").exists() && !first.path("desk.sock").exists());
}

#[test]
fn the_socket_of_a_killed_shop_is_taken_over() {
    let mut world =
        World::closed(&[("LISTEN", "unix:door.sock"), ("DESK_LISTEN", "unix:desk.sock")]);
    world.open();
    world.close("-KILL");
    for name in ["door.sock", "desk.sock"] {
        assert!(fs::symlink_metadata(world.path(name)).unwrap().file_type().is_socket(), "{name}");
    }
    world.open();
    assert_eq!(world.buyer().get("/health").text(), "ok");
}

#[test]
fn another_program_keeps_its_socket_its_port_and_its_file() {
    let world = World::closed(&[]);
    let _theirs = UnixListener::bind(world.path("theirs")).unwrap();
    fs::write(world.path("file"), "words").unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = port.local_addr().unwrap().to_string();
    for (listen, words) in [
        ("unix:theirs", "in use"),
        ("unix:file", "no socket"),
        ("unix:missing/door", "missing/door"),
        (taken.as_str(), "in use"),
    ] {
        for arguments in [
            ["serve", "--listen", listen, "--desk-listen", "off"],
            ["serve", "--listen", "127.0.0.1:0", "--desk-listen", listen],
        ] {
            let refused = world.shop(&arguments);
            assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
            assert!(
                error_text(&refused).contains(words),
                "{arguments:?}: {}",
                error_text(&refused)
            );
        }
    }
    assert_eq!(fs::read_to_string(world.path("file")).unwrap(), "words");
    std::os::unix::net::UnixStream::connect(world.path("theirs")).unwrap();
}

#[test]
fn of_shops_that_start_together_one_opens_and_the_others_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let door = folder.path().join("door.sock");
    // A stale socket, which each of them would remove.
    drop(UnixListener::bind(&door).unwrap());
    let place = format!("unix:{}", door.display());
    let mut worlds: Vec<World> = (0..4).map(|_| World::closed(&[("LISTEN", &place)])).collect();
    // The folders are created first, so that only the start remains.
    for world in &mut worlds {
        world.settings = vec![("LISTEN".to_owned(), "127.0.0.1:0".to_owned())];
        world.open();
        world.close("-TERM");
    }
    let mut shops: Vec<_> = worlds
        .iter()
        .map(|world| {
            Command::new(SHOP)
                .args(["serve", "--listen", &place])
                .current_dir(world.home.path())
                .env_clear()
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let opened: Vec<bool> = shops
        .iter_mut()
        .map(|shop| {
            let lines = BufReader::new(shop.stdout.take().unwrap()).lines();
            lines.map_while(Result::ok).any(|line| line.contains("The shop is open"))
        })
        .collect();
    assert_eq!(opened.iter().filter(|is_open| **is_open).count(), 1, "{opened:?}");
    assert!(response(&place, "/health").ends_with("ok"));
    for (mut shop, is_open) in shops.into_iter().zip(opened) {
        if is_open {
            Command::new("kill").args(["-TERM", &shop.id().to_string()]).status().unwrap();
            assert!(shop.wait().unwrap().success());
        } else {
            let output = shop.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(1));
            assert!(error_text(&output).contains("in use"), "{}", error_text(&output));
        }
    }
}

#[test]
fn an_address_that_other_hosts_reach_is_opened_only_if_it_is_written_twice() {
    for address in
        ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0", "192.0.2.1:0", "shop.example:0", "0:0"]
    {
        let world = World::closed(&[]);
        fs::write(world.path(".env"), format!("LISTEN={address}\n")).unwrap();
        let by_file = world.shop(&["serve"]);
        let by_flag = World::closed(&[]).shop(&["serve", "--listen", address]);
        let by_environment = World::closed(&[("LISTEN", address)]).shop(&["serve"]);
        for refused in [by_file, by_flag, by_environment] {
            let words = error_text(&refused);
            assert_eq!(refused.status.code(), Some(1), "{address}: {words}");
            assert!(words.contains("LISTEN") && words.contains("twice"), "{words}");
        }
        assert_eq!(files_below(world.home.path()), [world.path(".env")], "nothing was opened");
    }
    let world = World::with(&catalog(), &[("LISTEN", "0.0.0.0:0 0.0.0.0:0")]);
    assert!(world.log().contains("other hosts can reach"), "{}", world.log());
    let doctor = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    assert!(
        doctor.contains("note listener") && doctor.contains("other hosts can reach"),
        "{doctor}"
    );
    let world = World::with(&catalog(), &[("LISTEN", "127.0.0.1:0")]);
    assert!(!world.log().contains("other hosts can reach"), "{}", world.log());
    let doctor = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("ok   listener"), "{doctor}");
}

#[test]
fn sockets_from_systemd_follow_the_same_rule() {
    let hand_over = |socket: OwnedFd, listen: &str| {
        let world = World::closed(&[]);
        let shop = Command::new("sh")
            .args([
                "-c",
                "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$@\"",
                "sh",
            ])
            .args([SHOP, "serve", "--listen", listen])
            .current_dir(world.home.path())
            .env_clear()
            .stdin(Stdio::from(socket))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        (world, shop)
    };
    for address in ["0.0.0.0:0", "[::]:0"] {
        let socket = TcpListener::bind(address).unwrap();
        let (_world, shop) = hand_over(socket.into(), "systemd");
        let refused = shop.wait_with_output().unwrap();
        assert_eq!(refused.status.code(), Some(1));
        assert!(error_text(&refused).contains("twice"), "{}", error_text(&refused));
    }
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("door");
    let sockets: [(OwnedFd, &str); 3] = [
        (TcpListener::bind("0.0.0.0:0").unwrap().into(), "systemd systemd"),
        (TcpListener::bind("127.0.0.1:0").unwrap().into(), "systemd"),
        (UnixListener::bind(&path).unwrap().into(), "systemd"),
    ];
    for (socket, listen) in sockets {
        let (_world, mut shop) = hand_over(socket, listen);
        let mut lines = BufReader::new(shop.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("The shop is open at")), "{listen}");
        Command::new("kill").args(["-TERM", &shop.id().to_string()]).status().unwrap();
        assert!(shop.wait().unwrap().success());
    }
    assert!(path.exists(), "systemd's own file is left to systemd");
}
