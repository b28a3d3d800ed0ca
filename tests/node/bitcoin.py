"""Payments in Bitcoin, followed by the real program on a real node.

The node is Debian's `litecoind` on a regtest chain: Bitcoin Core 0.21's JSON-RPC, wallet, pool and chain under another name.
The scripts of the shop's addresses are the same there, their way of writing is another (bc1… here, rltc1… there).

What it cannot show of Bitcoin Core:
- descriptor wallets, the only ones since Bitcoin Core 30: Debian builds litecoind without SQLite. A door in between plays them
  (`PlaysDescriptors`): it takes what Core's documentation says, has the checksums checked by litecoind, and gives the scripts
  to a wallet of the older kind;
- that every node replaces every unconfirmed transaction (Core since 28): litecoind does so where the sender marked it, and
  here it is told to;
- the search of the pool at the end of a rescan (Core since 25): litecoind sees what was in the pool before the order's script
  was known once it is in a block;
- pruning: litecoind throws away whole files of blocks, and a chain of tests never fills one. The door plays a pruned node;
- the main chain: its size, its speed, its peers.

    python3 tests/node/bitcoin.py [NAME…]
"""

import base64
import contextlib
import hashlib
import http.client
import http.server
import importlib.util
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
specification = importlib.util.spec_from_file_location("soak_parts", ROOT / "tests/soak/parts.py")
soak = importlib.util.module_from_spec(specification)
specification.loader.exec_module(soak)
wait_for = soak.wait_for

# Source: BIP-84, the mnemonic "abandon … about"; m/84'/0'/0'.
ZPUB = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
# Source: BIP-173.
SHARED = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
# Units: satoshi; what one piece costs.
PRICE = 100_000
# What the seller's bitcoin.conf lets the shop ask (docs/SELLER.md), and the older wallets' own word.
ASKED = (
    "getblockchaininfo,getblockhash,getblockheader,getmempoolentry,decodescript,getdescriptorinfo,createwallet,loadwallet,"
    "getwalletinfo,getaddressinfo,getaddressesbylabel,importdescriptors,rescanblockchain,listsinceblock,importmulti")
LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def script_of(address):
    """Source: BIP-173; version 0 alone, whose checksum the shop has made."""
    digits = [LETTERS.index(letter) for letter in address.rpartition("1")[2]][1:-6]
    bits = "".join(format(digit, "05b") for digit in digits)
    program = bytes(int(bits[at:at + 8], 2) for at in range(0, len(bits) - 7, 8))
    return "00%02x%s" % (len(program), program.hex())


def coins(satoshi):
    return "%d.%08d" % divmod(satoshi, 100_000_000)


def free_port():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


class Refused(Exception):
    pass


