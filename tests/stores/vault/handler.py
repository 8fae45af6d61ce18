"""HTTP: one request in, one answer out, and the faults that a test has asked for."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from answers import Refusal, seconds
from system import handle_auth, handle_system


class Request:
    def __init__(self, core, method, target, headers, body, peer):
        split = urlsplit(target)
        self.core = core
        self.method = method
        self.path = unquote(split.path.removeprefix("/v1/"))
        self.rest = self.path
        self.query = dict(parse_qsl(split.query))
        self.namespace = headers.get("X-Vault-Namespace", "").strip("/")
        self.headers = headers
        self.body = body
        self.peer = peer
        self.token = None

    def authenticate(self):
        self.token = self.core.token(self.headers.get("X-Vault-Token"), self.namespace)

    def need(self, capability):
        if self.token is None:
            self.authenticate()
        if not self.core.allowed(self.token, self.path, capability):
            raise Refusal(403, "1 error occurred:\n\t* permission denied\n\n")


def respond(core, request):
    if request.path.startswith("sys/health"):
        return handle_system(core, request)
    if core.condition == "sealed":
        raise Refusal(503, "Vault is sealed")
    if core.condition == "uninitialised":
        raise Refusal(503, "Vault is sealed")
    if request.headers.get("X-Vault-Request") != "true":
        raise Refusal(412, "required header \"X-Vault-Request\" is missing")
    if request.namespace not in core.namespaces:
        raise Refusal(404, f'no handler for route "{request.path}". route entry not found.')
    if request.path.startswith("sys/"):
        return handle_system(core, request)
    if request.path.startswith("auth/"):
        return handle_auth(core, request)
    # Before the mount is looked for: who may not ask does not learn what there is.
    request.authenticate()
    found, _, request.rest = core.find(core.mounts, request.namespace, request.path)
    return found.handle(request)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "keybearer-test-vault"

    def handle_one(self):
        core = self.server.core
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/test/"):
            return self.switch(core, json.loads(raw or b"null"))
        with core.lock:
            core.requests.append(f"{self.command} {self.path}")
            fault = next((f for f in core.faults if f["on"] in self.path and f.get("method", self.command) == self.command), None)
            if fault is not None and fault.get("skip"):
                fault["skip"] -= 1
                fault = None
            if fault is not None and fault.get("times") is not None:
                fault["times"] -= 1
                if fault["times"] <= 0:
                    core.faults.remove(fault)
        if fault is not None and not fault.get("after"):
            return self.fail(fault)
        status, body = self.answer(core, raw)
        if fault is not None:
            # It was done, and the answer gets lost.
            return self.fail(fault)
        self.send(status, body)

    def answer(self, core, raw):
        peer = self.connection.getpeercert(True) if hasattr(self.connection, "getpeercert") else None
        with core.lock:
            try:
                body = json.loads(raw) if raw else {}
                request = Request(core, self.command, self.path, self.headers, body, peer)
                status, body = respond(core, request)
                ttl = self.headers.get("X-Vault-Wrap-TTL")
                if ttl and status == 200:
                    return 200, core.wrap(body, seconds(ttl), request.path)
                return status, body
            except Refusal as refusal:
                return refusal.status, refusal.body
            except ValueError:
                return 400, {"errors": ["error parsing JSON"]}

    do_GET = do_POST = do_PUT = do_DELETE = do_LIST = handle_one

    def send(self, status, body):
        content = b"" if body is None else json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Cache-Control", "no-store")
        if content:
            self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def fail(self, fault):
        """What a test asked for: a status with a body, no answer, half an answer, too much of one."""
        what = fault["fault"]
        text = fault.get("body", json.dumps({"errors": ["internal error"]})).encode()
        if isinstance(what, int):
            self.send_response(what)
            for name, value in fault.get("headers", {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        elif what == "silence":
            self.server.ended.wait()
        elif what == "truncate":
            self.send_response(200)
            self.send_header("Content-Length", str(len(text) + 100))
            self.end_headers()
            self.wfile.write(text)
        elif what == "flood":
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 30))
            self.end_headers()
            while not self.server.ended.is_set():
                self.wfile.write(b" " * 65536)
        elif what == "drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            while not self.server.ended.wait(0.05):
                self.wfile.write(b" ")
        self.close_connection = True

    def switch(self, core, body):
        """Not Vault's: what the tests say to this server and ask of it."""
        with core.lock:
            what = self.path.removeprefix("/test/")
            said = None
            if what == "condition":
                core.condition = body
            elif what == "fault":
                core.faults = [body] if body else []
            elif what == "requests":
                said, core.requests = core.requests, []
            elif what == "leases":
                said = sorted(core.leases)
            elif what == "tokens":
                said = [
                    {"path": t.path, "left": t.left(), "uses": t.uses}
                    for t in core.tokens.values()
                    if "root" not in t.policies
                ]
            elif what == "expire-tokens":
                for token in [t for t in core.tokens.values() if t.path.startswith("auth/") and "root" not in t.policies]:
                    core.revoke_token(token)
        self.send(200, {"data": said})

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, core, context):
        super().__init__(("127.0.0.1", 0), Handler)
        self.core = core
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
