"""A shop with payment tracking (`shop serve` and `shop watch`), and buyers with orders."""

import json
import re
import signal
import subprocess

from lib.shop import SHOP, Shop, catalog_of, cpu_seconds, wait_for


class WatchedShop(Shop):
    """`wallets`: name → wallet record of the catalog; `prices`: product → (wallet, price in units)."""

    # The watched network, as a pattern of SQL's `like`; the decimals of a unit.
    network, decimals = "chain:%", 9

    def __init__(self, wallets, prices, quantity=1_000_000, on_socket=True, **settings):
        products = {
            product: {"name": product.capitalize(), "quantity": quantity,
                      "prices": [{"price": price * 10 ** (9 - self.decimals), "wallet": "->wallets." + wallet}]}
            for product, (wallet, price) in prices.items()}
        super().__init__(catalog_of(wallets, **products), on_socket=on_socket, **{
            "WATCH_SECONDS": "1", "PAYMENT_MINUTES": "43200", "SIEGE_ORDERS": "1000000", **settings})
        self.currencies = {product: wallets[wallet]["currency"] for product, (wallet, _) in prices.items()}
        self.watch = None
        (self.home / "watch.log").touch()
        self.run("seed", "db/data.json")

    def restock(self, quantity):
        """Imports the catalog again with this stock of each product."""
        catalog = json.loads((self.home / "db/data.json").read_text())
        for product in catalog["products"].values():
            if isinstance(product, dict):
                product["quantity"] = quantity
        self.write_catalog(catalog)
        self.run("seed", "db/data.json")

    def start_watching(self):
        with open(self.home / "watch.log", "a") as log:
            self.watch = subprocess.Popen([SHOP, "watch"], cwd=self.home, stdout=log, stderr=log, env=self.environment)
        return self

    def stop_watching(self, number=signal.SIGTERM):
        self.watch.send_signal(number)
        code = self.watch.wait(30)
        assert number == signal.SIGKILL or code == 0, code
        self.watch = None

    def close(self):
        if self.watch and self.watch.poll() is None:
            self.watch.kill()
            self.watch.wait()
        super().close()

    def scan_once(self):
        """Exit code and output of one scan."""
        result = self.command("watch", "--once")
        return result.returncode, result.stdout + result.stderr

    def watch_log(self):
        return (self.home / "watch.log").read_text()

    def cpu_seconds(self):
        """CPU time of `shop watch` so far."""
        return cpu_seconds(self.watch.pid)

    def of_watch(self, column):
        row = self.row("select %s from watched_networks where network like ?" % column, self.network)
        return row and row[0]

    def trouble(self):
        return self.of_watch("problem") or ""

    def wait_for_trouble(self, text, seconds=60):
        wait_for("the shop says: " + text, lambda: text in self.trouble(), seconds)

    def wait_for_no_trouble(self):
        wait_for("no problem is left", lambda: not self.trouble())

    def wait_until_seen(self, node):
        """Waits until a scan has seen the node's newest block."""
        head = node.head()
        wait_for("a scan of block %d" % head, lambda: (self.of_watch("head") or 0) >= head and not self.trouble())

    def wait_for_scan(self):
        """Waits for a scan that starts after now."""
        before = self.of_watch("scanned_at") or 0
        wait_for("a scan", lambda: before + 1 < (self.of_watch("scanned_at") or 0))

    def order(self, product="tea", **fields):
        browser = self.browser()
        if 1 < len(set(self.currencies.values())):
            browser.choose_currency(self.currencies[product])
        browser.place_order(product, **fields)
        return PlacedOrder(self, browser)

    def order_with_picture(self, product="tea"):
        """Places an order in siege mode."""
        browser = self.browser()
        form = browser.review(browser.fill_cart(product))
        answer = browser.fetch("/checkout/place", {**form, "answer": self.read_challenge(form["challenge"])})
        assert (answer.status, answer.location) == (303, "/order"), answer
        return PlacedOrder(self, browser)

    def texts(self):
        return [path.read_text(errors="replace") for path in self.messages()]

    def subjects(self):
        found = [re.search(r"^Subject: (.*)$", text, re.M) for text in self.texts()]
        return [subject.group(1) for subject in found if subject]


class PlacedOrder:
    """A buyer with an order. Amounts are in units of the shop's coin."""

    def __init__(self, shop, browser):
        self.shop, self.browser = shop, browser
        page = browser.page("/order")
        self.order_ref, self.address = page.text_of("order-ref"), page.text_of("address")
        self.amount = self.units(page.text_of("amount"))

    def units(self, coins):
        whole, _, parts = coins.partition(".")
        # A wallet could not send smaller parts.
        assert len(parts) <= self.shop.decimals, coins
        return int(whole) * 10 ** self.shop.decimals + int(parts.ljust(self.shop.decimals, "0"))

    def page(self):
        return self.browser.page("/order")

    def state(self):
        return self.page().state()

    def due(self):
        due = self.page().text_of("due")
        return due and self.units(due)

    def seen(self):
        return self.shop.row(
            "select i.seen, i.settled, i.confirmations, i.needed, i.is_moved from invoices i join orders o on o.id = i.order_id "
            "where o.order_ref = ?", self.order_ref)

    def becomes(self, state, seconds=60):
        try:
            wait_for("%s is %s" % (self.order_ref, state), lambda: self.state() == state, seconds)
        except AssertionError as error:
            raise AssertionError("%s; it is %s, seen %s; trouble %s; log %s" % (
                error, self.state(), self.seen(), self.shop.trouble(), self.shop.watch_log()[-1500:])) from error

    def is_still(self, state):
        assert self.state() == state, "%s, and should be %s; seen %s: %s" % (self.state(), state, self.seen(), self.page())
