"""The timer: it stages a key, promotes it when that is due, and drops the old one at its time, on its own."""

import re

from booted import Site, said, secrets, show, systemctl
from cases import case, eventually
from life import DESK


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
def the_shipped_timer_is_nightly():
    systemctl("start", "keybearer-rotate@night.timer")
    next_time = show("keybearer-rotate@night.timer", "NextElapseUSecRealtime")
    assert re.search(r" 0[45]:\d\d:\d\d ", next_time), next_time
    systemctl("stop", "keybearer-rotate@night.timer")
