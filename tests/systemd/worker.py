"""The example of a worker."""

import os
import pathlib
import subprocess

from booted import GROUP, KIT, USER, Site, in_group, run, said, show, systemctl
from cases import case, eventually

UNIT = "keybearer-celery@shop.service"


@case
def a_celery_worker():
    queue = pathlib.Path("/var/lib/shop")
    site = Site(
        "shop-celery",
        '[ready]\nsettle = "1s"\n[reload]\ndrain = "10m"\n',
        listen=False,
        command=["celery", "--app", "jobs", "worker", "--concurrency", "1", "--without-mingle"],
        QUEUE=str(queue),
        HOLD=str(queue / "hold"),
        KEYS_STAY="1",
    )
    run("install", "-d", "-o", USER, "-g", GROUP, queue)
    run("runuser", "-u", USER, "--", "mkfifo", queue / "hold")
    systemctl("enable", "--now", UNIT)
    assert site.status()["name"] == "shop-celery"
    send(site, "first")
    eventually("it is at it", lambda: "first begins" in said(UNIT))
    key = site.new_key()
    reload = subprocess.Popen(["systemctl", "reload", UNIT])
    # It waits for the task.
    eventually("it has been told", lambda: "Warm shutdown" in said(UNIT))
    assert reload.poll() is None
    (queue / "hold").write_text("go\n")
    assert reload.wait() == 0
    assert "first ends" in said(UNIT)
    site.unit = UNIT
    assert site.signs_with(key)
    systemctl("disable", "--now", UNIT)
    assert show(UNIT, "Result") == "success" and not in_group(UNIT)
    assert not os.path.exists("/run/keybearer/shop-celery")


def send(site, name):
    """As the site's views would do it."""
    script = "import jobs, sys; jobs.work.delay(sys.argv[1])"
    config = site.config
    run("keybearer", "exec", "--quiet", "--config", config, "--", KIT / "venv/bin/python", "-c", script, name)
