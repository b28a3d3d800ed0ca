"""A day in the life of a seller: an order comes, is answered, paid, sent and asked about, in mutt and in neomutt."""

import shlex
import subprocess
import time

from buyer import places_the_order, puts_into_cart
from firefox import Firefox
from mutt import begin, screen_of, sees_mail
from sealed_mutt import Seller
from world import World

TEA = "green-tea-spring-harvest"


class Desk:
    """A mail reader with the muttrc that the shop has written, started in a folder that is not the shop's."""

    def __init__(self, reader, world, seller):
        self.session = "desk-%d" % time.monotonic_ns()
        self.letter = world.home / "letter"
        editor = world.home / "editor"
        editor.write_text('#!/bin/sh\n{ cat %s; cat "$1"; } >"$1.new" && cat "$1.new" >"$1" && rm "$1.new"\n' % shlex.quote(str(self.letter)))
        editor.chmod(0o700)
        muttrc = world.home / "db/muttrc"
        muttrc.write_text(world.shop("mutt"))
        environment = {"HOME": str(world.home), "GNUPGHOME": seller.environment["GNUPGHOME"], "EDITOR": str(editor), "TERM": "xterm", "LANG": "C.UTF-8"}
        words = ["env", "-u", "MAIL", "-u", "VISUAL", "-u", "PAGER"] + ["%s=%s" % pair for pair in environment.items()] + [reader, "-F", str(muttrc)]
        begin(self.session, (80, 24), "/", shlex.join(words))

    def shows(self, until, *keys):
        return screen_of(self.session, until, keys)

    def sees_mail(self, until):
        return sees_mail(self.session, until)

    def types(self, until, text):
        subprocess.run(["tmux", "send-keys", "-t", self.session, "-l", text], check=True)
        return screen_of(self.session, until, ["Enter"])

    def answers(self, until, letter):
        """Presses r on the message under the cursor, writes, and sends."""
        self.letter.write_text(letter)
        self.shows("y:Send", "r")
        return self.shows(until, "y")

    def gives_up(self, number):
        """Leaves the reason that is shown, and the letter, which is still there."""
        self.shows("child exited %s" % number)
        self.shows("Security: None", "q")
        self.shows("ostpone", "q")
        self.shows(",l list", "n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "kill-session", "-t", self.session])


def line_of(screen, *words):
    lines = [line for line in screen.splitlines() if all(word in line for word in words)]
    assert len(lines) == 1, (words, screen)
    return lines[0]


def those_that_hold(words, *folders):
    return set(subprocess.run(["grep", "-rls", words, *map(str, folders)], capture_output=True, text=True).stdout.split("\n")) - {""}


def a_day(reader):
    before = those_that_hold("ring twice", "/dev/shm")
    with Seller() as seller, World() as world, Firefox() as firefox:
        world.stop()
        (world.home / "db/seller.asc").write_text(seller.key.read_text())
        world.open()

        # Two orders come. The index tells which they are and where they stand, though both are sealed.
        puts_into_cart(firefox, world, TEA)
        other = places_the_order(firefox, world)
        puts_into_cart(firefox, world, TEA, quantity="2")
        order_ref = places_the_order(firefox, world, note="Please ring twice.")
        with Desk(reader, world, seller) as desk:
            index = desk.shows("%s awaiting" % order_ref)
            lines = [line for line in index.splitlines() if "awaiting" in line]
            assert other in lines[0] and order_ref in lines[1], index
            assert ",p paid" in index and all(len(line) <= 80 for line in index.splitlines())
            letter = desk.shows("ITEMS", "2", "Enter", "Enter")
            assert "New order %s" % order_ref in letter, letter
            desk.types("Please ring twice.", "/ring")
            desk.shows("%s awaiting" % order_ref, "q")

            # The buyer pays, and the thread grows by itself.
            firefox.type("#transaction", "0x" + "ab" * 32)
            firefox.click("form[action='/order/transaction'] button")
            index = desk.sees_mail("%s reported" % order_ref)
            assert ">" in line_of(index, order_ref, "reported"), index

            desk.shows(",l list", "2", "Enter")

            # What the state does not allow comes back with the reason, the letter is kept, and the buyer sees nothing of it.
            refused = desk.answers("cannot mark as shipped", "/shipped RR123456785DE\n\nOn its way.\n")
            assert order_ref in refused, refused
            desk.gives_up("65")
            desk.shows("%s reported" % order_ref)
            unknown = desk.answers("Unknown command", "/send it\n")
            assert "/shipped TRACKING" in unknown, unknown
            desk.gives_up("65")
            desk.shows("%s reported" % order_ref)
            firefox.go(world.url + "/order")
            assert "On its way" not in firefox.text("#messages"), firefox.text("#messages")

            # An answer is on the buyer's page when mutt says sent; what it quotes is not.
            desk.answers("Mail sent", "Thank you, I am looking for it.\n\n")
            firefox.go(world.url + "/order")
            said = firefox.text("#messages")
            assert "Thank you, I am looking for it." in said and "ring twice" not in said, said

            # One key says that it was paid, another asks for the tracking.
            desk.shows("%s is now confirmed" % order_ref, ",", "p")
            desk.shows(",l list", "Enter")
            desk.sees_mail("%s confirmed" % order_ref)
            index = desk.shows("3 of 4", ",", "y")
            assert "%s awaiting" % other not in index, index
            index = desk.shows("%s awaiting" % other, ",", ",")
            assert "%s confirmed" % order_ref in index, index
            desk.shows("Tracking", "2", "Enter", ",", "s")
            desk.types("%s is now shipped" % order_ref, "RR123456785DE, it's wrapped")
            desk.shows(",l list", "Enter")
            index = desk.sees_mail("%s shipped" % order_ref)
            assert "%s awaiting" % other in index, index
            firefox.go(world.url + "/order")
            assert firefox.attribute("#state", "data-state") == "shipped"
            assert "RR123456785DE, it's wrapped" in firefox.text("#messages"), firefox.text("#messages")

            # A question stands in the view of those that wait for an answer, until it has one.
            firefox.type("#message", "When will it come?")
            firefox.click("form[action='/order/message'] button")
            desk.sees_mail("Message about order")
            index = desk.shows("1 of ", ",", "w")
            assert order_ref in index and other not in index, index
            desk.shows("  | When will it come?", "Enter")
            desk.answers("Mail sent", "On Tuesday.\n")
            desk.shows("Message about order", "q")
            index = desk.shows("%s awaiting" % other, ",", ",")
            firefox.go(world.url + "/order")
            assert "On Tuesday." in firefox.text("#messages")
            shown = desk.shows("is shipped", ",", "o")
            assert "Order %s" % order_ref in shown, shown
            desk.shows("%s awaiting" % other, "q")
            listed = desk.shows("STATUS", ",", "l")
            assert other in listed and order_ref not in listed, listed
            desk.shows("%s awaiting" % other, "q")

            # An order that was erased: the letter does not get lost, and the reason is told.
            desk.shows("Reason", "1", "Enter", ",", "c")
            desk.types("%s is now cancelled" % other, "out of tea; don't wait")
            desk.shows(",l list", "Enter")
            desk.sees_mail("%s cancelled" % other)
            world.shop("purge", "--keep-days", "0", "--purge-mail", "no")
            desk.answers("not found: it was deleted", "Sorry.\n")
            desk.gives_up("67")

        # What mutt opened is not left anywhere.
        left = those_that_hold("ring twice", world.home, "/dev/shm") - before
        assert not left, left


def a_seller_lives_in_mutt():
    a_day("mutt")


def a_seller_lives_in_neomutt():
    a_day("neomutt")

