"""hand_over.py KEYBEARER VENV APP PAIRS ROUNDS: what a hand-over of the demo site takes, what its
clients notice of it, and what keybearer holds after ten rotations; see `run` beside it."""

import fcntl
import json
import os
import secrets
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from process import children_of, is_idle, memory_of, queued_of, status_of, switches_of
from report import goal, spread

KEYBEARER, VENV, APP, PAIRS, ROUNDS = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
HERE = os.path.dirname(os.path.abspath(__file__))
NOBODY = 65534
IS_ROOT = os.geteuid() == 0
WINDOW = 10
CLIENTS = 4
PATIENCE = 60

PLACE = tempfile.mkdtemp(prefix="keybearer-bench.", dir="/var/tmp")
os.chmod(PLACE, 0o755)
SITE = {"ALLOWED_HOSTS": "localhost", "DEMO_DATA": PLACE}
ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/"}
GUNICORN = [f"{VENV}/bin/gunicorn", "--no-control-socket", "--workers", "2", "--pythonpath", PLACE,
            "measured:application"]
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def become_site():
    os.chdir(APP)
    if IS_ROOT:
        os.setgroups([]), os.setgid(NOBODY), os.setuid(NOBODY)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def until(what, found):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(0.01)
    for name in os.listdir(PLACE):
        if name.endswith(".log"):
            with open(f"{PLACE}/{name}") as file:
                print(*file.readlines()[-30:], sep="", file=sys.stderr)
    sys.exit(f"bench: waited in vain for {what}")


def is_gone(pid):
    return not os.path.exists(f"/proc/{pid}")


def master_on(port):
    """Whose worker answers there; None while nobody does."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(HEALTH)
            answer = b""
            while part := connection.recv(65536):
                answer += part
    except OSError:
        return None
    head = answer.decode().partition("\r\n\r\n")[0].splitlines()
    masters = [line.split(": ")[1] for line in head if line.startswith("X-Master: ")]
    return int(masters[0]) if masters else None


class Supervised:
    """keybearer with the demo site, and what it says on its log."""

    def __init__(self, name, *options):
        self.port = free_port()
        self.env_file = f"{PLACE}/{name}.env"
        self.write(**SITE, SECRET_KEY=secrets.token_urlsafe(48))
        self.log, writer = os.pipe()
        self.rest = b""
        command = [KEYBEARER, "run", "--name", f"bench-{name}", "--env-file", self.env_file,
                   "--listen", f"127.0.0.1:{self.port}", "--ready-path", "/healthz", *options]
        if IS_ROOT:
            command += ["--user", "nobody"]
        self.process = subprocess.Popen([*command, "--", *GUNICORN], env=ENVIRONMENT, cwd=APP,
                                        stdin=subprocess.DEVNULL, stderr=writer, process_group=0)
        os.close(writer)
        started.append(self.process)
        self.lines_until("serving on")

    def write(self, **changed):
        """A new env file in the old one's place; what keybearer wrote into that stays."""
        lines = {}
        if os.path.exists(self.env_file):
            with open(self.env_file) as file:
                lines = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
        with open(f"{self.env_file}.new", "w", opener=lambda p, f: os.open(p, f, 0o640)) as file:
            file.writelines(f"{name}={value}\n" for name, value in (lines | changed).items())
        os.rename(f"{self.env_file}.new", self.env_file)

    def lines_until(self, words):
        """What is logged until a line with these words, each line with the moment it came."""
        lines, end = [], time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if not select.select([self.log], [], [], 1)[0]:
                continue
            read, now = os.read(self.log, 65536), time.monotonic_ns()
            *whole, self.rest = (self.rest + read).split(b"\n")
            lines += [(now, line.decode(errors="replace")) for line in whole]
            if any(words in line for _, line in lines):
                return lines
            if not read:
                break
        sys.exit("bench: keybearer does not go on:\n" + "\n".join(line for _, line in lines))

    def hand_over(self, **changed):
        """Until the last of the new generations has taken over and the old ones are gone."""
        self.write(**changed)
        began = time.monotonic_ns()
        self.process.send_signal(signal.SIGHUP)
        lines = self.lines_until(" took over after ")
        until("the old generation's end", lambda: len(children_of(self.process.pid)) == 1)
        return began, lines, time.monotonic_ns()


