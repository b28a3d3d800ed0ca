# The checkout form.

checkout-title = Checkout
checkout-changed = Something has changed. Please check your order again.
checkout-cart-changed = Your cart or your currency has changed since you reviewed your order.
checkout-total-changed = The total has changed since you reviewed your order.
checkout-review-invalid = This review is no longer valid. Please enter your details again.
checkout-contested = You can still order, but nothing is reserved for you until your payment is received. If another payment comes first, your order page says so; if you have already paid by then, the seller will either ship from new stock or refund you. So please enter a refund address.
checkout-fix = Please fix the following:
checkout-summary = Order summary
checkout-line = { $quantity } × { $name }
checkout-edit-cart = Edit cart
checkout-address = Shipping address
checkout-recipient = Full name
checkout-street = Street address
checkout-city = City
checkout-choose-country = Choose a country
checkout-if-used = if used in your country
checkout-optional-part = optional
checkout-province = State, province or region
checkout-area = Area
checkout-county = County
checkout-department = Department
checkout-district = District
checkout-emirate = Emirate
checkout-island = Island
checkout-parish = Parish
checkout-prefecture = Prefecture
checkout-province-only = Province
checkout-region = Region
checkout-state = State
checkout-postcode = Postal code
checkout-eircode = Eircode
checkout-pin = PIN code
checkout-zip = ZIP code
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
checkout-optional = Optional
checkout-note = Note to seller
checkout-email = Email
checkout-email-hint = your order page shows all updates too
checkout-refund = { $currency } refund address
checkout-refund-hint = from your own wallet, not an exchange
checkout-refund-needed = required; from your own wallet, not an exchange
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
checkout-review = Review order
checkout-review-hint = Next: your order with the total. Nothing is ordered yet.
checkout-review-title = Review your order
checkout-edit = Edit details
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
checkout-too-many = Too many unpaid orders from your connection. Try again later, or with a new Tor circuit. Your entries are kept.

## Siege mode: a picture, or a wait

checkout-siege-picture = This shop is receiving many orders that are never paid. To keep it open for you, the next page has a picture: enter the six characters it shows.
checkout-siege-wait = If you cannot read the picture, or prefer not to, you can wait { $time } instead. Nothing else is required.
checkout-siege-waited = You have waited, so there is no picture to read. Place your order within { $time }. Do not change your cart or your Tor circuit before that.
checkout-wait-start = Wait { $time } instead
checkout-wait-start-tab = Wait { $time } instead (opens a new tab)
checkout-picture-title = One check before you order
checkout-picture-alt = Six distorted characters
checkout-answer = Characters in the picture
checkout-answer-hint = 6 letters and digits; lower case is fine
checkout-picture-help = Cannot read it? Leave the field empty and place the order: you get another picture, and your entries are kept. Or wait instead: this page stays open, and you can place the order here afterwards.
checkout-no-answer = Enter the characters in the picture, or wait instead.
checkout-wrong-answer = The characters do not match the picture. Here is a new one.
checkout-answer-too-late = That picture is no longer valid. Here is a new one.
checkout-still-waiting = Your wait is not over yet: { $time } left. You can also enter the characters in the picture.
checkout-wait-left = { $time } left
checkout-wait-status = You are waiting instead of reading a picture. The wait takes { $time }.
checkout-wait-keep = Keep this page open: it refreshes by itself. Do not change your cart or your Tor circuit meanwhile, or you have to start again. If your checkout is still open in another tab, keep that tab open too.
checkout-wait-refresh = Refresh now
checkout-wait-over = You can order now
checkout-wait-done = The wait is over, and there is no picture to read. Place your order within { $time }. If your checkout is still open in another tab, place the order there and leave the field for the characters empty.
checkout-wait-continue = Go to checkout
checkout-wait-void = Your wait is no longer valid
checkout-wait-other-cart = Your cart has changed since you started to wait. Wait again, or enter the characters in the picture.
checkout-wait-other-circuit = Your Tor circuit has changed, a newer wait has replaced yours, or the shop was restarted. Wait again, or enter the characters in the picture.
checkout-wait-expired = You waited too long ago. Wait again, or enter the characters in the picture.
checkout-wait-again = Wait again
checkout-wait-picture = Use a picture instead
