#!/usr/bin/env python3
"""Measures a first visit and a whole purchase: Firefox at "Safest", through a private Tor network on loopback.

Prints Markdown tables. Each run has a new tor and a new browser, without the service's descriptor or cached pictures.
Bytes are counted between tor and the shop's socket, including headers, without Tor's overhead. Loopback has no latency:
`--delay 0.5` lets each response wait as long as a round trip over the public network takes.
"""

import argparse
import pathlib
import re
import socket
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lib.buyer import fill_checkout
from lib.firefox import Firefox
from lib.shop import TEA, wait_for
from lib.table import print_head, print_row
from network import Network
from onion import SocketShop

# The size of the page in Firefox, like a small screen. Units: CSS pixels.
WIDTH, HEIGHT = 1000, 900


class Request:
    def __init__(self, path, n_up):
        self.path, self.up, self.down = path, n_up, 0


class Recorder:
    """A proxy between tor and the shop that records the requests."""

    def __init__(self, path, shop, delay):
        self.path, self.shop, self.delay = path, str(shop), delay
        self.requests = []
        self.last = time.monotonic()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(100)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                tor, _ = self.listener.accept()
            except OSError:
                return
            shop = socket.socket(socket.AF_UNIX)
            shop.connect(self.shop)
            pending = []
            for pump in (self.forward_requests, self.forward_responses):
                threading.Thread(target=pump, args=(tor, shop, pending), daemon=True).start()

    def forward_requests(self, tor, shop, pending):
        unread = b""
        for piece in pieces(tor, shop, self.delay):
            unread += piece
            self.last = time.monotonic()
            while True:
                # A browser waits for the response before its next request on a connection.
                found = re.match(rb"(?:PROXY [^\r\n]*\r\n)?(GET|HEAD|POST) (\S+) HTTP/1.1\r\n(?:[^\r\n]+\r\n)*\r\n", unread)
                if not found:
                    break
                length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", found.group())
                size = found.end() + (int(length.group(1)) if length else 0)
                if len(unread) < size:
                    break
                request = Request(found.group(2).decode(), size)
                pending.append(request)
                self.requests.append(request)
                unread = unread[size:]

    def forward_responses(self, tor, shop, pending):
        for piece in pieces(shop, tor):
            self.last = time.monotonic()
            if pending:
                pending[-1].down += len(piece)

    def quiet(self, seconds=1):
        """Waits until nothing was sent for a second: a browser fetches a site's icon last."""
        wait_for("the browser has loaded everything", lambda: seconds < time.monotonic() - self.last)

    def take(self):
        taken, self.requests = self.requests, []
        return taken

    def close(self):
        self.listener.close()


def pieces(source, sink, delay=0):
    """Forwards data and its end from one side to the other, and yields it. `delay`: seconds that each piece waits."""
    try:
        while True:
            piece = source.recv(65536)
            if not piece:
                break
            yield piece
            time.sleep(delay)
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for sock in (source, sink):
            sock.close()


class Clock:
    """Sums the seconds that a buyer waits for pages."""

    def __init__(self):
        self.seconds = 0

    def __call__(self, action, *arguments):
        began = time.monotonic()
        action(*arguments)
        self.seconds += time.monotonic() - began


def set_page_size(firefox, width, height):
    """Resizes the window so that its page has this size."""
    def page():
        return firefox.run_in_browser("const page = gBrowser.selectedBrowser.getBoundingClientRect(); return [page.width, page.height]")

    firefox.size(width, height)
    for _ in range(10):
        now = page()
        if now == [width, height]:
            return
        outer = firefox.do("GET", "/window/rect")
        firefox.size(outer["width"] + round(width - now[0]), outer["height"] + round(height - now[1]))
    raise AssertionError("the page is %s" % now)


def pictures_of(firefox):
    """URL of each picture on the page, whether it is visible without scrolling, and whether it is lazy."""
    found = {}
    for element in firefox.find_all("img"):
        of = "/element/%s/" % element
        path = "/" + firefox.do("GET", of + "property/currentSrc").split("/", 3)[3]
        is_lazy = firefox.do("GET", of + "attribute/loading") == "lazy"
        found[path] = (firefox.rect(element)["y"] < HEIGHT, is_lazy)
    return found


