//! What `shop serve` keeps of its user's rights, and what it gives up.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Context;

use crate::infra::bounded;
use crate::infra::config::{ListenAddress, Settings};
use crate::infra::confinement;
use crate::infra::confinement::{Degree, Kept, Outgoing};
use crate::infra::tor::ControlAddress;
use crate::interfaces::cli::onion;
use crate::interfaces::cli::onion::TorAccess;
use crate::interfaces::cli::shop_context::{folder_of, home, make_folder, seller_key_file};

/// What is in force in this process.
#[derive(Clone, Debug)]
pub enum Confinement {
    /// `CONFINE=off`.
    Off,
    On {
        files: Degree,
        calls: Degree,
    },
}

static IN_FORCE: OnceLock<Confinement> = OnceLock::new();
/// Of each folder that is written to: device and inode, while the rules were made.
static WRITTEN: OnceLock<Vec<(PathBuf, Identity)>> = OnceLock::new();

type Identity = Option<(u64, u64)>;

/// Units: bytes. A line has about a hundred, and there is one for each part of a library.
const MAX_OF_MAPS: u64 = 1 << 20;
/// The seller's files, relative to where the shop runs.
const SELLER_FILES: [&str; 3] = ["db", ".env", OLD_PICTURES];
const OLD_PICTURES: &str = "public/images/products";
/// What the doctor, the runtime and the C library read. Found with strace.
const SYSTEM_FILES: [&str; 7] = [
    "/proc/self",
    "/proc/swaps",
    "/proc/sys/vm/overcommit_memory",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
    "/dev/urandom",
    "/etc/ld.so.cache",
];
/// What the C library reads to find the address of a name.
const NAME_FILES: [&str; 5] =
    ["/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"];
/// What sellers may have put on another disk.
const FOLDERS: [&str; 6] = ["images", "pictures", "files", "codes", "pages", "tor"];

/// A process that keeps the shop's files only.
pub struct Confined {
    /// `None`: `CONFINE=off`.
    files: Option<Degree>,
    outgoing: Outgoing,
}

impl Confined {
    /// Restricts the process before it has other threads: those that it starts later inherit this.
    ///
    /// `tor`: if the shop creates its own onion service.
    ///
    /// # Errors
    /// The system's.
    pub fn to_files(settings: &Settings, tor: Option<TorAccess>) -> anyhow::Result<Self> {
        let outgoing = tor.as_ref().map_or_else(Outgoing::default, TorAccess::outgoing);
        if !settings.process.confine {
            return Ok(Self { files: None, outgoing });
        }
        // If it cannot be created, the deliveries report why.
        let _ = make_folder(&settings.mail.maildir);
        let written = written(settings);
        let identities = written.iter().map(|path| (path.clone(), identity(path)));
        let _ = WRITTEN.set(identities.collect());
        warn_of_links(&home(settings));
        let n_threads = fs::read_dir("/proc/self/task").context("count the threads")?.count();
        let files = if n_threads == 1 {
            confinement::restrict_files(&kept(settings, written, tor.as_ref()))
        } else {
            Degree::None(format!("the process has {n_threads} threads already"))
        };
        Ok(Self { files: Some(files), outgoing })
    }

    /// Refuses new connections in all threads. The listeners are open, and Tor knows the shop.
    pub fn refuse_connections(self) {
        let state = match self.files {
            None => Confinement::Off,
            Some(files) => {
                Confinement::On { files, calls: confinement::restrict_calls(self.outgoing) }
            }
        };
        match &state {
            Confinement::Off => tracing::warn!("the shop is not confined: CONFINE=off"),
            Confinement::On { files, calls } => {
                for degree in [files, calls] {
                    match degree {
                        Degree::Full => {}
                        Degree::Partial(fault) => tracing::warn!("partly confined: {fault}"),
                        Degree::None(fault) => tracing::warn!("not confined: {fault}"),
                    }
                }
            }
        }
        let _ = IN_FORCE.set(state);
    }
}

/// In the running shop what is in force, in a command what would be.
pub fn state(settings: &Settings) -> Confinement {
    if let Some(state) = IN_FORCE.get() {
        return state.clone();
    }
    if !settings.process.confine {
        return Confinement::Off;
    }
    // The restrictions end with the thread.
    let tried = std::thread::spawn(|| {
        let files = confinement::restrict_files(&Kept::default());
        let calls = confinement::restrict_calls_of_thread(Outgoing::default());
        Confinement::On { files, calls }
    });
    tried.join().unwrap_or_else(|_| {
        let failed = || Degree::None("the trial failed".to_owned());
        Confinement::On { files: failed(), calls: failed() }
    })
}

