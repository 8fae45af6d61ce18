"""Cases: functions that are run one after the other and counted as the test executables are, so that
tests/run can add them up. What surrounds them (a booted systemd, an engine) is the caller's."""

import json
import pathlib
import subprocess
import sys
import time
import traceback

_cases = []


class Skip(Exception):
    """Raised by a case that cannot run here; its text is the reason."""


def case(function):
    """Makes the function a case, in the order in which they are written."""
    _cases.append(function)
    return function


def eventually(what, condition, within=90):
    """Waits until the condition gives something true, and gives that back."""
    end = time.monotonic() + within
    while True:
        if result := condition():
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(0.05)


class Load:
    """Visitors of a port of this network, each time by a new connection, until they are asked how it went;
    at the end of a `with` block at the latest."""

    def __init__(self, port, clients=4):
        program = pathlib.Path(__file__).parent / "bench/load.py"
        words = ["/usr/bin/python3", program, str(port), str(clients)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.result = None

    def end(self):
        """How many requests were answered and how many failed."""
        self.result = json.loads(self.process.communicate()[0])
        return self.result

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.end()


def main(theme):
    """Runs the cases whose names contain the first argument, all without one; ends the process."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = [function for function in _cases if name in f"{theme}::{function.__name__}"]
    failed = 0
    for function in chosen:
        title = f"{theme}::{function.__name__}"
        try:
            function()
            print(f"test {title} ... ok", flush=True)
        except Skip as why:
            print(f"SKIPPED ({why}): {title}\ntest {title} ... ok", flush=True)
        except Exception:
            failed += 1
            print(f"{traceback.format_exc()}test {title} ... FAILED", flush=True)
    word = "FAILED" if failed else "ok"
    print(
        f"test result: {word}. {len(chosen) - failed} passed; {failed} failed; 0 ignored; "
        f"0 measured; {len(_cases) - len(chosen)} filtered out",
        flush=True,
    )
    sys.exit(1 if failed else 0)
