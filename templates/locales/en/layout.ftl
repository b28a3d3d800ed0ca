# What stands around every page.

layout-language = en
layout-skip = Skip to content
layout-demo-label = Warning
layout-demo-title = Demo shop: do not send money.
layout-demo = The wallets are public test wallets; anything sent is lost.
layout-closed-label = Closed
layout-closed = { $why } Existing orders remain available under “Track order”.
layout-closed-by-seller = This shop is currently closed and does not accept new orders.
layout-closed-seller-away = This shop is currently closed: the seller has been away for a while.
layout-closed-key = This shop is currently closed: orders cannot be encrypted, and unencrypted orders are not accepted.
layout-search-label = Search the shop
layout-search = Search
layout-shop = Shop
layout-all-products = All products
layout-track-order = Track order
layout-cart = Cart
layout-cart-items = items:
layout-prices-in = Prices in
layout-about = About this shop
layout-website = Website
layout-pgp-key = PGP key
layout-feed = New products (feed)
layout-key = The seller's OpenPGP key. Compare its fingerprint with what the seller publishes elsewhere:
layout-key-how = To encrypt your address: save this page as seller.asc, then run
layout-key-paste = and paste the content of address.txt.asc into the form. Encrypt to this key only: a message that others can open is refused.
layout-mirrors = Signed mirror list
layout-contact = Contact: { $contact }
layout-promise = No scripts, no tracking. Pay with cryptocurrency. Your data stays on this server.

# What an amount of coins is worth in ordinary money.
layout-worth = about { $value } (rate of { $day })
layout-worth-short = about { $value }
layout-worth-exact = { $value } (rate of { $day })
layout-rate-note = Amounts in { $currency }: rate of { $day }.

layout-day = { $day } { $month } { $year }
layout-day-and-month = { $day } { $month }
layout-moment = { $day } { $month } { $year }, { $time } UTC
layout-month =
    { $n ->
        [1] January
        [2] February
        [3] March
        [4] April
        [5] May
        [6] June
        [7] July
        [8] August
        [9] September
        [10] October
        [11] November
       *[12] December
    }
