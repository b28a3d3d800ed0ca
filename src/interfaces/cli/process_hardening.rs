//! Protects the process's files and memory from other users.

use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// Makes new files readable only by their owner, and disables core dumps.
///
/// Each of these may fail; `shop doctor` reports what is in force.
pub fn harden() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(Resource::Core, none);
    // A limit of 0 does not stop a core dump that the kernel pipes to a program.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Units: bytes. The largest accepted picture needs 350 MB, and addresses for some more.
const MAX_MEMORY: u64 = 768 * 1024 * 1024;

/// A picture that needs more memory than any valid one ends only its own process.
pub fn limit_memory() {
    let most = Rlimit { current: Some(MAX_MEMORY), maximum: Some(MAX_MEMORY) };
    let _ = rustix::process::setrlimit(Resource::As, most);
}

/// Why a core dump could still be written; `None`: it cannot.
pub fn core_dump_fault() -> Option<String> {
    let limit = rustix::process::getrlimit(Resource::Core);
    match rustix::process::dumpable_behavior() {
        Ok(DumpableBehavior::NotDumpable) if limit.current == Some(0) => None,
        Ok(DumpableBehavior::NotDumpable) => {
            Some("the core file limit could not be set to 0".to_owned())
        }
        _ => Some("core dumps of the process could not be disabled".to_owned()),
    }
}

pub fn umask() -> u32 {
    let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    rustix::process::umask(mask);
    mask.as_raw_mode()
}
