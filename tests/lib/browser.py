"""A buyer's browser without scripts: HTTP, a cookie jar, and the steps from a product to an order."""

import html
import http.client
import re
import socket
import urllib.parse

ADDRESS = {
    "recipient": "Ada Byron",
    "street": "12 St James's Square",
    "city": "London",
    "province": "Greater London",
    "postcode": "SW1Y 4JH",
    "country": "United Kingdom",
}


class NoResponse(ConnectionError):
    """The connection was lost before the response was complete."""


LOST = (OSError, http.client.HTTPException)


class Response:
    def __init__(self, raw):
        self.status, self.headers, self.body = raw.status, raw.headers, raw.read()
        self.location = self.headers.get("Location")
        self.text = self.body.decode("utf-8", "replace")

    def value(self, field):
        """The value of this field in the first form of the page."""
        match = re.search(r'name="%s" value="([^"]*)"' % field, self.text)
        assert match, "a page without the field %s: %s" % (field, self)
        return html.unescape(match.group(1))

    def text_of(self, id):
        """The text of the element with this id, or None."""
        match = re.search(r'id="%s"[^>]*>\s*([^<]+?)\s*<' % id, self.text)
        return html.unescape(match.group(1)) if match else None

    def state(self):
        """The status of the order on the page."""
        return re.search(r'data-state="([^"]+)"', self.text).group(1)

    def main_text(self):
        """The visible text of the page's main part."""
        return " ".join(re.sub(r"<[^>]+>", " ", self.text.partition("<main")[2] or self.text).split())

    def __str__(self):
        return "%d %s" % (self.status, self.main_text()[:300])


class Browser:
    """Each request has its own connection. `address`: HOST:PORT, or "unix:" and a path.

    `circuit`: the circuit number, which Tor sends first with `HiddenServiceExportCircuitID haproxy`.
    """

    def __init__(self, address, host=None, circuit=None, cookies=()):
        self.address, self.circuit, self.cookies = address, circuit, dict(cookies)
        self.host = host or ("localhost" if address.startswith("unix:") else address)

    def copy(self):
        """Another browser with the current cookies."""
        return Browser(self.address, self.host, self.circuit, self.cookies)

    def connect(self):
        kind, _, rest = self.address.partition(":")
        sock = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
        try:
            sock.settimeout(60)
            sock.connect(rest if kind == "unix" else (kind, int(rest)))
            if self.circuit is not None:
                sock.sendall(b"PROXY TCP6 fc00:dead:beef:4dad::0:%x ::1 %d 80\r\n" % (self.circuit, self.circuit))
            return sock
        except BaseException:
            sock.close()
            raise

    def request(self, path, form=None, **headers):
        """The bytes of a request. In the names of `headers`, _ stands for -."""
        body = b"" if form is None else urllib.parse.urlencode(form).encode()
        headers = {"Host": self.host, "Connection": "close", **headers}
        if self.cookies:
            headers.setdefault("Cookie", "; ".join("=".join(pair) for pair in self.cookies.items()))
        if form is not None:
            headers.update(Content_Type="application/x-www-form-urlencoded", Content_Length=len(body))
        head = ["%s %s HTTP/1.1" % ("GET" if form is None else "POST", path)]
        head += ["%s: %s" % (name.replace("_", "-"), value) for name, value in headers.items()]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body

    def send(self, path, form=None, **headers):
        """Sends a request. Returns the socket, for `read`."""
        try:
            sock = self.connect()
        except LOST as error:
            raise NoResponse(error) from error
        try:
            sock.sendall(self.request(path, form, **headers))
            return sock
        except LOST as error:
            sock.close()
            raise NoResponse(error) from error

    def read(self, sock):
        """Reads the response and stores its cookies."""
        with sock:
            try:
                raw = http.client.HTTPResponse(sock)
                raw.begin()
                response = Response(raw)
            except LOST as error:
                raise NoResponse(error) from error
        for cookie in response.headers.get_all("Set-Cookie", []):
            name, value = cookie.split(";")[0].split("=", 1)
            if "Max-Age=0" in cookie:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return response

    def fetch(self, path, form=None, **headers):
        return self.read(self.send(path, form, **headers))

    def page(self, path):
        """Fetches a page, which must exist."""
        response = self.fetch(path)
        assert response.status == 200, "%s: %s" % (path, response)
        return response

    def submit(self, page, path, **fields):
        """Sends a form of a page, which must be accepted. Returns the target of the redirect."""
        response = self.fetch(path, {"token": page.value("token"), **fields})
        assert response.status == 303, "%s: %s" % (path, response)
        return response.location

    def choose_currency(self, currency):
        self.submit(self.page("/"), "/currency", currency=currency, back="/")

    def fill_cart(self, product="tea", option="", quantity=1):
        """Puts a product into the cart. Returns the fields of the checkout form, or None if it cannot be ordered."""
        page = self.fetch("/product/" + product)
        if "Sold out" in page.text:
            return None
        self.fetch("/cart", {"token": page.value("token"), "product": product, "option": option, "quantity": str(quantity)})
        page = self.fetch("/checkout")
        if page.status != 200:
            return None
        return {"token": page.value("token"), **ADDRESS}

    def review(self, form):
        """Sends the checkout form. Returns the fields that place the order, or None if it cannot be ordered."""
        page = self.fetch("/checkout", form)
        if page.status != 200:
            return None
        # The challenge is there in siege mode.
        names = ["token", "draft"] + ["challenge"] * ('name="challenge"' in page.text)
        return {name: page.value(name) for name in names}

    def place_order(self, product="tea", option="", quantity=1, **fields):
        """Orders a product and returns the order's page."""
        form = self.fill_cart(product, option, quantity)
        assert form, "%s cannot be ordered" % product
        form = self.review({**form, **fields})
        assert form, "%s cannot be ordered" % product
        response = self.fetch("/checkout/place", form)
        assert (response.status, response.location) == (303, "/order"), response
        return self.page("/order")

    def open_order(self, code):
        """Opens an order with nothing but its code. Returns its reference, or None."""
        for name in ("order", "__Host-order"):
            self.cookies.pop(name, None)
        response = self.fetch("/order", {"token": self.fetch("/order").value("token"), "code": code})
        return self.fetch("/order").text_of("order-ref") if response.status == 303 else None