class ByHand:
    """The same Gunicorn, started as keybearer starts it: by LISTEN_FDS, with a request that waits
    in the backlog of a private socket."""

    def __init__(self, env):
        public = socket.create_server(("127.0.0.1", 0), backlog=2048)
        private = socket.socket(socket.AF_UNIX)
        path = f"{PLACE}/by-hand.sock"
        private.bind(path)
        private.listen(16)
        self.question = socket.socket(socket.AF_UNIX)
        self.question.connect(path)
        self.question.sendall(HEALTH)
        os.unlink(path)
        told, tells = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            become_site()
            os.dup2(os.open("/dev/null", os.O_RDWR), 2)
            # Out of the way of 3 and 4 first: sd_listen_fds(3).
            own = [os.dup(fd) for fd in (public.fileno(), private.fileno())]
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in (*own, tells)]
            os.dup2(high[0], 3), os.dup2(high[1], 4)
            env = env | {"LISTEN_FDS": "2", "LISTEN_PID": str(os.getpid())}
            os.write(high[2], struct.pack("q", time.monotonic_ns()))
            os.closerange(5, 256)
            os.execve(GUNICORN[0], GUNICORN, env)
        os.close(tells), public.close(), private.close()
        self.began = struct.unpack("q", os.read(told, 8))[0]
        os.close(told)

    def boot(self):
        """Nanoseconds from exec to the first bytes of the answer."""
        answer = self.question.recv(64)
        took = time.monotonic_ns() - self.began
        if b" 200 " not in answer:
            sys.exit(f"bench: started by hand, Gunicorn answered {answer!r}")
        self.question.close()
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        return took


def moment(lines, words):
    return next(when for when, line in lines if words in line)


def time_hand_overs():
    site = Supervised("times", "--verbose")
    env = ENVIRONMENT | SITE | {name: secrets.token_urlsafe(48)
                                for name in ("SECRET_KEY", "SECRET_KEY_FALLBACKS")}
    rows = {name: [] for name in (
        "by hand: exec to first answer", "HUP to exec", "exec to first answer",
        "answer to take-over", "HUP to take-over", "take-over to old one gone", "beyond by hand",
        "HUP to exec, answer to take-over", "of it waiting for a CPU")}
    for turn in range(PAIRS + 1):
        by_hand = ByHand(env).boot()
        queued = queued_of(site.process.pid)
        hup, lines, gone = site.hand_over(TURN=turn)
        queued = queued_of(site.process.pid) - queued
        start = moment(lines, "started '")
        new = next(line for _, line in lines if "started '" in line).split("pid ")[1].split(":")[0]
        answered = next(int(line.split()[1]) for _, line in lines
                        if line.startswith("answered ") and line.split()[2] == new)
        over = moment(lines, " took over after ")
        times = (by_hand, start - hup, answered - start, over - answered, over - hup, gone - over,
                 over - hup - by_hand, start - hup + over - answered, queued)
        # The first pair warms up.
        for row, took in zip(rows.values(), times):
            row.extend([took / 1e6] if turn else [])
    site.process.terminate()
    site.process.wait()
    print(f"\nHand-over of the demo site, Gunicorn with 2 sync workers, {PAIRS} pairs in turn, ms")
    print(f"{'':32}{'median':>9}{'10%':>9}{'90%':>9}")
    for name, row in rows.items():
        print(f"{name:32}" + "".join(f"{value:9.2f}" for value in spread(row)))
    own = spread(rows["HUP to exec, answer to take-over"])[0]
    goal("what keybearer adds to a hand-over: under 20 ms", own < 20)
    if os.getloadavg()[0] > os.cpu_count():
        print("the machine is busy: most of what is measured here is waiting for others")


