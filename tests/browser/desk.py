"""The seller at the desk, in Firefox at "Safest"."""

from buyer import places_the_order, puts_into_cart
from world import World

PASSWORD = "cinder-otter-velvet-28-plum"


class DeskWorld(World):
    """A shop with the demo's catalog and a desk whose password is set."""

    def __init__(self, catalog=None, settings=None):
        super().__init__(catalog=catalog, settings={"DESK_LISTEN": "127.0.0.1:0", **(settings or {})})
        self.shop("desk", "password", told="%s\n%s\n" % (PASSWORD, PASSWORD))

    def open(self):
        super().open()
        self.desk_address = self.says(r"Your desk is at http://(127\.0\.0\.1:\d+)")
        self.desk = "http://" + self.desk_address


def signs_in(firefox, world, password=PASSWORD):
    firefox.go(world.desk + "/login")
    firefox.type("#password", password)
    firefox.click("main .primary")


def every_page_of_the_desk(world, firefox):
    """Leads to each page of the desk and names it."""
    firefox.go(world.desk + "/login")
    yield "login"
    signs_in(firefox, world, password="something else")
    yield "refused login"
    signs_in(firefox, world)
    yield "today"
    for path in ("/nothing",):
        firefox.go(world.desk + path)
        yield "desk" + path.replace("/", " ")
