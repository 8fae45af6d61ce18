"""README.md's own units, commands and drop-ins, as they are printed there."""

import os
import pathlib
import re
import shutil

from booted import APP, GROUP, KIT, SOURCE, USER, fetch, in_group, run, said, secrets, show, systemctl
from cases import case, eventually

README = (SOURCE / "README.md").read_text()
ADDRESS = ("127.0.0.1", 8000)
UNITS = pathlib.Path("/etc/systemd/system")


def blocks(info):
    return re.findall(rf"^```{info}\n(.*?)^```$", README, re.M | re.S)


def block(info, text):
    (found,) = [block for block in blocks(info) if text in block]
    return found


def make_the_example():
    """What README supposes to be there: its config, its env file, its application."""
    if os.path.exists("/etc/example"):
        return
    pathlib.Path("/srv/example/venv").symlink_to(KIT / "venv")
    (APP / "config").mkdir()
    (APP / "config/__init__.py").touch()
    (APP / "config/wsgi.py").write_text("from demo.wsgi import application\n")
    (APP / "config/celery.py").write_text(
        'import os\n\nos.environ.setdefault("QUEUE", "/var/lib/example")\nfrom jobs import app\n'
    )
    (APP / "keybearer.schema.toml").write_text(block("toml schema", "[DATABASE_URL]"))
    pathlib.Path("/etc/keybearer/example.toml").write_text(block("toml config", "manage.py"))
    pathlib.Path("/etc/keybearer/example-celery.toml").write_text(block("toml config", "celery"))
    run("install", "-d", "-o", USER, "-g", GROUP, "/var/lib/example")
    os.mkdir("/etc/example")
    # The database is a file, and the hosts are those that the cases ask for.
    database = "DATABASE_URL=sqlite:////var/lib/example/db.sqlite3"
    text = re.sub("DATABASE_URL=.*", database, block("env", "SECRET_KEY"))
    env = pathlib.Path("/etc/example/example.env")
    env.touch(mode=0o640)
    env.write_text(text)
    shutil.chown(env, "root", GROUP)
    secrets.extend(re.findall("^(?:SECRET_KEY|EMAIL_HOST_PASSWORD)='?([^'\n]*)", text, re.M))


def serves(unit):
    assert show(unit, "ActiveState") == "active"
    eventually("it answers", lambda: answers())


def answers():
    try:
        return fetch(ADDRESS, host="example.com") == (200, b"ok")
    except OSError:
        return False


@case
def the_unit_before_and_after():
    make_the_example()
    for info in ("ini before", "ini unit"):
        (UNITS / "site.service").write_text(block(info, "[Service]"))
        systemctl("daemon-reload")
        systemctl("start", "site.service")
        serves("site.service")
        systemctl("stop", "site.service")
        assert not in_group("site.service") and not answers()
    os.remove(UNITS / "site.service")
    systemctl("daemon-reload")


@case
def the_commands_and_the_drop_ins():
    """In their order. What they are there for has happened, with the config that README shows."""
    make_the_example()
    site, worker = "keybearer@example.service", "keybearer-celery@example.service"
    commands = blocks("sh systemd")
    assert len(commands) == 6, commands
    pids = []
    for text in commands:
        if "enable --now keybearer@example.socket" in text:
            drop_in("keybearer@example.socket")
        run("bash", "-euxc", text, cwd=SOURCE)
        if "keybearer@example" in text:
            serves(site)
            pids.append(show(site, "MainPID"))
    assert len(set(pids)) == 2, pids
    assert show("keybearer@example.socket", "SubState") == "running"
    env = pathlib.Path("/etc/example/example.env").read_text()
    assert "SECRET_KEY_FALLBACKS=" in env, env
    secrets.append(re.search("^SECRET_KEY=(.*)$", env, re.M)[1])
    assert show("keybearer-rotate@example.timer", "ActiveState") == "active"
    assert "celery@" in said(worker) and show(worker, "ActiveState") == "active", said(worker)

    for name in ("media", "secrets"):
        run("install", "-d", "-o", USER, f"/srv/example/{name}")
    drop_in(site)
    drop_in("keybearer-rotate@example.service")
    drop_in(worker)
    systemctl("restart", site, worker)
    serves(site)
    for unit in (site, "keybearer-rotate@example.service", worker):
        assert show(unit, "ProtectHome") == "read-only", unit
    mounts = pathlib.Path(f"/proc/{show(site, 'MainPID')}/mountinfo").read_text()
    for place, mode in (("/srv/example/media", "rw"), ("/var/lib/example", "rw"), ("/", "ro")):
        assert re.search(f" {place} {mode},", mounts), mounts
    assert os.path.exists(f"/run/credentials/{site}/example.env")
    assert show(site, "MemoryMax") == str(2 << 30)
    systemctl("start", "keybearer-rotate@example.service")
    assert "nothing is due" in said("keybearer-rotate@example.service")
    systemctl("stop", worker, "keybearer-rotate@example.timer", "keybearer@example.socket", site)
    assert not answers()


def drop_in(unit):
    """All that README has for this unit, as systemctl edit would keep it."""
    found = [text for text in blocks("ini drop-in") if unit in units_of(text)]
    assert found, unit
    directory = UNITS / f"{unit}.d"
    directory.mkdir()
    for number, text in enumerate(found):
        (directory / f"{number}.conf").write_text(text)
    done = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit)
    assert not done.stderr, done.stderr
    systemctl("daemon-reload")


def units_of(text):
    """The units that a drop-in is for, by its first line."""
    return text.splitlines()[0].removeprefix("# systemctl edit ").split()


@case
def every_drop_in_names_its_units():
    units = {unit for text in blocks("ini drop-in") for unit in units_of(text)}
    services = {f"keybearer{which}@example.service" for which in ("", "-rotate", "-celery")}
    assert units == services | {"keybearer@example.socket"}, units


@case
def every_line_for_a_drop_in_is_one():
    """Of the table of what a site may need, and of the text around it."""
    _, section = README.split("#### What else a site may need")
    section, _ = section.split("There is no memory limit")
    lines = re.findall(r"`([A-Z][A-Za-z]+=[A-Za-z_-]+)`", section)
    assert len(lines) == 7, lines
    directory = UNITS / "keybearer@table.service.d"
    directory.mkdir()
    (directory / "all.conf").write_text("[Service]\n" + "\n".join(lines) + "\n")
    done = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", "keybearer@table.service")
    assert not done.stderr, done.stderr
