//! Restricts the calling thread, and all that it starts, to some files and ports.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use crate::infra::confinement::Degree;

/// What the process keeps; everything else is refused. A path that does not exist is left out.
#[derive(Debug, Default)]
pub struct Kept {
    /// Files and folders.
    pub read: Vec<PathBuf>,
    /// Files and folders that are read and written.
    pub write: Vec<PathBuf>,
    /// Folders from which sockets are removed.
    pub socket_folders: Vec<PathBuf>,
    pub programs: Vec<PathBuf>,
    /// TCP ports to connect to.
    pub connect: Vec<u16>,
}

/// The first version that has all of: links between folders (2), truncation (3), TCP ports (4), devices (5), and signals to
/// other programs (6). Source: Linux, Documentation/userspace-api/landlock.rst.
const COMPLETE: ABI = ABI::V6;

/// Restricts the calling thread. Threads and processes that it starts inherit this; those that exist do not.
pub fn restrict_files(kept: &Kept) -> Degree {
    match restrict(kept) {
        Ok(degree) => degree,
        Err(error) => Degree::None(format!("Landlock: {error}")),
    }
}

fn restrict(kept: &Kept) -> Result<Degree, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = AccessFs::from_all(COMPLETE) & !BitFlags::from(AccessFs::Execute);
    let sockets = AccessFs::RemoveFile | AccessFs::ReadDir;
    let ports = kept.connect.iter().map(|port| Ok(NetPort::new(*port, AccessNet::ConnectTcp)));
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(COMPLETE))?
        .handle_access(AccessNet::from_all(COMPLETE))?
        .scope(Scope::from_all(COMPLETE))?
        .create()?
        .add_rules(path_beneath_rules(&kept.read, read))?
        .add_rules(path_beneath_rules(&kept.write, write))?
        .add_rules(path_beneath_rules(&kept.socket_folders, sockets))?
        .add_rules(path_beneath_rules(&kept.programs, AccessFs::ReadFile | AccessFs::Execute))?
        .add_rules(ports.collect::<Vec<Result<NetPort, RulesetError>>>())?
        .restrict_self()?;
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::FullyEnforced, _) => Degree::Full,
        (RulesetStatus::PartiallyEnforced, LandlockStatus::Available { effective_abi, .. }) => {
            Degree::Partial(missing(effective_abi))
        }
        (RulesetStatus::PartiallyEnforced, _) => Degree::Partial("Landlock is incomplete".into()),
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            Degree::None("Landlock is not enabled in this kernel (its boot parameter lsm=)".into())
        }
        (RulesetStatus::NotEnforced, _) => {
            Degree::None("this kernel or container has no Landlock (Linux 5.13)".into())
        }
    })
}

fn missing(abi: ABI) -> String {
    let what = match abi {
        ABI::Unsupported | ABI::V1 | ABI::V2 => {
            "files outside its folders can be truncated, TCP ports and signals are not restricted"
        }
        ABI::V3 => "TCP ports and signals are not restricted",
        _ => "signals to other programs of its user are not restricted",
    };
    format!("Landlock has version {} of 6: {what}", abi as i32)
}
