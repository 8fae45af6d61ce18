"""What bash, zsh and fish offer after a line of keybearer, each asked itself."""

import os
import pathlib
import pty
import re
import select
import subprocess
import time

ROOT = pathlib.Path("target/dist/root/usr/share").resolve()


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, **more)
    assert done.returncode == 0 and not done.stderr, (words, done)
    return done.stdout


def bash(line):
    words = line.split(" ")
    script = f"""
        source {ROOT}/bash-completion/completions/keybearer
        complete -p keybearer >/dev/null || exit 1
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${{#COMP_LINE}}
        _keybearer keybearer "${{!#}}" "${{@:$#-1:1}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return set(run("bash", "--norc", "-c", script, "bash", *words).split())


def fish(line):
    file = ROOT / "fish/vendor_completions.d/keybearer.fish"
    offered = run("fish", "--no-config", "-c", f"source {file}; complete -C '{line}'")
    return {line.split("\t")[0] for line in offered.splitlines()}


def zsh(line):
    """In a terminal, because it completes nowhere else, and once it reads from there by itself. Control-D
    lists what Tab would choose from."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", PS1="", COLUMNS="200", LINES="200")
        os.execvp("zsh", ["zsh", "-f", "-i"])
    setup = (
        f"stty -echo cols 200 rows 200; unsetopt zle_bracketed_paste prompt_sp; PROMPT=; LISTMAX=1000; "
        f"fpath=({ROOT}/zsh/site-functions $fpath); autoload -U compinit; compinit -u -D; "
        f"zstyle ':completion:*' verbose no; zle-line-init() {{ print -n rea''dy }}; zle -N zle-line-init\n"
    )
    try:
        os.write(terminal, setup.encode())
        until(terminal, "ready")
        os.write(terminal, f"{line}\x04".encode())
        os.write(terminal, b"\x15echo o''ver\n")
        return set(until(terminal, "over").split())
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)


def until(terminal, word, within=60):
    """What it shows until this word."""
    seen, end = "", time.monotonic() + within
    while word not in seen:
        assert select.select([terminal], [], [], max(0, end - time.monotonic()))[0], seen
        seen += os.read(terminal, 65536).decode(errors="replace")
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.replace("\r", ""))


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}
