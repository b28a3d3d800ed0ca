//! Which addresses `shop serve` may listen at, and how it waits for the one of its onion.

use std::time::Duration;

use crate::infra::tor::OnionAddress;
use crate::interfaces::http::Listener;

/// How often the shop looks whether Tor has made its address, and how often for another one after that.
pub const LOOK_FOR_ADDRESS: Duration = Duration::from_secs(1);
const LOOK_FOR_ANOTHER: Duration = Duration::from_secs(10);

/// An address that others can reach was written twice, or it is not opened: a name may lead elsewhere, and systemd hands over
/// whatever its own files say.
pub fn ensure_confirmed(listener: &Listener, is_confirmed: bool, name: &str) -> anyhow::Result<()> {
    anyhow::ensure!(
        is_confirmed || !listener.is_open(),
        "{name}: other hosts can reach {} over plain HTTP. Use a loopback address or unix:PATH; to allow it anyway, write \
         the value of {name} twice, separated by a space",
        listener.address()
    );
    Ok(())
}

/// Tells each address once: a key that was restored brings another one.
pub async fn follow_address(find: impl Fn() -> Option<OnionAddress>, tell: impl Fn(&OnionAddress)) {
    let mut last = None;
    loop {
        let found = find();
        if let Some(address) = found.as_ref().filter(|_| found != last) {
            tell(address);
            last = found;
        }
        let pause = if last.is_some() { LOOK_FOR_ANOTHER } else { LOOK_FOR_ADDRESS };
        tokio::time::sleep(pause).await;
    }
}
