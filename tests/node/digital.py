"""A mixed cart, paid on anvil and downloaded, over HTTP and in real browsers without scripts.

    python3 tests/node/digital.py [NAME…]
"""

import contextlib
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from evm import CHAIN, Anvil
from lib.buyer import add_to_cart, open_order, place_order
from lib.chromium import Chromium
from lib.firefox import Firefox
from lib.run import main, test
from lib.shop import ETH_XPUB, wait_for
from watched import PlacedOrder, WatchedShop

DEPTH = 3
GUIDE = "How to brew it."


@contextlib.contextmanager
def watched_goods(node, on_socket=True):
    """A running shop with payment tracking that sells a parcel, a file and two keys."""
    wallets = {"eth": {"currency": "ETH", "chain": CHAIN, "xpub": ETH_XPUB}}
    settings = {"ETH_RPC_URL": node.url, "CONFIRMATIONS": "ETH=%d" % DEPTH}
    shop = WatchedShop(wallets, {"tea": ("eth", 5_000_000)}, on_socket=on_socket, **settings)
    for folder, name, text in (("files", "guide.txt", GUIDE), ("codes", "keys.txt", "AAAA-1\nBBBB-2\n")):
        (shop.home / "db" / folder).mkdir()
        (shop.home / "db" / folder / name).write_text(text)
    catalog = json.loads((shop.home / "db/data.json").read_text())
    digital = {"kind": "digital", "prices": catalog["products"]["tea"]["prices"]}
    catalog["products"] |= {
        "guide": {"name": "Guide", **digital, "files": ["guide.txt"]},
        "key": {"name": "Key", **digital, "codes": "keys.txt"},
    }
    shop.write_catalog(catalog)
    shop.run("seed", "db/data.json")
    with shop.open().start_watching():
        yield shop
        shop.stop_watching()


@test
def a_mixed_cart_is_delivered_once_its_payment_is_confirmed():
    with Anvil() as node, watched_goods(node) as shop:
        browser = shop.browser()
        browser.fill_cart("guide")
        browser.fill_cart("key")
        browser.place_order("tea")
        order = PlacedOrder(shop, browser)
        other = shop.order()

        def download(browser):
            return browser.fetch("/order/download/0")

        def is_closed():
            return download(browser).status == 404 and "AAAA-1" not in order.page().text

        assert is_closed()
        shop.wait_until_seen(node)
        node.send(order.address, order.amount)
        node.mine()
        order.becomes("unconfirmed")
        assert is_closed()
        node.mine(DEPTH)
        order.becomes("confirmed")
        assert "AAAA-1" in order.page().text and "BBBB-2" not in order.page().text
        assert download(browser).text == GUIDE and download(other.browser).status == 404
        # The code alone opens it, in another browser.
        elsewhere = shop.browser()
        assert elsewhere.open_order(order.page().text_of("code")) == order.order_ref
        assert download(elsewhere).text == GUIDE


def buys_in(window, downloads, node, shop, key):
    """Buys the goods in a browser and downloads the guide."""
    for product in "tea", "guide", "key":
        add_to_cart(window, shop, product)
    order_ref = place_order(window, shop)
    code, address = window.text("#code"), window.text("#address")
    whole, _, parts = window.text("#amount").partition(".")
    assert not window.find_all("a[href^='/order/download/']") and key not in window.source()
    shop.wait_until_seen(node)
    node.send(address, int(whole) * 10 ** 9 + int(parts.ljust(9, "0")))
    node.mine(DEPTH + 1)

    def is_delivered():
        window.go(shop.url + "/order")
        return window.find_all("a[href^='/order/download/']")

    wait_for("the delivery", is_delivered)
    assert window.text("#order-ref") == order_ref and key in window.source()
    # The code alone opens it.
    window.click("form[action='/order/close'] button")
    open_order(window, shop, code)
    wait_for("the order", lambda: window.find_all("a[href^='/order/download/']"))
    window.click("a[href^='/order/download/']")
    path = pathlib.Path(downloads) / "guide.txt"
    wait_for("the file", lambda: path.exists() and path.read_text() == GUIDE)


@test
def firefox_and_chromium_download_a_mixed_cart_without_scripts():
    with tempfile.TemporaryDirectory() as for_firefox, tempfile.TemporaryDirectory() as for_chromium:
        with Anvil() as node, watched_goods(node, on_socket=False) as shop:
            with Firefox(downloads=for_firefox) as window:
                buys_in(window, for_firefox, node, shop, "AAAA-1")
            with Chromium(for_chromium) as window:
                window.go("data:text/html,<p id=p>none</p><script>document.getElementById('p').textContent = 'ran'</script>")
                assert window.text("#p") == "none"
                buys_in(window, for_chromium, node, shop, "BBBB-2")


if __name__ == "__main__":
    main()
