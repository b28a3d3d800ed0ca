#!/usr/bin/env python3
"""Drives the real shop with Firefox at Tor Browser's level "Safest", mutt, mblaze, exiftool, html-validate and axe.

Arguments select the tests whose names contain them.
"""

import json
import mailbox
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

# Imported for their tests.
import desk_day  # noqa: F401
import digital  # noqa: F401
import forged_mail  # noqa: F401
import links  # noqa: F401
import mutt_day  # noqa: F401
import order_page  # noqa: F401
import sealed_mutt  # noqa: F401
import siege  # noqa: F401
import story  # noqa: F401
from desk import every_page_of_the_desk
from lib.browser import Browser
from lib.buyer import add_to_cart, confirm_order, fill_checkout, open_order, place_order, report_transaction, review_order, send_message
from lib.firefox import Firefox
from lib.mail import Mutt
from lib.run import main, test
from lib.shop import NOTEBOOK, ROOT, SOLD_OUT, TEA, DeskShop, Shop, catalog_of, wait_for
from siege import end_siege, start_siege

TOOLS = ROOT / "tests/tools"


@test
def a_whole_purchase_at_safest():
    with Shop().open() as shop, Firefox() as firefox:
        firefox.size(1000, 900)
        firefox.go(shop.url + "/")
        assert "Demo shop: do not send money" in firefox.text(".demo")
        firefox.click('.card a[href="/product/%s"]' % NOTEBOOK)
        assert firefox.property(".pictures img", "naturalWidth") > 0
        firefox.click('#option option[value="Ruled"]')
        firefox.type("#quantity", "2")
        firefox.click(".buy button")
        assert firefox.text(".total") == "0.014 ETH", firefox.text(".total")
        firefox.type("#quantity-1", "3")
        firefox.click(".inline button")
        assert firefox.text(".total") == "0.021 ETH"
        firefox.click('.currencies button[value="BTC"]')
        assert firefox.url() == shop.url + "/cart" and firefox.text(".total") == "0.000699 BTC"
        firefox.click('.currencies button[value="ETH"]')
        firefox.click('a[href="/checkout"]')

        fill_checkout(firefox, city="", note="Please wrap it.", email="a@b")
        firefox.click(".checkout .primary")
        wait_for("the focus on the first wrong field", lambda: firefox.focused() == firefox.find("#city"), 5)
        assert firefox.attribute("#city", "aria-invalid") == "true"
        assert firefox.text("#" + firefox.attribute("#city", "aria-describedby")) == "Enter a city."
        assert firefox.property("#recipient", "value") == "Ada Byron"
        assert firefox.property("#note", "value") == "Please wrap it."
        firefox.type("#city", "London")
        firefox.type("#email", "")
        review_order(firefox)
        review = firefox.text("main")
        for text in ("3 × ", "0.0225 ETH", "Ada Byron", "SW1Y 4JH", "Please wrap it."):
            assert text in review, (text, review)
        firefox.click("button[formaction='/checkout/edit']")
        assert firefox.property("#note", "value") == "Please wrap it."
        confirm_order(firefox, shop)
        order_ref, code = firefox.text("#order-ref"), firefox.text("#code")
        assert len(code.split()) == 7
        assert firefox.text("#amount") == "0.0225", firefox.text("#amount")
        assert firefox.text("#address").startswith("0x")
        assert firefox.attribute("#payment-link", "href").startswith("ethereum:0x")
        assert firefox.property("#qr", "naturalWidth") >= 240, "a PNG shows where SVG does not"
        assert firefox.property("#qr", "naturalWidth") == int(firefox.attribute("#qr", "width"))
        assert len(shop.messages()) == 1 and "| Please wrap it." in shop.messages()[0].read_text()
        for name, cookie in firefox.cookies().items():
            assert cookie["httpOnly"] and cookie["sameSite"] == "Strict", name

        try:
            firefox.back()
        except AssertionError as error:
            # The browser has not cached the page, and shows that without a request.
            assert "notCached" in str(error)
        firefox.go(shop.url + "/checkout")
        assert firefox.url() == shop.url + "/cart", "the cart is empty: nothing can be ordered twice"
        firefox.go(shop.url + "/order")
        firefox.click('form[action="/order/noted"] button')
        assert not firefox.find_all("#code")
        firefox.click('form[action="/order/close"] button')
        assert firefox.attribute("#code", "name") == "code"
        assert "order" not in firefox.cookies() and "visitor" not in firefox.cookies() or firefox.find_all("#code")

        with Firefox() as elsewhere:
            open_order(elsewhere, shop, "abacus abdomen abdominal abide abiding ability ablaze")
            assert "could not find an order" in elsewhere.text("#code-error")
            elsewhere.type("#code", code)
            elsewhere.click("main .primary")
            assert elsewhere.text("#order-ref") == order_ref
            elsewhere.type("#transaction", "0x" + "ab" * 32)
            elsewhere.click("#transaction ~ *, form[action='/order/transaction'] button")
            assert elsewhere.attribute("#state", "data-state") == "reported"
        assert len(shop.messages()) == 2


