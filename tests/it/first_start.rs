//! What `shop serve` says at a first start, and what it leaves alone if it cannot start.

use std::net::TcpListener;
use std::process::Output;

use crate::terminal::on_a_terminal;
use crate::world::{World, catalog, files_below};

fn error_text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn in_an_empty_folder_serve_explains_what_to_do() {
    let world = World::closed(&[]);
    let said = world.opening_words();
    let data = world.home.path().canonicalize().unwrap().join("db/data.json");
    for words in [data.to_str().unwrap(), "does not exist", "shop init", "shop demo"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // Until there is something to buy.
    assert!(world.opening_words().contains("shop init"));
    std::fs::write(data, catalog().to_string()).unwrap();
    let said = world.opening_words();
    assert!(said.contains("importing db/data.json") && !said.contains("shop init"), "{said}");
    let said = world.opening_words();
    assert!(!said.contains("importing") && !said.contains("shop init"), "{said}");
}

#[test]
fn a_busy_port_is_reported_once_and_nothing_is_created() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for settings in [
        vec![("LISTEN", taken.as_str())],
        vec![("LISTEN", "127.0.0.1:0"), ("DESK_LISTEN", taken.as_str())],
    ] {
        let world = World::closed(&settings);
        std::fs::create_dir(world.path("db")).unwrap();
        std::fs::write(world.path("db/data.json"), catalog().to_string()).unwrap();
        let output = world.shop(&["serve"]);
        let said = error_text(&output);
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.contains(&taken) && said.contains("in use"), "{said}");
        assert!(output.stdout.is_empty(), "{output:?}");
        assert_eq!(files_below(world.home.path()), [world.path("db/data.json")]);
    }
}

#[test]
fn connect_tor_is_the_same_as_serve_with_tor() {
    let none = ("TOR_CONTROL", "unix:none");
    let serve = |settings: &[(&str, &str)], arguments: &[&str]| {
        let world = World::closed(settings);
        error_text(&world.shop(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat()))
    };
    let with_flag = serve(&[none], &["--tor"]);
    assert!(with_flag.contains("create the onion service"), "{with_flag}");
    assert_eq!(serve(&[none, ("CONNECT_TOR", "yes")], &[]), with_flag);
    let mut world = World::closed(&[none, ("CONNECT_TOR", "no")]);
    world.open();
    assert!(world.log().is_empty(), "{}", world.log());
    let world = World::closed(&[("CONNECT_TOR", "maybe")]);
    assert!(error_text(&world.shop(&["serve"])).contains("expected yes or no"));
}

#[test]
fn a_terminal_shows_progress_while_a_first_start_renders_pictures() {
    let world = World::closed(&[]);
    let demo = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("static/demo");
    std::fs::create_dir_all(world.path("db/images")).unwrap();
    std::fs::copy(demo.join("images/candle.webp"), world.path("db/images/candle.webp")).unwrap();
    let mut catalog = catalog();
    catalog["products"]["tea"]["images"] = serde_json::json!(["candle.webp"]);
    std::fs::write(world.path("db/data.json"), catalog.to_string()).unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let dialogue = serde_json::json!([["open at", null]]);
    let (code, said) = on_a_terminal(&world, &serve, &[("TERM", "xterm")], &dialogue, None);
    assert_eq!(code, Some(0), "{said}");
    for words in ["importing db/data.json", "pictures", "/1", "The shop is open at"] {
        assert!(said.contains(words), "{words}: {said}");
    }
}
