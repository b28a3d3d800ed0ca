"""litecoind, also instead of Bitcoin Core, and an emulation of descriptor wallets."""

import base64
import contextlib
import hashlib
import hmac
import re

from lib.rpc import RpcProgram

# The rpcwhitelist of docs/manual/nodes.md, and the method for legacy wallets.
ASKED = (
    "getblockchaininfo,getblockhash,getblockheader,getmempoolentry,decodescript,getdescriptorinfo,createwallet,loadwallet,"
    "getwalletinfo,getaddressinfo,getaddressesbylabel,importdescriptors,rescanblockchain,listsinceblock,importmulti")
LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def script_of(address):
    """Only version 0 of segwit, and Litecoin's addresses in Base58Check, without checking checksums. Source: BIP-173."""
    if address[0] in "LM":
        number = 0
        for letter in address:
            number = 58 * number + BASE58.index(letter)
        digits = number.to_bytes(25, "big")[1:-4].hex()
        return ("76a914%s88ac" if address[0] == "L" else "a914%s87") % digits
    digits = [LETTERS.index(letter) for letter in address.rpartition("1")[2]][1:-6]
    bits = "".join(format(digit, "05b") for digit in digits)
    program = bytes(int(bits[at:at + 8], 2) for at in range(0, len(bits) - 7, 8))
    return "00%02x%s" % (len(program), program.hex())


def coins(satoshi):
    return "%d.%08d" % divmod(satoshi, 100_000_000)


def rpcauth(user, password):
    """Source: Bitcoin Core, share/rpcauth/rpcauth.py."""
    salt = "00112233445566778899aabbccddeeff"
    return "%s:%s$%s" % (user, salt, hmac.new(salt.encode(), password.encode(), "SHA256").hexdigest())


def url(program, path=""):
    """The value of the shop's setting."""
    return "http://shop:p%%40ss@127.0.0.1:%d%s" % (program.port, path)


class Node(RpcProgram):
    """litecoind without peers; `miner` is a wallet with coins."""

    headers = {"Authorization": "Basic " + base64.b64encode(b"seller:secret word").decode()}

    def __init__(self, chain="-regtest"):
        super().__init__()
        self.command = [
            "litecoind", chain, "-datadir=%s" % self.folder, "-listen=0", "-connect=0", "-dnsseed=0", "-server",
            "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1", "-rpcport=%d" % self.port, "-rpcuser=seller",
            "-rpcpassword=secret word", "-rpcauth=" + rpcauth("shop", "p@ss"), "-rpcwhitelist=shop:" + ASKED,
            "-rpcwhitelistdefault=0", "-fallbackfee=0.0001", "-dbcache=16", "-mempoolreplacement=1"]

    def __call__(self, method, *params, wallet=None):
        return self.call_with(method, params, "/wallet/" + wallet if wallet else "/")

    def ping(self):
        return self("getblockcount")

    def mine(self, n=1):
        return self("generatetoaddress", n, self("getnewaddress", wallet="miner"))

    def native(self, address):
        """The same address with this chain's prefix."""
        return self("decodescript", script_of(address))["addresses"][0]

    def pay(self, address, satoshi):
        """Sends a replaceable payment. Returns the transaction's ID."""
        return self("sendtoaddress", self.native(address), coins(satoshi), "", "", False, True, wallet="miner")

    def replace(self, transaction, *outputs):
        """Replaces a transaction at a higher fee: the same coins to these outputs, the rest to the miner."""
        sent = self("gettransaction", transaction, True, True, wallet="miner")["decoded"]
        spent = [(one["txid"], one["vout"]) for one in sent["vin"]]
        value = sum(
            round(self("gettransaction", id, True, True, wallet="miner")["decoded"]["vout"][n]["value"] * 100_000_000)
            for id, n in spent)
        rest = value - sum(satoshi for _, satoshi in outputs) - 1_000_000
        made = self(
            "createrawtransaction", [{"txid": id, "vout": n, "sequence": 0xFFFFFFFD} for id, n in spent],
            [{self.native(address): coins(satoshi)} for address, satoshi in outputs]
            + [{self("getnewaddress", wallet="miner"): coins(rest)}])
        signed = self("signrawtransactionwithwallet", made, wallet="miner")["hex"]
        return self("sendrawtransaction", signed, 0)


class DescriptorWallets:
    """Emulates descriptor wallets, according to Bitcoin Core's documentation, with a legacy wallet."""

    def __init__(self, node):
        self.node, self.imported = node, {}

    def answer(self, calls, forward):
        return [self.after(call, answer) for call, answer in zip(calls, forward([self.before(dict(call)) for call in calls]))]

    def before(self, call):
        if call["method"] == "createwallet":
            assert call["params"]["descriptors"] is True and call["params"]["blank"] is True, call
            call["params"] = {**call["params"], "descriptors": False}
        if call["method"] == "importdescriptors":
            (requests,) = call["params"]
            for one in requests:
                assert one.keys() <= {"desc", "timestamp", "label", "active", "range", "next_index", "internal"}, one
                assert isinstance(one["timestamp"], int) or one["timestamp"] == "now", one
                descriptor, _, checksum = one["desc"].partition("#")
                assert checksum == self.node("getdescriptorinfo", descriptor)["checksum"], one
                self.imported[descriptor] = one["label"]
            scripts = [
                {"scriptPubKey": re.fullmatch(r"raw\(([0-9a-f]+)\)#.{8}", one["desc"]).group(1), "timestamp": one["timestamp"],
                 "label": one["label"], "watchonly": True} for one in requests]
            return {**call, "method": "importmulti", "params": [scripts]}
        assert call["method"] != "importmulti", "a descriptor wallet has no such method"
        return call

    def after(self, call, answer):
        result = answer.get("result")
        if result and call["method"] == "getwalletinfo":
            result.update(descriptors=True, format="sqlite")
        if result and call["method"] == "getaddressinfo":
            result.update(ismine=True, iswatchonly=False)
        if result and call["method"] == "decodescript":
            # Bitcoin Core since 22.
            result["address"] = result.pop("addresses")[0]
        return answer


@contextlib.contextmanager
def funded_node():
    with Node() as node:
        node("createwallet", "miner")
        node.mine(110)
        yield node
