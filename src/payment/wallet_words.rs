use crate::payment::AccountKey;
use crate::payment::Address;
use crate::payment::Coin;
use crate::payment::Receives;
use crate::payment::Tails;
use crate::payment::Wallet;

/// What is said of a wallet to its seller, on the command line and at the desk.
impl Wallet {
    /// `Bitcoin, main network`.
    pub fn network(&self) -> String {
        match self.coin {
            Coin::Bitcoin | Coin::Monero => format!("{}, main network", self.coin.name()),
            Coin::Ether { .. } => self.coin.name(),
            Coin::Token { ref contract, decimals, .. } => {
                format!("{}, contract {contract}, {decimals} decimals", self.coin.name())
            }
        }
    }

    /// How the payments of two orders are told apart.
    pub fn told_apart(&self) -> String {
        match &self.receives {
            Receives::Address(_) => {
                let tails = Tails::of(&self.currency, &self.coin);
                format!(
                    "one address for all orders; payments are told apart by their exact amounts: up to {} is added, in steps of {}, \
                     so that {} orders of one price can be open at a time",
                    tails.most(),
                    tails.step,
                    tails.n
                )
            }
            Receives::Account(key) => {
                format!("an address of its own for each order, {}", key.kind())
            }
            Receives::View(_) => {
                "a subaddress of its own for each order, of the first account".to_owned()
            }
            Receives::Integrated(_) => {
                "an integrated address of its own for each order: this one with a payment id in it"
                    .to_owned()
            }
        }
    }

    /// What somebody learns who takes the server.
    pub fn reveals(&self) -> &'static str {
        match &self.receives {
            Receives::Address(_) => "this address, and what it ever received and sent",
            Receives::Account(_) => {
                "every address of this account, past and future, and what they received and sent; nobody can spend with it"
            }
            Receives::View(_) => {
                "every payment that this wallet receives, at any of its addresses, past and future; nobody can spend with it"
            }
            Receives::Integrated(_) => {
                "this address and the orders' payment ids, and nothing of what it received"
            }
        }
    }

    /// What to look at where a wallet program may call accounts of every kind the same.
    pub fn kind_hint(&self) -> Option<&'static str> {
        match &self.receives {
            Receives::Account(key) if key.may_be_of_another_kind() => Some(
                "many programs write xpub for accounts of every kind: where yours shows bc1q…, 3… or bc1p…, give the shop \
                 the zpub or ypub, or wpkh(KEY/0/*), sh(wpkh(KEY/0/*)) or tr(KEY/0/*)",
            ),
            _ => None,
        }
    }

    /// One address where all orders share it, or where each adds a number of its own to it.
    pub fn addresses(&self, first: u32, count: u32) -> Vec<Address> {
        if self.receives.account().is_none() {
            return vec![self.address(0)];
        }
        let end = first.saturating_add(count).min(AccountKey::LAST_INDEX);
        (first..end).map(|index| self.address(index)).collect()
    }
}
