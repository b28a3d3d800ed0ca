"""What an order asks for, read back by others: links by parsers that are not ours, QR pictures by zbarimg."""

import contextlib
import html
import http.client
import json
import re
import sqlite3
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from decimal import Decimal

from buyer import ADDRESS
from firefox import ROOT, free_port
from world import World

ETH_XPUB = "xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP"
BTC_ZPUB = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
# Source: BIP-86, the first address of its vectors.
TAPROOT = "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"
MONERO = "46BN3P4tsCMNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTJmDHf39"
CONTRACT = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"

# The wallet, what one piece costs in Gwei, a part of it in coins, and how the link is read.
COINS = {
    "BTC": ({"xpub": BTC_ZPUB}, 6_199_010, "0.001", {}),
    "XMR": ({"address": MONERO}, 1_230_000_001, "0.23", {}),
    "ETH": ({"xpub": ETH_XPUB}, 91_990_001, "0.05", {"chain": "1", "decimals": 18}),
    "POL": ({"xpub": ETH_XPUB, "chain": 137}, 999_000_000_007, "123.456789012", {"chain": "137", "decimals": 18}),
    "TICKET": ({"xpub": ETH_XPUB, "token": CONTRACT, "decimals": 0},
               7_000_000_000, "3", {"chain": "1", "decimals": 0, "is_token": True}),
    "USDC": ({"xpub": ETH_XPUB, "chain": 10, "token": CONTRACT, "decimals": 6},
             12_345_678_000, "0.000001", {"chain": "10", "decimals": 6, "is_token": True}),
    "DAI": ({"xpub": ETH_XPUB, "token": CONTRACT, "decimals": 18},
            999_123_456_789, "0.5", {"chain": "1", "decimals": 18, "is_token": True}),
}


def catalog(coins):
    wallets = {"_model": "Wallet"}
    for name, (wallet, _, _, _) in coins.items():
        wallets[name.lower()] = {"currency": name, **wallet}
    prices = [{"price": price, "wallet": "->wallets." + name.lower()} for name, (_, price, _, _) in coins.items()]
    return {"wallets": wallets, "products": {"_model": "Product", "tea": {"name": "Tea", "quantity": 99, "prices": prices}}}


class Browser:
    """Pages and forms without a browser: cookies, and nothing more."""

    def __init__(self, world):
        self.world, self.cookies = world, {}

    def ask(self, method, path, fields=None):
        connection = http.client.HTTPConnection(self.world.address)
        headers = {"Cookie": "; ".join("%s=%s" % pair for pair in self.cookies.items())} if self.cookies else {}
        body = None
        if fields is not None:
            body = urllib.parse.urlencode(fields)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, value = line.split(";")[0].split("=", 1)
            self.cookies[name] = value
        return answer.status, answer.read()

    def page(self, path):
        status, body = self.ask("GET", path)
        assert status == 200, (path, status, body)
        return body.decode()

    def sends(self, page, path, **fields):
        token = re.search(r'name="token" value="([^"]*)"', page).group(1)
        status, body = self.ask("POST", path, {"token": token, **fields})
        assert status == 303, (path, status, body.decode())

    def orders(self, currency):
        self.sends(self.page("/product/tea"), "/currency", currency=currency, back="/product/tea")
        self.sends(self.page("/product/tea"), "/cart", product="tea", option="", quantity="1")
        page = self.page("/checkout")
        shown = html.unescape(re.search(r'name="shown" value="([^"]*)"', page).group(1))
        self.sends(page, "/checkout", shown=shown, **ADDRESS)
        return mark(self.page("/order"), "order-ref")


def mark(page, name):
    found = re.search(r'id="%s"[^>]*>([^<]*)<' % name, page)
    return html.unescape(found.group(1)) if found else None


def link_of(page):
    return html.unescape(re.search(r'id="payment-link" href="([^"]*)"', page).group(1))


