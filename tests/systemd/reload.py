"""systemctl reload: a new key, and one that cannot be had."""

import os
import pathlib

from booted import Site, said, show, systemctl
from cases import case, eventually
from life import DESK


def is_another(site, old):
    """The generation before may have accepted its last request."""
    eventually("another key", lambda: site.get("/key") != old)


@case
def a_good_one():
    site = Site("good", DESK)
    site.start()
    old = site.get("/key")
    supervisor, first = site.main_pid(), site.variables["SECRET_KEY"]
    new = site.new_key()
    systemctl("reload", site.unit)
    is_another(site, old)
    assert site.main_pid() == supervisor and show(site.unit, "ActiveState", "SubState") == ["active", "running"]
    # The old key verifies, and a restart will not have forgotten it: the unit lets the file be written.
    text = site.env.read_text()
    assert f"SECRET_KEY={new}" in text and f"SECRET_KEY_FALLBACKS={first}" in text
    # Its group is the site's, as before, and so is its mode.
    assert (site.env.group(), site.env.stat().st_mode & 0o777) == ("www-data", 0o640)
    site.stop()
    site.is_gone()


@case
def a_bad_one():
    site = Site("bad", DESK)
    site.start()
    old, processes = site.get("/key"), site.processes()
    site.new_key(FAIL="as told")
    assert systemctl("reload", site.unit, code=1).stderr
    # Rolled back: the same processes, the same key, and the unit has not failed.
    assert site.get("/key") == old and site.processes() == processes
    assert show(site.unit, "ActiveState", "SubState", "NRestarts") == ["active", "running", "0"]
    assert show(site.unit, "ExecReload").endswith("status=1 }"), show(site.unit, "ExecReload")

    site.write(FAIL=None)
    os.chmod(site.env, 0o644)
    systemctl("reload", site.unit, code=1)
    assert show(site.unit, "ExecReload").endswith("status=77 }"), show(site.unit, "ExecReload")
    assert site.get("/key") == old
    os.chmod(site.env, 0o640)
    systemctl("reload", site.unit)
    is_another(site, old)
    site.stop()


@case
def one_that_is_slow():
    """TimeoutStartSec= bounds a reload as well, and is put off as well."""
    site = Site("patient", DESK)
    site.drop_in("[Service]\nTimeoutStartSec=3s\n")
    site.start()
    site.write(BOOT_SECONDS="5")
    systemctl("reload", site.unit)
    assert site.status()["generation"] == 2, site.status()
    site.stop()


@case
def an_env_file_elsewhere():
    """Where the unit may not write, one warning says so; a drop-in mends it."""
    elsewhere = pathlib.Path("/etc/secrets")
    elsewhere.mkdir()
    site = Site("elsewhere", DESK)
    site.env = elsewhere / "site.env"
    site.config.write_text(site.config.read_text().replace("/etc/elsewhere/elsewhere.env", str(site.env)))
    site.new_key()
    site.start()
    first = site.variables["SECRET_KEY"]
    site.new_key()
    systemctl("reload", site.unit)
    assert first not in site.env.read_text()
    assert "ReadWritePaths=" in said(site.unit), said(site.unit)
    site.drop_in(f"[Service]\nReadWritePaths={elsewhere}\n")
    systemctl("restart", site.unit)
    second = site.variables["SECRET_KEY"]
    site.new_key()
    systemctl("reload", site.unit)
    assert f"SECRET_KEY_FALLBACKS={second}" in site.env.read_text()
    site.stop()
