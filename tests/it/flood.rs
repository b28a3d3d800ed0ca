//! Memory stays bounded, whatever visitors, files and nodes send.

mod connections;
mod inputs;

use std::fs;

/// The memory that a process may use above its idle memory. Units: MB.
pub const ALLOWED_MB: u64 = 96;

/// The peak memory of a running process. Units: MB.
pub fn peak_mb(pid: u32) -> u64 {
    status_mb(pid, "VmHWM:")
}

/// The current memory of a running process. Units: MB.
pub fn resident_mb(pid: u32) -> u64 {
    status_mb(pid, "VmRSS:")
}

/// Source: proc_pid_status(5).
fn status_mb(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() / 1024
}
