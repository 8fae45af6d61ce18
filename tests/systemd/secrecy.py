"""The last case: of all that was said before, nothing holds a secret."""

import pathlib
import re

from booted import Site, run, secrets, systemctl
from cases import Skip, case
from life import DESK


@case
def no_secret_is_in_the_journal():
    if not secrets:
        raise Skip("no other case ran before")
    run("systemd-cat", "echo", "the canary's own line")
    run("journalctl", "--sync")
    everything = run("journalctl", "-o", "export", "--all").stdout
    assert "serving on" in everything and "the canary's own line" in everything
    shown = [secret[:4] for secret in secrets if secret in everything]
    assert not shown, f"{len(shown)} of {len(secrets)} are in the journal"


@case
def no_secret_is_in_what_systemd_says():
    """While a site runs, and of a rotation that is over."""
    site = Site("shown", DESK)
    site.start()
    rotation = "keybearer-rotate@shown.service"
    systemctl("start", rotation)
    secrets.append(re.search("^SECRET_KEY=(.*)$", site.env.read_text(), re.M)[1])
    assert len(set(secrets)) > 1
    everything = systemctl("show", "--all", "keybearer@*", "keybearer-celery@*", site.unit, rotation).stdout
    everything += systemctl("status", "--full", "--no-pager", "*", site.unit, rotation, code=None).stdout
    for unit in (site.unit, rotation):
        # What show says, and what status says.
        assert f"Id={unit}\n" in everything and f" {unit} - " in everything, unit
    assert not [secret for secret in secrets if secret in everything]
    for kept in pathlib.Path("/run/systemd").rglob("*"):
        if kept.is_file() and "credentials" not in kept.parts:
            text = kept.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in text], kept
    site.stop()
