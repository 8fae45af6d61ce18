"""generations.py ADDRESS COMMAND...: generations of a Gunicorn on one socket, each started and
stopped as the lines on standard input say. What keybearer does, taken apart, so that a test can put
it together wrongly.

  start JSON   starts one with these variables; "N ready PID" when it answers on a socket of its own
  stop         stops the oldest one; "N stopped PID" when it is gone

N counts the orders.
"""

import json
import os
import socket
import subprocess
import sys
import time

address, command = sys.argv[1], sys.argv[2:]
if address.startswith("unix:"):
    public = socket.socket(socket.AF_UNIX)
    public.bind(address.removeprefix("unix:"))
    public.listen(2048)
else:
    host, port = address.split(":")
    public = socket.create_server((host, int(port)), backlog=2048)
# The numbers are the protocol's: sd_listen_fds(3).
os.dup2(os.open("/dev/null", os.O_RDONLY), 4)
os.dup2(public.fileno(), 3)
generations = []


def answers(path):
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(5)
            probe.connect(path)
            probe.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return b" 200 OK" in probe.recv(4096)
    except OSError:
        return False


def start(variables, number):
    private = f"private-{number}.sock"
    with socket.socket(socket.AF_UNIX) as probed:
        probed.bind(private)
        probed.listen()
        os.dup2(probed.fileno(), 4)
    # LISTEN_PID is known only in the child; the shell keeps its own when it becomes the server.
    become = ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$0" "$@"', *command]
    child = subprocess.Popen(
        become,
        env={**os.environ, **variables, "LISTEN_FDS": "2"},
        stdin=subprocess.DEVNULL,
        pass_fds=[3, 4],
    )
    while not answers(private):
        if child.poll() is not None:
            sys.exit(f"it ended with {child.returncode}")
        time.sleep(0.02)
    return child


for number, line in enumerate(sys.stdin, 1):
    word, _, rest = line.strip().partition(" ")
    if word == "start":
        generations.append(start(json.loads(rest), number))
        print(number, "ready", generations[-1].pid, flush=True)
    elif word == "stop":
        oldest = generations.pop(0)
        oldest.terminate()
        oldest.wait()
        print(number, "stopped", oldest.pid, flush=True)
for generation in generations:
    generation.terminate()
for generation in generations:
    generation.wait()
