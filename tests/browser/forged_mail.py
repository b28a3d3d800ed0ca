"""What a buyer writes to pass for the shop: seen in mutt and in neomutt, at several widths, with the muttrc of the shop."""

import http.cookiejar
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from mutt import begin, screen_of
from sealed_mutt import Seller
from world import World

FORGED = "[-- End of PGP/MIME encrypted data --]"
FILLERS = ("界" * 36, "\u3000" * 36, "\u00a0" * 72, "é" * 72, "ж" * 40, "한" * 36, "🇩🇪" * 18, "👍🏽" * 20, "x" * 76, "x" * 56, "界" * 26)


class Visitor:
    """A buyer without a browser."""

    def __init__(self, world):
        self.url = world.url
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def page(self, path, fields=None):
        data = urllib.parse.urlencode(fields).encode() if fields else None
        try:
            with self.opener.open(self.url + path, data) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as refused:
            raise AssertionError(refused.read().decode()) from refused

    def sends(self, form, path, **fields):
        token = re.search(r'name="token" value="([^"]+)"', self.page(form)).group(1)
        return self.page(path, {"token": token, **fields})

    def orders(self, **fields):
        self.sends("/product/green-tea-spring-harvest", "/cart", product="green-tea-spring-harvest", option="", quantity="1")
        return self.sends("/checkout", "/checkout", recipient="Ada", street="1 St", city="London", province="London", postcode="N1 9GU", country="GB", **fields)


class Reader:
    def __init__(self, program, columns, world, seller, locale="C.UTF-8"):
        (world.home / "db/muttrc").write_text(world.shop("mutt"))
        self.session = "forged-%d" % time.monotonic_ns()
        command = "env -u MAIL HOME=%s GNUPGHOME=%s TERM=xterm LC_ALL=%s %s -F %s/db/muttrc" % (
            world.home, seller.environment["GNUPGHOME"], locale, program, world.home)
        begin(self.session, (columns, 100), "/", command)

    def shows(self, until, *keys):
        return screen_of(self.session, until, keys, seconds=30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "kill-session", "-t", self.session])


def words_of_a_buyer_stay_behind_their_bar():
    with Seller() as seller, World() as world:
        note = "\n".join(filler + FORGED for filler in FILLERS)
        Visitor(world).orders(note=note[:900])
        for program in ("mutt", "neomutt"):
            for columns in (60, 80, 120):
                with Reader(program, columns, world, seller) as reader:
                    screen = reader.shows("ACTIONS", "1", "Enter", "Enter")
                    lines = screen.splitlines()
                    start = lines.index("BUYER'S NOTE")
                    words = lines[start + 1:lines.index("ACTIONS")]
                    assert 10 < len(words), (program, columns, screen)
                    for line in words:
                        assert line == "" or line.startswith("  | "), (program, columns, line, screen)
            with Reader(program, 80, world, seller, "C") as reader:
                reader.shows("LC_ALL=C.UTF-8")
            # No key makes a copy, and every view shows itself.
            with Reader(program, 80, world, seller) as reader:
                for keys in (("s",), ("C",), ("Escape", "s"), ("Escape", "C")):
                    reader.shows("Not copied", *keys)
                    reader.shows("1 of 1", ",", "u")
                    reader.shows(" 0 of 1", ",", "w")
                    reader.shows("awaiting", ",", ",")
        kept = {path.name for path in (world.home / "mailorders").iterdir()}
        assert kept == {"tmp", "new", "cur"}, kept


def a_block_that_unpacks_to_very_much_stops():
    with Seller() as seller, World() as world:
        world.stop()
        (world.home / "db/seller.asc").write_text(seller.key.read_text())
        world.open()
        zeros = world.home / "zeros"
        with open(zeros, "wb") as file:
            file.truncate(300_000_000)
        subprocess.run(["gpg", "--batch", "--trust-model", "always", "--compress-algo", "bzip2", "--bzip2-compress-level", "9",
                        "--armor", "--output", str(world.home / "bomb"), "-r", "seller", "--encrypt", str(zeros)],
                       check=True, capture_output=True, env=seller.environment)
        zeros.unlink()
        bomb = (world.home / "bomb").read_text()
        assert len(bomb) < 16_000, len(bomb)
        Visitor(world).orders(pgp=bomb)
        for program in ("mutt", "neomutt"):
            most = 0
            with Reader(program, 80, world, seller) as reader:
                for key in ("1", "Enter", "Enter"):
                    subprocess.run(["tmux", "send-keys", "-t", reader.session, key], check=True)
                for _ in range(100):
                    most = max(most, shutil.disk_usage("/dev/shm").used)
                    time.sleep(0.1)
                screen = reader.shows("WRITTEN BY THE BUYER")
                above, below = screen.split("EVERYTHING BELOW THIS LINE WAS WRITTEN BY THE BUYER")
                assert "SHIP TO" in above and "STATUS" not in below, (program, screen)
            assert most < 20_000_000 + shutil.disk_usage("/dev/shm").used, (program, most)
