# Pages for what went wrong.

error-back-to-shop = Back to shop
error-view-cart = View cart
error-track-order = Track order

error-not-found-title = Page not found
error-not-found = Check the address. The product may no longer be available.
error-no-cookie-title = Cookies are blocked
error-no-cookie = Your cart and your order are kept in cookies until you close the browser. Allow cookies for this site, and turn off any setting or extension that blocks them. Then go back, reload the page and try again. Nothing was changed.
error-foreign-form-title = This form has expired
error-foreign-form = It was opened in another browser, or your browser has been closed since then. Go back, reload the page and send it again. Nothing was changed.
error-content-type-title = Invalid form
error-content-type = Use the forms of this shop. Nothing was changed.
error-too-large-title = Request too large
error-too-large = A form can hold at most { $kilobytes } KB. Go back and shorten your text. Nothing was changed.
error-too-slow-title = Request timed out
error-too-slow = The form did not arrive completely. Go back and send it again. Nothing was changed.
error-busy-title = The shop is busy
error-busy = Too many visitors right now. Wait a few seconds, go back and send the form again. Nothing was changed.
error-no-order-title = No order is open in this browser
error-no-order = Enter your order code under “Track order”.
error-closed-title = Ordering is paused
error-closed = { $why } Nothing was ordered, and there is nothing to pay. Existing orders are not affected.
error-later-title = Try again later
error-later = The shop cannot save anything right now. Reload this page in a minute: your browser sends the form again with your entries. It counts only once.
error-broken-title = Something went wrong
error-broken = The error is on our side. Try again in a few minutes. If you were placing an order, check “Track order” first: it may have been placed.
error-method-title = Method not allowed
error-method = Use the links and forms of this shop.
error-request-title = Request failed
error-request = Go back to the shop and try again.
error-not-ordered-title = Your order was not placed
error-not-ordered = Something went wrong on our side, and there is nothing to pay. Go back in a minute and send the form again. Your browser still has your entries.
error-perhaps-ordered-title = Your order may have been placed
error-perhaps-ordered = Do not pay yet. Something went wrong on our side. Go back in a minute and send the form again: it will not be ordered twice.

error-download-over-title = Download no longer available
error-download-over = The file was downloaded as often, or as long, as the seller allows. Write to the seller on your order's page if you still need it.
error-download-missing-title = File not available
error-download-missing = The file is not available right now. Please try again later, or write to the seller on your order's page.
