#!/usr/bin/env python3
"""Floods an onion service of the private network with introductions of clients that never connect.

`Flood` starts this file as a separate process, which does not share a lock with the measurement. It reads one JSON object from
standard input: the service's address and its tor, the relays, and the number of introductions a second. It ends at the end of
that input or after ten minutes, and prints JSON with the counts of the introduction points' answers.

Each introduction has its own circuit of two hops, since an introduction point accepts one per circuit and none on a
client's own connection. No puzzle is solved. No client is at the named rendezvous point, but the service still builds its
circuit to it. It connects only to relays on 127.0.0.1. Source: tor-spec, rend-spec-v3.
"""

import collections
import hashlib
import hmac
import json
import os
import pathlib
import random
import re
import select
import selectors
import socket
import ssl
import struct
import subprocess
import sys
import time

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from descriptor import Descriptor, decode
from network import HOST, Control

# Units: bytes.
CELL_BODY = 509
NTOR = b"ntor-curve25519-sha256-1"
HS_NTOR = b"tor-hs-ntor-curve25519-sha3-256-1"
# Commands of cells and of relay cells.
VERSIONS, NETINFO, RELAY, DESTROY, RELAY_EARLY, CREATE2, CREATED2 = 7, 8, 3, 4, 9, 10, 11
EXTEND2, EXTENDED2, INTRODUCE1, INTRODUCE_ACK = 14, 15, 34, 40
# How many circuits may wait for an answer.
MAX_UNANSWERED = 2000
# When the flood ends at the latest.
MAX_SECONDS = 600
READ_EVERY = 5
# Tor 0.4.9 answers 1 if it does not know the service, which has moved, and if the service's limit is reached.
ANSWERS = {0: "passed on", 1: "refused", 2: "malformed", 3: "refused"}


class Relay:
    def __init__(self, text):
        self.port = int(re.search(r"^router \S+ \S+ (\d+)", text, re.M).group(1))
        self.identity = bytes.fromhex(re.search(r"^fingerprint ([0-9A-F ]+)", text, re.M).group(1).replace(" ", ""))
        self.onion_key = decode(re.search(r"^ntor-onion-key (\S+)", text, re.M).group(1))
        ed25519 = decode(re.search(r"^master-key-ed25519 (\S+)", text, re.M).group(1))
        address = socket.inet_aton(HOST) + struct.pack(">H", self.port)
        self.link_specifiers = b"\3\0\6" + address + b"\2\x14" + self.identity + b"\3\x20" + ed25519


class Hop:
    """The keys of one hop of a circuit. Source: tor-spec, "The ntor handshake"."""

    def __init__(self, identity, onion_key):
        self.identity, self.onion_key = identity, onion_key
        self.secret = X25519PrivateKey.generate()
        self.public = _public(self.secret)

    def request(self):
        return struct.pack(">HH", 2, 84) + self.identity + self.onion_key + self.public

    def agree(self, answer):
        """`answer`: the other side's public key and its proof, which is not checked."""
        theirs = answer[:32]
        shared = _exchange(self.secret, theirs) + _exchange(self.secret, self.onion_key)
        secret = shared + self.identity + self.onion_key + self.public + theirs + NTOR
        key = hmac.digest(NTOR + b":key_extract", secret, "sha256")
        keys, block = b"", b""
        for n in range(1, 4):
            block = hmac.digest(key, block + NTOR + b":key_expand" + bytes([n]), "sha256")
            keys += block
        self.forward_digest = hashlib.sha1(keys[:20])
        self.forward = _stream(keys[40:56])
        self.backward = _stream(keys[56:72])


class Circuit:
    def __init__(self, first, point):
        self.hops = [Hop(first.identity, first.onion_key), Hop(point.identity(), point.onion_key)]
        self.n_agreed = 0
        self.point = point

    def relay_cell(self, command, data):
        last = self.hops[self.n_agreed - 1]
        body = struct.pack(">BHHIH", command, 0, 0, 0, len(data)) + data
        body = body.ljust(CELL_BODY, b"\0")
        last.forward_digest.update(body)
        body = body[:5] + last.forward_digest.digest()[:4] + body[9:]
        for hop in reversed(self.hops[:self.n_agreed]):
            body = hop.forward.update(body)
        return body

    def read_relay_cell(self, body):
        """Command and data, or None if this cell is not for us."""
        for hop in self.hops[:self.n_agreed]:
            body = hop.backward.update(body)
            if body[1:3] == b"\0\0":
                command, _, _, _, length = struct.unpack(">BHHIH", body[:11])
                return command, body[11:11 + length]
        return None


