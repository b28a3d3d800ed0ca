"""A buyer behind Tor, as the shop sees one: a browser without scripts, and the number of a circuit in front of all it says."""

import html
import http.client
import re
import socket
import time
import urllib.parse

ADDRESS = {
    "recipient": "Ada Byron",
    "street": "12 St James's Square",
    "city": "London",
    "province": "Greater London",
    "postcode": "SW1Y 4JH",
    "country": "United Kingdom",
}


def until(is_so, seconds, pause=0.2):
    """Waits for what comes by itself; false if it did not come in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(pause)
    return False


class ThroughTor(http.client.HTTPConnection):
    """HTTP on a unix socket, behind the line that tor sends for `HiddenServiceExportCircuitID haproxy`."""

    def __init__(self, path, circuit):
        super().__init__("localhost", timeout=20)
        self.path, self.circuit = path, circuit

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))
        self.sock.sendall(b"PROXY TCP6 fc00:dead:beef:4dad::0:%x ::1 %d 80\r\n" % (self.circuit, self.circuit))


class Answer:
    def __init__(self, answer):
        self.status, self.headers, self.text = answer.status, answer.headers, answer.read().decode("utf-8", "replace")

    def mark(self, name):
        """The text of the element with this id."""
        found = re.search(r'id="%s"[^>]*>([^<]*)<' % re.escape(name), self.text)
        assert found, "no #%s in %s" % (name, self.text)
        return html.unescape(found.group(1)).strip()

    def token(self):
        return re.search(r'name="token" value="([^"]*)"', self.text).group(1)


class Buyer:
    def __init__(self, stand, circuit=25):
        self.path, self.host, self.circuit, self.cookies = stand.socket(), stand.host, circuit, {}

    def request(self, method, path, fields=None):
        connection = ThroughTor(self.path, self.circuit)
        headers = {"Host": self.host, "Accept-Encoding": "identity"}
        if self.cookies:
            headers["Cookie"] = "; ".join("%s=%s" % pair for pair in self.cookies.items())
        body = None
        if fields is not None:
            body = urllib.parse.urlencode(fields)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body, headers)
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, value = line.split(";")[0].split("=", 1)
            if "Max-Age=0" in line:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def get(self, path):
        answer = self.request("GET", path)
        assert answer.status == 200, "GET %s: %d\n%s" % (path, answer.status, answer.text)
        return answer

    def post(self, page, path, **fields):
        """Sends a form of a page; gives back where it leads."""
        answer = self.request("POST", path, {"token": page.token(), **fields})
        assert answer.status == 303, "POST %s: %d\n%s" % (path, answer.status, answer.text)
        return answer.headers["Location"]

    def puts_into_cart(self, slug, option="", quantity="1"):
        page = self.get("/product/" + slug)
        assert self.post(page, "/cart", product=slug, option=option, quantity=quantity) == "/cart"

    def checks_out(self, **more):
        page = self.get("/checkout")
        shown = re.search(r'name="shown" value="([^"]*)"', page.text).group(1)
        assert self.post(page, "/checkout", shown=html.unescape(shown), **{**ADDRESS, **more}) == "/order"
        page = self.get("/order")
        return page.mark("code") and re.search(r'id="order-ref">([^<]*)<', page.text).group(1), page.mark("code")

    def comes_back(self, code):
        """Gives back the order that the code opens."""
        assert self.post(self.get("/order"), "/order", code=code) == "/order"
        return self.get("/order").mark("order-ref")

    def style(self):
        return re.search(r"/static/[^\"]+\.css", self.get("/").text).group(0)