class Load:
    def __init__(self, port):
        self.process = subprocess.Popen(
            [sys.executable, f"{HERE}/load.py", str(port), str(CLIENTS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def end(self):
        return json.loads(self.process.communicate()[0])


class Plain:
    """Gunicorn without keybearer, on a socket of its own."""

    def __init__(self):
        self.port = free_port()
        self.log = open(f"{PLACE}/{self.port}.log", "a")
        self.start()

    def start(self):
        env = ENVIRONMENT | SITE | {"SECRET_KEY": secrets.token_urlsafe(48)}
        command = [GUNICORN[0], "--bind", f"127.0.0.1:{self.port}", *GUNICORN[1:]]
        self.process = subprocess.Popen(command, env=env, preexec_fn=become_site,
                                        stdin=subprocess.DEVNULL, stderr=self.log)
        started.append(self.process)
        self.master = until("Gunicorn", lambda: master_on(self.port))

    def hup(self):
        old = children_of(self.master)
        os.kill(self.master, signal.SIGHUP)

        def replaced():
            now = children_of(self.master)
            return len(now) == 2 and not now & old

        until("new workers", replaced)
        until("an answer", lambda: master_on(self.port))

    def usr2_and_term(self):
        old = self.master
        os.kill(old, signal.SIGUSR2)
        other = lambda: (master := master_on(self.port)) != old and master
        self.master = until("the new master", other)
        others.append(self.master)
        os.kill(old, signal.SIGTERM)
        # A child of ours, or of the one before.
        until("the old master's end", lambda: self.process.poll() is not None and is_gone(old))

    def restart(self):
        self.process.terminate()
        self.process.wait()
        self.start()


def count_under_load():
    supervised = Supervised("load")
    hup, usr2, restart = Plain(), Plain(), Plain()
    ways = {
        "keybearer, HUP": (supervised.port, lambda turn: supervised.hand_over(TURN=turn)),
        "Gunicorn, HUP": (hup.port, lambda _: hup.hup()),
        "Gunicorn, USR2 and TERM": (usr2.port, lambda _: usr2.usr2_and_term()),
        "Gunicorn, stop and start": (restart.port, lambda _: restart.restart()),
    }
    counts = {name: [] for name in ways}
    for turn in range(ROUNDS):
        for name, (port, swap) in ways.items():
            load = Load(port)
            time.sleep(1)
            swap(turn)
            time.sleep(0.5)
            counts[name].append(load.end())
    print(f"\nUnder {CLIENTS} clients that open a connection for each request, {ROUNDS} times each, in turn")
    print(f"{'':32}{'asked':>9}{'failed':>9}{'slowest answer, ms: median':>28}{'worst':>9}")
    for name, taken in counts.items():
        failed = sum(one["failed"] for one in taken)
        slowest = [one["slowest"] for one in taken]
        asked = failed + sum(one["answered"] for one in taken)
        print(f"{name:32}{asked:9}{failed:9}{spread(slowest)[0]:28.0f}{max(slowest):9.0f}")
    goal("keybearer: no failed request", not sum(one["failed"] for one in counts["keybearer, HUP"]))
    for one in (supervised, hup, restart):
        one.process.terminate()
        one.process.wait()
    end_others()


def look_after_rotations():
    site = Supervised("idle")
    pid = site.process.pid
    print(f"\nIdle with the demo site, rotations by HUP with a new key (two hand-overs each)")
    print(f"{'':32}{'RSS kB':>8}{'dirty kB':>9}{'locked kB':>10}{'threads':>8}{f'wakes in {WINDOW} s':>15}")
    for rotations in (0, 10):
        for _ in range(rotations):
            site.hand_over(SECRET_KEY=secrets.token_urlsafe(48))
        # What the end of the old one left to do.
        time.sleep(1)
        before = switches_of(pid)
        time.sleep(WINDOW)
        wakes = switches_of(pid) - before
        memory, status = memory_of(pid), status_of(pid)
        locked, threads = int(status["VmLck"].split()[0]), int(status["Threads"])
        print(f"{f'after {rotations} rotations':32}{memory['Rss']:8}{memory['Private_Dirty']:9}"
              f"{locked:10}{threads:8}{wakes:15}")
    goal("after ten rotations: under 1500 kB, under 200 kB dirty, one thread, no wake-up",
         is_idle(memory, threads, wakes))
    site.process.terminate()
    site.process.wait()


def end_others():
    for pid in others:
        if not is_gone(pid):
            os.kill(pid, signal.SIGTERM)
    for pid in others:
        until("the end of Gunicorn", lambda: is_gone(pid))
    others.clear()


# What this has started, and the masters that those have.
started, others = [], []
shutil.copy(f"{HERE}/measured.py", PLACE)
try:
    if PAIRS:
        time_hand_overs()
    if ROUNDS:
        count_under_load()
        look_after_rotations()
finally:
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait()
    end_others()
    shutil.rmtree(PLACE)
