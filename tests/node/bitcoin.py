"""Payment tracking in Bitcoin with the real program on a real node.

The node is Debian's `litecoind` on a regtest chain, a fork of Bitcoin Core 0.21 with the same JSON-RPC, wallet and mempool.
The shop's addresses have the same scripts there, but another prefix (rltc1… instead of bc1…).

Differences to Bitcoin Core:
- Descriptor wallets, the only ones since Bitcoin Core 30: Debian builds litecoind without SQLite. A proxy emulates them
  (`DescriptorWallets`) according to Core's documentation: litecoind verifies the checksums and watches the scripts in a legacy
  wallet.
- Core replaces every unconfirmed transaction since version 28; litecoind only those that are marked as replaceable.
- Core searches the mempool at the end of a rescan since version 25; litecoind detects such a payment once it is in a block.
- Pruning: litecoind deletes whole block files, and a test chain never fills one. The proxy emulates a pruned node.
- The main chain: its size, speed and peers.

    python3 tests/node/bitcoin.py [NAME…]
"""

import hashlib
import os
import pathlib
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lib.rpc import Proxy, RpcError, rewriting
from lib.run import main, test
from lib.shop import faketime, free_port, wait_for
from litecoind import DescriptorWallets, Node, coins, funded_node, script_of, url
from watched import WatchedShop

# Source: BIP-84, the mnemonic "abandon … about"; m/84'/0'/0'.
ZPUB = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
# Source: BIP-173.
SHARED = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
# The price of one item. Units: satoshi.
PRICE = 100_000


class BitcoinShop(WatchedShop):
    """Sells tea for Bitcoin. Units: satoshi."""

    network, decimals = "bitcoin", 8

    def __init__(self, url, wallet=None, **settings):
        super().__init__({"btc": {"currency": "BTC", **(wallet or {"xpub": ZPUB})}}, {"tea": ("btc", PRICE)}, **{
            "CONFIRMATIONS": "BTC=2", "BTC_RPC_URL": url, **settings})

    def scan(self):
        """Scans once, which must succeed."""
        code, output = self.scan_once()
        assert code == 0, output

    def failing_scan(self):
        """The output of a scan that must fail."""
        code, output = self.scan_once()
        assert code == 1 and "p@ss" not in output and "p%40ss" not in output, (code, output)
        return output


@test
def the_whole_course(node):
    """Exact payments, two parts, underpayment, overpayment, a reorganization, a killed node and missed blocks."""
    with BitcoinShop(url(node)).open() as shop:
        exact, parts, under, over, idle = (shop.order() for _ in range(5))
        assert len({buyer.address for buyer in (exact, parts, under, over, idle)}) == 5
        shop.start_watching()
        wait_for("the wallet knows all addresses", lambda: len(labelled(node)) == 5, 30)

        node.pay(exact.address, PRICE)
        node.pay(parts.address, 40_000)
        node.pay(under.address, PRICE - 501)
        node.pay(over.address, PRICE + 501)
        for buyer in (exact, parts, under, over):
            buyer.becomes("unconfirmed", 20)
        idle.is_still("awaiting")
        node.mine()
        node.pay(parts.address, 60_000)
        node.mine()
        for buyer, state in ((exact, "confirmed"), (under, "partial"), (over, "overpaid"), (parts, "unconfirmed")):
            buyer.becomes(state, 20)
        assert under.due() == 501, under.due()
        newest = node.mine()[0]
        parts.becomes("confirmed", 20)

        # The last block is reverted, and its transactions are mined again.
        node("invalidateblock", newest)
        parts.becomes("unconfirmed", 20)
        assert exact.state() == "confirmed"
        node.mine(2)
        parts.becomes("confirmed", 20)

        # The node is killed, and the order is paid while nothing is scanned.
        node("gettxoutsetinfo")  # Flushes its state to the disk.
        node.kill()
        wait_for("the shop says so", lambda: "does not answer" in shop.watch_log(), 20)
        idle.is_still("awaiting")
        exact.is_still("confirmed")
        shop.stop_watching()
        node.start()
        node("loadwallet", "miner")
        node.mine()
        late = shop.order()
        node.pay(idle.address, PRICE)
        node.pay(late.address, PRICE)
        node.mine(30)
        idle.is_still("awaiting")
        shop.start_watching()
        for buyer in (idle, late):
            buyer.becomes("confirmed", 20)
        shop.stop_watching()
        assert any(idle.order_ref in text for text in shop.texts())


def labelled(node):
    try:
        return node("getaddressesbylabel", "shop", wallet="shop")
    except RpcError:
        return []


