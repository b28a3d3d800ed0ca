//! The texts for the reasons with which rules and actions refuse something.

use crate::actions::ClosedReason;
use crate::domain::cart::{Contested, Notice};
use crate::domain::catalog::DiscountRefusal;
use crate::domain::orders::{NotACode, NotAPgpBlock, Refusal, RefusalReason, UnknownWord};
use crate::domain::payment::{BitcoinLike, NotATransactionId, NotAnAddress};
use crate::domain::values::NotText;
use crate::interfaces::web::texts::{Text, text};

/// The id of a text. It does not say what only the seller can fix.
pub fn closed_text(reason: &ClosedReason) -> &'static str {
    match reason {
        ClosedReason::BySeller => "layout-closed-by-seller",
        ClosedReason::SellerAway => "layout-closed-seller-away",
        ClosedReason::Key(_) => "layout-closed-key",
    }
}

/// An item that is also in other unpaid orders.
pub fn contested(item: &Contested) -> Text<'static> {
    text("cart-contested").with("name", item.name.clone()).count("left", item.left)
}

/// What changed in a cart, or keeps it from being ordered.
pub fn notice(notice: &Notice) -> Text<'static> {
    match notice {
        Notice::Dearer { name, from, to } => {
            text("cart-notice-dearer").with("name", name).with("from", from).with("to", to)
        }
        Notice::Cheaper { name, from, to } => {
            text("cart-notice-cheaper").with("name", name).with("from", from).with("to", to)
        }
        Notice::Gone { name } => text("cart-notice-gone").with("name", name),
        Notice::SoldOut { name } => text("cart-notice-sold-out").with("name", name),
        Notice::TooFew { name, wanted, left } => {
            let few = text("cart-notice-too-few").with("name", name);
            few.count("wanted", wanted).count("left", left)
        }
        Notice::OtherCurrency { name, currency } => {
            text("cart-notice-other-currency").with("name", name).with("currency", currency)
        }
        Notice::NoRate { name, currency } => {
            text("cart-notice-no-rate").with("name", name).with("currency", currency)
        }
        Notice::Unknown => text("cart-notice-unknown"),
        Notice::TooDear => text("cart-notice-too-dear"),
        Notice::NoShippingIn { currency } => {
            text("cart-notice-no-shipping").with("currency", currency)
        }
        Notice::NoShippingForParcel => text("cart-notice-too-heavy"),
        Notice::NoCommonCountry => text("cart-notice-no-common-country"),
    }
}

/// Why a field was refused.
pub fn refusal(refusal: &Refusal) -> Text<'static> {
    match &refusal.why {
        RefusalReason::Missing => text(missing(refusal.field)),
        RefusalReason::UnknownCountry => text("refusal-unknown-country"),
        RefusalReason::Text(why) => not_text(*why),
        RefusalReason::Email => text("refusal-email"),
        RefusalReason::Pgp(why) => not_a_pgp_block(why),
        RefusalReason::Address(why) => not_an_address(*why),
        RefusalReason::Transaction(NotATransactionId::Ethereum) => {
            text("refusal-transaction-ethereum")
        }
        RefusalReason::Transaction(NotATransactionId::Digits(coin)) => {
            text("refusal-transaction-digits").with("coin", *coin)
        }
        RefusalReason::TransactionTaken => text("refusal-transaction-taken"),
        RefusalReason::TransactionNotNeeded(status) => {
            text("refusal-transaction-not-needed").with("state", status)
        }
        RefusalReason::TooManyTransactions => text("refusal-transaction-too-many"),
        RefusalReason::ShippingNotChosen => text("refusal-sealed-no-shipping"),
        RefusalReason::NoShippingFor(currency) => {
            text("refusal-no-shipping-for-currency").with("currency", currency)
        }
        RefusalReason::NoShippingToCountry => text("refusal-no-shipping-to-country"),
        RefusalReason::ItemsNotToCountry(items) => {
            text("refusal-items-not-to-country").with("items", items.join(", "))
        }
        RefusalReason::NoShippingForParcel => text("refusal-no-shipping-for-parcel"),
        RefusalReason::UnknownShipping => text("refusal-unknown-shipping"),
        RefusalReason::ShippingElsewhere(name) => {
            text("refusal-shipping-elsewhere").with("name", name)
        }
        RefusalReason::UnknownDiscount => text("refusal-unknown-discount"),
        RefusalReason::Discount(why, currency) => match why {
            DiscountRefusal::NotYetValid => text("refusal-discount-not-yet"),
            DiscountRefusal::Expired => text("refusal-discount-expired"),
            DiscountRefusal::UsedUp => text("refusal-discount-used-up"),
            DiscountRefusal::OtherCurrency => {
                text("refusal-discount-other-currency").with("currency", currency)
            }
        },
        RefusalReason::TotalTooLarge => text("refusal-total-too-large"),
        RefusalReason::TotalTaken => text("refusal-total-taken"),
        RefusalReason::CurrencyGone(currency) => {
            text("refusal-currency-gone").with("currency", currency)
        }
        RefusalReason::RefundNeeded => text("refusal-refund-needed"),
        RefusalReason::OrderCode => text("refusal-message-code"),
        RefusalReason::TextAndPgp => text("refusal-message-both"),
        RefusalReason::ReportsFull => text("refusal-reports-full"),
        RefusalReason::MessagesWait { most } => {
            text("refusal-messages-waiting").count("most", *most)
        }
        RefusalReason::TooManyMessages(limit) => {
            let id = match limit.is_for_today {
                true => "refusal-messages-per-day",
                false => "refusal-messages-per-order",
            };
            text(id).count("day", limit.a_day).count("order", limit.in_all)
        }
    }
}