@test
def a_purchase_takes_at_most_16_requests():
    """From the front page to the page of the order, with pictures and style sheet."""
    with Shop().open() as shop, Firefox() as firefox:
        firefox.count_requests()
        firefox.go(shop.url + "/")
        firefox.click('.card a[href="/product/%s"]' % TEA)
        firefox.click(".buy button")
        firefox.click('a[href="/checkout"]')
        fill_checkout(firefox)
        confirm_order(firefox, shop)
        # The icons of the browser's tabs come after the page.
        n = firefox.n_requests()
        assert 8 <= n <= 16, n
        return "%d requests" % n


@test
def back_asks_again_only_where_something_of_the_visitor_is_shown():
    with Shop().open() as shop, Firefox() as firefox:
        firefox.go(shop.url + "/")
        firefox.click('.card a[href="/product/%s"]' % TEA)
        firefox.count_requests()
        firefox.back()
        assert firefox.url() == shop.url + "/" and firefox.find_all(".card") and firefox.n_requests() == 0
        add_to_cart(firefox, shop, TEA)
        firefox.go(shop.url + "/product/" + NOTEBOOK)
        before = firefox.n_requests()
        firefox.back()
        assert firefox.url() == shop.url + "/cart" and before < firefox.n_requests()


@test
def a_first_visit_is_small():
    with Shop().open() as shop:
        for path, budget in (("/", 60), ("/product/" + NOTEBOOK, 50)):
            response = shop.browser().fetch(path, Accept_Encoding="gzip, deflate")
            page = response.body
            html = subprocess.run(["gzip", "-dc"], input=page, capture_output=True, check=True).stdout.decode()
            assert response.headers["Content-Encoding"] == "gzip"
            links = re.findall(r'(?:href|srcset)="(/(?:static|picture)/[^"]+\.(?:png|webp))"', html)
            sizes = {}
            for link in dict.fromkeys(links):
                response = shop.browser().fetch(link, Accept_Encoding="gzip, deflate")
                assert response.status == 200 and "immutable" in response.headers["Cache-Control"], link
                sizes[link] = len(response.body)
            total = len(page) + sum(sizes.values())
            print("   %s: page %d, pictures and icon %d in %d files, in total %d bytes" % (
                path, len(page), sum(sizes.values()), len(sizes), total))
            assert total <= budget * 1024, (path, total)
            assert path != "/" or len(page) <= 12 * 1024


