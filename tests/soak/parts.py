"""What the soak and the faults share: a real shop, a browser with a jar of its own, and the comparison of accounts."""

import collections
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/browser"))

from buyer import ADDRESS

SHOP = os.environ.get("SHOP_BINARY", str(ROOT / "target/release/shop"))
# A public test key: see docs/THREATS.md, "the demo".
XPUB = "xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP"
NOTHING_ORDERED = "Your order was not placed"

# Product and option → pieces at the start, and whose stock they are of.
STOCK = {
    ("tea", ""): 1_000_000,
    ("stone", ""): 60,
    ("cap", ""): 2_000,
    ("socks", "Red"): 400,
}
# What is bought: product, option, and where its stock is counted.
SOLD = [
    ("tea", "", ("tea", "")), ("tea", "", ("tea", "")), ("tea", "", ("tea", "")), ("stone", "", ("stone", "")),
    ("cap", "Small", ("cap", "")), ("cap", "Large", ("cap", "")), ("socks", "Red", ("socks", "Red")),
]


def catalog():
    price = [{"price": 5_000_000, "wallet": "->wallets.eth"}]
    return {
        "wallets": {"_model": "Wallet", "eth": {"currency": "ETH", "xpub": XPUB}},
        "products": {
            "_model": "Product",
            "tea": {"name": "Tea", "quantity": STOCK["tea", ""], "prices": price},
            "stone": {"name": "Stone", "quantity": STOCK["stone", ""], "prices": price},
            "cap": {"name": "Cap", "quantity": STOCK["cap", ""], "prices": price, "options": ["Small", "Large"]},
            "socks": {"name": "Socks", "quantity": 1, "prices": price, "options": [{"name": "Red", "quantity": STOCK["socks", "Red"]}]},
        },
    }


def wait_for(what, asked, seconds=60):
    """Asks again until the answer is true, and gives it."""
    end = time.monotonic() + seconds
    while True:
        found = asked()
        if found:
            return found
        if end < time.monotonic():
            raise AssertionError("waited %d seconds in vain: %s" % (seconds, what))
        time.sleep(0.02)


class Shop:
    """A shop in a folder of its own. `before`: a command that is given the shop's own and turns into it."""

    def __init__(self, before=(), program=SHOP, home=None, **settings):
        self.folder = tempfile.TemporaryDirectory(prefix="shop-soak-") if home is None else None
        self.home = pathlib.Path(self.folder.name) if home is None else home
        self.before, self.program = before, program
        self.socket = self.home / ("shop-%s.sock" % random.randbytes(4).hex())
        self.environment = {
            "PATH": os.environ["PATH"], "LISTEN": "unix:%s" % self.socket, "PAYMENT_MINUTES": "43200",
            "MOST_UNPAID": "1000000", "MOST_HELD": "100", **settings}
        self.server = None
        if home is None:
            (self.home / "db").mkdir()
            (self.home / "db/data.json").write_text(json.dumps(catalog()))
            subprocess.run([SHOP, "seed", "db/data.json"], cwd=self.home, env=self.environment, capture_output=True, check=True)

    def start(self):
        with open(self.home / "log", "a") as log:
            self.server = subprocess.Popen(
                [*self.before, self.program, "serve"], cwd=self.home, stdout=subprocess.PIPE, stderr=log, env=self.environment)
        # Nobody reads what it says later; nothing of it may keep the pipe from closing.
        return self

    def await_open(self):
        for line in self.server.stdout:
            if b"open at" in line:
                return self
        raise AssertionError("the shop did not open, exit code %s: %s" % (self.server.wait(), self.log()[-2000:]))

    def open(self):
        return self.start().await_open()

    def end(self, number=signal.SIGKILL):
        """Ends it, and gives its exit code."""
        self.server.send_signal(number)
        try:
            return self.server.wait(30)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
            raise
        finally:
            self.server.stdout.close()

    def log(self):
        return (self.home / "log").read_text(errors="replace")

    def maildir(self):
        return pathlib.Path(self.environment.get("MAILDIR", self.home / "mailorders"))

    def messages(self):
        """Every message that a mail reader would show."""
        return [path for part in ("new", "cur") for path in (self.maildir() / part).iterdir()]

    def db(self):
        return sqlite3.connect("file:%s?mode=ro" % (self.home / "db/shop.sqlite"), uri=True)

    def n_orders(self):
        with self.db() as db:
            return db.execute("select count(*) from orders").fetchone()[0]

    def browser(self):
        return Browser(self.socket)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.server and self.server.poll() is None:
            self.end()
        if self.folder:
            self.folder.cleanup()


