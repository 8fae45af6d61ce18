"""What the engine does to a container: stop, kill, look after its health, restart."""

import pathlib
import socket
import subprocess

from engine import (
    NO_WATCH, PORT, Container, docker, eventually, get, new_key, run, shipped, write,
)
from cases import Load, case, main

def connections(site):
    """Sockets of the server's processes: a request that is being read is one more."""
    found = 0
    for process in site.processes():
        if process["Name"] == "gunicorn":
            for link in pathlib.Path(f"/proc/{process['Pid']}/fd").iterdir():
                found += link.readlink().name.startswith("socket:")
    return found


@case
def stop_lets_a_request_finish():
    with Container() as site:
        site.serves()
        before = connections(site)
        with socket.create_connection(("127.0.0.1", PORT), timeout=60) as visitor:
            visitor.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
            eventually("a worker reads the request", lambda: connections(site) > before)
            stop = subprocess.Popen(["docker", "stop", "--time", "60", site.name])
            site.says("Handling signal: term")
            assert stop.poll() is None
            visitor.sendall(b"Connection: close\r\n\r\n")
            answer = b"".join(iter(lambda: visitor.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"ok"), answer
        assert stop.wait() == 0
        assert site.inspect(".State.ExitCode") == 0


@case
def stop_while_it_starts():
    """The kernel keeps from the first process of a container what it has no handler for."""
    before = '[reload]\nbefore = [["sleep", "1000"]]\n[watch]'
    with Container(*shipped("keybearer.toml", ("[watch]", before))) as site:
        site.says("running the 'before' command")
        assert site.stop() == 143
        assert "Killed" not in site.logs()


@case
def hup_takes_a_new_key_over_and_nobody_waits_in_vain():
    with Container(*shipped("keybearer.toml", NO_WATCH)) as site:
        site.serves()
        before = site.status()
        with Load(PORT) as load:
            write(site.secrets / "django_secret_key", new_key() + "\n")
            docker("kill", "--signal", "HUP", site.name)
            # The new key first verifies, then signs.
            site.says("generation 3 took over")
            site.has_one_generation()
        assert load.result["failed"] == 0 and load.result["answered"] > 20, load.result
        after = site.status()
        assert after["key"]["current"] != before["key"]["current"]
        assert after["key"]["fallbacks"] == [before["key"]["current"]]
        assert get() == "ok" and site.stop() == 0


@case
def hup_under_init():
    with Container("--init", *shipped("keybearer.toml", NO_WATCH)) as site:
        site.serves()
        docker("kill", "--signal", "HUP", site.name)
        site.says("nothing changed")
        assert site.stop() == 0


@case
def health_is_what_keybearer_says():
    often = ["--health-interval", "500ms", "--health-retries", "1", "--health-timeout", "5s"]
    with Container(*often) as site:
        eventually("healthy", lambda: site.inspect(".State.Health.Status") == "healthy")
        keybearer = site.process("keybearer")["Pid"]
        run("kill", "-STOP", keybearer)
        eventually("unhealthy", lambda: site.inspect(".State.Health.Status") == "unhealthy")
        run("kill", "-CONT", keybearer)
        eventually("healthy again", lambda: site.inspect(".State.Health.Status") == "healthy")
        assert site.stop() == 0


@case
def what_cannot_be_mended_by_a_restart_is_one_line_and_78():
    with Container(*shipped("keybearer.toml", ("[watch]", "[wotch]"))) as site:
        assert site.ended() == 78
        said = site.logs().splitlines()
        assert len(said) == 1 and said[0].startswith("keybearer: ") and "wotch" in said[0], said


@case
def a_server_that_cannot_start_ends_the_container():
    with Container(command=["gunicorn", "config.nothing:application"]) as site:
        assert site.ended() not in (0, 143)
        assert "keybearer: the server ended by itself before it was ready" in site.logs()


@case
def a_server_that_dies_is_started_again_by_the_engine():
    with Container("--restart", "unless-stopped") as site:
        site.serves()
        run("kill", "-KILL", site.process("gunicorn")["Pid"])
        eventually("another start", lambda: site.inspect(".RestartCount") == 1)
        eventually("it serves", lambda: site.logs().count("keybearer: serving on") == 2)
        assert get() == "ok" and site.stop() == 0


@case
def it_needs_no_process_of_others_in_proc():
    """With the processes of other users hidden in /proc, beside what the engine masks there anyway."""
    with Container("--user", "0", "--env", "KEYBEARER_USER=app") as site:
        site.serves()
        first = site.process("keybearer")["Pid"]
        # The image has no mount. 32 is MS_REMOUNT.
        call = "ctypes.CDLL(None).mount(b'proc', b'/proc', b'proc', 32, b'hidepid=2')"
        remount = f"import ctypes; print({call})"
        inside = ["nsenter", "--target", first, "--mount", "--pid"]
        assert run(*inside, "/usr/local/bin/python3", "-c", remount) == "0\n"
        hidden = site.exec("ls", "/proc", options=["--user", "app"]).split()
        assert "1" not in hidden, hidden
        write(site.secrets / "django_secret_key", new_key() + "\n")
        site.says("generation 3 took over")
        site.exec("keybearer", "status", "--check")
        assert get() == "ok" and site.stop() == 0


@case
def logs_as_json():
    with Container("--env", "KEYBEARER_LOG_FORMAT=json", "--env", "KEYBEARER_VERBOSE=3") as site:
        site.says('"serving on')
        assert site.stop() == 0


if __name__ == "__main__":
    main("docker::life")
