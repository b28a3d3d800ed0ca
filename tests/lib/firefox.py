"""Firefox, controlled through geckodriver."""

import base64
import json
import pathlib
import shutil

from lib.shop import ROOT, free_port
from lib.webdriver import WebDriver


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


class Firefox(WebDriver):
    """One session. `safest`: Tor Browser's level without scripts; otherwise a stock Firefox, for page validators.

    Files are downloaded into the folder `downloads`. With a SOCKS port all traffic goes through that tor, including host names, as in Tor Browser.
    """

    def __init__(self, safest=True, preferences=None, socks_port=None, downloads=None):
        driver = ROOT / "tests/tools/bin/geckodriver"
        driver = str(driver) if driver.exists() else shutil.which("geckodriver")
        command = [driver, "--allow-system-access", "--websocket-port=%d" % free_port()]
        all_preferences = {**(safest_preferences(socks_port) if safest else {}), **(preferences or {})}
        if downloads:
            # Tor Browser asks where to save a file.
            all_preferences |= {
                "browser.download.useDownloadDir": True, "browser.download.always_ask_before_handling_new_types": False,
                "browser.download.folderList": 2, "browser.download.dir": str(downloads),
            }
        options = {"args": ["-headless"], "binary": shutil.which("firefox-esr"), "prefs": all_preferences}
        super().__init__(command, {"browserName": "firefox", "moz:firefoxOptions": options}, MOZ_HEADLESS="1")

    def run_in_browser(self, script, *arguments):
        """Runs a script with the privileges of the browser's own windows, even if pages may not run scripts."""
        self.do("POST", "/moz/context", {"context": "chrome"})
        try:
            return self.run(script, *arguments)
        finally:
            self.do("POST", "/moz/context", {"context": "content"})

    def count_requests(self):
        """Begins to count the requests that leave the browser."""
        self.run_in_browser(
            "window.nRequests = 0;"
            "Services.obs.addObserver(() => { window.nRequests += 1; }, 'http-on-examine-response')")

    def n_requests(self):
        """How many were sent since `count_requests`; what the browser had cached is not among them."""
        return self.run_in_browser("return window.nRequests")

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
