"""A shop whose payments are followed: `shop serve` and `shop watch` beside each other, and buyers with a browser's jar."""

import importlib.util
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
specification = importlib.util.spec_from_file_location("soak_parts", ROOT / "tests/soak/parts.py")
soak = importlib.util.module_from_spec(specification)
specification.loader.exec_module(soak)
SHOP, wait_for = soak.SHOP, soak.wait_for


def free_port():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


class WatchedShop(soak.Shop):
    """`wallets`: name → what stands in the catalog; `prices`: product → (wallet, Gwei)."""

    # The chain that it follows, as SQL's `like` reads it.
    network = "chain:%"

    def __init__(self, wallets, prices, **settings):
        self.whole = tempfile.TemporaryDirectory(prefix="shop-node-")
        home = pathlib.Path(self.whole.name)
        super().__init__(home=home, WATCH_SECONDS="1", **settings)
        self.watch = None
        self.currencies = {name: wallets[wallet]["currency"] for name, (wallet, _) in prices.items()}
        (home / "db").mkdir()
        (home / "db/data.json").write_text(json.dumps({
            "wallets": {"_model": "Wallet", **wallets},
            "products": {"_model": "Product", **{
                name: {"name": name.capitalize(), "quantity": 1_000_000,
                       "prices": [{"price": price, "wallet": "->wallets." + wallet}]}
                for name, (wallet, price) in prices.items()}},
        }))
        self.commands("seed", "db/data.json")

    def commands(self, *words):
        """Another command of the shop; its exit code has to be 0. Returns what it printed."""
        done = subprocess.run([SHOP, *words], cwd=self.home, env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def watches(self):
        with open(self.home / "watch.log", "a") as log:
            self.watch = subprocess.Popen([SHOP, "watch"], cwd=self.home, stdout=log, stderr=log, env=self.environment)
        return self

    def stops_watching(self, number=signal.SIGTERM):
        self.watch.send_signal(number)
        code = self.watch.wait(30)
        assert number == signal.SIGKILL or code == 0, code
        self.watch = None

    def watch_log(self):
        return (self.home / "watch.log").read_text()

    def cpu_seconds(self):
        """What `shop watch` has computed so far, all its threads."""
        fields = pathlib.Path("/proc/%d/stat" % self.watch.pid).read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def one(self, query, *values):
        with self.db() as db:
            return db.execute(query, values).fetchone()

    def head(self):
        """The newest block that a look has seen; None: none yet."""
        row = self.one("select head from watches where network like ?", self.network)
        return row and row[0]

    def trouble(self):
        row = self.one("select trouble from watches where network like ?", self.network)
        return row and row[0]

    def looked_at(self):
        row = self.one("select looked_at from watches where network like ?", self.network)
        return row and row[0]

    def has_seen(self, node):
        """Waits until a look has seen the node's newest block."""
        head = node.head()
        wait_for("a look at block %d" % head, lambda: (self.head() or 0) >= head and not self.trouble(), 60)

    def looks_anew(self):
        """Waits for a look that began after now."""
        before = self.looked_at() or 0
        wait_for("a look", lambda: before + 1 < (self.looked_at() or 0), 60)

    def order(self, product="tea"):
        return PlacedOrder(self, product)

    def subjects(self):
        found = [re.search(r"^Subject: (.*)$", path.read_text(errors="replace"), re.M) for path in self.messages()]
        return [subject.group(1) for subject in found if subject]

    def texts(self):
        return [path.read_text(errors="replace") for path in self.messages()]

    def __exit__(self, *words):
        if self.watch and self.watch.poll() is None:
            self.watch.kill()
            self.watch.wait()
        super().__exit__(*words)
        self.whole.cleanup()


class PlacedOrder:
    """A buyer with an order. Amounts in Gwei."""

    def __init__(self, shop, product):
        self.shop, self.browser = shop, shop.browser()
        if 1 < len(set(shop.currencies.values())):
            chosen = {"token": self.browser.ask("/").token(), "currency": shop.currencies[product], "back": "/"}
            assert self.browser.ask("/currency", chosen).status == 303
        answer = self.browser.ask("/checkout", self.browser.fills_cart(product))
        assert answer.status == 303, answer
        page = self.browser.ask("/order")
        self.order_ref, self.address = page.mark("order-ref"), page.mark("address")
        self.amount = gwei(page.mark("amount"))

    def page(self):
        return self.browser.ask("/order").text

    def state(self):
        return re.search(r'data-state="([a-z]+)"', self.page()).group(1)

    def due(self):
        found = re.search(r'id="due"[^>]*>\s*([0-9.]+)', self.page())
        return gwei(found.group(1)) if found else None

    def seen(self):
        return self.shop.one(
            "select i.seen, i.settled, i.confirmations, i.needed, i.is_moved from invoices i join orders o on o.id = i.order_id "
            "where o.order_ref = ?", self.order_ref)

    def becomes(self, state, seconds=60):
        try:
            wait_for("%s is %s" % (self.order_ref, state), lambda: self.state() == state, seconds)
        except AssertionError as error:
            raise AssertionError("%s; it is %s, seen %s; trouble %s; log %s" % (
                error, self.state(), self.seen(), self.shop.trouble(), self.shop.watch_log()[-1500:])) from error
        return self

    def is_still(self, state):
        assert self.state() == state, "%s, seen %s" % (self.state(), self.seen())


def gwei(coins):
    whole, _, parts = coins.partition(".")
    return int(whole) * 10 ** 9 + int(parts.ljust(9, "0"))
