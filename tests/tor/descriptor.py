"""Decrypts the descriptor of an onion service, like a client that knows its address. Source: rend-spec-v3.

Needs the package `cryptography`.
"""

import base64
import hashlib
import re
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class IntroductionPoint:
    """An introduction point: a relay, and the service's keys there."""

    def __init__(self, text):
        self.link_specifiers = decode(re.search(r"^introduction-point (\S+)", text, re.M).group(1))
        self.onion_key = decode(re.search(r"^onion-key ntor (\S+)", text, re.M).group(1))
        self.encryption_key = decode(re.search(r"^enc-key ntor (\S+)", text, re.M).group(1))
        self.auth_key = _certified_key(re.search(r"^auth-key\n-----BEGIN ED25519 CERT-----\n([^-]+)", text, re.M).group(1))

    def identity(self):
        """The relay's fingerprint, in bytes."""
        return specifiers(self.link_specifiers)[2]


class Descriptor:
    """`text`: the descriptor from tor, without client authorisation."""

    def __init__(self, onion, text):
        public_key = base64.b32decode(onion.removesuffix(".onion").upper())[:32]
        text = text.replace("\r\n", "\n")
        certificate = re.search(r"^descriptor-signing-key-cert\n-----BEGIN ED25519 CERT-----\n([^-]+)", text, re.M).group(1)
        # Its only extension contains the blinded key that signed it.
        blinded = decode(certificate)[44:76]
        credential = hashlib.sha3_256(b"credential" + public_key).digest()
        self.subcredential = hashlib.sha3_256(b"subcredential" + credential + blinded).digest()
        revision = int(re.search(r"^revision-counter (\d+)", text, re.M).group(1))
        secret = blinded + self.subcredential + struct.pack(">Q", revision)
        middle = _open_layer(text, "superencrypted", secret, b"hsdir-superencrypted-data")
        self.inner = _open_layer(middle, "encrypted", secret, b"hsdir-encrypted-data")
        self.introduction_points = [
            IntroductionPoint("introduction-point " + part) for part in re.split(r"^introduction-point ", self.inner, flags=re.M)[1:]]

    def suggested_effort(self):
        """The effort requested from visitors; None without a puzzle."""
        found = re.search(r"^pow-params v1 \S+ (\d+) ", self.inner, re.M)
        return int(found.group(1)) if found else None


def specifiers(encoded):
    """Parses a list of link specifiers: type → data."""
    found, at = {}, 1
    for _ in range(encoded[0]):
        kind, length = encoded[at], encoded[at + 1]
        found[kind] = encoded[at + 2:at + 2 + length]
        at += 2 + length
    return found


def _open_layer(text, keyword, secret, constant):
    blob = decode(re.search(r"^%s\n-----BEGIN MESSAGE-----\n([^-]+)" % keyword, text, re.M).group(1))
    salt, encrypted, mac = blob[:16], blob[16:-32], blob[-32:]
    keys = hashlib.shake_256(secret + salt + constant).digest(32 + 16 + 32)
    expected = hashlib.sha3_256(struct.pack(">Q", 32) + keys[48:] + struct.pack(">Q", 16) + salt + encrypted).digest()
    if mac != expected:
        raise ValueError("the layer `%s` cannot be decrypted with this address" % keyword)
    cipher = Cipher(algorithms.AES(keys[:32]), modes.CTR(keys[32:48])).decryptor()
    return cipher.update(encrypted).rstrip(b"\0").decode()


def _certified_key(certificate):
    return decode(certificate)[7:39]


def decode(text):
    """Decodes base64 without padding, with line breaks."""
    text = "".join(text.split())
    return base64.b64decode(text + "=" * (-len(text) % 4))
