#!/usr/bin/env python3
"""The shop in its containers, with each installed Compose: Compose 2 builds with BuildKit, 1.29 with the classic builder.

Then the shop under systemd in a container. Run by scripts/test-docker, as root. `v1` or `v2` selects a Compose, `systemd` only
systemd. It stops at the first failure.
"""

import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import systemd
from containers import SELLER, Containers, composes, run, until
from lib.shop import NOTEBOOK, ROOT

MEGABYTE = 1_000_000


def passed(what):
    print("  ok  " + what, flush=True)


def check(condition, what, found=""):
    assert condition, "%s\n%s" % (what, found)
    passed(what)


def configuration(containers):
    for compose in composes():
        for file in ("docker-compose.tor.yml", "docs/tor/onionbalance/docker-compose.yml"):
            run([*compose.command, "-f", file, "config", "-q"], cwd=containers.home, env=containers.env(compose))
            passed("%s takes %s" % (compose.version, file))


def images(containers, figures):
    started = time.monotonic()
    containers.dc("build", timeout=3600)
    figures["build"] = "%.0f s" % (time.monotonic() - started)
    shop, tor = containers.image("shop"), containers.image("shop-tor")
    figures["image of the shop"] = "%.1f MB" % (shop["Size"] / MEGABYTE)
    figures["image of tor"] = "%.1f MB" % (tor["Size"] / MEGABYTE)
    check(shop["Size"] < 40 * MEGABYTE, "the shop's image has %.1f MB, less than 40" % (shop["Size"] / MEGABYTE))
    check(re.fullmatch(r"[1-9]\d*:[1-9]\d*", shop["Config"]["User"]), "it names a user by number: %s" % shop["Config"]["User"])
    check(tor["Config"]["User"] == "debian-tor", "tor's image runs as debian-tor")
    output = json.dumps([shop["Config"], tor["Config"]])
    check(str(ROOT) not in output and socket.gethostname() not in output, "neither image contains the name of the machine that built it")
    torrc = (containers.home / "docs/tor/sidecar.torrc").read_text()
    desk = re.sub(r"^#(HiddenService)", r"\1", torrc, flags=re.M)
    check(desk != torrc, "the torrc has disabled lines for a desk")
    for name, text in (("as it is", None), ("with the desk", desk)):
        mount = []
        if text:
            containers.write("desk.torrc", text)
            mount = ["-v", "%s:/etc/tor/torrc:ro" % (containers.home / "desk.torrc")]
        answer = run(["docker", "run", "--rm", "--network", "none", "--entrypoint", "tor", *mount, containers.tag("shop-tor"),
                      "-f", "/etc/tor/torrc", "--verify-config"])
        check("Configuration was valid" in answer and "[warn]" not in answer, "tor --verify-config accepts the torrc, %s" % name, answer)


def first_start(containers, figures):
    """A clone of a user whose ID is not 1000: the shop runs as this user. Folders of two users are refused, with a reason."""
    mailorders = containers.home / "mailorders"
    os.chown(mailorders, SELLER + 1, SELLER + 1)
    refused = containers.dc_fails("up", "-d")
    check(not re.search(r"\bPull", refused), "no registry is asked for an image", refused)
    output = containers.dc("logs", "folders")
    check("folders" in refused and "mailorders to user %d" % (SELLER + 1) in output, "folders of two users are refused", output)
    containers.dc("down", "-v")
    os.chown(mailorders, SELLER, SELLER)

    containers.write(".env", "SITE_NAME=The Ash Tree\n")
    containers.up(figures, "first start, which fills the catalog")
    check("The Ash Tree" in containers.browser().page("/").text, ".env gives the shop its name")
    check(re.fullmatch(r"[a-z2-7]{56}\.onion", containers.onion()), "the shop's log has an onion address")
    check(until(lambda: containers.onion() in containers.shop("onion"), 20), "and so does `shop onion`")


