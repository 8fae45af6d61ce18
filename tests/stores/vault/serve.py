"""A Vault for the tests: the public HTTP API of https://developer.hashicorp.com/vault/api-docs, as far as a
site's secrets need it, over real sockets and TLS with a CA of its own. Everything is in memory.

    serve.py DIRECTORY

DIRECTORY gets the CA and the certificates. One line of JSON on standard output says that it listens, and
where; it ends with its standard input.
"""

import json
import os
import ssl
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from certificates import make_certificates
from core import Core
from handler import Server


def main():
    directory = sys.argv[1]
    files = make_certificates(directory)
    core = Core()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["server_cert"], files["server_key"])
    # As Vault does: a client certificate is asked for and not demanded. Which are good is the cert
    # method's business; those of another CA are turned away in the handshake.
    context.load_verify_locations(files["ca"])
    context.verify_mode = ssl.CERT_OPTIONAL
    secure = Server(core, context)
    plain = Server(core, None)
    for server in (secure, plain):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    core.start_clock()
    said = {
        "port": secure.server_port,
        "plain_port": plain.server_port,
        "ca": files["ca"],
        "client_cert": files["client_cert"],
        "client_key": files["client_key"],
        "other_ca": files["other_ca"],
        "root_token": core.root_token,
    }
    print(json.dumps(said), flush=True)
    sys.stdin.buffer.read()
    core.stop()


main()