def run(network, shop, recorder, n):
    client = network.buyer("buyer%d" % n)
    try:
        # Without Tor Browser's letterboxing, which changes the page's size, and with exact times.
        preferences = {"privacy.resistFingerprinting": False, "privacy.resistFingerprinting.letterboxing": False}
        with Firefox(socks_port=client.port, preferences=preferences) as firefox:
            set_page_size(firefox, WIDTH, HEIGHT)
            recorder.take()
            clock = Clock()
            clock(firefox.go, shop.url + "/")
            recorder.quiet()
            window = recorder.take()
            pictures = pictures_of(firefox)
            seconds_of_window = clock.seconds
            seconds_of_paint = firefox.run("return performance.getEntriesByType('paint')[0].startTime") / 1000

            clock(firefox.click, '.card a[href="/product/%s"]' % TEA)
            clock(firefox.click, ".buy button")
            clock(firefox.click, 'a[href="/checkout"]')
            fill_checkout(firefox)
            clock(firefox.click, "form[action='/checkout'] .primary")
            clock(firefox.click, "form[action='/checkout/place'] .primary")
            assert firefox.url() == shop.url + "/order", firefox.source()
            recorder.quiet()
            return window, pictures, seconds_of_window, window + recorder.take(), clock.seconds, seconds_of_paint
    finally:
        client.stop()


def kind(request, pictures):
    if request.path.startswith("/picture/"):
        is_on_show, _ = pictures[request.path]
        return "pictures on show" if is_on_show else "pictures below the fold"
    return {"/": "the page"}.get(request.path, "style" if request.path.endswith(".css") else "icon")


def figures(title, runs, requests, seconds):
    n_requests = [len(requests(run)) for run in runs]
    up = [sum(request.up for request in requests(run)) for run in runs]
    down = [sum(request.down for request in requests(run)) for run in runs]
    times = sorted(map(seconds, runs))
    spread = "%d" % n_requests[0] if len(set(n_requests)) == 1 else "%d to %d" % (min(n_requests), max(n_requests))
    print_row(title, spread, "%d" % statistics.median(up), "%d" % statistics.median(down), "%.2f s" % statistics.median(times), "%.2f s" % times[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--delay", type=float, default=0, help="seconds that each request waits before the shop")
    arguments = parser.parse_args()
    with Network() as network, SocketShop().open() as shop:
        recorder = Recorder(shop.home / "recorder.sock", shop.socket, arguments.delay)
        tor = shop.start_tor(network, "service", recorder.path)
        network.client.wait_code(shop.onion, 0)
        runs = [run(network, shop, recorder, n) for n in range(arguments.runs)]
        tor.stop()
        recorder.close()

    print("%d runs, each with a new tor and a new browser; the page has %d x %d pixels. Each request waits %g s.\n" % (
        len(runs), WIDTH, HEIGHT, arguments.delay))
    paints = [run[5] for run in runs]
    print("First paint of the start page, from the click: %.2f s (median), %.2f s (longest).\n" % (
        statistics.median(paints), max(paints)))
    print_head("", "requests", "bytes received", "bytes sent", "median time", "longest")
    figures("first visit of the start page, until everything is loaded", runs, lambda run: run[0], lambda run: run[2])
    figures("whole purchase, start page to order, without typing time", runs, lambda run: run[3], lambda run: run[4])

    window, pictures = runs[0][0], runs[0][1]
    kinds = {}
    for request in window:
        kinds.setdefault(kind(request, pictures), []).append(request)
    print("\nThe start page's requests, in the order of the first run:\n")
    print_head("what", "requests", "bytes sent", "position")
    for name, requests in kinds.items():
        print_row(name, len(requests), sum(request.down for request in requests), ", ".join(str(window.index(request) + 1) for request in requests))
    lazy = {path for path, (_, is_lazy) in pictures.items() if is_lazy}
    fetched = {request.path for request in window}
    n_first = len(window) - len(kinds.get("pictures below the fold", []))
    print("\nRequests until the start page is complete, without pictures below the fold: %d." % n_first)
    print("Pictures marked `loading=\"lazy\"`: %d, of which %d were fetched without scrolling." % (len(lazy), len(lazy & fetched)))


if __name__ == "__main__":
    main()
