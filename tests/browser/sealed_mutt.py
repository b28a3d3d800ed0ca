"""What the seller reads of a sealed letter: mutt with gpg, as Debian sets them up and without gpgme."""

import os
import pathlib
import subprocess
import tempfile
import time

from firefox import ROOT
from mutt import screen_of

LETTER = os.environ.get("SEALED_LETTER", str(ROOT / "target/release/examples/sealed_letter"))
TEXT = "New order for Käthe\n\n  | 12 St James's Square\n  | 東京\n\n  1 x Tea   0.04 ETH\n"
# What mutt brings for its older way to gpg: see /etc/Muttrc.d/gpg.rc.
CLASSIC = """unset crypt_use_gpgme
set pgp_decode_command="gpg --status-fd=2 --no-verbose --quiet --batch --output - %f"
set pgp_decrypt_command="gpg --status-fd=2 --no-verbose --quiet --batch --output - %f"
set pgp_decryption_okay="^\\\\[GNUPG:\\\\] DECRYPTION_OKAY"
"""


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

    def mutt(self, settings):
        session = "sealed-%d" % time.monotonic_ns()
        (self.home / "muttrc").write_text(
            "set mbox_type=Maildir\nset sort=mailbox-order\nset sleep_time=0\nset mail_check=0\nset folder=%s\n"
            "ignore *\nunignore from date subject\n%s" % (self.home, settings))
        command = "env -u MAIL HOME=%s GNUPGHOME=%s TERM=xterm LANG=C.UTF-8 mutt -n -F muttrc -R -f orders" % (self.home, self.environment["GNUPGHOME"])
        subprocess.run(["tmux", "new-session", "-d", "-x", "80", "-y", "60", "-s", session, "-c", str(self.home), command], check=True)
        return session

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["gpgconf", "--kill", "all"], env=self.environment)
        self.folder.cleanup()


def mutt_opens_sealed_letters_without_questions():
    with Seller() as seller:
        seller.gets("1.shop", TEXT)
        block = seller.gpg("--armor", "--encrypt", "-r", "seller", told="Ada Byron, Ockham Park\n")
        seller.gets("2.shop", TEXT, block)
        seller.gets("3.shop", TEXT * 400)
        for name, settings in (("gpgme", "set crypt_use_gpgme\n"), ("classic", CLASSIC)):
            session = seller.mutt(settings)
            try:
                screen_of(session, "New order AB12")
                plain = screen_of(session, "0.04 ETH", ["1", "Enter", "Enter"])
                for words in ("Subject: Tea for Käthe", "New order for Käthe", "  | 12 St James's Square", "  | 東京"):
                    assert words in plain, (name, words, plain)
                beside = screen_of(session, "Ockham Park", ["q", "2", "Enter", "Enter"])
                assert "Ada Byron, Ockham Park" in beside and "0.04 ETH" in beside, (name, beside)
                large = screen_of(session, "0.04 ETH", ["q", "3", "Enter", "Enter"])
                for screen in (plain, beside, large):
                    for strange in ("xxxx", "Padding", "^M", "BEGIN PGP MESSAGE-----", "=C3", "[-- Error", "Could not", "assphrase"):
                        assert strange not in screen, (name, strange, screen)
                # Nothing of the padding even where all headers are shown.
                full = screen_of(session, "0.04 ETH", ["h"])
                assert "Padding" not in full and "xxxx" not in full, full
                # Once read, the list shows the true subject.
                assert "Tea for K" in screen_of(session, "Tea for K", ["q"]), name
            finally:
                subprocess.run(["tmux", "kill-session", "-t", session])
