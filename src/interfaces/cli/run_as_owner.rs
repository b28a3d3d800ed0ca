//! In a container that starts as root: every command runs as the owner of the seller's folder on the host, so that the seller
//! can read the orders there.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::Context;
use rustix::thread::{CapabilitySet, CapabilitySets};

/// Names the folder. Only the compose files set it.
const VARIABLE: &str = "RUN_AS_OWNER_OF";

/// Replaces the process by the same command of another user, without capabilities.
///
/// # Errors
/// The folder's owner cannot be determined, or the system's refusal.
pub fn give_up_root() -> anyhow::Result<()> {
    let Some(folder) = env::var_os(VARIABLE).filter(|_| rustix::process::geteuid().is_root())
    else {
        return Ok(());
    };
    let owner = fs::metadata(&folder)
        .with_context(|| format!("{VARIABLE}: find the owner of {}", folder.display()))?;
    if owner.uid() == 0 {
        // A rootless engine: this root is the user who started it.
        let none = CapabilitySet::empty();
        let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
        return rustix::thread::set_capabilities(None, none).context("give up capabilities");
    }
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    // Changing the user clears the supplementary groups and the capabilities.
    let error =
        Command::new("/proc/self/exe").args(arguments).uid(owner.uid()).gid(owner.gid()).exec();
    Err(error).with_context(|| format!("run as user {}", owner.uid()))
}
