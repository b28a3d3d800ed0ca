"""The units of docs/systemd under systemd in a container, installed by the commands of its README."""

import pathlib
import re
import subprocess

from containers import Reachable, run, until
from lib.browser import Browser
from lib.shop import DESK_PASSWORD, ROOT, TEA

HOME = "/home/seller/shop"
# Capabilities for the sandbox of a unit and for Debian's Tor; a host name that resolves.
CAPABILITIES = ["SYS_ADMIN", "SYS_PTRACE", "DAC_READ_SEARCH"]
FLAGS = ["--network", "none", "--hostname", "seller-host", "--add-host", "seller-host:127.0.0.1",
         *(word for name in CAPABILITIES for word in ("--cap-add", name)), "--security-opt", "seccomp=unconfined",
         "--cgroupns", "host", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw", "--tmpfs", "/run", "--tmpfs", "/run/lock"]


class Host(Reachable):
    """A host with systemd, the seller's clone and the program."""

    def __init__(self, containers):
        self.containers = containers
        self.name, self.image = containers.name + "-systemd", "shop-test-systemd:" + containers.name

    def __enter__(self):
        folder = pathlib.Path(__file__).parent
        build = ["docker", "build", "-t", self.image, "-f", folder / "systemd.Dockerfile", folder]
        run(build, timeout=1800, env=self.containers.env(self.containers.compose))
        run(["docker", "run", "-d", "--name", self.name, *FLAGS, self.image])
        self.pid = int(run(["docker", "inspect", "-f", "{{.State.Pid}}", self.name]))
        self.bring_clone()
        assert until(lambda: "tor@default" in self.root("systemctl list-units"), 60), "systemd did not start"
        return self

    def __exit__(self, *_):
        for command in (["docker", "rm", "-fv", self.name], ["docker", "rmi", "--no-prune", self.image]):
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def bring_clone(self):
        """As after `git clone` and `cargo build --release`; everybody can read the settings, as after editing them."""
        program = self.containers.home / "program"
        made = run(["docker", "create", self.containers.tag("shop")]).strip()
        run(["docker", "cp", made + ":/usr/local/bin/shop", program])
        run(["docker", "rm", made])
        archive = subprocess.run(["git", "archive", self.containers.commit], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        self.root("mkdir -p %s/target/release" % HOME)
        subprocess.run(["docker", "exec", "-i", self.name, "tar", "x", "-C", HOME], input=archive, check=True)
        run(["docker", "cp", program, "%s:%s/target/release/shop" % (self.name, HOME)])
        self.root("echo 'SITE_NAME=The Ash Tree' >%s/.env; chmod 644 %s/.env; chown -R seller: %s" % (HOME, HOME, HOME))

    def root(self, script):
        return run(["docker", "exec", self.name, "sh", "-c", script])

    def seller(self, script, input=""):
        return run(self.seller_command(script), input)

    def seller_fails(self, script):
        result = subprocess.run(self.seller_command(script), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        assert result.returncode != 0, "%s should have failed:\n%s" % (script, result.stdout)
        return result.stdout

    def seller_command(self, script):
        return ["docker", "exec", "-i", "-u", "seller", "-w", HOME, "-e", "USER=seller", "-e", "HOME=/home/seller", self.name, "bash", "-euo", "pipefail", "-c", script]

    def socket(self, name="shop"):
        return pathlib.Path("/proc/%d/root/run/shop/%s.sock" % (self.pid, name))

    def desk(self):
        """The status of the desk's login page; 0 without a response."""
        try:
            return Browser("unix:%s" % self.socket("desk")).fetch("/login").status
        except OSError:
            return 0

    def log(self):
        return self.root("journalctl -u shop --no-pager -o cat")

    def main_pid(self):
        return int(self.root("systemctl show -p MainPID --value shop.service"))

    def state(self, unit):
        return self.root("systemctl is-active %s || true" % unit).strip()


def blocks(text, heading):
    """The commands of a section, block by block, without AppArmor, which cannot be loaded in a container."""
    section = re.search(r"^## %s\n(.*?)(?=^## |\Z)" % re.escape(heading), text, flags=re.M | re.S).group(1)
    return ["\n".join(line for line in block.splitlines() if "apparmor" not in line)
            for block in re.findall(r"^```sh\n(.*?)^```", section, flags=re.M | re.S)]


def install(host, readme, check):
    programs, tor, address = blocks(readme, "Install")
    host.seller(programs)
    check(until(host.answers, 240), "systemd: installed by the commands of docs/systemd/README.md, the shop answers at shop.socket")
    check(host.root("stat -c '%a %U' /var/lib/shop/.env").split() == ["600", "seller"], "systemd: nobody else can read its .env")
    check("The Ash Tree" in host.browser().page("/").text, "systemd: .env gives the shop its name")
    check(host.root("stat -c '%a %G' /run/shop/shop.sock").split() == ["660", "debian-tor"], "systemd: the socket is for Tor's group")
    host.seller(tor)
    host.seller(address)
    page = host.browser().place_order(TEA)
    order_ref, code = page.text_of("order-ref"), page.text_of("code")
    check(order_ref in host.seller("cat /var/lib/shop/mailorders/new/*"), "systemd: an order is placed, and the seller reads the message without sudo")
    return order_ref, code


def desk(host, readme, check):
    first, _, onion = blocks(readme, "The desk")
    host.seller(first, (DESK_PASSWORD + "\n") * 2)
    check(until(lambda: host.desk() == 200, 30), "systemd: the commands of the README open the desk at shop-desk.socket")
    check(host.answers(), "systemd: and the shop is still open")
    output = host.seller_fails("cd /var/lib/shop && shop desk client add me")
    line = re.search(r"descriptor:x25519:[A-Z2-7]{52}", output).group(0)
    check("NOTHING HAS CHANGED YET" in output, "systemd: `shop desk client add` says what to do, and that nothing has changed yet", output)
    onion = "\n".join(text for text in onion.splitlines() if not text.startswith("cd /var/lib/shop"))
    onion = onion.replace("descriptor:x25519:THAT-LINE", line)
    onion = re.sub(r"^# In /etc/tor/torrc.*$", "sudo sed -i '/^#HiddenServiceDir.*desk/,/CloseCircuit/s/^#//' /etc/tor/torrc", onion, flags=re.M)
    host.seller(onion)
    check(".onion" in host.root("cat /var/lib/tor/desk/hostname"), "systemd: Tor creates the desk's onion with the README's lines")
    check(until(lambda: host.desk() == 200, 30), "systemd: the desk is available again")
    output = host.seller_fails("cd /var/lib/shop && shop desk client remove me")
    command = re.search(r"sudo rm \S+", output).group(0)
    check("THE KEY STILL WORKS" in output and "restart tor@default" in output, "systemd: `remove` says that the key still works, and what to delete", output)
    host.seller(command)
    check(host.root("ls /var/lib/tor/desk/authorized_clients").strip() == "", "systemd: that file is the one that Tor reads")


def failures(host, order_ref, code, check):
    settings = "/var/lib/shop/.env"
    host.root("sed -i 's/^DESK_LISTEN=.*/DESK_LISTEN=127.0.0.1:3001/' %s; systemctl restart shop.service" % settings)
    check(until(host.answers, 30) and "open without its desk" in host.log(), "systemd: a desk that cannot be opened leaves the shop open, and the log says why", host.log()[-2000:])
    host.root("sed -i 's/^DESK_LISTEN=.*/DESK_LISTEN=nowhere/' %s; systemctl restart shop.service || true" % settings)
    tries = lambda: int(host.root("systemctl show -p NRestarts --value shop.service"))
    check(until(lambda: tries() >= 6, 60), "systemd: with an invalid setting the shop is restarted repeatedly", host.log()[-2000:])
    check(host.state("shop.socket") == "active" and host.state("shop-desk.socket") == "active", "systemd: its sockets stay")
    host.root("sed -i 's/^DESK_LISTEN=.*/DESK_LISTEN=systemd/' %s" % settings)
    check(until(host.answers, 30) and until(lambda: host.desk() == 200, 30), "systemd: once the setting is fixed, both open automatically")
    before = host.main_pid()
    host.root("kill -9 %d" % before)
    check(host.answers() and host.main_pid() != before, "systemd: the shop is killed: a buyer waits, and is served")
    host.root("systemctl restart shop.service")
    check(host.answers() and host.desk() == 200, "systemd: after a restart, shop and desk are available")
    check(host.browser().open_order(code) == order_ref, "systemd: the order exists")
    host.root("systemctl stop shop.socket shop-desk.socket shop.service")
    check(not host.answers() and host.state("shop.service") == "inactive", "systemd: stopped with its sockets, it stays stopped")


def journey(containers, check):
    readme = (containers.home / "docs/systemd/README.md").read_text()
    with Host(containers) as host:
        try:
            check(until(lambda: host.state("tor@default") == "active", 60), "systemd: a Debian with its own Tor has booted")
            order_ref, code = install(host, readme, check)
            desk(host, readme, check)
            failures(host, order_ref, code, check)
        except Exception:
            print(host.root("systemctl --no-pager status 'shop*' tor@default || true; journalctl --no-pager -n 60 -o cat"), flush=True)
            raise
