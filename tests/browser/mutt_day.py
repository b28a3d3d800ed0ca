"""A seller's day in mutt and neomutt: an order arrives, is answered, paid and shipped, and the buyer asks about it."""

import subprocess

from lib.buyer import add_to_cart, place_order, report_transaction, send_message
from lib.firefox import Firefox
from lib.mail import Seller, SellerMutt
from lib.run import test
from lib.shop import TEA, Shop


def give_up(desk, number):
    """Leaves the error and discards the draft."""
    desk.shows("child exited %s" % number)
    desk.shows("Security: None", "q")
    desk.shows("ostpone", "q")
    desk.shows(",l list", "n")


def line_of(screen, *parts):
    lines = [line for line in screen.splitlines() if all(part in line for part in parts)]
    assert len(lines) == 1, (parts, screen)
    return lines[0]


def files_with(text, *folders):
    return set(subprocess.run(["grep", "-rls", text, *map(str, folders)], capture_output=True, text=True).stdout.split("\n")) - {""}


def a_day(program):
    before = files_with("ring twice", "/dev/shm")
    with Seller() as seller, Shop(seller=seller).open() as shop, Firefox() as firefox:
        # Two orders arrive. The index shows their references and states, though both are encrypted.
        add_to_cart(firefox, shop, TEA)
        other = place_order(firefox, shop)
        add_to_cart(firefox, shop, TEA, quantity="2")
        order_ref = place_order(firefox, shop, note="Please ring twice.")
        with SellerMutt(shop, seller, program, (80, 24)) as desk:
            index = desk.shows("%s awaiting" % order_ref)
            lines = [line for line in index.splitlines() if "awaiting" in line]
            assert other in lines[0] and order_ref in lines[1], index
            assert ",p paid" in index and all(len(line) <= 80 for line in index.splitlines())
            message = desk.shows("ITEMS", "2", "Enter", "Enter")
            assert "New order %s" % order_ref in message, message
            desk.prompt("Please ring twice.", "/ring")
            desk.shows("%s awaiting" % order_ref, "q")

            # The buyer pays, and the thread gets a new message.
            report_transaction(firefox)
            index = desk.shows_new_mail("%s reported" % order_ref)
            assert ">" in line_of(index, order_ref, "reported"), index

            desk.shows(",l list", "2", "Enter")

            # A command that the status does not allow is refused with the reason, and the buyer sees nothing.
            refused = desk.reply("/shipped RR123456785DE\n\nOn its way.\n", "cannot mark as shipped")
            assert order_ref in refused, refused
            give_up(desk, "65")
            desk.shows("%s reported" % order_ref)
            unknown = desk.reply("/send it\n", "Unknown command")
            assert "/shipped TRACKING" in unknown, unknown
            give_up(desk, "65")
            desk.shows("%s reported" % order_ref)
            firefox.go(shop.url + "/order")
            assert "On its way" not in firefox.text("#messages"), firefox.text("#messages")

            # An answer is on the buyer's page when mutt says sent, without the quoted text.
            desk.reply("Thank you, I am looking for it.\n\n", "Mail sent")
            firefox.go(shop.url + "/order")
            messages = firefox.text("#messages")
            assert "Thank you, I am looking for it." in messages and "ring twice" not in messages, messages

            # One key marks it as paid, another asks for the tracking number.
            desk.shows("%s is now confirmed" % order_ref, ",", "p")
            desk.shows(",l list", "Enter")
            desk.shows_new_mail("%s confirmed" % order_ref)
            index = desk.shows("3 of 4", ",", "y")
            assert "%s awaiting" % other not in index, index
            index = desk.shows("%s awaiting" % other, ",", ",")
            assert "%s confirmed" % order_ref in index, index
            desk.shows("Tracking", "2", "Enter", ",", "s")
            desk.prompt("%s is now shipped" % order_ref, "RR123456785DE, it's wrapped")
            desk.shows(",l list", "Enter")
            index = desk.shows_new_mail("%s shipped" % order_ref)
            assert "%s awaiting" % other in index, index
            firefox.go(shop.url + "/order")
            assert firefox.attribute("#state", "data-state") == "shipped"
            assert "RR123456785DE, it's wrapped" in firefox.text("#messages"), firefox.text("#messages")

            # A question is in the view of unanswered messages until it is answered.
            send_message(firefox, "When will it come?")
            desk.shows_new_mail("Message about order")
            index = desk.shows("1 of ", ",", "w")
            assert order_ref in index and other not in index, index
            desk.shows("  | When will it come?", "Enter")
            desk.reply("On Tuesday.\n", "Mail sent")
            desk.shows("Message about order", "q")
            index = desk.shows("%s awaiting" % other, ",", ",")
            firefox.go(shop.url + "/order")
            assert "On Tuesday." in firefox.text("#messages")
            shown = desk.shows("is shipped", ",", "o")
            assert "Order %s" % order_ref in shown, shown
            desk.shows("%s awaiting" % other, "q")
            listed = desk.shows("STATUS", ",", "l")
            assert other in listed and order_ref not in listed, listed
            desk.shows("%s awaiting" % other, "q")

            # A reply to a deleted order is refused with the reason, and the draft is kept.
            desk.shows("Reason", "1", "Enter", ",", "c")
            desk.prompt("%s is now cancelled" % other, "out of tea; don't wait")
            desk.shows(",l list", "Enter")
            desk.shows_new_mail("%s cancelled" % other)
            shop.run("purge", "--keep-days", "0", "--purge-mail", "no")
            desk.reply("Sorry.\n", "not found: it was deleted")
            give_up(desk, "67")

        # mutt leaves no files with decrypted text.
        left = files_with("ring twice", shop.home, seller.home, "/dev/shm") - before
        assert not left, left


@test
def a_seller_works_a_day_in_mutt():
    a_day("mutt")


@test
def a_seller_works_a_day_in_neomutt():
    a_day("neomutt")

