"""Opens the descriptor of an onion service, as a client does that knows its address. Source: rend-spec-v3.

Needs `cryptography` beside Python's standard library.
"""

import base64
import hashlib
import re
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class IntroductionPoint:
    """Where a client asks for the service: a relay, and the service's keys there."""

    def __init__(self, text):
        self.link_specifiers = _decode(re.search(r"^introduction-point (\S+)", text, re.M).group(1))
        self.onion_key = _decode(re.search(r"^onion-key ntor (\S+)", text, re.M).group(1))
        self.encryption_key = _decode(re.search(r"^enc-key ntor (\S+)", text, re.M).group(1))
        self.auth_key = _certified_key(re.search(r"^auth-key\n-----BEGIN ED25519 CERT-----\n([^-]+)", text, re.M).group(1))

    def identity(self):
        """The relay's fingerprint, in bytes."""
        return specifiers(self.link_specifiers)[2]


class Descriptor:
    """`text`: as tor hands it out. No client authorisation."""

    def __init__(self, onion, text):
        public_key = base64.b32decode(onion.removesuffix(".onion").upper())[:32]
        text = text.replace("\r\n", "\n")
        certificate = re.search(r"^descriptor-signing-key-cert\n-----BEGIN ED25519 CERT-----\n([^-]+)", text, re.M).group(1)
        # Its one extension names the blinded key that signed it.
        blinded = _decode(certificate)[44:76]
        credential = hashlib.sha3_256(b"credential" + public_key).digest()
        self.subcredential = hashlib.sha3_256(b"subcredential" + credential + blinded).digest()
        revision = int(re.search(r"^revision-counter (\d+)", text, re.M).group(1))
        secret = blinded + self.subcredential + struct.pack(">Q", revision)
        middle = _open_layer(text, "superencrypted", secret, b"hsdir-superencrypted-data")
        self.inner = _open_layer(middle, "encrypted", secret, b"hsdir-encrypted-data")
        self.introduction_points = [
            IntroductionPoint("introduction-point " + part) for part in re.split(r"^introduction-point ", self.inner, flags=re.M)[1:]]

    def suggested_effort(self):
        """The effort that visitors are asked for; None without a puzzle."""
        found = re.search(r"^pow-params v1 \S+ (\d+) ", self.inner, re.M)
        return int(found.group(1)) if found else None


def specifiers(encoded):
    """What a list of link specifiers holds, by type."""
    found, at = {}, 1
    for _ in range(encoded[0]):
        kind, length = encoded[at], encoded[at + 1]
        found[kind] = encoded[at + 2:at + 2 + length]
        at += 2 + length
    return found


def _open_layer(text, keyword, secret, constant):
    blob = _decode(re.search(r"^%s\n-----BEGIN MESSAGE-----\n([^-]+)" % keyword, text, re.M).group(1))
    salt, encrypted, mac = blob[:16], blob[16:-32], blob[-32:]
    keys = hashlib.shake_256(secret + salt + constant).digest(32 + 16 + 32)
    expected = hashlib.sha3_256(struct.pack(">Q", 32) + keys[48:] + struct.pack(">Q", 16) + salt + encrypted).digest()
    if mac != expected:
        raise ValueError("the layer `%s` does not open with this address" % keyword)
    cipher = Cipher(algorithms.AES(keys[:32]), modes.CTR(keys[32:48])).decryptor()
    return cipher.update(encrypted).rstrip(b"\0").decode()


def _certified_key(certificate):
    return _decode(certificate)[7:39]


def _decode(text):
    text = "".join(text.split())
    return base64.b64decode(text + "=" * (-len(text) % 4))
