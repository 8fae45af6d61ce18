"""contents.py [NAME]: what packaging/release has made, looked at and not installed."""

import gzip
import hashlib
import json
import os
import pathlib
import re
import stat
import subprocess
import sys
import tarfile
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.dirname(here)]

from cases import case, main
from shells import SHELLS

DIST = pathlib.Path("target/dist")
TREE = DIST / "root"
KEYBEARER = TREE / "usr/bin/keybearer"
DEB = next(DIST.glob("*.deb"))
RPM = next(DIST.glob("*.rpm"))
TARBALL = next(DIST.glob("*.tar.gz"))


def run(*words, code=0):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=300)
    if code is not None and done.returncode != code:
        raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def in_tree():
    return {str(path.relative_to(TREE)) for path in TREE.rglob("*") if path.is_file()}


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


@case
def the_version_is_one():
    """In Cargo.toml, the change log, the executables, the packages and their names."""
    packages = json.loads(run("cargo", "metadata", "--locked", "--no-deps", "--format-version=1"))
    version = packages["packages"][0]["version"]
    changes = pathlib.Path("CHANGELOG.md").read_text()
    assert re.search(r"^#+ (\d+\.\d+\.\d+)", changes, re.M)[1] == version
    assert run(KEYBEARER, "--version").split()[:2] == ["keybearer", version]
    assert run("dpkg-deb", "-f", DEB, "Version").strip() == f"{version}-1"
    assert run("rpm", "-qp", "--queryformat", "%{VERSION}-%{RELEASE}", RPM) == f"{version}-1"
    for file in (DEB, RPM, TARBALL):
        assert version in file.name, file
        assert file.name in pathlib.Path("README.md").read_text(), f"README.md names no {file.name}"


