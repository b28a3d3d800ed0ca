#!/usr/bin/env python3
"""Faults of disk, database, clock and other programs, caused with real tools, while clients order.

    python3 tests/soak/faults.py [NAME …]

After each: no acknowledged order is missing or duplicated, no refused order exists, stock adds up; a client that
could not be served got a correct error page; and the shop recovers without a restart.
"""

import collections
import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import signal
import sqlite3
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from comparison import SoakShop, wait_for_messages
from lib.browser import NoResponse
from lib.run import main
from lib.shop import faketime, wait_for
from trial import MountShop, fault

DAY = 24 * 60 * 60
# More than can wait for the database at once: the others get a page that nothing was changed.
N_WAITING = 40
JOURNAL = "db/shop.sqlite-wal"


@contextlib.contextmanager
def without_maildir(shop):
    """Replaces it temporarily."""
    maildir, away = shop.home / "mailorders", shop.home / "away"
    maildir.rename(away)
    maildir.write_text("no folder\n")
    yield
    maildir.unlink()
    away.rename(maildir)


def fill_disk(path):
    """Fills a disk completely with a file of this name."""
    with open(path, "wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


@fault
def a_full_disk_under_the_maildir(trial):
    """Orders are accepted, and delivered when there is space."""
    with MountShop("mount -t tmpfs -o size=64k none mailorders") as shop:
        (shop.home / "mailorders").mkdir(exist_ok=True)
        shop.open()
        trial.order(shop, "acknowledged", 30)
        n_messages = len(shop.messages())
        trial.note("%d of 30 orders fit on the disk" % n_messages)
        assert 0 < n_messages < 30
        shop.run_inside("mount", "-o", "remount,size=8m", shop.home / "mailorders")
        trial.wait_for_recovery(shop)
        wait_for_messages(shop, 31)
        trial.finish(shop, shop.path_inside("mailorders"))


@fault
def a_full_disk_under_the_database(trial):
    """Orders are refused, and accepted when there is space."""
    script = "cp -a db seeded\nmount -t tmpfs -o size=3m none db\ncp -a seeded/. db/"
    with MountShop(script) as shop:
        shop.open()
        trial.order(shop, "acknowledged", 5)
        filler = shop.path_inside("db/filler")
        fill_disk(filler)
        # The journal may have space left.
        for _ in range(200):
            if trial.order(shop).outcome != "acknowledged":
                break
        trial.order(shop, n=5)
        n_refused = trial.count("refused")
        shop.browser().page("/")
        trial.note("%d orders refused" % n_refused)
        if not n_refused:
            trial.complain("no order was refused")
        filler.unlink()
        trial.wait_for_recovery(shop)
        trial.retry_refused()
        wait_for_messages(shop, shop.n_orders())
        # Unmounting removes the database, too.
        copy = shop.home / "left"
        shutil.copytree(shop.path_inside("db"), copy)
        assert shop.stop() == 0
        shutil.rmtree(shop.home / "db")
        copy.rename(shop.home / "db")
        shop.before = ()
        shop.open()
        trial.finish(shop, shop.home / "mailorders")


def inject(shop, *paths, when="1+1"):
    """Makes fsync fail, of these files or of all, from the next start on, which is under strace."""
    shop.before = (
        "strace", "-D", "-f", "-qq", "-o", str(shop.home / "strace"), "-e", "trace=fsync,fdatasync,syncfs",
        "-e", "inject=fsync,fdatasync,syncfs:error=EIO:when=" + when, *(word for path in paths for word in ("-P", str(shop.home / path))))


def failing_fsync(trial, *paths, when, crash=False):
    """A disk that reports errors when it has to store data."""
    with SoakShop() as shop:
        inject(shop, *paths, when=when)
        # strace accepts only existing paths.
        (shop.home / "mailorders/new").mkdir(parents=True, exist_ok=True)
        shop.open()
        trial.order(shop, n=40)
        n_injected = (shop.home / "strace").read_text().count("INJECTED")
        trial.note("%d failing calls; %d orders acknowledged, %d refused" % (n_injected, trial.count("acknowledged"), trial.count("refused")))
        if not n_injected:
            trial.complain("no call failed")
        shop.stop(signal.SIGKILL if crash else signal.SIGTERM)
        shop.before = ()
        shop.open()
        if not crash:
            trial.retry_refused()
        trial.finish(shop)


@fault
def every_third_fsync_fails(trial):
    failing_fsync(trial, when="4+3")


@fault
def every_second_fsync_of_the_maildir_fails(trial):
    failing_fsync(trial, "mailorders/new", when="1+2")


@fault
def every_third_fsync_of_the_journal_fails(trial):
    failing_fsync(trial, JOURNAL, when="3+3")


@fault
def every_third_fsync_of_the_journal_fails_then_a_crash(trial):
    failing_fsync(trial, JOURNAL, when="3+3", crash=True)


@fault
def a_commit_fails_then_a_crash(trial):
    """A failed commit stays undone after a crash: the refused order does not exist."""
    with SoakShop().open() as shop:
        trial.order(shop, "acknowledged")
        shop.kill()
        for _ in range(5):
            inject(shop, JOURNAL)
            shop.open()
            trial.order(shop, "refused")
            shop.kill()
        shop.before = ()
        shop.open()
        trial.wait_for_recovery(shop)
        trial.finish(shop)


@fault
def a_read_only_maildir(trial):
    """It becomes read-only, and writable again."""
    with MountShop("mount --bind mailorders mailorders") as shop:
        (shop.home / "mailorders").mkdir(exist_ok=True)
        shop.open()
        trial.order(shop, "acknowledged")
        shop.run_inside("mount", "-o", "remount,bind,ro", shop.home / "mailorders")
        trial.order(shop, "acknowledged", 10)
        trial.note("%d messages while it was read-only" % len(shop.messages()))
        assert len(shop.messages()) == 1
        shop.run_inside("mount", "-o", "remount,bind,rw", shop.home / "mailorders")
        trial.wait_for_recovery(shop)
        trial.finish(shop)


@fault
def a_missing_maildir(trial):
    """The Maildir is replaced by something else, then restored."""
    with SoakShop().open() as shop:
        trial.order(shop, "acknowledged", 3)
        with without_maildir(shop):
            trial.order(shop, "acknowledged", 5)
        trial.wait_for_recovery(shop)
        wait_for_messages(shop, 9)
        # Without a replacement the next start creates it again, and no message is delivered twice.
        there, away = shop.home / "mailorders", shop.home / "away"
        there.rename(away)
        trial.order(shop, "acknowledged", 3)
        assert shop.stop() == 0
        shop.open()
        wait_for("three messages", lambda: there.exists() and 3 == len(shop.messages()))
        assert shop.stop() == 0
        for path in shop.messages():
            path.rename(away / "new" / path.name)
        shutil.rmtree(there)
        away.rename(there)
        shop.open()
        trial.wait_for_recovery(shop)
        trial.finish(shop)


@fault
def a_database_locked_for_30_seconds(trial):
    """Another program holds the database for 30 seconds."""
    with SoakShop().open() as shop:
        trial.order(shop, "acknowledged")
        prepared = [trial.prepare(shop) for _ in range(N_WAITING)]
        other = sqlite3.connect(shop.home / "db/shop.sqlite", isolation_level=None, check_same_thread=False)
        began = time.monotonic()
        other.execute("begin immediate")
        release = threading.Timer(30, lambda: (other.execute("rollback"), other.close()))
        release.start()
        longest = [0]

        def order(attempt):
            began = time.monotonic()
            trial.send(attempt)
            longest[0] = max(longest[0], time.monotonic() - began)
            return attempt.outcome

        with concurrent.futures.ThreadPoolExecutor(N_WAITING) as pool:
            waiting = [pool.submit(order, attempt) for attempt in prepared]
            time.sleep(0.5)
            asked = time.monotonic()
            shop.browser().page("/product/tea")
            page_seconds = time.monotonic() - asked
            outcomes = [done.result() for done in waiting]
        trial.note("%d acknowledged, %d refused, the longest after %.1f s; a page meanwhile took %.0f ms" % (
            outcomes.count("acknowledged"), outcomes.count("refused"), longest[0], 1000 * page_seconds))
        if 1 < page_seconds:
            trial.complain("a page waited for the lock")
        release.join()
        assert 29 < time.monotonic() - began
        trial.wait_for_recovery(shop)
        trial.retry_refused()
        trial.finish(shop)


@fault
def a_clock_that_jumps(trial):
    """The clock jumps by days, ahead and back, while orders come."""
    with SoakShop() as shop:
        clock = shop.home / "clock"
        shop.environment.update(faketime(), FAKETIME_TIMESTAMP_FILE=str(clock), FAKETIME_NO_CACHE="1")
        clock.write_text("+0")
        shop.open()
        days = (0, 3, -2, 20, 0, -20, 1, 0)
        for n_days in days:
            new = shop.home / "clock.new"
            new.write_text("%+dd" % n_days if n_days else "+0")
            new.rename(clock)
            trial.order(shop, "acknowledged", 4)
        # Also when the shop checks the clock periodically.
        time.sleep(11)
        trial.order(shop, "acknowledged")
        stamps = sorted({int(path.name.split(".")[0]) // DAY for path in shop.messages()})
        trial.note("messages of %d days" % len(stamps))
        if len(stamps) < 2:
            trial.complain("the clock did not jump")
        trial.finish(shop)


@fault
def two_shops_on_one_database(trial):
    """Two shops on one database and one Maildir, both accepting orders."""
    with SoakShop() as one, SoakShop(home=one.home) as other:
        one.open()
        other.open()

        def order(n):
            attempt = trial.order((one, other)[n % 2], "acknowledged")
            # The same form sent to the other shop is the same order.
            trial.send(attempt, (other, one)[n % 2])

        def order_at_both(_):
            attempt = trial.prepare(one)
            pair = [threading.Thread(target=trial.send, args=(attempt, shop)) for shop in (one, other)]
            for thread in pair:
                thread.start()
            for thread in pair:
                thread.join()

        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(order, range(60)))
            list(pool.map(order_at_both, range(40)))
        trial.note("%d orders in %.1f s" % (trial.count("acknowledged"), time.monotonic() - began))
        if trial.count("acknowledged") != 100:
            trial.complain("not all of 100 were acknowledged")
        assert other.stop() == 0
        trial.finish(one)


@fault
def a_quick_mail_reader(trial):
    """Messages that were delivered but not marked before a crash, and are read at the restart, are not delivered again."""
    with SoakShop().open() as shop:
        there, db = shop.home / "mailorders", shop.home / "db"
        with without_maildir(shop):
            trial.order(shop, "acknowledged", 99)
            # The database from before, the Maildir from after.
            assert shop.stop() == 0
            shutil.copytree(db, shop.home / "before")
        shop.open()
        wait_for_messages(shop, 99)
        assert shop.stop() == 0
        shutil.rmtree(db)
        (shop.home / "before").rename(db)
        seen, over = collections.Counter(), threading.Event()

        def reads():
            while not over.is_set():
                for name in os.listdir(there / "new"):
                    os.rename(there / "new" / name, there / "cur" / (name + ":2,S"))
                    seen[name] += 1
                    # About the time of one delivery.
                    time.sleep(0.001)

        reader = threading.Thread(target=reads)
        shop.start()
        reader.start()
        shop.wait_until_open()
        wait_for("all is delivered", lambda: not n_undelivered(shop))
        over.set()
        reader.join()
        n_twice = sum(1 < n for n in seen.values())
        trial.note("%d messages were read during the check" % len(seen))
        if n_twice:
            trial.complain("%d of %d messages were delivered twice" % (n_twice, len(seen)))
        trial.finish(shop)


def n_undelivered(shop):
    return shop.row("select count(*) from outbox where message is not null")[0]


@fault
def many_messages_in_the_maildir(trial):
    """Orders and delivery are as fast with 100,000 new messages and as many read ones."""
    with SoakShop().open() as shop:
        quick = times(trial, shop, 40)
        there = shop.home / "mailorders"
        for part, end in (("new", ""), ("cur", ":2,S")):
            for n in range(100_000):
                os.close(os.open(there / part / ("%d.OTHER%05d_0.shop%s" % (n, n, end)), os.O_CREAT | os.O_WRONLY, 0o600))
            slow = times(trial, shop, 40)
            trial.note("an order takes %.1f ms, with 100,000 in %s %.1f ms" % (quick, part, slow))
            if max(4 * quick, 25) < slow:
                trial.complain("an order takes %.1f ms with 100,000 messages in %s, and %.1f without" % (slow, part, quick))
        # Undelivered messages are delivered at the next attempt.
        n_before = shop.n_orders()
        with without_maildir(shop):
            trial.order(shop, "acknowledged", 100)
        ours = lambda: [path for path in os.listdir(there / "new") if ".OTHER" not in path]
        wait_for("the next try", lambda: n_before < len(ours()), 30)
        began = time.monotonic()
        wait_for("all is delivered", lambda: n_before + 100 <= len(ours()), 60)
        took = time.monotonic() - began
        trial.note("100 orders were delivered in %.1f s" % took)
        if 5 < took:
            trial.complain("it took %.1f s to deliver 100 orders" % took)
        for part in ("new", "cur"):
            for name in os.listdir(there / part):
                if ".OTHER" in name:
                    os.unlink(there / part / name)
        trial.finish(shop)


def times(trial, shop, n):
    """Median time of an order's POST. Units: milliseconds."""
    taken = []
    for _ in range(n):
        attempt = trial.prepare(shop)
        browser = attempt.browser
        began = time.monotonic()
        answer = browser.fetch("/checkout/place", attempt.form)
        taken.append(1000 * (time.monotonic() - began))
        assert answer.status == 303, str(answer)
        page = browser.fetch("/order")
        attempt.acknowledge(page)
    return statistics.median(taken)


@fault
def sigterm_while_clients_wait(trial):
    """New clients are refused, and a client that has sent half a form gets a response."""
    with SoakShop().open() as shop:
        trial.order(shop, "acknowledged")
        attempt = trial.prepare(shop)
        browser = attempt.browser
        request = browser.request("/checkout/place", attempt.form)
        # Two idle connections: one silent, one after a response.
        idle = [shop.browser().send("/health") for _ in range(2)]
        sock = browser.connect()
        half = len(request) - 60
        sock.sendall(request[:half])
        time.sleep(0.5)
        began = time.monotonic()
        shop.server.send_signal(signal.SIGTERM)
        time.sleep(1)

        def is_shut():
            try:
                shop.browser().fetch("/health")
                return False
            except NoResponse:
                return True

        if not is_shut():
            trial.complain("a new client is accepted after SIGTERM")
        time.sleep(2)
        if shop.server.poll() is not None:
            trial.complain("the shop ended while a form was being sent")
        sock.sendall(request[half:])
        try:
            answer = browser.read(sock)
            if answer.status != 303:
                trial.complain("the form got %s" % answer)
        except NoResponse as error:
            trial.complain("the form was not answered: %r" % error)
        code = shop.server.wait(15)
        took = time.monotonic() - began
        trial.note("the shop ended %.1f s after SIGTERM, the last byte of the form came after 3 s" % took)
        for one in idle:
            one.close()
        if code != 0 or 10 < took:
            trial.complain("exit code %s after %.1f s" % (code, took))
        shop.open()
        page = browser.fetch("/order")
        attempt.acknowledge(page)
        trial.finish(shop)

        # An incomplete form delays the end by at most ten seconds.
        shop.open()
        sock = browser.connect()
        sock.sendall(request[:half])
        time.sleep(0.5)
        began = time.monotonic()
        shop.server.send_signal(signal.SIGTERM)
        code = shop.server.wait(20)
        took = time.monotonic() - began
        sock.close()
        trial.note("with an incomplete form: %.1f s" % took)
        if code != 0 or 12 < took:
            trial.complain("an incomplete form: exit code %s after %.1f s" % (code, took))


if __name__ == "__main__":
    # Most of them wait: for a lock or the next delivery.
    main(workers=4)
