"""A site from its start to its stop, without a socket unit."""

import json
import os
import pathlib
import signal

from booted import Site, environ, journal, run, runs_again, said, show, systemctl
from cases import case, eventually

DESK = '[ready]\npath = "/healthz"\n[environment]\nset = { DJANGO_SETTINGS_MODULE = "desk" }\n'


@case
def start_and_stop():
    site = Site("start")
    systemctl("enable", "--now", site.unit)
    assert show(site.unit, "ActiveState", "SubState") == ["active", "running"]
    assert show(site.unit, "StatusText").startswith("serving"), show(site.unit, "StatusText")
    assert site.get() == (200, b"ok")
    assert site.status()["name"] == "start"
    # Nothing of systemd's own and nothing of keybearer's reaches the site.
    for pid in site.processes():
        told = environ(pid)
        assert told["SECRET_KEY"] == site.variables["SECRET_KEY"]
        of_systemd = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY"}
        assert not of_systemd & set(told), told.keys()
    systemctl("disable", "--now", site.unit)
    assert show(site.unit, "Result", "ActiveState") == ["success", "inactive"]
    site.is_gone()


@case
def the_journal_knows_how_grave_a_line_is():
    site = Site("journal", ALLOWED_HOSTS="*")
    site.start(code=1)
    site.write(ALLOWED_HOSTS="localhost", LD_PRELOAD="/tmp/x")
    systemctl("reset-failed", site.unit)
    site.start()
    lines = [(line["PRIORITY"], line["MESSAGE"]) for line in journal(site.unit) if line["_COMM"] == "keybearer"]
    for priority, text in [("3", "ALLOWED_HOSTS"), ("4", "LD_PRELOAD"), ("6", "serving on")]:
        assert any(at == priority and text in line for at, line in lines), lines
    assert not any(line.startswith("<") for _, line in lines), lines
    site.stop()


@case
def what_all_instances_share():
    """In a file that need not be there."""
    shared = pathlib.Path("/etc/default/keybearer")
    shared.write_text("# For all instances.\nKEYBEARER_LOG_FORMAT=json\nHTTPS_PROXY=http://proxy.test:3128\n")
    site = Site("shared")
    site.start()
    shared.unlink()
    lines = [line["MESSAGE"] for line in journal(site.unit) if line["_COMM"] == "keybearer"]
    assert any(json.loads(line)["message"].startswith("serving on") for line in lines), lines
    told = environ(site.processes()[0])
    assert told["HTTPS_PROXY"] == "http://proxy.test:3128" and "KEYBEARER_LOG_FORMAT" not in told
    site.stop()


@case
def a_slow_start_asks_for_time():
    site = Site("slow", DESK, BOOT_SECONDS="6")
    site.drop_in("[Service]\nTimeoutStartSec=3s\n")
    site.start()
    assert site.get() == (200, b"ok")
    site.stop()


@case
def a_crash_is_restarted():
    site = Site("crash")
    site.drop_in("[Service]\nRestartSec=100ms\n")
    site.start()
    keybearer = site.main_pid()
    os.kill(min(site.processes()), signal.SIGKILL)
    eventually("another keybearer", lambda: runs_again(site.unit, 1))
    assert site.main_pid() != keybearer and site.get() == (200, b"ok")
    # And keybearer itself.
    before = site.processes()
    os.kill(site.main_pid(), signal.SIGKILL)
    eventually("a third", lambda: runs_again(site.unit, 2))
    assert site.get() == (200, b"ok") and not set(before) & set(site.processes())
    site.stop()
    site.is_gone()


@case
def what_another_try_cannot_help_is_not_tried():
    """Left by 1 it is tried again, by 78 it is not."""
    site = Site("broken")
    site.write(SECRET_KEY=None)
    site.start(code=1)
    assert show(site.unit, "SubState", "ExecMainStatus", "NRestarts") == ["failed", "78", "0"]
    assert "SECRET_KEY" in said(site.unit)
    site.new_key()
    os.chmod(site.env, 0o644)
    systemctl("reset-failed", site.unit)
    site.start(code=1)
    assert show(site.unit, "SubState", "ExecMainStatus", "NRestarts") == ["failed", "77", "0"]
    os.chmod(site.env, 0o640)

    other = Site("taken", DESK, FAIL="as told")
    other.start(code=1)
    eventually("it is tried again", lambda: show(other.unit, "SubState") == "auto-restart")
    other.write(FAIL=None)
    eventually("it serves", lambda: show(other.unit, "SubState") == "running")
    assert int(show(other.unit, "NRestarts")) >= 1
    other.stop()


@case
def a_hung_server_is_caught():
    site = Site("hung", DESK.replace('"/healthz"', '"/healthz"\nliveness = true'))
    site.drop_in("[Service]\nWatchdogSec=4s\nRestartSec=100ms\n")
    site.start()
    for pid in site.processes():
        os.kill(pid, signal.SIGSTOP)
    eventually("it runs again", lambda: runs_again(site.unit, 1))
    assert "watchdog" in run("journalctl", "-u", site.unit).stdout
    assert site.get() == (200, b"ok")
    assert "the server does not answer" in said(site.unit), said(site.unit)
    site.stop()
    site.is_gone()
