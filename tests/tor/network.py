"""A private Tor network on loopback: one directory authority, five relays, a client, and services.

    with Network() as network:
        service = network.tor("service", "HiddenServiceDir …", "HiddenServicePort 80 unix:…")
        service.wait_published()
        socket = network.client.connect(onion)

No relay is an exit, so no names are resolved, and each tor binds its outgoing sockets to 127.0.0.1: nothing can
leave the host. The start waits for events. The authority's vote is postponed until it knows every relay, and then
forced; the next one is an hour later. Every tor ends with the program that started it.

Needs `tor` with its relay and authority modules, and `tor-gencert`.
"""

import concurrent.futures
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from lib.shop import free_port, wait_for

HOST = "127.0.0.1"
N_RELAYS = 5
# Interval of the authority's first votes, until SETCONF changes it; a divisor of 30 minutes. Units: seconds.
FIRST_INTERVAL = 1800

COMMON = """\
DataDirectory {folder}
ControlSocket {folder}/control
CookieAuthentication 1
CookieAuthFile {folder}/cookie
Log notice file {folder}/log
__OwningControllerProcess {owner}
TestingTorNetwork 1
AssumeReachable 1
OutboundBindAddress 127.0.0.1
ClientUseIPv6 0
ShutdownWaitLength 0
AvoidDiskWrites 1
GeoIPFile /dev/null
GeoIPv6File /dev/null
LearnCircuitBuildTimeout 0
CircuitBuildTimeout 60
"""

RELAY = """\
Nickname {name}
ContactInfo test@shop.invalid
Address 127.0.0.1
AddressDisableIPv6 1
ORPort 127.0.0.1:{port} IPv4Only
SocksPort 0
ExitRelay 0
ExitPolicy reject *:*
__DisablePredictedCircuits 1
NumCPUs 1
ServerDNSResolvConfFile {root}/resolv.conf
ServerDNSAllowBrokenConfig 1
ServerDNSDetectHijacking 0
ServerDNSTestAddresses
"""

# All six relays are onion service directories; each descriptor is stored on two of them.
AUTHORITY = """\
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
DirPort 127.0.0.1:{dirport}
TestingDirAuthVoteGuard *
TestingDirAuthVoteHSDir *
TestingMinExitFlagThreshold 0
AuthDirVoteStableGuaranteeMinUptime 0 seconds
AuthDirVoteStableGuaranteeMTBF 0 seconds
V3BandwidthsFile {root}/bandwidths
ConsensusParams hsdir_n_replicas=1 hsdir_spread_store=2 hsdir_spread_fetch=2
V3AuthVotingInterval 3600 seconds
V3AuthVoteDelay 2 seconds
V3AuthDistDelay 2 seconds
V3AuthNIntervalsValid 72
TestingV3AuthInitialVotingInterval {interval} seconds
TestingV3AuthInitialVoteDelay 2 seconds
TestingV3AuthInitialDistDelay 2 seconds
TestingV3AuthVotingStartOffset {far} seconds
"""

# Tor Browser's flags; a separate circuit for every user name.
CLIENT = """\
SocksPort 127.0.0.1:{port} IsolateSOCKSAuth KeepAliveIsolateSOCKSAuth ExtendedErrors
ClientOnionAuthDir {folder}/onion_auth
"""

# SOCKS errors for onion services. Source: tor's ExtendedErrors.
NO_DESCRIPTOR, NOT_INTRODUCED, NO_KEY, WRONG_KEY = 0xF0, 0xF2, 0xF4, 0xF5

# Our own: timeout.
NO_ANSWER = 0xFFFF


class SocksError(Exception):
    """Tor refused a connection. `code`: of its SOCKS answer."""

    def __init__(self, code):
        super().__init__("tor answered 0x%02X" % code)
        self.code = code


