"""serve.py DIRECTORY: what AWS is to the tests, on loopback ports of its own.

moto, over TLS and plain; answers that go wrong, over TLS; and, plain, where a container and an
instance get their credentials. One line on standard output says the ports; then one line for each
request says what was asked, and as whom.
"""

import io
import json
import re
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlsplit

import certificates
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

CANARY = "canary-of-the-body"


def say(*words):
    # One write, so that lines of two threads do not mix.
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


class Heard:
    """moto, and what it is asked. Of a secret with `lossy` in its name each kind of write is done
    once before its answer is lost."""

    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.lost = set()

    def __call__(self, environ, start_response):
        key = re.search("Credential=([^/]*)", environ.get("HTTP_AUTHORIZATION", ""))
        asked = environ.get("HTTP_X_AMZ_TARGET", "")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if not asked:
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            wanted = ["Action", "RoleArn", "ExternalId", "WebIdentityToken"]
            asked = " ".join(form[name] for name in wanted if name in form)
        say("moto", key.group(1) if key else "-", asked)
        if b"lossy" in body and asked.split(".")[-1][:3] in ("Put", "Upd") and asked not in self.lost:
            self.lost.add(asked)
            list(self.moto(environ, lambda *_: None))
            start_response("503 Service Unavailable", [("Content-Length", "0")])
            return []
        return self.moto(environ, start_response)


class Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass


class Answers(BaseHTTPRequestHandler):
    """Each path, or name of a secret, is one way to go wrong. Wherever there is a body, the canary is in it."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, body, *headers):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def code(self, code, status=400):
        self.send(status, json.dumps({"__type": code, "Message": CANARY}))

    def value(self, text):
        self.send(200, json.dumps({"VersionId": "v" * 32, "SecretString": text}))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        # A config names no path: there the secret's name is the way.
        way = self.path.strip("/") or json.loads(body)["SecretId"]
        if way != "token":
            say("answers", way)
        match way:
            case "failing":
                self.code("InternalServiceError", 500)
            case "gateway":
                self.send(502, f"<html>{CANARY}</html>")
            case "page":
                self.send(200, f"<html>{CANARY}</html>")
            case "empty":
                self.send(200, "{}")
            case "elsewhere":
                self.send(302, CANARY, ("Location", f"https://elsewhere.invalid/{CANARY}"))
            case "cut":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(f'{{"SecretString":"{CANARY}'.encode())
                self.close_connection = True
            case "large":
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                chunk = CANARY.encode() * 4096
                while True:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            case "drip":
                self.send_response(200)
                self.send_header("Content-Length", "100000")
                self.end_headers()
                while True:
                    self.wfile.write(b" ")
                    time.sleep(0.1)
            case "silent":
                # Until the other side goes away.
                self.rfile.read(1)
            case "deep":
                self.value('{"A":' + "[" * 100_000 + "]" * 100_000 + "}")
            case "plain":
                self.value(CANARY)
            case "twice":
                self.value(f'{{"{CANARY}":1,"{CANARY}":2}}')
            case "no-kms":
                message = f"Access to KMS is not allowed {CANARY}"
                self.send(400, json.dumps({"__type": "AccessDeniedException", "Message": message}))
            case "token":
                # A new token of SSO, for one that could be refreshed.
                say("oidc", "token")
                new = {"accessToken": CANARY, "refreshToken": CANARY, "expiresIn": 3600}
                self.send(200, json.dumps(new))
            case sts if sts.startswith("sts-"):
                code = sts.removeprefix("sts-")
                error = f"<Error><Code>{code}</Code><Message>{CANARY}</Message></Error>"
                self.send(403, f"<ErrorResponse>{error}</ErrorResponse>")
            case code:
                self.code(code)

    def do_GET(self):
        """Where a session of SSO becomes credentials."""
        split = urlsplit(self.path)
        asked = dict(parse_qsl(split.query))
        token = self.headers.get("x-amz-sso_bearer_token")
        say("portal", split.path, asked.get("account_id", "-"), asked.get("role_name", "-"))
        if token != "sso-token":
            self.code("UnauthorizedException", 401)
        elif asked.get("role_name") == "busy":
            self.code("TooManyRequestsException", 429)
        elif asked.get("role_name") != "reader":
            self.code("ForbiddenException", 403)
        else:
            credentials = {
                "accessKeyId": "SSOKEY",
                "secretAccessKey": "secret",
                "sessionToken": "token",
                "expiration": int(time.time() + 3600) * 1000,
            }
            self.send(200, json.dumps({"roleCredentials": credentials}))


class Credentials(BaseHTTPRequestHandler):
    """http://.../container, and an instance's metadata in version 2."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, body, *headers):
        self.send_response(200)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def credentials(self, key):
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        self.send(
            json.dumps(
                {
                    "Code": "Success",
                    "AccessKeyId": key,
                    "SecretAccessKey": "secret",
                    "Token": "token",
                    "Expiration": expires,
                }
            )
        )

    def do_PUT(self):
        ttl = self.headers["x-aws-ec2-metadata-token-ttl-seconds"]
        self.send("imds-token", ("x-aws-ec2-metadata-token-ttl-seconds", ttl))

    def do_GET(self):
        role = "/latest/meta-data/iam/security-credentials/"
        token = self.headers.get("x-aws-ec2-metadata-token")
        if self.path == "/container" and self.headers.get("Authorization") == "container-token":
            self.credentials("CONTAINERKEY")
        elif self.path == role and token == "imds-token":
            self.send("instance-role")
        elif self.path == role + "instance-role" and token == "imds-token":
            self.credentials("INSTANCEKEY")
        else:
            self.send_error(403)


def start(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return str(server.server_port)


def main():
    directory = sys.argv[1]
    certificates.make(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{directory}/server.pem")
    app = Heard()
    moto = [
        make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet, ssl_context=tls)
        for tls in (context, None)
    ]
    answers = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    answers.handle_error = lambda *_: None
    # The handshake in the connection's own thread, where one that hangs holds nobody up.
    answers.socket = context.wrap_socket(
        answers.socket, server_side=True, do_handshake_on_connect=False
    )
    plain = ThreadingHTTPServer(("127.0.0.1", 0), Credentials)
    say("ready", *(start(server) for server in (*moto, answers, plain)))
    threading.Event().wait()


main()
