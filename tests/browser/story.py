"""An order from checkout to deletion: the buyer in Firefox at "Safest", the seller in mutt with gpg."""

from lib.buyer import add_to_cart, open_order, place_order, send_message
from lib.firefox import Firefox
from lib.mail import Seller, SellerMutt
from lib.run import test
from lib.shop import TEA, Shop

TRACKING = "RB123456785GB"


def messages(firefox):
    return [firefox.do("GET", "/element/%s/text" % element) for element in firefox.find_all(".talk li")]


def has_new(firefox, shop, heading):
    firefox.go(shop.url + "/order")
    assert heading in firefox.text("#messages-title"), (heading, firefox.text("#messages"))


@test
def the_story_of_an_order(screenshot=lambda firefox, name: None, program="mutt"):
    """`screenshot` is called for the pictures of docs/pictures."""
    with Seller() as seller, Shop(seller=seller).open() as shop, Firefox() as firefox:
        firefox.size(1000, 900)
        add_to_cart(firefox, shop, TEA, quantity="2")
        order_ref = place_order(firefox, shop, note="Please ring twice.", email="ada@example.org")
        code = firefox.text("#code")
        firefox.click('form[action="/order/noted"] button')
        assert "No messages yet" in firefox.text("#messages")
        assert all(b"ring twice" not in path.read_bytes() for path in shop.messages())

        with SellerMutt(shop, seller, program) as desk:
            # The seller reads the order, which is decrypted without a prompt, and replies.
            index = desk.shows(order_ref)
            assert "awaiting" in index, index
            message = desk.shows("12 St James's Square", "Enter")
            for text in ("Ada Byron", "| Please ring twice.", "New order %s" % order_ref):
                assert text in message, message
            assert "assphrase" not in message and "BEGIN PGP" not in message, message
            sent = desk.reply("/paid\n\nThank you, Ada! I pack it today.\n\nIt leaves on Monday.\n\n", "Mail sent")
            assert "rror" not in sent, sent

            has_new(firefox, shop, "2 new")
            assert firefox.attribute("#state", "data-state") == "confirmed"
            assert "Paid" in messages(firefox)[0] and "Thank you, Ada! I pack it today.\n\nIt leaves on Monday." in messages(firefox)[1], messages(firefox)
            assert "ring twice" not in messages(firefox)[1], "quoted text is left out"
            send_message(firefox, "Thank you too!\nIs Monday the 30th?")
            assert firefox.url() == shop.url + "/order#messages", firefox.url()
            assert messages(firefox)[2].startswith("You") and "Is Monday the 30th?" in messages(firefox)[2], messages(firefox)
            assert "new" not in firefox.text("#messages-title")

            # The seller sees it in the same thread, replies, and marks the order as shipped.
            desk.shows(",l list", "q")
            desk.shows_new_mail("Message about")
            question = desk.shows("| Is Monday the 30th?", "*", "Enter")
            assert "New message from the buyer of order %s" % order_ref in question, question
            desk.reply("Yes, the 30th.\n\n", "Mail sent")
            desk.shows("Tracking", ",", "s")
            desk.prompt("is now shipped", TRACKING)
            desk.shows("Is Monday", "Enter")
            has_new(firefox, shop, "2 new")
            assert firefox.attribute("#state", "data-state") == "shipped"
            assert "Yes, the 30th." in messages(firefox)[3] and TRACKING in messages(firefox)[4], messages(firefox)
            assert not firefox.find_all('.talk a'), "tracking is never a link"
            screenshot(firefox, "conversation")

            # Another browser, with only the code.
            with Firefox() as elsewhere:
                open_order(elsewhere, shop, code)
                assert len(messages(elsewhere)) == 5 and "5 new" not in elsewhere.text("#messages-title"), elsewhere.text("#messages")
                assert "12 St James's Square" in elsewhere.text("main")
                send_message(elsewhere, "My code is " + code)
                assert "your order code" in elsewhere.text("#message-error")
                assert elsewhere.property("#message", "value").strip() == "My code is", elsewhere.property("#message", "value")

            # The buyer deletes the data. The seller is told, and can no longer reply.
            firefox.click("details:has(#confirm) summary")
            firefox.click('form[action="/order/erase"] button')
            assert "Tick the box" in firefox.text("#confirm-error")
            firefox.click("#confirm")
            firefox.click('form[action="/order/erase"] button')
            assert "has been erased" in firefox.text(".notice"), firefox.text("main")
            firefox.type("#code", code)
            firefox.click("main .primary")
            assert "could not find an order" in firefox.text("#code-error")
            desk.shows(",l list", "q")
            desk.shows_new_mail("Message about")
            desk.shows("has deleted their data", "*", "Enter")
            refused = desk.reply("Are you still there?\n\n", "deleted their data: nobody can read")
            assert "Mail sent" not in refused, refused
            desk.shows("y:Send", "q")
            desk.shows("Message about", "q")

        # After the deletion nothing is left.
        assert "1 order" in shop.run("purge", "--keep-days", "0")
        assert not list((shop.home / "mailorders").glob("*/*.shop*"))

        with SellerMutt(shop, seller, program) as desk:
            assert order_ref not in desk.shows(",p paid"), "the mailbox is empty"
        assert shop.run("orders").startswith("No orders yet")
        for path in shop.home.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                for text in ("St James", "ring twice", "ada@example.org", TRACKING, order_ref, code):
                    assert text.encode() not in content, (path, text)


@test
def the_story_of_an_order_in_neomutt():
    the_story_of_an_order(program="neomutt")


def save_screenshots(firefox, folder, name):
    """Saves the page in a wide and a narrow window."""
    (folder / (name + ".png")).write_bytes(firefox.screenshot(full_page=True))
    firefox.size(500, 900)
    firefox.zoom(1.3)
    (folder / (name + "-narrow.png")).write_bytes(firefox.screenshot(full_page=True))
    firefox.zoom(1)
    firefox.size(1000, 900)
