"""Times keybearer against its peers and looks at what it holds while idle; see `run` beside it."""

import os
import resource
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

from process import is_idle, memory_of, status_of, switches_of
from report import goal

KEYBEARER, PLACE, RUNS, WINDOW = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
NOBODY = 65534
ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/"}
TRUE = "/bin/true"
IS_ROOT = os.geteuid() == 0


def write_secrets(name, secrets, owner):
    """The same secrets as an env file, 0640, and as a directory for s6-envdir."""
    path = f"{PLACE}/{name}"
    with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o640)) as file:
        file.writelines(f"{key}={value}\n" for key, value in secrets.items())
    if IS_ROOT:
        os.chown(path, owner, -1)
    return path


def write_directory(name, secrets):
    os.mkdir(f"{PLACE}/{name}")
    for key, value in secrets.items():
        with open(f"{PLACE}/{name}/{key}", "w") as file:
            file.write(value + "\n")
    return f"{PLACE}/{name}"


class Stopwatch:
    """A process of its own that spawns commands under its user: posix_spawn, wait4, the clock."""

    def __init__(self, commands, user):
        self.index = {name: number for number, name in enumerate(commands)}
        ask, self.questions = os.pipe()
        self.answers, answer = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(ask), os.close(answer)
            return
        os.close(self.questions), os.close(self.answers)
        if user:
            os.setgroups([]), os.setgid(user), os.setuid(user)
        silence = [(os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)]
        argvs = list(commands.values())
        while number := os.read(ask, 1):
            argv = argvs[number[0]]
            start = time.perf_counter_ns()
            pid = os.posix_spawn(argv[0], argv, ENVIRONMENT, file_actions=silence)
            _, status, usage = os.wait4(pid, 0)
            took = time.perf_counter_ns() - start
            cpu = round((usage.ru_utime + usage.ru_stime) * 1e6)
            os.write(answer, struct.pack("4q", took, usage.ru_minflt, cpu, status))
        os._exit(0)

    def time(self, name):
        os.write(self.questions, bytes([self.index[name]]))
        took, faults, cpu, status = struct.unpack("4q", os.read(self.answers, 32))
        if status:
            sys.exit(f"bench: '{name}' ended with status {status:#x}")
        return took / 1e6, faults, cpu

    def end(self):
        # Not by closing the pipe: stopwatches forked later hold its other end too.
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def interleaved(commands, users, runs):
    """A B C A B C, so that whatever else the machine does falls on all of them alike."""
    watches = {user: Stopwatch(commands, user) for user in set(users.values())}
    samples = {name: [] for name in commands}
    for turn in range(runs + 5):
        for name in commands:
            sample = watches[users[name]].time(name)
            if turn >= 5:
                samples[name].append(sample)
    for watch in watches.values():
        watch.end()
    return samples


def median(samples, column=0):
    return statistics.median(sample[column] for sample in samples)


def found(program):
    return next(
        path
        for directory in ("/usr/bin", "/usr/sbin", "/bin")
        if os.access(path := f"{directory}/{program}", os.X_OK)
    )


