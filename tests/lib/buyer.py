"""A buyer's steps in a browser."""

from lib.browser import ADDRESS
from lib.shop import wait_for


def add_to_cart(window, shop, product, option=None, quantity="1"):
    window.go(shop.url + "/product/" + product)
    if option:
        window.click('#option option[value="%s"]' % option)
    window.type("#quantity", quantity)
    window.click(".buy button")
    wait_for("the cart", lambda: window.url() == shop.url + "/cart")


def fill_checkout(window, **more):
    window.fill({**ADDRESS, **more})


def place_order(window, shop, **more):
    """Orders the cart, and returns the order's reference."""
    window.go(shop.url + "/checkout")
    fill_checkout(window, **more)
    confirm_order(window, shop)
    return window.text("#order-ref")


def review_order(window):
    """Sends the filled-in checkout."""
    window.click("form[action='/checkout'] .primary")
    wait_for("the review", lambda: window.find_all("input[name=draft]"))


def confirm_order(window, shop):
    """Reviews the filled-in checkout and places the order."""
    review_order(window)
    place_reviewed(window, shop)


def place_reviewed(window, shop):
    window.click("form[action='/checkout/place'] .primary")
    wait_for("the order", lambda: window.url() == shop.url + "/order")


def open_order(window, shop, code):
    """Enters the code of an order."""
    window.go(shop.url + "/order")
    window.type("#code", code)
    window.click("main .primary")


def report_transaction(window):
    window.type("#transaction", "0x" + "ab" * 32)
    window.click("form[action='/order/transaction'] button")


def send_message(window, text):
    window.type("#message", text)
    window.click("form[action='/order/message'] button")
