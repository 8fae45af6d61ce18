"""Where secrets come from in a unit: systemd's credentials, a store, a command."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import urllib.request

from booted import APP, GROUP, KIT, SOURCE, USER, Site, environ, proc_status, run, said, secrets, show, systemctl
from cases import case, eventually
from life import DESK


@case
def a_credential_that_systemd_loads():
    """The env file is one that only root may read, wherever it is."""
    source = '[[source]]\ntype = "systemd-credentials"\nenv = "site.env"\n'
    site = Site("credential", DESK, source=source)
    os.chmod(site.env, 0o600)
    site.drop_in(f"[Service]\nLoadCredential=site.env:{site.env}\n")
    site.start()
    told = environ(site.processes()[0])
    assert told["SECRET_KEY"] == site.variables["SECRET_KEY"] and "CREDENTIALS_DIRECTORY" not in told
    # What systemd made for keybearer is closed to the site.
    files = list(pathlib.Path(f"/run/credentials/{site.unit}").iterdir())
    assert [file.name for file in files] == ["site.env"] and not files[0].stat().st_mode & 0o077
    # It was copied at the start.
    old = site.get("/key")
    site.new_key()
    systemctl("reload", site.unit)
    assert site.get("/key") == old
    systemctl("restart", site.unit)
    assert site.get("/key") != old
    site.stop()
    site.is_gone()


class Vault:
    """The test's own Vault, with a document and a login for keybearer."""

    def __init__(self):
        self.directory = pathlib.Path("/etc/vault-test")
        self.directory.mkdir()
        self.server = subprocess.Popen(
            [KIT / "venv/bin/python", SOURCE / "tests/stores/vault/serve.py", self.directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.about = json.loads(self.server.stdout.readline())
        secrets.append(self.about["root_token"])
        self.ask("sys/auth/approle", {"type": "approle"})
        rule = 'path "secret/%s/site" { capabilities = ["read", "create", "update"] }\n'
        self.ask("sys/policies/acl/site", {"policy": rule % "data" + rule % "metadata"})
        self.ask("auth/approle/role/site", {"token_policies": ["site"]})
        self.role = self.ask("auth/approle/role/site/role-id")["data"]["role_id"]
        secret_id = self.ask("auth/approle/role/site/secret-id", {})["data"]["secret_id"]
        secrets.append(secret_id)
        self.secret_id = self.directory / "secret-id"
        self.secret_id.touch(mode=0o600)
        self.secret_id.write_text(secret_id)

    def ask(self, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.about['plain_port']}/v1/{path}",
            None if body is None else json.dumps(body).encode(),
            {"X-Vault-Token": self.about["root_token"], "X-Vault-Request": "true"},
        )
        answer = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).read()
        return json.loads(answer) if answer else None

    def seed(self):
        key = run("keybearer", "key").stdout.strip()
        secrets.append(key)
        self.ask("secret/data/site", {"data": {"SECRET_KEY": key, "ALLOWED_HOSTS": "localhost"}})
        return key

    def source(self, port):
        return (
            f'[[source]]\ntype = "vault"\naddress = "https://localhost:{port}"\nmount = "secret"\npath = "site"\n'
            f'ca-file = "{self.about["ca"]}"\n'
            f'auth = {{ method = "approle", role-id = "{self.role}", secret-id-file = "{self.secret_id}" }}\n'
        )


class Gate:
    """In front of a server: connections wait here until it is opened."""

    def __init__(self, port):
        self.behind, self.opened = port, threading.Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.visited = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            near, _ = self.listening.accept()
            self.visited.set()
            threading.Thread(target=self.pass_on, args=(near,), daemon=True).start()

    def pass_on(self, near):
        self.opened.wait()
        try:
            far = socket.create_connection(("127.0.0.1", self.behind))
        except ConnectionRefusedError:
            return near.close()
        threading.Thread(target=pump, args=(far, near), daemon=True).start()
        pump(near, far)


def pump(source, sink):
    try:
        while part := source.recv(65536):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@case
