"""What the seller reads of a sealed letter: mutt and neomutt with gpg, by gpgme as Debian sets them up, and without."""

import base64
import os
import pathlib
import subprocess
import tempfile
import time

from firefox import ROOT
from mutt import begin, screen_of

LETTER = os.environ.get("SEALED_LETTER", str(ROOT / "target/release/examples/sealed_letter"))
TEXT = "New order for Käthe\n\n  | 12 St James's Square\n  | 東京\n\n  1 x Tea   0.0%d ETH\n"
# What mutt brings for its older way to gpg: see /etc/Muttrc.d/gpg.rc.
CLASSIC = """unset crypt_use_gpgme
set pgp_decode_command="gpg --status-fd=2 --no-verbose --quiet --batch --output - %f"
set pgp_decrypt_command="gpg --status-fd=2 --no-verbose --quiet --batch --output - %f"
set pgp_decryption_okay="^\\\\[GNUPG:\\\\] DECRYPTION_OKAY"
"""


def spoilt(block):
    """The same PGP message with one letter of its words changed under way."""
    lines = [line for line in block.splitlines()[2:] if not line.startswith(("=", "-"))]
    data = bytearray(base64.b64decode("".join(lines)))
    data[-30] ^= 1
    return "-----BEGIN PGP MESSAGE-----\n\n%s-----END PGP MESSAGE-----\n" % base64.encodebytes(data).decode()


class Seller:
    """A seller with a fresh key, a Maildir and mutt."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="gpg")
        self.home = pathlib.Path(self.folder.name)
        self.environment = {"PATH": os.environ["PATH"], "GNUPGHOME": str(self.home / "gnupg"), "LC_ALL": "C.UTF-8"}
        (self.home / "gnupg").mkdir(mode=0o700)
        for part in ("tmp", "new", "cur"):
            (self.home / "orders" / part).mkdir(parents=True)
        self.gpg("--passphrase", "", "--quick-gen-key", "seller", "future-default", "default", "never")
        self.key = self.home / "seller.asc"
        self.key.write_text(self.gpg("--armor", "--export"))

    def gpg(self, *arguments, told=""):
        command = ["gpg", "--batch", "--trust-model", "always", "--pinentry-mode", "loopback", *arguments]
        done = subprocess.run(command, input=told, capture_output=True, text=True, env=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def gets(self, name, text, block=None):
        files = [str(self.key)]
        if block:
            (self.home / "block").write_text(block)
            files.append(str(self.home / "block"))
        letter = subprocess.run([LETTER, *files], input=text.encode(), capture_output=True, check=True).stdout
        (self.home / "orders/new" / name).write_bytes(letter)

    def mutt(self, program, settings):
        session = "sealed-%d" % time.monotonic_ns()
        (self.home / "muttrc").write_text(
            "set mbox_type=Maildir\nset sort=mailbox-order\nset sleep_time=0\nset mail_check=0\nset folder=%s\n"
            "ignore *\nunignore from date subject\n%s" % (self.home, settings))
        command = "env -u MAIL HOME=%s GNUPGHOME=%s TERM=xterm LANG=C.UTF-8 %s -n -F muttrc -R -f orders" % (self.home, self.environment["GNUPGHOME"], program)
        begin(session, (80, 60), self.home, command)
        return session

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["gpgconf", "--kill", "all"], env=self.environment)
        self.folder.cleanup()


def mutt_and_neomutt_open_sealed_letters_without_questions():
    with Seller() as seller:
        seller.gets("1.shop", TEXT % 1)
        block = seller.gpg("--armor", "--encrypt", "-r", "seller", told="Ada Byron, Ockham Park\n")
        seller.gets("2.shop", TEXT % 2, block)
        seller.gets("3.shop", TEXT % 3 + "more\n" * 6000)
        seller.gets("4.shop", TEXT % 4, spoilt(block))
        gpgme = "set crypt_use_gpgme\n"
        for program, settings in (("mutt", gpgme), ("mutt", CLASSIC), ("neomutt", gpgme), ("neomutt", CLASSIC)):
            name = (program, settings)
            session = seller.mutt(program, settings)
            try:
                screen_of(session, "New order AB12")
                plain = screen_of(session, "0.01 ETH", ["1", "Enter", "Enter"])
                for words in ("Subject: Tea for Käthe", "New order for Käthe", "  | 12 St James's Square", "  | 東京"):
                    assert words in plain, (name, words, plain)
                beside = screen_of(session, "Ockham Park", ["q", "2", "Enter", "Enter"])
                assert "Ada Byron, Ockham Park" in beside and "0.02 ETH" in beside, (name, beside)
                large = screen_of(session, "0.03 ETH", ["q", "3", "Enter", "Enter"])
                # Rubbish in the buyer's part leaves the rest readable.
                rubbish = screen_of(session, "0.04 ETH", ["q", "4", "Enter", "Enter"])
                assert "12 St James's Square" in rubbish and "Ockham" not in rubbish, (name, rubbish)
                screen_of(session, "0.03 ETH", ["q", "3", "Enter", "Enter"])
                # All headers: those under the seal are not among them.
                full = screen_of(session, "MIME-Version", ["h"])
                for screen in (plain, beside, large, full):
                    for strange in ("xxxx", "Padding", "^M", "BEGIN PGP MESSAGE-----", "=C3", "[-- Error", "Could not", "assphrase"):
                        assert strange not in screen, (name, strange, screen)
                # Once read, the list shows the true subject.
                screen_of(session, "Tea for K", ["q"])
            finally:
                subprocess.run(["tmux", "kill-session", "-t", session])
