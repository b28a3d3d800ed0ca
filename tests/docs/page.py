"""Executes the commands of one document, in order, in a shop's folder of its own."""

import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import termios
import time

import given
from blocks import EXECUTED, blocks
from lib.browser import Browser
from lib.shop import DESK_PASSWORD, ROOT, SHOP, wait_for

PASSPHRASE = "cinder otter velvet plum"
# What is typed when a command has printed this.
ANSWERS = (
    (r"shop desk password", [(r": $", DESK_PASSWORD + "\n")] * 2),
    (r"shop onion backup", [(r": $", PASSPHRASE + "\n")] * 2),
    (r"shop onion restore", [(r": $", PASSPHRASE + "\n")]),
    (r"shop orders cancel --unpaid|shop catalog reprice", [(r"\] $", "y\n")]),
    (r"mutt ", [(r"q:Quit", "q")]),
)
# They run until they are ended.
SERVICES = re.compile(r"([A-Z_]+=\S+ )*shop (serve|serve --tor|demo|watch)\s*")
# The demo's wallets are a fault, and this host may swap.
MAY_FAIL = re.compile(r"shop doctor( --deep)?\s*")
OF_THE_HOST = re.compile(r"ok +swap ")
ORDER = re.compile(r"\b(?=[A-Z]*[0-9])(?=[0-9]*[A-Z])[0-9A-HJKMNP-TV-Z]{10}\b")
# Units: seconds.
LIMIT = 120


def comparable(line):
    """Without what differs from run to run: random names, numbers, days, the width of columns."""
    line = re.sub(r"[a-z2-7]{56}(?=\.onion)|shop-demo-\w+|\b[0-9a-f]{20}\b", "RANDOM", line)
    line = re.sub(r"\d{1,2} [A-Z][a-z]+ \d{4}(, \d\d:\d\d UTC)?|\d{4}-\d\d-\d\d", "DAY", line)
    line = re.sub(r"(?<![\w.])[-+]?\d+(?:[.,]\d+)*(?![\w])", "#", line)
    return " ".join(line.split())


def shows(output, expected):
    """The first line of the document that the output does not have, in this order; None if it has all. `…` is any text."""
    lines = iter([comparable(line) for line in output.splitlines()])
    for line in expected:
        if OF_THE_HOST.match(line):
            continue
        pattern = ".*".join(re.escape(part.strip()) for part in comparable(line).split("…"))
        if not any(re.match(pattern, found) for found in lines):
            return line
    return None


