"""The pages of desk.py."""

import ctypes
import errno
import hashlib
import json
import mmap
import os
import socket

from django.core.files.storage import default_storage
from django.db import connection
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


def healthz(request):
    return HttpResponse("ok", content_type="text/plain")


@csrf_exempt
def upload(request):
    """A file large enough to be put down in /tmp first, and how it arrived."""
    sent = request.FILES["file"]
    on_the_way = sent.temporary_file_path()
    name = default_storage.save(sent.name, sent)
    with default_storage.open(name) as stored:
        digest = hashlib.sha256(stored.read()).hexdigest()
    return JsonResponse({"way": on_the_way, "sha256": digest})


def order(request):
    """A row in SQLite, and how many there are."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY)")
        cursor.execute("INSERT INTO orders DEFAULT VALUES")
        cursor.execute("SELECT count(*) FROM orders")
        return JsonResponse({"orders": cursor.fetchone()[0]})


def extension(request):
    """Compiled code: a database driver, and functions of Python's that C calls back."""
    import cffi
    from psycopg import pq

    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    numbers = (ctypes.c_int * 3)(3, 1, 2)
    ctypes.CDLL(None).qsort(numbers, 3, ctypes.sizeof(ctypes.c_int), kind(lambda a, b: a[0] - b[0]))
    ffi = cffi.FFI()
    ffi.cdef("size_t strlen(const char *);")
    length = ffi.dlopen(None).strlen(b"four")
    return JsonResponse({"psycopg": pq.__impl__, "ctypes": list(numbers), "cffi": length})


def callback(request):
    """The one thing of cffi's that writes code into memory."""
    import cffi

    try:
        cffi.FFI().callback("int(int)", lambda number: number)
    except MemoryError as error:
        return HttpResponse(str(error))
    return HttpResponse("done")


def outcome(attempt):
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"


def syscall(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")


def attempts(request):
    """What becomes of what the unit forbids, and of what it must let through."""
    result = {}
    for place in request.GET.getlist("write"):
        result[place] = outcome(lambda: open(f"{place}/trace", "w").close())
    set_id = os.path.join(os.environ["DEMO_DATA"], "set-id")
    open(set_id, "w").close()
    tries = {
        "namespace": lambda: syscall(272, 0x10000000),
        "executable memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC),
        "packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
        "netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
        "real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
        "set-id file": lambda: os.chmod(set_id, 0o4755),
        "personality": lambda: syscall(135, 0x0008),
        "keys of the kernel log": lambda: os.close(os.open("/dev/kmsg", os.O_RDONLY)),
        "ptrace": lambda: syscall(101, 0, 0, 0, 0),
        "mount": lambda: syscall(165, b"none", b"/tmp", b"tmpfs", 0, 0),
        "landlock": lambda: syscall(444, None, 0, 1),
    }
    result.update({name: outcome(attempt) for name, attempt in tries.items()})
    result["homes"] = outcome(lambda: os.listdir("/root"))
    result["strangers"] = [pid for pid in os.listdir("/proc") if pid.isdigit() and pid == "1"]
    return HttpResponse(json.dumps(result), content_type="application/json")


def key(request):
    """A fingerprint of what it runs with, which is no secret."""
    return HttpResponse(hashlib.sha256(os.environ["SECRET_KEY"].encode()).hexdigest()[:12])


urlpatterns = [
    path("", healthz),
    path("healthz", healthz),
    path("upload", upload),
    path("order", order),
    path("extension", extension),
    path("callback", callback),
    path("attempts", attempts),
    path("key", key),
]
