"""The desk's pages in Firefox at "Safest"."""

import re

from lib.buyer import add_to_cart, place_order
from lib.shop import DESK_PASSWORD, wait_for


def sign_in(firefox, shop, password=DESK_PASSWORD):
    firefox.go(shop.desk + "/login")
    firefox.type("#password", password)
    firefox.click("main .primary")


def visit(firefox, shop, *paths):
    """Opens these pages, and yields their names."""
    for path in paths:
        firefox.go(shop.desk + path)
        yield "desk" + re.sub(r"\W+", " ", path)


def every_page_of_the_desk(shop, firefox):
    """Opens each page of the desk, and yields its name."""
    firefox.go(shop.desk + "/login")
    yield "login"
    sign_in(firefox, shop, password="something else")
    yield "refused login"
    sign_in(firefox, shop)
    yield "today"
    yield from visit(firefox, shop, "/nothing", "/account", "/account/password", "/account/sessions", "/account/factor", "/account/backup")
    yield from account_pages(shop, firefox)
    yield from appearance_pages(shop, firefox)
    yield from product_pages(shop, firefox)
    yield from order_pages(shop, firefox)
    yield from record_pages(shop, firefox)


def account_pages(shop, firefox):
    firefox.go(shop.desk + "/account/password")
    firefox.fill({"password": DESK_PASSWORD, "new": "password1", "again": "password2"})
    firefox.click("main .primary")
    assert firefox.attribute("#new", "aria-invalid") == firefox.attribute("#again", "aria-invalid") == "true"
    yield "refused password"
    firefox.go(shop.desk + "/account/factor")
    firefox.click("main .primary")
    assert firefox.property("#qr", "naturalWidth") >= 240
    yield "desk account factor, begun"
    firefox.fill({"code": "123", "password": DESK_PASSWORD})
    firefox.click("main .primary")
    assert firefox.attribute("#code", "aria-invalid") == "true"
    yield "refused code"


def appearance_pages(shop, firefox):
    go = lambda path: firefox.go(shop.desk + path)
    yield from visit(firefox, shop, "/pages", "/pages/new", "/pages/about/edit", "/pages/about/remove", "/look", "/look/logo")
    go("/pages/new")
    firefox.fill({"title": "How we send", "text": "We post on **Mondays**.\n\n- letters\n- parcels"})
    firefox.click("button[value=preview]")
    assert firefox.text(".preview h1") == "How we send" and firefox.property("#title", "value") == "How we send"
    # The response to a form cannot be fetched again: the tests take pages named "refused" from Firefox.
    yield "refused page, a preview"
    firefox.click(".primary[value=save]")
    go("/pages/new")
    firefox.type("#title", "How we send")
    firefox.click(".primary[value=save]")
    yield "refused page"
    go("/look")
    firefox.fill({"name": "", "accent": "#ffd500", "notice": "We are back on *Monday*."})
    firefox.click(".primary[value=save]")
    assert firefox.attribute("#accent", "aria-invalid") == "true"
    yield "refused look"
    firefox.type("#name", "Tea & Wool")
    firefox.click("button[name=take]")
    assert "Saved" in firefox.text("#done")
    yield "refused look, taken"


def record_pages(shop, firefox):
    """Discounts, shipping and wallets: lists, forms, and refused forms."""
    go = lambda path: firefox.go(shop.desk + path)
    yield from visit(firefox, shop, "/discounts", "/discounts/new", "/rates", "/rates/new", "/wallets", "/wallets/new")
    go("/discounts/new")
    firefox.fill({"code": "spring", "less-ETH": "0,5"})
    firefox.click("main .primary")
    assert firefox.property("#code", "value") == "spring"
    yield "refused code"
    firefox.fill({"less-ETH": "0.005", "uses": "20"})
    firefox.click("main .primary")
    assert "0.005 ETH" in firefox.text(".list")
    yield "desk discounts with a code"
    firefox.click("th[scope=row] a")
    yield "desk discount"
    go("/rates/new")
    firefox.fill({"name": "Parcel", "countries": "DE, Elbonia"})
    firefox.click("main .primary")
    yield "refused shipping method"
    firefox.fill({"countries": "DE, France", "price-ETH": "0.003"})
    firefox.click("main .primary")
    yield "desk rates with one"
    go("/wallets/change?currency=ETH")
    yield "desk wallet"
    firefox.fill({"xpub": "ab" * 32, "password": DESK_PASSWORD})
    firefox.click("main .primary")
    assert firefox.property("#xpub", "value") == ""
    yield "refused wallet"
    yield from visit(firefox, shop, "/wallets/addresses?currency=ETH", "/wallets/remove?currency=ETH")


