//! Doctor check: what `shop serve` gives up.

use crate::infra::config::Settings;
use crate::infra::confinement::Degree;
use crate::interfaces::cli::confinement;
use crate::interfaces::cli::confinement::Confinement;
use crate::interfaces::cli::doctor::finding::{Finding, note, ok};

/// In the running shop what is in force, in a command what this kernel allows.
pub fn check(settings: &Settings) -> Finding {
    const CHECK: &str = "confinement";
    let (files, calls) = match confinement::state(settings) {
        Confinement::Off => {
            return note(
                CHECK,
                "off: the running shop can read all files of its user, connect and start programs",
                "remove CONFINE=off",
            );
        }
        Confinement::On { files, calls } => (files, calls),
    };
    let faults: Vec<&str> = [&files, &calls]
        .into_iter()
        .filter_map(|degree| match degree {
            Degree::Full => None,
            Degree::Partial(fault) | Degree::None(fault) => Some(fault.as_str()),
        })
        .collect();
    let is_none = |degree: &Degree| matches!(degree, Degree::None(_));
    let degree = match (is_none(&files), is_none(&calls)) {
        _ if faults.is_empty() => {
            return ok(CHECK, "full: the running shop keeps its own files and listeners only");
        }
        (true, true) => "not available",
        _ => "partly",
    };
    note(
        CHECK,
        format!("{degree}: {}", faults.join("; ")),
        "a newer kernel (Linux 6.12), or a container whose profile allows Landlock and seccomp, has all of it",
    )
}

/// Whether the running shop cannot open connections of its own.
pub fn refuses_connections(settings: &Settings) -> bool {
    matches!(confinement::state(settings), Confinement::On { calls: Degree::Full, .. })
}
