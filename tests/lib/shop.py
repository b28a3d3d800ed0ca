"""A real shop in a temporary folder: its files, its process and its commands."""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time

from lib.browser import Browser

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHOP = os.environ.get("SHOP_BINARY", str(ROOT / "target/release/shop"))
READER = os.environ.get("READ_CHALLENGE", str(ROOT / "target/release/examples/read_challenge"))
# Products of the demo.
TEA, NOTEBOOK, SOLD_OUT = "green-tea-spring-harvest", "linen-notebook", "garden-lantern"
# A publicly known test key.
ETH_XPUB = "xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP"
DESK_PASSWORD = "cinder-otter-velvet-28-plum"


def free_port():
    """Below the kernel's range for outgoing connections, so that the port is still free after a restart."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def poll(condition, seconds, pause=0.02):
    """The first true result of the condition, or its last result after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result or end < time.monotonic():
            return result
        time.sleep(pause)


def wait_for(what, condition, seconds=60, check=lambda: None):
    """The first true result of the condition. `check` raises an error if waiting is pointless."""
    result = poll(lambda: condition() or check(), seconds)
    assert result, "timeout after %d seconds: %s" % (seconds, what)
    return result


def cpu_seconds(pid):
    """CPU time of all threads. Source: proc_pid_stat(5), fields 14 and 15."""
    fields = pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def faketime():
    """The environment for libfaketime to change only a program's time of day."""
    library = next(iter(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
    assert library, "libfaketime is missing: scripts/install-test-tools"
    # It shares memory with the processes that the shop starts.
    return {"LD_PRELOAD": str(library), "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "CONFINE": "off"}


def catalog_of(wallets, **products):
    """A catalog as the shop reads it."""
    return {"wallets": {"_model": "Wallet", **wallets}, "products": {"_model": "Product", **products}}


class Shop:
    """A shop in its own folder, by default with the demo's catalog. It does not run until `open`.

    `before`: a command that runs the shop's command. `settings`: the environment of all commands.
    """

    arguments = ()

    def __init__(self, catalog=None, home=None, before=(), on_socket=False, seller=None, **settings):
        self.folder = None if home else tempfile.TemporaryDirectory(prefix="shop-")
        self.home = home or pathlib.Path(self.folder.name)
        self.before, self.server = before, None
        self.socket = self.home / ("shop-%s.sock" % random.randbytes(4).hex())
        listen = "unix:%s" % self.socket if on_socket else "127.0.0.1:0"
        self.environment = {"PATH": os.environ["PATH"], "LISTEN": listen, **settings}
        if not home:
            self.write_catalog(catalog)
        if seller:
            (self.home / "db/seller.asc").write_text(seller.key.read_text())

    def write_catalog(self, catalog):
        if catalog is None:
            for part in ("images", "pages"):
                shutil.copytree(ROOT / "db" / part, self.home / "db" / part)
        (self.home / "db/images").mkdir(parents=True, exist_ok=True)
        (self.home / "db/data.json").write_text(json.dumps(catalog) if catalog else (ROOT / "db/data.json").read_text())

    def open(self):
        try:
            self.start()
            self.wait_until_open()
            return self
        except BaseException:
            self.close()
            raise

    def start(self):
        with open(self.home / "output", "w") as output, open(self.home / "log", "a") as log:
            self.server = subprocess.Popen(
                [*self.before, SHOP, "serve", *self.arguments], cwd=self.home, stdout=output, stderr=log, env=self.environment)

    def wait_until_open(self):
        self.address = self.printed(r"open at (?:http://)?(\S+)\n")
        self.url = "http://" + self.address

    def printed(self, pattern):
        """Waits until the shop has printed this, and returns the pattern's group."""
        def found():
            has_ended = self.server.poll() is not None
            match = re.search(pattern, (self.home / "output").read_text())
            assert match or not has_ended, "exit code %s: %s" % (self.server.returncode, self.log()[-2000:])
            return match

        return wait_for("the shop prints %r" % pattern, found, 120).group(1)

    def log(self):
        return (self.home / "log").read_text(errors="replace")

    def stop(self, number=signal.SIGTERM):
        """Ends the shop, and returns its exit code."""
        self.server.send_signal(number)
        try:
            return self.server.wait(30)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
            raise

    def kill(self):
        return self.stop(signal.SIGKILL)

    def close(self):
        try:
            if self.server:
                self.stop()
        finally:
            if self.folder:
                self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def command(self, *arguments, input=""):
        """Runs another command of the shop, in the same folder and with the same settings."""
        return subprocess.run(
            [SHOP, *arguments], cwd=self.home, input=input, capture_output=True, text=True, timeout=300, env=self.environment)

    def run(self, *arguments, input=""):
        """The output of a command that must succeed."""
        result = self.command(*arguments, input=input)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def browser(self):
        return Browser(self.address)

    def maildir(self):
        return pathlib.Path(self.environment.get("MAILDIR", self.home / "mailorders"))

    def messages(self):
        """The files of all messages."""
        return sorted(path for part in ("new", "cur") for path in (self.maildir() / part).iterdir())

    def db(self):
        """The database, read-only."""
        return sqlite3.connect("file:%s?mode=ro" % (self.home / "db/shop.sqlite"), uri=True)

    def row(self, query, *values):
        with self.db() as db:
            return db.execute(query, values).fetchone()

    def read_challenge(self, token):
        """The characters in the picture of siege mode, computed from the shop's secret."""
        result = subprocess.run([READER, str(self.home / "db/shop.secret"), token], capture_output=True, text=True, check=True)
        return result.stdout.strip()

    def n_orders(self):
        return self.row("select count(*) from orders")[0]

    def change(self, statement):
        """Changes the database directly."""
        with sqlite3.connect(self.home / "db/shop.sqlite", timeout=30) as db:
            db.executescript(statement)


class DeskShop(Shop):
    """A shop with a desk and a password for it."""

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, DESK_LISTEN="127.0.0.1:0", **settings)

    def open(self):
        super().open()
        self.desk_address = self.printed(r"Your desk is at http://(127\.0\.0\.1:\d+)\n")
        self.desk = "http://" + self.desk_address
        self.run("desk", "password", input="%s\n%s\n" % (DESK_PASSWORD, DESK_PASSWORD))
        return self
