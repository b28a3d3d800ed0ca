# The cart, and what is said of its lines here and at checkout.

cart-title = Your cart
cart-empty = Your cart is empty. <a href="/product">Browse all products</a>.
cart-items = Items in your cart
cart-item = Item
cart-price = Price
cart-quantity = Quantity
cart-subtotal = Subtotal
cart-shipping-not-included = (shipping not included)
cart-total = Total
cart-quantity-of = Quantity of { $name }
cart-update = Update
cart-remove = Remove
cart-other-totals = Also payable as { $totals }.
cart-list-or = { $first } or { $last }
cart-checkout = Go to checkout
cart-continue = Continue shopping
cart-pay-in = Pay in { $currency }
cart-fix = Fix the problems above to check out.

## After an order was put into the cart again

cart-again = The items of order { $reference } are in your cart, at today's prices.
cart-again-with-others = The items of order { $reference } are in your cart, at today's prices, together with what was already there.
cart-again-gone = { $name } was not added: it is no longer available.
cart-again-other-currency = { $name } was not added: it is not available in { $currency }.
cart-again-no-rate = { $name } was not added: there is no current exchange rate for { $currency }.
cart-again-sold-out = { $name } was not added: it is sold out.
cart-again-too-few = Not enough { $name } in stock: the order had { $wanted }, your cart has { $added }.
cart-again-full = Not all of { $name } was added: your cart is full. The order had { $wanted }, your cart has { $added }.

## Why a line was not put in or changed

cart-choose-option = Choose an option.
cart-whole-number = Enter a whole number from 1 to 99.
cart-whole-number-or-0 = Enter a whole number from 1 to 99, or 0 to remove the item.
cart-at-most = At most 99 per item.
cart-full = Cart limit reached. Check out first or remove an item.
cart-not-yet-open = Ordering is not available yet.
cart-unknown-currency = This currency is not accepted. Choose one of those above.
cart-item-sold-out = { $name } is sold out.
cart-item-too-few = Only { $left } { $name } in stock (you asked for { $wanted }, including your cart).
cart-item-other-currency = { $name } is not available in { $currency }. Choose another currency.
cart-item-no-rate = { $name } cannot be ordered in { $currency } right now: there is no current exchange rate. Try again later, or choose another currency.
cart-options-too-few = Only { $left } in stock for all options of { $name } together, including those in your cart.

## What changed since the buyer last looked

cart-notice-dearer = The price of { $name } has increased from { $from } to { $to }.
cart-notice-cheaper = The price of { $name } has decreased from { $from } to { $to }.
cart-notice-gone = { $name } is no longer available. Remove it.
cart-contested =
    { $left ->
        [one] Others are paying for the last { $name }: first payment wins.
       *[other] Others are paying for the last { $left } { $name }: first payment wins.
    }
cart-notice-sold-out = { $name } is sold out. Remove it.
cart-notice-too-few = Only { $left } { $name } in stock (you asked for { $wanted }). Reduce the quantity.
cart-notice-other-currency = { $name } is not available in { $currency }. Choose another currency or remove it.
cart-notice-no-rate = { $name } cannot be ordered in { $currency } right now: there is no current exchange rate. Try again later, choose another currency or remove it.
cart-notice-unknown = An item is no longer available and was removed.
cart-notice-no-shipping = We have no shipping price in { $currency }. Choose another currency.
cart-notice-too-heavy = This order is too large for our shipping methods. Reduce it, or split it into several orders.
cart-notice-no-common-country = These items cannot be shipped to one country together. Split them into several orders.
cart-notice-too-dear = The total is too large for one payment. Split it into several orders.
