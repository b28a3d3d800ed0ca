//! Opens the listeners of `shop serve`, and waits for onion addresses.

use std::time::Duration;

use anyhow::Context;

use crate::infra::config::{ListenAddress, ListenSetting};
use crate::infra::tor::OnionAddress;
use crate::interfaces::http::Listener;
use crate::interfaces::http::socket_activation::{ActivatedSockets, SocketName};

/// How often the shop checks whether Tor has created its address, and how often for another one after that.
pub const ADDRESS_INTERVAL: Duration = Duration::from_secs(1);
const NEW_ADDRESS_INTERVAL: Duration = Duration::from_secs(10);

/// Opens a listener. An address that other hosts can reach must be confirmed, and is checked here once more: a name may
/// resolve to anything, and systemd hands over whatever its own files say.
///
/// # Errors
/// The system's, and an address that is not confirmed.
pub fn open_listener(
    setting: &ListenSetting,
    name: SocketName,
    sockets: &mut ActivatedSockets,
) -> anyhow::Result<Listener> {
    let (variable, error) = match name {
        SocketName::Shop => ("LISTEN", "cannot listen on"),
        SocketName::Desk => ("DESK_LISTEN", "the desk cannot listen on"),
    };
    let listener = match &setting.address {
        ListenAddress::Tcp(address) => {
            Listener::tcp(address).with_context(|| format!("{error} {address}"))?
        }
        ListenAddress::Unix(path) => {
            Listener::unix(path).with_context(|| format!("{error} {}", path.display()))?
        }
        ListenAddress::Systemd => sockets.listener(name)?,
    };
    anyhow::ensure!(
        setting.is_confirmed || !listener.is_open(),
        "{variable}: other hosts can reach {} over plain HTTP. Use a loopback address or unix:PATH; to allow it anyway, write \
         the value of {variable} twice, separated by a space",
        listener.address()
    );
    Ok(listener)
}

/// Reports each new address once: a restored key brings another one.
pub async fn follow_address(
    find: impl Fn() -> Option<OnionAddress>,
    report: impl Fn(&OnionAddress),
) {
    let mut last = None;
    loop {
        let found = find();
        if let Some(address) = found.as_ref().filter(|_| found != last) {
            report(address);
            last = found;
        }
        let pause = if last.is_some() { NEW_ADDRESS_INTERVAL } else { ADDRESS_INTERVAL };
        tokio::time::sleep(pause).await;
    }
}
