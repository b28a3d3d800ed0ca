"""Payment tracking in Monero with a real monerod (regtest) and real wallets: a buyer's, and the seller's view-only one.

Regtest addresses have the main network's prefix, so the shop accepts them. Difficulty is 1; nothing leaves the host.
"""

import contextlib
import json
import pathlib
import shutil
import socket
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lib.rpc import MoneroProgram, RpcError
from lib.run import main, test
from lib.shop import wait_for
from watched import WatchedShop

# Gwei, and piconero in one.
PRICE = 50_000_000
PICONERO = 1_000
DEPTH = 3


class Chain(MoneroProgram):
    def __init__(self, folder):
        data = folder / "chain"
        data.mkdir()
        super().__init__(
            folder, "monerod", "--regtest", "--offline", "--keep-fakechain", "--fixed-difficulty", "1", "--non-interactive", "--no-igd",
            "--disable-dns-checkpoints", "--check-updates", "disabled", "--no-zmq", "--data-dir", str(data))
        self.miner = None

    def mine(self, n_blocks):
        self.call("generateblocks", amount_of_blocks=n_blocks, wallet_address=self.miner)

    def confirm(self):
        """Mines the pool. Sometimes monerod has started the block before the last payment, and needs another one."""
        for _ in range(5):
            self.mine(1)
            if not json.loads(self.post("/get_transaction_pool_stats", "{}")[1])["pool_stats"]["txs_total"]:
                return
        raise AssertionError("the pool is not empty")

    def settle(self):
        """Mines the pool, and enough blocks to confirm it."""
        self.confirm()
        self.mine(DEPTH - 1)

    def pop(self, n_blocks):
        """Reverts the newest blocks; their transactions return to the pool."""
        return json.loads(self.post("/pop_blocks", json.dumps({"nblocks": n_blocks}))[1])["height"]

    def flush_pool(self):
        self.call("flush_txpool")

    def height(self):
        return self.call("get_block_count")["count"]


class WalletProgram(MoneroProgram):
    def __init__(self, folder, chain, *arguments):
        super().__init__(
            folder, "monero-wallet-rpc", "--daemon-address", "127.0.0.1:%d" % chain.port, "--trusted-daemon",
            "--disable-rpc-login", *arguments)

    def pay(self, address, gwei, unlock_time=0):
        """Returns the transaction's ID."""
        # A wallet takes a while to reconnect to its daemon.
        wait_for("the buyer's wallet reaches monerod", self.refresh, 60)
        sent = self.call(
            "transfer", destinations=[{"address": address, "amount": gwei * PICONERO}], unlock_time=unlock_time)
        return sent["tx_hash"]

    def refresh(self):
        try:
            return self.call("refresh")
        except RpcError:
            return None


