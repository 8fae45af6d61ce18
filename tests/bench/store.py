"""What keybearer holds while idle, after a fetch over TLS and ten new keys from there; see `run`
beside it."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from process import children_of, is_idle, memory_of, status_of, switches_of
from report import goal

KEYBEARER, WINDOW = sys.argv[1], float(sys.argv[2])
PLACE = tempfile.mkdtemp()
KEYS = 10
IS_ROOT = os.geteuid() == 0


def put(server, number):
    """A new key in the store: the next version of the document."""
    document = {"data": {"SECRET_KEY": hashlib.sha256(bytes([number])).hexdigest(), "DATABASE_URL": "sqlite:///db"}}
    address = f"http://127.0.0.1:{server['plain_port']}/v1/secret/data/example"
    headers = {"X-Vault-Token": server["root_token"], "X-Vault-Request": "true"}
    asked = urllib.request.Request(address, json.dumps(document).encode(), headers, method="POST")
    with urllib.request.urlopen(asked) as answer:
        answer.read()


def config(server):
    path = f"{PLACE}/store.toml"
    user = 'user = "nobody"\n' if IS_ROOT else ""
    with open(path, "w") as file:
        file.write(
            f'command = ["/bin/sleep", "1000"]\n{user}'
            f'[[source]]\ntype = "vault"\naddress = "https://127.0.0.1:{server["port"]}"\n'
            f'mount = "secret"\npath = "example"\nca-file = "{server["ca"]}"\n'
            '[listen]\nsockets = ["127.0.0.1:8999"]\n'
            '[ready]\nsettle = "100ms"\n[keys]\nkeep = 20\n'
        )
    return path


def wait_for_ready(notify):
    while b"READY=1" not in notify.recv(4096):
        pass


def wait_for_one_child(pid):
    while len(children_of(pid)) != 1:
        time.sleep(0.05)


def look(server):
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = f"\0keybearer-bench-store-{os.getpid()}"
    notify.bind(path)
    notify.settimeout(60)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": "/",
        "VAULT_TOKEN": server["root_token"],
        "RUNTIME_DIRECTORY": f"{PLACE}/run",
        "NOTIFY_SOCKET": path.replace("\0", "@"),
    }
    put(server, 1)
    command = [KEYBEARER, "run", "--quiet", "--config", config(server)]
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_ready(notify)
    for number in range(2, KEYS + 2):
        put(server, number)
        process.send_signal(signal.SIGHUP)
        # A key is first learned, then it signs; the last one says so.
        wait_for_ready(notify)
        while not status(env, process)["key"]["fallbacks"][number - 2 :]:
            time.sleep(0.05)
        wait_for_one_child(process.pid)
    before = switches_of(process.pid)
    time.sleep(WINDOW)
    memory, state = memory_of(process.pid), status_of(process.pid)
    wakes, threads = switches_of(process.pid) - before, int(state["Threads"])
    print(f"\nIdle, after a fetch over TLS and {KEYS} new keys from there")
    print(f"resident {memory['Rss']} kB, private dirty {memory['Private_Dirty']} kB, "
          f"locked {state['VmLck']}, {threads} thread, {wakes} wake-ups in {WINDOW:.0f} s")
    goal("under 1500 kB, under 200 kB dirty, one thread, no wake-up", is_idle(memory, threads, wakes))
    process.send_signal(signal.SIGTERM)
    process.wait()


def status(env, process):
    said = subprocess.run([KEYBEARER, "status", "--json", "store"], env=env, capture_output=True)
    if process.poll() is not None:
        sys.exit(f"bench: keybearer ended with {process.returncode}")
    return json.loads(said.stdout)


def main():
    """Beside keybearer lies the helper; the server is that of the tests."""
    os.chmod(PLACE, 0o755)
    os.mkdir(f"{PLACE}/vault")
    os.mkdir(f"{PLACE}/run")
    served = subprocess.Popen(
        [sys.executable, "-B", "tests/stores/vault/serve.py", f"{PLACE}/vault"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )
    try:
        look(json.loads(served.stdout.readline()))
    finally:
        served.kill()
        served.wait()
        shutil.rmtree(PLACE)


main()
