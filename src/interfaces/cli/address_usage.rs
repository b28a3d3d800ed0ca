//! How many addresses of each wallet were used since the last one that was paid.

use crate::domain::payment::{Coin, GapReach, Wallet, gap_limit, gap_reach};
use crate::infra::store;
use crate::infra::store::address_indexes::Reach;
use crate::infra::store::{Connection, StoreError};

/// The addresses of one wallet, and what they mean for the seller's wallet program.
pub struct AddressUsage {
    pub wallet: Wallet,
    pub n_since_paid: i64,
    n_given: i64,
}

/// All wallets that create an address for each order, if they have created any.
pub async fn list(db: &mut Connection) -> Result<Vec<AddressUsage>, StoreError> {
    let mut usages = Vec::new();
    for wallet in store::wallets::list(db).await? {
        let Some(account) = wallet.receives.account() else { continue };
        if let Some(reach) = store::address_indexes::find_reach(db, &account).await? {
            let Reach { n_given, n_since_paid } = reach;
            usages.push(AddressUsage { wallet, n_since_paid, n_given });
        }
    }
    Ok(usages)
}

impl AddressUsage {
    pub fn reach(&self) -> GapReach {
        gap_reach(&self.wallet.coin, self.n_since_paid)
    }

    pub fn summary(&self) -> String {
        let (currency, n, limit) =
            (&self.wallet.currency, self.n_since_paid, gap_limit(&self.wallet.coin));
        let used = format!("{n} in {currency} used since the last one that was paid");
        match self.reach() {
            GapReach::Near => used,
            GapReach::Far => format!(
                "{used}: after {} more, a wallet with a gap limit of {limit} will not see payments",
                limit - n
            ),
            GapReach::Beyond => format!(
                "{used}: a wallet with a gap limit of {limit} will not see payments to the next"
            ),
        }
    }

    pub fn remedy(&self) -> String {
        let (coin, n_given) = (&self.wallet.coin, self.n_given);
        // Rounded up, with room for the next orders.
        let n = (self.n_since_paid + gap_limit(coin)).div_euclid(10) * 10 + 10;
        match coin {
            Coin::BitcoinLike(_) => format!(
                "raise your wallet's gap limit to {n}: in the console of Electrum, or of a program made from it, `wallet.change_gap_limit({n})`; in Sparrow the wallet's Settings, \
                 Advanced, Gap limit; in Ledger Live Settings, Experimental features, Custom gap limit"
            ),
            Coin::Monero => {
                format!(
                    "raise your wallet's lookahead to {n}: in monero-wallet-cli `set subaddress-lookahead 1:{n}`"
                )
            }
            Coin::Ether { .. } | Coin::Token { .. } => format!(
                "wallets like MetaMask show only accounts that you add by hand, and {n_given} are used: `shop orders show REF` \
                 shows an order's address, and the account with index N is the one added as number N + 1"
            ),
        }
    }
}
