"""A shop and its buyers on the private Tor network."""

import http.client
import pathlib
import re
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "browser"))

from buyer import ADDRESS
from network import free_port, hashed
from world import SHOP, World

# What a torrc says of the shop's service, beside its folder and its port.
SERVICE = ("HiddenServiceExportCircuitID haproxy", "HiddenServicePoWDefensesEnabled 1")


class SocketShop(World):
    """A shop on a unix socket, and the address by which a service of the test's own leads to it."""

    def __init__(self, **settings):
        super().__init__(arguments=(), settings={"CIRCUIT_ID": "haproxy", **settings})

    def open(self):
        self.socket = self.home / "shop.sock"
        self.environment["LISTEN"] = "unix:%s" % self.socket
        self.start()
        self.says(r"open at (unix:\S+)")

    def beside(self, network, name, *more):
        """Starts a tor that `shop onion sidecar` tends, as in the container beside the shop's; `more` lines for its torrc."""
        folder = self.home / name
        environment = {
            "PATH": self.environment["PATH"], "TOR_CONTROL": "unix:%s" % (network.home / name / "control"),
            "ONION_FOLDER": str(self.home / "db/tor"), "ONION_KEY": str(folder / "hs_ed25519_secret_key")}
        (self.home / "db/tor").mkdir(exist_ok=True)
        tor = network.tor(
            name, "HiddenServiceDir %s" % folder, "HiddenServicePort 80 unix:%s" % self.socket, *SERVICE, *more,
            before=(SHOP, "onion", "sidecar", "--"), environment=environment)
        tor.wait_published()
        self.url = self.says(r"and at (http://[a-z2-7]{56}\.onion)\n")
        self.onion = self.url.removeprefix("http://")
        return tor

    def behind(self, network, name, target=None):
        """Starts a tor with a service for this shop; `target` is another socket that leads here."""
        folder = self.home / name
        tor = network.tor(name, "HiddenServiceDir %s" % folder, "HiddenServicePort 80 unix:%s" % (target or self.socket), *SERVICE)
        tor.wait_published()
        hostname = (folder / "hostname").read_text()
        # What whoever tends this Tor does: the shop learns its address.
        (self.home / "db/tor").mkdir(exist_ok=True)
        (self.home / "db/tor/hostname").write_text(hostname)
        self.onion = hostname.strip()
        self.url = self.says(r"and at (http://[a-z2-7]{56}\.onion)\n")
        return tor


class TorShop(World):
    """`shop serve --tor`: the shop makes its service itself, through the control port of that tor."""

    def __init__(self, control, **settings):
        self.control = control
        super().__init__(arguments=("--tor",), settings={"TOR_CONTROL": control, "LISTEN": "127.0.0.1:0", **settings})

    def open(self):
        self.start()
        self.says(r"open at (\S+)")
        self.url = self.says(r"and at (http://[a-z2-7]{56}\.onion)\n")
        self.onion = self.url.removeprefix("http://")


class ShutShop(TorShop):
    """Its folder and settings alone, until `TorShop.open(shop)`."""

    def open(self):
        pass


class Service:
    """A tor that has a control port and nothing else: the shop is to make its service there."""

    def __init__(self, network, name, password=None):
        self.port, self.metrics = free_port(), free_port()
        lines = ["ControlPort 127.0.0.1:%d" % self.port, "MetricsPort 127.0.0.1:%d" % self.metrics, "MetricsPortPolicy accept 127.0.0.1"]
        if password is not None:
            lines += ["CookieAuthentication 0", "HashedControlPassword " + hashed(password)]
        self.tor = network.tor(name, *lines, password=password)
        self.tor.wait_ready()
        self.control = "127.0.0.1:%d" % self.port

    def open(self, **settings):
        """A shop whose service is published."""
        return self.published(TorShop(self.control, **settings))

    def published(self, shop):
        self.tor.wait_published(shop.onion)
        return shop


class Visitor:
    """Somebody who speaks HTTP through Tor by hand, on a circuit of their own, and keeps the shop's cookies."""

    def __init__(self, client, onion, circuit=None):
        self.client, self.onion, self.circuit = client, onion, circuit
        self.cookies = {}

    def ask(self, path, form=None, host=None):
        """Status, headers and text of one request on one connection."""
        with self.client.connect(self.onion, circuit=self.circuit) as sock:
            body = "" if form is None else urllib.parse.urlencode(form)
            lines = ["%s %s HTTP/1.1" % ("GET" if form is None else "POST", path), "Host: " + (host or self.onion), "Connection: close"]
            if self.cookies:
                lines.append("Cookie: " + "; ".join("=".join(pair) for pair in self.cookies.items()))
            if form is not None:
                lines += ["Content-Type: application/x-www-form-urlencoded", "Content-Length: %d" % len(body)]
            sock.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
            answer = http.client.HTTPResponse(sock)
            answer.begin()
            for cookie in answer.headers.get_all("Set-Cookie", []):
                name, value = cookie.split(";")[0].split("=", 1)
                self.cookies[name] = value
            return answer.status, answer.headers, answer.read().decode("utf-8", "replace")

    def buys(self, product):
        """Product, cart, checkout, order: the order's reference, or an AssertionError that says which step failed."""
        def page(path, form=None, wanted=200):
            status, headers, text = self.ask(path, form)
            assert status == wanted, "%s: %d" % (path, status)
            return text

        token = token_of(page("/product/" + product))
        page("/cart", {"token": token, "product": product, "quantity": "1"}, 303)
        checkout = page("/checkout")
        shown = re.search(r'name="shown" value="([^"]*)"', checkout).group(1)
        page("/checkout", {"token": token_of(checkout), "shown": shown, **ADDRESS}, 303)
        return re.search(r'id="order-ref">([^<]+)<', page("/order")).group(1)


def token_of(page):
    return re.search(r'name="token" value="([^"]+)"', page).group(1)
