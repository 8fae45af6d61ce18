"""upgrade.py [NAME]: the packages in a booted systemd, with a real site under load; run by tests/packages/run
in what tests/systemd/run boots."""

import os
import pathlib
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.dirname(here), os.path.join(os.path.dirname(here), "systemd")]

import booted
from booted import SOURCE, Site, run, said, show, systemctl
from cases import Load, case, main

MADE = pathlib.Path("/srv/keybearer-test/packages")
FORMS = {
    "deb": {
        "install": ["dpkg", "--install"],
        "remove": ["dpkg", "--purge", "keybearer"],
    },
    # The rpm of this machine knows none of its packages, systemd is not among them.
    "rpm": {
        "install": ["rpm", "--nodeps", "--upgrade"],
        "remove": ["rpm", "--nodeps", "--erase", "keybearer"],
    },
}


def install(form, pattern):
    done = run(*FORMS[form]["install"], *MADE.glob(f"{pattern}.{form}"))
    return done.stdout + done.stderr


def lost(load):
    asked = load.end()
    assert asked["answered"] >= 4, asked
    return asked["failed"]


def served_by_systemds_socket(name):
    site = Site(name)
    site.socket = f"keybearer@{name}.socket"
    site.drop_in(f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{site.port}\n", site.socket)
    systemctl("enable", "--now", site.socket, site.unit)
    return site


def somebodys_own(name):
    """A unit that is not the package's, as README.md has it for a site that had one before."""
    site = Site(name)
    site.unit = f"{name}-site.service"
    pathlib.Path(f"/etc/systemd/system/{site.unit}").write_text(
        f"[Service]\nType=notify\nExecStart=/usr/bin/keybearer run --config {site.config}\n"
        "KillMode=mixed\nSuccessExitStatus=143\n"
    )
    systemctl("daemon-reload")
    systemctl("start", site.unit)
    return site


def has_no_secret(lines):
    for secret in booted.secrets:
        assert secret not in lines, "a secret is shown"


def upgraded_under_load(form):
    install(form, "before/*")
    shop = served_by_systemds_socket(f"{form}-shop")
    own = somebodys_own(f"{form}-own")
    pid = shop.main_pid()
    load = Load(shop.port)
    lines = install(form, "*")
    has_no_secret(lines)

    # It runs on, with the executable that it holds, and the line names it.
    assert shop.main_pid() == pid
    assert os.readlink(f"/proc/{pid}/exe") == "/usr/bin/keybearer (deleted)"
    (line,) = [line for line in lines.splitlines() if line.startswith("keybearer: ")]
    _, _, command = line.partition("when it suits you: ")
    assert set(command.split()) == {"systemctl", "restart", shop.unit, own.unit}, line
    # The new keybearer speaks with the old one, and the old one starts new generations.
    run("keybearer", "rotate", "--blind", "--config", shop.config)
    systemctl("reload", shop.unit)
    assert shop.main_pid() == pid and shop.status()["generation"] > 1
    assert lost(load) == 0

    load = Load(shop.port)
    run(*command.split())
    assert lost(load) == 0
    assert shop.main_pid() != pid
    for site in (shop, own):
        assert os.readlink(f"/proc/{show(site.unit, 'MainPID')}/exe") == "/usr/bin/keybearer"
        has_no_secret(said(site.unit))
    # Now there is nothing to say.
    again = run("sh", SOURCE / "packaging/scripts/postinst", "configure", "0.0.9-1")
    assert not again.stdout + again.stderr, again
    return shop, own


def a_copy_of_the_unit(name):
    """What an operator has edited in /etc, under the package's own name."""
    site = Site(name)
    unit = pathlib.Path("/usr/lib/systemd/system/keybearer@.service").read_text()
    pathlib.Path(f"/etc/systemd/system/{site.unit}").write_text(unit)
    systemctl("daemon-reload")
    systemctl("start", site.unit)
    return site


class AnotherPackage:
    """Its unit's name begins like ours."""

    file = pathlib.Path("/usr/lib/systemd/system/keybearer-exporter@.service")
    unit = "keybearer-exporter@keybearer.service"
    link = pathlib.Path("/etc/systemd/system/multi-user.target.wants") / unit

    def __init__(self):
        self.file.write_text(
            "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
        )
        systemctl("enable", "--now", self.unit)

    def is_untouched_and_goes(self):
        assert self.link.is_symlink() and show(self.unit, "ActiveState") == "active"
        systemctl("disable", "--now", self.unit)
        self.file.unlink()
        systemctl("daemon-reload")


def comes_back_by_the_line(lines, shop):
    """All that a removal has stopped is named by one line, and nothing else. Another may name what it
    has not stopped, and what runs with an executable that was taken away."""
    has_no_secret(lines)
    (line,) = [line for line in lines.splitlines() if line.startswith("keybearer: enabled, but not running;")]
    _, _, command = line.partition("when it suits you: ")
    timer = f"keybearer-rotate@{shop.name}.timer"
    assert command.split()[:2] == ["systemctl", "start"], line
    assert set(command.split()[2:]) == {shop.unit, shop.socket, timer}, line
    shop.is_gone()
    run(*command.split())
    assert shop.get() == (200, b"ok")
    assert show(timer, "ActiveState") == "active"


def a_removal_that_is_given_up(shop):
    prerm = pathlib.Path("/var/lib/dpkg/info/keybearer.prerm")
    text = prerm.read_text()
    prerm.write_text(f"{text}\nexit 1\n")
    done = run("dpkg", "--remove", "keybearer", code=1)
    prerm.write_text(text)
    comes_back_by_the_line(done.stdout + done.stderr, shop)


def removed_and_installed_again(shop):
    run("dpkg", "--remove", "keybearer")
    comes_back_by_the_line(install("deb", "*"), shop)


def removed_while_it_runs(form, shop, own):
    systemctl("enable", "--now", f"keybearer-rotate@{shop.name}.timer")
    kept = shop.env.read_text()
    copy = a_copy_of_the_unit(f"{form}-copy")
    other = AnotherPackage()
    if form == "deb":
        a_removal_that_is_given_up(shop)
        removed_and_installed_again(shop)
    done = run(*FORMS[form]["remove"])
    has_no_secret(done.stdout + done.stderr)
    # The package's own units are stopped, somebody's own unit is not, nor a copy of them.
    shop.is_gone()
    assert show(f"keybearer-rotate@{shop.name}.timer", "ActiveState") == "inactive"
    for site in (own, copy):
        assert site.get() == (200, b"ok")
    other.is_untouched_and_goes()
    assert systemctl("is-enabled", shop.unit, code=None).returncode
    assert not list(pathlib.Path("/etc/systemd/system").rglob("*.wants/keybearer*"))
    assert shop.env.read_text() == kept and shop.config.exists()
    assert not os.path.exists("/usr/bin/keybearer")
    for site in (own, copy):
        systemctl("stop", site.unit)
        assert systemctl("is-failed", site.unit, code=None).stdout.strip() == "inactive"
    failed = systemctl("list-units", "--failed", "--no-legend", "keybearer*").stdout
    assert not failed, failed


@case
def a_deb_is_upgraded_under_load_and_removed():
    removed_while_it_runs("deb", *upgraded_under_load("deb"))


@case
def an_rpm_is_upgraded_under_load_and_removed():
    run("rpm", "--initdb")
    removed_while_it_runs("rpm", *upgraded_under_load("rpm"))


booted.make_the_application()
os.makedirs("/etc/keybearer")
main("packages")
