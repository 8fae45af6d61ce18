"""As whom, and with how little, keybearer runs in a container."""

from engine import Container, docker, eventually, get, shipped
from cases import case, main

THREE = ["--cap-drop=ALL", "--cap-add=SETUID", "--cap-add=SETGID", "--cap-add=KILL"]
DROPS = ["--user", "0", "--env", "KEYBEARER_USER=app"]


def ids(process):
    return process["Uid"].split()[0], process["Gid"].split()[0], process["Groups"].split()


def serves(*options, uid="10001", gid="10001", first="keybearer", keybearer="10001"):
    """It starts, answers, is healthy by its own account, the site has these ids and no capability,
    and it ends cleanly when it is stopped."""
    with Container(*options) as site:
        said = site.serves()
        assert "control socket" not in said and "settle" not in said, said
        assert get() == "ok"
        site.exec("keybearer", "status", "--check")
        by_pid = {one["NSpid"].split()[-1]: one["Name"] for one in site.processes()}
        assert by_pid["1"] == first, by_pid
        assert ids(site.process("keybearer"))[0] == keybearer
        server = site.process("gunicorn")
        assert ids(server) == (uid, gid, [gid]), server
        assert server["NoNewPrivs"] == "1" and int(server["CapEff"], 16) == 0
        assert int(server["CapPrm"], 16) == 0 and int(server["CapInh"], 16) == 0
        assert site.stop() == 0
        assert "Traceback" not in site.logs()


@case
def as_the_first_process():
    serves()


@case
def under_init():
    serves("--init", first="docker-init")


@case
def as_root_that_drops():
    serves(*DROPS, keybearer="0")


@case
def as_root_with_three_capabilities():
    serves(*DROPS, *THREE, keybearer="0")


@case
def as_root_with_all_that_can_be_locked():
    locked = ["--read-only", "--security-opt", "no-new-privileges"]
    # For root's own, so that the site can make nothing beside it.
    locked += ["--tmpfs", "/run/keybearer:mode=0755"]
    serves(*DROPS, *THREE, *locked, keybearer="0")


@case
def an_instance_that_the_site_plants_does_not_trouble_the_healthcheck():
    """In the image's own /run/keybearer, where any user can make one. The image names its own."""
    with Container(*DROPS) as site:
        site.serves()
        planted = ["env", "KEYBEARER_NAME=worker", "keybearer", "run", "--", "sleep", "1000"]
        site.exec(*planted, options=["--detach", "--user", "app"])
        unnamed = ["env", "--unset", "KEYBEARER_NAME", "keybearer", "status", "--check"]
        said = lambda: site.exec(*unnamed, code=None)  # noqa: E731
        eventually("it is seen", lambda: "several instances run: keybearer, worker" in said())
        site.exec("keybearer", "status", "--check")
        assert site.stop() == 0


@case
def as_the_images_user_with_all_that_can_be_locked():
    locked = ["--read-only", "--security-opt", "no-new-privileges", "--cap-drop=ALL"]
    serves(*locked, "--tmpfs", "/run/keybearer")


@case
def as_an_arbitrary_user():
    serves("--user", "12345:0", uid="12345", gid="0", keybearer="12345")


@case
def as_an_arbitrary_user_and_group():
    serves("--user", "12345:12345", uid="12345", gid="12345", keybearer="12345")


@case
def with_the_control_socket_elsewhere():
    """Nothing is mounted for it. /dev/shm can be written in every container."""
    serves("--read-only", "--env", "RUNTIME_DIRECTORY=/dev/shm/keybearer")


@case
def without_a_place_for_the_control_socket():
    """One warning, and all the rest as ever: the site is probed, stops, takes a HUP."""
    with Container("--read-only", "--cap-drop=ALL") as site:
        said = site.serves()
        warnings = [line for line in said.splitlines() if "keybearer: warning:" in line]
        about_it = [line for line in warnings if "no control socket" in line]
        assert len(about_it) == 1 and "make /run/keybearer writable" in about_it[0], said
        assert not [line for line in warnings if "settle" in line], said
        assert get() == "ok"
        assert "no instance named 'keybearer'" in site.exec("keybearer", "status", "--check", code=1)
        docker("kill", "--signal", "HUP", site.name)
        site.says("nothing changed")
        assert site.stop() == 0


def asks_a_store(*options):
    """What asks stores is another process, which shuts itself in: in vain here, since no store is
    there, but it gets as far as that. 75 is its own answer, and no other fault has this code."""
    soon = shipped("keybearer.toml", ("[watch]", '[fetch]\nwithin = "2s"\n\n[watch]'))
    store = ["--env", "KEYBEARER_VAULT=secret/example/prod", "--env", "VAULT_TOKEN=nobodys"]
    store += ["--env", "VAULT_ADDR=http://127.0.0.1:1"]
    with Container(*options, *soon, *store) as site:
        assert site.ended() == 75
        said = site.logs().splitlines()
        assert "Vault 'secret/example/prod'" in said[-1], said
        assert not [line for line in said if "keybearer-store" in line], said


@case
def the_helper_of_a_container_that_is_root():
    asks_a_store(*DROPS, *THREE, "--read-only", "--security-opt", "no-new-privileges")


@case
def the_helper_of_the_images_user():
    asks_a_store("--cap-drop=ALL", "--read-only", "--security-opt", "no-new-privileges")


@case
def as_root_it_needs_the_three():
    """Refused with the mend, before the site would run with less protection."""
    with Container(*DROPS, "--cap-drop=ALL") as site:
        assert site.ended() == 77
        said = site.logs().splitlines()
        assert len(said) == 1 and "SETUID" in said[0], said


@case
def never_as_root():
    with Container("--user", "0") as site:
        assert site.ended() == 78
        assert "refusing to run the site as root" in site.logs()


if __name__ == "__main__":
    main("docker::users")