class Control:
    """A connection to tor's control socket."""

    def __init__(self, path, proof):
        self.unread = b""
        self.events = []
        self.sock = socket.socket(socket.AF_UNIX)
        try:
            self.sock.connect(str(path))
            self.command("AUTHENTICATE " + proof)
        except BaseException:
            self.sock.close()
            raise

    def _line(self, seconds):
        """One line, or None after the timeout."""
        self.sock.settimeout(max(0.01, seconds))
        while b"\r\n" not in self.unread:
            try:
                more = self.sock.recv(65536)
            except TimeoutError:
                return None
            if not more:
                raise ConnectionError("tor closed its control socket")
            self.unread += more
        line, self.unread = self.unread.split(b"\r\n", 1)
        return line.decode("utf-8", "replace")

    def command(self, command):
        """Sends a command. Returns the lines of the answer."""
        self.sock.sendall(command.encode() + b"\r\n")
        lines = []
        in_data = False
        while True:
            line = self._line(30)
            assert line is not None, "tor did not answer: " + command.split()[0]
            if in_data:
                in_data = line != "."
            elif line.startswith("650"):
                self.events.append(line)
                continue
            elif line[3:4] == " ":
                assert line.startswith("25"), command.split()[0] + ": " + line
                return lines + [line]
            else:
                in_data = line[3:4] == "+"
            lines.append(line)

    def event(self, seconds):
        """The next event's line, or None after the timeout."""
        if self.events:
            return self.events.pop(0)
        return self._line(seconds)

    def all_events(self):
        """All events so far: those before the answer to a command."""
        self.command("GETINFO version")
        events, self.events = self.events, []
        return events

    def close(self):
        self.sock.close()