@test
def replaced_by_fee(node):
    """An unconfirmed payment can be replaced by its sender; one with a higher fee is the same payment."""
    with BitcoinShop(url(node)).open() as shop:
        cheated, raised = shop.order(), shop.order()
        shop.scan()
        taken = node.pay(cheated.address, PRICE)
        risen = node.pay(raised.address, PRICE)
        shop.scan()
        cheated.is_still("unconfirmed")
        raised.is_still("unconfirmed")
        node.replace(risen, (raised.address, PRICE))
        node.replace(taken)
        shop.scan()
        raised.is_still("unconfirmed")
        assert "Payment no longer detected" in cheated.page().main_text(), cheated.page().main_text()
        node.mine(2)
        shop.scan()
        raised.is_still("confirmed")
        # Nobody is asked to pay twice: the buyer contacts the shop, or the order expires.
        assert cheated.state() == "unconfirmed" and cheated.due() == 0, cheated.page().main_text()


@test
def counted_before_a_block(node):
    """With CONFIRMATIONS=BTC=0 a payment counts in the mempool, is labelled, and no longer counts once it is replaced."""
    label, line = "accepted before the network confirms it", "accepted at 0 confirmations"
    with BitcoinShop(url(node), CONFIRMATIONS="BTC=0").open() as shop:
        honest, cheated, shipped = orders = [shop.order() for _ in range(3)]
        shop.scan()
        _, taken, gone = [node.pay(buyer.address, PRICE) for buyer in orders]
        shop.scan()
        for buyer in orders:
            buyer.is_still("confirmed")
            assert label in buyer.page().main_text(), buyer.page().main_text()
            assert any(line in text for text in shop.texts() if buyer.order_ref in text)
        shop.run("orders", "shipped", shipped.order_ref)
        node.replace(taken)
        node.replace(gone)
        shop.scan()
        honest.is_still("confirmed")
        cheated.is_still("unconfirmed")
        assert "no longer detected" in cheated.page().main_text() and cheated.due() == 0, cheated.page().main_text()
        # What was shipped stays shipped, and the seller is told.
        shipped.is_still("shipped")
        assert any("had counted" in text for text in shop.texts() if shipped.order_ref in text)
        # The label goes away with the first block.
        node.mine()
        shop.scan()
        honest.is_still("confirmed")
        assert label not in honest.page().main_text(), honest.page().main_text()
        # And the other way round: a payment whose block is reversed counts in the mempool again.
        node("invalidateblock", node("getbestblockhash"))
        shop.scan()
        honest.is_still("confirmed")
        assert label in honest.page().main_text(), honest.page().main_text()


@test
def reorganised_at_each_depth(node):
    """A payment reverted at any depth is unconfirmed until it is mined again; a conflicting transaction ends it."""
    with BitcoinShop(url(node), CONFIRMATIONS="BTC=4").open() as shop:
        buyer = shop.order()
        shop.scan()
        node.pay(buyer.address, PRICE)
        for depth in range(1, 6):
            blocks = node.mine(depth)
            shop.scan()
            buyer.is_still("confirmed" if 4 <= depth else "unconfirmed")
            node("invalidateblock", blocks[0])
            shop.scan()
            buyer.is_still("unconfirmed")
        # Another branch has a transaction that spends the same coins.
        double = shop.order()
        shop.scan()
        sent = node.pay(double.address, PRICE)
        blocks = node.mine(4)
        shop.scan()
        double.is_still("confirmed")
        buyer.is_still("confirmed")
        node("invalidateblock", blocks[0])
        node.replace(sent)
        node.mine(5)
        shop.scan()
        double.is_still("unconfirmed")
        assert double.due() == 0 and "no longer detected" in double.page().main_text(), double.page().main_text()
        buyer.is_still("confirmed")


@test
def the_chains_own_time(node):
    """Orders expire by the time of the blocks, and later payments are late."""
    with BitcoinShop(url(node), PAYMENT_MINUTES="240").open() as shop:
        in_time, too_late, never = (shop.order() for _ in range(3))
        shop.scan()
        node.pay(in_time.address, PRICE)
        shop.scan()
        # Five hours later by the blocks: eleven determine the median. While this host's clock is behind, such blocks are
        # not trusted.
        node("setmocktime", int(time.time()) + 5 * 3600)
        node.mine(1)
        output = shop.failing_scan()
        assert "ahead of this host's clock" in output, output
        shop.environment.update(faketime(), FAKETIME="+5h")
        node.mine(4)
        shop.scan()
        never.is_still("awaiting")
        node.mine(8)
        shop.scan()
        in_time.is_still("confirmed")
        too_late.is_still("expired")
        node.pay(too_late.address, PRICE)
        node.mine(2)
        shop.scan()
        too_late.is_still("late")
        never.is_still("expired")