class Unanswered(Exception):
    """The connection was lost before a whole answer had come."""


LOST = (OSError, http.client.HTTPException)


class Answer:
    def __init__(self, answer):
        self.status = answer.status
        self.location = answer.headers.get("Location")
        self.cookies = answer.headers.get_all("Set-Cookie", [])
        self.text = answer.read().decode("utf-8", "replace")

    def token(self):
        found = re.search(r'name="token" value="([^"]+)"', self.text)
        assert found, "a page without a form: %s" % self
        return found.group(1)

    def mark(self, name):
        found = re.search(r'id="%s"[^>]*>\s*([^<]+?)\s*<' % name, self.text)
        return found.group(1) if found else None

    def __str__(self):
        words = re.sub(r"<[^>]+>|\s+", " ", self.text.partition("<main")[2] or self.text)
        return "%d %s" % (self.status, re.sub(r" +", " ", words)[:300])


class Browser:
    def __init__(self, address, cookies=None):
        self.address, self.cookies = address, dict(cookies or {})
        self.patience = 60

    def twin(self):
        """The same jar as it is now."""
        return Browser(self.address, self.cookies)

    def send(self, path, form=None):
        """Sends a request; its answer is read by `read`."""
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(self.patience)
            sock.connect(str(self.address))
            sock.sendall(self.request(path, form))
            return sock
        except LOST as error:
            sock.close()
            raise Unanswered(error) from error

    def request(self, path, form=None):
        body = b"" if form is None else urllib.parse.urlencode(form).encode()
        lines = ["%s %s HTTP/1.1" % ("GET" if form is None else "POST", path), "Host: localhost", "Connection: close"]
        if self.cookies:
            lines.append("Cookie: " + "; ".join("=".join(pair) for pair in self.cookies.items()))
        if form is not None:
            lines += ["Content-Type: application/x-www-form-urlencoded", "Content-Length: %d" % len(body)]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def read(self, sock):
        with sock:
            try:
                raw = http.client.HTTPResponse(sock)
                raw.begin()
                answer = Answer(raw)
            except LOST as error:
                raise Unanswered(error) from error
        for cookie in answer.cookies:
            name, value = cookie.split(";")[0].split("=", 1)
            if "Max-Age=0" in cookie:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def ask(self, path, form=None):
        return self.read(self.send(path, form))

    def fills_cart(self, product="tea", option="", quantity=1):
        """Product and cart; the fields of the checkout form, or None where it is sold out."""
        page = self.ask("/product/" + product)
        if "Sold out" in page.text:
            return None
        token = page.token()
        self.ask("/cart", {"token": token, "product": product, "option": option, "quantity": str(quantity)})
        page = self.ask("/checkout")
        if page.status != 200:
            return None
        shown = re.search(r'name="shown" value="([^"]*)"', page.text).group(1)
        return {"token": page.token(), "shown": shown, **ADDRESS}

    def opens_with(self, code):
        """The reference that this code shows to somebody who has nothing else."""
        self.cookies.pop("order", None)
        token = self.ask("/order").token()
        answer = self.ask("/order", {"token": token, "code": code})
        if answer.status != 303:
            return None
        return self.ask("/order").mark("order-ref")


class Attempt:
    """What one client tried, and what it was told."""

    def __init__(self, mark, pool=None, quantity=1):
        self.mark, self.pool, self.quantity = mark, pool, quantity
        self.order_ref = self.code = None
        # "acknowledged", "refused": said clearly; None: never answered, or never sent.
        self.told = None


class Marks:
    """A word for each attempt, which stands in the note of its order and so in the message."""

    def __init__(self):
        self.lock, self.n = threading.Lock(), 0

    def next(self):
        with self.lock:
            self.n += 1
            return "soak-%06d-end" % self.n


class Figures(collections.Counter):
    FAULTS = ("lost", "double", "refused but made", "stock drift", "odd")

    def has_faults(self):
        return any(self[name] for name in self.FAULTS)

    def __str__(self):
        return ", ".join("%s %d" % pair for pair in self.items())