fn missing(field: &str) -> &'static str {
    match field {
        "recipient" => "refusal-no-recipient",
        "street" => "refusal-no-street",
        "city" => "refusal-no-city",
        "province" => "refusal-no-province",
        "country" => "refusal-no-country",
        "postcode" => "refusal-no-postcode",
        _ => "refusal-no-message",
    }
}

fn not_text(why: NotText) -> Text<'static> {
    match why {
        NotText::TooLong { most } => text("refusal-too-long").count("most", most),
        NotText::Invisible(hidden) => {
            let character = format!("U+{:04X}", u32::from(hidden));
            text("refusal-hidden-character").with("character", character)
        }
    }
}

fn not_a_pgp_block(why: &NotAPgpBlock) -> Text<'static> {
    let key = |id: &str| format!("0x{id}");
    match why {
        NotAPgpBlock::NoArmor => text("refusal-pgp-incomplete"),
        NotAPgpBlock::Key => text("refusal-pgp-key"),
        NotAPgpBlock::Damaged => text("refusal-pgp-damaged"),
        NotAPgpBlock::TooLong => text("refusal-pgp-too-long"),
        NotAPgpBlock::DamagedInside => text("refusal-pgp-damaged-inside"),
        NotAPgpBlock::NotEncrypted => text("refusal-pgp-not-encrypted"),
        NotAPgpBlock::Password => text("refusal-pgp-password"),
        NotAPgpBlock::HiddenRecipient => text("refusal-pgp-hidden-recipient"),
        NotAPgpBlock::NotToTheSeller(id) => text("refusal-pgp-not-to-seller").with("key", key(id)),
        NotAPgpBlock::RevokedKey(id) => text("refusal-pgp-revoked").with("key", key(id)),
        NotAPgpBlock::AlsoToAnother(id) => text("refusal-pgp-also-to-another").with("key", key(id)),
        NotAPgpBlock::NoIntegrity => text("refusal-pgp-no-integrity"),
        NotAPgpBlock::TooNew => text("refusal-pgp-too-new"),
    }
}

