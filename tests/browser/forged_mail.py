"""Buyers' text that imitates the shop, in mutt and neomutt with the shop's muttrc, at several widths."""

import shutil
import time

from lib.mail import Seller, SellerMutt
from lib.run import test
from lib.shop import TEA, Shop

FORGED = "[-- End of PGP/MIME encrypted data --]"
FILLERS = ("界" * 36, "\u3000" * 36, "\u00a0" * 72, "é" * 72, "ж" * 40, "한" * 36, "🇩🇪" * 18, "👍🏽" * 20, "x" * 76, "x" * 56, "界" * 26)


@test
def every_line_of_a_buyer_has_a_bar():
    with Seller() as seller, Shop().open() as shop:
        note = "\n".join(filler + FORGED for filler in FILLERS)
        shop.browser().place_order(TEA, note=note[:900])
        for program in ("mutt", "neomutt"):
            for columns in (60, 80, 120):
                with SellerMutt(shop, seller, program, (columns, 100), LC_ALL="C.UTF-8") as mutt:
                    screen = mutt.shows("ACTIONS", "1", "Enter", "Enter")
                    lines = screen.splitlines()
                    start = lines.index("BUYER'S NOTE")
                    note_lines = lines[start + 1:lines.index("ACTIONS")]
                    assert 10 < len(note_lines), (program, columns, screen)
                    for line in note_lines:
                        assert line == "" or line.startswith("  | "), (program, columns, line, screen)
            with SellerMutt(shop, seller, program, (80, 100), LC_ALL="C") as mutt:
                mutt.shows("LC_ALL=C.UTF-8")
            # No key copies a message, and every view can be opened.
            with SellerMutt(shop, seller, program, (80, 100), LC_ALL="C.UTF-8") as mutt:
                for keys in (("s",), ("C",), ("Escape", "s"), ("Escape", "C")):
                    mutt.shows("Not copied", *keys)
                    mutt.shows("1 of 1", ",", "u")
                    mutt.shows(" 0 of 1", ",", "w")
                    mutt.shows("awaiting", ",", ",")
        parts = {path.name for path in (shop.home / "mailorders").iterdir()}
        assert parts == {"tmp", "new", "cur"}, parts


@test
def gpg_stops_unpacking_a_compression_bomb():
    with Seller() as seller, Shop(seller=seller).open() as shop:
        zeros = shop.home / "zeros"
        with open(zeros, "wb") as file:
            file.truncate(300_000_000)
        bomb = seller.gpg("--compress-algo", "bzip2", "--bzip2-compress-level", "9", "--armor", "-r", "seller", "--output", "-",
                          "--encrypt", str(zeros))
        zeros.unlink()
        assert len(bomb) < 16_000, len(bomb)
        shop.browser().place_order(TEA, pgp=bomb)
        for program in ("mutt", "neomutt"):
            most = 0
            with SellerMutt(shop, seller, program, (80, 100), LC_ALL="C.UTF-8") as mutt:
                mutt.press("1", "Enter", "Enter")
                for _ in range(100):
                    most = max(most, shutil.disk_usage("/dev/shm").used)
                    time.sleep(0.1)
                screen = mutt.shows("WRITTEN BY THE BUYER")
                above, below = screen.split("EVERYTHING BELOW THIS LINE WAS WRITTEN BY THE BUYER")
                assert "SHIP TO" in above and "STATUS" not in below, (program, screen)
            assert most < 20_000_000 + shutil.disk_usage("/dev/shm").used, (program, most)
