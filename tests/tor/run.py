#!/usr/bin/env python3
"""The shop behind Tor, with real parts: a private Tor network on loopback, the real program, Firefox at "Safest".

Needs `cargo build --release`, tor, tor-gencert, geckodriver, Firefox ESR and mutt. Arguments select tests, as with unittest.
"""

import base64
import collections
import concurrent.futures
import json
import mailbox
import pathlib
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lib.buyer import fill_checkout, open_order, place_reviewed, review_order
from lib.firefox import Firefox
from lib.mail import Mutt
from lib.shop import NOTEBOOK, ROOT, TEA, free_port, wait_for
from descriptor import Descriptor
from introductions import Flood
from network import NO_KEY, WRONG_KEY, Network, SocksError
from onion import ControlRelay, Service, SocketShop, TorBrowser, TorShop, service_options

# Firefox requests settings from Mozilla; Tor Browser does not. No relay here is an exit.
FIREFOX_ITSELF = {"firefox.settings.services.mozilla.com:443"}
PASSPHRASE = "correct horse battery staple"
# Any address with a valid checksum.
FRONT = "feclorj4bzfwwwiavisd6wg3zm62t5uybnnmopnahujs5y2tu6ff44ad.onion"


def setUpModule():
    global NETWORK
    NETWORK = unittest.enterModuleContext(Network())
    print("a private Tor network in %.1f seconds" % NETWORK.seconds, flush=True)


class Purchase(unittest.TestCase):
    """A torrc with a HiddenServiceDir, the shop on a unix socket, a buyer with Tor Browser's preferences."""

    @classmethod
    def setUpClass(cls):
        cls.shop = cls.enterClassContext(SocketShop().open())
        tor = cls.shop.start_tor(NETWORK, "journey")
        cls.addClassCleanup(tor.stop)
        NETWORK.client.wait_code(cls.shop.onion, 0)

    def check_page(self, firefox):
        """All pictures are loaded, and the page has no SVG and nothing of another site."""
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

    def test_a_whole_purchase_at_safest_and_the_order_is_opened_with_seven_words(self):
        NETWORK.client.control.all_events()
        NETWORK.client.control.command("SETEVENTS STREAM")
        self.addCleanup(lambda: NETWORK.client.control.command("SETEVENTS"))
        shop = self.shop
        with Firefox(socks_port=NETWORK.client.port) as firefox:
            firefox.size(1000, 900)
            firefox.go(shop.url + "/")
            self.check_page(firefox)
            firefox.click('.card a[href="/product/%s"]' % NOTEBOOK)
            self.check_page(firefox)
            firefox.click('#option option[value="Ruled"]')
            firefox.type("#quantity", "2")
            firefox.click(".buy button")
            self.assertEqual(shop.url + "/cart", firefox.url())
            self.assertEqual("0.014 ETH", firefox.text(".total"))
            self.assertIn("__Host-cart", firefox.cookies())
            self.check_page(firefox)
            firefox.click('a[href="/checkout"]')
            self.check_page(firefox)
            fill_checkout(firefox, note="Please wrap it.")
            review_order(firefox)
            self.check_page(firefox)
            place_reviewed(firefox, shop)
            self.assertEqual(shop.url + "/order", firefox.url(), firefox.source())
            order_ref, code = firefox.text("#order-ref"), firefox.text("#code")
            self.assertEqual(7, len(code.split()))
            self.assertIn("__Host-order", firefox.cookies())
            self.assertGreaterEqual(firefox.property("#qr", "naturalWidth"), 200)
            self.check_page(firefox)
        self.check_message(order_ref)

        with Firefox(socks_port=NETWORK.client.port) as elsewhere:
            elsewhere.go(shop.url + "/order")
            self.assertEqual([], elsewhere.find_all("#order-ref"))
            open_order(elsewhere, shop, code)
            self.assertEqual(order_ref, elsewhere.text("#order-ref"))
            self.check_page(elsewhere)

        targets = set()
        for line in NETWORK.client.control.all_events():
            fields = line.split()
            if fields[3] == "NEW" and "PURPOSE=USER" in line:
                targets.add(fields[5])
        self.assertEqual({shop.onion + ":80"}, targets - FIREFOX_ITSELF, "Firefox's requests to Tor")

    def check_message(self, order_ref):
        messages = list(mailbox.Maildir(self.shop.home / "mailorders", create=False))
        self.assertEqual(["New order %s - unpaid" % order_ref], [message["subject"] for message in messages])
        self.assertIn("Please wrap it.", messages[0].get_payload(decode=True).decode())
        with Mutt(self.shop) as mutt:
            self.assertIn("New order %s - unpaid" % order_ref, mutt.shows(order_ref))
            self.assertIn(order_ref, mutt.shows("ITEMS", "Enter"))


    def test_a_proxy_for_browsers_without_tor_gets_only_a_warning(self):
        browser = TorBrowser(NETWORK.client, self.shop.onion)
        for host in (self.shop.onion + ".gateway.example", "gateway.example"):
            answer = browser.fetch("/product/" + NOTEBOOK, Host=host)
            self.assertEqual(421, answer.status, host)
            self.assertNotIn("gateway", answer.text + str(answer.headers))
            self.assertNotIn("Add to cart", answer.text)
            self.assertEqual({}, browser.cookies)
            self.assertIn("no-store", answer.headers["Cache-Control"])

    def test_others_can_buy_while_one_circuit_floods(self):
        is_over = threading.Event()

        def flood(_):
            statuses = collections.Counter()
            for _ in range(200):
                if is_over.is_set():
                    break
                try:
                    statuses[TorBrowser(NETWORK.client, self.shop.onion, "flood").fetch("/search?q=tea").status] += 1
                except (OSError, SocksError):
                    statuses["broken off"] += 1
            return statuses

        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            floods = [pool.submit(flood, n) for n in range(50)]
            seconds = []
            try:
                for n in range(5):
                    began = time.monotonic()
                    TorBrowser(NETWORK.client, self.shop.onion, "buyer%d" % n).place_order(TEA)
                    seconds.append(time.monotonic() - began)
            finally:
                is_over.set()
            statuses = sum((done.result() for done in floods), collections.Counter())
        print("the flood got %s; five purchases took %s seconds" % (
            dict(statuses), ", ".join("%.1f" % taken for taken in seconds)), flush=True)
        self.assertLess(max(seconds), 30)
        self.assertLessEqual(set(statuses), {200, 429, 503, "broken off"})


