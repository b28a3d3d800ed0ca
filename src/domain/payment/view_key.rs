//! Monero view keys.

use ethers_core::types::H256;
use monero::cryptonote::subaddress;
use monero::util::address::PaymentId;
use monero::{Hash, Network, PublicKey, ViewPair};

use crate::domain::payment::{Address, secret};

/// A Monero wallet's private view key with its primary address: subaddresses for each order are derived from them, and
/// they cannot spend anything. Together they reveal every incoming payment.
///
/// Shape: 64 hexadecimal digits.
/// Source: Monero's wallets say "secret view key" or "private view key".
#[derive(Clone, PartialEq, Eq)]
pub struct ViewKey {
    text: String,
    pair: ViewPair,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAViewKey {
    #[error("{}", secret::WARNING)]
    Private,
    #[error(
        "a view key needs the primary Monero address of the wallet (95 characters starting with 4), not a subaddress or an \
         integrated address"
    )]
    NotPrimary,
    #[error("a private view key is 64 hex characters (0-9, a-f)")]
    NotHexadecimal,
    #[error(
        "this view key does not belong to this primary address: copy both again from one wallet; if it is a private \
         SPEND key, move the coins to a new wallet now"
    )]
    OfAnotherWallet,
}

impl ViewKey {
    /// The last index with an address: the same as for an account key, so that one rule serves all coins.
    pub const LAST_INDEX: u32 = (1 << 31) - 1;

    /// # Errors
    /// [`NotAViewKey`] if the wallet of `primary` would not find payments to the addresses; the error never contains
    /// the text.
    pub fn parse(primary: &Address, text: &str) -> Result<Self, NotAViewKey> {
        let text = text.trim().to_ascii_lowercase();
        let is_hexadecimal = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hexadecimal && secret::looks_private(&text) {
            return Err(NotAViewKey::Private);
        }
        let of = primary
            .as_monero()
            .filter(|address| address.addr_type == monero::AddressType::Standard)
            .ok_or(NotAViewKey::NotPrimary)?;
        if !is_hexadecimal {
            return Err(NotAViewKey::NotHexadecimal);
        }
        let bytes: H256 = text.parse().map_err(|_| NotAViewKey::NotHexadecimal)?;

        // Reduced modulo the order of the group, as a wallet does with a seed; a valid view key is already reduced.
        let key = Hash(bytes.0).as_scalar();
        let public = PublicKey::from_private_key(&key);
        // In every wallet created from a seed, the view key is the hash of the spend key.
        let below = PublicKey::from_private_key(&Hash::hash_to_scalar(key.as_bytes()));
        if public == of.public_spend || below == of.public_view {
            return Err(NotAViewKey::Private);
        }
        if public != of.public_view || key.to_bytes() != bytes.0 {
            return Err(NotAViewKey::OfAnotherWallet);
        }
        Ok(Self { text, pair: ViewPair { view: key, spend: of.public_spend } })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The wallet's primary address.
    pub fn primary(&self) -> Address {
        Address::of_monero(&monero::Address::from_viewpair(Network::Mainnet, &self.pair))
    }

    /// The subaddress `index + 1` of the wallet's first account: 0 is the primary address itself.
    ///
    /// # Panics
    /// Beyond [`ViewKey::LAST_INDEX`].
    pub fn address(&self, index: u32) -> Address {
        assert!(index <= Self::LAST_INDEX, "a Monero address has an index below 2^31");
        let index = subaddress::Index { major: 0, minor: index + 1 };
        Address::of_monero(&subaddress::get_subaddress(&self.pair, index, Some(Network::Mainnet)))
    }
}

/// The key reveals every payment, so it must not appear in logs.
impl std::fmt::Debug for ViewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ViewKey(..)")
    }
}

