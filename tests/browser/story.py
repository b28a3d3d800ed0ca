"""The whole story of an order from both sides: the buyer in Firefox at "Safest", the seller in mutt with gpg."""

import subprocess
import time

from buyer import places_the_order, puts_into_cart
from firefox import Firefox
from mutt import begin, screen_of, sees_mail
from sealed_mutt import Seller
from world import World

TEA = "green-tea-spring-harvest"
TRACKING = "RB123456785GB"
# Stands in for the seller's editor: own words above what mutt has quoted.
EDITOR = "#!/bin/sh\ncat %s/words \"$1\" > %s/letter && cp %s/letter \"$1\"\n"


class Desk:
    """The seller at mutt, set up with the two commands of the README, in a folder that is not the shop's."""

    def __init__(self, world, seller, program="mutt"):
        self.seller = seller
        (world.home / "db/muttrc").write_text(world.shop("mutt"))
        editor = seller.home / "editor"
        editor.write_text(EDITOR % ((seller.home,) * 3))
        editor.chmod(0o700)
        self.session = "desk-%d" % time.monotonic_ns()
        command = "env -u MAIL -u VISUAL HOME=%s GNUPGHOME=%s EDITOR=%s TERM=xterm LANG=C.UTF-8 %s -F %s" % (
            seller.home, seller.environment["GNUPGHOME"], editor, program, world.home / "db/muttrc")
        begin(self.session, (100, 60), seller.home, command)

    def shows(self, until, *keys, often=False):
        """`often`: the keys are typed again where nothing comes of them: what is typed while gpg runs may be lost."""
        for _ in range(3 if often else 0):
            try:
                return screen_of(self.session, until, keys, seconds=20)
            except AssertionError:
                continue
        return screen_of(self.session, until, keys, seconds=30)

    def sees_mail(self, until, *keys):
        """Leaves what is open, and looks for new mail."""
        screen_of(self.session, ",l list", keys)
        return sees_mail(self.session, until)

    def types(self, words):
        subprocess.run(["tmux", "send-keys", "-t", self.session, "-l", words], check=True)

    def answers(self, words, until):
        """`r`, words, sent: what mutt says then."""
        (self.seller.home / "words").write_text(words)
        self.shows("y:Send", "r", often=True)
        return self.shows(until, "y")

    def close(self):
        subprocess.run(["tmux", "kill-session", "-t", self.session])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def said(firefox):
    return [firefox.do("GET", "/element/%s/text" % element) for element in firefox.find_all(".talk li")]


def has_new(firefox, world, heading):
    firefox.go(world.url + "/order")
    assert heading in firefox.text("#messages-title"), (heading, firefox.text("#messages"))


