//! `shop demo`: a shop with the demo catalog in a temporary folder, which is deleted at the end.

use std::net::TcpListener;
use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::infra::config::{Flags, NAMES};
use crate::interfaces::cli::output::{say, say_error};
use crate::interfaces::cli::{demo_catalog, process_hardening, shop_context};
use crate::interfaces::http::{hex, shutdown_signal};

/// The settings that are accepted. With any other, the demo could reach the files of a shop.
const ACCEPTED: [&str; 3] = ["LISTEN", "DESK_LISTEN", "SITE_NAME"];

/// Units: bytes of the desk's password.
const PASSWORD_BYTES: usize = 10;

/// Opens a demo shop until the process is told to end. Neither the settings of the environment nor those of the current
/// folder count.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    if let Some(name) = flags.keys().find(|name| !ACCEPTED.contains(&name.as_str())) {
        let flag = name.to_lowercase().replace('_', "-");
        say_error(&format!(
            "a demo shop has no --{flag}: only --listen, --desk-listen and --site-name"
        ));
        return Ok(ExitCode::from(2));
    }
    process_hardening::harden();
    actix_web::rt::System::new().block_on(run_in_folder(flags))
}

async fn run_in_folder(flags: &Flags) -> anyhow::Result<ExitCode> {
    let mut stopped = Box::pin(stop_signal()?);
    let folder = tempfile::Builder::new()
        .prefix("shop-demo-")
        .tempdir()
        .context("create a temporary folder")?;
    let ended = open(folder.path(), flags, &mut stopped).await;
    let path = folder.path().to_owned();
    folder.close().with_context(|| format!("delete the folder {}", path.display()))?;
    let code = ended?;
    say("The demo shop has been deleted.");
    Ok(code)
}

/// As of the shop itself, and when the terminal is closed: the folder must be deleted then, too.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let stopped = shutdown_signal().context("wait for signals")?;
    let mut hung_up = signal(SignalKind::hangup()).context("wait for signals")?;
    Ok(async move {
        tokio::select! {
            () = stopped => {}
            _ = hung_up.recv() => {}
        }
    })
}

/// Each step is this program in the temporary folder: `seed`, `desk password`, then `serve`.
async fn open(
    folder: &Path,
    flags: &Flags,
    mut stopped: impl Future<Output = ()> + Unpin,
) -> anyhow::Result<ExitCode> {
    demo_catalog::write(&folder.join("db"))?;
    say(&format!("A demo shop in {}, which is deleted at the end.", folder.display()));
    let seed = command(folder, flags, &["seed", "db/data.json"]).spawn().context("start `seed`")?;
    let (status, is_stopped) = until_ended(seed, &mut stopped).await?;
    if is_stopped || !status.success() {
        return Ok(exit_code(status, is_stopped));
    }
    let password = hex(&shop_context::random_bytes::<PASSWORD_BYTES>());
    set_password(folder, flags, &password).await?;
    say(&format!("The password of its web desk: {password}"));
    say(&format!(
        "Its orders, in another terminal: cd {} && shop orders. Ctrl-C stops it.",
        folder.display()
    ));
    let serve = command(folder, flags, &["serve"]).spawn().context("start `serve`")?;
    let (status, is_stopped) = until_ended(serve, &mut stopped).await?;
    Ok(exit_code(status, is_stopped))
}

/// A step that was stopped has done what was asked.
fn exit_code(status: ExitStatus, is_stopped: bool) -> ExitCode {
    if is_stopped || status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn command(folder: &Path, flags: &Flags, arguments: &[&str]) -> Command {
    // This very program, even if its file has been replaced by a newer one.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("shop").args(arguments).current_dir(folder);
    for name in NAMES.iter() {
        command.env_remove(name);
    }
    command
        .env("SITE_NAME", "Demo shop")
        .env("LISTEN", free_address("127.0.0.1:3000"))
        .env("DESK_LISTEN", free_address("127.0.0.1:3001"))
        .envs(flags);
    command
}

/// This address, or another port if it is in use.
fn free_address(usual: &str) -> &str {
    if TcpListener::bind(usual).is_ok() { usual } else { "127.0.0.1:0" }
}

async fn set_password(folder: &Path, flags: &Flags, password: &str) -> anyhow::Result<()> {
    let mut child = command(folder, flags, &["desk", "password"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("start `desk password`")?;
    if let Some(mut stdin) = child.stdin.take() {
        let twice = format!("{password}\n{password}\n");
        stdin.write_all(twice.as_bytes()).await.context("set the desk's password")?;
    }
    anyhow::ensure!(child.wait().await?.success(), "the desk's password could not be set");
    Ok(())
}

/// Waits for a step, and ends it if the demo is to end. Returns its status, and whether the demo ends.
async fn until_ended(
    mut child: Child,
    stopped: &mut (impl Future<Output = ()> + Unpin),
) -> anyhow::Result<(ExitStatus, bool)> {
    tokio::select! {
        status = child.wait() => return Ok((status?, false)),
        () = stopped => {}
    }
    // A terminal has told both; a second signal does no harm.
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process(pid, Signal::TERM);
    }
    Ok((child.wait().await?, true))
}
