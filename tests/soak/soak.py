#!/usr/bin/env python3
"""Kills a real shop at random moments while clients order, and compares the responses with the result.

    scripts/soak [ROUNDS]       1,000 by default; SOAK_SEED=N repeats the random choices of a run

Exit code 1 if an order was lost, made twice, or made although it was refused, or if stock does not add up.
"""

import os
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from comparison import SOLD, Attempt, Figures, Marks, SoakShop, finish
from lib.browser import NoResponse

N_CLIENTS = 4
# Units: seconds. An order takes a few milliseconds: there are some dozens between start and kill.
LONGEST_LIFE = 0.15
# The share of rounds that end while the shop is starting.
EARLY = 0.1


class Opening:
    """Lets clients wait until the shop is open."""

    def __init__(self):
        self.open = threading.Event()
        self.over = threading.Event()

    def insist(self, action):
        """Repeats an action until there is a response."""
        while True:
            self.open.wait(60)
            try:
                return action()
            except NoResponse:
                # The event may still be set until the main thread notices.
                time.sleep(0.002)


class Client(threading.Thread):
    def __init__(self, shop, opening, marks, seed):
        super().__init__(daemon=True)
        self.shop, self.opening, self.marks, self.dice = shop, opening, marks, random.Random(seed)
        self.wanted, self.attempts = list(SOLD), []
        self.faults = Figures()
        self.trouble = None

    def run(self):
        try:
            while not self.opening.over.is_set():
                self.buy()
        except BaseException as error:
            self.trouble = error
            raise

    def fault(self, text):
        self.faults["odd"] += 1
        if self.faults["odd"] <= 10:
            print("ODD: " + text, flush=True)

    def buy(self):
        product, option, pool = self.dice.choice(self.wanted)
        quantity = self.dice.choice((1, 1, 2, 3))
        browser, form = self.opening.insist(lambda: self.fill_cart(product, option, quantity))
        if form is None:
            # Stock only decreases: trying again is useless.
            self.wanted = [sold for sold in self.wanted if sold[2] != pool]
            return
        attempt = Attempt(self.marks.next(), pool, quantity)
        form["note"] = attempt.mark
        # If other unpaid orders reserve the rest, only buyers with a refund address can order.
        if self.dice.random() < 0.5:
            form["refund"] = "0x52908400098527886E0F7030069857D2E4169EE7"
        self.attempts.append(attempt)
        form = self.opening.insist(lambda: browser.review(form))
        if form is None:
            attempt.outcome = "refused"
            return
        before = browser.copy()
        way = self.dice.choices(("once", "twice at once", "twice in turn", "leaves"), (55, 20, 15, 10))[0]
        if way == "leaves":
            try:
                browser.send("/checkout/place", form).close()
            except NoResponse:
                pass
            return
        # A client without a response mostly sends the form again, with the same cookies.
        is_patient = self.dice.random() < 0.8
        while True:
            self.opening.open.wait(60)
            answers = self.send(before, form, 2 if way == "twice at once" else 1)
            if answers:
                break
            self.faults["connections lost during the order"] += 1
            if not is_patient:
                return
            time.sleep(0.002)
        statuses = {answer.status for _, answer in answers}
        done = [browser for browser, answer in answers if answer.status == 303 and answer.location == "/order"]
        if not done:
            if statuses - {422, 503}:
                self.fault("the order got %s" % answers[0][1])
            if len(answers) == 1 and way == "twice at once":
                # The other one got no response.
                return
            attempt.outcome = "refused"
            return
        if statuses != {303}:
            self.fault("one form got %s" % statuses)
        attempt.outcome = "acknowledged"
        browser = done[0]
        page = self.opening.insist(lambda: browser.fetch("/order"))
        attempt.order_ref, attempt.code = page.text_of("order-ref"), page.text_of("code")
        if page.status != 200 or not attempt.order_ref or not attempt.code:
            self.fault("the order's page: %s" % page)
        if way == "twice in turn":
            again = before.copy()
            answer = self.opening.insist(lambda: again.fetch("/checkout/place", form))
            shown = self.opening.insist(lambda: again.fetch("/order")).text_of("order-ref")
            if answer.status != 303 or shown != attempt.order_ref:
                self.fault("sent again: %s, %s instead of %s" % (answer, shown, attempt.order_ref))
        if self.dice.random() < 0.2:
            self.try_code(attempt)

    def fill_cart(self, product, option, quantity):
        # A new browser for each try: an interrupted one may have items in its cart.
        browser = self.shop.browser()
        return browser, browser.fill_cart(product, option, quantity)

    def send(self, before, form, n):
        """Sends the form `n` times at once. Returns the responses, each with its browser."""
        waiting, answers = [], []
        for browser in [before.copy() for _ in range(n)]:
            try:
                waiting.append((browser, browser.send("/checkout/place", form)))
            except NoResponse:
                pass
        for browser, sock in waiting:
            try:
                answers.append((browser, browser.read(sock)))
            except NoResponse:
                pass
        return answers

    def try_code(self, attempt):
        shown = self.opening.insist(lambda: self.shop.browser().open_order(attempt.code))
        if shown != attempt.order_ref:
            self.fault("the code of %s shows %s" % (attempt.order_ref, shown))


