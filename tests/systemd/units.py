"""The unit files themselves."""

import pathlib
import pwd
import re
import stat

from booted import SOURCE, run
from cases import case

UNITS = sorted((SOURCE / "systemd").glob("keybearer*"))
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]


def verified(files):
    """systemd-analyze has nothing to say of these; it ends with 0 in some cases where it has."""
    done = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *files)
    assert not done.stderr, done.stderr


@case
def every_unit_verifies():
    assert len(UNITS) == 5, UNITS
    verified(UNITS)


@case
def a_mistake_is_found():
    wrong = pathlib.Path("/tmp/wrong@.service")
    wrong.write_text(SERVICES[0].read_text().replace("WatchdogSec=", "WatchdogSecs="))
    try:
        verified([wrong])
    except AssertionError as error:
        assert "WatchdogSecs" in str(error) or "Watchdog" in str(error), error
        return
    raise AssertionError("it was not found")


@case
def the_exposure_is_low():
    for unit in SERVICES:
        name = unit.name.replace("@", "@example")
        said = run("systemd-analyze", "security", "--no-pager", name).stdout
        level = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said)[1])
        assert level <= 2.1, f"{name}: {level}"


def hardening(unit):
    """The block below its comment, without the comments in it."""
    _, block = unit.read_text().split("# What holds keybearer")
    block = block.split("\n[Install]")[0].splitlines()[1:]
    return [line for line in block if line and not line.startswith("#")]


@case
def the_services_are_held_by_the_same():
    """A confinement that one of them lacks is how the others are got around."""
    blocks = {unit.name: hardening(unit) for unit in SERVICES}
    assert len(blocks) == 3, blocks
    first = hardening(SERVICES[0])
    assert len(first) > 20, first
    for name, block in blocks.items():
        assert block == first, (name, set(block) ^ set(first))


@case
def the_helpers_user_and_the_directory_are_made():
    user = pwd.getpwnam("keybearer")
    assert user.pw_shell.endswith("nologin") and user.pw_uid and user.pw_gid, user
    found = pathlib.Path("/run/keybearer").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (0, 0o755), found
