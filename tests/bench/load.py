"""load.py PORT CLIENTS: each client opens a connection, asks, reads to the end, rests 10 ms and
begins again, until standard input ends. Then, as JSON: answered, failed, the slowest answer in ms."""

import json
import socket
import sys
import threading
import time

PORT, CLIENTS = int(sys.argv[1]), int(sys.argv[2])
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
over = threading.Event()


def ask():
    with socket.create_connection(("127.0.0.1", PORT), timeout=30) as connection:
        connection.sendall(REQUEST)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    # A cut answer is no answer.
    length = b"\r\nContent-Length: %d\r\n" % len(body)
    return head.startswith(b"HTTP/1.1 200 ") and length in head + b"\r\n"


def client(taken, failed):
    while not over.is_set():
        began = time.perf_counter()
        try:
            good = ask()
        except OSError:
            good = False
        if good:
            taken.append((time.perf_counter() - began) * 1000)
        else:
            failed.append(1)
        time.sleep(0.01)


taken, failed = [], []
clients = [threading.Thread(target=client, args=(taken, failed)) for _ in range(CLIENTS)]
for one in clients:
    one.start()
sys.stdin.read()
over.set()
for one in clients:
    one.join()
print(json.dumps({"answered": len(taken), "failed": len(failed), "slowest": max(taken, default=0.0)}))
