"""The blocks of README.md's section, run and compared as they are printed."""

import json
import pathlib
import re
import shutil

from engine import PASSWORD, SITE, WORK, docker, eventually, get, keys, run
from cases import case, main

SHIPPED = pathlib.Path("/srv/root/packaging/docker/site")
README = pathlib.Path("/srv/root/README.md").read_text()


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.M | re.S)


def release(directory):
    """What packaging/release makes, as far as an image wants it."""
    tree = directory / "keybearer-0.1.0"
    run("install", "-D", "-t", tree / "bin", "/srv/static/keybearer")
    run("install", "-D", "-t", tree / "libexec/keybearer", "/srv/static/keybearer-store")
    archive = "keybearer-0.1.0-x86_64-linux.tar.gz"
    run("tar", "--create", "--gzip", "--file", archive, tree.name, cwd=directory)
    shutil.rmtree(tree)


def key_of_example():
    return json.loads(docker("exec", "example", "keybearer", "status", "--json"))["key"]


@case
def the_commands_do_what_they_say():
    """From a checkout whose executables are built, and in the site's directory."""
    first, tarball, start, more, stage, promote = blocks("sh docker")
    checkout = WORK / "checkout"
    (checkout / "tests").mkdir(parents=True)
    (checkout / "packaging").symlink_to("/srv/root/packaging")
    static = checkout / "tests/static"
    static.write_text('#!/bin/sh\n[ "$*" = --stores ] && echo /srv/static/keybearer\n')
    static.chmod(0o755)
    run("bash", "-euxc", first, cwd=checkout)
    release(checkout)
    run("bash", "-euxc", tarball, cwd=checkout)
    made = sorted(path.name for path in (checkout / "context").iterdir())
    assert made == ["keybearer", "keybearer-store"], made
    (SITE / "secrets").mkdir()
    for name in ("secrets/key", "site.env", "db.sqlite3"):
        (SITE / name).write_text("not for an image")
    run("bash", "-euxc", start, cwd=SITE)
    shutil.rmtree(SITE / "secrets")
    try:
        copied = docker("exec", "example", "ls", "-A", "/app").split()
        assert "manage.py" in copied, copied
        assert not {"secrets", "site.env", "db.sqlite3"} & set(copied), copied
        key = pathlib.Path("/etc/example/secrets/django_secret_key").read_text().strip()
        keys.extend([key, "the-password-of-the-database"])
        assert len(key) == 64
        eventually("it serves", lambda: "serving on" in docker("logs", "example"))
        assert get() == "ok"
        before = key_of_example()["current"]
        run("bash", "-euxc", stage)
        keys.append(pathlib.Path("/etc/example/secrets/SECRET_KEY_NEXT").read_text().strip())
        eventually("the new key verifies", lambda: key_of_example()["fallbacks"])
        staged = key_of_example()
        assert staged["current"] == before, staged
        run("bash", "-euxc", promote)
        eventually("the new key signs", lambda: key_of_example()["current"] != before)
        now = key_of_example()
        assert [now["current"]] == staged["fallbacks"] and now["fallbacks"] == [before], now
        assert "warning" not in docker("logs", "example"), docker("logs", "example")
        said = run("bash", "-euxc", more, cwd=SITE)
        assert "state        serving" in said and "System check identified no issues" in said, said
        seen = said + docker("logs", "example") + docker("inspect", "example")
        assert not [key for key in keys if key in seen]
        assert docker("inspect", "--format", "{{.State.ExitCode}}", "example") == "0\n"
    except Exception:
        print(docker("logs", "example"), flush=True)
        raise
    finally:
        docker("rm", "--force", "example")


@case
def what_is_shown_is_what_is_shipped():
    (shown,) = blocks("dockerfile")
    shipped = (SHIPPED / "Dockerfile").read_text().splitlines()
    places = [shipped.index(line) for line in shown.splitlines()]
    assert places == sorted(places), places
    assert (SHIPPED / "keybearer.toml").read_text() in blocks("toml config part")


@case
def the_worker_differs_from_the_web_server_in_what_it_must():
    """Both read the same secrets, by the same names."""

    def sources(name):
        wanted = re.compile(r"^(?:type|path|rename|names) .*", re.M)
        lines = wanted.findall((SHIPPED / name).read_text())
        return [line for line in lines if "health" not in line]

    assert sources("keybearer.toml") == sources("worker.toml")
    assert len(sources("worker.toml")) == 5


if __name__ == "__main__":
    main("docker::readme")