fn not_an_address(why: NotAnAddress) -> Text<'static> {
    let of_coin =
        |id, coin: &BitcoinLike| text(id).with("coin", coin.name).with("starts", coin.starts);
    text(match why {
        NotAnAddress::Private => "refusal-address-private",
        NotAnAddress::AccountKey => "refusal-address-account-key",
        NotAnAddress::NotEthereum => "refusal-address-ethereum",
        NotAnAddress::EthereumDigits { n_digits } => {
            return text("refusal-address-ethereum-digits").count("n", n_digits);
        }
        NotAnAddress::MistypedEthereum => "refusal-address-ethereum-mistyped",
        NotAnAddress::Zero => "refusal-address-zero",
        NotAnAddress::TokenContract => "refusal-address-contract",
        NotAnAddress::Other(coin) => return of_coin("refusal-address-other", coin),
        NotAnAddress::Mistyped(coin) => return of_coin("refusal-address-mistyped", coin),
        NotAnAddress::TestNetwork(coin) => return of_coin("refusal-address-testnet", coin),
        NotAnAddress::Ownerless(coin) => return of_coin("refusal-address-ownerless", coin),
        NotAnAddress::NotMonero { n_characters } => {
            return text("refusal-address-monero").count("n", n_characters);
        }
        NotAnAddress::MistypedMonero => "refusal-address-monero-mistyped",
        NotAnAddress::TestMonero => "refusal-address-monero-testnet",
    })
}

/// What to fix in a code, in short sentences.
pub fn not_a_code(why: &NotACode) -> String {
    let (count, unknown, more) = match why {
        NotACode::Empty => return text("order-code-empty").to_string(),
        NotACode::TooLong => return text("order-code-too-long").to_string(),
        NotACode::Words { count, unknown, more } => (*count, unknown, *more),
    };
    let mut sentences: Vec<String> = unknown.iter().map(unknown_word).collect();
    if 0 < more {
        sentences.push(text("order-code-more-unknown").count("n", more).to_string());
    }
    if count != NotACode::N_WORDS || sentences.is_empty() {
        let words = text("order-code-count").count("n", count).count("needed", NotACode::N_WORDS);
        sentences.push(words.to_string());
    }
    sentences.join(" ")
}

fn unknown_word(word: &UnknownWord) -> String {
    let words = match word.nearest {
        Some(nearest) => text("order-code-nearest-word").with("nearest", nearest),
        None => text("order-code-unknown-word"),
    };
    words.with("typed", &word.typed).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::orders::Code;

    const CODE: &str = "important drop-down abacus t-shirt zoom yo-yo felt-tip";

    #[track_caller]
    fn refuses(text: &str, words: &str) {
        let why = Code::parse(text).err().map(|why| not_a_code(&why));
        assert_eq!(why.as_deref(), Some(words), "{text:?}");
    }

    #[test]
    fn a_word_that_is_not_in_the_list_is_named_with_the_nearest() {
        refuses(
            "importnat abacus abdomen abdominal abide abiding ability",
            r#""importnat" is not in the word list; did you mean "important"?"#,
        );
        refuses(
            "Code: importan abacuss abdomne <b>abidf</b> abiding ability qqqqqq",
            r#""importan" is not in the word list; did you mean "important"? "abacuss" is not in the word list; did you mean "abacus"? "abdomne" is not in the word list; did you mean "abdomen"? 2 more words are not in the word list."#,
        );
        refuses(
            &format!("{} abacus abacus abacus abacus abacus abacus", "q".repeat(99)),
            &format!("\"{}…\" is not in the word list.", "q".repeat(20)),
        );
        refuses(
            "im abacus",
            r#""im" is not in the word list; did you mean "aim"? You entered 2 words; an order code has 7."#,
        );
    }

    #[test]
    fn a_wrong_number_of_words_is_reported() {
        refuses("abacus", "You entered 1 word; an order code has 7.");
        refuses("abacus abdomen abide", "You entered 3 words; an order code has 7.");
        refuses(&"abacus ".repeat(9), "You entered 9 words; an order code has 7.");
        refuses(&format!("{} and {}", CODE, CODE), {
            r#""and" is not in the word list; did you mean "wand"? You entered 15 words; an order code has 7."#
        });
        for text in ["", "  ", "1. 2. 3.", "\u{1}\u{ff}", "a)"] {
            refuses(text, "Enter the seven words of your order code.");
        }
        refuses(
            &"a ".repeat(9_999),
            "This is too long for an order code. Enter only the seven words.",
        );
    }
}
