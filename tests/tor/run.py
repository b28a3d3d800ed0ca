#!/usr/bin/env python3
"""The shop behind Tor, with real parts: a private Tor network on loopback, the real program, Firefox at "Safest".

Run from anywhere, after `cargo build --release`; needs tor, tor-gencert, geckodriver and Firefox ESR, mutt. What is missing is
a failure. Names on the command line choose tests, as unittest takes them.
"""

import concurrent.futures
import json
import mailbox
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
import unittest

from network import NO_KEY, WRONG_KEY, Network, Unreached, wait_for
from onion import Service, SocketShop, TorShop, Visitor
from buyer import fills_the_form
from firefox import ROOT, Firefox
from mutt import Mutt

TEA, NOTEBOOK = "green-tea-spring-harvest", "linen-notebook"
# Firefox asks its maker for settings, whatever page it shows; Tor Browser does not. Here no relay leads there.
FIREFOX_ITSELF = {"firefox.settings.services.mozilla.com:443"}
WORDS = "correct horse battery staple"


def setUpModule():
    global NETWORK
    NETWORK = unittest.enterModuleContext(Network())
    print("a private Tor network in %.1f seconds" % NETWORK.seconds, flush=True)


class TheJourney(unittest.TestCase):
    """A torrc with a HiddenServiceDir, the shop on a unix socket, a buyer with Tor Browser's preferences."""

    @classmethod
    def setUpClass(cls):
        cls.shop = cls.enterClassContext(SocketShop())
        tor = cls.shop.behind(NETWORK, "journey")
        cls.addClassCleanup(tor.end)
        NETWORK.client.wait_code(cls.shop.onion, 0)

    def looks_whole(self, firefox):
        """Every picture shows, nothing is drawn with SVG, and nothing on the page belongs to another site."""
        source = firefox.source()
        self.assertNotIn("<svg", source)
        self.assertNotRegex(source, r"(?i)\.svg|image/svg")
        for element in firefox.find_all("img"):
            width = firefox.do("GET", "/element/%s/property/naturalWidth" % element)
            self.assertGreater(width, 0, "a picture is missing on " + firefox.url())
        for there in re.findall(r'(?:src|srcset|href|action)="([^"]*)"', source):
            self.assertRegex(there, r"^(/(?!/)|#|ethereum:|$)", "leads elsewhere")
        self.assertTrue(firefox.url().startswith(self.shop.url + "/"), firefox.url())
        for name, cookie in firefox.cookies().items():
            self.assertTrue(name.startswith("__Host-"), name)
            self.assertTrue(cookie["secure"] and cookie["httpOnly"], name)
            self.assertEqual(("Strict", "/"), (cookie["sameSite"], cookie["path"]), name)

    def test_a_whole_purchase_at_safest_and_the_way_back_with_seven_words(self):
        NETWORK.client.control.all_events()
        NETWORK.client.control.ask("SETEVENTS STREAM")
        self.addCleanup(lambda: NETWORK.client.control.ask("SETEVENTS"))
        shop = self.shop
        with Firefox(socks_port=NETWORK.client.port) as firefox:
            firefox.size(1000, 900)
            firefox.go(shop.url + "/")
            self.looks_whole(firefox)
            firefox.click('.card a[href="/product/%s"]' % NOTEBOOK)
            self.looks_whole(firefox)
            firefox.click('#option option[value="Ruled"]')
            firefox.type("#quantity", "2")
            firefox.click(".buy button")
            self.assertEqual(shop.url + "/cart", firefox.url())
            self.assertEqual("0.014 ETH", firefox.text(".total"))
            self.assertIn("__Host-cart", firefox.cookies())
            self.looks_whole(firefox)
            firefox.click('a[href="/checkout"]')
            self.looks_whole(firefox)
            fills_the_form(firefox, note="Please wrap it.")
            firefox.click(".checkout .primary")
            self.assertEqual(shop.url + "/order", firefox.url(), firefox.source())
            order_ref, code = firefox.text("#order-ref"), firefox.text("#code")
            self.assertEqual(7, len(code.split()))
            self.assertIn("__Host-order", firefox.cookies())
            self.assertGreaterEqual(firefox.property("#qr", "naturalWidth"), 200)
            self.looks_whole(firefox)
        self.reads_the_order(order_ref)

        with Firefox(socks_port=NETWORK.client.port) as elsewhere:
            elsewhere.go(shop.url + "/order")
            self.assertEqual([], elsewhere.find_all("#order-ref"))
            elsewhere.type("#code", code)
            elsewhere.click("main .primary")
            self.assertEqual(order_ref, elsewhere.text("#order-ref"))
            self.looks_whole(elsewhere)

        asked = set()
        for line in NETWORK.client.control.all_events():
            words = line.split()
            if words[3] == "NEW" and "PURPOSE=USER" in line:
                asked.add(words[5])
        self.assertEqual({shop.onion + ":80"}, asked - FIREFOX_ITSELF, "what Firefox wanted of Tor")

    def reads_the_order(self, order_ref):
        messages = list(mailbox.Maildir(self.shop.home / "mailorders", create=False))
        self.assertEqual(["New order %s - unpaid" % order_ref], [message["subject"] for message in messages])
        self.assertIn("Please wrap it.", messages[0].get_payload(decode=True).decode())
        with Mutt(self.shop) as mutt:
            self.assertIn("New order %s - unpaid" % order_ref, mutt.shows(order_ref))
            self.assertIn(order_ref, mutt.shows("THINGS", "Enter"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