def every_page(shop, firefox):
    """Opens each page of the shop, and yields its name."""
    for name, path in (
        ("start", "/"), ("list", "/product"), ("category", "/category/Tea"), ("search", "/search?q=tea"),
        ("search without results", "/search?q=zzzz"), ("product", "/product/" + TEA), ("product with options", "/product/" + NOTEBOOK),
        ("sold out", "/product/" + SOLD_OUT), ("empty cart", "/cart"), ("code form", "/order"), ("policy", "/policy"),
        ("about", "/page/about"), ("not found", "/nothing"),
    ):
        firefox.go(shop.url + path)
        yield name
    firefox.go(shop.url + "/product/" + TEA)
    firefox.type("#quantity", "99")
    firefox.click(".buy button")
    yield "refused product"
    add_to_cart(firefox, shop, TEA, quantity="2")
    yield "cart"
    firefox.go(shop.url + "/checkout")
    yield "checkout"
    firefox.type("#email", "a@b")
    firefox.click(".checkout .primary")
    yield "refused checkout"
    fill_checkout(firefox, email="")
    review_order(firefox)
    yield "review"
    start_siege(shop)
    firefox.go(shop.url + "/checkout")
    yield "checkout in siege mode"
    fill_checkout(firefox)
    review_order(firefox)
    yield "review in siege mode"
    firefox.type("#answer", "AAAAAA")
    firefox.click("form[action='/checkout/place'] .primary")
    yield "refused review in siege mode"
    firefox.go(shop.url + "/checkout")
    firefox.click("form#wait button")
    yield "wait"
    end_siege(shop)
    order_ref = place_order(firefox, shop)
    yield "order"
    # As a node reports it.
    for name, status, seen, settled in (("order seen in part", "unconfirmed", 4_000_000, 1_000_000), ("order overpaid", "overpaid", 10**9, 10**9)):
        shop.change("update invoices set seen = %d, settled = %d, confirmations = 2, needed = 12" % (seen, settled))
        shop.change("update orders set status = '%s'" % status)
        firefox.go(shop.url + "/order")
        yield name
    shop.change("update invoices set seen = null, settled = null")
    for status in ("reported", "oversold", "late", "expired", "refunded", "cancelled"):
        shop.change("update orders set status = '%s'" % status)
        firefox.go(shop.url + "/order")
        yield "order " + status
    firefox.click("form[action='/order/again'] button")
    yield "cart with an order again"
    shop.change("update orders set status = 'awaiting'")
    firefox.go(shop.url + "/order")
    firefox.type("#transaction", "0x1")
    firefox.click("form[action='/order/transaction'] button")
    yield "refused transaction"
    firefox.click("form[action='/order/message'] button")
    yield "refused message"
    send_message(firefox, "When will it come?\n" + "Ah" * 200)
    shop.run("orders", "note", order_ref, input="-----BEGIN PGP MESSAGE-----\n\n" + ("hF4D" * 16 + "\n") * 5 + "-----END PGP MESSAGE-----\n")
    shop.run("orders", "paid", order_ref)
    shop.run("orders", "shipped", order_ref, "RB123456785GB" * 9)
    firefox.go(shop.url + "/order")
    yield "conversation"
    firefox.click("details:has(#confirm) summary")
    firefox.click("form[action='/order/erase'] button")
    yield "refused erasure"
    firefox.click("#confirm")
    firefox.click("form[action='/order/erase'] button")
    yield "erased"
    firefox.type("#code", "a b c d e f g")
    firefox.click("main .primary")
    yield "refused code"


# Kinds of shops, and the function that opens their pages.
SITES = (Shop, every_page), (DeskShop, every_page_of_the_desk)


@test
def every_page_is_valid_html():
    for kind, pages in SITES:
        check_html(kind, pages)


