//! Completion scripts in real shells, and the man pages as `man` and `mandoc` read them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use shop::infra::config::NAMES;

use crate::world::World;

/// A folder with the script of this shell, in which `shop` is the program of this build.
fn script(world: &World, shell: &str) -> String {
    let path = world.path("_shop");
    fs::write(&path, world.says(&["completions", shell])).unwrap();
    path.to_str().unwrap().to_owned()
}

#[track_caller]
fn output(world: &World, program: &str, arguments: &[&str]) -> String {
    let output =
        Command::new(program).args(arguments).current_dir(world.home.path()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_owned()).unwrap();
    assert_eq!(text(&output.stderr), "", "{program}");
    text(&output.stdout)
}

/// What bash offers for the last word of this line.
fn bash(world: &World, line: &str) -> BTreeSet<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let commands = format!(
        "source '{}'; COMP_WORDS=({}); COMP_CWORD={}; _shop shop '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script(world, "bash"),
        quoted.join(" "),
        words.len() - 1,
        words[words.len() - 1],
        words[words.len() - 2],
    );
    // `compopt` only works while bash completes.
    let commands = format!("compopt() {{ :; }}; {commands}");
    output(world, "bash", &["--norc", "-c", &commands]).lines().map(str::to_owned).collect()
}

fn fish(world: &World, line: &str) -> BTreeSet<String> {
    let commands = format!("source '{}'; complete -C '{line}'", script(world, "fish"));
    let offered = output(world, "fish", &["--no-config", "-c", &commands]);
    offered.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

/// zsh completes only at a terminal: the outer one gives the inner one a pseudo-terminal, and `compadd` says what it is given.
const ZSH: &str = r#"
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner "fpath=(${1:h} \$fpath); autoload -Uz compinit; compinit -u -D; PROMPT=
compadd() { local -a found; builtin compadd -A found \"\$@\"; (( \$#found )) && print -rl -- offered:\${^found} }
list() { _main_complete; print; print -r -- END; compstate[insert]=; compstate[list]= }
zle -C list complete-word list; bindkey '^I' list"
zpty -w -n inner "$2"$'\t'
while zpty -r inner line; do
    print -r -- "$line"
    [[ $line == END* ]] && break
done
zpty -d inner
"#;

fn zsh(world: &World, line: &str) -> BTreeSet<String> {
    fs::write(world.path("complete.zsh"), ZSH).unwrap();
    let shown = output(world, "zsh", &["-f", "complete.zsh", &script(world, "zsh"), line]);
    let offered = shown.lines().filter_map(|line| line.trim().strip_prefix("offered:"));
    offered.map(str::to_owned).collect()
}

#[test]
fn completions_offer_commands_flags_and_the_settings_of_a_command() {
    let world = World::closed(&[]);
    type Offered = fn(&World, &str) -> BTreeSet<String>;
    let shells: [(&str, Offered); 3] = [("bash", bash), ("fish", fish), ("zsh", zsh)];
    for (shell, offered) in shells {
        for (line, expected) in [
            ("shop or", &["orders"] as &[&str]),
            ("shop orders s", &["shipped", "show"]),
            ("shop orders cancel --u", &["--unpaid"]),
            ("shop serve --desk-", &["--desk-listen"]),
            ("shop purge --keep", &["--keep-days"]),
            ("shop help pu", &["purge"]),
            ("shop help sett", &["settings"]),
            // Commands and settings without a use here are not offered.
            ("shop develop", &[]),
            ("shop close --keep", &[]),
        ] {
            let expected: BTreeSet<String> = expected.iter().map(ToString::to_string).collect();
            let mut offered = offered(&world, line);
            offered.remove("");
            assert_eq!(offered, expected, "{shell}: {line}");
        }
    }
    assert_eq!(bash(&world, "shop completions b"), BTreeSet::from(["bash".to_owned()]));
}

#[test]
fn completions_need_no_settings_and_no_shop() {
    let world = World::closed(&[]);
    fs::write(world.path(".env"), "SOMETHING_ELSE=of another program\nKEEP_DAYS=long\n").unwrap();
    for shell in ["bash", "zsh", "fish"] {
        assert!(1_000 < world.says(&["completions", shell]).len());
    }
    let refused = world.shop(&["completions", "tcsh"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("[possible values: bash, zsh, fish]")
    );
}

/// The pages, in the folder `man` of this world.
fn pages(world: &World) -> Vec<String> {
    world.says(&["man", "man", "--date", "2026-01-31"]);
    let pages = fs::read_dir(world.path("man")).unwrap();
    let mut pages: Vec<String> =
        pages.map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    pages.sort();
    pages
}

#[test]
fn every_command_has_a_man_page_without_a_warning() {
    let world = World::closed(&[]);
    let pages = pages(&world);
    for page in ["shop.1", "shop-serve.1", "shop-orders-paid.1", "shop-completions.1"] {
        assert!(pages.iter().any(|known| known == page), "{page}");
    }
    assert!(!pages.iter().any(|page| page.contains("develop") || page.contains("help")));
    for page in &pages {
        let path = format!("man/{page}");
        assert_eq!(output(&world, "mandoc", &["-T", "lint", "-W", "warning", &path]), "", "{page}");
        // Its warnings are on standard error.
        output(&world, "man", &["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", &path]);
        // A package installs them as they are.
        let mode = fs::metadata(world.path(&path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o044, 0o044, "{page}");
    }
    let first = fs::read(world.path("man/shop.1")).unwrap();
    world.says(&["man", "again/below", "--date", "2026-01-31"]);
    assert_eq!(fs::read(world.path("again/below/shop.1")).unwrap(), first);
}

/// A page as its reader sees it, without line breaks.
fn read(world: &World, page: &str) -> String {
    let text = output(world, "mandoc", &["-T", "utf8", "-O", "width=200", &format!("man/{page}")]);
    // Bold and underlined characters are overstruck.
    let mut plain = String::new();
    for character in text.chars() {
        if character == '\u{8}' {
            plain.pop().unwrap();
        } else {
            plain.push(character)
        }
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_man_page_explains_every_setting_and_every_file_of_a_shop() {
    let mut world = World::new();
    world.close("-TERM");
    pages(&world);
    let page = read(&world, "shop.1");
    let (_, environment) = page.split_once(" ENVIRONMENT ").unwrap();
    let (environment, files) = environment.split_once(" FILES ").unwrap();
    for name in NAMES.iter().filter(|name| !matches!(name.as_str(), "PASSWORD" | "TOR")) {
        assert!(environment.contains(&format!(" {name} ")), "{name}");
    }
    assert!(environment.contains("[default: 127.0.0.1:3000]"));
    let is_explained = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        files.contains(&format!("db/{name}")) || name.starts_with("shop.sqlite-")
    };
    for file in fs::read_dir(world.path("db")).unwrap() {
        let path = file.unwrap().path();
        assert!(is_explained(&path), "{}", path.display());
    }
    let cancel = read(&world, "shop-orders-cancel.1");
    for words in ["--older <TIME>", "MAILDIR", "shop orders cancel --unpaid", "shop-orders(1)"] {
        assert!(cancel.contains(words), "{words}: {cancel}");
    }
    let export = read(&world, "shop-orders-export.1");
    assert!(export.contains("[possible values: "), "{export}");
}
