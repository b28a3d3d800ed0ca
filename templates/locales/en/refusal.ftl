# Why a field was refused, at checkout and on the order's page.

refusal-no-recipient = Enter the recipient's name.
refusal-no-street = Enter a street address or PO box.
refusal-no-city = Enter a city.
refusal-no-province = Enter a state, province or region.
refusal-no-country = Choose a country.
refusal-unknown-country = We do not know this country. Choose one from the list.
refusal-no-postcode = Enter a postal code.
refusal-no-message = Enter a message.
refusal-too-long = It is longer than { $most } characters: shorten it.
refusal-hidden-character = This contained the hidden character { $character }, which has been removed. Check the text and send the form again.
refusal-email = Enter an email address like name@example.org, or leave it blank.

refusal-sealed-no-shipping = Your address is encrypted. Choose a shipping method.
refusal-no-shipping-for-currency = No shipping option for { $currency }. Choose another currency.
refusal-no-shipping-to-country = We do not ship to this country.
refusal-items-not-to-country = We do not ship { $items } to this country. Remove it from your cart or choose another country.
refusal-no-shipping-for-parcel = No shipping method to this country takes an order of this size. Split it into several orders.
refusal-unknown-shipping = This shipping method is not available. Choose one from the list.
refusal-shipping-elsewhere = “{ $name }” does not ship to your country. Choose another shipping method.
refusal-unknown-discount = Unknown discount code. Check it or leave the field blank.
refusal-discount-not-yet = This discount code is not active yet. Leave the field blank.
refusal-discount-expired = This discount code has expired. Leave the field blank.
refusal-discount-used-up = This discount code has reached its usage limit. Leave the field blank.
refusal-discount-other-currency = This discount code is not valid for { $currency }. Choose another currency or leave the field blank.
refusal-total-too-large = The total with shipping is too large for one payment. Split it into several orders.
refusal-total-taken = Too many orders with this total are awaiting payment. Try again later.
refusal-currency-gone = { $currency } is no longer accepted. Choose another currency.
refusal-refund-needed = Enter a refund address: others are paying for the same items. If their payment comes first and you have already paid, the seller needs it to refund you.

## PGP messages

refusal-pgp-incomplete = The PGP message is incomplete: copy everything from -----BEGIN PGP MESSAGE----- to -----END PGP MESSAGE-----.
refusal-pgp-key = This is a PGP key, not a message: encrypt your text to the seller's key and paste the result.
refusal-pgp-damaged = The PGP message is damaged: copy all of it again.
refusal-pgp-too-long = The PGP message is longer than 16,000 characters: shorten your text.
refusal-pgp-damaged-inside = The PGP message is damaged: copy it again, whole, from BEGIN to END.
refusal-pgp-not-encrypted = This PGP message is not encrypted; anyone can read it. Encrypt it to the seller's key (gpg --armor --encrypt) and paste what comes out.
refusal-pgp-password = This PGP message opens with a password, which the seller does not have: encrypt it to the seller's key, and leave out --symmetric.
refusal-pgp-hidden-recipient = This PGP message hides whose key opens it, so the shop cannot see that it is the seller's: leave out --throw-keyids and --hidden-recipient.
refusal-pgp-not-to-seller = This PGP message is encrypted to { $key }, which is not the seller's key: take the key from /pgp.txt and encrypt to that.
refusal-pgp-revoked = This PGP message is encrypted to { $key }, which the seller has revoked: get the current key from /pgp.txt and encrypt to that.
refusal-pgp-also-to-another = This PGP message is also encrypted to { $key }, which is not the seller's: encrypt it to the seller alone (with gpg, add --no-encrypt-to; elsewhere, leave out your own key).
refusal-pgp-no-integrity = This PGP message has an outdated format without tamper protection: use a newer program, such as gpg 2.2.
refusal-pgp-too-new = This PGP message has a newer format than the seller's key supports: with gpg, add --rfc4880.

## Refund addresses

refusal-address-private = This looks like a PRIVATE key or a seed phrase: never give it to the shop, which needs only an address; if it is in a file or was sent anywhere, move the coins to a new wallet now.
refusal-address-account-key = This is an account key, not an address: copy a receiving address from your wallet.
refusal-address-ethereum = An Ethereum address is 0x followed by 40 hex characters (0-9, a-f).
refusal-address-ethereum-digits = An Ethereum address is 0x followed by 40 hex characters; this one has { $n }.
refusal-address-ethereum-mistyped = The checksum does not match (EIP-55): a character is mistyped; copy the address from the wallet again.
refusal-address-zero = The zero address belongs to nobody: anything sent there is lost; copy the address from the wallet.
refusal-address-contract = This is the token contract: anything sent there is lost; use the address of the wallet.
refusal-address-other = A { $coin } address starts with one of: { $starts }
refusal-address-mistyped = The checksum does not match: a character is mistyped or missing; copy the { $coin } address from the wallet again.
refusal-address-testnet = This is a { $coin } testnet address, whose coins are worth nothing; a mainnet address starts with one of: { $starts }
refusal-address-ownerless = No wallet creates { $coin } addresses of this kind, and anyone could take what is sent there; copy another one from the wallet.
refusal-address-monero = A Monero address is 95 letters and digits starting with 4 or 8, or 106 starting with 4; this one has { $n }.
refusal-address-monero-mistyped = The checksum does not match: a character is mistyped; copy the Monero address from the wallet again.
refusal-address-monero-testnet = This is a Monero testnet address, whose coins are worth nothing; a mainnet address starts with 4 or 8.

## Transaction IDs and messages

refusal-transaction-ethereum = An Ethereum transaction ID is 0x followed by 64 hex characters; copy it from your wallet.
refusal-transaction-digits = A { $coin } transaction ID is 64 hex characters; copy it from your wallet.
refusal-transaction-taken = This transaction ID was already used for another order. Check it: one payment covers one order.
refusal-transaction-not-needed =
    { $state ->
        [confirmed] No transaction ID is needed: the order is confirmed.
        [overpaid] No transaction ID is needed: the order is overpaid.
        [shipped] No transaction ID is needed: the order is shipped.
        [refunded] No transaction ID is needed: the order is refunded.
       *[cancelled] No transaction ID is needed: the order is cancelled.
    }
refusal-transaction-too-many = Too many transaction IDs were reported for this order. Send the correct one to the seller in a message.
refusal-message-code = Your message contained what looks like your order code, which was removed: anyone who has it can read your order. Check the rest and send it again.
refusal-message-both = Send either text or a PGP message, not both: the text would not be encrypted by you.
refusal-reports-full = Too many reported payments have not been verified yet. You do not have to report yours: leave this field empty, and the seller sees the payment when it arrives. You can try again later.
refusal-messages-waiting = The seller sees your messages once you have paid. Until then you can send { $most } messages.
refusal-messages-per-day = You can send { $day } messages per day and { $order } per order. Continue tomorrow, or wait for the seller's reply.
refusal-messages-per-order = You can send { $day } messages per day and { $order } per order. The seller's replies still appear here.
refusal-erase-unconfirmed = Tick the box to confirm: deleted data cannot be recovered.
refusal-not-saved = The shop cannot save this right now. Send it again in a minute: it counts only once.
refusal-not-encrypted = This cannot be encrypted for the seller right now, and the shop does not send it unencrypted. Nothing was sent. Try again later.