class Setting:
    """A chain, a buyer with unlocked coins, and the seller's keys."""

    def __init__(self, stack, folder):
        self.stack, self.folder = stack, folder
        self.chain = stack.enter_context(Chain(folder))
        wallets = folder / "wallets"
        wallets.mkdir()
        self.buyer = stack.enter_context(WalletProgram(folder, self.chain, "--wallet-dir", str(wallets)))
        self.sellers = [self.new_keys("seller %d" % n) for n in range(3)]
        self.buyer.call("create_wallet", filename="buyer", password="", language="English")
        self.chain.miner = self.buyer.call("get_address")["address"]
        # Mined coins can be spent after 60 blocks; each payment needs several outputs.
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
        """A view-only wallet, created and opened as in docs/manual/monero.md."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        with WalletProgram(self.folder, self.chain, "--wallet-dir", str(folder)) as maker:
            maker.call(
                "generate_from_keys", filename="shop", address=keys["address"], viewkey=keys["view"], password="",
                restore_height=0)
            maker.call("close_wallet")
            maker.stop()
        return self.stack.enter_context(
            WalletProgram(self.folder, self.chain, "--wallet-file", str(folder / "shop"), "--password", ""))

    def shop(self, wallet, rpc, **settings):
        return self.stack.enter_context(MoneroShop(wallet, rpc, **settings)).open()


class MoneroShop(WatchedShop):
    network = "monero"

    def __init__(self, wallet, rpc, **settings):
        settings = {"XMR_RPC_URL": rpc.url, "CONFIRMATIONS": "XMR=%d" % DEPTH, **settings}
        super().__init__({"xmr": {"currency": "XMR", **wallet}}, {"tea": ("xmr", PRICE)}, **settings)


def becomes(order, state, *figures):
    """`figures`: the first of seen amount, settled amount, confirmations."""
    order.becomes(state)
    wait_for("%s of %s, it is %s" % (figures, order.order_ref, order.seen()), lambda: order.seen()[:len(figures)] == figures, 60)
    order.is_still(state)


@test
def follows_a_shared_address(setting):
    """One subaddress for all orders: the exact amount identifies an order."""
    keys = setting.sellers[0]
    rpc = setting.view_only(keys)
    shared = rpc.call("create_address", account_index=0)["address"]
    shop = setting.shop({"address": shared}, rpc).start_watching()
    first, second = shop.order(), shop.order()
    assert first.address == second.address == shared and first.amount != second.amount
    shop.wait_for_scan()
    setting.buyer.pay(shared, second.amount)
    setting.buyer.pay(shared, max(first.amount, second.amount) + 5)
    setting.chain.settle()
    becomes(second, "confirmed", second.amount, second.amount)
    becomes(first, "awaiting", 0, 0, 0)


@test
def follows_integrated_addresses(setting):
    """Without the view key each order has a payment ID."""
    keys = setting.sellers[0]
    rpc = setting.view_only(keys)
    shop = setting.shop({"address": keys["address"]}, rpc).start_watching()
    first, second = shop.order(), shop.order()
    assert len(first.address) == len(second.address) == 106 and first.address != second.address
    shop.wait_for_scan()
    setting.buyer.pay(first.address, first.amount)
    becomes(first, "unconfirmed", PRICE, 0, 0)
    setting.chain.settle()
    becomes(first, "confirmed", PRICE, PRICE)
    becomes(second, "awaiting", 0, 0, 0)


@test
def counts_payments_in_the_pool(setting):
    """With CONFIRMATIONS=XMR=0 a payment counts before it is in a block, and no longer once it has left the pool."""
    label = "accepted before the network confirms it"
    keys, chain = setting.sellers[0], setting.chain
    rpc = setting.view_only(keys)
    shop = setting.shop({"address": keys["address"]}, rpc, CONFIRMATIONS="XMR=0").start_watching()
    kept, dropped = shop.order(), shop.order()
    shop.wait_for_scan()
    setting.buyer.pay(kept.address, kept.amount)
    becomes(kept, "confirmed", PRICE, PRICE, 0, 0)
    assert label in kept.page().main_text(), kept.page().main_text()
    chain.confirm()
    wait_for("it is in a block", lambda: kept.seen()[2] > 0, 60)
    assert label not in kept.page().main_text(), kept.page().main_text()
    setting.buyer.pay(dropped.address, dropped.amount)
    becomes(dropped, "confirmed", PRICE, PRICE, 0, 0)
    chain.flush_pool()
    chain.mine(1)
    becomes(dropped, "unconfirmed", 0, 0, 0)
    becomes(kept, "confirmed", PRICE, PRICE)


@test
def refuses_other_wallets(setting):
    """Refuses another wallet, one that can spend, and none."""
    keys, other, _ = setting.sellers
    rpc = setting.view_only(other)
    shop = setting.shop({"address": keys["address"], "view_key": keys["view"]}, rpc)
    order = shop.order()
    code, output = shop.scan_once()
    assert code == 1 and "not the one that the newest order is paid to" in output, (code, output)
    shop.environment["XMR_RPC_URL"] = setting.buyer.url
    code, output = shop.scan_once()
    assert code == 1 and "CAN SPEND" in output, (code, output)
    setting.buyer.call("close_wallet")
    try:
        code, output = shop.scan_once()
        assert code == 1 and "no wallet open" in output, (code, output)
    finally:
        setting.buyer.call("open_wallet", filename="buyer", password="")
    order.is_still("awaiting")


@test
def moves_to_another_wallet(setting):
    """The seller changes the wallet while an order of the old one is open."""
    old, new, _ = setting.sellers
    rpc = setting.view_only(new)
    shop = setting.shop({"address": old["address"]}, rpc)
    before = shop.order()
    code, output = shop.scan_once()
    assert code == 1 and "not the one" in output, (code, output)
    catalog = shop.home / "db/data.json"
    catalog.write_text(catalog.read_text().replace(old["address"], new["address"]))
    shop.run("seed", "db/data.json")
    after = shop.order()
    setting.buyer.pay(before.address, before.amount)
    setting.buyer.pay(after.address, after.amount)
    setting.chain.settle()
    code, output = shop.scan_once()
    assert code == 0, output
    becomes(after, "confirmed", PRICE, PRICE)
    before.is_still("awaiting")


@test
def explains_a_login(setting):
    """monero-wallet-rpc with its own login, which the shop does not support."""
    keys = setting.sellers[0]
    folder = pathlib.Path(tempfile.mkdtemp(dir=setting.folder))
    rpc = WalletProgram(setting.folder, setting.chain, "--wallet-dir", str(folder), "--rpc-login", "shop:secret")
    rpc.command.remove("--disable-rpc-login")
    rpc.ping = lambda: answer_of(rpc.port) or None
    with rpc:
        shop = setting.shop({"address": keys["address"]}, rpc)
        code, output = shop.scan_once()
        assert code == 1 and "--disable-rpc-login" in output, (code, output)


def answer_of(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as sock:
            sock.sendall(b"POST /json_rpc HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            return sock.recv(100)
    except OSError:
        return b""


@test
def finds_addresses_far_ahead(setting):
    """An order beyond the wallet's lookahead of 200 addresses, paid before the wallet knew its address."""
    keys = setting.sellers[1]
    rpc = setting.view_only(keys)
    shop = setting.shop({"address": keys["address"], "view_key": keys["view"]}, rpc)
    orders = [shop.order() for _ in range(300)]
    near, far = orders[10], orders[-1]
    for order in near, far:
        setting.buyer.pay(order.address, order.amount)
    setting.chain.settle()
    rpc.call("refresh")
    began = time.monotonic()
    code, output = shop.scan_once()
    print("   300 orders' addresses imported and the chain scanned again: %.1f s" % (time.monotonic() - began))
    assert code == 0, output
    for order in near, far:
        becomes(order, "confirmed", PRICE, PRICE)
    began = time.monotonic()
    shop.scan_once()
    print("   a scan of 300 orders: %.2f s" % (time.monotonic() - began))


