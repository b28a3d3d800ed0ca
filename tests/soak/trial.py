"""One fault: clients that order meanwhile, and what went wrong."""

import functools
import pathlib
import shutil
import sqlite3
import subprocess
import threading
import traceback

from comparison import NOTHING_ORDERED, Attempt, Figures, Marks, SoakShop, finish
from lib.browser import Unanswered
from lib.run import test
from lib.shop import wait_for

FULL = "Nothing was changed"


class Trial:
    """One fault: what clients tried meanwhile, and what went wrong."""

    def __init__(self):
        self.marks, self.attempts, self.figures, self.notes = Marks(), [], Figures(), []
        self.complaints = []
        self.lock = threading.Lock()

    def complain(self, complaint):
        with self.lock:
            self.complaints.append(complaint)

    def note(self, note):
        self.notes.append(note)

    def count(self, outcome):
        return sum(attempt.outcome == outcome for attempt in self.attempts)

    def order(self, shop, outcome=None, n=1):
        """Orders from cart to page; `outcome` is what each of them must come to. Returns the last one."""
        for _ in range(n):
            attempt = self.send(self.prepare(shop))
            if outcome and attempt.outcome != outcome:
                self.complain("%s in place of %s: %s" % (attempt.outcome, outcome, attempt.answer))
        return attempt

    def prepare(self, shop):
        """A filled form that is not sent yet."""
        browser = shop.browser()
        form = browser.fill_cart()
        assert form, "sold out"
        attempt = Attempt(self.marks.next(), ("tea", ""))
        form["note"] = attempt.mark
        with self.lock:
            self.attempts.append(attempt)
        attempt.browser, attempt.form = browser, form
        return attempt

    def send(self, attempt, shop=None):
        """Sends the form, or sends it again: with the cookies as they were."""
        browser = attempt.browser.twin()
        if shop:
            browser.address = shop.address
        try:
            answer = browser.ask("/checkout", attempt.form)
        except Unanswered as error:
            attempt.answer = "no answer: %r" % error
            return attempt
        attempt.answer = str(answer)
        if answer.status == 303:
            page = browser.ask("/order")
            before, attempt.order_ref = attempt.order_ref, page.mark("order-ref")
            if before not in (None, attempt.order_ref) or not attempt.order_ref:
                self.complain("%s became %s: %s" % (before, attempt.order_ref, page))
            attempt.outcome, attempt.code = "acknowledged", page.mark("code")
        elif answer.status == 503 and (NOTHING_ORDERED in answer.text or FULL in answer.text):
            attempt.outcome = attempt.outcome or "refused"
        else:
            self.complain("neither an order nor an honest page: %s" % answer)
        return attempt

    def wait_for_recovery(self, shop, seconds=60):
        """Until orders are taken again, without a restart."""
        attempt = self.order(shop)
        wait_for("the shop takes orders again", lambda: self.send(attempt).outcome == "acknowledged", seconds)

    def retry_refused(self):
        """Every second client that was refused sends the form again, and is served."""
        for attempt in [attempt for attempt in self.attempts if attempt.outcome == "refused"][::2]:
            attempt.outcome = None
            if self.send(attempt).outcome != "acknowledged":
                self.complain("sent again: %s" % attempt.answer)

    def finish(self, shop, maildir=None):
        """Ends the shop, and compares."""
        def copy_mount():
            # A mount of the shop's own goes with it.
            if maildir:
                shop.environment["MAILDIR"] = str(shutil.copytree(maildir, shop.home / "copy"))

        finish(shop, self.attempts, self.figures, self.complain, copy_mount)
        if self.figures.has_faults():
            self.complain("the comparison failed: %s" % self.figures)


def fault(function):
    """Registers a test that is given a `Trial`. It returns the notes, and fails where there are complaints."""
    @test
    @functools.wraps(function)
    def run():
        trial = Trial()
        try:
            function(trial)
        except Exception as error:
            trial.complain(traceback.format_exc(limit=-4) + str(getattr(error, "stderr", "")))
        if n_more := len(trial.complaints[6:]):
            trial.complaints[6:] = ["and %d more" % n_more]
        notes = "\n".join(trial.notes)
        assert not trial.complaints, "\n".join([notes, *trial.complaints])
        return notes

    return run


class MountShop(SoakShop):
    """A shop with mounts of its own; `script` makes them."""

    def __init__(self, script, **settings):
        super().__init__(before=("unshare", "-Urm", "sh", "-ec", script + '\nexec "$@"', "sh"), **settings)

    def run_inside(self, *command):
        pid = str(self.server.pid)
        subprocess.run(["nsenter", "--preserve-credentials", "-U", "-m", "-t", pid, *command], cwd=self.home, check=True, capture_output=True)

    def path_inside(self, path):
        return pathlib.Path("/proc/%d/root" % self.server.pid) / str(self.home / path).lstrip("/")

    def is_open(self):
        return self.server.poll() is None

    def messages(self):
        if not self.is_open():
            return super().messages()
        return [path for part in ("new", "cur") for path in (self.path_inside("mailorders") / part).iterdir()]

    def db(self):
        if not self.is_open():
            return super().db()
        return sqlite3.connect("file:%s?mode=ro" % self.path_inside("db/shop.sqlite"), uri=True)
