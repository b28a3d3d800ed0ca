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
use crate::interfaces::cli::doctor::finding::{Finding, bad, note, ok};
use crate::interfaces::cli::mutt::{LOCALE_HELP, terminal_charset_fault};
use crate::interfaces::cli::process_hardening;
use crate::interfaces::cli::shop_context::home;
use crate::interfaces::http::clock;

/// Units: bytes. Below the first, orders may soon be refused; below the second, space should be freed.
const NO_ROOM: u64 = 64 << 20;
const LITTLE_ROOM: u64 = 512 << 20;
/// Units: files that can still be made.
const FEW_FILES: u64 = 1_000;

pub fn check_disk_space(settings: &Settings) -> Vec<Finding> {
    let folders = [home(settings), settings.mail.maildir.clone()];
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for folder in folders {
        // Both may be on the same disk.
        let disk = fs::metadata(&folder).map(|file| file.dev()).ok();
        if seen.insert(disk) {
            findings.push(check_disk(&folder));
        }
    }
    findings
}

fn check_disk(folder: &Path) -> Finding {
    const CHECK: &str = "space";
    let stats = match rustix::fs::statvfs(folder) {
        Ok(stats) => stats,
        Err(error) => return bad(CHECK, format!("{}: {error}", folder.display()), ""),
    };
    let n_bytes = stats.f_bavail.saturating_mul(stats.f_frsize);
    let text = format!("{} MB free on the disk of {}", n_bytes >> 20, folder.display());
    // Some disks do not count their files.
    let has_few_files = stats.f_files != 0 && stats.f_favail < FEW_FILES;
    if n_bytes < NO_ROOM || has_few_files {
        let text = if has_few_files {
            format!("{text}, and room for {}", plural(stats.f_favail, "file", "files"))
        } else {
            text
        };
        bad(CHECK, text, "free some space: without it, orders are refused")
    } else if n_bytes < LITTLE_ROOM {
        note(CHECK, text, "free some space soon")
    } else {
        ok(CHECK, text)
    }
}

pub async fn check_clock(shop: &Shop, settings: &Settings) -> Finding {
    const CHECK: &str = "clock";
    let now = clock::wall();
    let set = "check it (`timedatectl`): payment deadlines, order deletion and Tor depend on it";
    if now.get() < THIS_VERSION {
        return bad(CHECK, format!("{} is far in the past", now.for_people()), set);
    }
    match actions::doubt_clock(shop).await {
        Ok(None) => {}
        Ok(Some(doubted)) => {
            return bad(
                CHECK,
                format!("{}, but {doubted}", now.for_people()),
                "check it (`timedatectl`), then run `shop clock accept`",
            );
        }
        Err(error) => return bad(CHECK, format!("{error:#}"), ""),
    }
    let tomorrow = now.plus_days(1);
    let written = fs::metadata(&settings.storage.database).map_or(0, |file| file.mtime());
    let newest = Maildir::new(settings.mail.maildir.clone()).newest().ok().flatten().unwrap_or(0);
    let marks = [Timestamp::new(written).ok(), Timestamp::new(newest).ok()];
    match marks.into_iter().flatten().filter(|mark| tomorrow < *mark).max() {
        Some(mark) => bad(
            CHECK,
            format!("{}, but a file was written on {}", now.for_people(), mark.day()),
            set,
        ),
        None => ok(CHECK, now.for_people()),
    }
}

pub fn check_process() -> Finding {
    const CHECK: &str = "process";
    let umask = process_hardening::umask();
    if umask & 0o077 != 0o077 {
        return bad(
            CHECK,
            format!("umask is {umask:03o}"),
            "remove whatever prevents the shop from setting it",
        );
    }
    match process_hardening::core_dump_fault() {
        None => ok(CHECK, "umask 077; core dumps are off"),
        Some(text) => note(CHECK, text, "set `ulimit -c 0` where the shop is started"),
    }
}

/// Whether mail programs started in this terminal can show all characters.
pub fn check_terminal() -> Finding {
    match terminal_charset_fault() {
        None => ok("terminal", "UTF-8"),
        Some(fault) => {
            note("terminal", format!("{fault}; the shop itself is not affected"), LOCALE_HELP)
        }
    }
}

pub fn check_swap() -> Finding {
    const CHECK: &str = "swap";
    let table = fs::read_to_string("/proc/swaps").unwrap_or_default();
    // zram is compressed memory, not a disk.
    let areas: Vec<&str> = table
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .filter(|area| !area.starts_with("/dev/zram"))
        .collect();
    if areas.is_empty() {
        ok(CHECK, "off")
    } else {
        note(
            CHECK,
            format!("on ({}): order data in memory may be written there", areas.join(", ")),
            "run swapoff -a, or encrypt the swap",
        )
    }
}

/// Reads the kernel's routing tables; it never tries to connect.
pub fn check_network(is_confined: bool) -> Finding {
    const CHECK: &str = "network";
    let v4 = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let v6 = fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
    let first = v4.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    let last = v6.lines().filter_map(|line| line.split_whitespace().last());
    let interfaces: BTreeSet<&str> = first.chain(last).filter(|name| *name != "lo").collect();
    if interfaces.is_empty() {
        return ok(CHECK, "this host has no network access");
    }
    let interfaces: Vec<&str> = interfaces.into_iter().collect();
    let interfaces = interfaces.join(", ");
    if is_confined {
        return ok(
            CHECK,
            format!(
                "this host has network access through {interfaces}; the running shop is refused new connections"
            ),
        );
    }
    note(
        CHECK,
        format!(
            "this host has network access through {interfaces}. The shop opens no connections, but nothing would prevent it"
        ),
        "run the shop without network: docker-compose.tor.yml, or PrivateNetwork=yes as in docs/systemd",
    )
}