@test
def shared_address(node):
    """On a shared address, the exact amount identifies the order."""
    with BitcoinShop(url(node, "/wallet/shared"), wallet={"address": SHARED}).open() as shop:
        one, other, third = (shop.order() for _ in range(3))
        assert one.address == other.address == third.address == SHARED
        assert len({buyer.amount for buyer in (one, other, third)}) == 3
        shop.scan()
        node.pay(SHARED, other.amount)
        node.pay(SHARED, third.amount + 1_000)
        node.pay(SHARED, one.amount // 2)
        shop.scan()
        other.is_still("unconfirmed")
        one.is_still("awaiting")
        third.is_still("awaiting")
        node.mine(2)
        shop.scan()
        other.is_still("confirmed")
        one.is_still("awaiting")
        third.is_still("awaiting")


@test
def lost_wallets(node):
    """A wallet that is unloaded, lost or of another owner; a replaced node."""
    with BitcoinShop(url(node, "/wallet/lost")).open() as shop:
        buyer = shop.order()
        shop.scan()
        assert node("getwalletinfo", wallet="lost")["private_keys_enabled"] is False
        node.pay(buyer.address, PRICE)
        node.mine(2)
        node("unloadwallet", "lost")
        shop.scan()
        buyer.is_still("confirmed")
        # Deleted with its files: payments are found again, or the order would be reverted.
        node("unloadwallet", "lost")
        shutil.rmtree(node.folder / "regtest/wallets/lost")
        shop.scan()
        buyer.is_still("confirmed")
        assert node("getwalletinfo", wallet="lost")["txcount"] == 1
        # Without a scan state, as with another database.
        shop.run("watch", "--stop")
        shop.scan()
        buyer.is_still("confirmed")

        shop.environment["BTC_RPC_URL"] = url(node, "/wallet/miner")
        assert "may contain private keys" in shop.failing_scan()
        shop.environment["BTC_RPC_URL"] = url(node, "/wallet/../miner")
        assert "a wallet name" in shop.failing_scan()
        buyer.is_still("confirmed")


@test
def doubtful_nodes(node):
    """With unexpected answers, no order is paid, reverted or expired."""
    with BitcoinShop(url(node, "/wallet/doubts")).open() as shop:
        paid, waiting = shop.order(), shop.order()
        shop.scan()
        node.pay(paid.address, PRICE)
        node.mine(2)
        shop.scan()
        node.pay(waiting.address, PRICE)
        node.mine(2)

        def doubts(trouble, after):
            with Proxy(node, rewriting(after)) as proxy:
                shop.environment["BTC_RPC_URL"] = url(proxy, "/wallet/doubts")
                output = shop.failing_scan()
                assert trouble in output, output
            paid.is_still("confirmed")
            waiting.is_still("awaiting")

        def answers(method, change):
            def after(call, answer):
                if call["method"] == method:
                    answer["result"] = change(answer["result"])
                return answer
            return after

        def info(**more):
            return answers("getblockchaininfo", lambda result: {**result, **more})

        def payments(**more):
            return answers("listsinceblock", lambda result: {
                **result, "transactions": [{**one, **more} for one in result["transactions"]]})

        other = hashlib.sha256(b"another chain").hexdigest()
        doubts("serves chain", info(chain="test"))
        doubts("serves chain main (of another coin)", info(chain="main"))
        doubts("another first block", lambda call, answer: {**answer, "result": other} if (call["method"], call["params"]) == ("getblockhash", [0]) else answer)
        doubts("still syncing", info(initialblockdownload=True))
        doubts("still syncing", info(headers=10_000))
        doubts("no longer has block", info(blocks=1, headers=1))
        doubts("minutes old", answers("getblockheader", lambda head: {**head, "time": head["time"] - 5 * 3600}))
        doubts("rescanning older blocks", answers("getwalletinfo", lambda result: {**result, "scanning": {"duration": 9, "progress": 0.5}}))
        doubts("without wallets", lambda call, answer: {**answer, "result": None, "error": {"code": -32601, "message": "Method not found"}} if call["method"] == "getwalletinfo" else answer)
        doubts("still syncing", lambda call, answer: {**answer, "result": None, "error": {"code": -28, "message": "Loading block index…"}})
        for strange in (None, 7, "", [], {}, {"transactions": [{}]}, {"transactions": "x" * 40_000_000}):
            doubts("invalid answer" if not isinstance(strange, dict) or len(str(strange)) < 1000 else "MB", answers("listsinceblock", lambda _: strange))
        doubts("invalid answer", payments(amount=-1))
        doubts("invalid answer", payments(amount="0.001"))
        doubts("invalid answer", payments(amount=0.000000001))
        doubts("invalid answer", payments(confirmations="2"))
        doubts("invalid answer", payments(txid=None))
        doubts("invalid answer", answers("getblockchaininfo", lambda _: None))
        doubts("invalid answer", answers("decodescript", lambda _: {}))
        doubts("invalid answer", answers("getblockheader", lambda head: {**head, "mediantime": -1}))

        # The user may not call the method.
        shop.environment["BTC_RPC_URL"] = url(node).replace("p%40ss", "wrong")
        assert "rejected the user or password" in shop.failing_scan()
        shop.environment["BTC_RPC_URL"] = "http://127.0.0.1:%d" % free_port()
        assert "does not answer" in shop.failing_scan()
        # A real node of another network.
        with Node("-testnet") as testnet:
            shop.environment["BTC_RPC_URL"] = url(testnet)
            assert "serves chain test" in shop.failing_scan()
        paid.is_still("confirmed")
        waiting.is_still("awaiting")
        shop.environment["BTC_RPC_URL"] = url(node, "/wallet/doubts")
        shop.scan()
        waiting.is_still("confirmed")


@test
def pruned_node(node):
    """A pruned node is enough; an order that needs deleted blocks is left to the seller."""
    height = node("getblockchaininfo")["blocks"]

    def pruned(lowest):
        def after(call, answer):
            if call["method"] == "getblockchaininfo":
                answer["result"].update(pruned=True, pruneheight=lowest)
            return answer
        return after

    with BitcoinShop(url(node)).open() as shop:
        buyer = shop.order()
        with Proxy(node, rewriting(pruned(height))) as proxy:
            shop.environment["BTC_RPC_URL"] = url(proxy, "/wallet/pruned")
            code, output = shop.scan_once()
            assert code == 0 and "cannot be tracked" in output and "expires" in output, output
            node.pay(buyer.address, PRICE)
            node.mine(2)
            shop.scan()
            buyer.is_still("awaiting")
        with Proxy(node, rewriting(pruned(0))) as proxy:
            shop.environment["BTC_RPC_URL"] = url(proxy, "/wallet/pruned")
            shop.command("watch", "--stop")
            shop.scan()
            buyer.is_still("confirmed")


@test
def descriptor_wallets(node):
    """Descriptor wallets, emulated according to Bitcoin Core's documentation."""
    wallets = DescriptorWallets(node)
    with Proxy(node, wallets.answer) as proxy, BitcoinShop(url(proxy, "/wallet/descriptors")).open() as shop:
        buyer, other = shop.order(), shop.order()
        shop.scan()
        assert wallets.imported == {"raw(%s)" % script_of(one.address): "shop" for one in (buyer, other)}, wallets.imported
        node.pay(buyer.address, PRICE)
        shop.scan()
        buyer.is_still("unconfirmed")
        node.mine(2)
        wallets.imported.clear()
        shop.scan()
        buyer.is_still("confirmed")
        other.is_still("awaiting")
        assert not wallets.imported, "known scripts are not imported again"


@test
def a_thousand_orders(node, n=1000):
    """Measures a scan with `n` open orders, unpaid and paid."""
    with Proxy(node) as proxy, BitcoinShop(url(proxy, "/wallet/thousand"), SIEGE_ORDERS="5000").open() as shop:
        buyers = [shop.order() for _ in range(n)]
        begun = time.monotonic()
        shop.scan()
        print("  %d orders are new to the wallet: %.1f s" % (n, time.monotonic() - begun))

        def scan(what):
            requests, calls = proxy.n_requests, proxy.n_calls
            begun, used = time.monotonic(), os.times()
            shop.scan()
            now = os.times()
            print("  %s: %.0f ms, of which the shop computes %.0f ms; %d requests with %d calls" % (
                what, (time.monotonic() - begun) * 1000,
                (now.children_user + now.children_system - used.children_user - used.children_system) * 1000,
                proxy.n_requests - requests, proxy.n_calls - calls))

        scan("no payments (a new process)")
        outputs = {node.native(buyer.address): coins(PRICE) for buyer in buyers}
        for at in range(0, n, 250):
            node("sendmany", "", dict(list(outputs.items())[at:at + 250]), wallet="miner")
        scan("all paid, unconfirmed")
        node.mine(2)
        scan("all confirmed, with a message each")
        scan("all confirmed")
        for buyer in buyers[::97]:
            buyer.is_still("confirmed")

        # A running process already knows the addresses.
        shop.environment["WATCH_SECONDS"] = "1"
        shop.start_watching()
        first = wait_for("a scan", lambda: proxy.n_requests > 8 and proxy.n_requests)
        wait_for("two scans", lambda: proxy.n_requests >= first + 8)
        requests, calls, used = proxy.n_requests, proxy.n_calls, shop.cpu_seconds()
        wait_for("ten scans more", lambda: proxy.n_requests >= requests + 40)
        scans = (proxy.n_requests - requests) / 4
        print("  a running process: a scan is 4 requests with %.0f calls, and the shop computes %.0f ms" % (
            (proxy.n_calls - calls) / scans, (shop.cpu_seconds() - used) / scans * 1000))


if __name__ == "__main__":
    main(funded_node)
