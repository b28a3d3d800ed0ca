//! Describes a wallet to its seller.

use crate::domain::payment::{Address, AmountTags, Coin, Destination, ExtendedPubkey, Wallet};

/// Texts for the seller, on the command line and at the desk.
impl Wallet {
    /// `Bitcoin mainnet`.
    pub fn network(&self) -> String {
        match self.coin {
            Coin::BitcoinLike(_) | Coin::Monero => format!("{} mainnet", self.coin.name()),
            Coin::Ether { .. } => self.coin.name(),
            Coin::Token { ref contract, decimals, .. } => {
                format!("{}, contract {contract}, {decimals} decimals", self.coin.name())
            }
        }
    }

    /// How the payments of two orders are told apart.
    pub fn payment_matching(&self) -> String {
        match &self.receives {
            Destination::Address(_) => {
                let tags = AmountTags::of(&self.currency, &self.coin);
                format!(
                    "one address for all orders; payments are identified by their exact amounts: up to {} is added, in steps of {}, \
                     so that {} orders with the same total can be open at once",
                    tags.most(),
                    tags.step,
                    tags.n
                )
            }
            Destination::Account(key) => {
                format!("a separate address for each order, {}", key.kind())
            }
            Destination::View(_) => {
                "a separate subaddress of the first account for each order".to_owned()
            }
            Destination::Integrated(_) => {
                "a separate integrated address for each order: this address with a payment ID"
                    .to_owned()
            }
        }
    }

    /// What an attacker learns who seizes the server.
    pub fn reveals(&self) -> &'static str {
        match &self.receives {
            Destination::Address(_) => "this address and all its transactions",
            Destination::Account(_) => {
                "every address of this account, past and future, and all its transactions; nobody can spend with it"
            }
            Destination::View(_) => {
                "every payment that this wallet receives, past and future, at any of its addresses; nobody can spend with it"
            }
            Destination::Integrated(_) => {
                "this address and the payment IDs of the orders, but not what it received"
            }
        }
    }

    /// What to check if a wallet program may use the same prefix for accounts of every type.
    pub fn kind_hint(&self) -> Option<String> {
        let (Destination::Account(key), Coin::BitcoinLike(coin)) = (&self.receives, &self.coin)
        else {
            return None;
        };
        let (default, others) = coin.accounts.split_first()?;
        let prefixes = default.prefixes.iter().map(|prefix| prefix.text);
        let starts = others.iter().map(|account| format!("{}…", account.starts));
        key.may_be_of_another_kind().then(|| {
            format!(
                "many wallets show {} for every address type: if yours shows addresses of another ({}), use the zpub or the \
                 like of that account, or wpkh(KEY/0/*), sh(wpkh(KEY/0/*)) or tr(KEY/0/*)",
                prefixes.collect::<Vec<_>>().join(" or "),
                starts.collect::<Vec<_>>().join(", ")
            )
        })
    }

    /// A single address if all orders share it, or if each only adds its own number to it.
    pub fn addresses(&self, first: u32, count: u32) -> Vec<Address> {
        if self.receives.account().is_none() {
            return vec![self.address(0)];
        }
        let end = first.saturating_add(count).min(ExtendedPubkey::LAST_INDEX);
        (first..end).map(|index| self.address(index)).collect()
    }
}
