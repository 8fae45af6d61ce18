"""The last case: of all that was said before, nothing holds a secret."""

import pathlib

from booted import run, secrets
from cases import Skip, case


@case
def no_secret_is_in_the_journal():
    if not secrets:
        raise Skip("no case ran before")
    run("systemd-cat", "echo", "the canary's own line")
    run("journalctl", "--sync")
    everything = run("journalctl", "-o", "export", "--all").stdout
    assert "serving on" in everything and "the canary's own line" in everything
    shown = [secret[:4] for secret in secrets if secret in everything]
    assert not shown, f"{len(shown)} of {len(secrets)} are in the journal"


@case
def no_secret_is_in_what_systemd_says():
    everything = run("systemctl", "show", "--all", "keybearer@*", "keybearer-celery@*").stdout
    everything += run("systemctl", "status", "--full", "--no-pager", "*", code=None).stdout
    assert not [secret for secret in secrets if secret in everything]
    for kept in pathlib.Path("/run/systemd").rglob("*"):
        if kept.is_file() and "credentials" not in kept.parts:
            text = kept.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in text], kept