class OnionTest(unittest.TestCase):
    """Base class of tests of onion services."""

    def new_service(self, name, **more):
        service = Service(NETWORK, name, **more)
        self.addCleanup(service.tor.stop)
        return service

    def buyer(self, name, key=None):
        """A separate client, optionally with a key for client authorisation."""
        buyer = NETWORK.buyer(type(self).__name__ + "-" + name)
        self.addCleanup(buyer.stop)
        if key:
            buyer.add_key(key)
        return buyer

    def check_reachable(self, onion, buyer=None):
        """The shop's start page can be loaded there."""
        buyer = buyer or NETWORK.client
        buyer.wait_code(onion, 0)
        answer = TorBrowser(buyer, onion).fetch("/")
        self.assertEqual((200, True), (answer.status, "<title>Welcome · " in answer.text))


class ServeTor(OnionTest):
    """`shop serve --tor`: the shop creates its service through Tor's control port."""

    @classmethod
    def setUpClass(cls):
        cls.service = Service(NETWORK, "service")
        cls.addClassCleanup(cls.service.tor.stop)

    def open_shop(self):
        return self.enterContext(self.service.open())

    def test_the_address_stays_as_long_as_its_key_exists(self):
        shop = self.open_shop()
        key = shop.home / "db/onion.key"
        self.assertEqual(0o600, stat.S_IMODE(key.stat().st_mode))
        self.assertEqual((96, b"== ed25519v1-secret: type0 =="), (len(key.read_bytes()), key.read_bytes()[:29]))
        self.check_reachable(shop.onion)
        first = shop.onion

        shop.stop()
        # The setting is the same as the flag.
        shop.arguments = ()
        shop.environment["CONNECT_TOR"] = "yes"
        self.service.reopen(shop)
        self.assertEqual(first, shop.onion)
        self.check_reachable(shop.onion)

        shop.stop()
        key.unlink()
        shop.open()
        self.assertNotEqual(first, shop.onion)
        self.service.published(shop)
        NETWORK.client.wait_code(shop.onion, 0)

    def test_the_address_is_reachable_once_it_is_printed(self):
        with TorShop(self.service.control).open() as shop:
            self.assertIn(shop.url, shop.run("onion"))
            self.assertEqual(shop.onion + "\n", (shop.home / "db/tor/hostname").read_text())

    def test_after_tor_was_killed_the_service_is_restored_automatically(self):
        service = self.new_service("killed")
        shop = self.enterContext(service.open())
        wait_until_reachable(shop)
        service.tor.stop(signal.SIGKILL)
        wait_for("the shop notices that Tor is gone", lambda: not facts_of(shop)["reachable"] and status_of(shop)["trouble"], 60)
        service.tor.start(without_network=True)
        service.published(shop)
        self.check_reachable(shop.onion)
        self.assertIsNone(shop.server.poll())
        wait_until_reachable(shop)

    def test_the_status_of_the_service(self):
        shop = self.open_shop()
        wait_until_reachable(shop)
        NETWORK.client.wait_code(shop.onion, 0)
        with NETWORK.client.connect(shop.onion):
            def is_all_there():
                status = status_of(shop)
                return status if status["circuits"] and status["published"] and status["introduction_points"] else None

            status = wait_for("descriptor, introduction points and circuits", is_all_there, 60)
        facts = facts_of(shop)
        self.assertEqual((shop.url, True, []), (facts["address"], facts["reachable"], facts["clients"]))
        self.assertEqual((100, ""), (status["bootstrap"], status["trouble"]))
        self.assertIsInstance(status["effort"], int, "proof of work is enabled")
        output = shop.run("onion")
        self.assertIn(shop.url, output)
        self.assertRegex(output, r"introduction points +[1-9]")
        self.assertEqual(0, shop.command("onion", "health").returncode)

    def test_the_control_port_can_have_a_password(self):
        service = self.new_service("password", password=PASSPHRASE)
        shop = self.enterContext(service.open(TOR_PASSWORD=PASSPHRASE))
        self.check_reachable(shop.onion)
        for settings in ({"TOR_PASSWORD": "something else"}, {}):
            error = self.refusal(service.control, **settings)
            self.assertIn("TOR_PASSWORD", error)
            self.assertNotIn("something else", error)

    def test_without_tor_the_shop_says_what_to_install_and_configure(self):
        error = self.refusal("127.0.0.1:%d" % free_port())
        for text in ("install tor", "ControlPort ", "CookieAuthentication 1"):
            self.assertIn(text, error)

    def refusal(self, control, **settings):
        with TorShop(control, **settings) as shop:
            result = shop.command("serve", "--tor")
            self.assertEqual(1, result.returncode, result.stderr)
            self.assertNotIn("open at", result.stdout)
            self.assertNotIn("panicked", result.stderr)
            return result.stderr