/// An integrated address: a wallet's primary address with a payment id, which tells payments apart without any key.
///
/// # Panics
/// If `primary` is not a primary address by [`Address::is_primary_monero`].
pub fn integrated(primary: &Address, payment_id: [u8; 8]) -> Address {
    let of = primary.as_monero().expect("the address is a Monero wallet's primary one");
    assert_eq!(of.addr_type, monero::AddressType::Standard, "a primary address carries nothing");
    let id = PaymentId(payment_id);
    Address::of_monero(&monero::Address::integrated(
        of.network,
        of.public_spend,
        of.public_view,
        id,
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::payment::Coin;

    /// Source: `demo.rs`, the public wallet; its addresses as monero-wallet-rpc 0.18 derives them.
    const PRIMARY: &str = "46BN3P4tsCMNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTJmDHf39";
    const VIEW: &str = "2f85eb3c2a3ffcede6ca9404f7a3de21c48bd4e85858ce68c19452f1098d140d";
    const SPEND: &str = "e8ebfb7313990f52f14ee6846f791e460e49a1e1d22ac4aa18dfa52527f2fe0f";
    const SUBADDRESSES: [(u32, &str); 6] = [
        (
            1,
            "87TTHe2tAJ5gnm1mS3PYekQegxTrf2Kg1Nt4mMg2neWybKb7eKfvS4ZBoHB6zfSeoPGmaZfVTRjVx9QeoUA4Dg9xMB3R6Nn",
        ),
        (
            2,
            "8659tfueJhGGhiWNSaehoF8HWUtKpDZgSb4BNyCkmDDpWMfw149efzuQCSWBjqwMcfTn3LniS2PxF259P1QE9PEG99miLBL",
        ),
        (
            5,
            "86RYD6kjdsk5cBo3cMRh2icJkgBktPxQ9EiNSrt623AhichyfvBiBo4UCem8f3JQ7wTK2Wxj89fVsZVP5JD6yeNiQfEkzux",
        ),
        (
            100,
            "84hyo9KYiPk9GwZfMP4TzM5LQnXKLMnM689yYFBbPf7VChFguRC5ZHzAa43Tb8ktCf9RunZkErMhCXnreRD6mHgbSazJe3t",
        ),
        (
            256,
            "88D9sjzcHarNMPGCbQqALNiefhtW1CdfBCndZZUKEzbkiYvxjk63DSUVTCpQqK7eiSQMxcWmpKEE5hAGm5Psmeg2Bgf2Ksn",
        ),
        (
            2000,
            "87U6WHhaepL5FQpehStAzXDJpCuQHBJy6ciVEDAa6FrU6QS9W5ct2QHibQLdm7Gxu9XNir5HXWuScPJoGDiMDow9DBHBWiV",
        ),
    ];
    const INTEGRATED: &str = "4Ft34BtPUTsNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTTG8pfi7yVdp1xxL437";

    fn address(text: &str) -> Address {
        Address::parse(&Coin::Monero, text).unwrap()
    }

    #[track_caller]
    fn check(primary: &str, text: &str, expected: Result<(), NotAViewKey>) {
        assert_eq!(ViewKey::parse(&address(primary), text).map(|_| ()), expected);
    }

    #[test]
    fn a_view_key_makes_the_subaddresses_that_the_wallet_makes() {
        let key =
            ViewKey::parse(&address(PRIMARY), &format!(" {}\n", VIEW.to_uppercase())).unwrap();
        assert_eq!(key.as_str(), VIEW);
        assert_eq!(key.primary(), address(PRIMARY));
        for (minor, expected) in SUBADDRESSES {
            assert_eq!(key.address(minor - 1).as_str(), expected, "0/{minor}");
        }
        let last = key.address(ViewKey::LAST_INDEX);
        assert_eq!(address(last.as_str()), last);
    }

    #[test]
    fn only_the_primary_addresses_own_view_key_is_taken() {
        check(PRIMARY, VIEW, Ok(()));
        // Source: the wallet of Monero's general fund.
        let other = "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H";
        check(other, VIEW, Err(NotAViewKey::NotPrimary));
        check(SUBADDRESSES[0].1, VIEW, Err(NotAViewKey::NotPrimary));
        check(INTEGRATED, VIEW, Err(NotAViewKey::NotPrimary));
        check(PRIMARY, &VIEW.replace('2', "3"), Err(NotAViewKey::OfAnotherWallet));
        check(PRIMARY, &"0".repeat(64), Err(NotAViewKey::OfAnotherWallet));
        for text in ["", &VIEW[1..], &VIEW.replace('2', "g"), PRIMARY] {
            check(PRIMARY, text, Err(NotAViewKey::NotHexadecimal));
        }
    }

    #[test]
    fn a_spend_key_and_the_words_of_a_wallet_are_refused_with_a_warning() {
        check(PRIMARY, SPEND, Err(NotAViewKey::Private));
        check(PRIMARY, &SPEND.to_uppercase(), Err(NotAViewKey::Private));
        check(PRIMARY, &format!("0x{SPEND}"), Err(NotAViewKey::Private));
        check(SUBADDRESSES[0].1, &"abbey ".repeat(25), Err(NotAViewKey::Private));
        // The spend key as the seed, before it is reduced modulo the order of the group.
        let seed = "d5bff1d02dfc21aac7ebdd274e73fd5a0e49a1e1d22ac4aa18dfa52527f2fe1f";
        check(PRIMARY, seed, Err(NotAViewKey::Private));
        assert!(NotAViewKey::Private.to_string().contains("PRIVATE"));
    }

    #[test]
    fn a_view_key_beside_a_coin_that_has_none_is_refused() {
        let ether =
            Address::parse(&Coin::Ether { chain: 1 }, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
        let refused = ViewKey::parse(&ether.unwrap(), VIEW);
        assert_eq!(refused, Err(NotAViewKey::NotPrimary));
    }

    #[test]
    fn an_integrated_address_carries_its_payment_id() {
        let id = [1, 2, 3, 4, 5, 6, 7, 8];
        assert!(address(PRIMARY).is_primary_monero());
        let made = integrated(&address(PRIMARY), id);
        assert_eq!(made.as_str(), INTEGRATED);
        assert_eq!(address(INTEGRATED).payment_id(), Some(id));
        assert!(!made.is_primary_monero());
        for text in [PRIMARY, SUBADDRESSES[0].1] {
            assert_eq!(address(text).payment_id(), None);
        }
        assert!(!address(SUBADDRESSES[0].1).is_primary_monero());
    }

    #[test]
    fn a_log_line_does_not_show_a_view_key() {
        let key = ViewKey::parse(&address(PRIMARY), VIEW).unwrap();
        assert_eq!(format!("{key:?}"), "ViewKey(..)");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*|[0-9a-fA-F]{64}") {
            let _ = ViewKey::parse(&address(PRIMARY), &text);
        }
    }
}
