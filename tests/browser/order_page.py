"""The order's page on a phone, on paper, and from an expired order to a new one."""

from lib.browser import Browser
from lib.buyer import add_to_cart, open_order, place_order
from lib.firefox import Firefox
from lib.run import test
from lib.shop import NOTEBOOK, TEA, Shop

# Tor Browser on a phone. Units: CSS pixels.
WIDTH, HEIGHT = 390, 700
# Firefox's windows are at least this wide; zoomed in, a page has the phone's width.
WINDOW = 500


def phone():
    """A Firefox without scripts of the page, but with those of the test."""
    firefox = Firefox(safest=False, preferences={"security.csp.enable": False, "javascript.enabled": True})
    firefox.size(WINDOW, 900)
    return firefox


def zoom(firefox):
    firefox.zoom(WINDOW / WIDTH)
    return firefox.run("return innerWidth")


def bottom(firefox, selector):
    """Where the first such element ends, from the top of the page."""
    return firefox.run("return document.querySelector(arguments[0]).getBoundingClientRect().bottom + scrollY", selector)


@test
def a_phone_shows_payment_and_products_on_its_first_screen():
    with Shop().open() as shop, phone() as firefox:
        firefox.go(shop.url + "/")
        assert abs(zoom(firefox) - WIDTH) <= 5
        for path in ("/", "/product/" + NOTEBOOK, "/cart", "/order", "/policy"):
            firefox.go(shop.url + path)
            height = firefox.run("return document.querySelector('.top').getBoundingClientRect().height")
            assert height <= 120, (path, height)
        # The search is folded, and opens without scripts.
        assert not firefox.run("return document.querySelector('#q').checkVisibility()")
        firefox.click(".find summary")
        firefox.type("#q", "notebook")
        firefox.click(".search button")
        assert "q=notebook" in firefox.url(), firefox.url()

        firefox.go(shop.url + "/product/" + NOTEBOOK)
        places = [bottom(firefox, selector) for selector in (".pictures img", ".about h1", ".about > .price", ".buy button", ".about .prose")]
        assert places == sorted(places), places

        firefox.zoom(1)
        add_to_cart(firefox, shop, TEA)
        place_order(firefox, shop)
        zoom(firefox)
        assert firefox.text("h1") == "Thank you, your order is placed"
        for selector in ("#amount", "#address"):
            assert bottom(firefox, selector) <= HEIGHT, (selector, bottom(firefox, selector))
        shown = firefox.run("return [...document.querySelectorAll('main img, #payment-uri')].filter(e => e.checkVisibility()).map(e => e.id)")
        assert shown == ["qr"], shown

        # On a wide screen nothing of the header is folded.
        firefox.zoom(1)
        firefox.size(1200, 900)
        firefox.go(shop.url + "/")
        firefox.click(".currencies button[value='BTC']")
        firefox.type("#q", "tea")
        assert not firefox.run("return [...document.querySelectorAll('.top summary')].some(e => e.checkVisibility())")


@test
def a_printed_order_is_a_receipt_only():
    with Shop().open() as shop, phone() as firefox:
        firefox.size(1000, 900)
        add_to_cart(firefox, shop, TEA, quantity="2")
        order_ref = place_order(firefox, shop)
        code, address = firefox.text("#code"), firefox.text("#address")
        firefox.run_in_browser("gBrowser.selectedBrowser.browsingContext.mediumOverride = 'print'")
        printed = firefox.text("body")
        for text in ("Order " + order_ref, "Status: Awaiting payment", "Green Tea", "0.0135 ETH", "12 St James's Square", "Placed on"):
            assert text in printed, (text, printed)
        for text in (code, address, "Messages", "Sign out", "Search", "Policy", "Demo shop", "Thank you"):
            assert text not in printed, (text, printed)


@test
def an_expired_order_is_renewed_at_safest():
    with Shop().open() as shop, Firefox() as firefox:
        firefox.size(1000, 900)
        add_to_cart(firefox, shop, TEA, quantity="2")
        old = place_order(firefox, shop)
        code = firefox.text("#code")
        shop.change("update invoices set until = unixepoch() - 60")
        with Firefox() as elsewhere:
            open_order(elsewhere, shop, code)
            assert elsewhere.attribute("#state", "data-state") == "expired"
            assert not elsewhere.find_all("#address")
            elsewhere.click("form[action='/order/again'] button")
            assert "The items of order %s are in your cart" % old in elsewhere.text(".notice")
            assert elsewhere.property("#quantity-1", "value") == "2"
            new = place_order(elsewhere, shop)
            assert new != old and elsewhere.text("#amount") == "0.0135"
        assert Browser(shop.address).open_order(code) == old
