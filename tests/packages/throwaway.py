"""throwaway.py [NAME]: the packages installed, upgraded and removed in a copy of this machine's files, where
no systemd runs, as in an image that is being built. The commands are those of README.md."""

import os
import pathlib
import re
import subprocess
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.dirname(here)]

from cases import case, main

SOURCE = pathlib.Path("/srv/source")
MADE = pathlib.Path("/srv/keybearer-test/packages")
BLOCKS = re.findall(r"^```sh package\n(.*?)^```$", (SOURCE / "README.md").read_text(), re.M | re.S)
DEFAULT = pathlib.Path("/etc/default/keybearer")
CONFIG = pathlib.Path("/etc/keybearer/example.toml")
ENV = pathlib.Path("/etc/keybearer/example.env")
ALONE = pathlib.Path("/run/alone")
UNIT = pathlib.Path("/usr/lib/systemd/system/keybearer@.service")


def run(*words, code=0, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=300, **more)
    if code is not None and done.returncode != code:
        raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def block(text):
    """The one block of README.md for packages that has this in it, run where the packages lie. The rpm
    of this machine knows none of its packages, so it is told not to look for systemd."""
    ALONE.mkdir(exist_ok=True)
    (ALONE / "rpm").write_text('#!/bin/sh\nexec /usr/bin/rpm --nodeps "$@"\n')
    (ALONE / "rpm").chmod(0o755)
    (found,) = [block for block in BLOCKS if text in block]
    return run("bash", "-euxc", found, cwd=MADE, env={**os.environ, "PATH": f"{ALONE}:{os.environ['PATH']}"})


def files():
    """What is there, but for the package managers' own books, logs and caches."""
    books = ("/var/lib/dpkg", "/var/lib/rpm", "/var/lib/apt", "/var/cache", "/var/log")
    listed = run("find", "/etc", "/usr", "/var", "/opt").splitlines()
    return {path for path in listed if not path.startswith(books)}


def left_since(before):
    """What has been added since, but for the user and what was typed in by somebody."""
    users = {f"/etc/{name}{end}" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid") for end in ("", "-")}
    users |= {"/etc/.pwd.lock"}
    return {path for path in files() - before if path not in users and not path.startswith("/etc/keybearer")}


def site():
    """What an operator has there: a config, an env file with a key, a unit that is enabled."""
    run("keybearer", "init", "/etc/keybearer", "--name", "example")
    wants = pathlib.Path("/etc/systemd/system/multi-user.target.wants/keybearer@example.service")
    wants.parent.mkdir(parents=True, exist_ok=True)
    wants.unlink(missing_ok=True)
    wants.symlink_to(UNIT)
    return ENV.read_text(), wants


def is_installed():
    assert run("keybearer", "--version").startswith("keybearer ")
    assert "keybearer" in run("getent", "passwd", "keybearer")
    assert os.access("/usr/libexec/keybearer/keybearer-store", os.X_OK)
    run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", UNIT.with_name("keybearer@example.service"))


def forget():
    """The operator takes away what is his."""
    run("rm", "-rf", "/etc/keybearer")


@case
def every_block_of_readme_is_run_here():
    run_here = set(re.findall(r'^ +(?:said = )?block\("(.*)"\)$', pathlib.Path(__file__).read_text(), re.M))
    assert sorted(len([text for text in run_here if text in block]) for block in BLOCKS) == [1] * len(run_here)
    said = block("sha256sum --check")
    assert said.count(": OK") == 3, said


@case
def the_deb():
    before = files()
    said = run("dpkg", "--install", *MADE.glob("before/*.deb"))
    assert "0.0.9" in said
    is_installed()
    env, wants = site()
    DEFAULT.write_text(DEFAULT.read_text() + "AWS_REGION=eu-central-1\n")

    said = block("apt install")
    # What is new is installed without a word.
    assert not re.search("^(W|E|dpkg|keybearer|systemd-.*):|warning:", said, re.M), said
    is_installed()
    assert "0.0.9" not in run("dpkg-query", "-W", "keybearer")
    # The one file that somebody has changed.
    changed = run("dpkg", "--verify", "keybearer").split("\n")
    assert [line.split()[-1] for line in changed if line] == [str(DEFAULT)], changed

    run("dpkg", "--remove", "keybearer")
    assert not pathlib.Path("/usr/bin/keybearer").exists() and not UNIT.exists()
    assert DEFAULT.exists() and wants.is_symlink()
    run("dpkg", "--purge", "keybearer")
    assert not DEFAULT.exists() and not wants.is_symlink()
    # Not ours: this may be the only copy of a key.
    assert ENV.read_text() == env and CONFIG.exists()
    assert left_since(before) == set(), left_since(before)
    assert env.split("SECRET_KEY=")[1].split()[0] not in said
    forget()


@case
def a_deb_is_whole():
    """Fresh from nothing, as README.md has it, and gone without a trace."""
    before = files()
    block("apt install")
    assert run("dpkg", "--verify", "keybearer") == ""
    block("apt purge")
    assert left_since(before) == set(), left_since(before)


@case
def a_deb_that_is_broken_is_seen():
    """So that the cases above could fail."""
    block("apt install")
    UNIT.write_text("")
    assert str(UNIT) in run("dpkg", "--verify", "keybearer", code=None)
    run("dpkg", "--purge", "keybearer")


@case
def the_rpm():
    run("rpm", "--initdb")
    before = files()
    run("rpm", "--nodeps", "--install", *MADE.glob("before/*.rpm"))
    is_installed()
    env, wants = site()
    assert run("rpm", "--verify", "--nodeps", "keybearer") == ""
    DEFAULT.write_text(DEFAULT.read_text() + "AWS_REGION=eu-central-1\n")

    said = block("rpm --upgrade")
    is_installed()
    assert run("rpm", "-q", "keybearer").startswith("keybearer-0.1.0-1.")
    assert "AWS_REGION=eu-central-1" in DEFAULT.read_text()
    changed = run("rpm", "--verify", "--nodeps", "keybearer", code=1).strip().split("\n")
    assert [line.split()[-1] for line in changed] == [str(DEFAULT)], changed

    run("rpm", "--erase", "keybearer")
    assert not wants.is_symlink()
    assert ENV.read_text() == env and CONFIG.exists()
    # What somebody has changed is kept aside, as every RPM does. Two directories are another package's
    # wherever RPM is at home.
    aside = {f"{DEFAULT}.rpmsave", "/usr/share/licenses", "/usr/share/zsh/site-functions"}
    assert left_since(before) == aside, left_since(before) ^ aside
    pathlib.Path(f"{DEFAULT}.rpmsave").unlink()
    assert env.split("SECRET_KEY=")[1].split()[0] not in said
    forget()


@case
def the_tarball():
    before = files()
    modes = {path: path.stat().st_mode for path in map(pathlib.Path, ("/usr", "/usr/bin", "/usr/lib"))}
    block("tar --extract")
    is_installed()
    assert modes == {path: path.stat().st_mode for path in modes}
    # As README.md has it, it takes itself away again by its own list.
    block("tar --list")
    directories = {path for path in left_since(before) if pathlib.Path(path).is_dir()}
    assert left_since(before) == directories, left_since(before) - directories


main("packages")
