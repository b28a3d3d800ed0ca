"""Payments in a coin like Ethereum's, followed by the real program on a real node: anvil, its blocks made by hand.

    python3 tests/node/ethereum.py [NAME…]
"""

import re
import signal
import sys
import time
import traceback

from evm import CHAIN, GWEI, Anvil, Gate
from shops import ROOT, WatchedShop, soak, wait_for

sys.path.append(str(ROOT / "tests/browser"))

from mutt import Mutt

# anvil's own mnemonic, with which this anvil was not begun: its addresses are empty here.
XPUB = soak.XPUB
SHARED = "0x52908400098527886E0F7030069857D2E4169EE7"
PRICE = 5_000_000
DEPTH = 3
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def eth(**more):
    return {"eth": {"currency": "ETH", "chain": CHAIN, "xpub": XPUB, **more}}


def new_shop(url, wallets=None, prices=None, **settings):
    settings = {"ETH_RPC_URL": url, "CONFIRMATIONS": "ETH=%d USDC=%d DAI=%d" % (DEPTH, DEPTH, DEPTH), **settings}
    return WatchedShop(wallets or eth(), prices or {"tea": ("eth", PRICE)}, **settings)


def words(page):
    """What a page says."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("<main")[2]))


def url(node):
    return "http://127.0.0.1:%d" % node.port


@test
def balances_tell_who_paid_however_they_paid():
    with Anvil() as node, new_shop(url(node)) as shop:
        shop.open().watches()
        exact, under, over, parts, inside, gone, dust, undone, close, none = (shop.order() for _ in range(10))
        shop.has_seen(node)
        payer = node.deploys("Payer")
        node.sends(payer, 10 ** 9)
        node.mines()

        node.sends(exact.address, exact.amount)
        node.sends(under.address, under.amount // 2)
        node.sends(over.address, over.amount * 2)
        node.sends(parts.address, parts.amount - PRICE // 5)
        node.tells(payer, "Payer", "pay(address,uint256)", inside.address, inside.amount * GWEI)
        node.deploys("Exploder", "%064x" % int(gone.address, 16), gwei=gone.amount, mined=False)
        node.sends(dust.address, 1)
        undoing = node.tells(payer, "Payer", "payAndFail(address,uint256)", undone.address, undone.amount * GWEI)
        # 0.4 percent are lost on the way.
        node.sends(close.address, close.amount - close.amount * 4 // 1000)
        node.mines()
        assert node.receipt(undoing)["status"] == "0x0"
        exact.becomes("unconfirmed")
        assert exact.seen()[:4] == (PRICE, 0, 1, DEPTH), exact.seen()
        assert "1 of 3" in words(exact.page()), words(exact.page())
        node.mines(DEPTH - 1)
        for order in exact, inside, gone, close:
            order.becomes("confirmed")
        under.becomes("partial")
        assert under.due() == under.amount - under.amount // 2
        over.becomes("overpaid")
        parts.becomes("partial")
        assert parts.due() == PRICE // 5
        first_address = parts.address
        node.tells(payer, "Payer", "pay(address,uint256)", parts.address, PRICE // 5 * GWEI)
        node.mines()
        parts.becomes("unconfirmed")
        node.mines(DEPTH - 1)
        parts.becomes("confirmed")
        assert 'id="address"' not in parts.page() or first_address in parts.page()
        for order in dust, undone, none:
            order.is_still("awaiting")
        shop.stops_watching()


@test
def tokens_are_counted_in_their_own_units():
    with Anvil() as node:
        usdc, dai, other = node.token("USDC", 6), node.token("DAI", 18), node.token("USDC", 6)
        wallets = {
            **eth(),
            "usdc": {"currency": "USDC", "chain": CHAIN, "xpub": XPUB, "token": usdc, "decimals": 6},
            "dai": {"currency": "DAI", "chain": CHAIN, "xpub": XPUB, "token": dai},
        }
        prices = {"tea": ("eth", PRICE), "rice": ("usdc", 12_500_000_000), "salt": ("dai", 3_000_000_000)}
        with new_shop(url(node), wallets, prices) as shop:
            shop.open().watches()
            tea, rice, wrong, coins, salt = (shop.order(name) for name in ("tea", "rice", "rice", "rice", "salt"))
            assert len({order.address for order in (tea, rice, wrong, coins, salt)}) == 5
            shop.has_seen(node)
            node.sends(tea.address, tea.amount)
            node.transfers(usdc, rice.address, rice.amount // 1000)
            # A token of the same name from somebody else; the chain's own coin in place of the token; and a token that comes to an ether order.
            node.transfers(other, wrong.address, wrong.amount // 1000)
            node.sends(coins.address, coins.amount)
            node.transfers(dai, salt.address, salt.amount * GWEI // 2)
            node.mines(DEPTH)
            tea.becomes("confirmed")
            rice.becomes("confirmed")
            salt.becomes("partial")
            wrong.is_still("awaiting")
            coins.is_still("awaiting")
            # Coins and tokens on one account: each order counts its own.
            node.transfers(usdc, tea.address, 7_000_000)
            node.sends(rice.address, 7)
            node.transfers(dai, salt.address, salt.amount * GWEI // 2)
            node.mines(DEPTH)
            salt.becomes("confirmed")
            shop.has_seen(node)
            tea.is_still("confirmed")
            rice.is_still("confirmed")
            shop.stops_watching()


@test
def a_reorganisation_takes_back_what_it_undoes_at_each_depth():
    with Anvil() as node, new_shop(url(node)) as shop:
        shop.open().watches()
        shipped = shop.order()
        node.sends(shipped.address, PRICE)
        node.mines(DEPTH)
        shipped.becomes("confirmed")
        shop.commands("orders", "shipped", shipped.order_ref)
        node.mines(10)
        for depth in range(1, DEPTH + 2):
            order = shop.order()
            shop.has_seen(node)
            node.sends(order.address, PRICE)
            node.mines(depth)
            order.becomes("unconfirmed" if depth < DEPTH else "confirmed")
            node.goes_back(depth)
            shop.looks_anew()
            # What had counted is waited for; what had not is as if it never came.
            wait_for("nothing is left", lambda: order.seen()[:2] == (0, 0))
            order.becomes("unconfirmed")
            node.sends(order.address, PRICE)
            node.mines(DEPTH)
            order.becomes("confirmed")
            shipped.is_still("shipped")
        shop.stops_watching()


@test
def a_node_that_is_gone_comes_back_and_a_watcher_that_was_off_catches_up():
    with Anvil() as node, Gate(node.port) as gate, new_shop(gate.url) as shop:
        shop.open().watches()
        first, second, third, swept, alone = (shop.order() for _ in range(5))
        shop.has_seen(node)
        node.sends(first.address, PRICE)
        node.mines()
        first.becomes("unconfirmed")

        gate.shuts()
        wait_for("the shop says that the node is gone", lambda: "does not answer" in (shop.trouble() or ""))
        node.mines(DEPTH)
        first.is_still("unconfirmed")
        gate.opens()
        first.becomes("confirmed")

        # The watcher is killed in the middle.
        node.sends(second.address, PRICE)
        node.mines()
        second.becomes("unconfirmed")
        shop.stops_watching(signal.SIGKILL)
        node.mines(DEPTH)
        shop.watches()
        second.becomes("confirmed")

        # 800 blocks long nobody looks; they make a second each, and more than 15 minutes ahead are not believed. One order is paid, one is paid and swept.
        shop.stops_watching()
        node.sends(third.address, PRICE)
        node.sends(swept.address, PRICE)
        node.mines(2)
        node.sends_as(swept.address, node.rich, PRICE // 2)
        node.mines(800)
        shop.watches()
        third.becomes("confirmed")
        wait_for("the seller is told that something left", lambda: any("left this order's address" in text for text in shop.texts()))
        assert swept.state() != "confirmed"
        alone.is_still("awaiting")
        shop.stops_watching()


@test
def what_the_seller_sweeps_stays_paid():
    with Anvil() as node, new_shop(url(node)) as shop:
        shop.open().watches()
        order = shop.order()
        node.sends(order.address, PRICE)
        node.mines(DEPTH)
        order.becomes("confirmed")
        wait_for("the seller is told", lambda: len(shop.messages()) == 2)
        node.sends_as(order.address, node.rich, PRICE)
        node.mines(DEPTH + 2)
        shop.has_seen(node)
        order.is_still("confirmed")
        assert len(shop.messages()) == 2, shop.subjects()
        shop.stops_watching()


@test
def an_order_runs_out_by_the_chain_and_what_comes_later_is_late():
    with Anvil() as node, Gate(node.port) as gate, new_shop(gate.url, PAYMENT_MINUTES="1") as shop:
        shop.open().watches()
        whole, part, never = (shop.order() for _ in range(3))
        shop.has_seen(node)
        # In doubt, nothing runs out.
        gate.answers = lambda calls, ask: b"garbage"
        node.call("evm_increaseTime", 130)
        node.mines(DEPTH + 1)
        wait_for("the node is in doubt", lambda: "invalid answer" in (shop.trouble() or ""))
        n_before = gate.n_requests
        wait_for("two looks more", lambda: n_before + 2 < gate.n_requests)
        never.is_still("awaiting")
        gate.answers = None
        for order in whole, part, never:
            # By the chain, whose time is never later than this host's own.
            order.becomes("expired", 90)
        node.sends(whole.address, PRICE)
        node.sends(part.address, PRICE // 4)
        node.mines(DEPTH)
        whole.becomes("late")
        part.becomes("late")
        never.is_still("expired")
        shop.stops_watching()


@test
def a_node_in_doubt_decides_nothing():
    with Anvil() as node, Gate(node.port) as gate, new_shop(gate.url) as shop:
        shop.open().watches()
        order = shop.order()
        shop.has_seen(node)

        def replaced(method, result):
            def answers(calls, ask):
                told = ask()
                told = told if isinstance(told, list) else [told]
                for call, answer in zip(calls, sorted(told, key=lambda answer: answer["id"])):
                    if call["method"] == method:
                        answer.pop("error", None)
                        answer["result"] = result(answer.get("result"))
                return told if 1 < len(told) else told[0]
            return answers

        def refused(method, words):
            def answers(calls, ask):
                told = ask()
                for call, answer in zip(calls, sorted(told, key=lambda answer: answer["id"])) if isinstance(told, list) else []:
                    if call["method"] == method:
                        answer.pop("result", None)
                        answer["error"] = {"code": -32000, "message": words}
                return told
            return answers

        def older(block):
            return {**block, "timestamp": hex(int(time.time()) - 400)}

        cases = [
            ("another chain", replaced("eth_chainId", lambda _: "0x1"), "chain 1"),
            ("another beginning", replaced("eth_getBlockByNumber", lambda block: {**block, "hash": "0x" + "1" * 64}), "a different chain than before"),
            ("syncing", replaced("eth_syncing", lambda _: {"currentBlock": "0x1"}), "still syncing"),
            ("an old head", replaced("eth_getBlockByNumber", older), "minutes old"),
            ("no state", refused("eth_call", "missing trie node 0xdeadbeef"), "missing trie node"),
            ("no balances", replaced("eth_call", lambda _: "0x"), "balances"),
            ("too few balances", replaced("eth_call", lambda _: "0x" + "0" * 64), "balances"),
            ("garbage", lambda calls, ask: b"\x00\xff<html>", "not JSON"),
            ("nothing", lambda calls, ask: [], "batch"),
            ("a lie", lambda calls, ask: [{"id": call["id"], "result": None} for call in calls], "invalid answer"),
            ("nonsense", lambda calls, ask: [{"id": call["id"], "result": {"a": [1] * 9}} for call in calls], "invalid answer"),
            ("too much", lambda calls, ask: b" " * (40 << 20), "more than 8 MB"),
        ]
        node.sends(order.address, PRICE)
        node.mines(DEPTH)
        # The node is broken before the block is looked at, and is well in between.
        order.becomes("confirmed")
        for name, answers, words in cases:
            paid = shop.order()
            gate.answers = answers
            node.sends(paid.address, PRICE)
            node.mines(DEPTH + 1)
            wait_for("%s: %s" % (name, words), lambda: words in (shop.trouble() or ""), 30)
            paid.is_still("awaiting")
            order.is_still("confirmed")
            gate.answers = None
            paid.becomes("confirmed")
            wait_for("all is well", lambda: not shop.trouble())

        # Slow: the shop stays open, and the watcher looks on when the node does.
        last = shop.order()
        held = []
        gate.answers = lambda calls, ask: (held.append(1), time.sleep(5), ask())[2]
        node.sends(last.address, PRICE)
        node.mines(DEPTH)
        wait_for("it waits", lambda: held)
        last.is_still("awaiting")
        gate.answers = None
        last.becomes("confirmed")
        shop.stops_watching()


@test
def a_node_that_hangs_is_given_up_after_a_minute():
    with Anvil() as node, new_shop(url(node)) as shop:
        shop.open().watches()
        order = shop.order()
        shop.has_seen(node)
        node.process.send_signal(signal.SIGSTOP)
        try:
            wait_for("the shop says so", lambda: "within 60 seconds" in (shop.trouble() or ""), 90)
            order.is_still("awaiting")
        finally:
            node.process.send_signal(signal.SIGCONT)
        node.sends(order.address, PRICE)
        node.mines(DEPTH)
        order.becomes("confirmed")
        shop.stops_watching()


@test
def another_chain_in_the_same_place_halts_all():
    with Anvil() as node, new_shop(url(node)) as shop:
        shop.open().watches()
        order = shop.order()
        shop.has_seen(node)
        node.ends()
        wait_for("the node is gone", lambda: "does not answer" in (shop.trouble() or ""))
        time.sleep(1.1)
        with Anvil(port=node.port) as other:
            other.sends(order.address, PRICE)
            other.mines(20)
            wait_for("the shop says so", lambda: "another first block" in (shop.trouble() or ""))
            order.is_still("awaiting")
        with Anvil(chain=CHAIN + 1, port=node.port) as other:
            wait_for("the shop says so", lambda: str(CHAIN + 1) in (shop.trouble() or ""))
            order.is_still("awaiting")
        shop.stops_watching()


@test
def a_reorganisation_behind_what_was_final_halts_all():
    with Anvil() as node, new_shop(url(node)) as shop:
        shop.open().watches()
        order = shop.order()
        node.sends(order.address, PRICE)
        node.mines(DEPTH)
        order.becomes("confirmed")
        node.mines(10)
        shop.has_seen(node)
        node.goes_back(20)
        wait_for("the shop says so", lambda: "which was final" in (shop.trouble() or ""))
        order.is_still("confirmed")
        shop.stops_watching()


@test
def what_is_final_decides_where_nothing_else_is_said():
    with Anvil() as node, new_shop(url(node), CONFIRMATIONS="") as shop:
        shop.open().watches()
        order = shop.order()
        node.sends(order.address, PRICE)
        node.mines(8)
        order.becomes("unconfirmed")
        shop.has_seen(node)
        order.is_still("unconfirmed")
        assert order.seen()[:2] == (PRICE, 0)
        node.mines()
        order.becomes("confirmed")
        shop.stops_watching()


@test
def orders_that_share_an_address_are_told_apart_by_their_amounts():
    with Anvil() as node:
        usdc = node.token("USDC", 6)
        wallets = {
            "eth": {"currency": "ETH", "chain": CHAIN, "address": SHARED},
            "usdc": {"currency": "USDC", "chain": CHAIN, "address": SHARED, "token": usdc, "decimals": 6},
        }
        with new_shop(url(node), wallets, {"tea": ("eth", PRICE), "rice": ("usdc", 12_500_000_000)}) as shop:
            shop.open().watches()
            one, two, rice, more_rice = (shop.order(name) for name in ("tea", "tea", "rice", "rice"))
            assert one.amount != two.amount and rice.amount != more_rice.amount
            shop.has_seen(node)
            node.sends(SHARED, two.amount)
            node.sends(SHARED, PRICE * 3)
            node.transfers(usdc, SHARED, more_rice.amount // 1000)
            node.transfers(usdc, SHARED, 77)
            node.mines()
            two.becomes("unconfirmed")
            node.mines(DEPTH - 1)
            two.becomes("confirmed")
            more_rice.becomes("confirmed")
            one.is_still("awaiting")
            rice.is_still("awaiting")
            node.sends(SHARED, one.amount)
            node.mines()
            one.becomes("unconfirmed")
            node.goes_back(1)
            wait_for("nothing is left", lambda: one.seen()[:2] == (0, 0))
            # The watcher is off while it is paid, long enough for two looks.
            shop.stops_watching()
            node.sends(SHARED, one.amount)
            node.transfers(usdc, SHARED, rice.amount // 1000)
            node.mines(700)
            shop.watches()
            one.becomes("confirmed")
            rice.becomes("confirmed")
            # What a contract pays inside a transaction is not seen at a shared address.
            inside = shop.order()
            payer = node.deploys("Payer")
            node.sends(payer, PRICE * 2)
            node.mines()
            node.tells(payer, "Payer", "pay(address,uint256)", SHARED, inside.amount * GWEI)
            node.mines(DEPTH)
            shop.has_seen(node)
            inside.is_still("awaiting")
            shop.stops_watching()


@test
def the_story_of_two_buyers():
    """Issue 6, "Done when"."""
    with Anvil() as node, new_shop(url(node)) as shop:
        shop.open().watches()
        exact, parts = shop.order(), shop.order()
        shop.has_seen(node)
        payer = node.deploys("Payer")
        node.sends(payer, 10 ** 9)
        node.sends(exact.address, PRICE)
        node.mines()
        node.tells(payer, "Payer", "pay(address,uint256)", parts.address, PRICE * 2 // 5 * GWEI)
        node.mines()
        node.tells(payer, "Payer", "pay(address,uint256)", parts.address, PRICE * 3 // 5 * GWEI)
        node.mines(DEPTH)
        exact.becomes("confirmed")
        parts.becomes("confirmed")
        for order in exact, parts:
            wait_for("the seller is told", lambda: "Payment for order %s: confirmed" % order.order_ref in shop.subjects())
        # The block of the last part alone is undone.
        node.goes_back(DEPTH)
        parts.becomes("partial")
        exact.is_still("confirmed")
        node.tells(payer, "Payer", "pay(address,uint256)", parts.address, PRICE * 3 // 5 * GWEI)
        node.mines(DEPTH)
        parts.becomes("confirmed")
        # One thread, a message for each change of state.
        def told():
            return [subject.rpartition(" ")[2] for subject in shop.subjects() if parts.order_ref in subject]

        wait_for("the seller is told of each step", lambda: told().count("confirmed") == 2)
        assert "partial" in told(), told()
        assert 'data-state="confirmed"' in parts.page()
        with Mutt(shop) as mutt:
            screen = mutt.shows("partial")
            assert screen.count("confirme") == 3, screen
        # No key of any coin lies there.
        kept = b"".join(path.read_bytes() for path in shop.home.rglob("*") if path.is_file())
        assert XPUB.encode() in kept and b"xprv" not in kept
        shop.stops_watching()


def main(names):
    n_failed = 0
    for run in TESTS:
        if names and not any(name in run.__name__ for name in names):
            continue
        start = time.monotonic()
        try:
            run()
            print("%-70s ok, %.1f s" % (run.__name__, time.monotonic() - start), flush=True)
        except Exception:
            n_failed += 1
            print("%-70s FAILED" % run.__name__, flush=True)
            traceback.print_exc()
    return n_failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
