"""Programs with JSON-RPC on loopback, and a proxy that counts their calls and changes their answers."""

import http.client
import http.server
import json
import pathlib
import signal
import subprocess
import tempfile
import threading

from lib.shop import free_port, wait_for


class RpcError(Exception):
    """An error that the program answered."""


class RpcProgram:
    """A program and its calls. A subclass sets `command`, and `ping`: a call that succeeds once the program is up."""

    path, headers = "/", {}

    def __init__(self, folder=None, port=None):
        self.temporary = None if folder else tempfile.TemporaryDirectory(prefix="shop-rpc-")
        self.folder = pathlib.Path(folder or self.temporary.name)
        self.port, self.process = port or free_port(), None
        self.url = "http://127.0.0.1:%d" % self.port

    def start(self):
        self.log = self.folder / ("%s-%d.log" % (pathlib.Path(self.command[0]).name, self.port))
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        wait_for("%s answers" % self.command[0], self.is_up)
        return self

    def is_up(self):
        assert self.process.poll() is None, "%s ended: %s" % (self.command[0], self.log.read_text()[-2000:])
        try:
            return self.ping() is not None
        except (OSError, RpcError, http.client.HTTPException):
            return False

    def post(self, path, body, headers={}):
        """Returns status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json", **self.headers, **headers})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def call_with(self, method, params, path=None):
        body = json.dumps({"jsonrpc": "2.0", "id": 0, "method": method, "params": params})
        answer = json.loads(self.post(path or self.path, body)[1])
        if answer.get("error"):
            raise RpcError("%s: %s" % (method, answer["error"]))
        return answer["result"]

    def call(self, method, *params):
        return self.call_with(method, params)

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def kill(self):
        self.stop(signal.SIGKILL)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()
        if self.temporary:
            self.temporary.cleanup()


class MoneroProgram(RpcProgram):
    """monerod, or monero-wallet-rpc."""

    path = "/json_rpc"

    def __init__(self, folder, *command):
        super().__init__(folder)
        self.command = [
            *command, "--rpc-bind-ip", "127.0.0.1", "--rpc-bind-port", str(self.port), "--log-level", "0",
            "--log-file", "own-%d.log" % self.port]

    def ping(self):
        return self.call("get_version")

    def call(self, method, **params):
        return self.call_with(method, params)


class Refused(Exception):
    """The node answered with an HTTP error."""


def rewriting(change):
    """A proxy's `answer` that replaces each of the node's answers by `change(call, answer)`."""
    return lambda calls, forward: [change(call, answer) for call, answer in zip(calls, forward())]


class Proxy:
    """A proxy between a shop and a node. It counts calls, and can be closed or answer instead of the node.

    `answer`: None, or a function of the list of calls and of a function that forwards calls to the node. It returns a list of
    answers, or the bytes of the response.
    """

    def __init__(self, node, answer=None):
        self.node, self.answer, self.n_requests, self.n_calls = node, answer, 0, 0
        self.port, self.server = free_port(), None
        self.url = "http://127.0.0.1:%d" % self.port
        self.open()

    def open(self):
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    status, content = proxy.respond(self.path, body, self.headers)
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def respond(self, path, body, headers):
        """Status and body of the response to a request."""
        request = json.loads(body)
        is_batch = isinstance(request, list)
        calls = request if is_batch else [request]
        self.n_requests += 1
        self.n_calls += len(calls)
        login = {"Authorization": headers["Authorization"]} if headers["Authorization"] else {}
        if self.answer is None:
            return self.node.post(path, body, login)

        def forward(calls=calls):
            status, body = self.node.post(path, json.dumps(calls if is_batch else calls[0]), login)
            if status != 200:
                raise Refused(status, body)
            answers = json.loads(body)
            # Nodes may answer in a different order.
            by_id = {answer["id"]: answer for answer in (answers if isinstance(answers, list) else [answers])}
            return [by_id[call["id"]] for call in calls]

        try:
            answers = self.answer(calls, forward)
        except Refused as error:
            return error.args
        if isinstance(answers, bytes):
            return 200, answers
        return 200, json.dumps(answers if is_batch or not answers else answers[0]).encode()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.server = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.server:
            self.close()