class Link:
    """A connection to a relay, with many circuits."""

    def __init__(self, relay, introducer):
        self.relay, self.introducer = relay, introducer
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        plain = socket.create_connection((HOST, relay.port), timeout=30)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = context.wrap_socket(plain)
        self.unread, self.unsent = bytearray(), bytearray()
        self.circuits = {}
        self.is_greeted = False
        # In the oldest format, with short circuit IDs.
        self.sock.sendall(struct.pack(">HBHH", 0, VERSIONS, 2, 4))
        while len(self.unread) < 5 or len(self.unread) < 5 + struct.unpack_from(">H", self.unread, 3)[0]:
            self._receive()
        del self.unread[:5 + struct.unpack_from(">H", self.unread, 3)[0]]
        self._answer_all()
        while not self.is_greeted:
            self._receive()
            self._answer_all()
        self.sock.setblocking(False)

    def events(self):
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self.unsent else 0)

    def send(self, circuit_id, command, body):
        self.unsent += struct.pack(">IB", circuit_id, command) + body.ljust(CELL_BODY, b"\0")

    def begin(self, point):
        circuit_id = 0x80000000 | random.getrandbits(31)
        circuit = Circuit(self.relay, point)
        self.circuits[circuit_id] = circuit
        self.send(circuit_id, CREATE2, circuit.hops[0].request())

    def work(self):
        """Reads, answers and sends as much as possible without blocking."""
        try:
            while True:
                self._receive()
        except ssl.SSLWantReadError:
            pass
        self._answer_all()
        try:
            while self.unsent:
                del self.unsent[:self.sock.send(self.unsent[:65536])]
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass

    def _receive(self):
        more = self.sock.recv(65536)
        if not more:
            raise ConnectionError("the relay closed the connection")
        self.unread += more

    def _answer_all(self):
        at = 0
        while at + 7 <= len(self.unread):
            circuit_id, command = struct.unpack_from(">IB", self.unread, at)
            is_short = command == VERSIONS or 128 <= command
            head = 7 if is_short else 5
            length = struct.unpack_from(">H", self.unread, at + 5)[0] if is_short else CELL_BODY
            if len(self.unread) < at + head + length:
                break
            body = bytes(self.unread[at + head:at + head + length])
            at += head + length
            if command == NETINFO and not self.is_greeted:
                self.is_greeted = True
                self.send(0, NETINFO, struct.pack(">IBB4sB", 0, 4, 4, socket.inet_aton(HOST), 0))
            elif circuit_id in self.circuits:
                self._answer(circuit_id, self.circuits[circuit_id], command, body)
        del self.unread[:at]

    def _answer(self, circuit_id, circuit, command, body):
        if command == CREATED2:
            circuit.hops[0].agree(body[2:])
            circuit.n_agreed = 1
            request = circuit.point.link_specifiers + circuit.hops[1].request()
            self.send(circuit_id, RELAY_EARLY, circuit.relay_cell(EXTEND2, request))
        elif command == DESTROY:
            self._end(circuit_id, "no circuit")
        elif command == RELAY:
            inner, data = circuit.read_relay_cell(body) or (None, b"")
            if inner == EXTENDED2:
                circuit.hops[1].agree(data[2:])
                circuit.n_agreed = 2
                self.send(circuit_id, RELAY, circuit.relay_cell(INTRODUCE1, self.introducer.introduction(circuit.point)))
            elif inner == INTRODUCE_ACK:
                self._end(circuit_id, ANSWERS.get(struct.unpack(">H", data[:2])[0], "other"))
                self.send(circuit_id, DESTROY, b"\0")

    def _end(self, circuit_id, answer):
        del self.circuits[circuit_id]
        self.introducer.answers[answer] += 1


