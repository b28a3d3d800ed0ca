//! Doctor checks of the host: disk, memory, network, terminal.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::actions;
use crate::actions::Shop;
use crate::domain::values::{THIS_VERSION, Timestamp, plural};
use crate::infra::config::Settings;
use crate::infra::mail::Maildir;
use crate::interfaces::cli::doctor::finding::{Finding, ill, note, well};
use crate::interfaces::cli::mutt::{LOCALE_HELP, foreign_charset};
use crate::interfaces::cli::open::home;
use crate::interfaces::cli::process_hardening;
use crate::interfaces::http::clock;

/// Units: bytes. Below the first no order may find room soon; below the second it is time to look.
const NO_ROOM: u64 = 64 << 20;
const LITTLE_ROOM: u64 = 512 << 20;
/// Units: files that can still be made.
const FEW_FILES: u64 = 1_000;

pub fn check_disk_space(settings: &Settings) -> Vec<Finding> {
    let folders = [home(settings), settings.mail.maildir.clone()];
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for folder in folders {
        // Both may lie on one disk.
        let disk = fs::metadata(&folder).map(|found| found.dev()).ok();
        if seen.insert(disk) {
            findings.push(look_at_disk(&folder));
        }
    }
    findings
}

fn look_at_disk(folder: &Path) -> Finding {
    const CHECK: &str = "space";
    let found = match rustix::fs::statvfs(folder) {
        Ok(found) => found,
        Err(error) => return ill(CHECK, format!("{}: {error}", folder.display()), ""),
    };
    let n_bytes = found.f_bavail.saturating_mul(found.f_frsize);
    let words = format!("{} MB free on the disk of {}", n_bytes >> 20, folder.display());
    // Some disks do not count their files.
    let few = found.f_files != 0 && found.f_favail < FEW_FILES;
    if n_bytes < NO_ROOM || few {
        let words = if few {
            format!("{words}, and room for {}", plural(found.f_favail, "file", "files"))
        } else {
            words
        };
        ill(CHECK, words, "free some space: without it, orders are refused")
    } else if n_bytes < LITTLE_ROOM {
        note(CHECK, words, "free some space soon")
    } else {
        well(CHECK, words)
    }
}

pub async fn check_clock(shop: &Shop, settings: &Settings) -> Finding {
    const CHECK: &str = "clock";
    let now = clock::wall();
    let set = "check it (`timedatectl`): payment deadlines, order deletion and Tor depend on it";
    if now.get() < THIS_VERSION {
        return ill(CHECK, format!("{} is far in the past", now.for_people()), set);
    }
    match actions::doubt_clock(shop).await {
        Ok(None) => {}
        Ok(Some(doubted)) => {
            return ill(
                CHECK,
                format!("{}, but {doubted}", now.for_people()),
                "check it (`timedatectl`), then run `shop clock accept`",
            );
        }
        Err(error) => return ill(CHECK, format!("{error:#}"), ""),
    }
    let tomorrow = now.plus_days(1);
    let written = fs::metadata(&settings.storage.database).map_or(0, |found| found.mtime());
    let newest = Maildir::new(settings.mail.maildir.clone()).newest().ok().flatten().unwrap_or(0);
    let marks = [Timestamp::new(written).ok(), Timestamp::new(newest).ok()];
    match marks.into_iter().flatten().filter(|mark| tomorrow < *mark).max() {
        Some(mark) => ill(
            CHECK,
            format!("{}, but a file was written on {}", now.for_people(), mark.day()),
            set,
        ),
        None => well(CHECK, now.for_people()),
    }
}

pub fn check_process() -> Finding {
    const CHECK: &str = "process";
    let mask = process_hardening::mask();
    if mask & 0o077 != 0o077 {
        return ill(
            CHECK,
            format!("umask is {mask:03o}"),
            "remove whatever prevents the shop from setting it",
        );
    }
    match process_hardening::leak() {
        None => well(CHECK, "umask 077; core dumps are off"),
        Some(words) => note(CHECK, words, "set `ulimit -c 0` where the shop is started"),
    }
}

/// Whether mail programs that are started from here can show every letter.
pub fn check_terminal() -> Finding {
    match foreign_charset() {
        None => well("terminal", "UTF-8"),
        Some(charset) => {
            note("terminal", format!("{charset}; the shop itself is not affected"), LOCALE_HELP)
        }
    }
}

pub fn check_swap() -> Finding {
    const CHECK: &str = "swap";
    let table = fs::read_to_string("/proc/swaps").unwrap_or_default();
    // A compressed part of the memory is no disk.
    let areas: Vec<&str> = table
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .filter(|area| !area.starts_with("/dev/zram"))
        .collect();
    if areas.is_empty() {
        well(CHECK, "off")
    } else {
        note(
            CHECK,
            format!("on ({}): order data in memory may be written there", areas.join(", ")),
            "run swapoff -a, or encrypt the swap",
        )
    }
}

/// By the tables of the kernel, never by trying.
pub fn check_network() -> Finding {
    const CHECK: &str = "network";
    let v4 = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let v6 = fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
    let first = v4.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    let last = v6.lines().filter_map(|line| line.split_whitespace().last());
    let ways: BTreeSet<&str> = first.chain(last).filter(|name| *name != "lo").collect();
    if ways.is_empty() {
        return well(CHECK, "this host has no network access");
    }
    let ways: Vec<&str> = ways.into_iter().collect();
    note(
        CHECK,
        format!(
            "this host has network access through {}. The shop opens no connections, but nothing would prevent it",
            ways.join(", ")
        ),
        "run the shop without network: docker-compose.tor.yml, or PrivateNetwork=yes as in docs/systemd",
    )
}
