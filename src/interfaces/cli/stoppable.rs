//! Long work that cleans up if it is stopped by Ctrl-C or SIGTERM.

use actix_web::rt::task::spawn_blocking;
use anyhow::Context;

use crate::infra::backup::Stop;
use crate::interfaces::http::shutdown_signal;

/// Drops the work, and with it what it has begun.
///
/// # Errors
/// That it was stopped.
pub async fn until_stopped<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let stopped = shutdown_signal().context("wait for signals")?;
    tokio::select! {
        done = work => Ok(done),
        () = stopped => anyhow::bail!("it was stopped"),
    }
}

/// The same for work that blocks: it ends by itself with an error once the [`Stop`] is set.
///
/// # Errors
/// The work's; that it was stopped.
pub async fn work_until_stopped<T: Send + 'static>(
    work: impl FnOnce(Stop) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let stop = Stop::default();
    let theirs = stop.clone();
    let mut working = spawn_blocking(move || work(theirs));
    let stopped = shutdown_signal().context("wait for signals")?;
    tokio::select! {
        done = &mut working => return done?,
        () = stopped => stop.set(),
    }
    working.await?
}