def a_store_that_the_helper_asks():
    """Under the unit's filters keybearer-store still has its own, and reaches the store by TLS."""
    vault = Vault()
    gate = Gate(vault.about["port"])
    key = vault.seed()
    config = DESK + '[keys]\nhosts = 1\n[cache]\nmax-age = "1h"\n[fetch]\nwithin = "5s"\n'
    site = Site("stored", config, source=vault.source(gate.port))
    systemctl("start", "--no-block", site.unit)
    assert gate.visited.wait(60), said(site.unit)
    helper = next(pid for pid in site.processes() if "keybearer-store" in name_of(pid))
    status, keybearer = proc_status(helper), proc_status(site.main_pid())
    uid = run("id", "-u", "keybearer").stdout.strip()
    assert status["Uid"].split() == [uid] * 4 and status["CapPrm"] == "0" * 16, status
    assert int(status["Seccomp_filters"]) > int(keybearer["Seccomp_filters"]) > 0, (status, keybearer)
    gate.opened.set()
    eventually("it serves", lambda: show(site.unit, "ActiveState") == "active")
    eventually("it has the key", lambda: site.signs_with(key))

    # The timer's service writes to it, as root and with this config.
    systemctl("start", "keybearer-rotate@stored.service")
    document = vault.ask("secret/data/site")["data"]["data"]
    secrets.append(document["SECRET_KEY"])
    assert document["SECRET_KEY"] != key and document["SECRET_KEY_FALLBACKS"] == key
    eventually("it signs with it", lambda: site.signs_with(document["SECRET_KEY"]))

    a_check_with_what_all_instances_share(site, f"https://localhost:{gate.port}")

    # The store goes away. A restart begins from the cache, which is in the unit's own directory.
    vault.server.kill()
    vault.server.wait()
    systemctl("restart", site.unit)
    assert site.get() == (200, b"ok") and "STALE since" in said(site.unit)
    site.stop()
    site.is_gone()


def a_check_with_what_all_instances_share(site, address):
    """A shell has no VAULT_ADDR of /etc/default/keybearer; README's command has."""
    config = pathlib.Path("/etc/keybearer/shares.toml")
    text = site.config.read_text().replace(f'address = "{address}"\n', "")
    # The site itself has the port.
    config.write_text(text.replace(f":{site.port}", ":7999"))
    shared = pathlib.Path("/etc/default/keybearer")
    shared.write_text(f"VAULT_ADDR={address}\n")
    done = run("keybearer", "check", "--config", config, code=None)
    assert done.returncode and "no address of Vault" in done.stdout, done
    (command,) = re.findall(r"^(systemd-run .*\\\n.*check.*)$", (SOURCE / "README.md").read_text(), re.M)
    run("bash", "-euc", command.replace("/etc/keybearer/example.toml", str(config)))
    shared.unlink()


def name_of(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_text()


@case
def a_command():
    """As a user of its own, who alone can read what it prints."""
    run("useradd", "--system", "--shell", "/usr/sbin/nologin", "example-secrets")
    vault = pathlib.Path("/etc/example-secrets")
    vault.mkdir(mode=0o700)
    shutil.chown(vault, "example-secrets")
    site = Site(
        "command",
        DESK,
        source='[[source]]\ntype = "command"\nargv = ["/usr/bin/cat", "/etc/example-secrets/env"]\n'
        'user = "example-secrets"\nformat = "env"\n',
    )
    shutil.move(site.env, vault / "env")
    shutil.chown(vault / "env", "example-secrets")
    site.start()
    assert site.signs_with(site.variables["SECRET_KEY"])
    site.stop()


@case
def a_schema_that_root_cannot_reach():
    """Root without its right to pass over modes: the refusal names the directory."""
    private = pathlib.Path("/srv/private")
    shutil.copytree(APP, private)
    run("chown", "-R", f"{USER}:{GROUP}", private)
    os.chmod(private, 0o750)
    site = Site("private", DESK)
    text = site.config.read_text().replace(str(APP), str(private))
    site.config.write_text(f'schema = "{private}/keybearer.schema.toml"\n{text}')
    site.start(code=1)
    assert show(site.unit, "ExecMainStatus") == "77" and f"directory '{private}'" in said(site.unit), said(site.unit)
    elsewhere = "/etc/keybearer/private.schema.toml"
    shutil.copy(private / "keybearer.schema.toml", elsewhere)
    site.config.write_text(f'schema = "{elsewhere}"\n{text}')
    systemctl("restart", site.unit)
    assert site.get() == (200, b"ok")
    site.stop()
