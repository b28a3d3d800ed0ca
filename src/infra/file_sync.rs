//! Makes several files durable at the cost of one.

use std::fs::File;
use std::io;

/// File systems whose `syncfs` returns once everything is on the disk. Others may answer without asking the disk: what FUSE
/// shows, for example.
///
/// Source: `statfs(2)`.
const SYNCED_AS_A_WHOLE: [u64; 4] = [EXT4, XFS, BTRFS, F2FS];
const EXT4: u64 = 0xEF53;
const XFS: u64 = 0x5846_5342;
const BTRFS: u64 = 0x9123_683E;
const F2FS: u64 = 0xF2F5_2010;

/// When this returns, new files of one folder, which this process has just written, will survive a power failure.
///
/// One `fsync` costs a turn of the disk, so that several cost as many; `syncfs` costs one turn for all of them. From Linux
/// 5.8 on it returns the errors of all files that were written since the first of them was opened.
///
/// # Errors
/// Any I/O error: then none of them counts as written.
pub fn sync_new(files: &[&File]) -> io::Result<()> {
    match files {
        [] => Ok(()),
        [file] => file.sync_all(),
        [first, ..] if is_synced_as_a_whole(first)? => Ok(rustix::fs::syncfs(first)?),
        _ => files.iter().try_for_each(|file| file.sync_all()),
    }
}

fn is_synced_as_a_whole(file: &File) -> io::Result<bool> {
    let kind = rustix::fs::fstatfs(file)?.f_type;
    Ok(u64::try_from(kind).is_ok_and(|kind| SYNCED_AS_A_WHOLE.contains(&kind)))
}
