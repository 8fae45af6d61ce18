"""notices.py: the licences of what is linked into the executables, as their authors ask. Each text once,
under the names of all crates that come with it."""

import json
import re
import subprocess
from pathlib import Path

HEAD = """\
keybearer and keybearer-store are linked statically. This is what is in them beside keybearer's own
code, and under which licences. Where a crate offers several, any of them will do.
"""

# Of the C library, which is no crate.
LIBRARY = """\
The GNU C Library, as the Debian of the build had it: LGPL-2.1-or-later. Its source is Debian's package
glibc. keybearer's own source, with which it can be linked anew, is public, and packaging/release says
how it is built.

The standard library of Rust: MIT OR Apache-2.0.
"""


def cargo(*words):
    return subprocess.run(["cargo", *words], check=True, capture_output=True, text=True).stdout


def linked():
    """The names and versions of the crates that reach the executables."""
    lines = cargo(
        "tree", "--locked", "--edges=normal", "--prefix=none", "--format={p}"
    ).splitlines()
    return {tuple(re.match(r"(\S+) v(\S+)", line).groups()) for line in lines if line}


def texts(crate):
    """What lies beside its Cargo.toml and is a licence or a notice."""
    beside = sorted(Path(crate["manifest_path"]).parent.iterdir())
    names = re.compile(r"(licen[cs]e|copying|notice)", re.IGNORECASE)
    return [
        file.read_text("utf-8", "replace").strip()
        for file in beside
        if file.is_file() and names.match(file.name)
    ]


wanted = linked()
crates = [
    crate
    for crate in json.loads(cargo("metadata", "--locked", "--format-version=1"))["packages"]
    if (crate["name"], crate["version"]) in wanted and crate["name"] != "keybearer"
]
crates.sort(key=lambda crate: (crate["name"], crate["version"]))

by_text = {}
for crate in crates:
    for text in texts(crate):
        by_text.setdefault(text, []).append(f"{crate['name']} {crate['version']}")

print(HEAD)
print(LIBRARY)
for crate in crates:
    print(f"{crate['name']} {crate['version']}: {crate['license']}, {crate['repository']}")
for text, names in by_text.items():
    print(f"\n{'=' * 78}\n{', '.join(dict.fromkeys(names))}\n{'=' * 78}\n\n{text}")
