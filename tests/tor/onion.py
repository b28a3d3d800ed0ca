"""A shop and its buyers on the private Tor network."""

import re
import socket
import threading

from lib.browser import Browser
from lib.shop import ROOT, SHOP, Shop, free_port
from network import HOST, hashed


def service_options(name="sidecar.torrc"):
    """The options of the shop's service in a torrc of the project, without folder and port."""
    text = (ROOT / "docs/tor" / name).read_text()
    return tuple(re.findall(r"^HiddenService(?!Dir|Port|Version).*$", text, re.M))


SERVICE = service_options()


class OnionShop(Shop):
    """A shop whose `url` becomes its onion address."""

    def wait_for_onion(self):
        self.url = self.printed(r"and at (http://[a-z2-7]{56}\.onion)\n")
        self.onion = self.url.removeprefix("http://")


class SocketShop(OnionShop):
    """A shop on a unix socket, with a separate tor."""

    def __init__(self, **settings):
        super().__init__(on_socket=True, **{"CIRCUIT_ID": "haproxy", **settings})
        (self.home / "db/tor").mkdir()

    def start_sidecar(self, network, name, *more):
        """Starts a tor under `shop onion sidecar`, as in Tor's container. `more`: lines for its torrc."""
        folder = self.home / name
        environment = {
            "PATH": self.environment["PATH"], "TOR_CONTROL": "unix:%s" % (network.home / name / "control"),
            "ONION_FOLDER": str(self.home / "db/tor"), "ONION_KEY": str(folder / "hs_ed25519_secret_key")}
        tor = network.tor(
            name, "HiddenServiceDir %s" % folder, "HiddenServicePort 80 unix:%s" % self.socket, *SERVICE, *more,
            before=(SHOP, "onion", "sidecar", "--"), environment=environment)
        tor.wait_published()
        self.wait_for_onion()
        return tor

    def start_tor(self, network, name, target=None, options=SERVICE):
        """Starts a tor with a service for this shop. `target`: another socket that forwards to the shop."""
        folder = self.home / name
        tor = network.tor(name, "HiddenServiceDir %s" % folder, "HiddenServicePort 80 unix:%s" % (target or self.socket), *options)
        tor.wait_published()
        # Like the sidecar: give the shop its address.
        (self.home / "db/tor/hostname").write_text((folder / "hostname").read_text())
        self.wait_for_onion()
        return tor


class TorShop(OnionShop):
    """`shop serve --tor`: the shop creates its service through tor's control port."""

    arguments = ("--tor",)

    def __init__(self, control, **settings):
        super().__init__(TOR_CONTROL=control, **settings)

    def open(self):
        super().open()
        self.wait_for_onion()
        return self


class ControlRelay:
    """A proxy between the shop and tor's control port that records commands. `replaced`: words to replace in them."""

    def __init__(self, port, replaced=None):
        self.port, self.replaced = port, replaced or {}
        self.commands = []
        self.listener = socket.create_server((HOST, 0))
        self.address = "%s:%d" % self.listener.getsockname()

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                shop, _ = self.listener.accept()
            except OSError:
                return
            tor = socket.create_connection((HOST, self.port))
            for pump in (self.pass_commands, self.pass_answers):
                threading.Thread(target=pump, args=(shop, tor), daemon=True).start()

    def pass_commands(self, shop, tor):
        with shop.makefile("rb") as lines, tor:
            for line in lines:
                command = line.decode()
                self.commands.append(command.strip())
                for word, other in self.replaced.items():
                    command = command.replace(word, other)
                tor.sendall(command.encode())

    def pass_answers(self, shop, tor):
        try:
            while piece := tor.recv(65536):
                shop.sendall(piece)
        except OSError:
            pass
        shop.close()


class Service:
    """A tor with only a control port, through which a shop creates its service."""

    def __init__(self, network, name, password=None):
        self.port, self.metrics = free_port(), free_port()
        lines = ["ControlPort 127.0.0.1:%d" % self.port, "MetricsPort 127.0.0.1:%d" % self.metrics, "MetricsPortPolicy accept 127.0.0.1"]
        if password is not None:
            lines += ["CookieAuthentication 0", "HashedControlPassword " + hashed(password)]
        self.tor = network.tor(name, *lines, password=password)
        self.tor.wait_ready()
        self.control = "127.0.0.1:%d" % self.port

    def open(self, **settings):
        """Starts a shop and waits until its service is published."""
        return self.published(TorShop(self.control, **settings).open())

    def reopen(self, shop):
        self.tor.control.all_events()
        return self.published(shop.open())

    def published(self, shop):
        self.tor.wait_published(shop.onion)
        return shop


class TorBrowser(Browser):
    """A browser through a client's tor, on its own circuit; browsers with the same `circuit` share one."""

    def __init__(self, client, onion, circuit=None):
        super().__init__(onion)
        self.client, self.circuit, self.seconds = client, circuit, 120

    def connect(self):
        return self.client.connect(self.host, circuit=self.circuit, seconds=self.seconds)
