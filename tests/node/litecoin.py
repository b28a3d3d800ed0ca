"""Payment tracking in Litecoin with the real program on a real node: Debian's `litecoind` on a regtest chain.

The shop's addresses have the same scripts there, but another prefix (rltc1… instead of ltc1…). What the node does with blocks,
wallets and doubts is the same code as for Bitcoin, whose tests are in `bitcoin.py`; these are the differences.

    python3 tests/node/litecoin.py [NAME…]
"""

import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lib.rpc import Proxy, RpcError, rewriting
from lib.run import main, test
from lib.shop import wait_for
from litecoind import DescriptorWallets, coins, funded_node, script_of, url
from watched import WatchedShop

# Source: the mnemonic "abandon … about"; m/84'/2'/0', m/49'/2'/0' and m/44'/2'/0' with the prefixes of SLIP-132.
ZPUB = "zpub6rPo5mF47z5coVm5rvWv7fv181awb7Vckn5Cf3xQXBVKu18kuBHDhNi1Jrb4br6vVD3ZbrnXemEsWJoR18mZwkUdzwD8TQnHDUCGxqZ6swA"
MTUB = "Mtub2rz9F1pkisRsSZX8sa4Ajon9GhPP6JymLgpuHqbYdU5JKFLBF7Qy8b1tZ3dccj2fefrAxfrPdVkpCxuWn3g72UctH2bvJRkp6iFmp8aLeRZ"
LTUB = "Ltub2YDQmP391UYeDYvLye9P1SuNJFkcRGN7SYHM8JMxaDnegcPTXHJ2BnYmvHnFnGPGKu2WMuCga6iZV3SDxDMGrRyMcrYEfSPhrpS1EPkC43E"
# Source: BIP-84, the same mnemonic; m/84'/0'/0'.
BITCOIN_ZPUB = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
# BIP-173's program with Litecoin's prefix.
SHARED = "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9"
# Source: Litecoin Core, `chainparams.cpp`.
GENESIS = "12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2"
# The price of one item. Units: 10^-8 LTC.
PRICE = 20_000_000


class LitecoinShop(WatchedShop):
    """Sells tea for Litecoin. Units: 10^-8 LTC."""

    network, decimals = "litecoin", 8

    def __init__(self, url, wallets={"ltc": {"currency": "LTC", "xpub": ZPUB}}, prices={"tea": ("ltc", PRICE)}, **settings):
        super().__init__(wallets, prices, **{"LTC_RPC_URL": url, **settings})

    def scan(self):
        """Scans once, which must succeed."""
        code, output = self.scan_once()
        assert code == 0, output

    def failing_scan(self):
        """The output of a scan that must fail."""
        code, output = self.scan_once()
        assert code == 1, output
        return output


@test
def the_whole_course(node):
    """Exact payments, two parts, underpayment, overpayment, six confirmations, a reorganization, missed blocks."""
    with LitecoinShop(url(node)).open() as shop:
        exact, parts, under, over, idle = (shop.order() for _ in range(5))
        assert all(buyer.address.startswith("ltc1q") for buyer in (exact, parts, under, over, idle))
        shop.start_watching()
        wait_for("the wallet knows all addresses", lambda: len(labelled(node)) == 5, 30)
        node.pay(exact.address, PRICE)
        node.pay(parts.address, 8_000_000)
        node.pay(under.address, PRICE - 100_001)
        node.pay(over.address, PRICE + 100_001)
        for buyer in (exact, parts, under, over):
            buyer.becomes("unconfirmed", 20)
        idle.is_still("awaiting")
        node.mine(5)
        node.pay(parts.address, 12_000_000)
        wait_for("five confirmations", lambda: exact.seen()[2:4] == (5, 6), 20)
        exact.is_still("unconfirmed")
        sixth = node.mine()[0]
        for buyer, state in ((exact, "confirmed"), (under, "partial"), (over, "overpaid"), (parts, "unconfirmed")):
            buyer.becomes(state, 20)
        assert under.due() == 100_001, under.due()
        node("invalidateblock", sixth)
        exact.becomes("unconfirmed", 20)
        node.mine(6)
        for buyer in (exact, parts):
            buyer.becomes("confirmed", 20)
        # Paid while nothing is scanned.
        shop.stop_watching()
        node.pay(idle.address, PRICE)
        node.mine(30)
        idle.is_still("awaiting")
        shop.start_watching()
        idle.becomes("confirmed", 20)
        shop.stop_watching()


def labelled(node):
    try:
        return node("getaddressesbylabel", "shop", wallet="shop")
    except RpcError:
        return []


@test
def every_type_of_address(node):
    """Orders of an Mtub, of an Ltub, and of one address that all share."""
    for key, first in ((MTUB, "M"), (LTUB, "L")):
        with LitecoinShop(url(node, "/wallet/of-" + first), {"ltc": {"currency": "LTC", "xpub": key}}).open() as shop:
            paid, idle = shop.order(), shop.order()
            assert paid.address[0] == idle.address[0] == first, paid.address
            shop.scan()
            node.pay(paid.address, PRICE)
            shop.scan()
            paid.is_still("unconfirmed")
            node.mine(6)
            shop.scan()
            paid.is_still("confirmed")
            idle.is_still("awaiting")
    with LitecoinShop(url(node, "/wallet/shared"), {"ltc": {"currency": "LTC", "address": SHARED}}).open() as shop:
        one, other = shop.order(), shop.order()
        assert one.address == other.address == SHARED and one.amount != other.amount
        shop.scan()
        node.pay(SHARED, other.amount)
        node.mine(6)
        shop.scan()
        other.is_still("confirmed")
        one.is_still("awaiting")


