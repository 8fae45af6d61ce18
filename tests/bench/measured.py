"""The demo site; every answer says which master's worker gave it, and the health page says when."""

import os
import time

from demo.wsgi import application as demo


def application(environ, start_response):
    def start(status, headers, error=None):
        return start_response(status, [*headers, ("X-Master", str(os.getppid()))], error)

    answer = demo(environ, start)
    if environ["PATH_INFO"] == "/healthz":
        os.write(2, f"answered {time.monotonic_ns()} {os.getppid()}\n".encode())
    return answer