def time_start(secrets):
    ours, theirs = write_secrets("root.env", secrets, 0), write_secrets("user.env", secrets, NOBODY)
    envdir = write_directory("envdir", secrets)
    os.chmod(envdir, 0o755)
    rows = {
        "true": (0, [TRUE]),
        "tini -s -- true": (0, [found("tini"), "-s", "--", TRUE]),
        "tini-static -s -- true": (0, [found("tini-static"), "-s", "--", TRUE]),
        "dumb-init true": (0, [found("dumb-init"), TRUE]),
        "gosu nobody true": (0, [found("gosu"), "nobody", TRUE]),
        "s6-envdir DIR true": (0, [found("s6-envdir"), envdir, TRUE]),
        "keybearer exec, root to nobody": (
            0, [KEYBEARER, "exec", "--env-file", ours, "--user", "nobody", "--", TRUE]),
        "keybearer exec, ordinary user": (
            NOBODY, [KEYBEARER, "exec", "--env-file", theirs, "--", TRUE]),
        "keybearer run, root to nobody": (
            0, [KEYBEARER, "run", "--env-file", ours, "--user", "nobody", "--", TRUE]),
        "keybearer run, ordinary user": (
            NOBODY, [KEYBEARER, "run", "--env-file", theirs, "--", TRUE]),
    }
    if not IS_ROOT:
        as_user = {name: row for name, row in rows.items() if "root" not in name and "gosu" not in name}
        rows = {name: (0, command) for name, (_, command) in as_user.items()}
    users = {name: user for name, (user, _) in rows.items()}
    samples = interleaved({name: command for name, (_, command) in rows.items()}, users, RUNS)

    print(f"\nStart to end, {RUNS} runs each, in turn (medians; 10% is the tenth fastest in a hundred)")
    print(f"{'':32}{'ms':>8}{'to tini':>9}{'10%':>8}{'to tini':>9}{'CPU ms':>8}{'to tini':>9}{'faults':>8}")
    tenth = lambda taken: sorted(sample[0] for sample in taken)[len(taken) // 10]
    columns = (median, tenth, lambda taken: median(taken, 2) / 1000)
    tini = samples["tini -s -- true"]
    for name, taken in samples.items():
        shown = "".join(f"{of(taken):8.2f}{of(taken) / of(tini):9.2f}" for of in columns)
        print(f"{name:32}{shown}{median(taken, 1):8.0f}")
    if os.getloadavg()[0] > os.cpu_count() / 2:
        print("the machine is busy: a median says how long things waited; 10% and CPU say more")
    for name, taken in samples.items():
        if name.startswith("keybearer"):
            goal(f"{name}: no slower than tini", median(taken) <= median(tini))


def look_at_idle(secrets):
    ours, theirs = write_secrets("idle.env", secrets, 0), write_secrets("idle-user.env", secrets, NOBODY)
    sleep = ["/bin/sleep", "1000"]
    run = [KEYBEARER, "run", "--env-file"]
    rows = [
        ("tini", 0, None, [found("tini"), "-s", "--", *sleep]),
        ("tini-static", 0, None, [found("tini-static"), "-s", "--", *sleep]),
        ("dumb-init", 0, None, [found("dumb-init"), *sleep]),
        ("keybearer, root to nobody", 0, None, [*run, ours, "--user", "nobody", "--", *sleep]),
        ("keybearer, ordinary user", NOBODY, None, [*run, theirs, "--", *sleep]),
        ("keybearer, nothing locked", NOBODY, 0, [*run, theirs, "--", *sleep]),
    ]
    if not IS_ROOT:
        rows = [(name, 0, limit, command) for name, _, limit, command in rows if "root" not in name]
    started = []
    for name, user, limit, command in rows:
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = f"\0keybearer-bench-{os.getpid()}-{len(started)}"
        notify.bind(path)
        notify.settimeout(30)

        def become():
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
            if user:
                os.setgroups([]), os.setgid(user), os.setuid(user)

        env = ENVIRONMENT | {"NOTIFY_SOCKET": path.replace("\0", "@")}
        process = subprocess.Popen(command, env=env, preexec_fn=become, process_group=0,
                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.append((name, process, notify))
    for name, _, notify in started:
        while name.startswith("keybearer") and b"READY=1" not in notify.recv(4096):
            pass
    # The others have nothing to say; by now they have long been waiting.
    before = {name: switches_of(process.pid) for name, process, _ in started}
    time.sleep(WINDOW)
    print(f"\nIdle, `sleep` as the server")
    print(f"{'':32}{'RSS kB':>8}{'dirty kB':>9}{'locked kB':>10}{'threads':>8}{f'wakes in {WINDOW:.0f} s':>15}")
    for name, process, _ in started:
        memory, status = memory_of(process.pid), status_of(process.pid)
        wakes = switches_of(process.pid) - before[name]
        rss, dirty = memory["Rss"], memory["Private_Dirty"]
        locked, threads = int(status["VmLck"].split()[0]), int(status["Threads"])
        print(f"{name:32}{rss:8}{dirty:9}{locked:10}{threads:8}{wakes:15}")
        if name.startswith("keybearer"):
            goal(f"{name}: under 1500 kB, under 200 kB dirty, one thread, no wake-up",
                 is_idle(memory, threads, wakes))
    for _, process, notify in started:
        process.send_signal(signal.SIGTERM)
        process.wait()
        notify.close()


def time_growth():
    key = {"SECRET_KEY": "0123-bench-key-5" * 4}
    tables = {
        "secrets of 100 bytes": [
            (count, key | {f"SECRET_NUMBER_{n}": f"{n:0100}" for n in range(count)})
            for count in (10, 100, 1000, 10_000)
        ],
        "bytes in one secret": [
            (size, key | {"LARGE": "x" * size}) for size in (1024, 16_384, 65_536, 131_000)
        ],
    }
    for title, sizes in tables.items():
        user = NOBODY if IS_ROOT else 0
        commands, users = {}, {}
        for size, secrets in sizes:
            path = write_secrets(f"growth-{title.split()[0]}-{size}.env", secrets, user)
            commands[str(size)] = [KEYBEARER, "run", "--env-file", path, "--", TRUE]
            users[str(size)] = user
        samples = interleaved(commands, users, max(RUNS // 5, 10))
        print(f"\nGrowth, {title} (median)")
        print(f"{'':>12}{'ms':>8}{'beyond the first, us each':>28}")
        first_size, first = sizes[0][0], median(samples[str(sizes[0][0])])
        each = []
        for size, _ in sizes:
            taken = median(samples[str(size)])
            if size > first_size:
                each.append((taken - first) / (size - first_size) * 1000)
            print(f"{size:>12}{taken:8.2f}{f'{each[-1]:.4f}' if each else '':>28}")
        # The largest may cost no more for each than the one before it, but for what the machine does.
        goal(f"{title}: linear", each[-1] <= 1.5 * max(each[-2], 0.0))


SECRETS = {
    "SECRET_KEY": "0123-bench-key-5" * 4,
    "DEBUG": "False",
    "ALLOWED_HOSTS": "example.com,.example.org",
    "DATABASE_URL": "postgres://site:pa%2Fss@db.internal:5432/site",
}
time_start(SECRETS)
look_at_idle(SECRETS)
time_growth()
