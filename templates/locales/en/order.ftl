# The order's page, its receipt, and the form that asks for its code.

## The form that asks for a code

order-find-title = Find your order
order-erased = Your data has been erased and the code no longer works. The seller has been notified.
order-code = Order code
order-code-hint = (seven words)
order-show = Show order
order-code-help = Your order code was shown when you placed the order. The shop does not store it and cannot recover it for you.
order-code-not-found = We could not find an order for this code. Check spelling and word order. Orders that were finished long ago, or never paid, have been erased.
order-code-empty = Enter the seven words of your order code.
order-code-too-long = This is too long for an order code. Enter only the seven words.
order-code-unknown-word = "{ $typed }" is not in the word list.
order-code-nearest-word = "{ $typed }" is not in the word list; did you mean "{ $nearest }"?
order-code-more-unknown =
    { $n ->
        [one] { $n } more word is not in the word list.
       *[other] { $n } more words are not in the word list.
    }
order-code-count =
    { $n ->
        [one] You entered { $n } word; an order code has { $needed }.
       *[other] You entered { $n } words; an order code has { $needed }.
    }

## The order and its payment

order-title = Your order
order-thank-you = Thank you, your order is placed
order-number = Order number
order-save-code-title = Save your order code
order-save-code = These seven words open this page in any browser. The shop does not store them. If you lose them, nobody can recover this page.
order-code-saved = I have saved it
order-in-doubt = Automatic payment detection is temporarily unavailable. Your payment will be detected later, and your order does not expire in the meantime.
order-followed = Payments are detected automatically. Refresh to update.
order-by-hand = The seller confirms payments by hand; check back later.
order-refund-excess = <a href="#message">Tell the seller</a> where to refund the overpayment. Use an address from your own wallet.
order-refund-late = <a href="#message">Tell the seller</a> where to send a refund. Use an address from your own wallet.
order-refresh = Refresh this page
order-tracking = Tracking number: { $text }
order-refund-transaction = Refund transaction: { $text }
order-cancel-reason = Reason: { $text }
order-renew = Renew order
order-again = Order again
order-again-hint = Puts the same items into your cart at today's prices. You can review them before you order.
order-payment-details = Payment details
order-amount = Amount
order-mark-title = Payment identifier
order-mark = Includes { $mark } { $currency } to identify your payment.
order-mark-exact = Send the exact amount.
order-detected = Detected
order-settled = { $sum } { $currency } confirmed
order-received = Received
order-by-seller = confirmed by seller
order-confirmations = Confirmations
order-confirmations-none-needed = 0 (accepted before the network confirms it)
order-confirmations-of = { $n } of { $needed }
order-excess = Overpaid
order-missing = Remaining
order-due = Amount due
order-address = Address
order-do-not-send = Do not send anything now
order-network = Network
order-network-token = token on { $network }
order-pay-before = Pay before
order-minutes-left =
    { $n ->
        [one] about { $n } minute left
       *[other] about { $n } minutes left
    }
order-link = Payment link
order-transaction = Transaction ID
order-transaction-by-you = reported by you
order-no-exchange = Do not pay from an exchange: it may deduct fees, and refunds may not reach you.
order-read-by-bitcoin-like = Most { $coin } wallets can scan the payment link; otherwise copy the address and enter the amount.
order-read-by-monero = The official Monero wallet, Feather, Cake Wallet and Monerujo can scan the payment link; otherwise copy the address and enter the amount.
order-read-by-ethereum = MetaMask mobile can scan the payment link (EIP-681). MetaMask in a browser, Trust, Trezor and BitBox read only the address: enter the amount yourself.
order-read-by-token = Any wallet can scan the address: select the token and enter the amount. Only a few, such as MetaMask mobile, can scan token payment links (EIP-681).
order-address-qr = QR code of the address
order-address-only-token = Address only: select { $currency } in your wallet and enter the amount.
order-link-warning = For wallets that support token payment links (EIP-681), such as MetaMask mobile. Other wallets mistake the token contract for the recipient, and anything sent there is lost: check the recipient before you send.
order-open-wallet = Open in wallet
order-open-wallet-hint = (address and amount)
order-link-qr = QR code of the payment link
order-address-only = (for wallets that cannot scan payment links)
order-other-ways = Other ways to pay
order-report-anyway = Report a transaction ID anyway
order-report-late = I paid in time: report a transaction ID
order-correct-transaction = Correct the transaction ID
order-update = Update
order-paid = I have paid

## Messages

order-messages = Messages
order-messages-new = { $n } new
order-new = new
order-older = Older messages
order-newer = Newer messages
order-no-messages = No messages yet. The seller's replies appear here.
order-read-by-seller = Read by the seller
order-you = You
order-seller = Seller
order-message-damaged = (This message is damaged and cannot be displayed.)
order-message-encrypted = (PGP-encrypted message)
order-write = Write to the seller
order-read-once-reported = The seller sees your messages once your payment is reported or detected.
order-read-once-paid = The seller sees your messages once your payment has arrived.
order-pgp-instead = Send a PGP message instead
order-pgp-with-key = Encrypt your message to <a href="/pgp.txt">the seller's key</a>, paste it here and leave the field above empty. The shop forwards it unchanged.
order-pgp-without-key = The seller has not published a PGP key here. If you have it from elsewhere, paste the encrypted message here and leave the field above empty.
order-pgp = PGP message
order-send = Send
order-never-share = Never share your order code.

## What was ordered, and the end