@test
def before_a_block(node):
    """A payment replaced by fee is no longer detected; with LTC=0 one counts in the mempool."""
    with LitecoinShop(url(node, "/wallet/mempool")).open() as shop:
        cheated = shop.order()
        shop.scan()
        taken = node.pay(cheated.address, PRICE)
        shop.scan()
        cheated.is_still("unconfirmed")
        node.replace(taken)
        shop.scan()
        assert "Payment no longer detected" in cheated.page().main_text(), cheated.page().main_text()
        shop.environment["CONFIRMATIONS"] = "LTC=0"
        quick = shop.order()
        shop.scan()
        node.pay(quick.address, PRICE)
        shop.scan()
        quick.is_still("confirmed")


@test
def descriptor_wallets(node):
    """Descriptor wallets, which Litecoin's own builds have, emulated according to Bitcoin Core's documentation."""
    wallets = DescriptorWallets(node)
    with Proxy(node, wallets.answer) as proxy, LitecoinShop(url(proxy, "/wallet/descriptors")).open() as shop:
        buyer = shop.order()
        shop.scan()
        assert wallets.imported == {"raw(%s)" % script_of(buyer.address): "shop"}, wallets.imported
        node.pay(buyer.address, PRICE)
        node.mine(6)
        shop.scan()
        buyer.is_still("confirmed")


@test
def paid_out_of_an_extension_block(node):
    """A payment by a buyer whose coins are in the extension block (MWEB) counts once, and does not disturb the others."""
    # Extension blocks begin at block 432 of a regtest chain, with a payment into one.
    node.mine(431 - node("getblockcount"))
    node("createwallet", "hidden")
    node("sendtoaddress", node("getnewaddress", "", "mweb", wallet="hidden"), coins(10 * PRICE), wallet="miner")
    node.mine()
    with LitecoinShop(url(node, "/wallet/mweb")).open() as shop:
        buyer, half, idle = shop.order(), shop.order(), shop.order()
        shop.scan()
        for address, amount in ((buyer.address, PRICE), (half.address, PRICE // 2)):
            node("sendtoaddress", node.native(address), coins(amount), wallet="hidden")
            node.mine() if address == buyer.address else None
        shop.scan()
        buyer.is_still("unconfirmed")
        assert buyer.seen()[:3] == (PRICE * 10, 0, 1) and half.seen()[:3] == (PRICE * 5, 0, 0), (buyer.seen(), half.seen())
        block = node.mine(6)[-1]
        shop.scan()
        buyer.is_still("confirmed")
        half.is_still("partial")
        idle.is_still("awaiting")
        node.mine(3)
        shop.scan()
        assert buyer.seen()[:2] == (PRICE * 10, PRICE * 10), buyer.seen()
        # Reverted, and mined again.
        node("invalidateblock", node("getblockhash", node("getblockheader", block)["height"] - 6))
        shop.scan()
        buyer.is_still("unconfirmed")
        node.mine(7)
        shop.scan()
        buyer.is_still("confirmed")


@test
def the_other_coins_node(node):
    """A node of Bitcoin's main chain is refused for Litecoin, and the other way round; each coin has its own wallet and setting."""
    wallets = {"ltc": {"currency": "LTC", "xpub": ZPUB}, "btc": {"currency": "BTC", "xpub": BITCOIN_ZPUB}}
    other = hashlib.sha256(b"not Litecoin's").hexdigest()

    def main_chain(genesis):
        def after(call, answer):
            if call["method"] == "getblockchaininfo":
                answer["result"]["chain"] = "main"
            if (call["method"], call["params"]) == ("getblockhash", [0]):
                answer["result"] = genesis
            return answer
        return rewriting(after)

    prices = {"tea": ("ltc", PRICE), "mug": ("btc", PRICE)}
    settings = {"BTC_RPC_URL": url(node, "/wallet/btc"), "CONFIRMATIONS": "BTC=1 LTC=2"}
    with LitecoinShop(url(node, "/wallet/ltc"), wallets, prices, **settings).open() as shop:
        tea, mug = shop.order("tea"), shop.order("mug")
        shop.scan()
        node.pay(tea.address, PRICE)
        node.pay(mug.address, PRICE)
        node.mine(1)
        shop.scan()
        tea.is_still("unconfirmed")
        mug.is_still("confirmed")
        for genesis, trouble in ((other, "main (Litecoin)"), (GENESIS, "main (Bitcoin)")):
            with Proxy(node, main_chain(genesis)) as proxy:
                shop.environment.update(
                    LTC_RPC_URL=url(proxy, "/wallet/ltc"), BTC_RPC_URL=url(proxy, "/wallet/btc"))
                output = shop.failing_scan()
                assert trouble in output, output
        tea.is_still("unconfirmed")


if __name__ == "__main__":
    main(funded_node)
