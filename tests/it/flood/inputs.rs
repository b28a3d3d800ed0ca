//! Large and hostile files, messages and responses of nodes.

mod backups;
mod commands;
mod desk;
mod nodes;
mod pgp;

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::flood::ALLOWED_MB;
use crate::world::World;

/// A command that has ended: its exit code, its output, and its peak memory. Units: MB.
struct Ended {
    code: Option<i32>,
    said: String,
    peak_mb: u64,
}

/// Runs a program and prints its peak memory as the last line. Source: getrusage(2), `ru_maxrss` in KB.
const MEASURE: &str = "import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print('\\npeak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)";

/// Runs a command of the seller's, fed by `feed`, until it ends by itself.
fn runs(world: &World, arguments: &[&str], feed: impl FnOnce(&mut dyn Write) + Send) -> Ended {
    let mut child = Command::new("python3")
        .args(["-c", MEASURE])
        .arg(&world.program)
        .args(arguments)
        .current_dir(world.home.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .envs(world.settings.iter().cloned())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || feed(&mut stdin));
        child.wait_with_output().unwrap()
    });
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let (said, peak) = errors.rsplit_once("\npeak ").unwrap();
    let peak_mb = peak.trim().parse::<u64>().unwrap() / 1_024;
    eprintln!("{peak_mb} MB at most: shop {:?}", &arguments[..arguments.len().min(3)]);
    Ended {
        code: output.status.code(),
        said: format!("{}{said}", String::from_utf8_lossy(&output.stdout)),
        peak_mb,
    }
}

fn nothing(_: &mut dyn Write) {}

/// Writes `n_megabytes`, or until the other side closes.
fn says_much(stream: &mut dyn Write, bytes: &[u8], n_megabytes: usize) {
    let block = bytes.repeat((1 << 20) / bytes.len());
    for _ in 0..n_megabytes {
        if stream.write_all(&block).is_err() {
            return;
        }
    }
}

/// The memory of a command that has nothing to do. Units: MB.
fn idle_mb(world: &World) -> u64 {
    runs(world, &["--version"], nothing).peak_mb
}

/// A sparse file.
fn hollow_file(path: &Path, n_bytes: u64) {
    let file = std::fs::File::create(path).unwrap();
    file.write_all_at(b" ", n_bytes - 1).unwrap();
}

fn makes_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

impl Ended {
    /// It failed, said why, and used no more memory than allowed.
    #[track_caller]
    fn is_refused(&self, idle_mb: u64, words: &[&str]) {
        assert!(self.code.is_some_and(|code| code != 0), "{:?} {}", self.code, self.said);
        assert!(words.iter().all(|word| self.said.contains(word)), "{words:?}: {}", self.said);
        assert!(self.peak_mb <= idle_mb + ALLOWED_MB, "{} MB: {}", self.peak_mb, self.said);
    }
}
