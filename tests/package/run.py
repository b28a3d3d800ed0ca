#!/usr/bin/env python3
"""The Debian package, installed, used, upgraded and purged by apt in a Debian of its own (a chroot), as root.

    tests/package/run.py                       a package of target/release/shop, as it is
    tests/package/run.py SHOP.deb              one that scripts/release has built

The chroot is made once by debootstrap, in tests/tools/chroot.tar.
"""

import json
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lib.browser import Browser  # noqa: E402
from lib.shop import ROOT, free_port, wait_for  # noqa: E402

TOOLS = ROOT / "tests/tools"
# With perl, debconf can ask at a terminal.
PACKAGES = "adduser,apt,debconf,perl,systemd,tor,mutt,man-db"
UNITS = ("shop.service", "shop.socket", "shop-desk.socket", "shop-watch.service", "shop-notify.service", "shop-notify.timer")
GIVEN = sys.argv.pop(1) if sys.argv[1:] and sys.argv[1].endswith(".deb") else None


def run(*command, **options):
    result = subprocess.run(command, capture_output=True, text=True, **options)
    assert result.returncode == 0, "%s: %s%s" % (" ".join(map(str, command)), result.stdout[-2000:], result.stderr[-3000:])
    return result.stdout


def make_chroot():
    """A minimal Debian, of the release that this machine has, as an archive."""
    archive = TOOLS / "chroot.tar"
    if archive.exists():
        return archive
    release = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
    lines = run("apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages").splitlines()
    mirror = next(line.split()[1] for line in lines if line.startswith("Debian "))
    with tempfile.TemporaryDirectory(prefix="shop-chroot-") as folder:
        run("debootstrap", "--variant=minbase", "--include=" + PACKAGES, release["VERSION_CODENAME"], folder, mirror)
        shutil.rmtree(folder + "/var/cache/apt/archives")
        # The folder's own mode becomes that of the root.
        os.chmod(folder, 0o755)
        run("tar", "-C", folder, "-cf", "%s.new" % archive, ".")
    os.rename("%s.new" % archive, archive)
    return archive


def make_package(folder, revision):
    """A package of the program of this checkout, as scripts/release makes it of a static one."""
    made = ROOT / "target/package"
    shutil.rmtree(made, ignore_errors=True)
    run(ROOT / "scripts/prepare-package", ROOT / "target/release/shop", made)
    file = folder / ("shop_%s.deb" % revision)
    environment = {**os.environ, "PATH": "%s/bin:%s" % (TOOLS, os.environ["PATH"])}
    run("cargo-deb", "deb", "--no-build", "--no-strip", "--locked", "--quiet", "--deb-revision", revision, "--output", file, cwd=ROOT, env=environment)
    return file


class Chroot:
    def __init__(self, folder):
        self.folder = folder
        run("tar", "-C", folder, "-xf", make_chroot())
        for name, target in (("proc", "/proc"), ("dev", "/dev"), ("sys", "/sys")):
            run("mount", "--rbind", "--make-rslave", target, folder / name)

    def close(self):
        for name in ("proc", "dev", "sys"):
            subprocess.run(["umount", "--recursive", "--lazy", self.folder / name], check=False)

    def command(self, *command):
        environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "TERM=xterm"]
        return ["chroot", str(self.folder), "/usr/bin/env", "-i", *environment, *command]

    def run(self, *command, **options):
        return run(*self.command(*command), **options)

    def try_run(self, *command):
        return subprocess.run(self.command(*command), capture_output=True, text=True)

    def as_shop(self, *command):
        """A command of the seller's, in the shop's folder, as the shop's user."""
        return ["/bin/sh", "-c", 'cd /var/lib/shop && exec setpriv --reuid=shop --regid=shop --clear-groups "$@"', "sh", *command]

    def install(self, package):
        """Without a network: everything that it depends on is there."""
        shutil.copy(package, self.folder / "root")
        return self.run("apt-get", "install", "-y", "-q", "--no-install-recommends", "/root/" + package.name)

    def path(self, path):
        return self.folder / path.lstrip("/")