@test
def follows_subaddresses(setting):
    """One subaddress per order: unconfirmed, confirmed, in two parts, underpaid, overpaid, locked."""
    # A wallet whose subaddresses have never been used.
    keys = setting.sellers[2]
    rpc = setting.view_only(keys)
    chain, buyer = setting.chain, setting.buyer
    shop = setting.shop({"address": keys["address"], "view_key": keys["view"]}, rpc).start_watching()
    exact, parts, under, over, quiet = (shop.order() for _ in range(5))
    orders = exact, parts, under, over, quiet
    assert len({order.address for order in orders}) == 5 and all(order.address.startswith("8") for order in orders)
    shop.wait_for_scan()

    buyer.pay(exact.address, exact.amount)
    buyer.pay(parts.address, exact.amount - 10_000_000)
    buyer.pay(under.address, under.amount - 10_000_000)
    buyer.pay(over.address, over.amount + 10_000_000)
    becomes(exact, "unconfirmed", PRICE, 0, 0)
    becomes(parts, "unconfirmed", PRICE - 10_000_000, 0, 0)
    chain.confirm()
    becomes(exact, "unconfirmed", PRICE, 0)
    wait_for("a confirmation", lambda: exact.seen()[2:4] in ((1, DEPTH), (2, DEPTH)), 60)
    chain.mine(DEPTH - 1)
    becomes(exact, "confirmed", PRICE, PRICE)
    becomes(parts, "partial", PRICE - 10_000_000, PRICE - 10_000_000)
    becomes(under, "partial")
    becomes(over, "overpaid", PRICE + 10_000_000, PRICE + 10_000_000)
    buyer.pay(parts.address, 10_000_000)
    becomes(parts, "unconfirmed", PRICE, PRICE - 10_000_000, 0)
    chain.settle()
    becomes(parts, "confirmed", PRICE, PRICE)
    becomes(quiet, "awaiting", 0, 0, 0)

    # A locked payment does not count until it can be spent.
    locked = shop.order()
    shop.wait_for_scan()
    buyer.pay(locked.address, locked.amount, unlock_time=chain.height() + DEPTH + 30)
    chain.settle()
    chain.mine(1)
    becomes(locked, "unconfirmed", PRICE, 0, DEPTH - 1)
    chain.mine(31)
    becomes(locked, "confirmed", PRICE, PRICE)
    follows_a_reorganisation(setting, shop, exact)
    survives_a_wallet_that_ends(setting, shop, rpc)
    catches_up_after_a_day(setting, shop)