class Introducer:
    def __init__(self, onion, control, relays):
        self.onion, self.control = onion, control
        self.read_descriptor()
        self.relays = [Relay("router " + part) for part in re.split(r"^router ", relays, flags=re.M)[1:]]
        self.answers = collections.Counter()
        self.links = [Link(relay, self) for relay in self.relays]

    def read_descriptor(self):
        """Reads it regularly: a service changes its introduction points after some thousands of introductions."""
        text = "\n".join(self.control.command("GETINFO hs/service/desc/id/" + self.onion.removesuffix(".onion")))
        self.descriptor = Descriptor(self.onion, text)
        self.read_at = time.monotonic()

    def introduction(self, point):
        """The body of INTRODUCE1. Source: rend-spec-v3, "The introduction protocol"."""
        meeting = random.choice(self.relays)
        plain = os.urandom(20) + b"\0" + b"\1" + struct.pack(">H", 32) + meeting.onion_key + meeting.link_specifiers
        plain = plain.ljust(246, b"\0")
        secret = X25519PrivateKey.generate()
        public = _public(secret)
        shared = _exchange(secret, point.encryption_key) + point.auth_key + public + point.encryption_key + HS_NTOR
        info = HS_NTOR + b":hs_key_expand" + self.descriptor.subcredential
        keys = hashlib.shake_256(shared + HS_NTOR + b":hs_key_extract" + info).digest(64)
        head = bytes(20) + b"\2" + struct.pack(">H", 32) + point.auth_key + b"\0"
        body = head + public + _stream(keys[:32]).update(plain)
        return body + hashlib.sha3_256(struct.pack(">Q", 32) + keys[32:] + body).digest()

    def run(self, rate, until):
        """`until`: a file; the flood ends at its end."""
        began = time.monotonic()
        n = 0
        while time.monotonic() < began + MAX_SECONDS and not select.select([until], [], [], 0)[0]:
            if self.read_at + READ_EVERY < time.monotonic():
                self.read_descriptor()
            due = int((time.monotonic() - began) * rate)
            while n < due:
                n += 1
                self.begin_one()
            self.work(0.005)
        seconds = time.monotonic() - began
        end = time.monotonic() + 1
        while time.monotonic() < end:
            self.work(0.05)
        unanswered = sum(len(link.circuits) for link in self.links)
        return {"began": n, "seconds": seconds, "unanswered": unanswered, **self.answers}

    def begin_one(self):
        if MAX_UNANSWERED <= sum(len(link.circuits) for link in self.links):
            self.answers["not sent"] += 1
            return
        point = random.choice(self.descriptor.introduction_points)
        # A relay does not extend a circuit to itself.
        link = random.choice([link for link in self.links if link.relay.identity != point.identity()])
        link.begin(point)

    def work(self, seconds):
        with selectors.DefaultSelector() as selector:
            for link in self.links:
                link.work()
                selector.register(link.sock, link.events(), link)
            for key, _ in selector.select(seconds):
                key.data.work()


def _public(secret):
    return secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _exchange(secret, public):
    return secret.exchange(X25519PublicKey.from_public_bytes(public))


def _stream(key):
    return Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()


class Flood:
    """A flood of a service of this tor, in a separate process, until `stop`."""

    def __init__(self, network, tor, onion, rate):
        self.process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        options = {"onion": onion, "tor": str(tor.folder), "relays": network.directory("server/all"), "rate": rate}
        self.process.stdin.write(json.dumps(options) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ready\n"
        self.answers = None

    def stop(self):
        """Returns the number of introductions and of each result."""
        if self.answers is None:
            self.process.stdin.close()
            self.answers = json.loads(self.process.stdout.readline())
            self.process.stdout.close()
            self.process.wait(10)
        return self.answers


def main():
    options = json.loads(sys.stdin.readline())
    tor = pathlib.Path(options["tor"])
    control = Control(tor / "control", (tor / "cookie").read_bytes().hex())
    introducer = Introducer(options["onion"], control, options["relays"])
    print("ready", flush=True)
    print(json.dumps(introducer.run(options["rate"], sys.stdin)), flush=True)


if __name__ == "__main__":
    main()
