"""Azure Key Vault for the tests, with what gives tokens for it: the public pages of
https://learn.microsoft.com/rest/api/keyvault/secrets and of the identity platform, as far as a site's secrets need
them, over real sockets and TLS with a CA of its own. Everything is in memory.

    serve.py DIRECTORY

DIRECTORY gets the CA and the certificates. Every error carries a canary in its message.
"""

import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "..", "rest")]

from entra import Entra
from key_vault import KeyVault
from server import Answer, serve


class Azure:
    def __init__(self):
        self.entra = Entra()
        self.vault = KeyVault()

    def start(self, secure, plain):
        self.vault.address = secure
        return self.entra.start(secure, plain)

    def handle(self, request):
        answer = self.entra.handle(request)
        if answer is not None:
            return answer
        if request.bearer() not in self.entra.valid:
            challenge = f'Bearer authorization="{self.vault.address}/tenant", resource="https://vault.azure.net"'
            body = {"error": {"code": "Unauthorized", "message": "canary-7f3a"}}
            raise Answer(401, body, {"WWW-Authenticate": challenge})
        return self.vault.handle(request)

    def switch(self, what, body):
        if what == "expire-tokens":
            self.entra.valid.clear()
            return None
        return self.vault.switch(what, body)


serve(Azure())
