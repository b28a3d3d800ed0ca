"""A shop in containers, from a temporary copy of one commit."""

import collections
import functools
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import time

from lib.browser import Browser
from lib.shop import ROOT, poll

until = functools.partial(poll, pause=0.2)
# Neither root nor 1000: a seller for whom no default works.
SELLER = 4242

Compose = collections.namedtuple("Compose", "name version command builder")

# Tor runs with its key and address, but its network has no route out.
SILENCE = """services:
  tor:
    volumes:
      - "%s:/etc/tor/torrc.d:ro"
networks:
  default:
    internal: true
"""


def run(command, input="", timeout=300, **more):
    """Runs a command that must succeed. Returns both output streams."""
    result = subprocess.run([str(word) for word in command], input=input, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=timeout, text=True, errors="replace", **more)
    assert result.returncode == 0, "%s ended with %d:\n%s" % (" ".join(map(str, command)), result.returncode, result.stdout[-6000:])
    return result.stdout


def composes():
    """Every installed Compose, the newer one first, each with a different builder."""
    found = []
    for name, command, builder in (("v2", ["docker", "compose"], "1"), ("v1", ["docker-compose"], "0")):
        try:
            version = subprocess.run([*command, "version", "--short"], capture_output=True, text=True)
        except FileNotFoundError:
            continue
        if version.returncode == 0:
            title = "Compose %s, %s" % (version.stdout.strip(), "BuildKit" if builder == "1" else "classic builder")
            found.append(Compose(name, title, command, builder))
    return found


class Reachable:
    """A shop at `self.socket()` with the host name `self.host`."""

    host = "localhost"

    def browser(self, circuit=25):
        """A buyer's browser behind Tor."""
        return Browser("unix:%s" % self.socket(), self.host, circuit)

    def answers(self):
        """Whether the shop accepts orders at the socket."""
        try:
            return self.browser().fetch("/health").status == 200
        except (OSError, AssertionError):
            return False


class Containers(Reachable):
    def __init__(self, compose, commit):
        self.compose, self.commit = compose, commit
        self.name = "shop-test-%d-%s" % (os.getpid(), compose.name)

    def __enter__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="shop-docker-"))
        archive = subprocess.run(["git", "archive", self.commit], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(self.home)
        silence = self.home / "silence"
        silence.mkdir()
        (silence / "silence.conf").write_text("DisableNetwork 1\n")
        (self.home / "silence.yml").write_text(SILENCE % silence)
        run(["chown", "-R", "%d:%d" % (SELLER, SELLER), self.home])
        return self

    def __exit__(self, *_):
        quietly = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(self.dc_command("down", "-v", "-t", "3"), cwd=self.home, env=self.env(self.compose), **quietly)
        for image in ("shop", "shop-tor"):
            # Layers are variables, so that the next run does not compile the dependencies again.
            subprocess.run(["docker", "rmi", "--no-prune", self.tag(image)], **quietly)
        shutil.rmtree(self.home)

    def env(self, compose):
        """The environment without the caller's settings: the shop's come only from .env."""
        variables = {name: os.environ[name] for name in os.environ if name in ("PATH", "HOME", "LANG") or name.startswith("DOCKER_")}
        return {**variables, "SHOP_TAG": self.name, "DOCKER_BUILDKIT": compose.builder, "COMPOSE_DOCKER_CLI_BUILD": compose.builder}

    def dc_command(self, *words):
        files = ["-f", "docker-compose.tor.yml", "-f", "silence.yml"]
        return [*self.compose.command, "-p", self.name, *files, *words]

    def dc(self, *command, input="", timeout=300):
        return run(self.dc_command(*command), input, cwd=self.home, env=self.env(self.compose), timeout=timeout)

    def dc_fails(self, *command):
        result = subprocess.run(self.dc_command(*command), cwd=self.home, env=self.env(self.compose), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
        assert result.returncode != 0, "%s should have failed:\n%s" % (" ".join(command), result.stdout)
        return result.stdout

    def shop(self, *words):
        """Runs a command of the shop."""
        return self.dc("exec", "-T", "shop", "shop", *words)

    def seller_command(self, command):
        # Programs such as mutt need a name for their user; this host's list of users is not changed.
        self.write("passwd", "seller:x:%d:%d::%s:/bin/sh\n" % (SELLER, SELLER, self.home))
        become = 'mount --bind passwd /etc/passwd && exec setpriv --reuid %d --regid %d --clear-groups "$@"' % (SELLER, SELLER)
        return ["unshare", "--mount", "sh", "-c", become, "sh", *command]

    def seller_settings(self):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TERM": "xterm", "LANG": "C.UTF-8"}
        return {"cwd": self.home, "env": env}

    def as_seller(self, command):
        return run(self.seller_command(command), timeout=30, **self.seller_settings())

    def as_seller_in_a_terminal(self, command):
        screen, terminal = os.openpty()
        running = subprocess.Popen(self.seller_command(command), stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True, **self.seller_settings())
        os.close(terminal)
        shown = b""
        try:
            while piece := os.read(screen, 4096):
                shown += piece
        except OSError:
            # The other end of the terminal is closed.
            pass
        os.close(screen)
        assert running.wait(30) == 0, shown.decode("utf-8", "replace")

    def write(self, name, text):
        path = self.home / name
        path.write_text(text)
        os.chown(path, SELLER, SELLER)

    def tag(self, image):
        return "%s:%s" % (image, self.name)

    def image(self, image):
        return json.loads(run(["docker", "image", "inspect", self.tag(image)]))[0]

    def container(self, service):
        """The id of a service's container, running or not; none where there is none."""
        labels = ["--filter", "label=com.docker.compose.project=" + self.name, "--filter", "label=com.docker.compose.service=" + service]
        return run(["docker", "ps", "-aq", "--no-trunc", *labels]).strip()

    def inspect(self, service):
        return json.loads(run(["docker", "inspect", self.container(service)]))[0]

    def health(self, service):
        return self.inspect(service)["State"]["Health"]["Status"]

    def uid_of(self, container):
        status = pathlib.Path("/proc/%d/status" % container["State"]["Pid"]).read_text()
        return re.search(r"^Uid:\s+(\d+)", status, flags=re.M).group(1)

    def volume(self, name):
        """The folder of a volume on this host."""
        return pathlib.Path(run(["docker", "volume", "inspect", "-f", "{{.Mountpoint}}", "%s_%s" % (self.name, name)]).strip())

    def socket(self):
        return self.volume("sockets") / "shop.sock"

    def wait_until_ready(self):
        assert until(self.answers, 60, pause=0.02), "the shop did not open:\n" + self.dc("logs", "shop")

    def onion(self):
        """The last address in the shop's log."""
        def found():
            return re.findall(r"and at http://(\S+\.onion)", run(["docker", "logs", self.container("shop")]))
        assert until(found, 30, pause=0.05), "no address in the shop's log:\n" + self.dc("logs")
        return found()[-1]

    def up(self, figures, name):
        started = time.monotonic()
        up = subprocess.Popen(self.dc_command("up", "-d"), cwd=self.home, env=self.env(self.compose), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.wait_until_ready()
        figures["from `up -d` to a shop that accepts orders on its socket, " + name] = "%.1f s" % (time.monotonic() - started)
        self.host = self.onion()
        figures["from `up -d` to the address in the shop's log, " + name] = "%.1f s" % (time.monotonic() - started)
        output = up.communicate(timeout=60)[0]
        assert up.returncode == 0, output