def compare(shop, attempts, faults, complain=print):
    """Sets the clients' accounts against database and Maildir, where the shop is shut and all is told."""
    with shop.db() as db:
        lines = collections.defaultdict(collections.Counter)
        sold = collections.Counter()
        for order_ref, slug, option, quantity in db.execute(
                "select o.order_ref, p.slug, coalesce(x.name, ''), l.quantity from orders o join order_lines l on l.order_id = o.id "
                "join products p on p.id = l.product_id left join options x on x.id = l.pool_option"):
            lines[order_ref][slug, option] += quantity
            sold[slug, option] += quantity
        left = dict(((slug, ""), stock) for slug, stock in db.execute("select slug, stock from products"))
        left.update(((slug, name), stock) for slug, name, stock in db.execute(
            "select p.slug, x.name, x.stock from options x join products p on p.id = x.product_id where x.stock is not null"))
        n_orders, = db.execute("select count(*) from orders").fetchone()
        (n_addresses, n_invoices), = db.execute("select count(distinct address), count(*) from invoices")
        whole, = db.execute("pragma integrity_check").fetchone()

    def fault(kind, words):
        faults[kind] += 1
        if faults[kind] <= 10:
            complain("%s: %s" % (kind.upper(), words))

    if whole != "ok":
        fault("odd", "the database: " + whole)
    if n_orders != len(lines) or n_orders != n_invoices:
        fault("odd", "%d orders, %d with lines, %d with an invoice" % (n_orders, len(lines), n_invoices))
    if n_addresses != n_invoices:
        fault("double", "%d addresses for %d orders" % (n_addresses, n_invoices))
    for pool, start in STOCK.items():
        if left[pool] != start - sold[pool] or left[pool] < 0:
            fault("stock drift", "%s: %d of %d left after %d were sold" % (pool, left[pool], start, sold[pool]))

    of_ref, of_mark = collections.Counter(), collections.defaultdict(list)
    for path in shop.messages():
        text = path.read_text(errors="replace")
        subject = re.search(r"^Subject: New order (\S+)", text, re.M)
        mark = re.search(r"soak-\d+-end", text)
        if not subject or not mark:
            fault("odd", "a message that is no order, %d bytes: %s" % (len(text), path.name))
            continue
        order_ref = subject.group(1)
        if order_ref not in path.name:
            fault("odd", "a message of %s in the file %s" % (order_ref, path.name))
        of_ref[order_ref] += 1
        of_mark[mark.group()].append(order_ref)
    for order_ref in lines.keys() - of_ref.keys():
        fault("lost", "%s is in the database and not in the Maildir" % order_ref)
    for order_ref in of_ref.keys() - lines.keys():
        fault("double", "%s is in the Maildir and not in the database" % order_ref)
    for order_ref, n in of_ref.items():
        if 1 < n:
            fault("double", "%s lies %d times in the Maildir" % (order_ref, n))

    known = {attempt.mark for attempt in attempts}
    for mark in of_mark.keys() - known:
        fault("odd", "nobody tried " + mark)
    for attempt in attempts:
        made = of_mark.get(attempt.mark, [])
        if 1 < len(set(made)):
            fault("double", "%s became %s" % (attempt.mark, made))
        if attempt.told == "acknowledged":
            if attempt.order_ref not in made:
                fault("lost", "%s was told %s; made was %s" % (attempt.mark, attempt.order_ref, made))
            elif attempt.pool and lines[attempt.order_ref] != collections.Counter({attempt.pool: attempt.quantity}):
                fault("odd", "%s ordered %d of %s: %s" % (attempt.mark, attempt.quantity, attempt.pool, lines[attempt.order_ref]))
        elif attempt.told == "refused":
            if made:
                fault("refused but made", "%s: %s" % (attempt.mark, made))
        elif made:
            faults["made without an answer"] += 1
    told = [attempt.order_ref for attempt in attempts if attempt.told == "acknowledged"]
    if len(told) != len(set(told)):
        fault("double", "one reference for several buyers")
    faults["acknowledged"] += len(told)
    faults["refused"] += sum(attempt.told == "refused" for attempt in attempts)
    faults["never answered"] += sum(attempt.told is None for attempt in attempts)
    faults["orders"] += n_orders
    faults["messages"] += sum(of_ref.values())


def all_told(shop, n_orders, seconds=60):
    """Until every order lies in the Maildir."""
    def is_told():
        try:
            return n_orders <= len(shop.messages())
        except FileNotFoundError:
            # A reader moved one meanwhile, or there is no Maildir yet.
            return False

    wait_for("%d messages" % n_orders, is_told, seconds)
