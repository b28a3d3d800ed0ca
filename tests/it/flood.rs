//! Memory stays bounded, whatever strangers, files and nodes send.

mod connections;
mod inputs;

use std::fs;

/// Memory that a process may take above what it takes when idle, whatever arrives. Units: MB.
pub const ALLOWED_MB: u64 = 96;

/// The most memory that a running process has held so far. Units: MB.
pub fn peak_mb(pid: u32) -> u64 {
    status_mb(pid, "VmHWM:")
}

/// The memory that a running process holds now. Units: MB.
pub fn resident_mb(pid: u32) -> u64 {
    status_mb(pid, "VmRSS:")
}

/// Source: proc_pid_status(5).
fn status_mb(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() / 1024
}
