"""Shared by soak and faults: a shop with little stock, the clients' attempts, and their comparison with the result."""

import collections
import re
import threading

from lib.shop import ETH_XPUB, Shop, catalog_of, wait_for

NOTHING_ORDERED = "Your order was not placed"

# Product and option → initial stock, and the product or option that it belongs to.
STOCK = {
    ("tea", ""): 1_000_000,
    ("stone", ""): 60,
    ("cap", ""): 2_000,
    ("socks", "Red"): 400,
}
# What clients buy: product, option, and the pool that its stock is counted in.
SOLD = [
    ("tea", "", ("tea", "")), ("tea", "", ("tea", "")), ("tea", "", ("tea", "")), ("stone", "", ("stone", "")),
    ("cap", "Small", ("cap", "")), ("cap", "Large", ("cap", "")), ("socks", "Red", ("socks", "Red")),
]


def catalog():
    price = [{"price": 5_000_000, "wallet": "->wallets.eth"}]
    return catalog_of(
        {"eth": {"currency": "ETH", "xpub": ETH_XPUB}},
        tea={"name": "Tea", "quantity": STOCK["tea", ""], "prices": price},
        stone={"name": "Stone", "quantity": STOCK["stone", ""], "prices": price},
        cap={"name": "Cap", "quantity": STOCK["cap", ""], "prices": price, "options": ["Small", "Large"]},
        socks={"name": "Socks", "quantity": 1, "prices": price, "options": [{"name": "Red", "quantity": STOCK["socks", "Red"]}]})


class SoakShop(Shop):
    """A shop with this catalog on a socket."""

    def __init__(self, before=(), home=None, **settings):
        super().__init__(catalog(), home, before, on_socket=True, **{
            "PAYMENT_MINUTES": "43200", "SIEGE_ORDERS": "1000000", **settings})
        # Clients do not wait for the printed address.
        self.address = "unix:%s" % self.socket
        if home is None:
            self.run("seed", "db/data.json")


class Attempt:
    """A client's attempt to order, and its outcome."""

    def __init__(self, mark, pool=None, quantity=1):
        self.mark, self.pool, self.quantity = mark, pool, quantity
        self.order_ref = self.code = None
        # "acknowledged" or "refused"; None: not answered, or not sent.
        self.outcome = None

    def acknowledge(self, page):
        """Records the order's page."""
        self.outcome, self.order_ref, self.code = "acknowledged", page.text_of("order-ref"), page.text_of("code")


class Marks:
    """A unique word for each attempt, which is in its order's note and so in the message."""

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


def finish(shop, attempts, figures, complain=print, end=lambda: None):
    """Stops a running shop, and compares the attempts with the result."""
    wait_for_messages(shop, shop.n_orders())
    # Every order can be opened with nothing but its code.
    stranger = shop.browser()
    for attempt in attempts:
        if attempt.outcome == "acknowledged" and stranger.open_order(attempt.code) != attempt.order_ref:
            figures["lost"] += 1
            complain("LOST: the code of %s does not open it" % attempt.order_ref)
    end()
    code = shop.stop()
    if code != 0 or "panicked" in shop.log():
        figures["odd"] += 1
        complain("ODD: after SIGTERM the shop ended with %s: %s" % (code, shop.log()[-2000:]))
    compare(shop, attempts, figures, complain)


def compare(shop, attempts, faults, complain):
    """Compares the attempts with database and Maildir, once the shop has stopped and every message is delivered."""
    with shop.db() as db:
        lines = collections.defaultdict(collections.Counter)
        sold = collections.Counter()
        for order_ref, slug, option, quantity, reserves in db.execute(
                "select o.order_ref, p.slug, coalesce(x.name, ''), l.quantity, o.reserves from orders o join order_lines l on l.order_id = o.id "
                "join products p on p.id = l.product_id left join options x on x.id = l.pool_option"):
            lines[order_ref][slug, option] += quantity
            # An order for more than the free items reserves nothing.
            sold[slug, option] += quantity * reserves
        left = dict(((slug, ""), stock) for slug, stock in db.execute("select slug, stock from products"))
        left.update(((slug, name), stock) for slug, name, stock in db.execute(
            "select p.slug, x.name, x.stock from options x join products p on p.id = x.product_id where x.stock is not null"))
        n_orders, = db.execute("select count(*) from orders").fetchone()
        (n_addresses, n_invoices), = db.execute("select count(distinct address), count(*) from invoices")
        whole, = db.execute("pragma integrity_check").fetchone()

    def fault(kind, text):
        faults[kind] += 1
        if faults[kind] <= 10:
            complain("%s: %s" % (kind.upper(), text))

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
            fault("odd", "a message that is not an order, %d bytes: %s" % (len(text), path.name))
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
            fault("double", "%s is %d times in the Maildir" % (order_ref, n))

    known = {attempt.mark for attempt in attempts}
    for mark in of_mark.keys() - known:
        fault("odd", "nobody tried " + mark)
    for attempt in attempts:
        made = of_mark.get(attempt.mark, [])
        if 1 < len(set(made)):
            fault("double", "%s became %s" % (attempt.mark, made))
        if attempt.outcome == "acknowledged":
            if attempt.order_ref not in made:
                fault("lost", "%s got %s; the order is %s" % (attempt.mark, attempt.order_ref, made))
            elif attempt.pool and lines[attempt.order_ref] != collections.Counter({attempt.pool: attempt.quantity}):
                fault("odd", "%s ordered %d of %s: %s" % (attempt.mark, attempt.quantity, attempt.pool, lines[attempt.order_ref]))
        elif attempt.outcome == "refused":
            if made:
                fault("refused but made", "%s: %s" % (attempt.mark, made))
        elif made:
            faults["made without an answer"] += 1
    acknowledged = [attempt.order_ref for attempt in attempts if attempt.outcome == "acknowledged"]
    if len(acknowledged) != len(set(acknowledged)):
        fault("double", "one reference for several buyers")
    faults["acknowledged"] += len(acknowledged)
    faults["refused"] += sum(attempt.outcome == "refused" for attempt in attempts)
    faults["never answered"] += sum(attempt.outcome is None for attempt in attempts)
    faults["orders"] += n_orders
    faults["messages"] += sum(of_ref.values())


def wait_for_messages(shop, n_orders, seconds=60):
    """Waits until every order is in the Maildir."""
    def are_there():
        try:
            return n_orders <= len(shop.messages())
        except FileNotFoundError:
            # A mail reader has just moved one, or there is no Maildir yet.
            return False

    wait_for("%d messages" % n_orders, are_there, seconds)