order-summary = Order summary
order-line = { $quantity } × { $name }
order-discount = Discount
order-discount-percent = Discount { $percent }%
order-shipping = Shipping: { $name }
order-total = Total
order-total-marked = Total with payment identifier
order-placed = Placed on { $day }.
order-shipping-address = Shipping address
order-details = Your details
order-receipt-encrypted = This copy is encrypted with your order code: the shop cannot read it.
order-finish = Finish
order-receipt-link = <a href="/order/receipt.txt">View the receipt as plain text</a> or print this page.
order-sign-out = Sign out of this order
order-sign-out-hint = Removes the order code from this browser.
order-erase-title = Delete my data
order-erase = Your address, your messages and the seller's replies are deleted from the shop immediately, and your order code stops working. The seller is notified and keeps what was already sent to them. Paid items are still shipped. An unpaid order expires.
order-erase-confirm = Yes, delete my data. This cannot be undone.
order-erase-button = Delete

## What the buyer wrote, as the order keeps it

order-kept-encrypted = Encrypted address: only the seller can read it.
order-kept-email = Email: { $email }
order-kept-refund = Refund address: { $address }
order-kept-note = Note to seller:

## The receipt as plain text

order-receipt-order = Order { $reference }
order-receipt-placed = Placed: { $day }
order-receipt-state = Status: { $state }
order-receipt-amount = Amount          { $amount } { $currency }
order-receipt-detected = Detected        { $amount } { $currency }
order-receipt-received = Received        { $amount } { $currency } (confirmed by seller)
order-receipt-excess = Overpaid        { $amount } { $currency }
order-receipt-due = Amount due      { $amount } { $currency }
order-receipt-address = Address         { $address }
order-receipt-paid-to = Paid to         { $address }
order-receipt-pay-before = Pay before      { $until }
order-receipt-transaction = Transaction ID  { $id } (reported by you)
order-receipt-ship-to = Ship to
order-receipt-again = To view this order again, enter your order code under "Track order".

## Titles of states

order-awaiting-title = Awaiting payment
order-reported-title = Payment reported
order-partial-title = Partially paid
order-unconfirmed-title = Payment detected, not confirmed yet
order-unconfirmed-part-title = Partial payment detected, not confirmed yet
order-lost-title = Payment no longer detected
order-confirmed-title = Paid
order-overpaid-title = Overpaid
order-oversold-title = Paid, but sold out
order-sold-out-title = Sold out: do not pay
order-expired-title = Payment window expired: do not pay
order-late-title = Late payment reported
order-late-seen-title = Late payment received
order-shipped-title = Shipped
order-refunded-title = Refunded
order-cancelled-title = Cancelled: do not pay

## The same as something that happened, among the messages

order-unconfirmed-event = Payment detected
order-lost-event = Payment reversed by the network: no longer confirmed
order-expired-event = Payment window expired
order-late-event = Late payment
order-cancelled-event = Cancelled

## What happens next

order-awaiting-over = Payments sent in time still count. We are checking. If none arrived, the order expires and the items go back in stock.
order-awaiting-marked = Send exactly this amount to the address below: only this amount is recognized as your payment. If you sent a different amount, tell the seller below.
order-awaiting-followed = Send exactly this amount to the address below. You do not need to report it.
order-awaiting = Send exactly this amount to the address below. Then enter the transaction ID below.
order-reported-marked = Do not pay again. A payment of exactly the amount due has not been detected yet. The seller looks for it too; your payment is not verified yet.
order-reported-followed = Do not pay again. Your payment has not been detected yet, so it is not verified yet.
order-reported = Do not pay again. Your payment is not verified yet: the seller will check it and then ship your order.
order-partial = Send the remaining amount shown below to the same address.
order-lost = The network no longer has your payment: its block was reversed, or another transaction replaced it. A reversed payment usually confirms again. Wait, and ask the seller before you pay again.
order-unconfirmed-part = The network still has to confirm it. Send the remaining amount shown below to the same address.
order-unconfirmed = Waiting for the network to confirm your payment. No action needed.
order-confirmed = The seller will ship your order. No action needed.
order-overpaid = The seller will ship your order and can refund the overpayment.
order-sold-out = Other payments came first. Do not pay: this order will expire. If the items are back in stock before then, this page will ask for the payment again.
order-sold-out-reported = Other payments came first. If you have not paid yet, do not pay. If you have, the seller will either ship from new stock or refund you.
order-not-reserved = Your items are in stock, but they are not reserved until your payment is received. Refresh this page just before you pay: if they sell out before then, it will say so.
order-contested = Nothing is reserved for you yet: others are paying for the same items, and the first payment received gets them. Refresh this page just before you pay. If another payment comes first, this page will say so; if you have already paid by then, the seller will either ship from new stock or refund you.
order-oversold = Your payment arrived, but other payments came first and the items are sold out. The seller will either ship from new stock or refund you. Do not send more money.
order-expired-followed = The price is no longer guaranteed, and the items are back in stock. Renew the order to buy them. If you already paid, your payment will still be detected for a few days.
order-expired = The price is no longer guaranteed, and the items are back in stock. Renew the order to buy them. If you paid in time, report the transaction ID below.
order-late-seen = Your payment arrived after the order expired. The seller will either ship your order or refund you. Do not send more money.
order-late = The seller will check the payment and either ship your order or refund you.
order-shipped = Your order is on its way.
order-refunded = The seller has refunded your payment.
order-cancelled-paid = The seller cancelled this order and owes you a refund. Tell them your own wallet address below, not one at an exchange.
order-cancelled = The seller cancelled this order.

# What was bought, once the payment is confirmed
order-purchases = Your purchase
order-purchases-hint = Save your files and codes now. This page shows them as long as the order is kept; anyone with your order code can open it.
order-download-size = { $size }
order-download-missing = not available right now: please write to the seller
order-download-over = no longer available: please write to the seller
order-downloads-left = { $n ->
    [one] 1 download left
   *[other] { $n } downloads left
}
order-download-until = until { $day }