def facts_of(shop):
    return json.loads(shop.run("onion", "--json"))


def wait_until_reachable(shop):
    wait_for("the shop knows that it is reachable", lambda: shop.command("onion").returncode == 0 and facts_of(shop)["reachable"], 60)


def status_of(shop):
    return facts_of(shop)["status"] or {"trouble": "", "circuits": 0, "published": 0, "introduction_points": 0}


class ClientAuthorisation:
    """`shop onion client`, for both kinds of service: only clients with a key can find the shop."""

    def change_clients(self, *arguments):
        self.tor.control.all_events()
        output = self.shop.run("onion", "client", *arguments)
        self.tor.wait_published(self.shop.onion)
        return output

    def add_client(self, name):
        """Returns the line that the shop prints for the buyer's Tor."""
        return re.search(r"%s:descriptor:x25519:[A-Z2-7]{52}" % self.shop.onion[:56], self.change_clients("add", name)).group()

    def test_only_clients_with_a_key_have_access(self):
        ada, bob = self.add_client("ada"), self.add_client("bob")
        self.assertEqual(["ada", "bob"], self.shop.run("onion", "client", "list").split())
        self.assertEqual(NO_KEY, self.buyer("stranger").socks_code(self.shop.onion))
        for name, key in (("ada", ada), ("bob", bob)):
            buyer = self.buyer(name, key)
            self.check_reachable(self.shop.onion, buyer)

        self.change_clients("remove", "ada")
        self.assertEqual(["bob"], self.shop.run("onion", "client", "list").split())
        self.assertEqual(WRONG_KEY, self.buyer("ada-later", ada).socks_code(self.shop.onion))
        self.assertEqual(NO_KEY, self.buyer("stranger-later").socks_code(self.shop.onion))
        self.buyer("bob-later", bob).wait_code(self.shop.onion, 0)

        self.restart()
        self.assertEqual(NO_KEY, self.buyer("stranger-at-last").socks_code(self.shop.onion))

    def test_a_removed_client_loses_access_even_with_cached_descriptors(self):
        ada = self.buyer("ada-before", self.add_client("ada"))
        self.change_clients("add", "bob")
        ada.wait_code(self.shop.onion, 0)
        ada.connect(self.shop.onion, circuit="held").close()
        self.change_clients("remove", "ada")
        with self.subTest("a circuit that is still open"):
            with self.assertRaises((SocksError, OSError)):
                ada.connect(self.shop.onion, circuit="held").close()
        with self.subTest("the old descriptor"):
            ada.wait_code(self.shop.onion, WRONG_KEY)