class Reader(threading.Thread):
    """Moves messages from `new` to `cur`, like a mail reader."""

    def __init__(self, shop, seed):
        super().__init__(daemon=True)
        self.shop, self.dice, self.over, self.n_read = shop, random.Random(seed), threading.Event(), 0

    def run(self):
        new, cur = self.shop.maildir() / "new", self.shop.maildir() / "cur"
        while not self.over.wait(0.003):
            for name in os.listdir(new) if new.exists() else []:
                if self.dice.random() < 0.1:
                    os.rename(new / name, cur / (name + ":2,S"))
                    self.n_read += 1


def kill_once(shop, opening, dice):
    """Starts the shop and kills it at a random moment."""
    shop.start()
    if dice.random() < EARLY:
        time.sleep(dice.uniform(0, 0.02))
    else:
        shop.wait_until_open()
        opening.open.set()
        time.sleep(dice.uniform(0, LONGEST_LIFE))
    # Clients are not told: they have to notice.
    code = shop.kill()
    opening.open.clear()
    assert code == -9, "the shop ended unexpectedly: %s %s" % (code, shop.log()[-2000:])


def main(rounds):
    seed = int(os.environ.get("SOAK_SEED", random.randrange(1 << 32)))
    dice = random.Random(seed)
    print("%d rounds, SOAK_SEED=%d" % (rounds, seed), flush=True)
    began = time.monotonic()
    figures = Figures(rounds=rounds)
    with SoakShop() as shop:
        opening, marks = Opening(), Marks()
        clients = [Client(shop, opening, marks, dice.randrange(1 << 32)) for _ in range(N_CLIENTS)]
        reader = Reader(shop, dice.randrange(1 << 32))
        for thread in [*clients, reader]:
            thread.start()
        for n in range(rounds):
            kill_once(shop, opening, dice)
            if (n + 1) % 100 == 0:
                print("%d rounds, %d attempts, %.0f s" % (n + 1, marks.n, time.monotonic() - began), flush=True)
            for client in clients:
                assert client.is_alive(), client.trouble
            assert reader.is_alive()
        seconds = time.monotonic() - began

        # Let clients finish, then stop them.
        opening.over.set()
        shop.open()
        opening.open.set()
        for client in clients:
            client.join(60)
            assert not client.is_alive() and client.trouble is None, client.trouble
            figures.update(client.faults)
        attempts = [attempt for client in clients for attempt in client.attempts]
        def stop_reader():
            reader.over.set()
            reader.join()

        finish(shop, attempts, figures, end=stop_reader)
        figures["messages read meanwhile"] = reader.n_read
        figures["drafts left in tmp"] = len(list((shop.maildir() / "tmp").iterdir()))
    for name in Figures.FAULTS:
        figures[name] += 0
    print("\n%.1f s, %.0f ms a round" % (seconds, 1000 * seconds / max(1, rounds)))
    for name, n in figures.items():
        print("%8d  %s" % (n, name))
    return 1 if figures.has_faults() else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if 1 < len(sys.argv) else 1_000))