def follows_a_reorganisation(setting, shop, order):
    """After a reorganization payments are unconfirmed until they are mined again."""
    chain = setting.chain
    paid = shop.order()
    shop.wait_for_scan()
    setting.buyer.pay(paid.address, paid.amount)
    chain.settle()
    becomes(paid, "confirmed", PRICE, PRICE)
    becomes(order, "confirmed", PRICE, PRICE)
    chain.pop(DEPTH)
    # The wallet notices with the next block.
    chain.settle()
    chain.mine(1)
    becomes(paid, "confirmed", PRICE, PRICE)
    # Reverted and removed from the pool, as if replaced by another transaction.
    chain.pop(DEPTH + 3)
    chain.flush_pool()
    chain.mine(1)
    becomes(paid, "unconfirmed", 0, 0, 0)
    becomes(order, "confirmed", PRICE, PRICE)
    chain.mine(DEPTH + 4)


def survives_a_wallet_that_ends(setting, shop, rpc):
    """The wallet is killed, orders are placed and paid, and it is started again."""
    rpc.kill()
    shop.wait_for_trouble("does not answer")
    order = shop.order()
    setting.buyer.pay(order.address, order.amount)
    setting.chain.settle()
    order.is_still("awaiting")
    rpc.start()
    becomes(order, "confirmed", PRICE, PRICE)
    shop.wait_for_no_trouble()

    # monerod is down, the wallet is running.
    setting.chain.kill()
    shop.wait_for_trouble("check that monerod is running")
    setting.chain.start()
    shop.wait_for_no_trouble()


def catches_up_after_a_day(setting, shop):
    """Payments made while `shop watch` is off are found."""
    shop.stop_watching()
    order = shop.order()
    setting.buyer.pay(order.address, order.amount)
    setting.chain.settle()
    setting.chain.mine(20)
    shop.start_watching()
    becomes(order, "confirmed", PRICE, PRICE)


@contextlib.contextmanager
def setting():
    for name in "monerod", "monero-wallet-rpc":
        assert shutil.which(name), "%s is missing: scripts/install-test-tools installs it" % name
    with contextlib.ExitStack() as stack:
        yield Setting(stack, pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shop-monero-"))))


if __name__ == "__main__":
    # One for all tests, since mining the buyer's coins takes a while.
    with setting() as shared:
        main(lambda: contextlib.nullcontext(shared))
