"""Firefox, controlled through geckodriver by WebDriver, and a buyer's steps in it."""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import urllib.error
import urllib.request

from lib.browser import ADDRESS
from lib.shop import ROOT, free_port, wait_for

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def safest_preferences(socks_port):
    levels = json.loads(pathlib.Path(__file__).with_name("safest.json").read_text())
    merged = {}
    for level in ("common", "safest", "emulation"):
        merged.update(levels[level])
    if socks_port:
        merged.update(levels["proxy"], **{"network.proxy.socks_port": socks_port})
    else:
        # Without a proxy the shop is on loopback, so plain http must be allowed.
        merged["dom.security.https_only_mode"] = False
        merged["dom.security.https_only_mode_pbm"] = False
    return merged


class Firefox:
    """One session. `safest`: Tor Browser's level without scripts; otherwise a stock Firefox, for page validators.

    With a SOCKS port all traffic goes through that tor, including host names, as in Tor Browser.
    """

    def __init__(self, safest=True, preferences=None, socks_port=None):
        driver = ROOT / "tests/tools/bin/geckodriver"
        driver = str(driver) if driver.exists() else shutil.which("geckodriver")
        port = free_port()
        self.driver = subprocess.Popen(
            [driver, "--allow-system-access", "--port", str(port), "--websocket-port", str(free_port())],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "MOZ_HEADLESS": "1"})
        self.base = "http://127.0.0.1:%d" % port
        all_preferences = {**(safest_preferences(socks_port) if safest else {}), **(preferences or {})}
        options = {"args": ["-headless"], "binary": shutil.which("firefox-esr"), "prefs": all_preferences}
        capabilities = {"alwaysMatch": {"browserName": "firefox", "moz:firefoxOptions": options}}
        wait_for("geckodriver answers", self.is_up)
        self.session = "/session/" + self.call("POST", "/session", {"capabilities": capabilities})["sessionId"]

    def is_up(self):
        try:
            return self.call("GET", "/status")
        except (urllib.error.URLError, ConnectionError):
            return False

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
        elements = self.do("POST", "/elements", {"using": "css selector", "value": selector})
        return [element[ELEMENT] for element in elements]

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
        """Clicks, and waits for the next page if the click leads to one."""
        self.do("POST", "/element/%s/click" % self.find(selector), {})

    def type(self, selector, text):
        element = self.find(selector)
        self.do("POST", "/element/%s/clear" % element, {})
        self.do("POST", "/element/%s/value" % element, {"text": text})

    def fill(self, fields):
        """Types into several fields; their ids are without #."""
        for id, text in fields.items():
            if self.run("return document.getElementById(arguments[0]).localName", id) == "select":
                self.choose("#" + id, text)
            else:
                self.type("#" + id, text)

    def choose(self, selector, text):
        """Chooses an option of a list by its text."""
        options = "return [...document.querySelector(arguments[0]).options].findIndex(option => option.text == arguments[1])"
        index = self.run(options, selector, text)
        assert 0 <= index, "%s has no %s" % (selector, text)
        self.click("%s option:nth-child(%d)" % (selector, index + 1))

    def back(self):
        self.do("POST", "/back", {})

    def size(self, width, height):
        self.do("POST", "/window/rect", {"width": width, "height": height})

    def run(self, script, *arguments):
        return self.do("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def run_later(self, script, *arguments):
        return self.do("POST", "/execute/async", {"script": script, "args": list(arguments)})

    def run_in_browser(self, script, *arguments):
        """Runs a script with the privileges of the browser's own windows, even if pages may not run scripts."""
        self.do("POST", "/moz/context", {"context": "chrome"})
        try:
            return self.run(script, *arguments)
        finally:
            self.do("POST", "/moz/context", {"context": "content"})

    def zoom(self, factor):
        """Zooms in, like Ctrl and +: a narrow page in a window of normal width."""
        self.run_in_browser("gBrowser.selectedBrowser.fullZoom = arguments[0]", factor)

    def cookies(self):
        """The cookies of the current site. WebDriver's own list omits those of private windows."""
        cookies = self.run_in_browser(
            "const site = JSON.stringify(gBrowser.selectedBrowser.contentPrincipal.originAttributes);"
            "return Services.cookies.getCookiesWithOriginAttributes(site).map(cookie => ({name: cookie.name, value: cookie.value,"
            " secure: cookie.isSecure, httpOnly: cookie.isHttpOnly, sameSite: cookie.sameSite == 2 ? 'Strict' : 'other', path: cookie.path}))")
        return {cookie["name"]: cookie for cookie in cookies}

    def screenshot(self, full_page=False):
        path = "/moz/screenshot/full" if full_page else "/screenshot"
        return base64.b64decode(self.do("GET", path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.do("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()


def add_to_cart(firefox, shop, product, option=None, quantity="1"):
    firefox.go(shop.url + "/product/" + product)
    if option:
        firefox.click('#option option[value="%s"]' % option)
    firefox.type("#quantity", quantity)
    firefox.click(".buy button")
    assert firefox.url() == shop.url + "/cart", firefox.url()


def fill_checkout(firefox, **more):
    firefox.fill({**ADDRESS, **more})


def place_order(firefox, shop, **more):
    """Orders the cart, and returns the order's reference."""
    firefox.go(shop.url + "/checkout")
    fill_checkout(firefox, **more)
    confirm_order(firefox, shop)
    return firefox.text("#order-ref")


def review_order(firefox):
    """Sends the filled-in checkout."""
    firefox.click("form[action='/checkout'] .primary")
    assert firefox.find_all("input[name=draft]"), firefox.source()


def confirm_order(firefox, shop):
    """Reviews the filled-in checkout and places the order."""
    review_order(firefox)
    firefox.click("form[action='/checkout/place'] .primary")
    assert firefox.url() == shop.url + "/order", firefox.source()


def open_order(firefox, shop, code):
    """Enters the code of an order."""
    firefox.go(shop.url + "/order")
    firefox.type("#code", code)
    firefox.click("main .primary")


def report_transaction(firefox):
    firefox.type("#transaction", "0x" + "ab" * 32)
    firefox.click("form[action='/order/transaction'] button")


def send_message(firefox, text):
    firefox.type("#message", text)
    firefox.click("form[action='/order/message'] button")
