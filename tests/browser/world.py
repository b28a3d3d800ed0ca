"""A whole shop in a temporary folder, with the real program and the demo catalog."""

import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SHOP = os.environ.get("SHOP_BINARY", str(ROOT / "target/release/shop"))


class World:
    def __init__(self, catalog=None):
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
        self.open()

    def open(self):
        self.server = subprocess.Popen(
            [SHOP, "serve", "--listen", "127.0.0.1:0"],
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=open(self.home / "log", "a"),
            text=True,
            env={"PATH": os.environ["PATH"]},
        )
        for line in self.server.stdout:
            found = re.search(r"http://(127\.0\.0\.1:\d+)", line)
            if found:
                self.address = found.group(1)
                self.url = "http://" + self.address
                return
        raise AssertionError("the shop did not open: " + (self.home / "log").read_text())

    def shop(self, *arguments):
        done = subprocess.run([SHOP, *arguments], cwd=self.home, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fetch(self, path, **headers):
        """Status, headers and bytes as sent."""
        connection = http.client.HTTPConnection(self.address)
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def messages(self):
        return sorted((self.home / "mailorders/new").iterdir())

    def close(self):
        self.server.terminate()
        self.server.wait()
        self.server.stdout.close()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
