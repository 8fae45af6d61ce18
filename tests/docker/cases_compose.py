"""The shipped compose file, as it is: web, worker, beat and a broker, of the shipped image."""

import hashlib
import json
import shutil

from engine import PASSWORD, SITE, docker, eventually, get, keys, new_key, run, write
from cases import case, main


OURS = ("web", "worker", "beat")


def compose(*words, code=0):
    return run("docker-compose", "--project-name", "shipped", *words, code=code, cwd=SITE)


def secret(name, value):
    """As README says: a new file in the place of the old one."""
    write(SITE / "secrets" / name, value + "\n", mode=0o400, owner=10001)


def status(service):
    return json.loads(compose("exec", "-T", service, "keybearer", "status", "--json"))


def digest(key):
    return hashlib.sha256(key.encode()).hexdigest()


@case
def web_worker_and_beat_take_a_new_key_over():
    """By the two steps of README's "A new key": nobody signs before everybody verifies."""
    (SITE / "secrets").mkdir(mode=0o755)
    old, new = new_key(), new_key()
    secret("django_secret_key", old)
    secret("db_password", PASSWORD)
    compose("up", "--detach", "--no-build")
    try:
        eventually("the site answers", lambda: "ok" == get_or_nothing())
        said = eventually("a task has run", lambda: ran(old))
        assert "no control socket" not in said and "Traceback" not in said, said
        for service in OURS:
            compose("exec", "-T", service, "keybearer", "status", "--check")
        first = status("web")["key"]["current"]
        secret("SECRET_KEY_NEXT", new)
        for service in OURS:
            eventually("it verifies with the new key", lambda: status(service)["key"]["fallbacks"])
            key = status(service)["key"]
            assert key["current"] == first and len(key["fallbacks"]) == 1, key
        secret("SECRET_KEY_FALLBACKS", old)
        (SITE / "secrets/SECRET_KEY_NEXT").rename(SITE / "secrets/django_secret_key")
        eventually("a task has run with the new key", lambda: ran(new), within=120)
        for service in OURS:
            eventually("it signs with it", lambda: status(service)["key"]["current"] != first)
            key = status(service)["key"]
            assert key["fallbacks"] == [first], key
        # What the files hold is enough: a container that is made anew has both keys.
        compose("up", "--detach", "--no-build", "--force-recreate", "--no-deps", "web")
        eventually("the site answers", lambda: "ok" == get_or_nothing())
        assert status("web")["key"]["fallbacks"] == [first]
        shown = compose("logs", "--no-color") + compose("config")
        shown += docker("inspect", *compose("ps", "--quiet").split())
        assert not [key for key in keys if key in shown]
        policy = docker("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", *all_four())
        assert policy.split() == ["unless-stopped"] * 4, policy
        compose("stop")
        codes = docker("inspect", "--format", "{{.State.ExitCode}}", *all_four())
        assert codes.split() == ["0"] * 4, codes
    except Exception:
        print(compose("logs", "--no-color"), flush=True)
        raise
    finally:
        compose("down", "--volumes", "--timeout", "1")
        shutil.rmtree(SITE / "secrets")


def all_four():
    return compose("ps", "--quiet").split()


def ran(key):
    said = compose("logs", "--no-color", "worker")
    return f"tick with {digest(key)}" in said and said


def get_or_nothing():
    try:
        return get()
    except AssertionError:
        return None


@case
def every_field_is_known():
    """`config` reads it by the schema, and shows what comes of the anchors."""
    shown = compose("config")
    for service in OURS:
        assert f"\n  {service}:" in shown, shown
    assert shown.count("read_only: true") == 3
    # Longer than [reload] drain of the config that each of them has.
    grace = [line.split()[1] for line in shown.splitlines() if "stop_grace_period" in line]
    assert sorted(grace) == ["310s", "310s", "45s"], grace


if __name__ == "__main__":
    main("docker::compose")
