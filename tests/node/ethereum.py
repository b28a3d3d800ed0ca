"""Payment tracking on EVM chains with the real program on a real node: anvil, which mines on demand.

    python3 tests/node/ethereum.py [NAME…]
"""

import contextlib
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from evm import CHAIN, GWEI, Anvil
from lib.mail import Mutt
from lib.rpc import Proxy, rewriting
from lib.run import main, test
from lib.shop import ETH_XPUB, wait_for
from watched import PlacedOrder, WatchedShop

SHARED = "0x52908400098527886E0F7030069857D2E4169EE7"
PRICE = 5_000_000
DEPTH = 3


def eth(**more):
    return {"eth": {"currency": "ETH", "chain": CHAIN, "xpub": ETH_XPUB, **more}}


@contextlib.contextmanager
def watched(node, wallets=None, prices=None, url=None, **settings):
    """A running shop with payment tracking."""
    settings = {"ETH_RPC_URL": url or node.url, "CONFIRMATIONS": "ETH=%d USDC=%d DAI=%d" % (DEPTH, DEPTH, DEPTH), **settings}
    with WatchedShop(wallets or eth(), prices or {"tea": ("eth", PRICE)}, **settings).open().start_watching() as shop:
        yield shop
        shop.stop_watching()


@test
def balances_show_payments_of_every_kind():
    with Anvil() as node, watched(node) as shop:
        exact, under, over, parts, inside, gone, dust, undone, close, none = (shop.order() for _ in range(10))
        shop.wait_until_seen(node)
        payer = node.deploy("Payer")
        node.send(payer, 10 ** 9)
        node.mine()

        node.send(exact.address, exact.amount)
        node.send(under.address, under.amount // 2)
        node.send(over.address, over.amount * 2)
        node.send(parts.address, parts.amount - PRICE // 5)
        node.transact(payer, "Payer", "pay(address,uint256)", inside.address, inside.amount * GWEI)
        node.deploy("Exploder", "%064x" % int(gone.address, 16), gwei=gone.amount, mined=False)
        node.send(dust.address, 1)
        undoing = node.transact(payer, "Payer", "payAndFail(address,uint256)", undone.address, undone.amount * GWEI)
        # 0.4 percent less, within the tolerance.
        node.send(close.address, close.amount - close.amount * 4 // 1000)
        node.mine()
        assert node.receipt(undoing)["status"] == "0x0"
        exact.becomes("unconfirmed")
        assert exact.seen()[:4] == (PRICE, 0, 1, DEPTH), exact.seen()
        assert "1 of 3" in exact.page().main_text(), exact.page().main_text()
        node.mine(DEPTH - 1)
        for order in exact, inside, gone, close:
            order.becomes("confirmed")
        under.becomes("partial")
        assert under.due() == under.amount - under.amount // 2
        over.becomes("overpaid")
        parts.becomes("partial")
        assert parts.due() == PRICE // 5
        first_address = parts.address
        node.transact(payer, "Payer", "pay(address,uint256)", parts.address, PRICE // 5 * GWEI)
        node.mine()
        parts.becomes("unconfirmed")
        node.mine(DEPTH - 1)
        parts.becomes("confirmed")
        assert parts.page().text_of("address") in (None, first_address)
        for order in dust, undone, none:
            order.is_still("awaiting")


@test
def tokens_are_counted_in_their_own_units():
    with Anvil() as node:
        usdc, dai, other = node.token("USDC", 6), node.token("DAI", 18), node.token("USDC", 6)
        wallets = {
            **eth(),
            "usdc": {"currency": "USDC", "chain": CHAIN, "xpub": ETH_XPUB, "token": usdc, "decimals": 6},
            "dai": {"currency": "DAI", "chain": CHAIN, "xpub": ETH_XPUB, "token": dai},
        }
        prices = {"tea": ("eth", PRICE), "rice": ("usdc", 12_500_000_000), "salt": ("dai", 3_000_000_000)}
        with watched(node, wallets, prices) as shop:
            tea, rice, wrong, coins, salt = (shop.order(name) for name in ("tea", "rice", "rice", "rice", "salt"))
            assert len({order.address for order in (tea, rice, wrong, coins, salt)}) == 5
            shop.wait_until_seen(node)
            node.send(tea.address, tea.amount)
            node.transfer(usdc, rice.address, rice.amount // 1000)
            # Another token of the same name, Ether instead of the token, and a token sent to an Ether order.
            node.transfer(other, wrong.address, wrong.amount // 1000)
            node.send(coins.address, coins.amount)
            node.transfer(dai, salt.address, salt.amount * GWEI // 2)
            node.mine(DEPTH)
            tea.becomes("confirmed")
            rice.becomes("confirmed")
            salt.becomes("partial")
            wrong.is_still("awaiting")
            coins.is_still("awaiting")
            # Coins and tokens on one account: each order counts only its own.
            node.transfer(usdc, tea.address, 7_000_000)
            node.send(rice.address, 7)
            node.transfer(dai, salt.address, salt.amount * GWEI // 2)
            node.mine(DEPTH)
            salt.becomes("confirmed")
            shop.wait_until_seen(node)
            tea.is_still("confirmed")
            rice.is_still("confirmed")


@test
def a_reorganization_at_any_depth_reverts_its_payments():
    with Anvil() as node, watched(node) as shop:
        shipped = shop.order()
        node.send(shipped.address, PRICE)
        node.mine(DEPTH)
        shipped.becomes("confirmed")
        shop.run("orders", "shipped", shipped.order_ref)
        node.mine(10)
        for depth in range(1, DEPTH + 2):
            order = shop.order()
            shop.wait_until_seen(node)
            node.send(order.address, PRICE)
            node.mine(depth)
            order.becomes("unconfirmed" if depth < DEPTH else "confirmed")
            node.reorganise(depth)
            shop.wait_for_scan()
            # Confirmed payments become unconfirmed; unconfirmed ones disappear.
            wait_for("nothing is left", lambda: order.seen()[:2] == (0, 0))
            order.becomes("unconfirmed")
            node.send(order.address, PRICE)
            node.mine(DEPTH)
            order.becomes("confirmed")
            shipped.is_still("shipped")


@test
def payments_are_found_after_the_node_or_the_watcher_was_off():
    with Anvil() as node, Proxy(node) as proxy, watched(node, url=proxy.url) as shop:
        first, second, third, swept, alone = (shop.order() for _ in range(5))
        shop.wait_until_seen(node)
        node.send(first.address, PRICE)
        node.mine()
        first.becomes("unconfirmed")

        proxy.close()
        shop.wait_for_trouble("does not answer")
        node.mine(DEPTH)
        first.is_still("unconfirmed")
        proxy.open()
        first.becomes("confirmed")

        # The watcher is killed in between.
        node.send(second.address, PRICE)
        node.mine()
        second.becomes("unconfirmed")
        shop.stop_watching(signal.SIGKILL)
        node.mine(DEPTH)
        shop.start_watching()
        second.becomes("confirmed")

        # Nothing is scanned for 800 blocks of a second each (more than 15 minutes ahead would not be trusted). One order is paid, one is paid and swept.
        shop.stop_watching()
        node.send(third.address, PRICE)
        node.send(swept.address, PRICE)
        node.mine(2)
        node.send_as(swept.address, node.rich, PRICE // 2)
        node.mine(800)
        shop.start_watching()
        third.becomes("confirmed")
        wait_for("a message that something left", lambda: any("left this order's address" in text for text in shop.texts()))
        assert swept.state() != "confirmed"
        alone.is_still("awaiting")


@test
def orders_stay_paid_after_the_seller_moves_the_coins():
    with Anvil() as node, watched(node) as shop:
        order = shop.order()
        node.send(order.address, PRICE)
        node.mine(DEPTH)
        order.becomes("confirmed")
        wait_for("a message to the seller", lambda: len(shop.messages()) == 2)
        node.send_as(order.address, node.rich, PRICE)
        node.mine(DEPTH + 2)
        shop.wait_until_seen(node)
        order.is_still("confirmed")
        assert len(shop.messages()) == 2, shop.subjects()


@test
def orders_expire_by_the_chains_time_and_later_payments_are_late():
    with Anvil() as node, Proxy(node) as proxy, watched(node, url=proxy.url, PAYMENT_MINUTES="1") as shop:
        whole, part, never = (shop.order() for _ in range(3))
        shop.wait_until_seen(node)
        # While the node is not trusted, nothing expires.
        proxy.answer = lambda calls, forward: b"garbage"
        node.call("evm_increaseTime", 130)
        node.mine(DEPTH + 1)
        shop.wait_for_trouble("invalid answer")
        n_before = proxy.n_requests
        wait_for("two scans more", lambda: n_before + 2 < proxy.n_requests)
        never.is_still("awaiting")
        proxy.answer = None
        for order in whole, part, never:
            # By the chain's time, which is never later than this host's.
            order.becomes("expired", 90)
        node.send(whole.address, PRICE)
        node.send(part.address, PRICE // 4)
        node.mine(DEPTH)
        whole.becomes("late")
        part.becomes("late")
        never.is_still("expired")


@test
def a_faulty_node_decides_nothing():
    with Anvil() as node, Proxy(node) as proxy, watched(node, url=proxy.url) as shop:
        order = shop.order()
        shop.wait_until_seen(node)

        def replaced(method, result):
            return rewriting(lambda call, answer: {
                "id": call["id"], "result": result(answer.get("result"))} if call["method"] == method else answer)

        def refused(method, message):
            return rewriting(lambda call, answer: {
                "id": call["id"], "error": {"code": -32000, "message": message}} if call["method"] == method else answer)

        def older(block):
            return {**block, "timestamp": hex(int(time.time()) - 400)}

        cases = [
            (replaced("eth_chainId", lambda _: "0x1"), "chain 1"),
            (replaced("eth_getBlockByNumber", lambda block: {**block, "hash": "0x" + "1" * 64}), "a different chain than before"),
            (replaced("eth_syncing", lambda _: {"currentBlock": "0x1"}), "still syncing"),
            (replaced("eth_getBlockByNumber", older), "minutes old"),
            (refused("eth_call", "missing trie node 0xdeadbeef"), "missing trie node"),
            (replaced("eth_call", lambda _: "0x"), "balances"),
            (replaced("eth_call", lambda _: "0x" + "0" * 64), "balances"),
            (lambda calls, forward: b"\x00\xff<html>", "not JSON"),
            (lambda calls, forward: [], "batch"),
            (lambda calls, forward: [{"id": call["id"], "result": None} for call in calls], "invalid answer"),
            (lambda calls, forward: [{"id": call["id"], "result": {"a": [1] * 9}} for call in calls], "invalid answer"),
            (lambda calls, forward: b" " * (40 << 20), "more than 8 MB"),
        ]
        node.send(order.address, PRICE)
        node.mine(DEPTH)
        # The node fails before the block is scanned, and recovers in between.
        order.becomes("confirmed")
        for answer, trouble in cases:
            paid = shop.order()
            proxy.answer = answer
            node.send(paid.address, PRICE)
            node.mine(DEPTH + 1)
            shop.wait_for_trouble(trouble, 30)
            paid.is_still("awaiting")
            order.is_still("confirmed")
            proxy.answer = None
            paid.becomes("confirmed")
            shop.wait_for_no_trouble()

        # A slow node: the shop stays open, and the scan continues when the node answers.
        last = shop.order()
        held = []
        proxy.answer = lambda calls, forward: (held.append(1), time.sleep(5), forward())[2]
        node.send(last.address, PRICE)
        node.mine(DEPTH)
        wait_for("it waits", lambda: held)
        last.is_still("awaiting")
        proxy.answer = None
        last.becomes("confirmed")


@test
def a_hanging_node_times_out_after_a_minute():
    with Anvil() as node, watched(node) as shop:
        order = shop.order()
        shop.wait_until_seen(node)
        node.process.send_signal(signal.SIGSTOP)
        try:
            shop.wait_for_trouble("within 60 seconds", 90)
            order.is_still("awaiting")
        finally:
            node.process.send_signal(signal.SIGCONT)
        node.send(order.address, PRICE)
        node.mine(DEPTH)
        order.becomes("confirmed")


@test
def another_chain_at_the_same_url_decides_nothing():
    with Anvil() as node, watched(node) as shop:
        order = shop.order()
        shop.wait_until_seen(node)
        node.kill()
        shop.wait_for_trouble("does not answer")
        time.sleep(1.1)
        with Anvil(port=node.port) as other:
            other.send(order.address, PRICE)
            other.mine(20)
            shop.wait_for_trouble("another first block")
            order.is_still("awaiting")
        with Anvil(chain=CHAIN + 1, port=node.port) as other:
            shop.wait_for_trouble(str(CHAIN + 1))
            order.is_still("awaiting")


@test
def a_reorganization_of_final_blocks_decides_nothing():
    with Anvil() as node, watched(node) as shop:
        order = shop.order()
        node.send(order.address, PRICE)
        node.mine(DEPTH)
        order.becomes("confirmed")
        node.mine(10)
        shop.wait_until_seen(node)
        node.reorganise(20)
        shop.wait_for_trouble("which was final")
        order.is_still("confirmed")


@test
def by_default_payments_count_in_final_blocks():
    with Anvil() as node, watched(node, CONFIRMATIONS="") as shop:
        order = shop.order()
        node.send(order.address, PRICE)
        node.mine(8)
        order.becomes("unconfirmed")
        shop.wait_until_seen(node)
        order.is_still("unconfirmed")
        assert order.seen()[:2] == (PRICE, 0)
        node.mine()
        order.becomes("confirmed")


@test
def orders_that_share_an_address_are_identified_by_their_amounts():
    with Anvil() as node:
        usdc = node.token("USDC", 6)
        wallets = {
            "eth": {"currency": "ETH", "chain": CHAIN, "address": SHARED},
            "usdc": {"currency": "USDC", "chain": CHAIN, "address": SHARED, "token": usdc, "decimals": 6},
        }
        with watched(node, wallets, {"tea": ("eth", PRICE), "rice": ("usdc", 12_500_000_000)}) as shop:
            one, two, rice, more_rice = (shop.order(name) for name in ("tea", "tea", "rice", "rice"))
            assert one.amount != two.amount and rice.amount != more_rice.amount
            shop.wait_until_seen(node)
            node.send(SHARED, two.amount)
            node.send(SHARED, PRICE * 3)
            node.transfer(usdc, SHARED, more_rice.amount // 1000)
            node.transfer(usdc, SHARED, 77)
            node.mine()
            two.becomes("unconfirmed")
            node.mine(DEPTH - 1)
            two.becomes("confirmed")
            more_rice.becomes("confirmed")
            one.is_still("awaiting")
            rice.is_still("awaiting")
            node.send(SHARED, one.amount)
            node.mine()
            one.becomes("unconfirmed")
            node.reorganise(1)
            wait_for("nothing is left", lambda: one.seen()[:2] == (0, 0))
            # The watcher is off during the payment, long enough for two scans.
            shop.stop_watching()
            node.send(SHARED, one.amount)
            node.transfer(usdc, SHARED, rice.amount // 1000)
            node.mine(700)
            shop.start_watching()
            one.becomes("confirmed")
            rice.becomes("confirmed")
            # A payment by a contract is not detected at a shared address.
            inside = shop.order()
            payer = node.deploy("Payer")
            node.send(payer, PRICE * 2)
            node.mine()
            node.transact(payer, "Payer", "pay(address,uint256)", SHARED, inside.amount * GWEI)
            node.mine(DEPTH)
            shop.wait_until_seen(node)
            inside.is_still("awaiting")


@test
def the_story_of_two_buyers():
    with Anvil() as node, watched(node) as shop:
        exact, parts = shop.order(), shop.order()
        shop.wait_until_seen(node)
        payer = node.deploy("Payer")
        node.send(payer, 10 ** 9)
        node.send(exact.address, PRICE)
        node.mine()
        node.transact(payer, "Payer", "pay(address,uint256)", parts.address, PRICE * 2 // 5 * GWEI)
        node.mine()
        node.transact(payer, "Payer", "pay(address,uint256)", parts.address, PRICE * 3 // 5 * GWEI)
        node.mine(DEPTH)
        exact.becomes("confirmed")
        parts.becomes("confirmed")
        for order in exact, parts:
            wait_for("a message to the seller", lambda: "Payment for order %s: confirmed" % order.order_ref in shop.subjects())
        # Only the block of the last part is reverted.
        node.reorganise(DEPTH)
        parts.becomes("partial")
        exact.is_still("confirmed")
        node.transact(payer, "Payer", "pay(address,uint256)", parts.address, PRICE * 3 // 5 * GWEI)
        node.mine(DEPTH)
        parts.becomes("confirmed")
        # One thread, with a message for each change of status.
        def states():
            return [subject.rpartition(" ")[2] for subject in shop.subjects() if parts.order_ref in subject]

        wait_for("a message for each step", lambda: states().count("confirmed") == 2)
        assert "partial" in states(), states()
        assert parts.state() == "confirmed"
        with Mutt(shop) as mutt:
            screen = mutt.shows("partial")
            assert screen.count("confirme") == 3, screen
        # No private key is on the disk.
        content = b"".join(path.read_bytes() for path in shop.home.rglob("*") if path.is_file())
        assert ETH_XPUB.encode() in content and b"xprv" not in content


@test
def of_three_buyers_the_first_to_pay_gets_the_last_item():
    with Anvil() as node, watched(node, quantity=1) as shop:
        first, second, third = shop.order(), shop.order(refund=SHARED), shop.order(refund=SHARED)
        shop.wait_until_seen(node)
        assert "Nothing is reserved for you yet" in second.page().main_text(), second.page().main_text()
        # A partial payment takes nothing from others.
        node.send(third.address, PRICE // 2)
        node.mine(DEPTH)
        third.becomes("partial")
        assert "Sold out" not in first.page().main_text()
        node.send(second.address, PRICE)
        node.mine()
        second.becomes("unconfirmed")
        # Immediately, before it is confirmed.
        for order in first, third:
            words = order.page().main_text()
            assert "do not pay" in words and order.page().text_of("payment-uri") is None, words
        # A reverted payment takes nothing until it is mined again.
        node.reorganise(1)
        wait_for("nothing is left", lambda: second.seen()[:2] == (0, 0))
        assert first.page().text_of("payment-uri"), first.page().main_text()
        node.send(second.address, PRICE)
        node.mine()
        wait_for("it is seen again", lambda: second.seen()[0] == PRICE)
        assert first.page().text_of("payment-uri") is None
        node.mine(DEPTH - 1)
        second.becomes("confirmed")
        # One of them pays anyway, the other pays the rest.
        node.send(first.address, PRICE)
        node.send(third.address, PRICE - PRICE // 2)
        node.mine()
        first.becomes("oversold")
        third.becomes("oversold")
        wait_for("a message to the seller", lambda: "Payment for order %s: oversold" % first.order_ref in shop.subjects())
        assert any("other payments came first and nothing is left" in text for text in shop.texts())
        node.mine(DEPTH)
        shop.wait_until_seen(node)
        first.is_still("oversold")
        shop.run("orders", "refunded", third.order_ref)
        # The seller decides which order gets new stock.
        assert shop.command("orders", "paid", first.order_ref).returncode == 1
        shop.restock(2)
        shop.run("orders", "paid", first.order_ref)
        first.becomes("confirmed")
        assert shop.row("select stock from products") == (0,)


@test
def in_siege_mode_a_payment_delivers_the_messages_of_its_order():
    with Anvil() as node, watched(node, SIEGE_ORDERS="2") as shop:
        def siege_mode():
            return shop.row("select siege_since from shop_state")[0]

        flood = [shop.order(), shop.order()]
        assert siege_mode(), "two orders are not paid"
        order = shop.order_with_picture()
        shop.wait_until_seen(node)
        assert not any(order.order_ref in subject for subject in shop.subjects()), shop.subjects()
        node.send(order.address, order.amount)
        node.mine()
        order.becomes("unconfirmed")
        for subject in "New order %s - unpaid", "Payment for order %s: unconfirmed":
            wait_for("a message to the seller", lambda: subject % order.order_ref in shop.subjects())
        node.mine(DEPTH)
        order.becomes("confirmed")
        shop.run("orders", "cancel", "--unpaid", "--yes")
        for unpaid in flood:
            unpaid.becomes("cancelled")
        wait_for("the end of siege mode", lambda: not siege_mode())
        wait_for("a message that it is over", lambda: "Siege mode is over" in shop.subjects())
        assert shop.subjects().count("Siege mode: many orders are not paid") == 1
        order.is_still("confirmed")


if __name__ == "__main__":
    main()
