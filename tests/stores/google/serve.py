"""Google Secret Manager for the tests, with what gives tokens for it: the public REST pages of
https://cloud.google.com/secret-manager/docs/reference/rest, as far as a site's secrets need them, over real sockets
and TLS with a CA of its own. Everything is in memory.

    serve.py DIRECTORY

DIRECTORY gets the CA and the certificates. Every error carries a canary in its message.
"""

import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "..", "rest")]

from manager import Manager
from server import Answer, serve
from tokens import Tokens


class Google:
    def __init__(self):
        self.tokens = Tokens()
        self.manager = Manager()

    def start(self, secure, plain):
        return self.tokens.start(secure, plain)

    def handle(self, request):
        answer = self.tokens.handle(request)
        if answer is not None:
            return answer
        if request.bearer() not in self.tokens.valid:
            raise Answer(401, error(401, "UNAUTHENTICATED"))
        if request.bearer().startswith("usr.") and request.headers.get("x-goog-user-project") != "example":
            raise Answer(403, error(403, "PERMISSION_DENIED"))
        return self.manager.handle(request)

    def switch(self, what, body):
        if what == "expire-tokens":
            self.tokens.valid.clear()
            return None
        return self.manager.switch(what, body)


def error(code, status):
    return {"error": {"code": code, "message": "canary-7f3a", "status": status}}


serve(Google())
