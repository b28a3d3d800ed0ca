//! What the process itself keeps from others.

use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// What is written from now on its owner alone may read, and an accident leaves no image of the memory behind.
///
/// Each of these may be forbidden; `shop doctor` says what is in force.
pub fn keep_to_ourselves() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(Resource::Core, none);
    // A limit of 0 does not keep the image from a program that the kernel hands it to.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Units: bytes. The largest picture that is taken needs half a gigabyte.
const MOST_MEMORY: u64 = 2 * 1024 * 1024 * 1024;

/// A picture that wants more than any good one ends its own process, and nothing else.
pub fn limit_memory() {
    let most = Rlimit { current: Some(MOST_MEMORY), maximum: Some(MOST_MEMORY) };
    let _ = rustix::process::setrlimit(Resource::As, most);
}

/// Why an image of the memory could still be written; `None`: it cannot.
pub fn leak() -> Option<String> {
    let limit = rustix::process::getrlimit(Resource::Core);
    match rustix::process::dumpable_behavior() {
        Ok(DumpableBehavior::NotDumpable) if limit.current == Some(0) => None,
        Ok(DumpableBehavior::NotDumpable) => {
            Some("the core file limit could not be set to 0".to_owned())
        }
        _ => Some("core dumps of the process could not be disabled".to_owned()),
    }
}

/// What new files are readable for.
pub fn mask() -> u32 {
    let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    rustix::process::umask(mask);
    mask.as_raw_mode()
}
