"""A small WebDriver client: Firefox through geckodriver, as a buyer sees the shop."""

import base64
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def safest_preferences(socks_port):
    levels = json.loads((HERE / "safest.json").read_text())
    merged = {}
    for level in ("common", "safest", "emulation"):
        merged.update(levels[level])
    if socks_port:
        merged.update(levels["proxy"], **{"network.proxy.socks_port": socks_port})
    else:
        # The shop is on loopback then, not on an onion: plain http must be let through, and no proxy is used.
        merged["dom.security.https_only_mode"] = False
        merged["dom.security.https_only_mode_pbm"] = False
    return merged


class Firefox:
    """One session. `safest`: Tor Browser's level without scripts; else a stock Firefox, for what judges pages.

    With a SOCKS port everything goes through that tor, names included, as Tor Browser does it.
    """

    def __init__(self, safest=True, more=None, socks_port=None):
        driver = ROOT / "tests/tools/bin/geckodriver"
        driver = str(driver) if driver.exists() else shutil.which("geckodriver")
        port = free_port()
        self.driver = subprocess.Popen(
            [driver, "--allow-system-access", "--port", str(port), "--websocket-port", str(free_port())],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "MOZ_HEADLESS": "1"},
        )
        self.base = "http://127.0.0.1:%d" % port
        preferences = safest_preferences(socks_port) if safest else {}
        preferences.update(more or {})
        options = {"args": ["-headless"], "binary": shutil.which("firefox-esr"), "prefs": preferences}
        capabilities = {"alwaysMatch": {"browserName": "firefox", "moz:firefoxOptions": options}}
        for _ in range(100):
            try:
                with urllib.request.urlopen(self.base + "/status"):
                    break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        self.session = "/session/" + self.call("POST", "/session", {"capabilities": capabilities})["sessionId"]

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()[:600]) from None

    def do(self, method, path, body=None):
        return self.call(method, self.session + path, body)

    def go(self, url):
        self.do("POST", "/url", {"url": url})

    def url(self):
        return self.do("GET", "/url")

    def source(self):
        return self.do("GET", "/source")

    def find(self, selector):
        return self.do("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def find_all(self, selector):
        found = self.do("POST", "/elements", {"using": "css selector", "value": selector})
        return [element[ELEMENT] for element in found]

    def text(self, selector):
        return self.do("GET", "/element/%s/text" % self.find(selector))

    def attribute(self, selector, name):
        return self.do("GET", "/element/%s/attribute/%s" % (self.find(selector), name))

    def property(self, selector, name):
        return self.do("GET", "/element/%s/property/%s" % (self.find(selector), name))

    def rect(self, element):
        return self.do("GET", "/element/%s/rect" % element)

    def focused(self):
        return self.do("GET", "/element/active")[ELEMENT]

    def click(self, selector):
        """Clicks, and waits until the page that was there is gone where the click led to another."""
        self.do("POST", "/element/%s/click" % self.find(selector), {})

    def type(self, selector, words):
        element = self.find(selector)
        self.do("POST", "/element/%s/clear" % element, {})
        self.do("POST", "/element/%s/value" % element, {"text": words})

    def back(self):
        self.do("POST", "/back", {})

    def size(self, width, height):
        self.do("POST", "/window/rect", {"width": width, "height": height})

    def run(self, script, *arguments):
        return self.do("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def run_later(self, script, *arguments):
        return self.do("POST", "/execute/async", {"script": script, "args": list(arguments)})

    def run_in_browser(self, script, *arguments):
        """As the browser's own windows run it: it works where pages may run nothing."""
        self.do("POST", "/moz/context", {"context": "chrome"})
        try:
            return self.run(script, *arguments)
        finally:
            self.do("POST", "/moz/context", {"context": "content"})

    def zoom(self, factor):
        """Larger pixels, as Ctrl and + make them: a narrow page in a window of ordinary width."""
        self.run_in_browser("gBrowser.selectedBrowser.fullZoom = arguments[0]", factor)

    def cookies(self):
        """What the browser holds for the site on show. WebDriver's own list leaves out those of private windows."""
        held = self.run_in_browser(
            "const site = JSON.stringify(gBrowser.selectedBrowser.contentPrincipal.originAttributes);"
            "return Services.cookies.getCookiesWithOriginAttributes(site).map(cookie => ({name: cookie.name, value: cookie.value,"
            " secure: cookie.isSecure, httpOnly: cookie.isHttpOnly, sameSite: cookie.sameSite == 2 ? 'Strict' : 'other', path: cookie.path}))")
        return {cookie["name"]: cookie for cookie in held}

    def picture(self, whole=False):
        path = "/moz/screenshot/full" if whole else "/screenshot"
        return base64.b64decode(self.do("GET", path))

    def close(self):
        try:
            self.do("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
