"""Digital products at "Safest"."""

from lib.buyer import add_to_cart, place_reviewed, review_order
from lib.firefox import Firefox
from lib.run import test
from lib.shop import ETH_XPUB, Shop, catalog_of


def goods():
    prices = [{"price": 4_000_000, "wallet": "->wallets.eth"}]
    return catalog_of(
        {"eth": {"currency": "ETH", "xpub": ETH_XPUB}},
        guide={"name": "Guide", "kind": "digital", "files": ["guide.txt"], "prices": prices},
        key={"name": "Key", "kind": "digital", "codes": "keys.txt", "prices": prices},
    )


@test
def digital_products_are_bought_without_an_address():
    shop = Shop(goods())
    for folder, name, text in (("files", "guide.txt", "How to brew it."), ("codes", "keys.txt", "AAAA-1\n")):
        (shop.home / "db" / folder).mkdir()
        (shop.home / "db" / folder / name).write_text(text)
    with shop.open(), Firefox() as firefox:
        add_to_cart(firefox, shop, "guide")
        add_to_cart(firefox, shop, "key")
        firefox.go(shop.url + "/checkout")
        assert not firefox.find_all("#street") and not firefox.find_all("#country")
        review_order(firefox)
        place_reviewed(firefox, shop)
        order_ref = firefox.text("#order-ref")
        assert not firefox.find_all("a[href^='/order/download/']")
        shop.run("orders", "paid", order_ref)
        firefox.go(shop.url + "/order")
        assert "AAAA-1" in firefox.text("main")
        assert firefox.text("a[href^='/order/download/']") == "guide.txt"
