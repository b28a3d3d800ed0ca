"""Payments in Monero, followed on a real monerod (regtest) with real wallets: a buyer's, and the seller's view-only one.

Regtest's addresses carry the main network's prefix, so the shop takes them. Difficulty is 1; nothing leaves the host.
"""

import contextlib
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from shops import SHOP, WatchedShop, free_port, wait_for

# Gwei, and piconero in one.
PRICE = 50_000_000
PICONERO = 1_000
DEPTH = 3


class Failed(Exception):
    pass


class Program:
    """A program of Monero's, and its JSON-RPC."""

    def __init__(self, folder, name, *words):
        self.name, self.words, self.port = name, words, free_port()
        self.log = folder / ("%s-%d.log" % (name, self.port))
        self.process = None

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [self.name, *self.words, "--rpc-bind-ip", "127.0.0.1", "--rpc-bind-port", str(self.port), "--log-level", "0",
                 "--log-file", str(self.log) + ".own"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.log.parent)
        wait_for("%s answers" % self.name, self.answers, 60)
        return self

    def answers(self):
        assert self.process.poll() is None, "%s ended: %s" % (self.name, self.log.read_text()[-2000:])
        try:
            self.call("get_version")
            return True
        except OSError:
            return False

    def post(self, path, body):
        request = urllib.request.Request(
            "http://127.0.0.1:%d%s" % (self.port, path), json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def call(self, method, **params):
        answer = self.post("/json_rpc", {"jsonrpc": "2.0", "id": 0, "method": method, "params": params})
        if "error" in answer:
            raise Failed("%s: %s" % (method, answer["error"]))
        return answer["result"]

    def end(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.end(signal.SIGKILL)


class Chain(Program):
    def __init__(self, folder):
        data = folder / "chain"
        data.mkdir()
        super().__init__(
            folder, "monerod", "--regtest", "--offline", "--keep-fakechain", "--fixed-difficulty", "1", "--non-interactive", "--no-igd",
            "--disable-dns-checkpoints", "--check-updates", "disabled", "--no-zmq", "--data-dir", str(data))
        self.miner = None

    def mine(self, n_blocks):
        self.call("generateblocks", amount_of_blocks=n_blocks, wallet_address=self.miner)

    def takes_in(self):
        """A block with what waits in the pool; now and then monerod had begun it before the last payment came, and needs one more."""
        for _ in range(5):
            self.mine(1)
            if not self.post("/get_transaction_pool_stats", {})["pool_stats"]["txs_total"]:
                return
        raise AssertionError("the pool does not empty")

    def settles(self):
        """What waits in the pool comes to lie deep enough."""
        self.takes_in()
        self.mine(DEPTH - 1)

    def pops(self, n_blocks):
        """Takes the newest blocks back; their transactions wait again."""
        return self.post("/pop_blocks", {"nblocks": n_blocks})["height"]

    def forgets_the_pool(self):
        self.call("flush_txpool")

    def height(self):
        return self.call("get_block_count")["count"]


class WalletProgram(Program):
    def __init__(self, folder, chain, *words):
        super().__init__(
            folder, "monero-wallet-rpc", "--daemon-address", "127.0.0.1:%d" % chain.port, "--trusted-daemon",
            "--disable-rpc-login", *words)

    def pays(self, address, gwei, unlock_time=0):
        """The id of the transaction."""
        # A wallet takes a while to notice that its daemon is back.
        wait_for("the buyer's wallet reaches monerod", self.refreshes, 60)
        sent = self.call(
            "transfer", destinations=[{"address": address, "amount": gwei * PICONERO}], unlock_time=unlock_time)
        return sent["tx_hash"]

    def refreshes(self):
        try:
            return self.call("refresh")
        except Failed:
            return None

    def url(self):
        return "http://127.0.0.1:%d" % self.port


class World:
    """A chain, a buyer with unlocked coins, and the keys of the seller."""

    def __init__(self, stack, folder):
        self.stack, self.folder = stack, folder
        self.chain = stack.enter_context(Chain(folder))
        wallets = folder / "wallets"
        wallets.mkdir()
        self.buyer = stack.enter_context(WalletProgram(folder, self.chain, "--wallet-dir", str(wallets)))
        self.sellers = [self.new_keys("seller %d" % n) for n in range(3)]
        self.buyer.call("create_wallet", filename="buyer", password="", language="English")
        self.chain.miner = self.buyer.call("get_address")["address"]
        # Coins that were mined can be spent 60 blocks later; each payment takes a few whole ones.
        self.chain.mine(120)
        self.buyer.call("refresh")

    def new_keys(self, name):
        self.buyer.call("create_wallet", filename=name, password="", language="English")
        keys = {
            "address": self.buyer.call("get_address")["address"],
            "view": self.buyer.call("query_key", key_type="view_key")["key"],
        }
        self.buyer.call("close_wallet")
        return keys

    def view_only(self, keys):
        """A view-only wallet, made and opened as docs/SELLER.md says."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        with WalletProgram(self.folder, self.chain, "--wallet-dir", str(folder)) as maker:
            maker.call(
                "generate_from_keys", filename="shop", address=keys["address"], viewkey=keys["view"], password="",
                restore_height=0)
            maker.call("close_wallet")
            maker.end()
        return self.stack.enter_context(
            WalletProgram(self.folder, self.chain, "--wallet-file", str(folder / "shop"), "--password", ""))

    def shop(self, wallet, rpc, **settings):
        return self.stack.enter_context(MoneroShop(wallet, rpc, **settings)).open()


class MoneroShop(WatchedShop):
    network = "monero"

    def __init__(self, wallet, rpc, **settings):
        settings = {"XMR_RPC_URL": rpc.url(), "CONFIRMATIONS": "XMR=%d" % DEPTH, **settings}
        super().__init__({"xmr": {"currency": "XMR", **wallet}}, {"tea": ("xmr", PRICE)}, **settings)

    def looks_once(self):
        """Its exit code, and what it said."""
        done = subprocess.run(
            [SHOP, "watch", "--once"], cwd=self.home, env=self.environment, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    def doubts(self, words):
        wait_for("a doubt: " + words, lambda: words in (self.trouble() or ""), 60)

    def doubts_no_more(self):
        wait_for("no doubt", lambda: self.trouble() is None, 60)


def becomes(order, state, *figures):
    """`figures`: what was seen, what is settled, confirmations; as many as matter."""
    order.becomes(state)
    wait_for("%s of %s, it is %s" % (figures, order.order_ref, order.seen()), lambda: order.seen()[:len(figures)] == figures, 60)
    order.is_still(state)


def follows_subaddresses(world):
    """One subaddress an order: the pool, the first block, deep enough; in two parts; too little; too much; late blocks."""
    # A wallet whose subaddresses nobody has paid to yet.
    keys = world.sellers[2]
    rpc = world.view_only(keys)
    chain, buyer = world.chain, world.buyer
    shop = world.shop({"address": keys["address"], "view_key": keys["view"]}, rpc).watches()
    exact, parts, under, over, quiet = (shop.order() for _ in range(5))
    orders = exact, parts, under, over, quiet
    assert len({order.address for order in orders}) == 5 and all(order.address.startswith("8") for order in orders)
    shop.looks_anew()

    buyer.pays(exact.address, exact.amount)
    buyer.pays(parts.address, exact.amount - 10_000_000)
    buyer.pays(under.address, under.amount - 10_000_000)
    buyer.pays(over.address, over.amount + 10_000_000)
    becomes(exact, "unconfirmed", PRICE, 0, 0)
    becomes(parts, "unconfirmed", PRICE - 10_000_000, 0, 0)
    chain.takes_in()
    becomes(exact, "unconfirmed", PRICE, 0)
    wait_for("a confirmation", lambda: exact.seen()[2:4] in ((1, DEPTH), (2, DEPTH)), 60)
    chain.mine(DEPTH - 1)
    becomes(exact, "confirmed", PRICE, PRICE)
    becomes(parts, "partial", PRICE - 10_000_000, PRICE - 10_000_000)
    becomes(under, "partial")
    becomes(over, "overpaid", PRICE + 10_000_000, PRICE + 10_000_000)
    buyer.pays(parts.address, 10_000_000)
    becomes(parts, "unconfirmed", PRICE, PRICE - 10_000_000, 0)
    chain.settles()
    becomes(parts, "confirmed", PRICE, PRICE)
    becomes(quiet, "awaiting", 0, 0, 0)

    # What the sender locks does not count until it can be spent.
    locked = shop.order()
    shop.looks_anew()
    buyer.pays(locked.address, locked.amount, unlock_time=chain.height() + DEPTH + 30)
    chain.settles()
    chain.mine(1)
    becomes(locked, "unconfirmed", PRICE, 0, DEPTH - 1)
    chain.mine(31)
    becomes(locked, "confirmed", PRICE, PRICE)
    return shop, rpc, exact


def follows_a_reorganisation(world, shop, order):
    """Blocks are taken back: what they confirmed waits in the pool again, and counts again later."""
    chain = world.chain
    paid = shop.order()
    shop.looks_anew()
    world.buyer.pays(paid.address, paid.amount)
    chain.settles()
    becomes(paid, "confirmed", PRICE, PRICE)
    becomes(order, "confirmed", PRICE, PRICE)
    chain.pops(DEPTH)
    # A wallet notices with the next block.
    chain.settles()
    chain.mine(1)
    becomes(paid, "confirmed", PRICE, PRICE)
    # Taken back and forgotten, as where another transaction was mined in its place.
    chain.pops(DEPTH + 3)
    chain.forgets_the_pool()
    chain.mine(1)
    becomes(paid, "unconfirmed", 0, 0, 0)
    becomes(order, "confirmed", PRICE, PRICE)
    chain.mine(DEPTH + 4)


def lives_through_a_wallet_that_ends(world, shop, rpc):
    """The wallet is killed, orders are placed and paid meanwhile, and it comes back."""
    rpc.end(signal.SIGKILL)
    shop.doubts("does not answer")
    order = shop.order()
    world.buyer.pays(order.address, order.amount)
    world.chain.settles()
    order.is_still("awaiting")
    rpc.start()
    becomes(order, "confirmed", PRICE, PRICE)
    shop.doubts_no_more()

    # monerod is gone, the wallet is there.
    world.chain.end(signal.SIGKILL)
    shop.doubts("check that monerod is running")
    world.chain.start()
    shop.doubts_no_more()


def catches_up_after_a_day(world, shop):
    """`shop watch` is off; what was paid meanwhile is found."""
    shop.stops_watching()
    order = shop.order()
    world.buyer.pays(order.address, order.amount)
    world.chain.settles()
    world.chain.mine(20)
    shop.watches()
    becomes(order, "confirmed", PRICE, PRICE)


def finds_addresses_far_ahead(world):
    """A wallet that looks 200 addresses ahead, and an order beyond: paid before the wallet was told of it."""
    keys = world.sellers[1]
    rpc = world.view_only(keys)
    shop = world.shop({"address": keys["address"], "view_key": keys["view"]}, rpc)
    orders = [shop.order() for _ in range(300)]
    near, far = orders[10], orders[-1]
    for order in near, far:
        world.buyer.pays(order.address, order.amount)
    world.chain.settles()
    rpc.call("refresh")
    began = time.monotonic()
    code, said = shop.looks_once()
    print("   300 orders' addresses made known and the chain read again: %.1f s" % (time.monotonic() - began))
    assert code == 0, said
    for order in near, far:
        becomes(order, "confirmed", PRICE, PRICE)
    began = time.monotonic()
    shop.looks_once()
    print("   a look at 300 orders: %.2f s" % (time.monotonic() - began))


def follows_integrated_addresses(world):
    """Without the view key each order has a payment id."""
    keys = world.sellers[0]
    rpc = world.view_only(keys)
    shop = world.shop({"address": keys["address"]}, rpc).watches()
    first, second = shop.order(), shop.order()
    assert len(first.address) == len(second.address) == 106 and first.address != second.address
    shop.looks_anew()
    world.buyer.pays(first.address, first.amount)
    becomes(first, "unconfirmed", PRICE, 0, 0)
    world.chain.settles()
    becomes(first, "confirmed", PRICE, PRICE)
    becomes(second, "awaiting", 0, 0, 0)


def follows_a_shared_address(world):
    """A subaddress for the wallet's address: the exact amount tells orders apart."""
    keys = world.sellers[0]
    rpc = world.view_only(keys)
    shared = rpc.call("create_address", account_index=0)["address"]
    shop = world.shop({"address": shared}, rpc).watches()
    first, second = shop.order(), shop.order()
    assert first.address == second.address == shared and first.amount != second.amount
    shop.looks_anew()
    world.buyer.pays(shared, second.amount)
    world.buyer.pays(shared, max(first.amount, second.amount) + 5)
    world.chain.settles()
    becomes(second, "confirmed", second.amount, second.amount)
    becomes(first, "awaiting", 0, 0, 0)


def doubts_other_wallets(world):
    """Another wallet; one that can spend; none."""
    keys, other, _ = world.sellers
    rpc = world.view_only(other)
    shop = world.shop({"address": keys["address"], "view_key": keys["view"]}, rpc)
    order = shop.order()
    code, said = shop.looks_once()
    assert code == 1 and "not the one that the newest order is paid to" in said, (code, said)
    shop.environment["XMR_RPC_URL"] = world.buyer.url()
    code, said = shop.looks_once()
    assert code == 1 and "CAN SPEND" in said, (code, said)
    world.buyer.call("close_wallet")
    try:
        code, said = shop.looks_once()
        assert code == 1 and "no wallet open" in said, (code, said)
    finally:
        world.buyer.call("open_wallet", filename="buyer", password="")
    order.is_still("awaiting")


def moves_to_another_wallet(world):
    """The seller changes to another wallet while an order of the old one is open."""
    old, new, _ = world.sellers
    rpc = world.view_only(new)
    shop = world.shop({"address": old["address"]}, rpc)
    before = shop.order()
    code, said = shop.looks_once()
    assert code == 1 and "not the one" in said, (code, said)
    catalog = shop.home / "db/data.json"
    catalog.write_text(catalog.read_text().replace(old["address"], new["address"]))
    shop.commands("seed", "db/data.json")
    after = shop.order()
    world.buyer.pays(before.address, before.amount)
    world.buyer.pays(after.address, after.amount)
    world.chain.settles()
    code, said = shop.looks_once()
    assert code == 0, said
    becomes(after, "confirmed", PRICE, PRICE)
    before.is_still("awaiting")


def tells_of_a_login(world):
    """monero-wallet-rpc with its own login, which is of a kind that the shop does not speak."""
    keys = world.sellers[0]
    folder = pathlib.Path(tempfile.mkdtemp(dir=world.folder))
    rpc = WalletProgram(world.folder, world.chain, "--wallet-dir", str(folder), "--rpc-login", "shop:secret")
    rpc.words = [word for word in rpc.words if word != "--disable-rpc-login"]
    rpc.answers = lambda: b"HTTP" in answer_of(rpc.port)
    with rpc:
        shop = world.shop({"address": keys["address"]}, rpc)
        code, said = shop.looks_once()
        assert code == 1 and "--disable-rpc-login" in said, (code, said)


def answer_of(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as sock:
            sock.sendall(b"POST /json_rpc HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            return sock.recv(100)
    except OSError:
        return b""


def run():
    for name in "monerod", "monero-wallet-rpc":
        assert shutil.which(name), "%s is missing: scripts/install-test-tools installs it" % name
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shop-monero-")))
        world = World(stack, folder)
        only = sys.argv[1:]

        def passes(test, *words):
            began = time.monotonic()
            found = test(world, *words)
            print("ok %s (%.0f s)" % (test.__doc__.split("\n")[0], time.monotonic() - began), flush=True)
            return found

        for test in follows_a_shared_address, follows_integrated_addresses, doubts_other_wallets, moves_to_another_wallet, \
                tells_of_a_login, finds_addresses_far_ahead:
            if not only or test.__name__ in only:
                passes(test)
        if not only or "follows_subaddresses" in only:
            shop, rpc, order = passes(follows_subaddresses)
            passes(follows_a_reorganisation, shop, order)
            passes(lives_through_a_wallet_that_ends, shop, rpc)
            passes(catches_up_after_a_day, shop)


if __name__ == "__main__":
    run()
