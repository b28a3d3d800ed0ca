"""What a document assumes before a block: `<!-- given: an own catalog -->` runs `an_own_catalog`."""

import json
import shutil
import sqlite3
import subprocess

from lib.shop import faketime

# A publicly known test address.
REFUND = "0x52908400098527886E0F7030069857D2E4169EE7"


def order(page, product=None, currency="ETH", name=None):
    """Places an order, and returns its number. Its buyer is `page.buyers[name]`."""
    browser = page.buyers[name] = page.browser()
    if currency != "ETH":
        browser.choose_currency(currency)
    fields = {"refund": REFUND} if currency == "ETH" else {}
    product = product or page.product()
    return browser.place_order(product, **fields).text_of("order-ref")


def ordered(page, ref, status=None, **more):
    """An order that the document calls `ref`."""
    if ref not in page.words:
        page.words[ref] = order(page, name=ref, **more)
    if status:
        change(page, "update orders set status = '%s' where order_ref = '%s'" % (status, page.words[ref]))


def change(page, statement):
    """Changes the database directly."""
    with sqlite3.connect(page.home / "db/shop.sqlite", timeout=30) as db:
        db.executescript(statement)


def write_catalog(page, catalog, name="db/data.json"):
    (page.home / name).write_text(json.dumps(catalog))


def without_pictures(page):
    """Rendering them takes seconds. Where a document imports the demo itself, it has them."""
    catalog = page.catalog()
    for product in catalog["products"].values():
        if isinstance(product, dict):
            product.pop("images", None)
            product.pop("alt", None)
    write_catalog(page, catalog)


def a_shop(page):
    without_pictures(page)
    page.shop("seed", "db/data.json")


def an_open_shop(page):
    page.browser()


def an_own_catalog(page):
    """Without the demo's wallets."""
    catalog = page.catalog()
    catalog["wallets"] = {"_model": "Wallet", "eth": {"currency": "ETH", "address": REFUND}}
    only_eth = json.loads(json.dumps(catalog), object_hook=lambda record: {
        name: [price for price in value if price.get("wallet") == "->wallets.eth"] if name in ("prices", "less") else value
        for name, value in record.items()})
    products = only_eth["products"]
    only_eth["products"] = {name: product for name, product in products.items() if name == "_model" or product.get("prices")}
    write_catalog(page, only_eth)


def gpg(page, *words):
    return subprocess.run(["gpg", *words], env=page.environment, capture_output=True, text=True, check=True).stdout


def a_key(page):
    gpg(page, "--quick-gen-key", "seller", "ed25519", "cert", "never")
    gpg(page, "--quick-add-key", page.fingerprint(), "cv25519", "encr", "2y")


def a_shop_with_a_key(page):
    a_shop(page)
    a_key(page)
    (page.home / "db/seller.asc").write_text(gpg(page, "--armor", "--export"))


def tor_with_this_torrc(page):
    """Tor without a network: it creates onion services, and nobody can reach them."""
    data = page.home.parent / "tor"
    data.mkdir(mode=0o700)
    lines = (page.here / "torrc").read_text() + "SocksPort 0\nDataDirectory %s\n" % data
    (data / "torrc").write_text(lines)
    page.start("exec tor -f %s" % (data / "torrc"), ["…Opened Control listener"])


def a_desk_behind_tor(page):
    (page.here / "torrc").write_text("ControlPort 9051\nCookieAuthentication 1\n")
    tor_with_this_torrc(page)
    (page.here / ".env").write_text("DESK_LISTEN=127.0.0.1:3001\n")
    page.serve("shop serve --tor", ["and at"])


def a_picture_of_the_bowl(page):
    (page.home / "db/images/teapot.jpg").rename(page.home / "db/images/bowl.jpg")