class Page:
    """`document`: its path below the project's folder. `text` instead of its text."""

    def __init__(self, document, text=None):
        self.document = document
        self.blocks = blocks(text if text is not None else (ROOT / document).read_text())
        self.folder = tempfile.TemporaryDirectory(prefix="shop-docs-")
        base = pathlib.Path(self.folder.name)
        self.home, self.here, self.services = base / "shop", base / "shop", []
        for part in ("images", "pages"):
            shutil.copytree(ROOT / "db" / part, self.home / "db" / part)
        shutil.copy(ROOT / "db/data.json", self.home / "db")
        (base / "bin").mkdir()
        (base / "bin/shop").symlink_to(SHOP)
        (base / "gnupg").mkdir(mode=0o700)
        # Keys without a passphrase, so that gpg asks for none.
        (base / "gnupg/gpg.conf").write_text("batch\npinentry-mode loopback\npassphrase-file /dev/null\ntrust-model always\n")
        self.environment = {
            "PATH": "%s:/usr/local/bin:/usr/bin:/bin:/usr/sbin" % (base / "bin"), "HOME": str(base), "GNUPGHOME": str(base / "gnupg"),
            "LC_ALL": "C.UTF-8", "TERM": "xterm"}
        # What the document calls something, and what it is here.
        self.buyers = {}
        self.words = {"FINGERPRINT": self.fingerprint}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end_services()
        subprocess.run(["gpgconf", "--kill", "all"], env=self.environment)
        self.folder.cleanup()

    def execute(self):
        """Runs every block, and returns how many were executed and which were not."""
        n_executed, skipped = 0, []
        for block in self.blocks:
            where = "%s, line %d" % (self.document, block.line)
            reason = block.markers.get("not run")
            if step := block.markers.get("given"):
                getattr(given, step.replace(" ", "_"))(self)
            if path := block.markers.get("file"):
                (self.here / path).write_text(block.text)
            elif block.language in EXECUTED and reason:
                skipped.append("%s: %s" % (where, reason))
                if block.language == "sh":
                    subprocess.run(["sh", "-n"], input=block.text, text=True, check=True)
            elif block.language in EXECUTED:
                n_executed += 1
                self.place_orders(block)
                for command, expected in block.commands():
                    try:
                        self.check(command, expected)
                    except Exception as error:
                        raise AssertionError("%s: %s\n%s" % (where, command, error)) from error
        return n_executed, skipped

    def place_orders(self, block):
        """Orders something for each order number in the commands, which stands for that order from now on."""
        wanted = [ref for command, _ in block.commands() for ref in ORDER.findall(command)]
        for ref in wanted:
            given.ordered(self, ref)

    def check(self, command, expected):
        for written, actual in self.words.items():
            if written in command:
                command = command.replace(written, actual() if callable(actual) else actual)
        if SERVICES.fullmatch(command.partition("#")[0]):
            return self.serve(command, expected)
        status, output = self.run(command)
        for written, actual in self.words.items():
            output = output if callable(actual) else output.replace(actual, written)
        missing = shows(output, expected)
        assert missing is None, "the output does not have the line\n  %s\nbut is\n%s" % (missing, output)
        is_refusal = any(line.startswith("shop: ") for line in expected)
        assert status == 0 or is_refusal or MAY_FAIL.fullmatch(command.partition("#")[0]), "exit code %d\n%s" % (status, output)

    def run(self, command):
        """The exit code of a command and what it printed. It may change the folder of the following ones."""
        answers = next((answers for pattern, answers in ANSWERS if re.match(pattern, command)), [])
        where = pathlib.Path(self.folder.name) / "folder"
        script = "%s\nstatus=$?\npwd >%s\nexit $status" % (command, where)
        parent, child = pty.openpty()
        # Not wider than a terminal has to be for the longest line.
        fcntl.ioctl(child, termios.TIOCSWINSZ, b"\x20\x00\x00\x04\x00\x00\x00\x00")
        process = subprocess.Popen(
            ["sh", "-c", script], cwd=self.here, env=self.environment, stdin=child, stdout=child, stderr=child, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(child)
        try:
            output = self.converse(parent, list(answers))
            status = process.wait(LIMIT)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        finally:
            os.close(parent)
        if where.exists():
            self.here = pathlib.Path(where.read_text().rstrip("\n"))
        return status, output

    def converse(self, terminal, answers):
        """Reads until the program ends, and types an answer whenever it waits for one."""
        output, n_answered = "", 0
        while True:
            if not select.select([terminal], [], [], LIMIT)[0]:
                raise AssertionError("no answer within %d seconds; it printed\n%s" % (LIMIT, output))
            try:
                data = os.read(terminal, 65536)
            except OSError:
                data = b""
            if not data:
                # A progress bar is overwritten by what comes after it.
                return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[^\n]*\r(?!\n)|\r", "", output)
            output += data.decode(errors="replace")
            if answers and re.search(answers[0][0], output[n_answered:]):
                n_answered = len(output)
                os.write(terminal, answers.pop(0)[1].encode())

    def serve(self, command, expected):
        """Starts a service, and waits for what it prints first."""
        if "watch" not in command:
            self.end_services(r"shop (serve|demo)")
        self.start("exec env " + command, expected)

    def start(self, command, expected):
        log = pathlib.Path(self.folder.name) / ("service-%d" % time.monotonic_ns())
        with open(log, "w") as file:
            process = subprocess.Popen(
                ["sh", "-c", command], cwd=self.here, env=self.environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        self.services.append((command, process))

        def printed():
            text = log.read_text()
            assert process.poll() is None, "it has ended\n" + text
            return "\n" in text and shows(text, expected) is None

        wait_for("%r prints %s" % (command, expected), printed, LIMIT)

    def end_services(self, pattern=""):
        """Ends those with this in their command, the last one first."""
        for service in [service for service in reversed(self.services) if re.search(pattern, service[0])]:
            service[1].send_signal(signal.SIGTERM)
            service[1].wait(LIMIT)
            self.services.remove(service)

    def shop(self, *arguments, input=""):
        """A command of the shop that the document does not show."""
        result = subprocess.run(
            [SHOP, *arguments], cwd=self.here, env=self.environment, input=input, capture_output=True, text=True, timeout=LIMIT)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def browser(self):
        """A buyer. The shop is opened if it is not."""
        if not any("serve" in command for command, _ in self.services):
            if not (self.here / "db/shop.sqlite").exists():
                given.a_shop(self)
            self.serve("shop serve", [])
        wait_for("the shop is open", lambda: not self.command_fails("health"), LIMIT)
        return Browser("127.0.0.1:3000")

    def fingerprint(self):
        """Of the only key."""
        result = subprocess.run(["gpg", "--list-keys", "--with-colons"], env=self.environment, capture_output=True, text=True, check=True)
        return re.search(r"^fpr:+(\w+):", result.stdout, re.M).group(1)

    def product(self):
        """The address of a product without options."""
        return "ash-bowl" if "bowl" in self.catalog()["products"] else "green-tea-spring-harvest"

    def command_fails(self, *arguments):
        return subprocess.run([SHOP, *arguments], cwd=self.here, env=self.environment, capture_output=True).returncode != 0

    def catalog(self):
        return json.loads((self.home / "db/data.json").read_text())
