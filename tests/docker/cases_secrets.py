"""Where secrets come from in containers, and where they must not be seen."""

import os
import secrets
import tarfile

from engine import (
    NO_WATCH, PASSWORD, PORT, WORK, Container, docker, eventually, get, keys, new_key, run, shipped,
    write,
)
from cases import Load, Skip, case, main


# As tests/docker/images writes it into files of the context, before the site's image is built. That
# image has a name of its own, because README's commands build another one.
IN_CONTEXT = b"canary-of-the-build-context"


def layers(image):
    """Every layer's archive, as it is stored: also what a later layer took away again."""
    archive = WORK / f"{image}.tar"
    docker("save", "--output", archive, image)
    found = []
    with tarfile.open(archive) as saved:
        for member in saved:
            if member.isfile():
                found.append(saved.extractfile(member).read())
    archive.unlink()
    return found


@case
def no_secret_is_in_an_image():
    """Neither in how it was made, nor in what its containers start with, nor in a file of a layer."""
    for image in ("keybearer", "among-canaries"):
        seen = docker("history", "--no-trunc", image) + docker("inspect", image)
        assert IN_CONTEXT.decode() not in seen, seen
        assert "SECRET" not in seen, seen
        assert not [layer for layer in layers(image) if IN_CONTEXT in layer]
    # The looking finds what was copied from beside it.
    assert [layer for layer in layers("among-canaries") if b"to-be-copied" in layer]


@case
def one_in_an_environment_would_be_seen():
    """Whether the looking finds anything: this is how a secret must not be given."""
    try:
        with Container("--env", f"LEAK={new_key()}"):
            pass
    except AssertionError as why:
        assert "`docker inspect` shows secret" in str(why)
        return
    raise AssertionError("it was not seen")


@case
def the_scratch_image_holds_two_files():
    docker("create", "--name", "scratch-only", "keybearer")
    archive = WORK / "scratch.tar"
    docker("export", "--output", archive, "scratch-only")
    docker("rm", "scratch-only")
    # What the engine itself puts into every container is empty.
    listed = run("tar", "--list", "--verbose", "--file", archive).splitlines()
    listed = [line.split() for line in listed]
    listed = [words for words in listed if words[0].startswith("-") and words[2] != "0"]
    files = {words[5]: words[0] for words in listed}
    assert files == {"keybearer": "-rwxr-xr-x", "keybearer-store": "-rwxr-xr-x"}, files
    said = docker("run", "--rm", "--network", "none", "keybearer", "--version")
    assert said.startswith("keybearer "), said


def kubernetes_volume():
    """As the kubelet makes a projected volume: on a tmpfs, each version in a directory of its own."""
    volume = WORK / f"volume-{secrets.token_hex(4)}"
    volume.mkdir()
    volume.chmod(0o1777)
    for name in ("django_secret_key", "db_password"):
        (volume / name).symlink_to(f"..data/{name}")
    return volume


def publish(volume, key, **more):
    """What the kubelet does when the secret has changed."""
    fresh = volume / f"..{secrets.token_hex(4)}"
    fresh.mkdir(mode=0o755)
    for name, value in {"django_secret_key": key, "db_password": PASSWORD, **more}.items():
        write(fresh / name, value, mode=0o440, owner=0)
        os.chown(fresh / name, 0, 10001)
    link = volume / "..data_tmp"
    link.symlink_to(fresh.name)
    link.rename(volume / "..data")
    for name in os.listdir(fresh):
        if not (volume / name).is_symlink():
            (volume / name).symlink_to(f"..data/{name}")
    for shown in volume.iterdir():
        if not shown.exists():
            shown.unlink()


@case
def a_projected_volume_that_changes_is_taken_over_without_being_asked():
    volume = kubernetes_volume()
    publish(volume, new_key())
    with Container(secrets_in=volume) as site:
        site.serves()
        before = site.status()["key"]["current"]
        with Load(PORT) as load:
            publish(volume, new_key())
            site.says("generation 3 took over")
            site.has_one_generation()
        assert load.result["failed"] == 0 and load.result["answered"] > 20, load.result
        assert site.status()["key"]["fallbacks"] == [before]
        assert "are readable by others" not in site.logs()
        assert site.stop() == 0


@case
def a_fleet_with_a_projected_volume_is_taken_through_the_two_steps_by_hand():
    """As README has it: first everybody verifies the new key, then everybody signs with it."""
    volume = kubernetes_volume()
    old, new = new_key(), new_key()
    publish(volume, old)
    with Container(secrets_in=volume) as site:
        site.serves()
        publish(volume, old, SECRET_KEY_NEXT=new)
        site.says("generation 2 took over")
        staged = site.status()["key"]
        publish(volume, new, SECRET_KEY_FALLBACKS=old)
        site.says("generation 3 took over")
        key = site.status()["key"]
        assert staged["fallbacks"] == [key["current"]] and key["fallbacks"] == [staged["current"]]
        assert site.stop() == 0


