"""The seller's mail: mutt and neomutt in a terminal (tmux), with gpg."""

import os
import pathlib
import shlex
import subprocess
import tempfile
import time


class Terminal:
    """A program in its own terminal. `size`: columns and lines."""

    def __init__(self, command, size=(80, 24), **environment):
        self.session = "shop-%d" % time.monotonic_ns()
        cleared = [word for name in ("MAIL", "VISUAL", "PAGER") for word in ("-u", name)]
        environment = {"TERM": "xterm", "LANG": "C.UTF-8", **environment}
        words = ["env", *cleared, *("%s=%s" % pair for pair in environment.items()), *map(str, command)]
        # The tmux server may be ending with its last terminal: then try again with a new one.
        for _ in range(20):
            result = subprocess.run(
                ["tmux", "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "-s", self.session, "-c", "/", shlex.join(words)],
                capture_output=True, text=True)
            if result.returncode == 0:
                return
            time.sleep(0.2)
        raise AssertionError("tmux opens no terminal: " + result.stderr)

    def press(self, *keys):
        for key in keys:
            subprocess.run(["tmux", "send-keys", "-t", self.session, key], check=True)

    def type(self, text):
        subprocess.run(["tmux", "send-keys", "-t", self.session, "-l", text], check=True)

    def shows(self, text, *keys, seconds=30):
        """Presses keys, and returns the screen once it shows the text."""
        self.press(*keys)
        for _ in range(10 * seconds):
            screen = subprocess.run(
                ["tmux", "capture-pane", "-p", "-t", self.session], capture_output=True, text=True, check=True).stdout
            if text in screen:
                return screen
            time.sleep(0.1)
        raise AssertionError("the terminal does not show %r:\n%s" % (text, screen))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "kill-session", "-t", self.session])


class Mutt(Terminal):
    """mutt with few settings, on the shop's Maildir."""

    def __init__(self, shop):
        muttrc = shop.home / "muttrc"
        muttrc.write_text(
            "set mbox_type=Maildir\nset sort=threads\nset sort_aux=last-date-received\nset sleep_time=0\nset mail_check=0\n"
            "ignore *\nunignore from date subject\nset folder=%s\n" % shop.home)
        super().__init__(["mutt", "-n", "-F", muttrc, "-R", "-f", shop.home / "mailorders"], HOME=shop.home)


class SellerMutt(Terminal):
    """mutt or neomutt with the muttrc of `shop mutt`. Its editor puts `letter` above the quoted text."""

    def __init__(self, shop, seller, program="mutt", size=(100, 60), **environment):
        self.letter = seller.home / "letter"
        editor = seller.home / "editor"
        editor.write_text('#!/bin/sh\n{ cat %s; cat "$1"; } >"$1.new" && cat "$1.new" >"$1" && rm "$1.new"\n' % self.letter)
        editor.chmod(0o700)
        muttrc = shop.home / "db/muttrc"
        muttrc.write_text(shop.run("mutt"))
        super().__init__(
            [program, "-F", muttrc], size, HOME=seller.home, GNUPGHOME=seller.environment["GNUPGHOME"], EDITOR=editor, **environment)

    def shows_new_mail(self, text):
        """Checks for new mail with `,n`, since neomutt sometimes misses some."""
        for seconds in [2] * 10 + [30]:
            self.type(",n")
            try:
                return self.shows(text, seconds=seconds)
            except AssertionError as error:
                last = error
        raise last

    def prompt(self, text, typed):
        """Answers a prompt."""
        self.type(typed)
        return self.shows(text, "Enter")

    def reply(self, letter, result):
        """Replies to the selected message, and returns the screen once it shows `result`."""
        self.letter.write_text(letter)
        # Keys pressed while gpg runs may be lost.
        for seconds in (20, 20, 20, 30):
            try:
                self.shows("y:Send", "r", seconds=seconds)
                break
            except AssertionError as error:
                last = error
        else:
            raise last
        return self.shows(result, "y")


class Seller:
    """A seller with a new gpg key."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="shop-gpg-")
        self.home = pathlib.Path(self.folder.name)
        self.environment = {"PATH": os.environ["PATH"], "GNUPGHOME": str(self.home / "gnupg"), "LC_ALL": "C.UTF-8"}
        (self.home / "gnupg").mkdir(mode=0o700)
        self.gpg("--passphrase", "", "--quick-gen-key", "seller", "future-default", "default", "never")
        self.key = self.home / "seller.asc"
        self.key.write_text(self.gpg("--armor", "--export"))

    def gpg(self, *arguments, input=""):
        command = ["gpg", "--batch", "--trust-model", "always", "--pinentry-mode", "loopback", *arguments]
        result = subprocess.run(command, input=input, capture_output=True, text=True, env=self.environment)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["gpgconf", "--kill", "all"], env=self.environment)
        self.folder.cleanup()
