#!/usr/bin/env python3
"""The effect of Tor's own defences on visitors, at rest and during a flood of introductions.

Prints Markdown tables. Uses a private Tor network on loopback, the real shop, and one service for each set of options, in an
order that changes with each round. A visitor is a tor without any state: it fetches the descriptor, solves the puzzle if there
is one, and loads the start page, and retries as long as tor refuses. The flood (introductions.py) names rendezvous points
without a client, and solves no puzzle. Loopback has no latency: on the public network every step takes longer.
"""

import argparse
import pathlib
import socket
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lib.browser import LOST
from lib.shop import cpu_seconds, free_port
from lib.table import print_head, print_row
from introductions import Flood
from network import Network, SocksError
from onion import SERVICE, SocketShop, TorBrowser, service_options

PUZZLE = "HiddenServicePoWDefensesEnabled 1"
AT_INTRODUCTION = "HiddenServiceEnableIntroDoSDefense 1"
OURS = tuple(line for line in SERVICE if "PoW" in line or "IntroDoS" in line)
SETS = {
    "no defence": (),
    "proof of work, tor's defaults (250/s, 2500 at once)": (PUZZLE,),
    "introduction points, tor's defaults (25/s, 200 at once)": (AT_INTRODUCTION,),
    "both, tor's defaults": (PUZZLE, AT_INTRODUCTION),
    "the shop's settings": OURS,
    "Onionbalance's back ends": OURS + tuple(
        line for line in service_options("onionbalance/torrc.d/backend.conf") if "IntroDoS" in line),
}
# Tor learns how long circuits take; on the public network, a few seconds.
VISITOR = ("CircuitBuildTimeout 5",)
N_VISITORS = 3
# How often a tor may discard its state of services. Units: seconds.
FORGETS_EVERY = 11
# When a visitor gives up. Units: seconds.
PATIENCE = 90


class Visit:
    def __init__(self, began, seconds, n_refused):
        """`seconds`: None if the visitor gave up."""
        self.began, self.seconds, self.n_refused = began, seconds, n_refused


def visit(client, onion):
    client.control.command("SIGNAL NEWNYM")
    began = time.monotonic()
    n_refused = 0
    while True:
        left = began + PATIENCE - time.monotonic()
        if left <= 0:
            return Visit(began, None, n_refused)
        try:
            browser = TorBrowser(client, onion)
            browser.seconds = left
            answer = browser.fetch("/")
            assert answer.status == 200, answer
            return Visit(began, time.monotonic() - began, n_refused)
        except (SocksError, *LOST):
            n_refused += 1
            time.sleep(0.5)


