//! The process in which the running shop processes one picture.

use std::io;
use std::io::Write;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::actions;
use crate::actions::{Answering, PictureRequest, Subprocess};
use crate::infra::bounded;
use crate::infra::config::{Flags, Settings};
use crate::infra::confinement;
use crate::infra::pictures::{Gallery, Source};
use crate::interfaces::cli::shop_context::home;
use crate::interfaces::cli::{process_hardening, shop_context};

/// How long a picture may take: the largest needs a few seconds.
const LONGEST: Duration = Duration::from_secs(120);

/// Units: bytes: a picture, its name, and what is to be done with it.
const MAX_OF_REQUEST: u64 = Source::MAX_BYTES as u64 + 4_096;

/// Processes one picture from standard input, and writes the result to standard output. It opens no database and no network.
pub fn run(settings: &Settings) -> anyhow::Result<ExitCode> {
    process_hardening::limit_memory();
    if settings.process.confine {
        // As far as the kernel can; the running shop has reported what it cannot.
        let _ = confinement::restrict_worker();
    }
    shop_context::require_shop(settings)?;
    let home = home(settings);
    let originals = shop_context::originals(&home);
    let gallery = Gallery::open(home.join("pictures")).context("open the rendered pictures")?;
    let request =
        bounded::read_stream(io::stdin().lock(), MAX_OF_REQUEST).context("read the picture")?;
    io::stdout().write_all(&actions::develop(&originals, &gallery, request))?;
    Ok(ExitCode::SUCCESS)
}

/// Runs this program in a subprocess for each picture, so that a malicious picture cannot harm the process that serves
/// buyers.
pub fn subprocess(flags: &Flags) -> Arc<Subprocess> {
    let flags = flags.clone();
    Arc::new(move |request: PictureRequest| -> Answering {
        let flags = flags.clone();
        Box::pin(async move {
            tokio::time::timeout(LONGEST, ask(&flags, request))
                .await
                .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
        })
    })
}

async fn ask(flags: &Flags, request: PictureRequest) -> io::Result<Vec<u8>> {
    // This very program, even if its file has been replaced by a newer one.
    let mut child = Command::new("/proc/self/exe")
        .arg("develop")
        .envs(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // If it ended early, its standard output says why.
        if stdin.write_all(&request.head).await.is_ok() {
            let _ = stdin.write_all(&request.bytes).await;
        }
    }
    drop(request);
    Ok(child.wait_with_output().await?.stdout)
}
