"""Payment links and QR codes, read by independent parsers and by zbarimg."""

import contextlib
import html
import json
import re
import subprocess
import tempfile
from decimal import Decimal

from lib.rpc import MoneroProgram
from lib.run import test
from lib.shop import ETH_XPUB, ROOT, Shop, catalog_of

BTC_ZPUB = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
# Source: BIP-86, the first address of its vectors.
TAPROOT = "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"
MONERO = "46BN3P4tsCMNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTJmDHf39"
CONTRACT = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"

# The wallet, a price in Gwei, a partial payment in coins, and arguments for reading the link.
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
    wallets = {name.lower(): {"currency": name, **wallet} for name, (wallet, _, _, _) in coins.items()}
    prices = [{"price": price, "wallet": "->wallets." + name.lower()} for name, (_, price, _, _) in coins.items()]
    return catalog_of(wallets, tea={"name": "Tea", "quantity": 99, "prices": prices})


def order(shop, currency):
    """A browser with an order in this currency, and the order's page."""
    browser = shop.browser()
    browser.choose_currency(currency)
    return browser, browser.place_order("tea")


def link_of(page):
    return re.search(r'id="payment-link" href="([^"]*)"', html.unescape(page.text)).group(1)


def read_picture(picture):
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(picture)
        file.flush()
        result = subprocess.run(["zbarimg", "--quiet", "--raw", file.name], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return result.stdout.removesuffix("\n")


def read_by_node(script, link):
    """Parses a link with an npm package."""
    result = subprocess.run(["node", "-e", script, link], capture_output=True, text=True, cwd=ROOT / "tests/tools")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def read_ethereum(link, chain, decimals, is_token=False):
    """Address and coins, by eth-url-parser, which MetaMask uses."""
    parsed = read_by_node("console.log(JSON.stringify(require('eth-url-parser').parse(process.argv[1])))", link)
    assert parsed["chain_id"] == chain, parsed
    if is_token:
        assert (parsed["target_address"], parsed["function_name"]) == (CONTRACT, "transfer"), parsed
        address, units = parsed["parameters"]["address"], parsed["parameters"]["uint256"]
    else:
        assert "function_name" not in parsed, parsed
        address, units = parsed["target_address"], parsed["parameters"]["value"]
    assert re.fullmatch("[0-9]+", units), units
    return address, Decimal(units).scaleb(-decimals)


def read_bitcoin(link):
    parsed = read_by_node("console.log(JSON.stringify(require('bip21').decode(process.argv[1])))", link)
    assert list(parsed["options"]) == ["amount"], parsed
    return parsed["address"], Decimal(repr(parsed["options"]["amount"]))


@contextlib.contextmanager
def monero_wallet():
    """Monero's own wallet, offline."""
    with tempfile.TemporaryDirectory(prefix="shop-monero-") as folder:
        program = ["monero-wallet-rpc", "--offline", "--disable-rpc-login", "--wallet-dir", folder]
        with MoneroProgram(folder, *program) as wallet:
            wallet.call("create_wallet", filename="reader", password="", language="English")
            yield wallet.call


def read_link(monero, currency, link, how):
    if currency == "BTC":
        return read_bitcoin(link)
    if currency == "XMR":
        parsed = monero("parse_uri", uri=link)["uri"]
        return parsed["address"], Decimal(parsed["amount"]).scaleb(-12)
    return read_ethereum(link, **how)


def check_payment(browser, monero, currency, how):
    """Address and amount due are the same in the page's text, in the link and in both QR codes."""
    page = browser.page("/order")
    address, due, link = page.text_of("address"), page.text_of("due"), link_of(page)
    assert page.text_of("payment-uri") == link, page.text
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", due), due
    assert read_link(monero, currency, link, how) == (address, Decimal(due)), (link, address, due)
    assert read_picture(browser.page("/order/qr.png").body) == link
    assert read_picture(browser.page("/order/address.png").body) == address
    # For tokens, which wallets may send to the contract, the address comes before the link.
    first = page.text.index("/order/address.png") < page.text.index("/order/qr.png")
    assert first == bool(how.get("is_token")), page.text
    assert "Do not pay from an exchange" in page.text
    return page, Decimal(due)


def check_receipt(browser, page, amount, address, is_finished=False):
    receipt = browser.page("/order/receipt.txt").text
    assert page.text_of("amount") == amount, page.text
    assert 'id="address"' not in page.text if is_finished else page.text_of("address") == address, page.text
    assert amount in receipt and address in receipt, receipt


@test
def other_programs_read_payment_links_and_qr_codes_correctly():
    with Shop(catalog(COINS)).open() as shop, monero_wallet() as monero:
        for currency, (_, _, part, how) in COINS.items():
            browser, page = order(shop, currency)
            order_ref = page.text_of("order-ref")
            page, due = check_payment(browser, monero, currency, how)
            amount, address = page.text_of("amount"), page.text_of("address")
            assert due == Decimal(amount)
            print("   %s: %s" % (currency, link_of(page)))

            # The rest, to the same address.
            shop.run("orders", "partial", order_ref, part)
            page, due = check_payment(browser, monero, currency, how)
            assert due == Decimal(amount) - Decimal(part), (due, amount, part)
            check_receipt(browser, page, amount, address)

            # Once paid, amount and address stay, but nothing asks for a payment.
            for step in ("paid", "shipped"):
                shop.run("orders", step, order_ref)
                page = browser.page("/order")
                check_receipt(browser, page, amount, address, step == "shipped")
                assert page.text_of("due") == "0" and "payment-link" not in page.text and "qr.png" not in page.text, page.text
                assert [browser.fetch("/order/%s.png" % name).status for name in ("qr", "address")] == [404, 404]


@test
def long_addresses_fit_into_qr_codes():
    coins = {"BTC": ({"address": TAPROOT}, 2_099_999_999_999_990, "1", {}), "XMR": ({"address": MONERO}, 1_234_567_890_123, "1", {})}
    with Shop(catalog(coins)).open() as shop, monero_wallet() as monero:
        browser, _ = order(shop, "BTC")
        page, _ = check_payment(browser, monero, "BTC", {})
        assert page.text_of("address") == TAPROOT
        browser, page = order(shop, "XMR")
        address = page.text_of("address")
        if len(address) < 106:
            # An integrated address, made by Monero's wallet.
            address = monero("make_integrated_address", standard_address=MONERO, payment_id="0123456789abcdef")["integrated_address"]
            shop.change("update invoices set address = '%s' where currency = 'XMR'" % address)
        assert len(address) == 106
        page = browser.page("/order")
        link = link_of(page)
        assert read_link(monero, "XMR", link, {}) == (address, Decimal(page.text_of("amount"))), link
        assert read_picture(browser.page("/order/qr.png").body) == link
        assert read_picture(browser.page("/order/address.png").body) == address