def sandbox(containers):
    shop, tor = containers.inspect("shop"), containers.inspect("tor")
    pid = shop["State"]["Pid"]
    interfaces = [line.split(":")[0].strip() for line in pathlib.Path("/proc/%d/net/dev" % pid).read_text().splitlines()[2:]]
    check(interfaces == ["lo"], "the shop's container has no interface but lo", interfaces)
    check(len(pathlib.Path("/proc/%d/net/route" % pid).read_text().splitlines()) == 1, "and no route")
    # 192.0.2.1 is reserved (RFC 5737); the kernel must refuse before anything is sent.
    code = "import errno,socket\ns=socket.socket()\ns.settimeout(2)\nprint(errno.errorcode[s.connect_ex(('192.0.2.1', 80))])"
    answer = run(["nsenter", "--target", str(pid), "--net", sys.executable, "-c", code])
    check(answer.strip() == "ENETUNREACH", "a connection from there is refused by the kernel", answer)
    for name, container in (("shop", shop), ("tor", tor)):
        host = container["HostConfig"]
        check(host["ReadonlyRootfs"], "%s: the root is read-only" % name)
        status = dict(line.split(":\t", 1) for line in pathlib.Path("/proc/%d/status" % container["State"]["Pid"]).read_text().splitlines() if ":\t" in line)
        capabilities = [status[key].strip() for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")]
        # With no_new_privs, the bounding set alone gives nothing.
        bounding = {"shop": 1 << 6 | 1 << 7, "tor": 0}[name]
        check([int(mask, 16) for mask in capabilities] == [0, 0, 0, bounding, 0], "%s: no capabilities, and no way to gain any" % name, capabilities)
        check(status["NoNewPrivs"].strip() == "1", "%s: no new privileges" % name)
        check("0" not in status["Uid"].split(), "%s: not root (%s)" % (name, status["Uid"].split()[0]))
        check(host["Memory"] > 0 and host["PidsLimit"] > 0, "%s: memory and processes are limited" % name)
        published = host["PortBindings"] or {}
        check(not published and not any((container["NetworkSettings"]["Ports"] or {}).values()), "%s: no port is published" % name)
    check(shop["HostConfig"]["NetworkMode"] == "none", "the shop's network mode is none")
    check(int(containers.uid_of(shop)) == SELLER, "the shop runs as the owner of the clone")


def the_key_is_isolated(containers):
    secret = containers.volume("onion") / "shop/hs_ed25519_secret_key"
    check(secret.stat().st_mode & 0o777 == 0o600 and secret.parent.stat().st_mode & 0o777 == 0o700, "only its owner can read the onion key")
    key = secret.read_bytes()[32:]
    forms = [key, base64.b64encode(key)[:80], key.hex().encode()]
    mounts = {mount["Destination"]: mount["Source"] for mount in containers.inspect("shop")["Mounts"]}
    check(sorted(mounts) == ["/run/shop", "/shop/db", "/shop/mailorders"], "the shop sees its own folders and the shared folder only", mounts)
    contents = []
    for folder in mounts.values():
        for path in pathlib.Path(folder).rglob("*"):
            if path.is_file() and any(form in path.read_bytes() for form in forms):
                contents.append(path)
    check(not contents, "the onion's key is in none of them", contents)
    root = pathlib.Path("/proc/%d/root" % containers.inspect("shop")["State"]["Pid"])
    check(not (root / "var").exists(), "nor elsewhere in the shop's container")
    seen = {mount["Destination"] for mount in containers.inspect("tor")["Mounts"]}
    check(not any("db" in place or "mail" in place for place in seen), "tor sees neither db nor mailorders", seen)


def a_whole_purchase(containers):
    """Returns the order and its code."""
    buyer = containers.browser()
    assert "Demo shop: do not send money" in buyer.page("/").text
    page = buyer.place_order(NOTEBOOK, "Ruled", 2, note="Please wrap it.")
    order_ref, code = page.text_of("order-ref"), page.text_of("code")
    check(len(code.split()) == 7, "a whole purchase through the socket, with a circuit number: order %s" % order_ref)
    check(containers.browser(circuit=26).open_order(code) == order_ref, "the code opens the order from another browser")
    return order_ref, code


def the_seller_reads(containers, order_ref):
    """On the host, as the owner of the clone."""
    new = containers.home / "mailorders/new"
    answer = containers.as_seller(["sh", "-c", "cat mailorders/new/*"])
    check(order_ref in answer and "Ada Byron" in answer and "| Please wrap it." in answer, "user %d reads the message on the host" % SELLER)
    check(all(path.stat().st_uid == SELLER and path.stat().st_mode & 0o077 == 0 for path in new.iterdir()), "and nobody else may")
    if shutil.which("mutt"):
        containers.write("muttrc", 'set folder=. mbox_type=Maildir sleep_time=0 wait_key=no\npush "<pipe-message>cat >letter<enter><exit>"\n')
        containers.as_seller_in_a_terminal(["mutt", "-n", "-F", "muttrc", "-R", "-f", "mailorders"])
        check(order_ref in (containers.home / "letter").read_text(), "so does `mutt -f mailorders`")
    else:
        print("  --  mutt is not installed: not tested", flush=True)
    check(order_ref in containers.shop("orders"), "`compose exec shop shop orders` lists the order")


def tor_without_shop(containers):
    containers.dc("stop", "shop")
    time_up = until(lambda: containers.health("tor") == "healthy", 60)
    check(time_up and containers.inspect("tor")["State"]["Running"], "tor stays up and healthy while the shop is down")
    containers.dc("stop", "tor")
    containers.dc("start", "tor")
    check(until(lambda: containers.health("tor") == "healthy", 60), "and starts without it")
    containers.dc("start", "shop")
    containers.wait_until_ready()


def kill(containers, order_ref, code):
    container = containers.inspect("shop")
    pid, n_before = container["State"]["Pid"], container["RestartCount"]
    os.kill(pid, signal.SIGKILL)
    check(until(lambda: containers.inspect("shop")["RestartCount"] > n_before and containers.answers(), 30), "killed, the shop restarts automatically")
    check(containers.browser().open_order(code) == order_ref, "and still has the order")


def down_and_up(containers, figures, order_ref, code):
    before = containers.onion()
    containers.dc("down")
    containers.up(figures, "later start")
    check(containers.onion() == before, "the address is the same after down and up")
    check(containers.browser().open_order(code) == order_ref, "the order too")


def client_authorisation(containers):
    """The shop's client list reaches tor through the shared folder, and survives `down`."""
    def keys():
        return list((containers.volume("onion") / "shop/authorized_clients").glob("*.auth"))

    output = containers.shop("onion", "client", "add", "ann")
    check(until(lambda: len(keys()) == 1, 30), "`shop onion client add` gives tor a key to require", output)
    containers.dc("down")
    containers.dc("up", "-d")
    containers.wait_until_ready()
    check(len(keys()) == 1 and "ann" in containers.shop("onion", "client", "list"), "down and up keep the list")
    containers.shop("onion", "client", "remove", "ann")
    check(until(lambda: not keys(), 30), "and `remove` gives everybody access again")


def the_sidecar_ends(containers):
    """Without the sidecar, Tor would continue with an old client list."""
    before = containers.inspect("tor")["RestartCount"]
    lines = run(["docker", "top", containers.inspect("tor")["Id"], "-eo", "pid,args"]).splitlines()
    helpers = [line.split()[0] for line in lines if "onion tend" in line]
    check(len(helpers) == 1, "Tor's container has one process besides tor", lines)
    os.kill(int(helpers[0]), signal.SIGKILL)
    check(until(lambda: containers.inspect("tor")["RestartCount"] > before, 30), "it is killed: the container is restarted")
    check(until(lambda: containers.health("tor") == "healthy", 60), "and is healthy")


def the_desk(containers):
    """The desk's onion needs only a line in .env."""
    settings = (containers.home / ".env").read_text()
    containers.write(".env", settings + "DESK_LISTEN=unix:/run/shop/desk.sock\n")
    containers.dc("up", "-d")
    containers.wait_until_ready()
    folder = containers.volume("sockets")
    check(until(lambda: (folder / "desk-status.json").exists(), 30), "DESK_LISTEN in .env: Tor's container creates the desk's onion")
    address = (folder / "desk-hostname").read_text().strip()
    output = containers.shop("desk", "client", "add", "me")
    check(re.search("%s:descriptor:x25519:[A-Z2-7]{52}" % address[:56], output), "`shop desk client add` prints the address and a key", output)
    check("from now on" in output, "and that Tor has applied the list", output)
    clients = lambda: json.loads((folder / "desk-status.json").read_text())["clients"]
    check(clients().endswith(" me\n"), "which Tor's side confirms")
    containers.shop("desk", "client", "remove", "me")
    check(clients() == "", "`remove` is in effect when it returns")
    containers.dc("stop", "tor")
    containers.shop("onion", "client", "list")
    refused = containers.dc_fails("exec", "-T", "shop", "shop", "onion", "client", "add", "bob")
    check("does not follow it yet" in refused, "without Tor's container it does not report success", refused)
    containers.dc("start", "tor")
    check(until(lambda: containers.health("tor") == "healthy", 60), "tor is back")
    containers.shop("onion", "client", "remove", "bob")
    containers.write(".env", settings)
    containers.dc("up", "-d")
    containers.wait_until_ready()


def another_host(containers):
    """A backup moves the address to a host whose tor has created another one."""
    address = containers.onion()
    sealed = containers.dc("exec", "-T", "tor", "shop", "onion", "backup", "-", input="a passphrase of the test\n")
    check("BEGIN" in sealed and address not in sealed, "`compose exec tor shop onion backup -` encrypts the key", sealed)
    containers.dc("down", "-v")
    containers.dc("up", "-d")
    containers.wait_until_ready()
    check(containers.onion() != address, "`down -v` deletes the address")
    sealed = sealed[sealed.index("-----BEGIN"):]
    discarded, shop = containers.onion(), containers.container("shop")
    containers.dc("exec", "-T", "tor", "shop", "onion", "restore", "--replace", "-", input="a passphrase of the test\n" + sealed)
    before = run(["docker", "logs", shop])
    containers.dc("restart", "tor", "shop")
    check(until(lambda: containers.onion() == address, 30), "`restore` and a restart of both restore it")
    check(address in containers.shop("onion"), "and `shop onion` prints it")
    check(discarded not in run(["docker", "logs", shop])[len(before):], "the discarded address is no longer shown")
    check(until(lambda: containers.health("tor") == "healthy", 60), "and tor holds it")


def stylesheet(containers):
    return re.search("<style>(.*?)</style>", containers.browser().page("/").text, re.DOTALL).group(1)


def upgrade(containers, figures, order_ref, code):
    before, address = stylesheet(containers), containers.onion()
    style = containers.home / "static/style.css"
    style.write_text(style.read_text() + "\n.upgraded { color: inherit; }\n")
    started = time.monotonic()
    containers.dc("build", timeout=3600)
    figures["build after a change in the source"] = "%.0f s" % (time.monotonic() - started)
    containers.dc("up", "-d")
    containers.wait_until_ready()
    check(until(lambda: stylesheet(containers) != before, 20), "built again and `up -d`: the new shop is open")
    check(containers.onion() == address, "with the same address")
    check(containers.browser().open_order(code) == order_ref, "and the order")


def health(containers):
    check(until(lambda: containers.health("shop") == "healthy", 60), "the shop is healthy")
    new = containers.home / "mailorders/new"
    new.chmod(0o500)
    try:
        containers.shop("close")
        check(until(lambda: containers.health("shop") == "unhealthy", 90), "it is unhealthy when no order can be placed")
        containers.shop("open")
        check(until(lambda: containers.health("shop") == "healthy", 90), "and healthy when one can, even if no message can be written")
    finally:
        new.chmod(0o700)


def idle_memory(containers, figures):
    for service in ("shop", "tor"):
        used = run(["docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", containers.inspect(service)["Id"]]).split("/")[0].strip()
        pid = containers.inspect(service)["State"]["Pid"]
        resident = re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path("/proc/%d/status" % pid).read_text()).group(1)
        figures["idle memory of %s" % service] = "%s in the container, %.1f MB resident in its first process" % (used, int(resident) / 1000)


