"""Siege mode in Firefox at "Safest": the picture, and the wait."""

import time

from lib.buyer import add_to_cart, fill_checkout, review_order
from lib.firefox import Firefox
from lib.run import test
from lib.shop import TEA, Shop, faketime, wait_for


def start_siege(shop):
    """Siege mode that lasts: a hundred orders were just placed and are unpaid."""
    shop.change(
        "with recursive n(n) as (select 1 union all select n + 1 from n where n < 100) "
        "insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at, finished_at) "
        "select 1000 + n, printf('FLOOD%05d', n), randomblob(32), randomblob(32), 'expired', unixepoch(), unixepoch() from n")
    shop.change(
        "insert into invoices (order_id, currency, chain, address, amount, total, minutes, until) "
        "select id, 'ETH', 1, '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed', 1, 1, 120, unixepoch() + 7200 "
        "from orders where order_ref like 'FLOOD%'")
    shop.change("update shop_state set siege_since = unixepoch(), siege_orders = 100")


def end_siege(shop):
    shop.change("pragma foreign_keys = on; delete from orders where order_ref like 'FLOOD%'")
    shop.change("update shop_state set siege_since = null, siege_orders = 0")


def n_placed(shop):
    return shop.row("select count(*) from orders where order_ref not like 'FLOOD%'")[0]


def read_picture(firefox, shop):
    return shop.read_challenge(firefox.attribute("[name=challenge]", "value"))


class ClockedShop(Shop):
    """A shop in siege mode whose clock can be advanced."""

    def open(self):
        self.clock = self.home / "clock"
        self.clock.write_text("+0")
        self.environment.update(faketime(), FAKETIME_TIMESTAMP_FILE=str(self.clock), FAKETIME_NO_CACHE="1")
        super().open()
        start_siege(self)
        return self

    def advance(self, seconds):
        """Sets the clock to so many seconds after the start."""
        new = self.home / "clock.new"
        new.write_text("+%ds" % seconds)
        new.rename(self.clock)
        self.run("clock", "accept")


@test
def in_siege_mode_a_buyer_at_safest_reads_a_picture():
    with Shop().open() as shop, Firefox() as firefox:
        firefox.size(1000, 900)
        start_siege(shop)
        add_to_cart(firefox, shop, TEA)
        firefox.go(shop.url + "/checkout")
        assert "orders that are never paid" in firefox.text("form#wait")
        fill_checkout(firefox, note="Please wrap it.")
        review_order(firefox)
        assert firefox.property('img[src^="/checkout/"]', "naturalWidth") == 300, "the picture is shown"
        first = read_picture(firefox, shop)

        firefox.type("#answer", "AAAAAA")
        firefox.click("form[action='/checkout/place'] .primary")
        assert firefox.text("#answer-error").startswith("The characters do not match"), firefox.source()
        wait_for("the focus on the wrong answer", lambda: firefox.focused() == firefox.find("#answer"), 5)
        assert "Please wrap it." in firefox.text("main") and firefox.property("#answer", "value") == ""
        answer = read_picture(firefox, shop)
        assert answer != first
        firefox.type("#answer", answer.lower())
        firefox.click("form[action='/checkout/place'] .primary")
        assert firefox.url() == shop.url + "/order", firefox.source()
        assert firefox.attribute("#state", "data-state") == "awaiting" and n_placed(shop) == 1


@test
def in_siege_mode_a_buyer_at_safest_waits_instead():
    with ClockedShop().open() as shop, Firefox() as firefox:
        firefox.size(1000, 900)
        add_to_cart(firefox, shop, TEA)
        firefox.go(shop.url + "/checkout")
        # The review stays open in its own tab.
        fill_checkout(firefox)
        review_order(firefox)
        form = firefox.do("GET", "/window")
        firefox.click("button[form=wait]")
        others = wait_for("another tab", lambda: [tab for tab in firefox.do("GET", "/window/handles") if tab != form])
        firefox.do("POST", "/window", {"handle": others[0]})
        wait_for("the wait", lambda: firefox.find_all("h1") and firefox.text("h1") == "5 minutes left")
        assert firefox.url() == shop.url + "/checkout/wait"
        shop.advance(200)
        firefox.go(shop.url + "/checkout/wait")
        assert firefox.text("h1") == "2 minutes left"
        shop.advance(290)
        firefox.go(shop.url + "/checkout/wait")
        assert firefox.text("h1") == "1 minute left"
        # The last seconds pass in real time, and the page refreshes at the end.
        began = time.monotonic()
        wait_for("the page refreshes automatically", lambda: firefox.text("h1") == "You can order now", 30)
        assert time.monotonic() - began < 20
        with Firefox() as other:
            other.go(shop.url + "/checkout/wait")
            assert other.url() == shop.url + "/cart", "the wait is valid only in its browser"

        firefox.click('a[href="/checkout"].primary')
        assert "You have waited" in firefox.text("[role=status]") and not firefox.find_all("#answer")
        firefox.do("POST", "/window", {"handle": form})
        firefox.click("form[action='/checkout/place'] .primary")
        assert firefox.url() == shop.url + "/order", firefox.source()
        assert n_placed(shop) == 1 and "wait" not in firefox.cookies()
