"""Signs and verifies with Django's own signing, by the keys of its environment, on the socket that
keybearer hands over: one line in, one line out, one connection each."""

import os
import signal
import socket
import sys

from django.core.signing import BadSignature, Signer

signer = Signer(
    key=os.environ["SECRET_KEY"],
    fallback_keys=os.environ["SECRET_KEY_FALLBACKS"].split(","),
    salt="fleet",
)


def answer(line):
    word, _, token = line.partition(" ")
    if word == "sign":
        return signer.sign("said")
    try:
        return "good" if signer.unsign(token) == "said" else "bad"
    except BadSignature:
        return "bad"


listening = socket.socket(fileno=3)
# Between two connections and never in the middle of one.
listening.settimeout(0.2)
leaving = []
signal.signal(signal.SIGTERM, lambda *_: leaving.append(True))
while not leaving:
    try:
        connection, _ = listening.accept()
    except TimeoutError:
        continue
    with connection, connection.makefile("rw") as stream:
        connection.settimeout(10)
        stream.write(answer(stream.readline().strip()) + "\n")
sys.exit(0)