class Package(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="shop-package-")))
        cls.packages = folder
        cls.first = pathlib.Path(GIVEN).resolve() if GIVEN else make_package(folder, "1")
        cls.second = make_package(folder, "2")

    def setUp(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="shop-debian-", ignore_cleanup_errors=True)))
        self.debian = Chroot(folder)
        self.addCleanup(self.debian.close)

    def open_shop(self):
        """Opens the shop as its unit does, but in the chroot: no service manager runs there."""
        port = free_port()
        serve = self.debian.as_shop("/usr/bin/env", "LISTEN=127.0.0.1:%d" % port, "shop", "serve")
        server = subprocess.Popen(self.debian.command(*serve), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

        def stop():
            server.terminate()
            server.communicate(timeout=30)

        self.addCleanup(stop)
        buyer = Browser("127.0.0.1:%d" % port)

        def is_open():
            assert server.poll() is None, server.stderr.read()
            try:
                return buyer.fetch("/health").status == 200
            except ConnectionError:
                return False

        wait_for("the shop is open", lambda: is_open(), 60)
        return buyer, stop

    def test_it_is_installed_used_upgraded_and_removed_with_all_orders_kept(self):
        debian = self.debian
        began = time.monotonic()
        debian.install(self.first)
        print("installed after %.1f s" % (time.monotonic() - began), file=sys.stderr)
        home = debian.path("/var/lib/shop")
        self.assertEqual("drwx------ shop shop", debian.run("stat", "-c", "%A %U %G", "/var/lib/shop").strip())
        self.assertIn("SHOP(1)", debian.run("/bin/sh", "-c", "man --pager=cat shop | head -1"))
        self.assertIn("complete", debian.path("/usr/share/bash-completion/completions/shop").read_text())

        (home / "db").mkdir()
        shutil.copy(ROOT / "db/data.json", home / "db")
        shutil.copytree(ROOT / "db/images", home / "db/images")
        debian.run("chown", "-R", "shop:shop", "/var/lib/shop")
        buyer, stop = self.open_shop()
        page = buyer.place_order("stoneware-teapot")
        order = page.text_of("order-ref")
        mail = debian.run(*debian.as_shop("/bin/sh", "-c", "cat mailorders/new/*"))
        self.assertIn(order, mail)
        stop()

        # An upgrade keeps the orders, and what the seller has changed in Tor's file.
        torrc = debian.path("/etc/tor/shop.torrc")
        torrc.write_text(torrc.read_text() + "# mine\n")
        said = debian.install(self.second)
        self.assertIn("-2", debian.run("dpkg-query", "-W", "-f", "${Version}", "shop"), said)
        self.assertTrue(torrc.read_text().endswith("# mine\n"))
        buyer, stop = self.open_shop()
        self.assertEqual(order, json.loads(debian.run(*debian.as_shop("shop", "orders", "--json")))[0]["ref"])
        stop()

        debian.run("apt-get", "remove", "-y", "-q", "shop")
        self.assertFalse(debian.path("/usr/bin/shop").exists())
        self.assertTrue((home / "db/shop.sqlite").exists())
        # Nobody is there to be asked.
        said = debian.run("/bin/sh", "-c", "apt-get purge -y -q shop 2>&1")
        self.assertIn("kept", said)
        self.assertTrue((home / "db/shop.sqlite").exists())
        self.assertFalse(torrc.exists())

    def purge(self, answer):
        """Purges the package at a terminal."""
        command = self.debian.command("/usr/bin/env", "DEBIAN_FRONTEND=readline", "apt-get", "purge", "-y", "shop")
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv("/usr/sbin/chroot", command)
        said, is_answered, end = "", False, time.monotonic() + 120
        while time.monotonic() < end:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                data = os.read(terminal, 4096)
            except OSError:
                break
            if not data:
                break
            said += data.decode(errors="replace")
            if not is_answered and "[yes/no]" in said.lower():
                os.write(terminal, (answer + "\n").encode())
                is_answered = True
        self.assertEqual(0, os.waitpid(pid, 0)[1], said)
        self.assertTrue(is_answered, said)
        self.assertIn("Delete all orders, keys and messages", said)

    def test_a_purge_asks_before_it_deletes_the_orders(self):
        home = self.debian.path("/var/lib/shop")
        for answer, is_kept in (("no", True), ("yes", False)):
            self.debian.install(self.first)
            (home / "db").mkdir(exist_ok=True)
            (home / "db/shop.sqlite").touch()
            self.purge(answer)
            self.assertEqual(is_kept, home.exists(), answer)
        self.assertNotEqual(0, self.debian.try_run("id", "shop").returncode)

    def test_its_units_are_valid_and_sandboxed(self):
        self.debian.install(self.first)
        paths = ["/usr/lib/systemd/system/" + unit for unit in UNITS]
        said = self.debian.run("/bin/sh", "-c", 'systemd-analyze verify "$@" 2>&1', "sh", *paths)
        self.assertEqual("", said)
        for unit, highest in (("shop.service", 0.1), ("shop-watch.service", 2.0), ("shop-notify.service", 2.0)):
            said = self.debian.run("systemd-analyze", "security", "--offline=true", "--no-pager", "/usr/lib/systemd/system/" + unit)
            score = float(re.search(r"exposure level for \S+: ([0-9.]+)", said).group(1))
            self.assertLessEqual(score, highest, unit)

    def test_its_man_pages_have_no_warnings(self):
        self.debian.install(self.first)
        pages = sorted(path.name for path in self.debian.path("/usr/share/man/man1").glob("shop*.gz"))
        self.assertIn("shop-serve.1.gz", pages)
        for page in pages:
            said = self.debian.run("/bin/sh", "-c", "man --warnings -E UTF-8 -l -Tutf8 /usr/share/man/man1/%s 2>&1 >/dev/null" % page)
            self.assertEqual("", said, page)

    def test_its_files_are_where_they_belong(self):
        # The program is static in a release and not in a test; nobody has an address.
        unfit = "statically-linked-binary,missing-dependency-on-libc,bogus-mail-host,no-changelog"
        said = subprocess.run(["lintian", "--fail-on", "error", "--suppress-tags", unfit, self.first], capture_output=True, text=True)
        self.assertEqual(0, said.returncode, said.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
