"""What the servers of the clouds have in common: HTTP over TLS and in the clear, and the faults that a test has
asked for. What is answered, the cloud beside this says: cloud.handle(request) gives (status, body, headers)."""

import json
import os
import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vault"))

from certificates import make_certificates


class Answer(Exception):
    """An answer that ends the matter wherever it is found out."""

    def __init__(self, status, body, headers=None):
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers or {}


class Request:
    def __init__(self, method, target, headers, body, is_secure):
        split = urlsplit(target)
        self.method = method
        self.path = split.path
        self.query = dict(parse_qsl(split.query))
        self.headers = headers
        self.body = body
        self.is_secure = is_secure

    def form(self):
        if self.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            raise Answer(415, {"error": "not a form"})
        return dict(parse_qsl(self.body.decode()))

    def json(self):
        if self.headers.get("Content-Type") != "application/json":
            raise Answer(415, {"error": "not JSON"})
        return json.loads(self.body)

    def bearer(self):
        return self.headers.get("Authorization", "").removeprefix("Bearer ")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "keybearer-test-cloud"

    def handle_one(self):
        server = self.server
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        state = server.state
        if self.path.startswith("/test/"):
            return self.switch(json.loads(raw or b"null"))
        with state.lock:
            state.requests.append(f"{self.command} {self.path}")
            fault = next((f for f in state.faults if f["on"] in self.path and f.get("method", self.command) == self.command), None)
            if fault is not None and fault.get("skip", 0) > 0:
                fault["skip"] -= 1
                fault = None
            if fault is not None and fault.get("times") is not None:
                fault["times"] -= 1
                if fault["times"] <= 0:
                    state.faults.remove(fault)
        if fault is not None and not fault.get("after"):
            return self.fail(fault)
        status, body, headers = self.answer(raw)
        if fault is not None:
            # It was done, and the answer gets lost.
            return self.fail(fault)
        self.send(status, body, headers)

    def answer(self, raw):
        request = Request(self.command, self.path, self.headers, raw, self.server.context is not None)
        with self.server.state.lock:
            try:
                return self.server.cloud.handle(request)
            except Answer as answer:
                return answer.status, answer.body, answer.headers

    do_GET = do_POST = do_PUT = do_PATCH = handle_one

    def send(self, status, body, headers):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def fail(self, fault):
        """What a test asked for: a status with a body, no answer, half an answer, too much of one."""
        what = fault["fault"]
        text = fault.get("body", "{}").encode()
        if isinstance(what, int):
            self.send(what, text, fault.get("headers", {}))
        elif what == "silence":
            self.server.ended.wait()
        else:
            length = {"truncate": len(text) + 100, "flood": 1 << 30, "drip": 100_000}[what]
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(text if what == "truncate" else b" ")
            while what == "flood" and not self.server.ended.is_set():
                self.wfile.write(b" " * 65536)
            while what == "drip" and not self.server.ended.wait(0.05):
                self.wfile.write(b" ")
        self.close_connection = True

    def switch(self, body):
        """Nothing of a cloud's: what the tests say to this server and ask of it."""
        state = self.server.state
        with state.lock:
            what = self.path.removeprefix("/test/")
            said = None
            if what == "fault":
                state.faults = [body] if body else []
            elif what == "requests":
                said, state.requests = state.requests, []
            else:
                said = self.server.cloud.switch(what, body)
        self.send(200, {"data": said}, {})

    def log_message(self, *_):
        pass


class State:
    def __init__(self):
        self.lock = threading.RLock()
        self.faults = []
        self.requests = []


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, cloud, state, context):
        super().__init__(("127.0.0.1", 0), Handler)
        self.cloud = cloud
        self.state = state
        self.context = context
        self.ended = threading.Event()

    def finish_request(self, request, client_address):
        # In the connection's own thread: who is slow in the handshake holds nobody up.
        request.settimeout(60)
        if self.context is not None:
            request = self.context.wrap_socket(request, server_side=True)
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        # A client that went away, or did not like the certificate.
        pass


def serve(cloud):
    """Says in one line of JSON that it listens, and where; it ends with its standard input."""
    files = make_certificates(sys.argv[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["server_cert"], files["server_key"])
    state = State()
    secure = Server(cloud, state, context)
    plain = Server(cloud, state, None)
    for server in (secure, plain):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    said = {
        "port": secure.server_port,
        "plain_port": plain.server_port,
        "ca": files["ca"],
        "other_ca": files["other_ca"],
    }
    said.update(cloud.start(f"https://127.0.0.1:{secure.server_port}", f"http://127.0.0.1:{plain.server_port}"))
    print(json.dumps(said), flush=True)
    sys.stdin.buffer.read()