class ClientsOfServeTor(ClientAuthorisation, OnionTest):
    def setUp(self):
        self.service = self.new_service(self.id().rsplit("_", 1)[1] + "-made")
        self.tor = self.service.tor
        self.shop = self.enterContext(self.service.open())
        wait_until_reachable(self.shop)

    def restart(self):
        self.shop.stop()
        self.service.reopen(self.shop)


class ClientsOfTheSidecar(ClientAuthorisation, OnionTest):
    def setUp(self):
        self.shop = self.enterContext(SocketShop().open())
        # Another port of the service: Tor's PROXY line contains a stream's circuit.
        self.listener = self.enterContext(socket.socket(socket.AF_UNIX))
        self.listener.bind(str(self.shop.home / "listener.sock"))
        self.listener.listen()
        self.listener.settimeout(60)
        self.tor = self.shop.start_sidecar(
            NETWORK, self.id().rsplit("_", 1)[1] + "-beside", "HiddenServicePort 81 unix:%s" % (self.shop.home / "listener.sock"))
        self.addCleanup(self.tor.stop)
        wait_until_reachable(self.shop)

    def restart(self):
        self.tor.stop()
        self.assertEqual(0, self.tor.process.returncode, "the sidecar exits with tor's exit code")
        self.tor.start(without_network=True)
        self.tor.wait_published(self.shop.onion)

    def test_only_the_circuit_that_the_shop_names_is_closed(self):
        client = self.buyer("visitor")
        client.wait_code(self.shop.onion, 0)

        def visitors():
            lines = self.tor.control.command("GETINFO circuit-status")
            return {line.split()[0] for line in lines if "PURPOSE=HS_SERVICE_REND" in line and "HSSR_JOINED" in line}

        # New circuits are not necessarily the visitor's: earlier attempts can leave late ones.
        with client.connect(self.shop.onion, port=81, circuit="named") as named, self.listener.accept()[0] as arrived:
            arrived.settimeout(60)
            line = arrived.makefile("rb").readline().decode()
            high, low = re.match(r"PROXY TCP6 fc00:dead:beef:4dad::([0-9a-f]+):([0-9a-f]+) ", line).groups()
            circuit = str(int(high, 16) << 16 | int(low, 16))
            with client.connect(self.shop.onion, circuit="other") as other:
                self.assertIn(circuit, visitors())
                # Renamed into place, as the shop does.
                (self.shop.home / "db/tor/close.new").write_text(circuit + "\n")
                (self.shop.home / "db/tor/close.new").rename(self.shop.home / "db/tor/close")
                named.settimeout(60)
                self.assertEqual(b"", named.recv(1), "tor closes the circuit")
                self.assertNotIn(circuit, visitors())
                other.settimeout(60)
                other.sendall(b"GET /health HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % self.shop.onion.encode())
                self.assertTrue(other.recv(12).endswith(b"200"), "the other's goes on")

    def test_the_shop_knows_its_address_and_its_status(self):
        facts = facts_of(self.shop)
        self.assertEqual((self.shop.url, True), (facts["address"], facts["reachable"]))
        buyer = self.buyer("somebody")
        self.check_reachable(self.shop.onion, buyer)
        self.assertEqual([], [path.name for path in (self.shop.home / "db/tor").iterdir() if "secret" in path.name])
        self.tor.stop(signal.SIGKILL)
        self.tor.start(without_network=True)
        self.tor.wait_published(self.shop.onion)
        buyer.wait_code(self.shop.onion, 0)
        wait_until_reachable(self.shop)


class Desk(OnionTest):
    """`shop serve --tor` with DESK_LISTEN: the desk's own onion, only for clients on its list."""

    def test_only_clients_on_the_list_find_the_desk_and_without_a_list_it_has_no_onion(self):
        service = self.new_service("desk")
        shop = self.enterContext(service.open(DESK_LISTEN="127.0.0.1:0"))
        key = shop.home / "db/desk.key"
        self.assertEqual(0o600, stat.S_IMODE(key.stat().st_mode))
        self.assertNotEqual((shop.home / "db/onion.key").read_bytes(), key.read_bytes())
        status = shop.home / "db/desk-tor/status.json"
        trouble = lambda: status.exists() and "no clients yet" in json.loads(status.read_text())["trouble"]
        wait_for("the shop says why there is no service", trouble, 60)
        desk = (shop.home / "db/desk-tor/hostname").read_text().strip()
        with self.assertRaises((SocksError, OSError)):
            self.buyer("early").connect(desk, seconds=20).close()

        service.tor.control.all_events()
        output = shop.run("desk", "client", "add", "me")
        self.assertIn(desk, output)
        key = re.search(r"%s:descriptor:x25519:[A-Z2-7]{52}" % desk[:56], output).group()
        service.tor.wait_published(desk)
        seller = self.buyer("seller", key)
        seller.wait_code(desk, 0)
        answer = TorBrowser(seller, desk).fetch("/login")
        self.assertEqual(200, answer.status)
        self.assertIn("<h1>Sign in</h1>", answer.text)
        self.assertTrue(all("SameSite=Strict" in cookie and "Secure" not in cookie for cookie in answer.headers.get_all("Set-Cookie")), "this browser sends no Sec-Fetch-Site")
        self.assertEqual(421, TorBrowser(seller, desk).fetch("/login", Host=shop.onion).status, "the desk accepts only its own host name")
        self.assertEqual(404, TorBrowser(seller, shop.onion).fetch("/login").status, "the buyers' listener has no such page")
        self.assertEqual(NO_KEY, self.buyer("stranger").socks_code(desk))
        wrong = shop.run("desk", "client", "add", "other")
        other = re.search(r"descriptor:x25519:[A-Z2-7]{52}", wrong).group()
        service.tor.wait_published(desk)
        shop.run("desk", "client", "remove", "other")
        service.tor.wait_published(desk)
        self.assertEqual(WRONG_KEY, self.buyer("removed", "%s:%s" % (desk[:56], other)).socks_code(desk))

        shop.run("desk", "client", "remove", "me")
        wait_for("an empty list removes the service", trouble, 60)
        with self.assertRaises((SocksError, OSError)):
            seller.connect(desk, circuit="later", seconds=20).close()


class Key(OnionTest):
    """`shop onion backup` and `restore`: the address moves to another host."""

    @classmethod
    def setUpClass(cls):
        cls.service = Service(NETWORK, "key")
        cls.addClassCleanup(cls.service.tor.stop)
        # Another kind of control port: a socket.
        cls.service.control = "unix:%s" % (cls.service.tor.folder / "control")

    def test_a_backup_restores_the_address_and_a_wrong_passphrase_changes_nothing(self):
        shop = self.enterContext(self.service.open())
        key = (shop.home / "db/onion.key").read_bytes()
        shop.run("onion", "backup", "sealed", input=PASSPHRASE + "\n")
        sealed = (shop.home / "sealed").read_bytes()
        self.assertEqual(0o600, stat.S_IMODE((shop.home / "sealed").stat().st_mode))
        for piece in (key[32:64], key[64:]):
            for written in (piece, base64.b64encode(piece)[:40], piece.hex().encode(), base64.b32encode(piece)[:48]):
                self.assertNotIn(written, sealed)
        shop.stop()

        with TorShop(self.service.control) as other:
            (other.home / "sealed").write_bytes(sealed)
            there = other.home / "db/onion.key"
            refused = other.command("onion", "restore", "sealed", input="wrong horse battery staple\n")
            self.assertEqual((1, False), (refused.returncode, there.exists()), refused.stderr)
            self.assertIn("passphrase", refused.stderr)
            for n in (len(sealed) // 2, len(sealed) - 4):
                (other.home / "broken").write_bytes(sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1:])
                broken = other.command("onion", "restore", "broken", input=PASSPHRASE + "\n")
                self.assertEqual((1, False), (broken.returncode, there.exists()), broken.stderr)

            other.run("onion", "restore", "sealed", input=PASSPHRASE + "\n")
            self.assertEqual((key, 0o600), (there.read_bytes(), stat.S_IMODE(there.stat().st_mode)))
            self.service.reopen(other)
            self.assertEqual(shop.onion, other.onion)
            self.check_reachable(other.onion)

    def test_an_existing_key_is_not_overwritten_by_mistake(self):
        with TorShop(self.service.control) as one, TorShop(self.service.control) as other:
            for shop in (one, other):
                shop.open()
                shop.stop()
            text = one.run("onion", "backup", "-", input=PASSPHRASE + "\n")
            there = other.home / "db/onion.key"
            before = there.read_bytes()
            refused = other.command("onion", "restore", "-", input=PASSPHRASE + "\n" + text)
            self.assertEqual((1, before), (refused.returncode, there.read_bytes()), refused.stderr)
            other.run("onion", "restore", "--replace", "-", input=PASSPHRASE + "\n" + text)
            self.assertEqual((one.home / "db/onion.key").read_bytes(), there.read_bytes())


class Defences(OnionTest):
    """Tor's own defences against a flood of introductions, for each kind of service."""

    def descriptor(self, tor, shop):
        return Descriptor(shop.onion, tor.descriptor(shop.onion))

    def test_the_torrcs_and_serve_tor_set_the_same_values(self):
        expected = [option for option in service_options("sidecar.torrc") if "PoW" in option]
        self.assertEqual(["HiddenServicePoWDefensesEnabled 1", "HiddenServicePoWQueueRate 0"], expected)
        self.assertEqual(service_options("sidecar.torrc"), service_options("host.torrc"))
        self.assertNotIn("IntroDoS", " ".join(service_options("sidecar.torrc")), "ADD_ONION does not support it")
        service = self.new_service("values")
        relay = self.enterContext(ControlRelay(service.port))
        service.control = relay.address
        shop = self.enterContext(service.open())
        commands = [line for line in relay.commands if line.startswith("ADD_ONION ")]
        self.assertEqual(1, len(commands), "tor accepts it")
        for option in expected:
            name, value = option.removeprefix("HiddenService").split()
            self.assertIn("%s=%s" % (name, value), commands[0].split())
        self.assertEqual(0, self.descriptor(service.tor, shop).suggested_effort(), "puzzles are enabled, without effort at rest")

    def test_with_a_tor_without_puzzles_the_shop_opens_and_the_log_says_what_is_missing(self):
        service = self.new_service("older")
        # This tor refuses an unknown keyword like older ones refuse these.
        relay = self.enterContext(ControlRelay(service.port, {"PoWDefensesEnabled=": "NotYetKnown="}))
        service.control = relay.address
        shop = self.enterContext(service.open())
        self.check_reachable(shop.onion)
        self.assertIsNone(self.descriptor(service.tor, shop).suggested_effort())
        self.assertEqual(1, shop.log().count("proof of work"), shop.log())
        self.assertIn("Tor 0.4.9 can", shop.log())

    def test_visitors_are_served_while_introductions_flood_the_service(self):
        shop = self.enterContext(SocketShop().open())
        tor = shop.start_sidecar(NETWORK, "flooded")
        self.addCleanup(tor.stop)
        wait_until_reachable(shop)
        self.assertEqual(0, self.descriptor(tor, shop).suggested_effort())
        NETWORK.client.wait_code(shop.onion, 0)
        flood = Flood(NETWORK, tor, shop.onion, rate=100)
        self.addCleanup(flood.stop)
        seconds = []
        for _ in range(10):
            began = time.monotonic()
            answer = TorBrowser(NETWORK.client, shop.onion).fetch("/")
            self.assertEqual(200, answer.status)
            seconds.append(time.monotonic() - began)
            time.sleep(1)
        answers = flood.stop()
        print("introductions: %s; visits took %s seconds" % (answers, ", ".join("%.1f" % taken for taken in seconds)), flush=True)
        self.assertLess(max(seconds), 20)
        # The introductions reached the service.
        self.assertGreater(answers["passed on"], 500)


class Torrcs(unittest.TestCase):
    def test_tor_accepts_every_torrc_of_the_project(self):
        folder = ROOT / "docs/tor"
        found = {path.name: path.read_text() for path in sorted(folder.rglob("*.torrc"))}
        self.assertEqual({"host.torrc", "manager.torrc", "sidecar.torrc"}, set(found))
        # Included after the sidecar's own lines.
        for more in sorted(folder.rglob("*.conf")):
            found[more.name] = found["sidecar.torrc"] + more.read_text()
        self.assertIn("backend.conf", found)
        for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
            for n, block in enumerate(re.findall(r"^```torrc\n(.*?)^```", page.read_text(), re.M | re.S)):
                found["%s, block %d" % (page.name, n + 1)] = block
        for name, text in found.items():
            with self.subTest(name), tempfile.TemporaryDirectory(prefix="shop-torrc-") as folder:
                # A private folder instead of the host's.
                home = pathlib.Path(folder)
                (home / "state").mkdir(0o700)
                (home / "state/onion").mkdir(0o700)
                (home / "torrc").write_text(text.replace("/var/lib/tor/shop", str(home / "state/onion")))
                # A back end of Onionbalance needs the front's address before it starts.
                (home / "state/onion/ob_config").write_text("MasterOnionAddress %s\n" % FRONT)
                result = subprocess.run(
                    ["tor", "--defaults-torrc", "/dev/null", "-f", str(home / "torrc"), "--DataDirectory", str(home / "state"), "--verify-config"],
                    capture_output=True, text=True)
                output = result.stdout + result.stderr
                self.assertEqual(0, result.returncode, output)
                self.assertIn("Configuration was valid", output)
                self.assertNotRegex(output, r"\[warn\].*(obsolete|deprecated|Skipping|unknown|no longer)")


if __name__ == "__main__":
    unittest.main(verbosity=2)
