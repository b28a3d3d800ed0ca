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


class Unanswered(ConnectionError):
    """The connection was lost before a whole answer had come."""


LOST = (OSError, http.client.HTTPException)


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()
        self.location = self.headers.get("Location")
        self.text = self.body.decode("utf-8", "replace")

    def value(self, field):
        """What the first form of the page holds in this field."""
        found = re.search(r'name="%s" value="([^"]*)"' % field, self.text)
        assert found, "a page without the field %s: %s" % (field, self)
        return html.unescape(found.group(1))

    def mark(self, id):
        """The text of the element with this id; None where there is none."""
        found = re.search(r'id="%s"[^>]*>\s*([^<]+?)\s*<' % id, self.text)
        return html.unescape(found.group(1)) if found else None

    def state(self):
        """The state of the order on the page."""
        return re.search(r'data-state="([^"]+)"', self.text).group(1)

    def words(self):
        """What the page shows."""
        return " ".join(re.sub(r"<[^>]+>", " ", self.text.partition("<main")[2] or self.text).split())

    def __str__(self):
        return "%d %s" % (self.status, self.words()[:300])


class Browser:
    """Each request has its own connection. `address`: of TCP, or "unix:" and a path.

    `circuit`: the number of a circuit, which Tor sends first with `HiddenServiceExportCircuitID haproxy`.
    """

    def __init__(self, address, host=None, circuit=None, cookies=()):
        self.address, self.circuit, self.cookies = address, circuit, dict(cookies)
        self.host = host or ("localhost" if address.startswith("unix:") else address)

    def twin(self):
        """The same browser with the cookies as they are now."""
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
        """The bytes of a request; `headers` are written with _ for -."""
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
        """Sends a request; its answer is read by `read`."""
        try:
            sock = self.connect()
        except LOST as error:
            raise Unanswered(error) from error
        try:
            sock.sendall(self.request(path, form, **headers))
            return sock
        except LOST as error:
            sock.close()
            raise Unanswered(error) from error

    def read(self, sock):
        with sock:
            try:
                response = http.client.HTTPResponse(sock)
                response.begin()
                answer = Answer(response)
            except LOST as error:
                raise Unanswered(error) from error
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, value = cookie.split(";")[0].split("=", 1)
            if "Max-Age=0" in cookie:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def ask(self, path, form=None, **headers):
        return self.read(self.send(path, form, **headers))

    def page(self, path):
        """A page that must be there."""
        answer = self.ask(path)
        assert answer.status == 200, "%s: %s" % (path, answer)
        return answer

    def submit(self, page, path, **fields):
        """Sends a form of a page, which must be accepted. Returns where it leads."""
        answer = self.ask(path, {"token": page.value("token"), **fields})
        assert answer.status == 303, "%s: %s" % (path, answer)
        return answer.location

    def choose_currency(self, currency):
        self.submit(self.page("/"), "/currency", currency=currency, back="/")

    def fill_cart(self, product="tea", option="", quantity=1):
        """Product and cart. Returns the fields of the checkout form, or None where it is sold out."""
        page = self.ask("/product/" + product)
        if "Sold out" in page.text:
            return None
        self.ask("/cart", {"token": page.value("token"), "product": product, "option": option, "quantity": str(quantity)})
        page = self.ask("/checkout")
        if page.status != 200:
            return None
        return {"token": page.value("token"), "shown": page.value("shown"), **ADDRESS}

    def place_order(self, product="tea", option="", quantity=1, **fields):
        """From the product to the order, whose page is returned."""
        form = self.fill_cart(product, option, quantity)
        assert form, "%s cannot be ordered" % product
        answer = self.ask("/checkout", {**form, **fields})
        assert (answer.status, answer.location) == (303, "/order"), answer
        return self.page("/order")

    def open_order(self, code):
        """Opens the order of this code as somebody who has nothing else. Returns its reference, or None."""
        for name in ("order", "__Host-order"):
            self.cookies.pop(name, None)
        answer = self.ask("/order", {"token": self.ask("/order").value("token"), "code": code})
        return self.ask("/order").mark("order-ref") if answer.status == 303 else None
