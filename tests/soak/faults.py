#!/usr/bin/env python3
"""Faults of disk, database, clock and neighbours, made with real tools, while clients order.

    python3 tests/soak/faults.py [NAME …]

After each: no acknowledged order is missing, none is there twice, none that was refused was made, stock adds up; who could not be
served got an honest page; and the shop goes on without a restart.
"""

import collections
import concurrent.futures
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
import traceback

from parts import NOTHING_ORDERED, Attempt, Figures, Marks, Shop, Unanswered, all_told, compare, wait_for

FAKETIME = next(iter(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
DAY = 24 * 60 * 60
# More than the shop lets wait for the database at once: the others hear that it is full, and that nothing was changed.
N_WAITING = 24
FULL = "Nothing was changed"


class Trial:
    """One fault: its shop, what clients tried there, and what went wrong."""

    def __init__(self):
        self.marks, self.attempts, self.faults, self.notes = Marks(), [], Figures(), []
        self.complaints = []
        self.lock = threading.Lock()

    def complain(self, words):
        with self.lock:
            self.complaints.append(words)

    def note(self, words):
        self.notes.append(words)

    def orders(self, shop, wanted=None):
        """One order from cart to page; `wanted` is what the client must be told."""
        attempt = self.prepares(shop)
        self.sends(attempt)
        if wanted and attempt.told != wanted:
            self.complain("%s in place of %s: %s" % (attempt.told, wanted, attempt.said))
        return attempt

    def prepares(self, shop):
        """A filled form that is not sent yet."""
        browser = shop.browser()
        form = browser.fills_cart()
        assert form, "sold out"
        attempt = Attempt(self.marks.next(), ("tea", ""))
        form["note"] = attempt.mark
        with self.lock:
            self.attempts.append(attempt)
        attempt.browser, attempt.form = browser, form
        return attempt

    def sends(self, attempt, shop=None):
        """Sends the form, or sends it again: with the cookies as they were."""
        browser = attempt.browser.twin()
        if shop:
            browser.address = shop.socket
        try:
            answer = browser.ask("/checkout", attempt.form)
        except Unanswered as error:
            attempt.said = "no answer: %r" % error
            return attempt
        attempt.said = str(answer)
        if answer.status == 303:
            page = browser.ask("/order")
            before, attempt.order_ref = attempt.order_ref, page.mark("order-ref")
            if before not in (None, attempt.order_ref) or not attempt.order_ref:
                self.complain("%s became %s: %s" % (before, attempt.order_ref, page))
            attempt.told, attempt.code = "acknowledged", page.mark("code")
        elif answer.status == 503 and (NOTHING_ORDERED in answer.text or FULL in answer.text):
            attempt.told = attempt.told or "refused"
        else:
            self.complain("neither an order nor an honest page: %s" % answer)
        return attempt

    def recovers(self, shop, seconds=60):
        """Until orders are taken again, without a restart."""
        attempt = self.orders(shop)
        wait_for("the shop takes orders again", lambda: self.sends(attempt).told == "acknowledged", seconds)

    def tries_again(self):
        """Every second one who was refused sends the form again, and is served."""
        for attempt in [attempt for attempt in self.attempts if attempt.told == "refused"][::2]:
            attempt.told = None
            if self.sends(attempt).told != "acknowledged":
                self.complain("sent again: %s" % attempt.said)

    def compares(self, shop, maildir=None):
        """Ends the shop, and looks."""
        all_told(shop, shop.n_orders())
        browser = shop.browser()
        for attempt in self.attempts:
            if attempt.told == "acknowledged" and browser.opens_with(attempt.code) != attempt.order_ref:
                self.complain("the code of %s does not open it" % attempt.order_ref)
        if maildir:
            # What is mounted for the shop alone goes with it.
            copy = shop.home / "copy"
            shutil.copytree(maildir, copy)
            shop.environment["MAILDIR"] = str(copy)
        code = shop.end(signal.SIGTERM)
        if code != 0:
            self.complain("told to end, the shop ended with %s" % code)
        compare(shop, self.attempts, self.faults, self.complain)
        if "panicked" in shop.log():
            self.complain("a panic: " + shop.log()[-500:])


class ApartShop(Shop):
    """A shop that sees mounts of its own; `script` makes them."""

    def __init__(self, script, **settings):
        super().__init__(before=("unshare", "-Urm", "sh", "-ec", script + '\nexec "$@"', "sh"), **settings)

    def inside(self, *command):
        pid = str(self.server.pid)
        subprocess.run(["nsenter", "--preserve-credentials", "-U", "-m", "-t", pid, *command], cwd=self.home, check=True, capture_output=True)

    def seen(self, path):
        return pathlib.Path("/proc/%d/root" % self.server.pid) / str(self.home / path).lstrip("/")

    def is_open(self):
        return self.server.poll() is None

    def messages(self):
        if not self.is_open():
            return super().messages()
        return [path for part in ("new", "cur") for path in (self.seen("mailorders") / part).iterdir()]

    def db(self):
        if not self.is_open():
            return super().db()
        return sqlite3.connect("file:%s?mode=ro" % self.seen("db/shop.sqlite"), uri=True)


def fills(path):
    """Fills a disk to the last byte with a file of this name."""
    with open(path, "wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def full_maildir(trial):
    """The disk of the Maildir is full: orders are taken, and told when there is room."""
    with ApartShop("mount -t tmpfs -o size=64k none mailorders") as shop:
        (shop.home / "mailorders").mkdir(exist_ok=True)
        shop.open()
        for _ in range(30):
            trial.orders(shop, "acknowledged")
        n_told = len(shop.messages())
        trial.note("%d of 30 orders fit on the disk" % n_told)
        assert 0 < n_told < 30
        shop.inside("mount", "-o", "remount,size=8m", shop.home / "mailorders")
        trial.recovers(shop)
        all_told(shop, 31)
        trial.compares(shop, shop.seen("mailorders"))


def full_database(trial):
    """The disk of the database is full: orders are refused, and taken when there is room."""
    script = "cp -a db seeded\nmount -t tmpfs -o size=3m none db\ncp -a seeded/. db/"
    with ApartShop(script) as shop:
        shop.open()
        for _ in range(5):
            trial.orders(shop, "acknowledged")
        filler = shop.seen("db/filler")
        fills(filler)
        # The journal may have room left from before.
        for _ in range(200):
            if trial.orders(shop).told != "acknowledged":
                break
        for _ in range(5):
            trial.orders(shop)
        n_refused = sum(attempt.told == "refused" for attempt in trial.attempts)
        assert shop.browser().ask("/").status == 200, "the window is still shown"
        trial.note("%d orders refused" % n_refused)
        if not n_refused:
            trial.complain("nobody was refused")
        filler.unlink()
        trial.recovers(shop)
        trial.tries_again()
        all_told(shop, shop.n_orders())
        # The database goes with its mount too.
        copy = shop.home / "left"
        shutil.copytree(shop.seen("db"), copy)
        assert shop.end(signal.SIGTERM) == 0
        shutil.rmtree(shop.home / "db")
        copy.rename(shop.home / "db")
        shop.before = ()
        shop.open()
        trial.compares(shop, shop.home / "mailorders")


def failing_fsync(path, when, n=40, kills=False):
    """A disk that reports errors when it is told to keep what was written."""
    def trial_of(trial):
        with Shop() as shop:
            strace = ("strace", "-D", "-f", "-qq", "-o", str(shop.home / "strace"), "-e", "trace=fsync,fdatasync",
                      "-e", "inject=fsync,fdatasync:error=EIO:when=" + when)
            shop.before = (*strace, *(word for name in path for word in ("-P", str(shop.home / name))))
            # Else the paths are not known yet.
            (shop.home / "mailorders/new").mkdir(parents=True, exist_ok=True)
            shop.open()
            for _ in range(n):
                trial.orders(shop)
            injected = (shop.home / "strace").read_text().count("INJECTED")
            told = [attempt.told for attempt in trial.attempts]
            trial.note("%d failing calls; %d orders acknowledged, %d refused" % (injected, told.count("acknowledged"), told.count("refused")))
            if not injected:
                trial.complain("no call failed")
            if kills:
                shop.end()
            else:
                shop.end(signal.SIGTERM)
            shop.before = ()
            shop.open()
            if not kills:
                trial.tries_again()
            trial.compares(shop)
    return trial_of


def killed_after_a_failing_commit(trial):
    """A commit that failed is not found after a crash either: who was told "nothing was ordered" has ordered nothing."""
    with Shop() as shop:
        shop.open()
        trial.orders(shop, "acknowledged")
        shop.end()
        for n in range(5):
            shop.before = (
                "strace", "-D", "-f", "-qq", "-o", str(shop.home / "strace"), "-e", "trace=fsync,fdatasync",
                "-e", "inject=fsync,fdatasync:error=EIO", "-P", str(shop.home / "db/shop.sqlite-wal"))
            shop.open()
            trial.orders(shop, "refused")
            shop.end()
        shop.before = ()
        shop.open()
        trial.recovers(shop)
        trial.compares(shop)


def read_only_maildir(trial):
    """The Maildir becomes read-only, and writable again."""
    with ApartShop("mount --bind mailorders mailorders") as shop:
        (shop.home / "mailorders").mkdir(exist_ok=True)
        shop.open()
        trial.orders(shop, "acknowledged")
        shop.inside("mount", "-o", "remount,bind,ro", shop.home / "mailorders")
        for _ in range(10):
            trial.orders(shop, "acknowledged")
        trial.note("%d messages while it was read-only" % len(shop.messages()))
        assert len(shop.messages()) == 1
        shop.inside("mount", "-o", "remount,bind,rw", shop.home / "mailorders")
        trial.recovers(shop)
        trial.compares(shop)


def missing_maildir(trial):
    """The Maildir is moved away and something else lies in its place; then it comes back."""
    with Shop() as shop:
        shop.open()
        for _ in range(3):
            trial.orders(shop, "acknowledged")
        there, away = shop.home / "mailorders", shop.home / "away"
        there.rename(away)
        there.write_text("no folder\n")
        for _ in range(5):
            trial.orders(shop, "acknowledged")
        there.unlink()
        away.rename(there)
        trial.recovers(shop)
        all_told(shop, 9)
        # Gone without anything in its place: it is made anew, and no message is told twice.
        there.rename(away)
        for _ in range(3):
            trial.orders(shop, "acknowledged")
        wait_for("three messages", lambda: there.exists() and 3 == len(shop.messages()))
        for path in shop.messages():
            path.rename(away / "new" / path.name)
        shutil.rmtree(there)
        away.rename(there)
        trial.recovers(shop)
        trial.compares(shop)


def locked_database(trial):
    """Another program holds the database for 30 seconds."""
    with Shop() as shop:
        shop.open()
        trial.orders(shop, "acknowledged")
        prepared = [trial.prepares(shop) for _ in range(N_WAITING)]
        other = sqlite3.connect(shop.home / "db/shop.sqlite", isolation_level=None, check_same_thread=False)
        began = time.monotonic()
        other.execute("begin immediate")
        opened = threading.Timer(30, lambda: (other.execute("rollback"), other.close()))
        opened.start()
        longest = [0]

        def orders(attempt):
            began = time.monotonic()
            trial.sends(attempt)
            longest[0] = max(longest[0], time.monotonic() - began)
            return attempt.told

        with concurrent.futures.ThreadPoolExecutor(N_WAITING) as pool:
            waiting = [pool.submit(orders, attempt) for attempt in prepared]
            time.sleep(0.5)
            looked = time.monotonic()
            assert shop.browser().ask("/product/tea").status == 200
            looked = time.monotonic() - looked
            told = [done.result() for done in waiting]
        trial.note("%d acknowledged, %d refused, the longest after %.1f s; a page meanwhile took %.0f ms" % (
            told.count("acknowledged"), told.count("refused"), longest[0], 1000 * looked))
        if 1 < looked:
            trial.complain("a page waited for the lock")
        opened.join()
        assert 29 < time.monotonic() - began
        trial.recovers(shop)
        trial.tries_again()
        trial.compares(shop)


def jumping_clock(trial):
    """The clock jumps by days, ahead and back, while orders come."""
    assert FAKETIME, "libfaketime is missing: scripts/install-test-tools"
    with Shop() as shop:
        clock = shop.home / "clock"
        shop.environment.update(
            LD_PRELOAD=str(FAKETIME), FAKETIME_TIMESTAMP_FILE=str(clock), FAKETIME_NO_CACHE="1", FAKETIME_DONT_FAKE_MONOTONIC="1",
            DONT_FAKE_MONOTONIC="1")
        clock.write_text("+0")
        shop.open()
        days = (0, 3, -2, 20, 0, -20, 1, 0)
        for n_days in days:
            fresh = shop.home / "clock.new"
            fresh.write_text("%+dd" % n_days if n_days else "+0")
            fresh.rename(clock)
            for _ in range(4):
                trial.orders(shop, "acknowledged")
        # By its own sweep too.
        time.sleep(11)
        trial.orders(shop, "acknowledged")
        stamps = sorted({int(path.name.split(".")[0]) // DAY for path in shop.messages()})
        trial.note("messages of %d days" % len(stamps))
        if len(stamps) < 2:
            trial.complain("the clock did not jump")
        trial.compares(shop)


def two_shops(trial):
    """Two shops on one database and one Maildir, each taking orders."""
    with Shop() as one, Shop(home=one.home) as other:
        other.environment["LISTEN"] = "unix:%s" % other.socket
        one.open()
        other.open()

        def orders(n):
            attempt = trial.orders((one, other)[n % 2], "acknowledged")
            # The same form at the other door is the same order.
            trial.sends(attempt, (other, one)[n % 2])

        def orders_at_both(_):
            attempt = trial.prepares(one)
            pair = [threading.Thread(target=trial.sends, args=(attempt, shop)) for shop in (one, other)]
            for thread in pair:
                thread.start()
            for thread in pair:
                thread.join()

        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(orders, range(60)))
            list(pool.map(orders_at_both, range(40)))
        told = [attempt.told for attempt in trial.attempts]
        trial.note("%d orders in %.1f s" % (told.count("acknowledged"), time.monotonic() - began))
        if told.count("acknowledged") != 100:
            trial.complain("told %s" % told)
        assert other.end(signal.SIGTERM) == 0
        trial.compares(one)


def quick_reader(trial):
    """Delivered but not yet marked so when the shop crashed, and read while it looks: no message comes a second time."""
    with Shop() as shop:
        shop.open()
        there, away, db = shop.home / "mailorders", shop.home / "away", shop.home / "db"
        there.rename(away)
        there.write_text("no folder\n")
        for _ in range(99):
            trial.orders(shop, "acknowledged")
        # The database as it was before, the Maildir as it was after.
        assert shop.end(signal.SIGTERM) == 0
        shutil.copytree(db, shop.home / "before")
        there.unlink()
        away.rename(there)
        shop.open()
        all_told(shop, 99)
        assert shop.end(signal.SIGTERM) == 0
        shutil.rmtree(db)
        (shop.home / "before").rename(db)
        seen, over = collections.Counter(), threading.Event()

        def reads():
            while not over.is_set():
                for name in os.listdir(there / "new"):
                    os.rename(there / "new" / name, there / "cur" / (name + ":2,S"))
                    seen[name] += 1
                    # It takes about as long as the sweep.
                    time.sleep(0.001)

        reader = threading.Thread(target=reads)
        shop.start()
        reader.start()
        shop.await_open()
        wait_for("nothing is owed", lambda: not n_owed(shop))
        over.set()
        reader.join()
        n_twice = sum(1 < n for n in seen.values())
        trial.note("%d messages were read meanwhile" % len(seen))
        if n_twice:
            trial.complain("%d of %d messages came twice" % (n_twice, len(seen)))
        trial.compares(shop)


def n_owed(shop):
    """Messages that the shop still owes the seller."""
    with shop.db() as db:
        return db.execute("select count(*) from owed where message is not null").fetchone()[0]


def many_messages(trial):
    """100,000 messages that nobody has read, and as many that were: orders and sweep are as quick as before."""
    with Shop() as shop:
        shop.open()
        quick = times(trial, shop, 40)
        there = shop.home / "mailorders"
        for part, end in (("new", ""), ("cur", ":2,S")):
            for n in range(100_000):
                os.close(os.open(there / part / ("%d.OTHER%05d_0.shop%s" % (n, n, end)), os.O_CREAT | os.O_WRONLY, 0o600))
            slow = times(trial, shop, 40)
            trial.note("an order takes %.1f ms, with 100,000 in %s %.1f ms" % (quick, part, slow))
            if max(4 * quick, 25) < slow:
                trial.complain("an order takes %.1f ms with 100,000 messages in %s, and %.1f without" % (slow, part, quick))
        # What could not be told, is told as soon as the sweep comes.
        away = shop.home / "away"
        there.rename(away)
        there.write_text("no folder\n")
        n_before = shop.n_orders()
        for _ in range(100):
            trial.orders(shop, "acknowledged")
        there.unlink()
        away.rename(there)
        ours = lambda: [path for path in os.listdir(there / "new") if ".OTHER" not in path]
        wait_for("the sweep", lambda: n_before < len(ours()), 30)
        began = time.monotonic()
        wait_for("all is told", lambda: n_before + 100 <= len(ours()), 60)
        took = time.monotonic() - began
        trial.note("the sweep told 100 orders in %.1f s" % took)
        if 5 < took:
            trial.complain("the sweep took %.1f s for 100 orders" % took)
        for part in ("new", "cur"):
            for name in os.listdir(there / part):
                if ".OTHER" in name:
                    os.unlink(there / part / name)
        trial.compares(shop)


def times(trial, shop, n):
    """Median of an order's POST. Units: milliseconds."""
    taken = []
    for _ in range(n):
        attempt = trial.prepares(shop)
        browser = attempt.browser
        began = time.monotonic()
        answer = browser.ask("/checkout", attempt.form)
        taken.append(1000 * (time.monotonic() - began))
        assert answer.status == 303, str(answer)
        page = browser.ask("/order")
        attempt.told, attempt.order_ref, attempt.code = "acknowledged", page.mark("order-ref"), page.mark("code")
    return statistics.median(taken)


def told_to_end(trial):
    """SIGTERM: nobody new is let in, and whoever is half through a form is answered."""
    with Shop() as shop:
        shop.open()
        trial.orders(shop, "acknowledged")
        attempt = trial.prepares(shop)
        browser = attempt.browser
        request = browser.request("/checkout", attempt.form)
        # Two connections that only wait: one silent, one whose last request was answered.
        idle = [shop.browser().send("/health") for _ in range(2)]
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(30)
        sock.connect(str(shop.socket))
        half = len(request) - 60
        sock.sendall(request[:half])
        time.sleep(0.5)
        began = time.monotonic()
        shop.server.send_signal(signal.SIGTERM)
        time.sleep(1)

        def is_shut():
            try:
                shop.browser().ask("/health")
                return False
            except Unanswered:
                return True

        if not is_shut():
            trial.complain("a new visitor is let in after SIGTERM")
        time.sleep(2)
        if shop.server.poll() is not None:
            trial.complain("the shop ended while a form was on its way")
        sock.sendall(request[half:])
        try:
            answer = browser.read(sock)
            if answer.status != 303:
                trial.complain("the form got %s" % answer)
        except Unanswered as error:
            trial.complain("the form was not answered: %r" % error)
        code = shop.server.wait(15)
        took = time.monotonic() - began
        trial.note("the shop ended %.1f s after SIGTERM, the last byte of the form came after 3 s" % took)
        for one in idle:
            one.close()
        if code != 0 or 10 < took:
            trial.complain("exit code %s after %.1f s" % (code, took))
        shop.open()
        page = browser.ask("/order")
        attempt.told, attempt.order_ref, attempt.code = "acknowledged", page.mark("order-ref"), page.mark("code")
        trial.compares(shop)

        # A form that never comes whole keeps nobody longer than ten seconds.
        shop.open()
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(shop.socket))
        sock.sendall(request[:half])
        time.sleep(0.5)
        began = time.monotonic()
        shop.server.send_signal(signal.SIGTERM)
        code = shop.server.wait(20)
        took = time.monotonic() - began
        sock.close()
        trial.note("with a form that never comes whole: %.1f s" % took)
        if code != 0 or 12 < took:
            trial.complain("a form that never comes whole: exit code %s after %.1f s" % (code, took))


WAL = ("db/shop.sqlite-wal",)
TRIALS = {
    "a full disk under the Maildir": full_maildir,
    "a full disk under the database": full_database,
    "every third fsync fails, anywhere": failing_fsync((), "4+3"),
    "every second fsync of the Maildir fails": failing_fsync(("mailorders/new",), "1+2"),
    "every third fsync of the journal fails": failing_fsync(WAL, "3+3"),
    "every third fsync of the journal fails, then a crash": failing_fsync(WAL, "3+3", kills=True),
    "a commit fails, then a crash": killed_after_a_failing_commit,
    "a read-only Maildir": read_only_maildir,
    "a missing Maildir": missing_maildir,
    "a database locked for 30 s": locked_database,
    "a clock that jumps": jumping_clock,
    "two shops on one database": two_shops,
    "a quick mail reader": quick_reader,
    "100,000 messages": many_messages,
    "SIGTERM": told_to_end,
}


def run(name):
    trial, began = Trial(), time.monotonic()
    try:
        TRIALS[name](trial)
    except Exception as error:
        said = traceback.format_exc(limit=-4)
        if isinstance(error, subprocess.CalledProcessError):
            said += (error.stderr or b"").decode()
        trial.complain(said)
    if trial.faults.has_faults():
        trial.complain("the accounts do not agree: %s" % trial.faults)
    return trial, time.monotonic() - began


def main(names):
    names = names or list(TRIALS)
    failed = 0
    # Most of them wait: for a lock, for the sweep.
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for name, done in [(name, pool.submit(run, name)) for name in names]:
            trial, seconds = done.result()
            failed += bool(trial.complaints)
            print("%s  %s (%.1f s)%s" % ("FAIL" if trial.complaints else "ok  ", name, seconds, "".join("\n        " + note for note in trial.notes)))
            for words in trial.complaints[:6]:
                print("    !!  " + words.replace("\n", "\n        "))
            if 6 < len(trial.complaints):
                print("    !!  and %d more" % (len(trial.complaints) - 6))
            sys.stdout.flush()
    print("%d of %d" % (len(names) - failed, len(names)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
