"""A real Ethereum node, anvil, whose blocks are made by hand; contracts on it; and a gate in front of it that counts and breaks."""

import functools
import http.client
import http.server
import json
import pathlib
import subprocess
import threading
import time

from shops import ROOT, free_port, wait_for

ANVIL = ROOT / "tests/tools/bin/anvil"
# The shop's key is of anvil's own mnemonic; so anvil gets another one, and the shop's addresses begin empty.
# Source: BIP-39's first test vector.
MNEMONIC = " ".join(["abandon"] * 11 + ["about"])
CHAIN = 31337
GWEI = 10 ** 9


class Refused(Exception):
    pass


@functools.cache
def contracts():
    done = subprocess.run(["node", str(ROOT / "tests/node/compile.js")], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def word(value):
    """One argument of a call. Source: Solidity, "Contract ABI Specification"."""
    return "%064x" % (int(value, 16) if isinstance(value, str) else value)


class Anvil:
    def __init__(self, chain=CHAIN, port=None):
        self.chain, self.port, self.n_calls = chain, port or free_port(), 0
        self.process = subprocess.Popen(
            [ANVIL, "--host", "127.0.0.1", "--port", str(self.port), "--no-mining", "--chain-id", str(chain), "--mnemonic", MNEMONIC,
             "--slots-in-an-epoch", "4", "--silent"], stdin=subprocess.DEVNULL)
        wait_for("anvil answers", self.answers, 30)
        self.rich = self.call("eth_accounts")[0]
        # So many blocks that some are final.
        self.mines(20)

    def answers(self):
        assert self.process.poll() is None, "anvil ended"
        try:
            return self.call("eth_chainId")
        except OSError:
            return False

    def call(self, method, *params):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        body = json.dumps({"jsonrpc": "2.0", "id": 0, "method": method, "params": params})
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        if "error" in answer:
            raise Refused("%s: %s" % (method, answer["error"]))
        return answer["result"]

    def head(self):
        return int(self.call("eth_blockNumber"), 16)

    def mines(self, n=1):
        self.call("anvil_mine", hex(n))

    def goes_back(self, n):
        """A reorganisation: as many new blocks without anything stand in the place of the last ones."""
        self.call("anvil_reorg", n, [])
        self.call("anvil_dropAllTransactions")

    def sends(self, to=None, gwei=0, data="0x", sender=None):
        """Waits for no block. Returns the transaction's hash."""
        transaction = {"from": sender or self.rich, "value": hex(gwei * GWEI), "data": data, "gas": hex(3_000_000)}
        if to:
            transaction["to"] = to
        return self.call("eth_sendTransaction", transaction)

    def sends_as(self, sender, to, gwei):
        """From somebody whose key anvil does not have: the seller."""
        self.call("anvil_impersonateAccount", sender)
        # Of all that lies there, so the fee comes from elsewhere.
        held = int(self.call("eth_getBalance", sender, "latest"), 16)
        self.call("anvil_setBalance", sender, hex(held + 10 ** 18))
        transaction = {"from": sender, "to": to, "value": hex(gwei * GWEI), "gas": hex(21_000)}
        done = self.call("eth_sendTransaction", transaction)
        self.mines()
        rest = int(self.call("eth_getBalance", sender, "latest"), 16)
        assert rest < held + 10 ** 18
        self.call("anvil_setBalance", sender, hex(max(0, held - gwei * GWEI)))
        return done

    def receipt(self, transaction):
        return self.call("eth_getTransactionReceipt", transaction)

    def deploys(self, name, *arguments, gwei=0, mined=True):
        """The address of a contract; `arguments`: already words."""
        sent = self.sends(data="0x" + contracts()[name]["code"] + "".join(arguments), gwei=gwei)
        if not mined:
            return None
        self.mines()
        receipt = self.receipt(sent)
        assert receipt["status"] == "0x1", receipt
        return receipt["contractAddress"]

    def token(self, symbol, decimals):
        name = symbol.encode()
        text = word(len(name)) + name.hex().ljust(64, "0")
        return self.deploys("Token", word(64), word(decimals), text)

    def tells(self, contract, name, function, *arguments):
        selector = contracts()[name]["functions"][function]
        return self.sends(contract, data="0x" + selector + "".join(word(one) for one in arguments))

    def transfers(self, token, to, units):
        return self.tells(token, "Token", "transfer(address,uint256)", to, units)

    def ends(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ends()


class Gate:
    """Stands before a node: counts what passes, and can be shut, or answer in its place.

    `answers`: None, or a function of the calls (a list) and a function that asks the node; what it gives is sent: bytes as they are,
    anything else as JSON."""

    def __init__(self, node_port):
        self.node_port, self.answers, self.n_requests, self.n_calls = node_port, None, 0, 0
        self.port = free_port()
        self.server = None
        self.opens()

    def opens(self):
        gate = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                calls = json.loads(body)
                gate.n_requests += 1
                gate.n_calls += len(calls) if isinstance(calls, list) else 1
                answers = gate.answers
                try:
                    answer = gate.asks(body) if answers is None else answers(
                        calls if isinstance(calls, list) else [calls], lambda: json.loads(gate.asks(body)))
                    sent = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(sent)))
                    self.end_headers()
                    self.wfile.write(sent)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def asks(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.node_port, timeout=120)
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = connection.getresponse().read()
        connection.close()
        return answer

    def shuts(self):
        self.server.shutdown()
        self.server.server_close()
        self.server = None

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.server:
            self.shuts()
