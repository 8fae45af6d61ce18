"""With the socket unit: systemd holds the socket, before the site runs and while it restarts."""

import errno
import grp
import os
import pathlib
import stat

from booted import GROUP, Site, fetch, run, said, show, systemctl
from cases import Load, case, eventually


@case
def a_visitor_starts_the_site():
    """By the unit as it is shipped: a unix socket of the site's name."""
    site = Site("visited", listen=False)
    unit = "keybearer@visited.socket"
    systemctl("enable", "--now", unit)
    path = "/run/keybearer/visited.sock"
    assert_is(path, "root", 0o660)
    assert show(site.unit, "ActiveState") == "inactive"
    assert fetch(path) == (200, b"ok")
    # What lies beside the directories of instances is none.
    check = ["keybearer", "status", "--check"]
    eventually("it serves", lambda: run(*check, code=None).stdout == "visited: serving\n")
    assert show(site.unit, "ActiveState") == "active"
    assert "serving on unix:/run/keybearer/visited.sock" in said(site.unit), said(site.unit)
    systemctl("disable", "--now", unit, site.unit)
    site.is_gone()
    assert not os.path.exists(path)


def assert_is(path, group, mode):
    found = pathlib.Path(path).stat()
    assert (found.st_uid, grp.getgrgid(found.st_gid).gr_name) == (0, group), found
    assert stat.S_IMODE(found.st_mode) == mode, found


@case
def it_is_open_to_the_group_that_it_is_given():
    """Who may connect may say where a visitor comes from, so as shipped no user may but root."""
    site = Site("fronted", listen=False)
    unit = "keybearer@fronted.socket"
    path = "/run/keybearer/fronted.sock"
    run("useradd", "--system", "--user-group", "--groups", GROUP, "front")
    systemctl("start", unit)
    for user in ("front", "nobody"):
        assert not may_connect(user, path), user
    site.drop_in(f"[Socket]\nSocketGroup={GROUP}\n", unit)
    systemctl("restart", unit)
    assert_is(path, GROUP, 0o660)
    assert may_connect("front", path) and not may_connect("nobody", path)
    # That was a visitor.
    eventually("it serves", lambda: show(site.unit, "ActiveState") == "active")
    systemctl("stop", unit, site.unit)
    site.is_gone()


def may_connect(user, path):
    """In the user's groups as the system has them; anything but a refusal of its rights is an error."""
    script = "import socket, sys; sys.exit(socket.socket(socket.AF_UNIX).connect_ex(sys.argv[1]))"
    done = run("runuser", "-u", user, "--", "/usr/bin/python3", "-c", script, path, code=None)
    assert done.returncode in (0, errno.EACCES), done
    return done.returncode == 0


def with_a_port(name, config=""):
    site = Site(name, config)
    site.socket = f"keybearer@{name}.socket"
    site.drop_in(f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{site.port}\n", site.socket)
    return site


@case
def a_restart_loses_no_connection():
    """The config has the same address, so that the site can be started without the socket unit too."""
    site = with_a_port("restart")
    systemctl("enable", "--now", site.socket, site.unit)
    before = site.main_pid()
    load = Load(site.port)
    for _ in range(2):
        systemctl("restart", site.unit)
        assert site.get() == (200, b"ok")
    asked = load.end()
    assert site.main_pid() != before
    assert asked["answered"] > 4 and not asked["failed"], asked
    systemctl("stop", site.socket, site.unit)
    site.is_gone()


@case
def without_it_a_restart_refuses():
    """So that the case above could fail."""
    site = Site("refuses")
    site.start()
    load = Load(site.port, 2)
    systemctl("restart", site.unit)
    asked = load.end()
    assert asked["failed"], asked
    site.stop()


@case
def a_site_that_cannot_start_does_not_start_for_ever():
    """Each visitor starts it again, until systemd has seen enough of that."""
    site = with_a_port("hopeless")
    site.write(SECRET_KEY="short")
    systemctl("start", site.socket)
    try:
        site.get()
    except OSError:
        pass
    eventually("the socket is closed", lambda: show(site.socket, "ActiveState") == "failed")
    assert show(site.unit, "ExecMainStatus") == "78"
    # As README says.
    site.new_key()
    systemctl("reset-failed", site.unit)
    systemctl("restart", site.socket)
    assert site.get() == (200, b"ok")
    systemctl("stop", site.socket, site.unit)
