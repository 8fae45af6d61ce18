"""The timer: it stages a key, promotes it when that is due, and drops the old one at its time, on its own."""

import pathlib
import re
import shutil

from booted import APP, KIT, SOURCE, Site, said, secrets, show, systemctl
from cases import case, eventually
from life import DESK

LOGGED = """from desk import *
LOGGING = {
    "version": 1,
    "handlers": {"file": {"class": "logging.FileHandler", "filename": DATA_DIR / "site.log"}},
    "root": {"handlers": ["file"]},
}
"""


@case
def the_timer_rotates_on_its_own():
    """As for a fleet: one look does one step. No other command is given."""
    site = Site("turned", DESK + '[keys]\nhosts = "many"\ngrace = "3s"\nkeep = 5\n[watch]\nevery = "1s"\n')
    first = site.variables["SECRET_KEY"]
    site.start()
    timer, service = "keybearer-rotate@turned.timer", "keybearer-rotate@turned.service"
    quick = "OnCalendar=\nOnActiveSec=1ms\nOnUnitInactiveSec=300ms\nAccuracySec=1ms\nRandomizedDelaySec=0\n"
    site.drop_in(f"[Timer]\n{quick}", timer)
    site.drop_in("[Unit]\nStartLimitIntervalSec=0\n", service)
    systemctl("enable", "--now", timer)
    eventually("the old key is dropped", lambda: "dropped" in said(service) or "retired" in said(service))
    systemctl("disable", "--now", timer)
    eventually("the last look is over", lambda: show(service, "ActiveState") == "inactive")
    assert show(service, "Result") == "success"

    text = site.env.read_text()
    now = re.search("^SECRET_KEY=(.*)$", text, re.M)[1]
    secrets.append(now)
    assert now != first and first not in text, said(service)
    steps = re.findall("^(staged|promoted|dropped|retired)", said(service), re.M)
    assert steps[:3] in (["staged", "promoted", "dropped"], ["staged", "promoted", "retired"]), said(service)
    eventually("it signs with it", lambda: site.signs_with(now))
    # Two of the generations came by a promotion and its preparation; nothing was started anew.
    assert show(site.unit, "NRestarts") == "0" and site.get() == (200, b"ok")
    site.stop()


@case
def on_one_host_it_is_one_night():
    site = Site("night", DESK)
    first = site.variables["SECRET_KEY"]
    site.start()
    # Of unknown age: it is due.
    systemctl("start", "keybearer-rotate@night.service")
    second = re.search("^SECRET_KEY=(.*)$", site.env.read_text(), re.M)[1]
    secrets.append(second)
    assert second != first and f"SECRET_KEY_FALLBACKS={first}" in site.env.read_text()
    assert site.env.group() == "www-data" and site.env.stat().st_mode & 0o777 == 0o640
    systemctl("start", "keybearer-rotate@night.service")
    assert "nothing is due" in said("keybearer-rotate@night.service")
    site.stop()


@case
def of_a_site_under_home():
    """It runs the site's manage.py, which opens its log: the rotation needs what the site needs."""
    home = pathlib.Path("/home/homely")
    shutil.copytree(APP, home / "app", copy_function=shutil.copy)
    settings = home / "app/logged.py"
    settings.write_text(LOGGED)
    site = Site("homely", DESK.replace("desk", "logged") + f'[django]\nmanage = ["{KIT}/venv/bin/python", "manage.py"]')
    text = site.config.read_text().replace(str(APP), str(home / "app"))
    site.config.write_text(f'schema = "{home}/app/keybearer.schema.toml"\n{text}')
    first, service = site.variables["SECRET_KEY"], "keybearer-rotate@homely.service"
    assert "| the site is under `/home` | `ProtectHome=read-only` |" in (SOURCE / "README.md").read_text()
    site.start(code=1)
    assert show(site.unit, "ExecMainStatus") == "77", said(site.unit)
    site.drop_in("[Service]\nProtectHome=read-only\n")
    systemctl("reset-failed", site.unit)
    site.start()
    assert site.get() == (200, b"ok") and (site.data / "site.log").exists()
    systemctl("start", service, code=1)
    assert f"SECRET_KEY={first}" in site.env.read_text()
    site.drop_in("[Service]\nProtectHome=read-only\n", service)
    # A manage.py that cannot write its log says nothing about the settings, and this would go through.
    settings.write_text(LOGGED + "SECRET_KEY_FALLBACKS = []\n")
    systemctl("start", service, code=1)
    assert "do not read SECRET_KEY_FALLBACKS" in said(service), said(service)
    settings.write_text(LOGGED)
    systemctl("start", service)
    second = re.search("^SECRET_KEY=(.*)$", site.env.read_text(), re.M)[1]
    secrets.append(second)
    assert second != first, said(service)
    eventually("it signs with it", lambda: site.signs_with(second))
    site.stop()
    site.is_gone()


@case
def the_shipped_timer_is_nightly():
    systemctl("start", "keybearer-rotate@night.timer")
    next_time = show("keybearer-rotate@night.timer", "NextElapseUSecRealtime")
    assert re.search(r" 0[45]:\d\d:\d\d ", next_time), next_time
    systemctl("stop", "keybearer-rotate@night.timer")
