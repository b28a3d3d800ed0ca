"""A whole shop in a temporary folder, with the real program and the demo catalog."""

import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SHOP = os.environ.get("SHOP_BINARY", str(ROOT / "target/release/shop"))


class World:
    """`arguments` are those of `shop serve`; `settings` reach every command through its environment."""

    def __init__(self, catalog=None, arguments=("--listen", "127.0.0.1:0"), settings=None):
        self.arguments = arguments
        self.environment = {"PATH": os.environ["PATH"], **(settings or {})}
        self.folder = tempfile.TemporaryDirectory(prefix="shop-")
        self.home = pathlib.Path(self.folder.name)
        (self.home / "db").mkdir()
        if catalog is None:
            for part in ("images", "pages"):
                shutil.copytree(ROOT / "db" / part, self.home / "db" / part)
            shutil.copy(ROOT / "db/data.json", self.home / "db/data.json")
        else:
            (self.home / "db/images").mkdir()
            (self.home / "db/data.json").write_text(json.dumps(catalog))
        self.server = None
        try:
            self.open()
        except BaseException:
            self.close()
            raise

    def open(self):
        self.start()
        self.address = self.says(r"http://(127\.0\.0\.1:\d+)")
        self.url = "http://" + self.address

    def start(self):
        with open(self.home / "said", "w") as said, open(self.home / "log", "a") as log:
            self.server = subprocess.Popen(
                [SHOP, "serve", *self.arguments], cwd=self.home, stdout=said, stderr=log, env=self.environment)

    def says(self, pattern, seconds=120):
        """Waits until the shop has printed this, and gives the pattern's group."""
        end = time.monotonic() + seconds
        while True:
            is_over = self.server.poll() is not None or end < time.monotonic()
            found = re.search(pattern, (self.home / "said").read_text())
            if found:
                return found.group(1)
            if is_over:
                raise AssertionError("the shop did not print %r: %s" % (pattern, (self.home / "log").read_text()))
            time.sleep(0.02)

    def command(self, *arguments, told=""):
        """Another command of the shop, in the same folder and with the same settings."""
        return subprocess.run(
            [SHOP, *arguments], cwd=self.home, input=told, capture_output=True, text=True, timeout=120,
            env=self.environment)

    def shop(self, *arguments, told=""):
        done = self.command(*arguments, told=told)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fetch(self, path, address=None, **headers):
        """Status, headers and bytes as sent; at the buyers' door, or at another."""
        connection = http.client.HTTPConnection(address or self.address)
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def messages(self):
        return sorted((self.home / "mailorders/new").iterdir())

    def stop(self):
        if self.server:
            self.server.terminate()
            self.server.wait()

    def close(self):
        self.stop()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
