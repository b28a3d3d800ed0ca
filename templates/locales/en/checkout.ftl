# The checkout form.

checkout-title = Checkout
checkout-changed = Something changed. Please check your order and place it again.
checkout-cart-changed = Your cart or your currency has changed since you opened this form.
checkout-contested = You can order, but nothing is reserved for you before your payment is seen. If another payment comes first, your order page says so; if yours arrives all the same, the seller ships from new stock or refunds you. So a refund address is needed.
checkout-fix = Please fix the following:
checkout-summary = Order summary
checkout-line = { $quantity } × { $name }
checkout-edit-cart = Edit cart
checkout-address = Shipping address
checkout-recipient = Full name
checkout-street = Street address
checkout-city = City
checkout-province = State, province or region
checkout-postcode = Postal code
checkout-country = Country
checkout-encrypt = Encrypt your address with PGP (optional)
checkout-encrypt-with-key = Encrypt your address to <a href="/pgp.txt">the seller's key</a>, paste the message here and leave the fields above empty.
checkout-encrypt-without-key = The seller has not published a PGP key here. If you have it from elsewhere, paste the encrypted address here and leave the fields above empty.
checkout-encrypt-why = This is the only way to keep your address from the server.
checkout-pgp = PGP message
checkout-shipping = Shipping method
checkout-cheapest = Cheapest available
checkout-worldwide = worldwide
checkout-countries = { $n } countries
checkout-rate-total = (total { $total } { $currency })
checkout-optional = Optional
checkout-note = Note to seller
checkout-email = Email
checkout-email-hint = your order page shows all updates too
checkout-refund = { $currency } refund address
checkout-refund-hint = from your own wallet, not an exchange
checkout-refund-needed = needed here; from your own wallet, not an exchange
checkout-transaction = Transaction ID
checkout-transaction-hint = only if you have already paid
checkout-discount = Discount code
checkout-privacy = Privacy
checkout-encrypted = Your contact and shipping details are encrypted with the seller's key and your order code before they are saved: the shop cannot read them afterwards. The items, amount and date of your order stay readable to the shop. Anyone who controls this server while you order can see what you type, except an address that you encrypted yourself.
checkout-plain-title = This shop does not encrypt orders.
checkout-plain = What you type goes to the seller as plain text and stays on this server until it is deleted. Anyone who controls this server can read it, except an address that you encrypted yourself.
checkout-kept =
    Your data stays on this server. It is deleted { $days ->
        [one] { $days } day
       *[other] { $days } days
    } after the order is completed, two days after an unpaid order expires (seven if the shop detects late payments), or when you delete it on the order page. No IP address is stored, and nothing about visitors who do not order.
checkout-place = Place order
checkout-next = Next: payment details and your order code. The price is guaranteed for { $time }.
checkout-hours =
    { $n ->
        [one] { $n } hour
       *[other] { $n } hours
    }
checkout-minutes =
    { $n ->
        [one] { $n } minute
       *[other] { $n } minutes
    }

## Why no order can be taken now

checkout-not-placed = Your order was not placed. { $why }
checkout-full = There are too many unpaid orders at the moment. Try again in about 10 minutes. Your entries are kept.
checkout-broken = Something went wrong on our side, and there is nothing to pay. Try again in a few minutes. Your entries are kept.
checkout-too-many = Too many unpaid orders from your connection. Try again later. Your entries are kept.

## Under siege: a picture, or a wait

checkout-siege-picture = Somebody is flooding this shop with orders that are never paid. To keep it open for buyers, this form ends with a picture of six characters to type.
checkout-siege-wait = If you cannot see pictures, or do not want to, you can wait { $time } instead. Nothing else is asked.
checkout-siege-waited = You have waited, so no picture is asked for. Place your order within { $time }, without changing your cart or your Tor circuit.
checkout-wait-start = Wait { $time } instead
checkout-wait-start-tab = Wait { $time } instead (opens a new tab)
checkout-picture-title = One check before you order
checkout-picture-alt = Six characters, bent and crossed by lines
checkout-answer = Characters in the picture
checkout-answer-hint = 6 letters and digits; lower case is fine
checkout-picture-help = If you cannot read it, leave the field empty and place the order: you get another picture, and your entries are kept. Or wait instead: this page stays open, and you place the order here afterwards.
checkout-no-answer = Type the characters in the picture, or choose to wait instead.
checkout-wrong-answer = Those were not the characters in the picture. Here is a new one.
checkout-answer-too-late = That picture can no longer be used. Here is a new one.
checkout-still-waiting = Your wait is not over yet: { $time } left. You can also type the characters in the picture.
checkout-wait-left = { $time } left
checkout-wait-status = You are waiting instead of reading a picture, { $time } in all.
checkout-wait-keep = Keep this page open: it refreshes by itself. Do not change your cart or your Tor circuit meanwhile, or the wait begins again. If you have filled in the checkout in another tab, leave it open.
checkout-wait-refresh = Refresh now
checkout-wait-over = You can order now
checkout-wait-done = The wait is over. Place your order within { $time }: no picture is asked for. If your checkout is still open in another tab, place the order there and leave the field for the characters empty.
checkout-wait-continue = Go to checkout
checkout-wait-void = The wait begins again
checkout-wait-other-cart = Your cart has changed since you began to wait, so the wait no longer counts.
checkout-wait-other-circuit = Your Tor circuit has changed since you began to wait, or the shop was restarted, so the wait no longer counts.
checkout-wait-expired = You waited too long ago, so the wait no longer counts.
checkout-wait-again = Wait again
checkout-wait-picture = Read a picture instead
