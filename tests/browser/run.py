#!/usr/bin/env python3
"""Drives the real shop with Firefox at Tor Browser's level "Safest", mutt, mblaze, exiftool, html-validate and axe.

Run by scripts/test. A name on the command line runs only the tests whose names hold it.
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
import traceback

from buyer import places_the_order, puts_into_cart, fills_the_form
from desk import DeskWorld, every_page_of_the_desk
from desk_day import a_newcomer_runs_the_shop_for_a_day
from firefox import ROOT, Firefox
from forged_mail import a_block_that_unpacks_to_very_much_stops, words_of_a_buyer_stay_behind_their_bar
from links import change, long_addresses_fit_into_pictures, what_is_asked_for_is_read_back_by_others
from mutt import Mutt, screen_of
from mutt_day import a_seller_lives_in_mutt, a_seller_lives_in_neomutt
from sealed_mutt import mutt_and_neomutt_open_sealed_letters_without_questions
from story import the_story_of_an_order, the_story_of_an_order_in_neomutt
from world import World

TOOLS = ROOT / "tests/tools"
TESTS = []
TEA, NOTEBOOK, SOLD_OUT = "green-tea-spring-harvest", "linen-notebook", "garden-lantern"


def test(function):
    TESTS.append(function)
    return function


@test
def a_whole_purchase_at_safest():
    with World() as world, Firefox() as firefox:
        firefox.size(1000, 900)
        firefox.go(world.url + "/")
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
        assert firefox.url() == world.url + "/cart" and firefox.text(".total") == "0.000699 BTC"
        firefox.click('.currencies button[value="ETH"]')
        firefox.click('a[href="/checkout"]')

        fills_the_form(firefox, city="", note="Please wrap it.", email="a@b")
        firefox.click(".checkout .primary")
        for _ in range(30):
            if firefox.focused() == firefox.find("#city"):
                break
            time.sleep(0.1)
        assert firefox.focused() == firefox.find("#city"), "the first wrong field has the focus"
        assert firefox.attribute("#city", "aria-invalid") == "true"
        assert firefox.text("#" + firefox.attribute("#city", "aria-describedby")) == "Enter a city."
        assert firefox.property("#recipient", "value") == "Ada Byron"
        assert firefox.property("#note", "value") == "Please wrap it."
        firefox.type("#city", "London")
        firefox.type("#email", "")
        firefox.click(".checkout .primary")

        assert firefox.url() == world.url + "/order", firefox.source()
        order_ref, code = firefox.text("#order-ref"), firefox.text("#code")
        assert len(code.split()) == 7
        assert firefox.text("#amount") == "0.0225", firefox.text("#amount")
        assert firefox.text("#address").startswith("0x")
        assert firefox.attribute("#payment-link", "href").startswith("ethereum:0x")
        assert firefox.property("#qr", "naturalWidth") >= 240, "a PNG shows where SVG does not"
        assert firefox.property("#qr", "naturalWidth") == int(firefox.attribute("#qr", "width"))
        assert len(world.messages()) == 1 and "| Please wrap it." in world.messages()[0].read_text()
        for name, cookie in firefox.cookies().items():
            assert cookie["httpOnly"] and cookie["sameSite"] == "Strict", name

        try:
            firefox.back()
        except AssertionError as error:
            # What was typed is not kept by the browser either: it says that the page is gone, and asks nothing of the shop.
            assert "notCached" in str(error)
        firefox.go(world.url + "/checkout")
        assert firefox.url() == world.url + "/cart", "the cart is empty: nothing can be ordered twice"
        firefox.go(world.url + "/order")
        firefox.click('form[action="/order/noted"] button')
        assert not firefox.find_all("#code")
        firefox.click('form[action="/order/close"] button')
        assert firefox.attribute("#code", "name") == "code"
        assert "order" not in firefox.cookies() and "visitor" not in firefox.cookies() or firefox.find_all("#code")

        with Firefox() as elsewhere:
            elsewhere.go(world.url + "/order")
            elsewhere.type("#code", "abacus abdomen abdominal abide abiding ability ablaze")
            elsewhere.click("main .primary")
            assert "could not find an order" in elsewhere.text("#code-error")
            elsewhere.type("#code", code)
            elsewhere.click("main .primary")
            assert elsewhere.text("#order-ref") == order_ref
            elsewhere.type("#transaction", "0x" + "ab" * 32)
            elsewhere.click("#transaction ~ *, form[action='/order/transaction'] button")
            assert elsewhere.attribute("#state", "data-state") == "reported"
        assert len(world.messages()) == 2


@test
def a_first_visit_is_small():
    with World() as world:
        style = None
        for path, budget in (("/", 60), ("/product/" + NOTEBOOK, 50)):
            _, headers, page = world.fetch(path, Accept_Encoding="gzip, deflate")
            html = subprocess.run(["gzip", "-dc"], input=page, capture_output=True, check=True).stdout.decode()
            assert headers["Content-Encoding"] == "gzip"
            links = re.findall(r'(?:href|srcset)="(/(?:static|picture)/[^"]+\.(?:css|png|webp))"', html)
            sizes = {}
            for link in dict.fromkeys(links):
                status, answer, body = world.fetch(link, Accept_Encoding="gzip, deflate")
                assert status == 200 and "immutable" in answer["Cache-Control"], link
                sizes[link] = len(body)
            style = next(size for link, size in sizes.items() if link.endswith(".css"))
            whole = len(page) + sum(sizes.values())
            print("   %s: HTML %d, CSS %d, pictures and icon %d in %d files, in all %d bytes" % (
                path, len(page), style, sum(sizes.values()) - style, len(sizes) - 1, whole))
            assert whole <= budget * 1024, (path, whole)
            assert path != "/" or len(page) + style <= 12 * 1024


def every_page(world, firefox):
    """Leads to each page of the shop and names it."""
    for name, path in (
        ("window", "/"), ("list", "/product"), ("category", "/category/Tea"), ("search", "/search?q=tea"),
        ("search without a find", "/search?q=zzzz"), ("product", "/product/" + TEA), ("product with options", "/product/" + NOTEBOOK),
        ("sold out", "/product/" + SOLD_OUT), ("empty cart", "/cart"), ("code form", "/order"), ("policy", "/policy"),
        ("about", "/page/about"), ("not found", "/nothing"),
    ):
        firefox.go(world.url + path)
        yield name
    firefox.go(world.url + "/product/" + TEA)
    firefox.type("#quantity", "99")
    firefox.click(".buy button")
    yield "refused product"
    puts_into_cart(firefox, world, TEA, quantity="2")
    yield "cart"
    firefox.go(world.url + "/checkout")
    yield "checkout"
    firefox.type("#email", "a@b")
    firefox.click(".checkout .primary")
    yield "refused checkout"
    order_ref = places_the_order(firefox, world)
    yield "order"
    # As a node would see it.
    for name, status, seen, settled in (("order seen in part", "unconfirmed", 4_000_000, 1_000_000), ("order overpaid", "overpaid", 10**9, 10**9)):
        change(world, "update invoices set seen = %d, settled = %d, confirmations = 2, needed = 12" % (seen, settled))
        change(world, "update orders set status = '%s'" % status)
        firefox.go(world.url + "/order")
        yield name
    change(world, "update invoices set seen = null, settled = null")
    change(world, "update orders set status = 'awaiting'")
    firefox.go(world.url + "/order")
    firefox.type("#transaction", "0x1")
    firefox.click("form[action='/order/transaction'] button")
    yield "refused transaction"
    firefox.click("form[action='/order/message'] button")
    yield "refused message"
    firefox.type("#message", "When will it come?\n" + "Ah" * 200)
    firefox.click("form[action='/order/message'] button")
    world.shop("orders", "note", order_ref, told="-----BEGIN PGP MESSAGE-----\n\n" + ("hF4D" * 16 + "\n") * 5 + "-----END PGP MESSAGE-----\n")
    world.shop("orders", "paid", order_ref)
    world.shop("orders", "shipped", order_ref, "RB123456785GB" * 9)
    firefox.go(world.url + "/order")
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


# Who leads to which pages.
DOORS = (World, every_page), (DeskWorld, every_page_of_the_desk)


@test
def every_page_is_valid_html():
    for door, pages in DOORS:
        they_are_valid_html(door, pages)


def they_are_valid_html(door, pages):
    with door() as world, Firefox() as firefox, tempfile.TemporaryDirectory() as folder:
        rules = {"extends": ["html-validate:standard", "html-validate:a11y"], "rules": {
            # Matters of taste, not of validity: the server writes <br> and <input>, and quotes as they come.
            "void-style": "off", "no-trailing-whitespace": "off", "attribute-boolean-style": "off", "attribute-empty-style": "off",
            "long-title": "off", "no-implicit-button-type": "off", "prefer-native-element": "off", "doctype-style": "off",
            # Firefox prints the page from its tree, which has no form of its own for these.
            "no-raw-characters": "off", "attr-quotes": "off", "no-inline-style": "error",
        }}
        config = pathlib.Path(folder) / "rules.json"
        config.write_text(json.dumps({"root": True, **rules}))
        # The pages as the server sends them, fetched with the cookies that Firefox holds by then.
        for name in pages(world, firefox):
            if name.startswith("refused"):
                text = "<!DOCTYPE html>\n" + firefox.source()
            else:
                cookies = "; ".join("%s=%s" % (cookie["name"], cookie["value"]) for cookie in firefox.cookies().values())
                _, address, path = firefox.url().split("/", 3)[1:]
                text = world.fetch("/" + path, address=address, Cookie=cookies)[2].decode()
            (pathlib.Path(folder) / (name.replace(" ", "-") + ".html")).write_text(text)
        judge = [str(TOOLS / "node_modules/.bin/html-validate"), "--config", str(config), folder + "/*.html"]
        done = subprocess.run(judge, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@test
def every_page_is_accessible_in_light_and_dark():
    axe = (TOOLS / "node_modules/axe-core/axe.min.js").read_text()
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    faults = []
    for dark in (False, True):
        looks = {"security.csp.enable": False, "layout.css.prefers-color-scheme.content-override": 0 if dark else 1}
        for door, pages in DOORS:
            with door() as world, Firefox(safest=False, more=looks) as firefox:
                firefox.size(1000, 900)
                for name in pages(world, firefox):
                    firefox.run(axe)
                    found = firefox.run_later(
                        "const [tags, done] = arguments; axe.run({runOnly: {type: 'tag', values: tags}}).then(r => done(r.violations))", tags)
                    look = "dark" if dark else "light"
                    for fault in found:
                        for node in fault["nodes"]:
                            faults.append("%s (%s): %s: %s\n      %s" % (name, look, fault["id"], node["html"][:160], node["failureSummary"][:300]))
    assert not faults, "\n".join(faults)


@test
def no_page_is_wider_than_its_window_and_what_is_clicked_is_large_enough():
    faults = []
    seen = set()
    for door, pages in DOORS:
        with door() as world, Firefox(safest=False, more={"security.csp.enable": False}) as firefox:
            for name in pages(world, firefox):
                # Firefox makes no window narrower than 500 pixels; with larger pixels it holds a page of 320.
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


def two_orders(world):
    with Firefox() as firefox:
        puts_into_cart(firefox, world, TEA, quantity="2")
        first = places_the_order(firefox, world, note="Please wrap it as a gift, it is for somebody who would be glad of a parcel that is wrapped well.")
        firefox.type("#transaction", "0x" + "ab" * 32)
        firefox.click("form[action='/order/transaction'] button")
        puts_into_cart(firefox, world, NOTEBOOK, option="Ruled")
        return first, places_the_order(firefox, world)


@test
def mutt_shows_one_thread_an_order_and_reads_it_well():
    with World() as world:
        first, second = two_orders(world)
        with Mutt(world) as mutt:
            index = mutt.shows("Payment for order")
            lines = [line for line in index.splitlines() if "order" in line]
            assert len([line for line in lines if "New order" in line]) == 2, index
            threaded = [line for line in lines if "Payment for order %s" % first in line]
            assert len(threaded) == 1 and ("─>" in threaded[0] or "->" in threaded[0]), index
            letter = mutt.shows("ITEMS", "1", "Enter", "Enter")
            assert "New order" in letter
            body = letter
            for _ in range(4):
                subprocess.run(["tmux", "send-keys", "-t", mutt.session, "Space"], check=True)
                time.sleep(0.3)
                body += screen_of(mutt.session, " ")
            assert "^M" not in body and "=20" not in body and "=E2" not in body, body
            assert "  | Ada Byron" in body and "+" not in [line[:1] for line in body.splitlines()], body
            assert all(len(line.rstrip()) <= 80 for line in body.splitlines())


test(mutt_and_neomutt_open_sealed_letters_without_questions)
test(words_of_a_buyer_stay_behind_their_bar)
test(a_block_that_unpacks_to_very_much_stops)
test(the_story_of_an_order)
test(the_story_of_an_order_in_neomutt)


@test
def other_readers_agree_with_mutt():
    with World() as world:
        first, second = two_orders(world)
        listed = subprocess.run(["mlist", str(world.home / "mailorders")], capture_output=True, text=True, check=True).stdout.split()
        assert len(listed) == 3
        shown = subprocess.run(["mshow", *listed], capture_output=True, text=True, check=True).stdout
        of_python = {message["subject"] for message in mailbox.Maildir(world.home / "mailorders", create=False)}
        assert of_python == {"New order %s - unpaid" % first, "New order %s - unpaid" % second, "Payment for order %s: reported" % first}, of_python
        for subject in of_python:
            assert subject in shown, shown
        assert "  | Ada Byron" in shown


@test
def exiftool_finds_nothing_in_the_pictures():
    catalog = {
        "wallets": {"_model": "Wallet", "eth": {"currency": "ETH", "address": "0x52908400098527886E0F7030069857D2E4169EE7"}},
        "products": {"_model": "Product", "bowl": {"name": "Ash Bowl", "price": 25000000, "images": ["bowl.jpg"]}},
    }
    with World(catalog={"products": {"_model": "Product"}}) as world:
        picture = world.home / "db/images/bowl.jpg"
        shutil.copy(ROOT / "db/images/teapot.jpg", picture)
        subprocess.run(["exiftool", "-q", "-overwrite_original", "-GPSLatitude=48.1", "-GPSLatitudeRef=N", "-GPSLongitude=11.5", "-GPSLongitudeRef=E",
                        "-Artist=Ada Byron", "-Orientation#=6", "-Comment=my kitchen", "-XMP:Creator=Ada", "-IPTC:City=London", "-SerialNumber=12345", str(picture)], check=True)
        (world.home / "db/data.json").write_text(json.dumps(catalog))
        world.shop("seed", "db/data.json")
        files = sorted((world.home / "db/pictures").iterdir())
        assert len(files) == 6, files
        allowed = {"SourceFile", "ExifTool", "File", "Composite"}
        structure = {"RIFF:ImageWidth", "RIFF:ImageHeight", "RIFF:VP8Version", "RIFF:HorizontalScale", "RIFF:VerticalScale",
                     "JFIF:JFIFVersion", "JFIF:ResolutionUnit", "JFIF:XResolution", "JFIF:YResolution"}
        found = json.loads(subprocess.run(["exiftool", "-j", "-G", *map(str, files)], capture_output=True, text=True, check=True).stdout)
        for tags in found:
            more = {tag for tag in tags if tag.split(":")[0] not in allowed and tag not in structure}
            assert not more, (tags["SourceFile"], more)
            assert not {tag for tag in tags if "Comment" in tag or "GPS" in tag}, tags


@test
def a_newcomer_sells_a_thing_of_their_own():
    with World() as world:
        catalog = json.loads(re.search(r"```json\n(.*?)```", (ROOT / "README.md").read_text(), re.S).group(1))
        shutil.copy(ROOT / "db/images/teapot.jpg", world.home / "db/images/bowl.jpg")
        (world.home / "db/data.json").write_text(json.dumps(catalog))
        world.shop("seed", "--check", "db/data.json")
        world.shop("seed", "db/data.json")
        with Firefox() as firefox:
            firefox.go(world.url + "/")
            assert not firefox.find_all(".demo"), "these wallets are nobody's demo"
            firefox.click(".card a")
            assert firefox.text("h1") == "Ash Bowl" and firefox.text(".price") == "0.025 ETH" and firefox.text(".stock") == "Only 3 left"
            assert firefox.property(".pictures img", "naturalWidth") == 800
            firefox.click(".buy button")
            order_ref = places_the_order(firefox, world)
            assert firefox.text("#address") == "0x52908400098527886E0F7030069857D2E4169EE7"
        with Mutt(world) as mutt:
            assert "New order %s - unpaid" % order_ref in mutt.shows(order_ref)
            letter = mutt.shows("ITEMS", "Enter")
            assert "Ash Bowl" in letter and "0.025" in letter, letter


TESTS += [a_newcomer_runs_the_shop_for_a_day, a_seller_lives_in_mutt, a_seller_lives_in_neomutt, what_is_asked_for_is_read_back_by_others, long_addresses_fit_into_pictures]


def main():
    chosen = [function for function in TESTS if not sys.argv[1:] or any(word in function.__name__ for word in sys.argv[1:])]
    failed = 0
    for function in chosen:
        print("-- " + function.__name__.replace("_", " "), flush=True)
        try:
            function()
        except Exception:
            failed += 1
            traceback.print_exc()
    print("%d passed, %d failed" % (len(chosen) - failed, failed))
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
