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
use crate::infra::pictures::{Gallery, Source};
use crate::interfaces::cli::open::home_of;
use crate::interfaces::cli::{open, process_hardening};

/// How long a picture may take: the largest needs a few seconds.
const LONGEST: Duration = Duration::from_secs(120);

/// Units: bytes: a picture, its name, and what is to be done with it.
const MOST_OF_REQUEST: u64 = Source::MOST_BYTES as u64 + 4_096;

/// One picture from standard input; what became of it goes to standard output. It opens no database and no network.
pub fn run(settings: &Settings) -> anyhow::Result<ExitCode> {
    process_hardening::limit_memory();
    open::require_shop(settings)?;
    let home = home_of(&settings.storage.database);
    let originals = open::originals(&home);
    let gallery = Gallery::open(home.join("pictures")).context("open the rendered pictures")?;
    let request =
        bounded::read_stream(io::stdin().lock(), MOST_OF_REQUEST).context("read the picture")?;
    io::stdout().write_all(&actions::develop(&originals, &gallery, &request))?;
    Ok(ExitCode::SUCCESS)
}

/// What the open shop calls: the same program as a process of its own, for each picture anew. Whatever a picture does
/// there, it does not do it to the process that speaks to buyers.
pub fn apart(flags: &Flags) -> Arc<Subprocess> {
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
    // The program that runs, also where its file has been replaced by a newer one; its path would name a deleted file then.
    let mut child = Command::new("/proc/self/exe")
        .arg("develop")
        .envs(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ends early says why on its standard output, or its silence does.
        if stdin.write_all(&request.head).await.is_ok() {
            let _ = stdin.write_all(&request.bytes).await;
        }
    }
    drop(request);
    Ok(child.wait_with_output().await?.stdout)
}