class Tor:
    """A tor process with its own folder, which can be stopped, killed and started again.

    `before`: a command that runs tor's command; `environment`: for it.
    """

    before = ()
    environment = None

    def __init__(self, network, name, lines, password=None):
        self.network = network
        self.name = name
        self.lines = lines
        self.password = password
        self.folder = network.home / name
        self.process = None
        self.control = None

    def start(self, without_network=False):
        self.folder.mkdir(0o700, exist_ok=True)
        torrc = self.folder / "torrc"
        prefix = "DisableNetwork 1\n" if without_network else ""
        torrc.write_text(prefix + self.lines)
        # Left behind by a killed tor.
        for name in ("control", "cookie"):
            (self.folder / name).unlink(missing_ok=True)
        with open(self.folder / "out", "ab") as out:
            self.process = subprocess.Popen(
                [*self.before, "tor", "--defaults-torrc", "/dev/null", "-f", str(torrc), "--hush"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, env=self.environment)
        self.control = wait_for("a control socket of " + self.name, self.open_control, 120, self.alive)
        if without_network:
            # Listen before the first circuit is built, so that no event is missed.
            self.control.command("SETEVENTS HS_DESC STATUS_CLIENT")
            torrc.write_text(self.lines)
            self.control.command("SIGNAL RELOAD")
        return self

    def open_control(self):
        try:
            if self.password is not None:
                return Control(self.folder / "control", '"%s"' % self.password)
            return Control(self.folder / "control", (self.folder / "cookie").read_bytes().hex())
        except OSError:
            return None

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError("%s ended: %s" % (self.name, (self.folder / "out").read_text(errors="replace")[-1500:]))

    def wait_ready(self):
        def is_ready():
            return "PROGRESS=100" in self.control.command("GETINFO status/bootstrap-phase")[0]

        wait_for("%s is connected" % self.name, is_ready, 120, self.alive)

    def wait_published(self, address=None, seconds=120):
        """Waits until both descriptors of a service (current and next period) are on all their directories."""
        sent, n_stored = {}, 0
        end = time.monotonic() + seconds
        while True:
            self.alive()
            assert time.monotonic() < end, "not published: %s, of which %d are stored" % (sent, n_stored)
            fields = (self.control.event(0.2) or "").split()
            if fields[1:2] != ["HS_DESC"] or (address and fields[3] != address.removesuffix(".onion")):
                continue
            if fields[2] == "UPLOAD":
                sent.setdefault(fields[6], set()).add(fields[5])
            elif fields[2] == "UPLOADED":
                # This event does not contain the descriptor's ID, so they are counted.
                n_stored += 1
            if len(sent) == 2 and sum(map(len, sent.values())) <= n_stored:
                return

    def descriptor(self, onion):
        """The published descriptor of this tor's own service."""
        return "\n".join(self.control.command("GETINFO hs/service/desc/id/" + onion.removesuffix(".onion")))

    def stop(self, number=signal.SIGTERM):
        if self.control:
            self.control.close()
            self.control = None
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Client(Tor):
    """A buyer's tor."""

    def connect(self, onion, port=80, circuit=None, seconds=120):
        """A connection through the network. Connections with the same `circuit` share a circuit; by default it is new."""
        user = (circuit or secrets.token_hex(8)).encode()
        sock = socket.create_connection((HOST, self.port), timeout=seconds)
        try:
            name = onion.encode()
            for request, length in (
                (b"\x05\x01\x02", 2),
                (b"\x01" + bytes([len(user)]) + user + b"\x01x", 2),
                (b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big"), 10),
            ):
                sock.sendall(request)
                answer = b""
                while len(answer) < length:
                    more = sock.recv(length - len(answer))
                    if not more:
                        raise ConnectionError("tor closed the connection")
                    answer += more
            if answer[1]:
                raise SocksError(answer[1])
            return sock
        except BaseException:
            sock.close()
            raise

    def socks_code(self, onion):
        """0 if the service is reachable, otherwise tor's SOCKS error; for a service that is gone, tor may take long."""
        try:
            self.connect(onion, seconds=30).close()
            return 0
        except SocksError as error:
            return error.code
        except TimeoutError:
            return NO_ANSWER

    def wait_code(self, onion, wanted, seconds=180):
        """Tries until the SOCKS code is the wanted one. After a failure, the client forgets what it knows of services,
        as with Tor Browser's "New identity": a descriptor with dead introduction points can keep it for minutes."""
        codes = []

        def has_it():
            if codes:
                self.control.command("SIGNAL NEWNYM")
            codes.append(self.socks_code(onion))
            return codes[-1] == wanted

        try:
            wait_for("", has_it, seconds, self.alive)
        except AssertionError:
            raise AssertionError("not 0x%02X in %d attempts; last 0x%02X" % (wanted, len(codes), codes[-1])) from None

    def add_key(self, line):
        """Adds a key for client authorisation, a line in tor's format."""
        path = self.folder / "onion_auth" / "shop.auth_private"
        path.write_text(line + "\n")
        path.chmod(0o600)
        self.control.command("SIGNAL RELOAD")


class Network:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="shop-tor-")
        self.home = pathlib.Path(self.folder.name)
        self.tors = []
        self.seconds = None

    def __enter__(self):
        began = time.monotonic()
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        self.seconds = time.monotonic() - began
        return self

    def __exit__(self, *_):
        for tor in reversed(self.tors):
            tor.stop()
        self.folder.cleanup()

    def start(self):
        (self.home / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        self.dirport = free_port()
        self.authority_line = ""
        authority = self.add(Tor, "authority", RELAY + AUTHORITY, port=free_port())
        self.authority_line = self.make_keys(authority)
        authority.lines += self.authority_line
        authority.start()
        relays = [self.add(Tor, "relay%d" % n, RELAY, port=free_port()) for n in range(N_RELAYS)]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(Tor.start, relays))
        self.vote(authority)
        self.client = self.buyer("client")

    def add(self, kind, name, lines, password=None, **values):
        # The authority waits for `vote`: nothing happens for half an interval.
        far = int(time.time() + FIRST_INTERVAL // 2) % FIRST_INTERVAL
        values = {"name": name, "folder": self.home / name, "root": self.home, "owner": os.getpid(),
                  "dirport": self.dirport, "interval": FIRST_INTERVAL, "far": far, **values}
        tor = kind(self, name, (COMMON + lines).format(**values) + self.authority_line, password)
        self.tors.append(tor)
        return tor

    def make_keys(self, authority):
        """Creates the authority's keys. Returns its line for a torrc."""
        keys = authority.folder / "keys"
        keys.mkdir(0o700, parents=True)
        authority.folder.chmod(0o700)
        subprocess.run(
            ["tor-gencert", "--create-identity-key", "--passphrase-fd", "0", "-i", keys / "authority_identity_key",
             "-s", keys / "authority_signing_key", "-c", keys / "authority_certificate"],
            input=b"shop\n", capture_output=True, check=True)
        identity = re.search(r"^fingerprint (\w{40})", (keys / "authority_certificate").read_text(), re.M).group(1)
        port = re.search(r"^ORPort 127.0.0.1:(\d+)", authority.lines, re.M).group(1)
        output = subprocess.run(
            ["tor", "--defaults-torrc", "/dev/null", "--ignore-missing-torrc", "-f", self.home / "none", "--list-fingerprint",
             "--hush", "--DataDirectory", authority.folder, "--Nickname", "authority", "--ORPort", "%s:%s" % (HOST, port),
             "--SocksPort", "0", "--Address", HOST],
            capture_output=True, text=True).stdout
        fingerprint = re.search(r"^authority ((?:[0-9A-F]{4} ?){10})$", output, re.M).group(1).replace(" ", "")
        return "DirAuthority authority orport=%s no-v2 v3ident=%s %s:%d %s\n" % (port, identity, HOST, self.dirport, fingerprint)

    def directory(self, path):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open("http://%s:%d/tor/%s" % (HOST, self.dirport, path), timeout=5) as answer:
                return answer.read().decode("utf-8", "replace")
        except (OSError, urllib.error.URLError):
            return ""

    def vote(self, authority):
        """Waits until the authority knows every relay, and makes it vote."""
        def all_known():
            found = re.findall(r"^fingerprint ([0-9A-F ]{49})$", self.directory("server/all"), re.M)
            return found if N_RELAYS < len(found) else None

        known = wait_for("the authority knows every relay", all_known, 120, authority.alive)
        # Equal bandwidths; otherwise the only relay with traffic is chosen for every hop, and no circuit can be built.
        (self.home / "bandwidths").write_text("%d\n" % time.time() + "".join(
            "node_id=$%s bw=1000\n" % finger.replace(" ", "") for finger in known))

        def all_listed():
            text = self.directory("status-vote/current/consensus-microdesc")
            return text if len(re.findall(r"^s .*\bHSDir\b.*\bRunning\b", text, re.M)) == len(known) else None

        for delay in (2, 4, 8):
            # Move the schedule close to now; overdue steps happen immediately.
            moment = int(time.time()) + delay + 1
            authority.control.command(
                'SETCONF TestingV3AuthVotingStartOffset="%d seconds" ' % (moment % FIRST_INTERVAL) + " ".join(
                    '%s="%d seconds"' % (name, delay) for name in (
                        "V3AuthVoteDelay", "V3AuthDistDelay", "TestingV3AuthInitialVoteDelay", "TestingV3AuthInitialDistDelay")))
            try:
                self.consensus = wait_for("a consensus of all relays", all_listed, delay + 4, authority.alive)
                return
            except AssertionError:
                continue
        raise AssertionError("the authority made no consensus of all relays")

    def seed(self, tor):
        """Copies the authority's directory to a new tor, which saves its downloads."""
        tor.folder.mkdir(0o700)
        (tor.folder / "cached-microdesc-consensus").write_text(self.consensus)
        for name in ("cached-microdescs", "cached-microdescs.new", "cached-certs"):
            source = self.home / "authority" / name
            if source.exists():
                shutil.copy(source, tor.folder / name)

    def buyer(self, name, *lines):
        """A client that is ready to connect, with additional lines in its torrc."""
        port = free_port()
        client = self.add(Client, name, CLIENT + "".join(line + "\n" for line in lines), port=port)
        client.port = port
        self.seed(client)
        (client.folder / "onion_auth").mkdir(0o700)
        client.start()
        client.wait_ready()
        return client

    def tor(self, name, *lines, password=None, before=(), environment=None):
        """A tor for onion services, with these lines in its torrc, whose events are recorded from the start."""
        tor = self.add(Tor, name, "SocksPort 0\n", password)
        tor.before, tor.environment = before, environment
        tor.lines += "".join(line + "\n" for line in lines)
        self.seed(tor)
        tor.start(without_network=True)
        return tor


def hashed(password):
    """The value for `HashedControlPassword`."""
    result = subprocess.run(["tor", "--defaults-torrc", "/dev/null", "--ignore-missing-torrc", "--hush", "--hash-password", password],
                          capture_output=True, text=True, check=True)
    return result.stdout.strip().splitlines()[-1]