def visits(clients, onion, until):
    """Each client visits repeatedly until the end."""
    done = []

    def run(client, n):
        time.sleep(n * FORGETS_EVERY / len(clients))
        while time.monotonic() < until:
            one = visit(client, onion)
            done.append(one)
            time.sleep(max(0, one.began + FORGETS_EVERY - time.monotonic()))

    threads = [threading.Thread(target=run, args=(client, n)) for n, client in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(done, key=lambda one: one.began)


def metric(port, name):
    """The sum of a metric of a tor's only service."""
    text = b""
    with socket.create_connection(("127.0.0.1", port), timeout=3) as sock:
        sock.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        sock.settimeout(0.5)
        try:
            while more := sock.recv(65536):
                text += more
        except TimeoutError:
            pass
    return sum(int(line.rsplit(" ", 1)[1]) for line in text.decode().splitlines() if line.startswith(name + "{"))


def measure(network, clients, n, options, arguments):
    port = free_port()
    more = ("MetricsPort 127.0.0.1:%d" % port, "MetricsPortPolicy accept 127.0.0.1")
    with SocketShop().open() as shop:
        tor = shop.start_tor(network, "service%d" % n, options=("HiddenServiceExportCircuitID haproxy", *options, *more))
        try:
            for client in clients:
                client.wait_code(shop.onion, 0)
            at_rest = visits(clients, shop.onion, time.monotonic() + arguments.rest)
            flood = Flood(network, tor, shop.onion, arguments.rate)
            began, cpu = time.monotonic(), cpu_seconds(tor.process.pid)
            rendezvous = metric(port, "tor_hs_rdv_num_total")
            flooded = visits(clients, shop.onion, began + arguments.seconds)
            seconds = time.monotonic() - began
            facts = {
                "rendezvous": (metric(port, "tor_hs_rdv_num_total") - rendezvous) / seconds,
                "waiting": metric(port, "tor_hs_rdv_pow_pqueue_count"),
                "effort": metric(port, "tor_hs_pow_suggested_effort"),
                "cpu": (cpu_seconds(tor.process.pid) - cpu) / seconds,
                "flood": flood.stop(),
            }
            if arguments.each:
                for one in flooded:
                    print("  %4.0f s: %s, refused %d times" % (one.began - began, one.seconds and "%.2f s" % one.seconds, one.n_refused), file=sys.stderr)
            return at_rest, flooded, facts
        finally:
            tor.stop()


def cells(of):
    times = sorted(PATIENCE if one.seconds is None else one.seconds for one in of)
    served = sum(one.seconds is not None for one in of)
    return "%d of %d" % (served, len(of)), "%.2f s" % statistics.median(times), "%.2f s" % times[-1], "%d" % sum(0 < one.n_refused for one in of)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rest", type=int, default=20, help="seconds without a flood")
    parser.add_argument("--seconds", type=int, default=60, help="seconds in which visits begin during the flood")
    parser.add_argument("--rate", type=int, default=200, help="introductions a second")
    parser.add_argument("--only", action="append", help="a set of options, as the table names it; may be given again")
    parser.add_argument("--set", action="append", default=[], help="one more set: NAME=LINE;LINE")
    parser.add_argument("--each", action="store_true", help="say every visit on standard error")
    arguments = parser.parse_args()
    sets = {name: lines for name, lines in SETS.items() if not arguments.only or name in arguments.only}
    for more in arguments.set:
        name, _, lines = more.partition("=")
        sets[name] = tuple(lines.split(";"))
    results = {name: [] for name in sets}
    with Network() as network:
        clients = [network.buyer("visitor%d" % n, *VISITOR) for n in range(N_VISITORS)]
        for round in range(arguments.rounds):
            names = list(sets)
            names = names[round % len(names):] + names[:round % len(names)]
            for n, name in enumerate(names):
                print("round %d: %s" % (round + 1, name), file=sys.stderr, flush=True)
                results[name].append(measure(network, clients, round * len(names) + n, sets[name], arguments))
                print("  %s" % results[name][-1][2], file=sys.stderr, flush=True)
    show(results, arguments)


def show(results, arguments):
    print("%d introductions a second; %d rounds, visits begun in the first %d seconds of each.\n" % (
        arguments.rate, arguments.rounds, arguments.seconds))
    print_head("options", "", "visits served", "median", "longest", "refused at least once")
    for name, runs in results.items():
        for phase, at in (("at rest", 0), ("flood", 1)):
            print_row(name, phase, *cells([one for run in runs for one in run[at]]))
    print()
    print_head("options, during the flood", "forwarded by introduction points", "rendezvous/s", "waiting at the end", "effort at the end", "cores of the service's tor")
    for name, runs in results.items():
        middle = lambda of: statistics.median(map(of, runs))
        print_row(name, "%.0f %%" % (100 * middle(lambda run: run[2]["flood"].get("passed on", 0) / run[2]["flood"]["began"])),
             *("%.0f" % middle(lambda run: run[2][key]) for key in ("rendezvous", "waiting", "effort")), "%.2f" % middle(lambda run: run[2]["cpu"]))


if __name__ == "__main__":
    main()
