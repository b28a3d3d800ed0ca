"""A test of one fault: clients that order during it, and complaints."""

import functools
import pathlib
import shutil
import sqlite3
import subprocess
import threading
import traceback

from comparison import NOTHING_ORDERED, Attempt, Figures, Marks, SoakShop, finish
from lib.browser import NoResponse
from lib.run import test
from lib.shop import wait_for

FULL = "Nothing was changed"


class Trial:
    """A test of one fault: the clients' attempts during it, and complaints."""

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
        """Places `n` orders, each with this outcome. Returns the last attempt."""
        for _ in range(n):
            attempt = self.send(self.prepare(shop))
            if outcome and attempt.outcome != outcome:
                self.complain("%s instead of %s: %s" % (attempt.outcome, outcome, attempt.answer))
        return attempt

    def prepare(self, shop):
        """Fills in a form without sending it."""
        browser = shop.browser()
        form = browser.fill_cart()
        assert form, "sold out"
        attempt = Attempt(self.marks.next(), ("tea", ""))
        form["note"] = attempt.mark
        form = browser.review(form)
        assert form, "it cannot be ordered"
        with self.lock:
            self.attempts.append(attempt)
        attempt.browser, attempt.form = browser, form
        return attempt

    def send(self, attempt, shop=None):
        """Sends the form, possibly again, with the same cookies."""
        browser = attempt.browser.copy()
        if shop:
            browser.address = shop.address
        try:
            answer = browser.fetch("/checkout/place", attempt.form)
        except NoResponse as error:
            attempt.answer = "no answer: %r" % error
            return attempt
        attempt.answer = str(answer)
        if answer.status == 303:
            page = browser.fetch("/order")
            before, attempt.order_ref = attempt.order_ref, page.text_of("order-ref")
            if before not in (None, attempt.order_ref) or not attempt.order_ref:
                self.complain("%s became %s: %s" % (before, attempt.order_ref, page))
            attempt.outcome, attempt.code = "acknowledged", page.text_of("code")
        elif answer.status == 503 and (NOTHING_ORDERED in answer.text or FULL in answer.text):
            attempt.outcome = attempt.outcome or "refused"
        else:
            self.complain("neither an order nor a correct error page: %s" % answer)
        return attempt

    def wait_for_recovery(self, shop, seconds=60):
        """Waits until orders are accepted again, without a restart."""
        attempt = self.order(shop)
        wait_for("the shop accepts orders again", lambda: self.send(attempt).outcome == "acknowledged", seconds)

    def retry_refused(self):
        """Every second refused client sends the form again and is served."""
        for attempt in [attempt for attempt in self.attempts if attempt.outcome == "refused"][::2]:
            attempt.outcome = None
            if self.send(attempt).outcome != "acknowledged":
                self.complain("sent again: %s" % attempt.answer)

    def finish(self, shop, maildir=None):
        """Stops the shop and compares the attempts with the result."""
        def copy_mount():
            # The shop's own mounts end with it.
            if maildir:
                shop.environment["MAILDIR"] = str(shutil.copytree(maildir, shop.home / "copy"))

        finish(shop, self.attempts, self.figures, self.complain, copy_mount)
        if self.figures.has_faults():
            self.complain("the comparison failed: %s" % self.figures)


def fault(function):
    """Registers a test with a `Trial` as its argument. It returns the notes, and fails if there are complaints."""
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
    """A shop with its own mounts, which `script` creates."""

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
