"""A real Ethereum node, anvil, which mines on demand, and contracts on it."""

import functools
import json
import subprocess

from lib.rpc import RpcProgram
from lib.shop import ROOT

ANVIL = ROOT / "tests/tools/bin/anvil"
# The shop's key is from anvil's default mnemonic, so anvil gets another one and the shop's addresses are empty.
# Source: BIP-39's first test vector.
MNEMONIC = " ".join(["abandon"] * 11 + ["about"])
CHAIN = 31337
GWEI = 10 ** 9


@functools.cache
def contracts():
    result = subprocess.run(["node", str(ROOT / "tests/node/compile.js")], capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def word(value):
    """One argument of a call. Source: Solidity, "Contract ABI Specification"."""
    return "%064x" % (int(value, 16) if isinstance(value, str) else value)


class Anvil(RpcProgram):
    def __init__(self, chain=CHAIN, port=None):
        super().__init__(port=port)
        self.command = [
            str(ANVIL), "--host", "127.0.0.1", "--port", str(self.port), "--no-mining", "--chain-id", str(chain), "--mnemonic", MNEMONIC,
            "--slots-in-an-epoch", "4", "--silent"]

    def start(self):
        super().start()
        self.rich = self.call("eth_accounts")[0]
        # Enough blocks that some are final.
        self.mine(20)
        return self

    def ping(self):
        return self.call("eth_chainId")

    def head(self):
        return int(self.call("eth_blockNumber"), 16)

    def mine(self, n=1):
        self.call("anvil_mine", hex(n))

    def reorganise(self, n):
        """Replaces the last blocks by empty ones."""
        self.call("anvil_reorg", n, [])
        self.call("anvil_dropAllTransactions")

    def send(self, to=None, gwei=0, data="0x", sender=None):
        """Sends without waiting for a block. Returns the transaction's hash."""
        transaction = {"from": sender or self.rich, "value": hex(gwei * GWEI), "data": data, "gas": hex(3_000_000)}
        if to:
            transaction["to"] = to
        return self.call("eth_sendTransaction", transaction)

    def send_as(self, sender, to, gwei):
        """Sends from an address whose key anvil does not have: the seller's."""
        self.call("anvil_impersonateAccount", sender)
        # The whole balance is sent, so the fee is added before.
        balance = int(self.call("eth_getBalance", sender, "latest"), 16)
        self.call("anvil_setBalance", sender, hex(balance + 10 ** 18))
        transaction = {"from": sender, "to": to, "value": hex(gwei * GWEI), "gas": hex(21_000)}
        transaction_hash = self.call("eth_sendTransaction", transaction)
        self.mine()
        rest = int(self.call("eth_getBalance", sender, "latest"), 16)
        assert rest < balance + 10 ** 18
        self.call("anvil_setBalance", sender, hex(max(0, balance - gwei * GWEI)))
        return transaction_hash

    def receipt(self, transaction):
        return self.call("eth_getTransactionReceipt", transaction)

    def deploy(self, name, *arguments, gwei=0, mined=True):
        """Deploys a contract with encoded `arguments`, and returns its address."""
        sent = self.send(data="0x" + contracts()[name]["code"] + "".join(arguments), gwei=gwei)
        if not mined:
            return None
        self.mine()
        receipt = self.receipt(sent)
        assert receipt["status"] == "0x1", receipt
        return receipt["contractAddress"]

    def token(self, symbol, decimals):
        name = symbol.encode()
        text = word(len(name)) + name.hex().ljust(64, "0")
        return self.deploy("Token", word(64), word(decimals), text)

    def transact(self, contract, name, function, *arguments):
        selector = contracts()[name]["functions"][function]
        return self.send(contract, data="0x" + selector + "".join(word(one) for one in arguments))

    def transfer(self, token, to, units):
        return self.transact(token, "Token", "transfer(address,uint256)", to, units)