def check_html(kind, pages):
    with kind().open() as shop, Firefox() as firefox, tempfile.TemporaryDirectory() as folder:
        rules = {"extends": ["html-validate:standard", "html-validate:a11y"], "rules": {
            # Matters of style, not of validity.
            "void-style": "off", "no-trailing-whitespace": "off", "attribute-boolean-style": "off", "attribute-empty-style": "off",
            "long-title": "off", "no-implicit-button-type": "off", "prefer-native-element": "off", "doctype-style": "off",
            # Firefox serializes its DOM, in which these are lost.
            "no-raw-characters": "off", "attr-quotes": "off", "no-inline-style": "error",
        }}
        config = pathlib.Path(folder) / "rules.json"
        config.write_text(json.dumps({"root": True, **rules}))
        # The pages as the server sends them, fetched with Firefox's cookies.
        for name in pages(shop, firefox):
            if name.startswith("refused"):
                text = "<!DOCTYPE html>\n" + firefox.source()
            else:
                cookies = {name: cookie["value"] for name, cookie in firefox.cookies().items()}
                address, path = firefox.url().removeprefix("http://").split("/", 1)
                text = Browser(address, cookies=cookies).fetch("/" + path).text
            (pathlib.Path(folder) / (name.replace(" ", "-") + ".html")).write_text(text)
        validator = [str(TOOLS / "node_modules/.bin/html-validate"), "--config", str(config), folder + "/*.html"]
        result = subprocess.run(validator, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr


@test
def every_page_is_accessible_in_light_and_dark():
    axe = (TOOLS / "node_modules/axe-core/axe.min.js").read_text()
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    faults = []
    for dark in (False, True):
        preferences = {"security.csp.enable": False, "layout.css.prefers-color-scheme.content-override": 0 if dark else 1}
        for kind, pages in SITES:
            with kind().open() as shop, Firefox(safest=False, preferences=preferences) as firefox:
                firefox.size(1000, 900)
                for name in pages(shop, firefox):
                    firefox.run(axe)
                    found = firefox.run_later(
                        "const [tags, done] = arguments; axe.run({runOnly: {type: 'tag', values: tags}}).then(r => done(r.violations))", tags)
                    look = "dark" if dark else "light"
                    for fault in found:
                        for node in fault["nodes"]:
                            faults.append("%s (%s): %s: %s\n      %s" % (name, look, fault["id"], node["html"][:160], node["failureSummary"][:300]))
    assert not faults, "\n".join(faults)


@test
def pages_fit_their_window_and_controls_are_large_enough():
    faults = []
    seen = set()
    for kind, pages in SITES:
        with kind().open() as shop, Firefox(safest=False, preferences={"security.csp.enable": False}) as firefox:
            for name in pages(shop, firefox):
                # Firefox's windows are at least 500 pixels wide; zoomed in, a page has 320.
                for width, zoom in ((480, 1.5), (480, 1), (600, 1), (1600, 1), (1000, 1)):
                    firefox.size(width, 900)
                    firefox.zoom(zoom)
                    inner, needed = firefox.run("return [document.documentElement.clientWidth, document.documentElement.scrollWidth]")
                    seen.add(inner)
                    if inner < needed:
                        faults.append("%s at %d: %d needed" % (name, inner, needed))
                for what, height in firefox.run(
                    "return [...document.querySelectorAll('button, input:not([type=hidden]):not([type=radio]):not([type=checkbox]), select, textarea, nav a, .button')]"
                    ".filter(e => e.getClientRects().length).map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect().height])"):
                    if height < 43.9:
                        faults.append("%s: %.1f pixels high: %s" % (name, height, what))
    assert min(seen) <= 330 and 1550 <= max(seen), sorted(seen)
    assert not faults, "\n".join(faults)


def two_orders(shop):
    with Firefox() as firefox:
        add_to_cart(firefox, shop, TEA, quantity="2")
        first = place_order(firefox, shop, note="Please wrap it as a gift, it is for somebody who would be glad of a parcel that is wrapped well.")
        report_transaction(firefox)
        add_to_cart(firefox, shop, NOTEBOOK, option="Ruled")
        return first, place_order(firefox, shop)


@test
def mutt_shows_one_readable_thread_per_order():
    with Shop().open() as shop:
        first, second = two_orders(shop)
        with Mutt(shop) as mutt:
            index = mutt.shows("Payment for order")
            lines = [line for line in index.splitlines() if "order" in line]
            assert len([line for line in lines if "New order" in line]) == 2, index
            threaded = [line for line in lines if "Payment for order %s" % first in line]
            assert len(threaded) == 1 and ("─>" in threaded[0] or "->" in threaded[0]), index
            message = mutt.shows("ITEMS", "1", "Enter", "Enter")
            assert "New order" in message
            body = message
            for _ in range(4):
                mutt.press("Space")
                time.sleep(0.3)
                body += mutt.shows(" ")
            assert "^M" not in body and "=20" not in body and "=E2" not in body, body
            assert "  | Ada Byron" in body and "+" not in [line[:1] for line in body.splitlines()], body
            assert all(len(line.rstrip()) <= 80 for line in body.splitlines())


@test
def other_mail_readers_show_the_same_messages():
    with Shop().open() as shop:
        first, second = two_orders(shop)
        listed = subprocess.run(["mlist", str(shop.home / "mailorders")], capture_output=True, text=True, check=True).stdout.split()
        assert len(listed) == 3
        text = subprocess.run(["mshow", *listed], capture_output=True, text=True, check=True).stdout
        of_python = {message["subject"] for message in mailbox.Maildir(shop.home / "mailorders", create=False)}
        assert of_python == {"New order %s - unpaid" % first, "New order %s - unpaid" % second, "Payment for order %s: reported" % first}, of_python
        for subject in of_python:
            assert subject in text, text
        assert "  | Ada Byron" in text


@test
def exiftool_finds_no_metadata_in_the_pictures():
    catalog = catalog_of(
        {"eth": {"currency": "ETH", "address": "0x52908400098527886E0F7030069857D2E4169EE7"}},
        bowl={"name": "Ash Bowl", "price": 25000000, "images": ["bowl.jpg"]})
    with Shop(catalog_of({})).open() as shop:
        picture = shop.home / "db/images/bowl.jpg"
        shutil.copy(ROOT / "db/images/teapot.jpg", picture)
        subprocess.run(["exiftool", "-q", "-overwrite_original", "-GPSLatitude=48.1", "-GPSLatitudeRef=N", "-GPSLongitude=11.5", "-GPSLongitudeRef=E",
                        "-Artist=Ada Byron", "-Orientation#=6", "-Comment=my kitchen", "-XMP:Creator=Ada", "-IPTC:City=London", "-SerialNumber=12345", str(picture)], check=True)
        (shop.home / "db/data.json").write_text(json.dumps(catalog))
        shop.run("seed", "db/data.json")
        files = sorted((shop.home / "db/pictures").iterdir())
        assert len(files) == 6, files
        allowed = {"SourceFile", "ExifTool", "File", "Composite"}
        structure = {"RIFF:ImageWidth", "RIFF:ImageHeight", "RIFF:VP8Version", "RIFF:HorizontalScale", "RIFF:VerticalScale",
                     "JFIF:JFIFVersion", "JFIF:ResolutionUnit", "JFIF:XResolution", "JFIF:YResolution"}
        metadata = json.loads(subprocess.run(["exiftool", "-j", "-G", *map(str, files)], capture_output=True, text=True, check=True).stdout)
        for tags in metadata:
            unexpected = {tag for tag in tags if tag.split(":")[0] not in allowed and tag not in structure}
            assert not unexpected, (tags["SourceFile"], unexpected)
            assert not {tag for tag in tags if "Comment" in tag or "GPS" in tag}, tags


@test
def a_newcomer_sells_their_own_product():
    with Shop().open() as shop:
        catalog = json.loads(re.search(r"```json\n(.*?)```", (ROOT / "README.md").read_text(), re.S).group(1))
        shutil.copy(ROOT / "db/images/teapot.jpg", shop.home / "db/images/bowl.jpg")
        (shop.home / "db/data.json").write_text(json.dumps(catalog))
        shop.run("seed", "--check", "db/data.json")
        shop.run("seed", "db/data.json")
        with Firefox() as firefox:
            firefox.go(shop.url + "/")
            assert not firefox.find_all(".demo"), "these are not the demo's wallets"
            firefox.click(".card a")
            assert firefox.text("h1") == "Ash Bowl" and firefox.text(".price") == "0.025 ETH" and firefox.text(".stock") == "Only 3 left"
            assert firefox.property(".pictures img", "naturalWidth") == 800
            firefox.click(".buy button")
            order_ref = place_order(firefox, shop)
            assert firefox.text("#address") == "0x52908400098527886E0F7030069857D2E4169EE7"
        with Mutt(shop) as mutt:
            assert "New order %s - unpaid" % order_ref in mutt.shows(order_ref)
            message = mutt.shows("ITEMS", "Enter")
            assert "Ash Bowl" in message and "0.025" in message, message


if __name__ == "__main__":
    main()
