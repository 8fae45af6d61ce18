"""What a process holds, as /proc tells it."""


def status_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file)


def memory_of(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        next(file)
        return {key: int(value.split()[0]) for key, value in (line.split(":") for line in file)}


def switches_of(pid):
    """How often it was woken or made way."""
    status = status_of(pid)
    return int(status["voluntary_ctxt_switches"]) + int(status["nonvoluntary_ctxt_switches"])


def queued_of(pid):
    """Nanoseconds for which it could run and no CPU was free for it."""
    with open(f"/proc/{pid}/schedstat") as file:
        return int(file.read().split()[1])


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return {int(child) for child in file.read().split()}


def is_idle(memory, threads, wakes):
    """The goals of a supervisor at rest."""
    return memory["Rss"] < 1500 and memory["Private_Dirty"] < 200 and threads == 1 and wakes == 0
