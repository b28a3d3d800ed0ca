"""A day at the desk: a newcomer replaces the demo, sells, answers, ships and restocks, without the command line."""

import json
import shutil

from desk import sign_in
from lib.buyer import add_to_cart, confirm_order, fill_checkout, send_message
from lib.firefox import Firefox
from lib.run import test
from lib.shop import DESK_PASSWORD, ROOT, DeskShop, wait_for

# From EIP-55's own examples.
ETH_ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"


@test
def a_newcomer_runs_the_shop_for_a_day(screenshot=lambda firefox, name: None):
    """`screenshot` is called for the pictures of docs/pictures."""
    with DeskShop().open() as shop, Firefox() as seller, Firefox() as buyer:
        seller.size(1000, 900)
        buyer.size(1000, 900)
        go = lambda path: seller.go(shop.desk + path)

        def expect_done(text):
            assert text in seller.text("#done"), seller.text("main")

        go("/")
        assert seller.url() == shop.desk + "/login"
        screenshot(seller, "login")
        sign_in(seller, shop)

        # Replace the demo.
        screenshot(seller, "demo")
        seller.click("#demo a")
        seller.type("#password", DESK_PASSWORD)
        seller.click(".danger")
        expect_done("The catalog is empty")
        go("/")
        seller.click("#begin a")
        seller.fill({"currency": "ETH", "name": "Ethereum", "address": ETH_ADDRESS, "password": DESK_PASSWORD})
        seller.click("main .primary")
        assert ETH_ADDRESS in seller.text("main"), seller.text("main")
        screenshot(seller, "wallets")
        go("/rates/new")
        seller.fill({"name": "Parcel", "price-ETH": "0.001"})
        seller.click("main .primary")
        assert "Parcel" in seller.text("main"), seller.text("main")

        # Add a product, with a preview and a picture.
        picture = shop.home / "IMG_2041.JPG"
        shutil.copy(ROOT / "db/images/teapot.jpg", picture)
        go("/products/new")
        seller.fill({
            "name": "Ash Bowl", "description": "Turned from *one* piece of ash.\n\n- oiled\n- 24 cm", "categories": "Wood",
            "price-ETH": "0,05", "stock": "2"})
        seller.click("button[value=preview]")
        assert "one" in seller.text("#preview em") and seller.property("#name", "value") == "Ash Bowl"
        seller.click("button.primary[value=save]")
        assert "Price in ETH: Use a decimal point" in seller.text("[role=alert]"), seller.text("main")
        assert seller.property("#stock", "value") == "2"
        seller.type("#price-ETH", "0.05")
        seller.do("POST", "/element/%s/value" % seller.find("#files"), {"text": str(picture)})
        seller.click("button[value=upload]")
        wait_for("the picture", lambda: seller.find_all(".picture-row img"))
        assert seller.property(".picture-row img", "naturalWidth") > 0
        seller.type(".picture-row input[type=text]", "A bowl of pale wood")
        screenshot(seller, "product")
        seller.click("button.primary[value=save]")
        assert "Ash Bowl" in seller.text("h1"), seller.text("main")

        # Appearance and a discount code.
        go("/look")
        seller.fill({"name": "The Ash Tree", "notice": "We send on **Mondays**.", "accent": "#8a3b12"})
        seller.click(".primary[value=save]")
        expect_done("Saved")
        screenshot(seller, "appearance")
        go("/discounts/new")
        seller.fill({"code": "FRIENDS", "percent": "10", "uses": "1"})
        seller.click("main .primary")
        assert "FRIENDS" in seller.text("main")
        screenshot(seller, "discounts")

        # A buyer orders.
        buyer.go(shop.url + "/")
        assert "The Ash Tree" in buyer.text(".brand") and "Mondays" in buyer.text("main strong")
        assert buyer.text(".card .name") == "Ash Bowl" and not buyer.find_all(".demo"), "these are not the demo's wallets"
        add_to_cart(buyer, shop, "ash-bowl")
        buyer.go(shop.url + "/checkout")
        fill_checkout(buyer, note="Please ring twice.")
        buyer.type("#discount", "friends")
        confirm_order(buyer, shop)
        order_ref = buyer.text("#order-ref")
        assert buyer.text("#amount").startswith("0.046"), "0.05 less 10 %, and 0.001 for the parcel"
        send_message(buyer, "Is it for salad?")

        # The seller answers, marks the order as paid, and ships it.
        go("/")
        assert (seller.text("#to-pay"), seller.text("#to-send"), seller.text("#to-answer")) == ("1", "0", "1")
        seller.click("#to-answer")
        seller.click('a[href="/orders/%s"]' % order_ref)
        for text in ("Ash Bowl", "Please ring twice.", "Is it for salad?", "Ada Byron", "FRIENDS"):
            assert text in seller.text("main"), (text, seller.text("main"))
        screenshot(seller, "order")
        seller.type("#answer", "It is. Oil it now and then.")
        seller.click("#answer-form button")
        seller.click("#step-paid button")
        assert seller.attribute("#state", "data-state") == "confirmed"
        buyer.go(shop.url + "/order")
        assert buyer.attribute("#state", "data-state") == "confirmed" and "Oil it now and then." in buyer.text("#messages")
        go("/orders?show=send")
        screenshot(seller, "orders")
        seller.click("#orders input[type=checkbox]")
        seller.click(".actions .primary")
        seller.type("#tracking-" + order_ref, "RR 123456 DE")
        seller.click("main .primary")
        assert order_ref in seller.text("#sent-list")
        buyer.go(shop.url + "/order")
        assert buyer.attribute("#state", "data-state") == "shipped" and "RR 123456 DE" in buyer.text("#messages")

        # The code is used up; one bowl is left, and five more are added.
        with Firefox() as late:
            add_to_cart(late, shop, "ash-bowl")
            late.go(shop.url + "/checkout")
            fill_checkout(late)
            late.type("#discount", "FRIENDS")
            late.click(".checkout .primary")
            assert late.url() == shop.url + "/checkout" and late.attribute("#discount", "aria-invalid") == "true"
        go("/products/ash-bowl")
        assert seller.property("#stock", "value") == "1"
        seller.type("#add-0", "5")
        seller.click("button[value=stock]")
        assert seller.property("#stock", "value") == "6"

        # Two browsers edit one product: the second sees the first one's change, and keeps its input.
        with Firefox() as second:
            sign_in(second, shop)
            second.go(shop.desk + "/products/ash-bowl")
            seller.type("#price-ETH", "0.06")
            seller.click("button.primary[value=save]")
            second.type("#description", "Turned from one piece of ash, and oiled.")
            second.click("button.primary[value=save]")
            assert "has changed since" in second.text("[role=alert]") and "0.06" in second.text("main")
            assert second.property("#description", "value") == "Turned from one piece of ash, and oiled."
            screenshot(second, "conflict")
        buyer.go(shop.url + "/product/ash-bowl")
        assert buyer.text(".price") == "0.06 ETH"

        # The changes are in the activity log, and the catalog can be exported and imported.
        go("/deeds")
        for text in ("Ash Bowl", "FRIENDS", order_ref):
            assert text in seller.text("main"), seller.text("main")
        screenshot(seller, "activity")
        go("/")
        screenshot(seller, "today")
        written = shop.run("catalog", "export")
        assert json.loads(written)["products"]
        (shop.home / "db/data.json").write_text(written)
        assert "is valid" in shop.run("seed", "--check", "db/data.json")
        shop.run("seed", "db/data.json")
        go("/products/ash-bowl")
        assert seller.property("#stock", "value") == "6"

        # After signing out, the browser's history shows nothing.
        go("/orders/" + order_ref)
        seller.click("form[action='/logout'] button")
        assert seller.url().startswith(shop.desk + "/login"), seller.url()
        go("/orders/" + order_ref)
        assert seller.url() == shop.desk + "/login" and order_ref not in seller.source()