class Node:
    """litecoind on loopback, without peers, in a folder of its own; `miner` is a wallet with coins."""

    def __init__(self, *arguments, chain="-regtest"):
        self.folder = tempfile.TemporaryDirectory(prefix="shop-litecoin-")
        self.port, self.chain, self.arguments, self.process = free_port(), chain, arguments, None

    def start(self):
        with open(self.folder.name + "/said", "a") as said:
            self.process = subprocess.Popen(
                ["litecoind", self.chain, "-datadir=" + self.folder.name, "-listen=0", "-connect=0", "-dnsseed=0", "-server",
                 "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1", "-rpcport=%d" % self.port, "-rpcuser=seller",
                 "-rpcpassword=secret word", "-rpcauth=" + rpcauth("shop", "p@ss"), "-rpcwhitelist=shop:" + ASKED,
                 "-rpcwhitelistdefault=0", "-fallbackfee=0.0001", "-dbcache=16", "-mempoolreplacement=1", *self.arguments],
                stdout=said, stderr=said)
        wait_for("the node answers", self.is_up, 30)
        return self

    def is_up(self):
        try:
            return self("getblockcount") is not None
        except (OSError, Refused, http.client.HTTPException):
            return False

    def with_coins(self, n=110):
        self("createwallet", "miner")
        self.mine(n)
        return self

    def end(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(60)

    def __call__(self, method, *params, wallet=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        login = base64.b64encode(b"seller:secret word").decode()
        connection.request(
            "POST", "/wallet/" + wallet if wallet else "/", json.dumps({"id": 1, "method": method, "params": params}),
            {"Authorization": "Basic " + login})
        answer = json.loads(connection.getresponse().read())
        if answer["error"]:
            raise Refused(answer["error"])
        return answer["result"]

    def mine(self, n=1):
        return self("generatetoaddress", n, self("getnewaddress", wallet="miner"))

    def here(self, address):
        """The same address, as this chain writes it."""
        return self("decodescript", script_of(address))["addresses"][0]

    def pay(self, address, satoshi):
        """The transaction's id; the sender reserves to replace it."""
        return self("sendtoaddress", self.here(address), coins(satoshi), "", "", False, True, wallet="miner")

    def replace(self, transaction, *outputs):
        """Another transaction spends the same coins, at a higher fee: to these, and the rest to the miner."""
        sent = self("gettransaction", transaction, True, True, wallet="miner")["decoded"]
        spent = [(one["txid"], one["vout"]) for one in sent["vin"]]
        value = sum(
            round(self("gettransaction", id, True, True, wallet="miner")["decoded"]["vout"][n]["value"] * 100_000_000)
            for id, n in spent)
        rest = value - sum(satoshi for _, satoshi in outputs) - 1_000_000
        made = self(
            "createrawtransaction", [{"txid": id, "vout": n, "sequence": 0xFFFFFFFD} for id, n in spent],
            [{self.here(address): coins(satoshi)} for address, satoshi in outputs]
            + [{self("getnewaddress", wallet="miner"): coins(rest)}])
        signed = self("signrawtransactionwithwallet", made, wallet="miner")["hex"]
        return self("sendrawtransaction", signed, 0)

    def url(self, path=""):
        return "http://shop:p%%40ss@127.0.0.1:%d%s" % (self.port, path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end(signal.SIGKILL)
        self.folder.cleanup()


def rpcauth(user, password):
    """Source: Bitcoin Core, share/rpcauth/rpcauth.py."""
    import hmac
    salt = "00112233445566778899aabbccddeeff"
    return "%s:%s$%s" % (user, salt, hmac.new(salt.encode(), password.encode(), "SHA256").hexdigest())


class Door:
    """Stands before a node and counts; `before` may change what is asked, `after` what is answered."""

    def __init__(self, node, before=lambda call: call, after=lambda call, answer: answer):
        self.n_requests, self.n_calls = 0, 0
        door = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                batch = asked if isinstance(asked, list) else [asked]
                door.n_requests += 1
                door.n_calls += len(batch)
                inner = http.client.HTTPConnection("127.0.0.1", node.port, timeout=120)
                inner.request(
                    "POST", self.path, json.dumps([before(dict(call)) for call in batch]),
                    {"Authorization": self.headers["Authorization"]})
                answer = inner.getresponse()
                body = answer.read()
                if answer.status == 200:
                    answers = [after(call, told) for call, told in zip(batch, json.loads(body))]
                    body = json.dumps(answers if isinstance(asked, list) else answers[0]).encode()
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self):
        return "http://shop:p%%40ss@127.0.0.1:%d" % self.server.server_port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class PlaysDescriptors:
    """What Bitcoin Core's documentation says of descriptor wallets, done with a wallet of the older kind."""

    def __init__(self, node):
        self.node, self.imported = node, {}

    def before(self, call):
        if call["method"] == "createwallet":
            assert call["params"]["descriptors"] is True and call["params"]["blank"] is True, call
            call["params"] = {**call["params"], "descriptors": False}
        if call["method"] == "importdescriptors":
            (wanted,) = call["params"]
            for one in wanted:
                assert one.keys() <= {"desc", "timestamp", "label", "active", "range", "next_index", "internal"}, one
                assert isinstance(one["timestamp"], int) or one["timestamp"] == "now", one
                descriptor, _, checksum = one["desc"].partition("#")
                assert checksum == self.node("getdescriptorinfo", descriptor)["checksum"], one
                self.imported[descriptor] = one["label"]
            scripts = [
                {"scriptPubKey": re.fullmatch(r"raw\(([0-9a-f]+)\)#.{8}", one["desc"]).group(1), "timestamp": one["timestamp"],
                 "label": one["label"], "watchonly": True} for one in wanted]
            return {**call, "method": "importmulti", "params": [scripts]}
        assert call["method"] != "importmulti", "a descriptor wallet has no such method"
        return call

    def after(self, call, told):
        result = told.get("result")
        if result and call["method"] == "getwalletinfo":
            result.update(descriptors=True, format="sqlite")
        if result and call["method"] == "getaddressinfo":
            result.update(ismine=True, iswatchonly=False)
        if result and call["method"] == "decodescript":
            # Bitcoin Core since 22.
            result["address"] = result.pop("addresses")[0]
        return told


class Seller(soak.Shop):
    """A shop that sells tea for Bitcoin, open, and its `shop watch`."""

    def __init__(self, url, wallet=None, **settings):
        self.home_folder = tempfile.TemporaryDirectory(prefix="shop-bitcoin-")
        settings = {"CONFIRMATIONS": "BTC=2", "WATCH_SECONDS": "1", "BTC_RPC_URL": url, **settings}
        super().__init__(home=pathlib.Path(self.home_folder.name), **settings)
        (self.home / "db").mkdir()
        (self.home / "db/data.json").write_text(json.dumps({
            "wallets": {"_model": "Wallet", "btc": {"currency": "BTC", **(wallet or {"xpub": ZPUB})}},
            "products": {"_model": "Product", "tea": {
                "name": "Tea", "quantity": 100_000, "prices": [{"price": PRICE * 10, "wallet": "->wallets.btc"}]}},
        }))
        self.watcher = None
        done = self.command("seed", "db/data.json")
        assert done.returncode == 0, done.stderr
        self.open()

    def command(self, *arguments):
        return subprocess.run(
            [self.program, *arguments], cwd=self.home, env=self.environment, capture_output=True, text=True, timeout=300)

    def looks(self):
        """One look, where all is well."""
        done = self.command("watch", "--once")
        assert done.returncode == 0, done.stdout + done.stderr

    def doubts(self):
        """One look that decides nothing, and why."""
        done = self.command("watch", "--once")
        assert done.returncode == 1, done.stdout
        assert "p@ss" not in done.stderr and "p%40ss" not in done.stderr, done.stderr
        return done.stderr

    def watches(self):
        with open(self.home / "watch.log", "a") as log:
            self.watcher = subprocess.Popen([self.program, "watch"], cwd=self.home, stdout=log, stderr=log, env=self.environment)

    def rests(self):
        if self.watcher:
            self.watcher.terminate()
            self.watcher.wait(60)
            self.watcher = None

    def sells(self, quantity=1):
        return Buyer(self, quantity)

    def __exit__(self, *exit):
        self.rests()
        super().__exit__(*exit)
        self.home_folder.cleanup()


class Buyer:
    def __init__(self, seller, quantity):
        self.browser = seller.browser()
        form = self.browser.fills_cart("tea", quantity=quantity)
        answer = self.browser.ask("/checkout", form)
        assert answer.status == 303, answer
        page = self.page()
        self.order_ref, self.address = page.mark("order-ref"), page.mark("address")
        # In whole satoshi, or the wallet could not send it.
        whole, _, decimals = page.mark("amount").partition(".")
        assert len(decimals) <= 8, page.mark("amount")
        self.amount = int(whole) * 100_000_000 + int(decimals.ljust(8, "0"))

    def page(self):
        return self.browser.ask("/order")

    def state(self):
        return re.search(r'data-state="([^"]+)"', self.page().text).group(1)

    def due(self):
        return self.page().mark("due")

    @property
    def shown(self):
        return " ".join(re.sub(r"<[^>]+>", " ", self.page().text).split())


def check(buyer, expected):
    state = buyer.state()
    assert state == expected, "%s, and should be %s: %s" % (state, expected, buyer.page())


def the_whole_walk(node):
    """Exact, in two parts, under, over; seen at once, counted when deep; taken back by the chain and returned; a node that was
    killed, blocks while nobody looked."""
    with Seller(node.url()) as seller:
        exact, parts, under, over, idle = (seller.sells() for _ in range(5))
        assert len({buyer.address for buyer in (exact, parts, under, over, idle)}) == 5
        seller.watches()
        wait_for("the wallet looks for all", lambda: len(labelled(node)) == 5, 30)

        node.pay(exact.address, PRICE)
        node.pay(parts.address, 40_000)
        node.pay(under.address, PRICE - 501)
        node.pay(over.address, PRICE + 501)
        for buyer in (exact, parts, under, over):
            wait_for("seen in no block yet", lambda: buyer.state() == "unconfirmed", 20)
        check(idle, "awaiting")
        node.mine()
        node.pay(parts.address, 60_000)
        node.mine()
        for buyer, state in ((exact, "confirmed"), (under, "partial"), (over, "overpaid"), (parts, "unconfirmed")):
            wait_for(state, lambda: buyer.state() == state, 20)
        assert under.due() == "0.00000501", under.due()
        newest = node.mine()[0]
        wait_for("both parts count", lambda: parts.state() == "confirmed", 20)

        # The chain takes the last block back, and returns it in another.
        node("invalidateblock", newest)
        wait_for("what was taken back counts no more", lambda: parts.state() == "unconfirmed", 20)
        assert exact.state() == "confirmed"
        node.mine(2)
        wait_for("and counts again", lambda: parts.state() == "confirmed", 20)

        # The seller spends what came, if he had the keys; the node dies, and the order is paid while nobody looks.
        node("gettxoutsetinfo")  # It writes down what it has.
        node.end(signal.SIGKILL)
        wait_for("the doubt is said", lambda: "does not answer" in (seller.home / "watch.log").read_text(), 20)
        check(idle, "awaiting")
        check(exact, "confirmed")
        seller.rests()
        node.start()
        node("loadwallet", "miner")
        node.mine()
        late = seller.sells()
        node.pay(idle.address, PRICE)
        node.pay(late.address, PRICE)
        node.mine(30)
        check(idle, "awaiting")
        seller.watches()
        for buyer in (idle, late):
            wait_for("blocks that came meanwhile are read", lambda: buyer.state() == "confirmed", 20)
        seller.rests()
        messages = [path.read_text(errors="replace") for path in seller.messages()]
        assert any(idle.order_ref in text for text in messages)


def labelled(node):
    try:
        return node("getaddressesbylabel", "shop", wallet="shop")
    except Refused:
        return []


def replaced_by_fee(node):
    """A payment in no block can be taken back by its sender; its fee can be raised, and it is the same payment."""
    with Seller(node.url()) as seller:
        cheated, raised = seller.sells(), seller.sells()
        seller.looks()
        taken = node.pay(cheated.address, PRICE)
        risen = node.pay(raised.address, PRICE)
        seller.looks()
        check(cheated, "unconfirmed")
        check(raised, "unconfirmed")
        node.replace(risen, (raised.address, PRICE))
        node.replace(taken)
        seller.looks()
        check(raised, "unconfirmed")
        assert "Payment no longer detected" in cheated.shown, cheated.shown
        node.mine(2)
        seller.looks()
        check(raised, "confirmed")
        # Nobody is asked to pay twice: the buyer asks the seller, or it runs out.
        assert cheated.state() == "unconfirmed" and cheated.due() == "0", cheated.shown


def reorganised_at_each_depth(node):
    """What the chain takes back at any depth is unconfirmed again, and counts once it is back; what contradicts it ends it."""
    with Seller(node.url(), CONFIRMATIONS="BTC=4") as seller:
        buyer = seller.sells()
        seller.looks()
        node.pay(buyer.address, PRICE)
        for depth in range(1, 6):
            blocks = node.mine(depth)
            seller.looks()
            check(buyer, "confirmed" if 4 <= depth else "unconfirmed")
            node("invalidateblock", blocks[0])
            seller.looks()
            check(buyer, "unconfirmed")
        # Another branch holds a transaction that spends the same coins.
        double = seller.sells()
        seller.looks()
        sent = node.pay(double.address, PRICE)
        blocks = node.mine(4)
        seller.looks()
        check(double, "confirmed")
        check(buyer, "confirmed")
        node("invalidateblock", blocks[0])
        node.replace(sent)
        node.mine(5)
        seller.looks()
        check(double, "unconfirmed")
        assert double.due() == "0" and "no longer detected" in double.shown, double.shown
        check(buyer, "confirmed")


def the_chains_own_time(node):
    """An order runs out by the time of the blocks, and what comes after that is late."""
    with Seller(node.url(), PAYMENT_MINUTES="240") as seller:
        in_time, too_late, never = (seller.sells() for _ in range(3))
        seller.looks()
        node.pay(in_time.address, PRICE)
        seller.looks()
        # Five hours on, by the blocks: eleven make the median, one more lies above. While this host's clock stands
        # back, such blocks are not believed.
        node("setmocktime", int(time.time()) + 5 * 3600)
        node.mine(1)
        said = seller.doubts()
        assert "ahead of this host's clock" in said, said
        library = next(iter(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
        assert library, "libfaketime is missing: scripts/install-test-tools"
        seller.environment.update(
            LD_PRELOAD=str(library), FAKETIME="+5h", FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1")
        node.mine(4)
        seller.looks()
        check(never, "awaiting")
        node.mine(8)
        seller.looks()
        check(in_time, "confirmed")
        check(too_late, "expired")
        node.pay(too_late.address, PRICE)
        node.mine(2)
        seller.looks()
        check(too_late, "late")
        check(never, "expired")


def shared_address(node):
    """At an address that orders share, the exact amount says whose a payment is."""
    with Seller(node.url("/wallet/shared"), wallet={"address": SHARED}) as seller:
        one, other, third = (seller.sells() for _ in range(3))
        assert one.address == other.address == third.address == SHARED
        assert len({buyer.amount for buyer in (one, other, third)}) == 3
        seller.looks()
        node.pay(SHARED, other.amount)
        node.pay(SHARED, third.amount + 1_000)
        node.pay(SHARED, one.amount // 2)
        seller.looks()
        check(other, "unconfirmed")
        check(one, "awaiting")
        check(third, "awaiting")
        node.mine(2)
        seller.looks()
        check(other, "confirmed")
        check(one, "awaiting")
        check(third, "awaiting")


def lost_wallets(node):
    """A wallet that is shut, lost or somebody's own; a node that was exchanged."""
    with Seller(node.url("/wallet/lost")) as seller:
        buyer = seller.sells()
        seller.looks()
        assert node("getwalletinfo", wallet="lost")["private_keys_enabled"] is False
        node.pay(buyer.address, PRICE)
        node.mine(2)
        node("unloadwallet", "lost")
        seller.looks()
        check(buyer, "confirmed")
        # Lost with its files: what came is found again, or the order would fall back.
        node("unloadwallet", "lost")
        (pathlib.Path(node.folder.name) / "regtest/wallets/lost/wallet.dat").unlink()
        subprocess.run(["rm", "-r", node.folder.name + "/regtest/wallets/lost"], check=True)
        seller.looks()
        check(buyer, "confirmed")
        assert node("getwalletinfo", wallet="lost")["txcount"] == 1
        # Without a memory, as after another database.
        done = seller.command("watch", "--stop")
        assert done.returncode == 0, done.stderr
        seller.looks()
        check(buyer, "confirmed")

        seller.environment["BTC_RPC_URL"] = node.url("/wallet/miner")
        assert "may contain private keys" in seller.doubts()
        seller.environment["BTC_RPC_URL"] = node.url("/wallet/../miner")
        assert "a wallet name" in seller.doubts()
        check(buyer, "confirmed")


def doubtful_nodes(node):
    """Whatever is strange decides nothing: no order is paid, falls back or runs out."""
    with Seller(node.url("/wallet/doubts")) as seller:
        paid, waiting = seller.sells(), seller.sells()
        seller.looks()
        node.pay(paid.address, PRICE)
        node.mine(2)
        seller.looks()
        node.pay(waiting.address, PRICE)
        node.mine(2)

        def doubts(words, after):
            with Door(node, after=after) as door:
                seller.environment["BTC_RPC_URL"] = door.url() + "/wallet/doubts"
                said = seller.doubts()
                assert words in said, said
            check(paid, "confirmed")
            check(waiting, "awaiting")

        def answers(method, change):
            def after(call, told):
                if call["method"] == method:
                    told["result"] = change(told["result"])
                return told
            return after

        def info(**more):
            return answers("getblockchaininfo", lambda result: {**result, **more})

        def payments(**more):
            return answers("listsinceblock", lambda result: {
                **result, "transactions": [{**one, **more} for one in result["transactions"]]})

        other = hashlib.sha256(b"another chain").hexdigest()
        doubts("serves chain", info(chain="test"))
        doubts("serves chain main (of another coin)", info(chain="main"))
        doubts("another first block", lambda call, told: {**told, "result": other} if (call["method"], call["params"]) == ("getblockhash", [0]) else told)
        doubts("still syncing", info(initialblockdownload=True))
        doubts("still syncing", info(headers=10_000))
        doubts("no longer has block", info(blocks=1, headers=1))
        doubts("minutes old", answers("getblockheader", lambda head: {**head, "time": head["time"] - 5 * 3600}))
        doubts("rescanning older blocks", answers("getwalletinfo", lambda told: {**told, "scanning": {"duration": 9, "progress": 0.5}}))
        doubts("without wallets", lambda call, told: {**told, "result": None, "error": {"code": -32601, "message": "Method not found"}} if call["method"] == "getwalletinfo" else told)
        doubts("still syncing", lambda call, told: {**told, "result": None, "error": {"code": -28, "message": "Loading block index…"}})
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

        # The user may not ask.
        seller.environment["BTC_RPC_URL"] = node.url().replace("p%40ss", "wrong")
        assert "rejected the user or password" in seller.doubts()
        seller.environment["BTC_RPC_URL"] = "http://127.0.0.1:%d" % free_port()
        assert "does not answer" in seller.doubts()
        # A real node of a real other network.
        with Node(chain="-testnet").start() as testnet:
            seller.environment["BTC_RPC_URL"] = testnet.url()
            assert "serves chain test" in seller.doubts()
        check(paid, "confirmed")
        check(waiting, "awaiting")
        seller.environment["BTC_RPC_URL"] = node.url("/wallet/doubts")
        seller.looks()
        check(waiting, "confirmed")


def pruned_node(node):
    """A pruned node is enough; an order that would need what it has thrown away is left to the seller."""
    height = node("getblockchaininfo")["blocks"]

    def pruned(lowest):
        def after(call, told):
            if call["method"] == "getblockchaininfo":
                told["result"].update(pruned=True, pruneheight=lowest)
            return told
        return after

    with Seller(node.url()) as seller:
        buyer = seller.sells()
        with Door(node, after=pruned(height)) as door:
            seller.environment["BTC_RPC_URL"] = door.url() + "/wallet/pruned"
            done = seller.command("watch", "--once")
            assert done.returncode == 0 and "cannot be tracked" in done.stderr and "expires" in done.stderr, done.stderr
            node.pay(buyer.address, PRICE)
            node.mine(2)
            seller.looks()
            check(buyer, "awaiting")
        with Door(node, after=pruned(0)) as door:
            seller.environment["BTC_RPC_URL"] = door.url() + "/wallet/pruned"
            seller.command("watch", "--stop")
            seller.looks()
            check(buyer, "confirmed")


def descriptor_wallets(node):
    """The wallets that Bitcoin Core makes, as far as its documentation tells."""
    play = PlaysDescriptors(node)
    with Door(node, play.before, play.after) as door, Seller(door.url() + "/wallet/descriptors") as seller:
        buyer, other = seller.sells(), seller.sells()
        seller.looks()
        assert play.imported == {"raw(%s)" % script_of(one.address): "shop" for one in (buyer, other)}, play.imported
        node.pay(buyer.address, PRICE)
        seller.looks()
        check(buyer, "unconfirmed")
        node.mine(2)
        play.imported.clear()
        seller.looks()
        check(buyer, "confirmed")
        check(other, "awaiting")
        assert not play.imported, "what is known is not imported again"


def a_thousand_orders(node, n=1000):
    """Figures: what a look costs with so many open orders, none of them paid and all."""
    with Door(node) as door, Seller(door.url() + "/wallet/thousand", MOST_UNPAID="5000") as seller:
        buyers = [seller.sells() for _ in range(n)]
        begun = time.monotonic()
        seller.looks()
        print("  %d orders are new to the wallet: %.1f s" % (n, time.monotonic() - begun))

        def look(what):
            requests, calls = door.n_requests, door.n_calls
            begun, used = time.monotonic(), os.times()
            seller.looks()
            now = os.times()
            print("  %s: %.0f ms, of which the shop computes %.0f ms; %d requests with %d calls" % (
                what, (time.monotonic() - begun) * 1000,
                (now.children_user + now.children_system - used.children_user - used.children_system) * 1000,
                door.n_requests - requests, door.n_calls - calls))

        look("nothing came (a new process)")
        outputs = {node.here(buyer.address): coins(PRICE) for buyer in buyers}
        for at in range(0, n, 250):
            node("sendmany", "", dict(list(outputs.items())[at:at + 250]), wallet="miner")
        look("all paid, in no block")
        node.mine(2)
        look("all confirmed, each order told")
        look("all confirmed")
        for buyer in buyers[::97]:
            check(buyer, "confirmed")

        # A process that goes on knows the addresses already.
        seller.environment["WATCH_SECONDS"] = "1"
        seller.watches()
        first = wait_for("a look", lambda: door.n_requests > 8 and door.n_requests, 60)
        wait_for("looks", lambda: door.n_requests >= first + 8, 60)
        requests, calls, used = door.n_requests, door.n_calls, cpu(seller.watcher.pid)
        wait_for("ten looks more", lambda: door.n_requests >= requests + 40, 60)
        looks = (door.n_requests - requests) / 4
        print("  a process that goes on: a look is 4 requests with %.0f calls, and the shop computes %.0f ms" % (
            (door.n_calls - calls) / looks, (cpu(seller.watcher.pid) - used) / looks * 1000))


def cpu(process):
    """Units: seconds."""
    fields = pathlib.Path("/proc/%d/stat" % process).read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


WALKS = [
    the_whole_walk, replaced_by_fee, reorganised_at_each_depth, the_chains_own_time, shared_address, lost_wallets, doubtful_nodes, pruned_node,
    descriptor_wallets, a_thousand_orders,
]


def main():
    wanted = sys.argv[1:]
    for walk in WALKS:
        if wanted and walk.__name__ not in wanted:
            continue
        begun = time.monotonic()
        with Node() as node:
            node.start().with_coins()
            walk(node)
        print("%s: %.1f s" % (walk.__name__.replace("_", " "), time.monotonic() - begun), flush=True)


if __name__ == "__main__":
    main()
