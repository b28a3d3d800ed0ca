"""A browser, controlled by WebDriver."""

import json
import os
import subprocess
import urllib.error
import urllib.request

from lib.shop import free_port, wait_for

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class WebDriver:
    """One session of a browser. `command`: starts the driver; the option for its port is added."""

    def __init__(self, command, capabilities, **environment):
        port = free_port()
        self.driver = subprocess.Popen(
            [*command, "--port=%d" % port], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, **environment})
        self.base = "http://127.0.0.1:%d" % port
        wait_for("the driver answers", self.is_up)
        always = {"alwaysMatch": capabilities}
        self.session = "/session/" + self.call("POST", "/session", {"capabilities": always})["sessionId"]

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

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.do("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()
