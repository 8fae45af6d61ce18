"""What the cases say to the engine, and what they ask of a container."""

import json
import os
import pathlib
import re
import secrets
import subprocess
import sys
import threading

sys.path.insert(0, "/srv/root/tests")

from cases import eventually  # noqa: E402

WORK = pathlib.Path("/srv/work")
SITE = WORK / "site"
# Two rows of cases run at a time.
PORT = int(os.environ["PORT"])
PASSWORD = "canary-of-the-database-password"
SETTINGS = ["ALLOWED_HOSTS=localhost", "DB_NAME=example", "DB_USER=example", "DB_HOST=db"]
# For cases in which nothing is looked at without being asked.
NO_WATCH = (
    '# Looks at the files when they change, and every minute.\n[watch]\nevery = "1m"\n',
    "",
)

# Every key that a case has made. None of them may ever be seen.
keys = [PASSWORD]


def run(*command, code=0, **more):
    """The output of a command, both streams; it must end with `code`, if one is given."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        **more,
    )
    if code is not None and done.returncode != code:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def docker(*words, code=0, **more):
    return run("docker", *words, code=code, **more)


def new_key():
    key = run("/srv/static/keybearer", "key").strip()
    keys.append(key)
    return key


def write(path, text, mode=0o444, owner=0):
    """In one step, as a platform does it."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    os.chown(fresh, owner, owner)
    fresh.chmod(mode)
    fresh.rename(path)


def shipped(name, *changes):
    """A shipped config with some lines exchanged, for a container of its own."""
    text = pathlib.Path("/srv/root/packaging/docker/site", name).read_text()
    for before, after in changes:
        assert text.count(before) == 1, (before, text)
        text = text.replace(before, after)
    path = WORK / f"{secrets.token_hex(4)}.toml"
    path.write_text(text)
    return ["--volume", f"{path}:/etc/keybearer/{name}:ro"]


def secret_directory():
    """As the swarm mounts it: on a tmpfs, readable by everybody in the container."""
    directory = WORK / f"secrets-{secrets.token_hex(4)}"
    directory.mkdir(mode=0o755)
    write(directory / "django_secret_key", new_key() + "\n")
    write(directory / "db_password", PASSWORD + "\n")
    return directory


class Container:
    """One of the shipped site image, on a port of this network namespace; removed at the end. What
    it logged and what it is inspected as is looked at for secrets then."""

    def __init__(self, *options, command=(), secrets_in=None, by_platform=True):
        """`by_platform`: with the settings and secrets of most cases, else with the options alone."""
        self.name = f"site-{secrets.token_hex(4)}"
        words = ["run", "--detach", "--name", self.name]
        if by_platform:
            self.secrets = secrets_in or secret_directory()
            words += [word for setting in SETTINGS for word in ("--env", setting)]
            words += ["--volume", f"{self.secrets}:/run/secrets:ro"]
        words += ["--publish", f"127.0.0.1:{PORT}:8000"]
        docker(*words, *options, "example-site", *command)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        seen = self.logs() + docker("inspect", self.name)
        if failure[0]:
            print(self.logs(), flush=True)
        docker("rm", "--force", "--volumes", self.name)
        shown = [number for number, key in enumerate(keys) if key in seen]
        assert not shown, f"the log or `docker inspect` shows secret {shown}"

    def logs(self):
        return docker("logs", self.name)

    def inspect(self, what):
        return json.loads(docker("inspect", "--format", "{{json %s}}" % what, self.name))

    def says(self, what):
        """Waits until it is in the log. What was said up to then."""
        follow = ["docker", "logs", "--follow", self.name]
        said = ""
        with subprocess.Popen(follow, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as log:
            late = threading.Timer(120, log.kill)
            late.start()
            try:
                while what not in said:
                    line = log.stdout.readline().decode()
                    if not line:
                        raise AssertionError(f"it ended, or did not say '{what}':\n{said}")
                    said += line
            finally:
                late.cancel()
                log.kill()
        return said

    def serves(self):
        return self.says("keybearer: serving on")

    def ended(self):
        """Waits until it has ended by itself. Its exit code."""
        return int(docker("wait", self.name))

    def stop(self, seconds=40):
        docker("stop", "--time", seconds, self.name)
        return self.inspect(".State.ExitCode")

    def exec(self, *command, code=0, options=()):
        return docker("exec", *options, self.name, *command, code=code)

    def status(self):
        return json.loads(self.exec("keybearer", "status", "--json"))

    def processes(self):
        """The processes in it, as /proc/PID/status has them, by what they are."""
        found = []
        listing = docker("top", self.name, "-eo", "pid").split()[1:]
        for pid in listing:
            try:
                text = pathlib.Path(f"/proc/{pid}/status").read_text()
            except FileNotFoundError:
                continue
            found.append(dict(re.findall(r"(\w+):\t(.*)", text)))
        return found

    def process(self, name):
        """The first one called so."""
        return next(one for one in self.processes() if one["Name"] == name)

    def has_one_generation(self):
        eventually("the old one has gone", lambda: len(self.status()["pids"]) == 1)


def get(path="/healthz"):
    """What the published port answers."""
    asking = ["curl", "--silent", "--show-error", "--max-time", "30", "--header", "Host: localhost"]
    return run(*asking, f"http://127.0.0.1:{PORT}{path}")
