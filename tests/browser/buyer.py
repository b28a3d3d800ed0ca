"""What a buyer does in Firefox, step by step."""

ADDRESS = {
    "recipient": "Ada Byron",
    "street": "12 St James's Square",
    "city": "London",
    "province": "Greater London",
    "postcode": "SW1Y 4JH",
    "country": "United Kingdom",
}


def puts_into_cart(firefox, world, slug, option=None, quantity="1"):
    firefox.go(world.url + "/product/" + slug)
    if option:
        firefox.click('#option option[value="%s"]' % option)
    firefox.type("#quantity", quantity)
    firefox.click(".buy button")
    assert firefox.url() == world.url + "/cart", firefox.url()


def fills_the_form(firefox, **more):
    for name, words in {**ADDRESS, **more}.items():
        firefox.type("#" + name, words)


def places_the_order(firefox, world, **more):
    firefox.go(world.url + "/checkout")
    fills_the_form(firefox, **more)
    firefox.click(".checkout .primary")
    assert firefox.url() == world.url + "/order", firefox.source()
    return firefox.text("#order-ref")
