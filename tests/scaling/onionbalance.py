#!/usr/bin/env python3
"""Onionbalance in front of two tors and one shop, on a private Tor network: is the front address reachable, do both back
ends serve visitors, and what happens when one of them is killed?

Onionbalance is Debian's package, but it fetches and publishes every few seconds instead of every few minutes, and is
configured for the few directories of this network. Its option `--is-testnet` assumes votes every 20 seconds; this network has
the public network's intervals, so that part is reverted.

Needs `tor`, `tor-gencert`, the package `onionbalance`, and target/release/shop (or SHOP_BINARY).
"""

import collections
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / part) for part in ("", "tor")]

from lib.shop import wait_for
from network import Network, SocksError
from onion import SocketShop, TorBrowser

# Debian's package is for Debian's Python.
PYTHON = os.environ.get("ONIONBALANCE_PYTHON", "/usr/bin/python3")
IN_A_HURRY = """
import sys
from onionbalance.hs_v3 import params
from onionbalance.hs_v3.consensus import Consensus
from onionbalance.hs_v3.onionbalance import my_onionbalance

params.INITIAL_CALLBACK_DELAY = 1
params.FETCH_DESCRIPTOR_FREQUENCY_TESTNET = 5
params.PUBLISH_DESCRIPTOR_CHECK_FREQUENCY_TESTNET = 5
params.HSDIR_N_REPLICAS = 1
params.HSDIR_SPREAD_STORE = 2


def as_in_public(method):
    def run(*arguments):
        my_onionbalance.is_testnet = False
        try:
            return method(*arguments)
        finally:
            my_onionbalance.is_testnet = True
    return run


for name, method in list(vars(Consensus).items()):
    if name.startswith(("get_", "_get_")):
        setattr(Consensus, name, as_in_public(method))
from onionbalance import manager
sys.exit(manager.main())
"""
N_VISITORS = 60


def make_key(folder):
    """Creates the front address and its key, in tor's format, with a tor without a network."""
    tor = subprocess.Popen(
        ["tor", "--defaults-torrc", "/dev/null", "--ignore-missing-torrc", "-f", folder / "none", "--DisableNetwork", "1",
         "--SocksPort", "0", "--DataDirectory", folder / "data", "--HiddenServiceDir", folder / "front",
         "--HiddenServicePort", "80 unix:%s" % (folder / "none"), "--hush"])
    try:
        wait_for("a key", (folder / "front/hostname").exists, 20)
    finally:
        tor.terminate()
        tor.wait()
    return (folder / "front/hostname").read_text().strip()


class BackEnd:
    """A tor with its own address, which also accepts introductions for the front address."""

    def __init__(self, network, shop, name, front):
        self.folder = shop.home / name
        self.folder.mkdir(0o700)
        (self.folder / "ob_config").write_text("MasterOnionAddress %s\n" % front)
        self.tor = network.tor(
            name, "HiddenServiceDir %s" % self.folder, "HiddenServicePort 80 unix:%s" % shop.socket,
            "HiddenServiceOnionbalanceInstance 1")
        self.tor.wait_published()
        self.onion = (self.folder / "hostname").read_text().strip()
        self.tor.control.command("SETEVENTS CIRC")
        self.circuits = set()

    def n_visitors(self):
        """How many visitors it has served: each accepted introduction becomes one rendezvous circuit."""
        for line in self.tor.control.all_events():
            if found := re.match(r"650 CIRC (\d+) BUILT .*PURPOSE=HS_SERVICE_REND\b", line):
                self.circuits.add(found.group(1))
        return len(self.circuits)


def visits(network, onion, client):
    """How many visitors, each on a new circuit, get the start page, and how long they wait."""
    times, failures = [], collections.Counter()
    for _ in range(N_VISITORS):
        began = time.monotonic()
        try:
            answer = TorBrowser(client, onion).fetch("/")
            if answer.status == 200 and "</html>" in answer.text:
                times.append(time.monotonic() - began)
            else:
                failures[answer.status] += 1
        except (OSError, SocksError) as error:
            failures[str(error)] += 1
    shown = ", of which failed %s" % dict(failures) if failures else ""
    print("  %d of %d visitors served, median %.0f ms, slowest %.1f s%s" % (
        len(times), N_VISITORS, statistics.median(times) * 1000 if times else 0, max(times, default=0), shown), flush=True)
    return len(times)


def main():
    if subprocess.run([PYTHON, "-c", "import onionbalance"], capture_output=True).returncode:
        sys.exit("onionbalance is missing: apt-get install --no-install-recommends onionbalance")
    with SocketShop(CIRCUIT_ID="off").open() as shop, Network() as network:
        front = make_key(shop.home)
        (shop.home / "db/tor/hostname").write_text(front + "\n")
        ends = [BackEnd(network, shop, name, front) for name in ("back1", "back2")]
        manager = network.tor("manager")
        manager.wait_ready()
        config = {"services": [{"key": str(shop.home / "front/hs_ed25519_secret_key"),
                                "instances": [{"address": end.onion.removesuffix(".onion")} for end in ends]}]}
        (shop.home / "config.yaml").write_text(json.dumps(config))
        began = time.monotonic()
        log = shop.home / "onionbalance.log"
        with open(log, "w") as out:
            balance = subprocess.Popen(
                [PYTHON, "-c", IN_A_HURRY, "-c", str(shop.home / "config.yaml"), "-s", str(manager.folder / "control"), "-v", "info", "--is-testnet"],
                stdout=out, stderr=out)
        try:
            def has_logged(text):
                assert balance.poll() is None, log.read_text()[-3000:]
                return text in log.read_text()

            wait_for("Onionbalance publishes", lambda: has_logged("Uploading first descriptor"), 60)
            network.client.wait_code(front, 0, 120)
            print("the front address is reachable %.0f s after Onionbalance was started" % (time.monotonic() - began), flush=True)
            visits(network, front, network.client)
            met = [end.n_visitors() for end in ends]
            print("  the back ends served %s of them" % " and ".join(map(str, met)), flush=True)
            assert all(met), "both back ends serve visitors"

            ends[0].tor.stop(9)
            print("one back end killed: a client that has the descriptor", flush=True)
            before = ends[1].n_visitors()
            visits(network, front, network.client)
            print("  the other served %d" % (ends[1].n_visitors() - before), flush=True)
            print("a new client, which fetches the descriptor", flush=True)
            served = visits(network, front, network.buyer("newcomer"))
            assert N_VISITORS * 0.95 <= served

            ends[0].tor.start(without_network=True)
            ends[0].tor.wait_published()
            ends[0].tor.control.command("SETEVENTS CIRC")
            ends[0].circuits = set()
            n_published = log.read_text().count("Intro set modified")
            wait_for("a descriptor with its new introduction points", lambda: n_published < log.read_text().count("Intro set modified"), 60)
            time_for_upload = time.monotonic() + 30
            newcomer = network.buyer("newcomer2")
            while not ends[0].n_visitors() and time.monotonic() < time_for_upload:
                newcomer.connect(front).close()
            print("the killed one restarted: a new client", flush=True)
            visits(network, front, network.buyer("newcomer3"))
            print("  it served %d" % ends[0].n_visitors(), flush=True)
            assert ends[0].n_visitors()
        except BaseException:
            pathlib.Path(os.environ.get("KEEP_LOG", os.devnull)).write_text(log.read_text())
            raise
        finally:
            balance.terminate()
            balance.wait()


if __name__ == "__main__":
    main()
