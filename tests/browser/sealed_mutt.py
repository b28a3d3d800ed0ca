"""Encrypted messages in mutt and neomutt, with gpgme, as in Debian's configuration, and without."""

import base64
import os
import subprocess

from lib.mail import Seller, Terminal
from lib.run import test
from lib.shop import ROOT

LETTER = os.environ.get("SEALED_LETTER", str(ROOT / "target/release/examples/sealed_letter"))
TEXT = "New order for Käthe\n\n  | 12 St James's Square\n  | 東京\n\n  1 x Tea   0.0%d ETH\n"
# mutt's configuration for gpg without gpgme: see /etc/Muttrc.d/gpg.rc.
CLASSIC = """unset crypt_use_gpgme
set pgp_decode_command="gpg --status-fd=2 --no-verbose --quiet --batch --output - %f"
set pgp_decrypt_command="gpg --status-fd=2 --no-verbose --quiet --batch --output - %f"
set pgp_decryption_okay="^\\\\[GNUPG:\\\\] DECRYPTION_OKAY"
"""


def corrupted(block):
    """The PGP message with one flipped bit."""
    lines = [line for line in block.splitlines()[2:] if not line.startswith(("=", "-"))]
    data = bytearray(base64.b64decode("".join(lines)))
    data[-30] ^= 1
    return "-----BEGIN PGP MESSAGE-----\n\n%s-----END PGP MESSAGE-----\n" % base64.encodebytes(data).decode()


def deliver(seller, name, text, block=None):
    """Puts an encrypted message into the seller's Maildir. `block`: the buyer's PGP message."""
    files = [seller.key]
    if block:
        files.append(seller.home / "block")
        files[1].write_text(block)
    message = subprocess.run([LETTER, *files], input=text.encode(), capture_output=True, check=True).stdout
    (seller.home / "orders/new" / name).write_bytes(message)


def mutt(seller, program, settings):
    muttrc = seller.home / "muttrc"
    muttrc.write_text(
        "set mbox_type=Maildir\nset sort=mailbox-order\nset sleep_time=0\nset mail_check=0\nset folder=%s\n"
        "ignore *\nunignore from date subject\n%s" % (seller.home, settings))
    return Terminal([program, "-n", "-F", muttrc, "-R", "-f", seller.home / "orders"], (80, 60),
                    HOME=seller.home, GNUPGHOME=seller.environment["GNUPGHOME"])


@test
def mutt_and_neomutt_open_encrypted_messages_without_prompts():
    with Seller() as seller:
        for part in ("tmp", "new", "cur"):
            (seller.home / "orders" / part).mkdir(parents=True)
        deliver(seller, "1.shop", TEXT % 1)
        block = seller.gpg("--armor", "--encrypt", "-r", "seller", input="Ada Byron, Ockham Park\n")
        deliver(seller, "2.shop", TEXT % 2, block)
        deliver(seller, "3.shop", TEXT % 3 + "more\n" * 6000)
        deliver(seller, "4.shop", TEXT % 4, corrupted(block))
        gpgme = "set crypt_use_gpgme\n"
        for program, settings in (("mutt", gpgme), ("mutt", CLASSIC), ("neomutt", gpgme), ("neomutt", CLASSIC)):
            name = (program, settings)
            with mutt(seller, program, settings) as terminal:
                terminal.shows("New order AB12")
                plain = terminal.shows("0.01 ETH", "1", "Enter", "Enter")
                for text in ("Subject: Tea for Käthe", "New order for Käthe", "  | 12 St James's Square", "  | 東京"):
                    assert text in plain, (name, text, plain)
                both = terminal.shows("Ockham Park", "q", "2", "Enter", "Enter")
                assert "Ada Byron, Ockham Park" in both and "0.02 ETH" in both, (name, both)
                large = terminal.shows("0.03 ETH", "q", "3", "Enter", "Enter")
                # A corrupted part of the buyer leaves the rest readable.
                rubbish = terminal.shows("0.04 ETH", "q", "4", "Enter", "Enter")
                assert "12 St James's Square" in rubbish and "Ockham" not in rubbish, (name, rubbish)
                terminal.shows("0.03 ETH", "q", "3", "Enter", "Enter")
                # All headers, without those of the encrypted part.
                full = terminal.shows("MIME-Version", "h")
                for screen in (plain, both, large, full):
                    for strange in ("xxxx", "Padding", "^M", "BEGIN PGP MESSAGE-----", "=C3", "[-- Error", "Could not", "assphrase"):
                        assert strange not in screen, (name, strange, screen)
                # Once read, the list shows the real subject.
                terminal.shows("Tea for K", "q")
