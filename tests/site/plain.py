"""The pages of the load without Django, so that it boots at once; and what may go wrong in a new
generation, as FAIL in its environment says."""

import os
import time
from urllib.parse import parse_qs

LARGE = b"".join(b"%08x" % number for number in range(131072))

if os.environ.get("FAIL") == "hang":
    time.sleep(1000)


# With a database, each small page asks it: over a connection of its own, or, where CONNECTIONS says so,
# over the one that its worker has had since it began.
def connect():
    import psycopg

    names = {"host": "HOST", "port": "PORT", "dbname": "NAME", "user": "USER", "password": "PASSWORD"}
    parts = {part: os.environ["DB_" + name] for part, name in names.items()}
    return psycopg.connect(**parts, connect_timeout=10, autocommit=True)


KEPT = connect() if os.environ.get("CONNECTIONS") == "kept" else None


def ask_the_database():
    if KEPT:
        KEPT.execute("SELECT 1")
    elif "DB_PASSWORD" in os.environ:
        with connect() as connection:
            connection.execute("SELECT 1")


def hold(say, hear):
    """Says in one pipe that it is at it, and goes on when it hears from the other."""
    with open(say, "w") as pipe:
        pipe.write("here\n")
    with open(hear) as pipe:
        pipe.readline()


def answer(environ):
    path = environ["PATH_INFO"]
    if path == "/small":
        ask_the_database()
    if path == "/healthz" and os.environ.get("FAIL") == "answer":
        return "500 Internal Server Error", b"no"
    if path == "/work":
        time.sleep(int(parse_qs(environ["QUERY_STRING"])["ms"][0]) / 1000)
        return "200 OK", b"done"
    if path == "/held":
        hold(*(parse_qs(environ["QUERY_STRING"])[name][0] for name in ("say", "hear")))
        return "200 OK", b"done"
    if path == "/echo":
        return "200 OK", environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    pages = {"/healthz": b"ok", "/small": b"small", "/large": LARGE}
    return ("200 OK", pages[path]) if path in pages else ("404 Not Found", b"")


def application(environ, start_response):
    status, body = answer(environ)
    headers = [("Content-Length", str(len(body))), ("X-Master", str(os.getppid()))]
    start_response(status, headers)
    return [body]