def read_picture(picture):
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(picture)
        file.flush()
        done = subprocess.run(["zbarimg", "--quiet", "--raw", file.name], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.removesuffix("\n")


def read_by_node(script, link):
    """By a package of npm's."""
    done = subprocess.run(["node", "-e", script, link], capture_output=True, text=True, cwd=ROOT / "tests/tools")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read_ethereum(link, chain, decimals, is_token=False):
    """By eth-url-parser, which MetaMask uses: address and coins."""
    told = read_by_node("console.log(JSON.stringify(require('eth-url-parser').parse(process.argv[1])))", link)
    assert told["chain_id"] == chain, told
    if is_token:
        assert (told["target_address"], told["function_name"]) == (CONTRACT, "transfer"), told
        address, units = told["parameters"]["address"], told["parameters"]["uint256"]
    else:
        assert "function_name" not in told, told
        address, units = told["target_address"], told["parameters"]["value"]
    assert re.fullmatch("[0-9]+", units), units
    return address, Decimal(units).scaleb(-decimals)


def read_bitcoin(link):
    told = read_by_node("console.log(JSON.stringify(require('bip21').decode(process.argv[1])))", link)
    assert list(told["options"]) == ["amount"], told
    return told["address"], Decimal(repr(told["options"]["amount"]))


@contextlib.contextmanager
def a_monero_wallet():
    """Monero's own wallet, without a network: gives what calls it."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        wallet = subprocess.Popen(
            ["monero-wallet-rpc", "--offline", "--rpc-bind-ip", "127.0.0.1", "--rpc-bind-port", str(port), "--disable-rpc-login",
             "--wallet-dir", folder, "--log-file", folder + "/log"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def call(method, **parameters):
            asked = json.dumps({"jsonrpc": "2.0", "id": "0", "method": method, "params": parameters}).encode()
            request = urllib.request.Request("http://127.0.0.1:%d/json_rpc" % port, asked, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=30) as answer:
                told = json.load(answer)
            assert "error" not in told, told
            return told["result"]

        try:
            end = time.monotonic() + 30
            while True:
                try:
                    call("create_wallet", filename="reader", password="", language="English")
                    break
                except (urllib.error.URLError, ConnectionError):
                    assert wallet.poll() is None and time.monotonic() < end, "monero-wallet-rpc does not answer"
                    time.sleep(0.05)
            yield call
        finally:
            wallet.terminate()
            wallet.wait()


def read_link(monero, currency, link, how):
    if currency == "BTC":
        return read_bitcoin(link)
    if currency == "XMR":
        told = monero("parse_uri", uri=link)["uri"]
        return told["address"], Decimal(told["amount"]).scaleb(-12)
    return read_ethereum(link, **how)


def asks(browser, monero, currency, how):
    """What the order's page asks for just now, the same in words, link and both pictures."""
    page = browser.page("/order")
    address, due, link = mark(page, "address"), mark(page, "due"), link_of(page)
    assert mark(page, "payment-uri") == link, page
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", due), due
    assert read_link(monero, currency, link, how) == (address, Decimal(due)), (link, address, due)
    assert read_picture(browser.ask("GET", "/order/qr.png")[1]) == link
    assert read_picture(browser.ask("GET", "/order/address.png")[1]) == address
    # What wallets take the contract for the recipient for is behind a choice, and the address comes first.
    first = page.index("/order/address.png") < page.index("/order/qr.png")
    assert first == bool(how.get("is_token")), page
    assert "Do not pay from an exchange" in page
    return page, Decimal(due)


def shows(page, receipt, amount, address):
    assert (mark(page, "amount"), mark(page, "address")) == (amount, address), page
    assert amount in receipt and address in receipt, receipt


def what_is_asked_for_is_read_back_by_others():
    with World(catalog(COINS)) as world, a_monero_wallet() as monero:
        for currency, (_, _, part, how) in COINS.items():
            browser = Browser(world)
            order_ref = browser.orders(currency)
            page, due = asks(browser, monero, currency, how)
            amount, address = mark(page, "amount"), mark(page, "address")
            assert due == Decimal(amount)
            print("   %s: %s" % (currency, link_of(page)))

            # The rest of it, to the same address.
            world.shop("orders", "partial", order_ref, part)
            page, due = asks(browser, monero, currency, how)
            assert due == Decimal(amount) - Decimal(part), (due, amount, part)
            shows(page, browser.page("/order/receipt.txt"), amount, address)

            # The same to the end, and nothing that invites to pay.
            for step in (("paid",), ("shipped",)):
                world.shop("orders", *step[:1], order_ref, *step[1:])
                page = browser.page("/order")
                shows(page, browser.page("/order/receipt.txt"), amount, address)
                assert mark(page, "due") == "0" and "payment-link" not in page and "qr.png" not in page, page
                assert [browser.ask("GET", "/order/%s.png" % name)[0] for name in ("qr", "address")] == [404, 404]


def long_addresses_fit_into_pictures():
    coins = {"BTC": ({"address": TAPROOT}, 2_099_999_999_999_990, "1", {}), "XMR": ({"address": MONERO}, 1_234_567_890_123, "1", {})}
    with World(catalog(coins)) as world, a_monero_wallet() as monero:
        browser = Browser(world)
        browser.orders("BTC")
        page, _ = asks(browser, monero, "BTC", {})
        assert mark(page, "address") == TAPROOT
        browser = Browser(world)
        browser.orders("XMR")
        address = mark(browser.page("/order"), "address")
        if len(address) < 106:
            # An integrated address, as a standard address' own wallet makes it.
            address = monero("make_integrated_address", standard_address=MONERO, payment_id="0123456789abcdef")["integrated_address"]
            change(world, "update invoices set address = '%s' where currency = 'XMR'" % address)
        assert len(address) == 106
        page = browser.page("/order")
        link = link_of(page)
        told = monero("parse_uri", uri=link)["uri"]
        assert (told["address"], Decimal(told["amount"]).scaleb(-12)) == (address, Decimal(mark(page, "amount"))), told
        assert read_picture(browser.ask("GET", "/order/qr.png")[1]) == link
        assert read_picture(browser.ask("GET", "/order/address.png")[1]) == address


def change(world, statement):
    with contextlib.closing(sqlite3.connect(world.home / "db/shop.sqlite", timeout=30)) as db:
        db.execute(statement)
        db.commit()
