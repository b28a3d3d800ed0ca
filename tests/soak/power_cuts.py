#!/usr/bin/env python3
"""Cuts the power of a shop's disk at random moments while clients order, and compares the responses with what is left.

    python3 tests/soak/power_cuts.py [CUTS] [ext4|xfs]     100 cuts of each by default; SOAK_SEED=N repeats the choices
    WITHOUT_SYNCS=1 …       the shop's syncs do nothing, so that orders must be lost: shows that the comparison notices it

Needs root, loop devices, FUSE and xfsprogs. Exit code 1 if an acknowledged order was lost, or made twice.
"""

import os
import pathlib
import random
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from comparison import Attempt, Figures, Marks, SoakShop, catalog, compare, wait_for_messages
from lib.browser import NoResponse
from recording_disk import Cuts, MountedDisk, RecordingDisk

N_CLIENTS = 8
# Units: seconds in which clients order.
SECONDS = 10
NO_SYNCS = ("strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync,fdatasync,syncfs:retval=0")
# Units: bytes. The smallest that mkfs.xfs accepts is 300 MB.
SIZE = 320 << 20


class Client(threading.Thread):
    """Orders tea until it is over, and notes at which moment of the disk each order was acknowledged."""

    def __init__(self, shop, disk, marks, over):
        super().__init__(daemon=True)
        self.shop, self.disk, self.marks, self.over = shop, disk, marks, over
        self.attempts = []

    def run(self):
        while not self.over.is_set():
            try:
                self.buy()
            except NoResponse:
                return

    def buy(self):
        browser = self.shop.browser()
        form = browser.fill_cart("tea", "", 1)
        attempt = Attempt(self.marks.next(), ("tea", ""), 1)
        form["note"] = attempt.mark
        form = browser.review(form)
        attempt.moment = sys.maxsize
        self.attempts.append(attempt)
        answer = browser.fetch("/checkout/place", form)
        assert answer.status == 303, answer
        attempt.moment = self.disk.now()
        attempt.acknowledge(browser.fetch("/order"))


def record(home, kind):
    """Records a shop that takes orders. Returns the attempts, and the moments of beginning and end."""
    disk = RecordingDisk(home, kind, SIZE)
    try:
        shop = SoakShop(NO_SYNCS if "WITHOUT_SYNCS" in os.environ else (), disk.folder)
        shop.write_catalog(catalog())
        shop.run("seed", "db/data.json")
        shop.open()
        begin, over, marks = disk.now(), threading.Event(), Marks()
        clients = [Client(shop, disk, marks, over) for _ in range(N_CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(SECONDS)
        end = disk.now()
        over.set()
        for client in clients:
            client.join(60)
        shop.stop()
        attempts = [attempt for client in clients for attempt in client.attempts]
        return sorted(attempts, key=lambda attempt: attempt.moment), begin, end
    finally:
        disk.close()


def check_cut(home, image, attempts, moment, figures):
    """Starts a shop on what the power cut has left, and compares it with what was acknowledged before."""
    disk = MountedDisk(image, home / "after")
    shop = SoakShop(home=disk.folder)
    try:
        shop.open()
        known = []
        for attempt in attempts:
            at = Attempt(attempt.mark, attempt.pool)
            if attempt.outcome == "acknowledged" and attempt.moment <= moment:
                at.outcome, at.order_ref, at.code = attempt.outcome, attempt.order_ref, attempt.code
            known.append(at)
        n_orders = shop.n_orders()
        try:
            wait_for_messages(shop, n_orders)
        except AssertionError as error:
            figures["lost"] += 1
            print("LOST: %s" % error, flush=True)
        acknowledged = [attempt for attempt in known if attempt.outcome]
        for attempt in acknowledged[-3:]:
            if shop.browser().open_order(attempt.code) != attempt.order_ref:
                figures["lost"] += 1
                print("LOST: the code of %s does not open it" % attempt.order_ref, flush=True)
        # It still sells.
        extra = Attempt("soak-000000-end", ("tea", ""))
        extra.acknowledge(shop.browser().place_order("tea", note=extra.mark))
        wait_for_messages(shop, n_orders + 1)
        code = shop.stop()
        if code != 0:
            figures["odd"] += 1
            print("ODD: after SIGTERM the shop ended with %s: %s" % (code, shop.log()[-2000:]), flush=True)
        compare(shop, [*known, extra], figures, print)
    finally:
        if shop.server.poll() is None:
            shop.kill()
        disk.close()


def main(n_cuts, kinds):
    seed = int(os.environ.get("SOAK_SEED", random.randrange(1 << 32)))
    dice, has_faults = random.Random(seed), False
    print("SOAK_SEED=%d" % seed, flush=True)
    for kind in kinds:
        figures = Figures(cuts=n_cuts)
        with tempfile.TemporaryDirectory(prefix="shop-power-") as folder:
            home = pathlib.Path(folder)
            attempts, begin, end = record(home, kind)
            print("%s: %d orders recorded, %d MB" % (kind, len(attempts), end >> 20), flush=True)
            cuts, image = Cuts(home / "record", SIZE), home / "cut"
            for n, moment in enumerate(sorted(dice.randrange(begin, end) for _ in range(n_cuts))):
                cuts.image(image, moment, dice)
                check_cut(home, image, attempts, cuts.position, figures)
                if (n + 1) % 10 == 0:
                    print("%d cuts" % (n + 1), flush=True)
        for name in Figures.FAULTS:
            figures[name] += 0
        print("\n%s: %s" % (kind, figures), flush=True)
        has_faults |= figures.has_faults()
    return 1 if has_faults else 0


if __name__ == "__main__":
    arguments = sys.argv[1:]
    numbers = [int(word) for word in arguments if word.isdigit()]
    named = [word for word in arguments if not word.isdigit()]
    sys.exit(main(numbers[0] if numbers else 100, named or ["ext4", "xfs"]))