def alone(directory, **variables):
    """packaging/release in a repository that has nothing else; ends before it makes anything."""
    run("install", "-D", "packaging/release", directory / "packaging/release")
    done = subprocess.run(
        ["packaging/release"],
        cwd=directory,
        env={"HOME": str(directory), "PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 64 and not done.stdout, done
    return done.stderr


@case
def no_release_is_made_of_what_is_not_committed():
    with tempfile.TemporaryDirectory() as directory:
        top = pathlib.Path(directory)
        run("git", "-C", top, "init", "--quiet")
        assert "no git checkout" in alone(top)
        own = ["git", "-C", top, "-c", "user.name=a", "-c", "user.email=a@localhost"]
        run(*own, "commit", "--quiet", "--allow-empty", "--message", "a")
        # What hides it in the own config of whoever builds does not hide it here.
        (top / ".gitconfig").write_text("[status]\nshowUntrackedFiles = no\n")
        assert "?? packaging/" in alone(top)


@case
def no_setting_of_whoever_builds_gets_further():
    with tempfile.TemporaryDirectory() as directory:
        top = pathlib.Path(directory)
        (top / "git").write_text(f"#!/bin/sh\nexport -p >{top}/reached\nexit 1\n")
        (top / "git").chmod(0o755)
        alone(
            top,
            PATH=f"{top}:{os.environ['PATH']}",
            CC="evil",
            CFLAGS="-O0",
            RUSTFLAGS="-O0",
            CARGO_PROFILE_RELEASE_STRIP="false",
            CARGO_TARGET_DIR=str(top),
            KEYBEARER_USER="evil",
            TAR_OPTIONS="--verbose",
            LC_ALL="C.UTF-8",
            TZ="Asia/Kolkata",
        )
        reached = (top / "reached").read_text()
        assert re.search("^export HOME=", reached, re.M) and "LC_ALL='C'" in reached and "TZ='UTC'" in reached
        names = set(re.findall(r"^export (\w+)", reached, re.M))
        # Where the executables are built is no part of them.
        allowed = {"HOME", "PATH", "CARGO_TARGET_DIR", "LC_ALL", "TZ", "PWD", "OLDPWD", "SHLVL", "_"}
        assert names <= allowed, names


@case
def each_file_has_its_checksum():
    run("sh", "-c", f"cd {DIST} && sha256sum --check --strict SHA256SUMS")
    listed = {line.split()[1] for line in (DIST / "SHA256SUMS").read_text().splitlines()}
    assert listed == {DEB.name, RPM.name, TARBALL.name}, listed


@case
def all_three_hold_the_same():
    """But for what each puts elsewhere, and for what only one of them needs."""
    with tempfile.TemporaryDirectory() as directory:
        top = pathlib.Path(directory)
        run("dpkg-deb", "-x", DEB, top / "deb")
        (top / "rpm").mkdir()
        run("sh", "-ec", f"rpm2cpio {RPM} | (cd {top}/rpm && cpio --quiet -id)")
        (top / "tar/usr").mkdir(parents=True)
        run("tar", "-xzf", TARBALL, "-C", top / "tar/usr", "--strip-components=1")
        place = {
            "deb": [
                ("zsh/site-functions", "zsh/vendor-completions"),
                ("usr/share/doc/keybearer/LICENSE", "usr/share/doc/keybearer/copyright"),
            ],
            "rpm": [("usr/share/doc/keybearer/LICENSE", "usr/share/licenses/keybearer/LICENSE")],
            "tar": [],
        }
        own = {
            "deb": {"usr/share/doc/keybearer/changelog.Debian.gz", "usr/share/lintian/overrides/keybearer"},
            "rpm": set(),
            "tar": set(),
        }
        for kind, moved in place.items():
            expected = {}
            for name in in_tree():
                if kind == "tar" and name.startswith("etc/"):
                    continue
                there = name
                for from_, to in moved:
                    there = there.replace(from_, to)
                expected[there] = name
            found = {str(p.relative_to(top / kind)) for p in (top / kind).rglob("*") if p.is_file()}
            assert found == set(expected) | own[kind], found ^ (set(expected) | own[kind])
            for there, name in expected.items():
                file = top / kind / there
                if not there.endswith("copyright"):
                    assert digest(file) == digest(TREE / name), there
                mode = stat.S_IMODE(file.stat().st_mode)
                is_program = there in ("usr/bin/keybearer", "usr/libexec/keybearer/keybearer-store")
                assert mode == (0o755 if is_program else 0o644), (there, oct(mode))


@case
def everything_of_the_repository_is_in_it():
    """A unit or a man page that is added and not packaged would be missed by nobody here."""
    found = {pathlib.Path(name).name for name in in_tree()}
    wanted = {path.name for path in pathlib.Path("systemd").glob("keybearer*")}
    wanted |= {f"{path.name}.gz" for path in pathlib.Path("packaging/man").iterdir()}
    assert len(wanted) > 6 and wanted <= found, wanted - found
    assert {"usr/lib/sysusers.d/keybearer.conf", "usr/lib/tmpfiles.d/keybearer.conf"} <= in_tree()


@case
def the_examples_that_readme_speaks_of_are_in_it():
    for directory in ("docker", "kubernetes", "nginx"):
        files = [path for path in pathlib.Path("packaging", directory).rglob("*") if path.is_file()]
        assert files, directory
        for path in files:
            there = f"usr/share/doc/keybearer/examples/{path.relative_to('packaging')}"
            assert there in in_tree() and digest(TREE / there) == digest(path), there


@case
def nothing_of_this_machine_is_in_it():
    """Neither a path, nor a user, nor a time, nor a key."""
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    for member in tarfile.open(TARBALL):
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "root", "root"), member
        assert member.mtime == epoch and not member.isdir(), member
    here = [str(pathlib.Path.cwd()), os.environ.get("CARGO_HOME", os.environ["HOME"] + "/.cargo")]
    for name in in_tree():
        content = (TREE / name).read_bytes()
        content = gzip.decompress(content) if name.endswith(".gz") else content
        for path in here:
            assert path.encode() not in content, f"{path} in {name}"
        # README.md shows one that nobody has.
        assert not re.search(rb"SECRET_KEY=[\w-]{50}", content) or name.endswith("README.md.gz"), name


@case
def the_conffile_sets_nothing():
    lines = (TREE / "etc/default/keybearer").read_text().splitlines()
    assert all(not line or line.startswith("#") for line in lines)
    assert run("dpkg-deb", "-I", DEB, "conffiles").strip() == "/etc/default/keybearer"
    assert run("rpm", "-qpc", RPM).strip() == "/etc/default/keybearer"
    # What it offers is what somebody reads.
    for name in re.findall(r"^#(KEYBEARER_\w+)=", "\n".join(lines), re.M):
        assert name in pathlib.Path("packaging/man/keybearer.1").read_text(), name


@case
def lintian_finds_nothing():
    said = run("lintian", "--allow-root", "--fail-on", "error,warning", DEB)
    assert not said, said


@case
def rpmlint_finds_nothing_new():
    """What it has against the package, each on purpose or for want of a way in cargo-generate-rpm."""
    known = {
        "statically-linked-binary",  # it brings its libraries along, and runs on any Linux
        "no-signature",  # who publishes it signs it
        "no-packager-tag", "no-group-tag", "no-changelogname-tag",  # no way to give them
        "no-buildhost-tag",  # it would differ between two builds
    }  # fmt: skip
    found = set(re.findall(r": E: (\S+)", run("rpmlint", RPM, code=None)))
    assert "statically-linked-binary" in found, "rpmlint looked at nothing"
    assert found <= known, found - known


@case
def the_scripts_are_plain_shell():
    for script in ("postinst", "prerm", "postrm"):
        run("dash", "-n", f"packaging/scripts/{script}")


@case
def the_man_pages_render():
    pages = sorted((TREE / "usr/share/man").rglob("*.gz"))
    assert len(pages) == len(list(pathlib.Path("packaging/man").iterdir()))
    for page in pages:
        run("mandoc", "-T", "lint", "-W", "warning", page)
        shown = run("mandoc", "-T", "ascii", page)
        assert len(shown) > 1000 and "keybearer" in shown, page


@case
def the_example_is_for_an_installed_site():
    """It is read, and what it names is not there yet."""
    examples = TREE / "usr/share/doc/keybearer/examples"
    said = run(KEYBEARER, "check", "--json", "--config", examples / "example.toml", code=None)
    areas = [item["area"] for item in json.loads(said)["items"] if item["level"] == "ok"]
    assert "config" in areas and "/etc/keybearer/example.schema.toml" in said, said
    assert 'path = "/etc/keybearer/example.env"' in (examples / "example.toml").read_text()


@case
def every_shell_completes_every_command_and_option():
    """What each offers is what --help has."""
    top = run(KEYBEARER, "--help")
    commands = re.findall(r"^  (\w+)", top.split("Commands:\n")[1].split("\n\n")[0], re.M)
    assert len(commands) > 8, commands
    for shell, offers in SHELLS.items():
        assert set(commands) <= offers("keybearer "), shell
        for command in commands:
            if command == "help":
                continue
            text = run(KEYBEARER, command, "--help").split("\nExample")[0]
            options = set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", text, re.M))
            assert "--help" in options
            offered = {word for word in offers(f"keybearer {command} --") if word.startswith("--")}
            assert offered - {"--"} == options, (shell, command, offered ^ options)


main("packages")