/// Fails if a folder that the shop writes to is another one than at the start, which Landlock knows nothing of.
pub fn check_folders() -> anyhow::Result<()> {
    if !matches!(
        IN_FORCE.get(),
        Some(Confinement::On { files: Degree::Full | Degree::Partial(_), .. })
    ) {
        return Ok(());
    }
    for (path, was) in WRITTEN.get().into_iter().flatten() {
        let is = identity(path);
        anyhow::ensure!(
            is.is_none() || is == *was,
            "{} was created or replaced while the shop was running: restart the shop, which may not write there \
             until then (CONFINE)",
            path.display()
        );
    }
    Ok(())
}

fn identity(path: &Path) -> Identity {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

fn warn_of_links(home: &Path) {
    for folder in FOLDERS.map(|name| home.join(name)).iter().filter(|folder| folder.is_symlink()) {
        tracing::warn!(
            "{} is a link, which the confined shop follows only inside of {}: use a bind mount (or CONFINE=off)",
            folder.display(),
            home.display()
        );
    }
}

/// The folders that the settings name. Those inside of the database's folder are part of it: the shop could replace them by
/// a link, and after its next start have what that leads to.
fn written(settings: &Settings) -> Vec<PathBuf> {
    let home = home(settings);
    let mut written = vec![home.clone()];
    let named = [Some(&settings.mail.maildir), settings.tor.onion_folder.as_ref()];
    written.extend(named.into_iter().flatten().filter(|path| is_outside(&home, path)).cloned());
    written
}

fn is_outside(folder: &Path, path: &Path) -> bool {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    !absolute(path).starts_with(absolute(folder))
}

fn kept(settings: &Settings, written: Vec<PathBuf>, tor: Option<&TorAccess>) -> Kept {
    let home = home(settings);
    let mut kept = Kept { write: written, ..Kept::default() };
    kept.read.extend(SELLER_FILES.map(PathBuf::from));
    let beside = fs::canonicalize(&home).ok();
    let beside = beside.as_deref().and_then(Path::parent);
    kept.read.extend(beside.map(|folder| folder.join(OLD_PICTURES)));
    // A new key is a new file in the same folder.
    kept.read.push(folder_of(&seller_key_file(settings)));
    let listeners = &settings.listeners;
    for address in [Some(&listeners.shop.address), listeners.desk_address()].into_iter().flatten() {
        // The socket is removed at the end, and the folder is locked for it.
        if let ListenAddress::Unix(path) = address {
            let real = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            kept.socket_folders.push(folder_of(&real));
        }
    }
    if let Some(tor) = tor {
        kept.read.push(onion::key_file(settings));
        // Tor replaces its cookie whenever it starts.
        kept.read.extend(tor.cookie.as_deref().map(folder_of));
        kept.connect.extend(tor.metrics_port.as_deref().and_then(port_of));
        if let ControlAddress::Tcp(address) = &tor.control {
            kept.connect.extend(port_of(address));
            kept.read.extend(name_files(address));
        }
    }
    kept.read.retain(|path| is_outside(&home, path));
    kept.read.extend(SYSTEM_FILES.map(PathBuf::from));
    kept.write.push(PathBuf::from("/dev/null"));
    keep_program(&mut kept);
    kept
}

fn port_of(address: &str) -> Option<u16> {
    address.rsplit(':').next()?.parse().ok()
}

/// For an address with a host's name, what that name is found with.
fn name_files(address: &str) -> Vec<PathBuf> {
    let is_number = address.parse::<SocketAddr>().is_ok() || address.parse::<IpAddr>().is_ok();
    if is_number { Vec::new() } else { NAME_FILES.map(PathBuf::from).to_vec() }
}

/// The image worker is this program once more, with the libraries that it is linked to, if any.
fn keep_program(kept: &mut Kept) {
    let program = PathBuf::from("/proc/self/exe");
    let itself = fs::read_link(&program).unwrap_or_default();
    kept.programs.push(program);
    let maps = bounded::read_text(Path::new("/proc/self/maps"), MAX_OF_MAPS).unwrap_or_default();
    // Shape: `START-END rwxp OFFSET DEVICE INODE      PATH`. Source: proc_pid_maps(5).
    let mapped = maps.lines().filter(|line| line.contains("r-xp"));
    let files = mapped.filter_map(|line| Some(PathBuf::from(&line[line.find('/')?..])));
    for file in files.filter(|file| *file != itself) {
        let is_loader =
            file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-"));
        kept.read.push(folder_of(&file));
        if is_loader {
            kept.programs.push(file);
        }
    }
}