@case
def a_file_of_the_host_that_others_may_read_is_refused():
    """It is on no tmpfs then: Compose mounts what lies beside its file."""
    disk = WORK / f"disk-{secrets.token_hex(4)}"
    for part in ("below", "above", "work", "seen"):
        (disk / part).mkdir(parents=True)
    layers = f"lowerdir={disk}/below,upperdir={disk}/above,workdir={disk}/work"
    run("mount", "-t", "overlay", "-o", layers, "overlay", disk / "seen")
    write(disk / "seen/django_secret_key", new_key(), mode=0o444)
    write(disk / "seen/db_password", PASSWORD, mode=0o444)
    with Container(secrets_in=disk / "seen") as site:
        assert site.ended() == 77
        said = site.logs().splitlines()
        assert len(said) == 1 and "readable by everyone" in said[0], said
    for name in ("django_secret_key", "db_password"):
        os.chown(disk / "seen" / name, 10001, 10001)
        (disk / "seen" / name).chmod(0o400)
    with Container(secrets_in=disk / "seen") as site:
        assert "warning" not in site.serves()
        assert site.stop() == 0


@case
def rotate_from_inside_on_an_env_file_in_a_volume():
    volume = WORK / f"env-{secrets.token_hex(4)}"
    volume.mkdir()
    os.chown(volume, 10001, 10001)
    text = f"SECRET_KEY={new_key()}\nDB_PASSWORD={PASSWORD}\nALLOWED_HOSTS=localhost\n"
    text += "DB_NAME=example\nDB_USER=example\nDB_HOST=db\n"
    write(volume / "site.env", text, mode=0o600, owner=10001)
    given = ["--volume", f"{volume}:/data", "--env", "KEYBEARER_ENV_FILE=/data/site.env"]
    given += shipped("keybearer.toml", NO_WATCH)
    with Container(*given, "--env", "DEMO_DATA=/data") as site:
        site.serves()
        before = site.status()["key"]["current"]
        with Load(PORT) as load:
            said = site.exec("keybearer", "rotate")
        keys.append((volume / "site.env").read_text().split("SECRET_KEY=")[1].split("\n")[0])
        assert load.result["failed"] == 0 and load.result["answered"] > 20, load.result
        key = site.status()["key"]
        assert key["fallbacks"] == [before] and key["current"] in said, said
        assert "nothing is due" in site.exec("keybearer", "rotate", "--due")
        with (volume / "site.env").open("a") as file:
            file.write("EMAIL_HOST=elsewhere\n")
        assert "EMAIL_HOST" in site.exec("keybearer", "reload")
        site.exec("keybearer", "check", "--full")
        site.exec("keybearer", "exec", "--", "python", "manage.py", "migrate", "--verbosity", "0")
        assert not [key for key in keys if key in said]
        assert "Nobody is signed in" in get("/")
        assert site.stop() == 0


@case
def a_secret_of_the_swarm():
    try:
        docker("swarm", "init", "--advertise-addr", "127.0.0.1")
    except AssertionError as why:
        raise Skip(f"no swarm here: {str(why).splitlines()[-1]}") from None
    for name, value in {"django_secret_key": new_key(), "db_password": PASSWORD}.items():
        docker("secret", "create", name, "-", input=value)
    service = ["service", "create", "--detach", "--name", "swarm-site", "--no-resolve-image"]
    service += ["--secret", "django_secret_key", "--secret", "db_password"]
    service += ["--env", "ALLOWED_HOSTS=localhost", "--env", "DB_NAME=a", "--env", "DB_USER=b"]
    docker(*service, "--env", "DB_HOST=c", "example-site")

    def container():
        return docker("ps", "--quiet", "--filter", "name=swarm-site").strip()

    one = eventually("the service's container", container)
    check = ["exec", one, "keybearer", "status", "--check"]
    eventually("it serves", lambda: "serving" in docker(*check, code=None))
    said = docker("logs", one)
    assert "are readable by others, accepted on a tmpfs only" in said, said
    seen = said + docker("inspect", one) + docker("service", "inspect", "swarm-site")
    assert not [key for key in keys if key in seen]
    docker("service", "rm", "swarm-site")
    eventually("it has ended", lambda: not container())
    docker("swarm", "leave", "--force")


if __name__ == "__main__":
    main("docker::secrets")
