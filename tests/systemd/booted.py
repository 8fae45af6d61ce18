"""What the cases say to the booted systemd, and a site as an operator would set it up there."""

import glob
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess

SOURCE = pathlib.Path("/srv/source")
KIT = pathlib.Path("/srv/keybearer-test")
APP = pathlib.Path("/srv/example/app")
USER, GROUP = "example", "www-data"
# All that must never be in the journal.
secrets = []
_ports = iter(range(8001, 9000))


def run(*words, code=0, **more):
    """Runs a command, which must end with this code; None: with any."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=300, **more)
    if code is not None and done.returncode != code:
        raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def systemctl(*words, code=0):
    return run("systemctl", *words, code=code)


def show(unit, *names):
    """Properties of a unit; one alone as itself."""
    values = [systemctl("show", "--value", "-p", name, unit).stdout.strip() for name in names]
    return values[0] if len(values) == 1 else values


def journal(unit):
    """The lines of a unit that its own processes wrote, oldest first."""
    run("journalctl", "--sync")
    lines = run("journalctl", "-o", "json", "--all", f"_SYSTEMD_UNIT={unit}").stdout.splitlines()
    return [json.loads(line) for line in lines]


def runs_again(unit, times):
    """Whether systemd has started it anew so often, and it is up."""
    return show(unit, "NRestarts", "SubState") == [str(times), "running"]


def said(unit):
    return "\n".join(str(line["MESSAGE"]) for line in journal(unit))


def install():
    """What a package would install, by the commands that it would run."""
    shutil.copy(KIT / "bin/keybearer", "/usr/bin/keybearer")
    os.makedirs("/usr/libexec/keybearer", exist_ok=True)
    shutil.copy(KIT / "bin/keybearer-store", "/usr/libexec/keybearer/keybearer-store")
    for unit in (SOURCE / "systemd").glob("keybearer*"):
        shutil.copy(unit, "/usr/lib/systemd/system")
    for kind in ("sysusers.d", "tmpfiles.d"):
        os.makedirs(f"/usr/lib/{kind}", exist_ok=True)
        shutil.copy(SOURCE / "systemd" / kind / "keybearer.conf", f"/usr/lib/{kind}")
    os.makedirs("/etc/keybearer", exist_ok=True)
    run("systemd-sysusers")
    run("systemd-tmpfiles", "--create")
    systemctl("daemon-reload")
    # Its own lines too, as on any machine; while it boots they go to the console.
    systemctl("log-target", "journal")


def make_the_application():
    if run("getent", "group", GROUP, code=None).returncode:
        run("groupadd", "--system", GROUP)
    run("useradd", "--system", "--user-group", "--shell", "/usr/sbin/nologin", USER)
    shutil.copytree(KIT / "app", APP)
    for name in ("desk.py", "desk_pages.py", "jobs.py"):
        shutil.copy(SOURCE / "tests/site" / name, APP)
    # What the site's user may write by its mode, and yet may not in the unit.
    run("chown", "-R", f"{USER}:{GROUP}", APP)


class Site:
    """One instance: its config, its env file, a directory for its data, a port of its own."""

    def __init__(self, name, config="", listen=True, command=None, source=None, **variables):
        self.name, self.unit = name, f"keybearer@{name}.service"
        self.port = next(_ports)
        self.data = pathlib.Path("/var/lib") / name
        self.env = pathlib.Path("/etc") / name / f"{name}.env"
        self.config = pathlib.Path("/etc/keybearer") / f"{name}.toml"
        self.variables = {"ALLOWED_HOSTS": "localhost", "DEMO_DATA": str(self.data), **variables}
        run("install", "-d", "-o", USER, "-g", GROUP, self.data)
        self.env.parent.mkdir()
        self.new_key()
        command = command or ["gunicorn", "--no-control-socket", "--workers", "1", "demo.wsgi:application"]
        command[0] = f"{KIT}/venv/bin/{command[0]}"
        source = source or f'[[source]]\ntype = "env-file"\npath = "{self.env}"\n'
        sockets = f'[listen]\nsockets = ["127.0.0.1:{self.port}"]\n' if listen else ""
        self.config.write_text(
            f'command = {json.dumps(command)}\nuser = "{USER}"\ngroup = "{GROUP}"\n'
            f'directory = "{APP}"\n{source}{sockets}{config}\n'
        )

    def new_key(self, **variables):
        """Another key in the env file, written as an operator would."""
        key = run("keybearer", "key").stdout.strip()
        secrets.append(key)
        self.write(SECRET_KEY=key, **variables)
        return key

    def write(self, **variables):
        self.variables.update(variables)
        text = "".join(f"{name}={value}\n" for name, value in self.variables.items() if value is not None)
        self.env.touch(mode=0o640)
        self.env.write_text(text)
        shutil.chown(self.env, "root", GROUP)

    def drop_in(self, text, unit=None):
        directory = pathlib.Path(f"/etc/systemd/system/{unit or self.unit}.d")
        directory.mkdir(exist_ok=True)
        (directory / f"{len(list(directory.iterdir()))}.conf").write_text(text)
        systemctl("daemon-reload")

    def start(self, code=0):
        return systemctl("start", self.unit, code=code)

    def stop(self):
        systemctl("stop", self.unit)

    def get(self, path="/healthz", **headers):
        return fetch(("127.0.0.1", self.port), path, **headers)

    def status(self):
        return json.loads(run("keybearer", "status", "--json", self.name).stdout)

    def main_pid(self):
        return int(show(self.unit, "MainPID"))

    def processes(self):
        """All but keybearer itself."""
        return [pid for pid in in_group(self.unit) if pid != self.main_pid()]

    def signs_with(self, key):
        """Whether the generation that runs, and no other, has this key."""
        try:
            return {environ(pid)["SECRET_KEY"] for pid in self.processes()} == {key}
        except (FileNotFoundError, ProcessLookupError):
            return False

    def is_gone(self):
        assert in_group(self.unit) == [], in_group(self.unit)
        assert not os.path.exists(f"/run/keybearer/{self.name}")
        refused = socket.socket().connect_ex(("127.0.0.1", self.port))
        assert refused, f"something still listens on {self.port}"


def in_group(unit):
    group = show(unit, "ControlGroup")
    pids = []
    for path in glob.glob(f"/sys/fs/cgroup{group}/**/cgroup.procs", recursive=True) if group else []:
        pids += [int(pid) for pid in pathlib.Path(path).read_text().split()]
    return pids


def fetch(address, path="/healthz", method="GET", body=None, host="localhost", **headers):
    """One request, by TCP or over a unix socket; status and body."""
    connection = http.client.HTTPConnection("localhost", timeout=60)
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    connection.sock = socket.socket(family)
    connection.sock.settimeout(60)
    connection.sock.connect(address)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, {"Host": host, "Connection": "close", **headers})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def proc_status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(re.findall(r"^(\w+):\s*(.*)$", text, re.M))


def environ(pid):
    text = pathlib.Path(f"/proc/{pid}/environ").read_text()
    return dict(item.split("=", 1) for item in text.split("\0") if "=" in item)