def the_story_of_an_order(keep=lambda firefox, name: None, program="mutt"):
    """`keep` is called where a picture of the buyer's page is worth having."""
    with Seller() as seller, World() as world, Firefox() as firefox:
        world.stop()
        (world.home / "db/seller.asc").write_text(seller.key.read_text())
        world.open()
        firefox.size(1000, 900)
        puts_into_cart(firefox, world, TEA, quantity="2")
        order_ref = places_the_order(firefox, world, note="Please ring twice.", email="ada@example.org")
        code = firefox.text("#code")
        firefox.click('form[action="/order/noted"] button')
        assert "No messages yet" in firefox.text("#messages")
        assert all(b"ring twice" not in path.read_bytes() for path in world.messages())

        with Desk(world, seller, program) as desk:
            # The seller reads the order, decrypted without a question, and answers it.
            index = desk.shows(order_ref)
            assert "awaiting" in index, index
            letter = desk.shows("12 St James's Square", "Enter")
            for words in ("Ada Byron", "| Please ring twice.", "New order %s" % order_ref):
                assert words in letter, letter
            assert "assphrase" not in letter and "BEGIN PGP" not in letter, letter
            sent = desk.answers("/paid\n\nThank you, Ada! I pack it today.\n\nIt leaves on Monday.\n\n", "Mail sent")
            assert "rror" not in sent, sent

            has_new(firefox, world, "2 new")
            assert firefox.attribute("#state", "data-state") == "confirmed"
            assert "Paid" in said(firefox)[0] and "Thank you, Ada! I pack it today.\n\nIt leaves on Monday." in said(firefox)[1], said(firefox)
            assert "ring twice" not in said(firefox)[1], "what was quoted is not said back"
            firefox.type("#message", "Thank you too!\nIs Monday the 30th?")
            firefox.click('form[action="/order/message"] button')
            assert firefox.url() == world.url + "/order#messages", firefox.url()
            assert said(firefox)[2].startswith("You") and "Is Monday the 30th?" in said(firefox)[2], said(firefox)
            assert "new" not in firefox.text("#messages-title")

            # The seller sees it in the same thread, answers, and says that it was sent.
            desk.sees_mail("Message about", "q")
            question = desk.shows("| Is Monday the 30th?", "*", "Enter")
            assert "New message from the buyer of order %s" % order_ref in question, question
            desk.answers("Yes, the 30th.\n\n", "Mail sent")
            desk.shows("Tracking", ",", "s")
            desk.types(TRACKING)
            desk.shows("is now shipped", "Enter")
            desk.shows("Is Monday", "Enter")
            has_new(firefox, world, "2 new")
            assert firefox.attribute("#state", "data-state") == "shipped"
            assert "Yes, the 30th." in said(firefox)[3] and TRACKING in said(firefox)[4], said(firefox)
            assert not firefox.find_all('.talk a'), "tracking is never a link"
            keep(firefox, "conversation")

            # In another browser, with nothing but the code.
            with Firefox() as elsewhere:
                elsewhere.go(world.url + "/order")
                elsewhere.type("#code", code)
                elsewhere.click("main .primary")
                assert len(said(elsewhere)) == 5 and "5 new" not in elsewhere.text("#messages-title"), elsewhere.text("#messages")
                assert "12 St James's Square" in elsewhere.text("main")
                elsewhere.type("#message", "My code is " + code)
                elsewhere.click('form[action="/order/message"] button')
                assert "your order code" in elsewhere.text("#message-error")
                assert elsewhere.property("#message", "value").strip() == "My code is", elsewhere.property("#message", "value")

            # The buyer wants to be forgotten. The seller reads that, and can say nothing more.
            firefox.click("details:has(#confirm) summary")
            firefox.click('form[action="/order/erase"] button')
            assert "Tick the box" in firefox.text("#confirm-error")
            firefox.click("#confirm")
            firefox.click('form[action="/order/erase"] button')
            assert "has been erased" in firefox.text(".notice"), firefox.text("main")
            firefox.type("#code", code)
            firefox.click("main .primary")
            assert "could not find an order" in firefox.text("#code-error")
            desk.sees_mail("Message about", "q")
            desk.shows("has deleted their data", "*", "Enter")
            refused = desk.answers("Are you still there?\n\n", "deleted their data: nobody can read")
            assert "Mail sent" not in refused, refused
            desk.shows("y:Send", "q")
            desk.shows("Message about", "q")

        # All of it goes.
        assert "1 order" in world.shop("purge", "--keep-days", "0")
        assert not list((world.home / "mailorders").glob("*/*.shop*"))

        with Desk(world, seller, program) as desk:
            assert order_ref not in desk.shows(",p paid"), "the mailbox is empty"
        assert world.shop("orders").startswith("No orders yet")
        for path in world.home.rglob("*"):
            if path.is_file():
                held = path.read_bytes()
                for words in ("St James", "ring twice", "ada@example.org", TRACKING, order_ref, code):
                    assert words.encode() not in held, (path, words)


def the_story_of_an_order_in_neomutt():
    the_story_of_an_order(program="neomutt")


def pictures(firefox, folder, name):
    """The page wide and narrow, as the buyer sees it."""
    (folder / (name + ".png")).write_bytes(firefox.picture(whole=True))
    firefox.size(500, 900)
    firefox.zoom(1.3)
    (folder / (name + "-narrow.png")).write_bytes(firefox.picture(whole=True))
    firefox.zoom(1)
    firefox.size(1000, 900)
