//! Gives up what a process does not need: files and ports by Landlock, connections and other processes by seccomp.

mod calls;
mod files;

pub use calls::{Outgoing, restrict_calls, restrict_calls_of_thread, restrict_worker};
pub use files::{Kept, restrict_files};

/// How far the kernel lets the process be confined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Degree {
    Full,
    /// With what is missing.
    Partial(String),
    /// With the reason.
    None(String),
}
