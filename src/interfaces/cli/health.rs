//! `shop health`: asks the running shop whether it can take orders.

use std::io;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use crate::infra::config::{ListenAddress, Settings};
use crate::interfaces::cli::output::say;
use crate::interfaces::cli::shop_context;

/// Longer than a busy shop needs for an answer.
const TIMEOUT: Duration = Duration::from_secs(8);

/// Asks the running shop at its own address, as a browser would.
pub fn run(settings: &Settings) -> anyhow::Result<ExitCode> {
    let answer = match &settings.listeners.shop.address {
        ListenAddress::Tcp(address) => {
            // A listener on all addresses is reached on loopback.
            let address = address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
            let stream =
                TcpStream::connect(&address).with_context(|| not_running(&address, settings))?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            ask(stream)
        }
        ListenAddress::Unix(path) => {
            let address = format!("unix:{}", path.display());
            let stream = UnixStream::connect(path).with_context(|| not_running(&address, settings))?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            ask(stream)
        }
        ListenAddress::Systemd => anyhow::bail!(
            "the socket belongs to systemd: give its path with --listen unix:PATH, as in shop.socket"
        ),
    }
    .context("the shop does not answer")?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    anyhow::ensure!(
        status == "200",
        "the shop cannot accept orders now: its log and `shop doctor` say why"
    );
    let (head, _) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.lines().any(|line| line.eq_ignore_ascii_case("shop-siege: 1")) {
        say("The shop accepts orders and is in siege mode: see `shop doctor`.");
    }
    Ok(ExitCode::SUCCESS)
}

/// The shop is found by its address alone, so a command in another folder may have read other settings.
fn not_running(address: &str, settings: &Settings) -> String {
    match shop_context::require_shop(settings) {
        Ok(()) => format!("no shop is running at {address}"),
        Err(error) => format!("no shop is running at {address}, and {error:#}"),
    }
}

fn ask(mut stream: impl Read + Write) -> io::Result<String> {
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(8_192).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