def a_clone_of_root(containers, order_ref, code):
    """Without a .env, all files owned by root: a first try on a rented server."""
    containers.dc("down")
    (containers.home / ".env").unlink()
    run(["chown", "-R", "0:0", str(containers.home)])
    containers.dc("up", "-d")
    containers.wait_until_ready()
    check(int(containers.uid_of(containers.inspect("shop"))) == 1000, "in a clone made by root and without a .env, the shop runs as user 1000")
    check(containers.browser().open_order(code) == order_ref, "and has its data")


def journey(compose, commit):
    """Returns the hash of the program."""
    figures = {}
    print("\n%s" % compose.version, flush=True)
    with Containers(compose, commit) as containers:
        configuration(containers)
        images(containers, figures)
        first_start(containers, figures)
        check(until(lambda: containers.health("shop") == "healthy", 60), "the shop becomes healthy")
        check(until(lambda: containers.health("tor") == "healthy", 60), "tor's health goes green")
        program = pathlib.Path("/proc/%d/exe" % containers.inspect("shop")["State"]["Pid"]).read_bytes()
        check(b"/cargo/registry" not in program and b"/build/src" not in program, "the program contains no path of the builder")
        sandbox(containers)
        order_ref, code = a_whole_purchase(containers)
        the_seller_reads(containers, order_ref)
        the_key_is_isolated(containers)
        idle_memory(containers, figures)
        kill(containers, order_ref, code)
        tor_without_shop(containers)
        down_and_up(containers, figures, order_ref, code)
        upgrade(containers, figures, order_ref, code)
        health(containers)
        client_authorisation(containers)
        the_desk(containers)
        the_sidecar_ends(containers)
        another_host(containers)
        a_clone_of_root(containers, order_ref, code)
    print("  figures", flush=True)
    for name, figure in figures.items():
        print("      %s: %s" % (name, figure))
    return hashlib.sha256(program).hexdigest()


def journey_under_systemd(compose, commit):
    print("\nsystemd", flush=True)
    with Containers(compose, commit) as containers:
        containers.dc("build", "shop", timeout=3600)
        systemd.journey(containers, check)


def main():
    selected = [word for word in sys.argv[1:] if word != "systemd"]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    found = [compose for compose in composes() if not selected or compose.name in selected]
    if not found:
        sys.exit("this Compose is not installed")
    print(run(["docker", "version", "--format", "Docker engine {{.Server.Version}}"]).strip())
    commit = run(["git", "rev-parse", "HEAD"], cwd=ROOT).strip()
    try:
        programs = {journey(compose, commit) for compose in found} if selected == sys.argv[1:] else set()
        if programs and len(found) > 1:
            check(len(programs) == 1, "both builders made the same program, byte for byte: sha256 %s" % min(programs), programs)
        journey_under_systemd(found[0], commit)
    except AssertionError as error:
        print("  BAD %s" % error, flush=True)
        sys.exit(1)
    print("\nAll well.")


if __name__ == "__main__":
    main()