def a_catalog_with_errors(page):
    eth, btc = {"currency": "ETH", "address": "0x123abc"}, page.catalog()["wallets"]["btc"]
    write_catalog(page, {
        "wallets": {"_model": "Wallet", "eth": eth, "btc": btc},
        "products": {
            "_model": "Product",
            "shirt": {"name": "Shirt", "price": 0.5},
            "mug": {"name": "Mug", "prices": [{"price": 123456, "wallet": "->wallets.btc"}]}}}, "bad.json")


def a_catalog_changed_at_the_desk(page):
    """With a discount and other prices than the file's."""
    file = (page.home / "db/data.json").read_text()
    catalog = page.catalog()
    catalog["discounts"]["spring"] = {"code": "SPRING", "percent": 10}
    write_catalog(page, catalog)
    page.shop("seed", "db/data.json")
    page.shop("catalog", "reprice", "--by", "+10%", "--yes")
    (page.home / "db/data.json").write_text(file)


def two_products_with_less_stock(page):
    page.shop("seed", "db/data.json", "--over-desk")
    for product in ("green-tea-spring-harvest", "stoneware-teapot"):
        page.shop("orders", "paid", order(page, product))


def products_with_codes(page):
    catalog = page.catalog()
    price = [{"price": 9000000, "wallet": "->wallets.eth"}]
    (page.home / "db/codes").mkdir()
    (page.home / "db/codes/game.txt").write_text("".join("KEY-%05d\n" % n for n in range(200)))
    catalog["products"]["key"] = {"name": "Game key", "kind": "digital", "codes": "game.txt", "prices": price}
    write_catalog(page, catalog)


def an_order_due_for_deletion(page):
    ordered(page, "89YWNCV65K")
    page.shop("orders", "cancel", page.words["89YWNCV65K"])
    change(page, "update orders set finished_at = finished_at - 40 * 86400")


def a_clock_that_is_ahead(page):
    """By twenty days, for the shop that runs and for the commands that follow."""
    page.end_services()
    page.environment.update(faketime(), FAKETIME="+20d")
    page.browser()


def a_copy_from_before_an_update(page):
    a_shop(page)
    shutil.copy(page.home / "db/shop.sqlite", page.home / "db/shop.sqlite.before-update")


def three_orders(page):
    ordered(page, "89YWNCV65K", currency="XMR", status="expired")
    ordered(page, "JCRVB581FA", currency="BTC", status="reported")
    ordered(page, "J86YVETJ22", status="reported")


def an_older_unpaid_order(page):
    """Three of them, of an hour ago."""
    for ref in ("0C3W5ZPRVA", "7QJ2T8XH4M", "B9E6YKD1NS"):
        ordered(page, ref)
        change(page, "update invoices set until = until - 3600 where order_id = (select id from orders where order_ref = '%s')" % page.words[ref])


def a_busy_morning(page):
    """Orders of yesterday are finished; of the new ones one is paid, one was answered, two are new."""
    change(page, "update orders set placed_at = placed_at - 3 * 86400, finished_at = finished_at - 40 * 86400 where status = 'cancelled'")
    ordered(page, "DKMNWXT079", "confirmed")
    browser = page.buyers["JCRVB581FA"]
    browser.submit(browser.page("/order"), "/order/message", message="When will it come?")
    ordered(page, "K3QF0W2ZD7")
    ordered(page, "QZB4M1T6XE", "oversold")


def a_reference_currency(page):
    a_shop(page)
    (page.home / ".env").write_text("PRICE_IN=EUR\n")


def a_blanket_for_euros(page):
    catalog = page.catalog()
    blanket = catalog["products"]["blanket"]
    blanket["prices"] = [{"price": 28000000, "wallet": "->wallets.eth"}, {"price": 7500, "currency": "EUR"}]
    catalog["products"] = {"_model": "Product", "blanket": blanket}
    write_catalog(page, catalog)
    page.shop("seed", "db/data.json")


def invalid_settings(page):
    (page.home / ".env").write_text("SITE_URL=shop\nPAYMENT_MINUTES=soon\n")


def twelve_orders(page):
    for _ in range(12):
        paid = order(page)
    page.shop("orders", "paid", paid)
    for _ in range(4):
        order(page)