def product_pages(shop, firefox):
    go = lambda path: firefox.go(shop.desk + path)
    yield from visit(
        firefox, shop, "/products", "/products?low=1&q=tea", "/products/new", "/products/linen-notebook", "/products/categories",
        "/products/linen-notebook/delete")
    go("/products/files")
    firefox.fill({"file": str(shop.home / "db/images/notebook.jpg")})
    firefox.click("main .primary")
    wait_for("the file", lambda: firefox.find_all(".list .button"))
    yield "desk products files with one"
    firefox.fill({"file": str(shop.home / "db/images/notebook.jpg")})
    firefox.click("main .primary")
    wait_for("the refusal", lambda: firefox.find_all(".error"))
    yield "refused file"
    firefox.click(".list .button")
    yield "desk products files delete"
    go("/products/new")
    assert firefox.find_all("input[name=file][value='notebook.jpg']")
    firefox.fill({"name": "Rooibos", "description": "Without *any* caffeine.\n\n- red\n- mild", "price-ETH": "0.0123"})
    firefox.click("button[value=option-add]")
    firefox.fill({"option-0-name": "100 g", "files": str(shop.home / "db/images/notebook.jpg")})
    firefox.click("button[value=upload]")
    # The response may come after the click returns.
    wait_for("the picture", lambda: firefox.find_all(".picture-row img"))
    firefox.click("button[value=preview]")
    assert firefox.text(".preview h3") == "Rooibos" and firefox.property("#option-0-name", "value") == "100 g"
    yield "refused product, a preview"
    firefox.type("#price-ETH", "much")
    firefox.click(".primary[value=save]")
    assert firefox.attribute("#price-ETH", "aria-invalid") == "true"
    yield "refused product"
    firefox.type("#price-ETH", "0.05")
    firefox.click(".primary[value=save]")
    assert firefox.text("#done") == "The product was added."
    yield "refused product, taken"


def order_pages(shop, firefox):
    add_to_cart(firefox, shop, "green-tea-spring-harvest")
    order_ref = place_order(firefox, shop, note="Please ring twice.")
    order = shop.desk + "/orders/" + order_ref
    yield from visit(
        firefox, shop, "/orders", "/orders?show=send", "/orders/" + order_ref, "/orders/send?order=" + order_ref, "/orders/0000000000")
    firefox.go(shop.desk + "/orders?since=yesterday&part=%3C")
    yield "orders with an invalid filter"
    firefox.go(shop.desk + "/orders?show=awaiting&currency=ETH")
    firefox.click("#cancel-unpaid")
    assert firefox.text("#count").startswith("1 unpaid order matches"), firefox.source()
    yield from visit(firefox, shop, "/orders/cancel-unpaid?show=awaiting&currency=ETH", "/orders/cancel-unpaid?show=late", "/orders?cancelled=2")
    firefox.go(shop.desk + "/orders/cancel-unpaid?show=awaiting")
    firefox.fill({"reason": "Please order again.", "password": "something else"})
    firefox.click("main .danger")
    assert firefox.property("#reason", "value") == "Please order again."
    yield "refused cancellation of unpaid orders"
    firefox.go(order)
    firefox.click("#step-cancel button")
    assert firefox.attribute("#sure-cancel", "aria-invalid") == "true"
    yield "refused step"
    firefox.go(order)
    firefox.type("#answer", "On Monday.")
    firefox.click("#answer-form button")
    assert "Your answer" in firefox.text("#done")
    firefox.click("#step-paid button")
    assert firefox.text("#state") == "Paid", firefox.source()
    yield "order paid"
    firefox.go(shop.desk + "/orders?show=send")
    firefox.click("#orders input[type=checkbox]")
    firefox.click("button[formaction]")
    assert firefox.text(".packing h2") == order_ref
    yield "packing slips"
    firefox.go(shop.desk + "/orders?show=send")
    firefox.click(".actions .primary")
    yield "refused shipment, none selected"
    firefox.go(shop.desk + "/orders?show=send")
    firefox.click("#orders input[type=checkbox]")
    firefox.click(".actions .primary")
    firefox.type("#tracking-" + order_ref, "RR 123456 DE")
    yield "shipment"
    firefox.click("main .primary")
    assert order_ref in firefox.text("#sent-list")
    yield "shipped"
