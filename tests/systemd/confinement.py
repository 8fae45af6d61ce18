"""What the unit forbids is forbidden on the running site, and what a site does goes on under it."""

import hashlib
import json
import os
import random

from booted import APP, SOURCE, Site, proc_status, said, systemctl
from cases import case
from life import DESK

NOTHING = "0" * 16
# SETGID, SETUID and KILL: capabilities(7).
THREE = f"{1 << 5 | 1 << 6 | 1 << 7:016x}"
_running = []


def running():
    """One site for all cases here."""
    if not _running:
        _running.append(Site("held", DESK))
        _running[0].start()
    return _running[0]


@case
def no_process_has_more_than_it_needs():
    site = running()
    keybearer = proc_status(site.main_pid())
    assert keybearer["Uid"].split() == ["0"] * 4
    assert (keybearer["NoNewPrivs"], keybearer["Seccomp"]) == ("1", "2"), keybearer
    assert keybearer["CapEff"] == keybearer["CapPrm"] == keybearer["CapBnd"] == THREE, keybearer
    assert keybearer["CapInh"] == keybearer["CapAmb"] == NOTHING
    assert len(site.processes()) == 2
    for pid in site.processes():
        status = proc_status(pid)
        assert "0" not in status["Uid"].split() + status["Gid"].split(), status
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), status
        for which in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert status[which] == NOTHING or which == "CapBnd" and status[which] == THREE, status


@case
def what_is_forbidden():
    site = running()
    # The application's directory is the site user's own, so only the unit keeps it from writing.
    assert os.stat(APP).st_uid == int(proc_status(site.processes()[0])["Uid"].split()[0])
    places = {"/usr": "EROFS", "/etc/keybearer": "EACCES", str(APP): "EROFS"}
    places.update({"/tmp": "done", str(site.data): "done"})
    query = "&".join(f"write={place}" for place in places)
    status, body = site.get(f"/attempts?{query}")
    assert status == 200
    found = json.loads(body)
    expected = {
        **places,
        "namespace": "EPERM",
        "executable memory": "EPERM",
        "packet socket": "EAFNOSUPPORT",
        "netlink socket": "EAFNOSUPPORT",
        "real time": "EPERM",
        "set-id file": "EPERM",
        "personality": "EPERM",
        "keys of the kernel log": "ENOENT",
        "ptrace": "EPERM",
        "mount": "EPERM",
        "homes": "EACCES",
        "strangers": [],
    }
    # Whatever the kernel says to it, the filter must not be what says no.
    assert found.pop("landlock") in ("EINVAL", "done", "ENOSYS", "EOPNOTSUPP"), found
    assert found == expected, [(name, found[name]) for name in found if found[name] != expected.get(name)]
    # /tmp was its own.
    assert not os.path.exists("/tmp/trace")


@case
def an_upload():
    content, boundary = random.randbytes(6_000_000), "keybearer" * 5
    about = 'Content-Disposition: form-data; name="file"; filename="sent"\r\nContent-Type: text/plain'
    body = f"--{boundary}\r\n{about}\r\n\r\n".encode() + content + f"\r\n--{boundary}--\r\n".encode()
    site = running()
    kind = f"multipart/form-data; boundary={boundary}"
    status, answer = site.get("/upload", method="POST", body=body, Content_Type=kind)
    assert status == 200, answer
    arrived = json.loads(answer)
    assert arrived["way"].startswith("/tmp/"), arrived
    assert arrived["sha256"] == hashlib.sha256(content).hexdigest()
    assert (site.data / "media/sent").read_bytes() == content


@case
def a_database_in_a_file():
    for count in (1, 2):
        assert running().get("/order") == (200, b'{"orders": %d}' % count)


@case
def compiled_code():
    status, body = running().get("/extension")
    assert status == 200, said(running().unit)
    expected = {"psycopg": "binary", "ctypes": [1, 2, 3], "cffi": 4}
    assert json.loads(body) == expected, body


@case
def code_that_writes_code():
    """It is forbidden, and README's line for a drop-in allows it."""
    site = running()
    status, said_by_cffi = site.get("/callback")
    assert status == 200 and said_by_cffi.startswith(b"Cannot allocate write+execute memory"), said_by_cffi
    assert "| `MemoryDenyWriteExecute=no` |" in (SOURCE / "README.md").read_text()
    site.drop_in("[Service]\nMemoryDenyWriteExecute=no\n")
    systemctl("restart", site.unit)
    assert site.get("/callback") == (200, b"done")


@case
def nothing_is_left_of_it():
    site = running()
    site.stop()
    site.is_gone()
    left = [name for name in os.listdir("/tmp") if "keybearer" in name]
    assert not left, left
