"""Secrets and their versions: projects.secrets and projects.secrets.versions."""

import base64
import re

from server import Answer

PROJECT = "example"
NUMBER = "123456789"
PAGE = 2


class Secret:
    def __init__(self):
        self.changes = 0
        self.annotations = {}
        self.versions = []

    @property
    def etag(self):
        return f'"{self.changes:x}"'


class Manager:
    def __init__(self):
        self.secrets = {}
        # What the tests switch: refused permissions, an alias that lags, somebody who is quicker.
        self.denied = []
        self.lag = 0
        self.race = []
        self.damage = False
        self.endless = False

    def handle(self, request):
        found = re.fullmatch(r"/v1/projects/([^/]+)/secrets/([^/:]+)(/versions)?(?:/([^/:]+))?(?::(\w+))?", request.path)
        if not found or found[1] not in (PROJECT, NUMBER):
            raise refusal(404, "NOT_FOUND")
        _, name, versions, number, verb = found.groups()
        permission = {
            ("GET", None, None): "secrets.get",
            ("PATCH", None, None): "secrets.update",
            ("POST", None, "addVersion"): "versions.add",
            ("GET", "/versions", "access"): "versions.access",
            ("POST", "/versions", "disable"): "versions.disable",
            ("GET", "/versions", None): "versions.get" if number else "versions.list",
        }.get((request.method, versions, verb))
        if permission is None:
            raise refusal(404, "NOT_FOUND")
        if permission in self.denied:
            raise refusal(403, "PERMISSION_DENIED")
        secret = self.secrets.get(name)
        if secret is None:
            raise refusal(404, "NOT_FOUND")
        act = getattr(self, permission.replace(".", "_"))
        return 200, act(request, name, secret, number), {}

    def secrets_get(self, request, name, secret, number):
        about = {"name": f"projects/{NUMBER}/secrets/{name}", "etag": secret.etag, "replication": {"automatic": {}}}
        if secret.annotations:
            about["annotations"] = secret.annotations
        return about

    def secrets_update(self, request, name, secret, number):
        body = request.json()
        if request.query.get("updateMask") != "annotations":
            raise refusal(400, "INVALID_ARGUMENT")
        if body.get("etag", secret.etag) != secret.etag:
            raise refusal(400, "FAILED_PRECONDITION")
        for key in body["annotations"]:
            if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", key):
                raise refusal(400, "INVALID_ARGUMENT")
        secret.annotations = body["annotations"]
        secret.changes += 1
        return self.secrets_get(request, name, secret, number)

    def versions_add(self, request, name, secret, number):
        payload = request.json()["payload"]
        data = base64.b64decode(payload["data"], validate=True)
        if int(payload["dataCrc32c"]) != crc32c(data):
            raise refusal(400, "INVALID_ARGUMENT")
        # Somebody before, and perhaps somebody after; a text that is None is of nobody.
        (text, state), *later = self.race.pop(0) if self.race else [(None, None)]
        if text is not None:
            secret.versions.append([text.encode(), state])
        secret.versions.append([data, "ENABLED"])
        made = len(secret.versions)
        for text, state in later:
            secret.versions.append([text.encode(), state])
        return self.about(name, secret, made)

    def versions_access(self, request, name, secret, number):
        at = self.number(secret, number)
        data, state = secret.versions[at - 1]
        if state != "ENABLED":
            text = f"Secret Version [projects/{NUMBER}/secrets/{name}/versions/{at}] is in {state} state. canary-7f3a"
            raise refusal(400, "FAILED_PRECONDITION", text)
        checksum = crc32c(data) ^ (1 if self.damage else 0)
        payload = {"data": base64.b64encode(data).decode(), "dataCrc32c": str(checksum)}
        return {"name": f"projects/{NUMBER}/secrets/{name}/versions/{at}", "payload": payload}

    def versions_get(self, request, name, secret, number):
        return self.about(name, secret, self.number(secret, number))

    def versions_disable(self, request, name, secret, number):
        at = self.number(secret, number)
        secret.versions[at - 1][1] = "DISABLED"
        return self.about(name, secret, at)

    def versions_list(self, request, name, secret, number):
        wanted = request.query.get("filter", "").removeprefix("state:")
        numbers = [n for n in range(len(secret.versions), 0, -1) if not wanted or secret.versions[n - 1][1] == wanted]
        start = int(request.query.get("pageToken", "0"))
        if not 1 <= int(request.query.get("pageSize", "25000")) <= 100:
            raise Answer(200, b" " * (2 << 20))
        listed = {"versions": [self.about(name, secret, n) for n in numbers[start : start + PAGE]], "totalSize": len(numbers)}
        if start + PAGE < len(numbers) or self.endless:
            listed["nextPageToken"] = str(start + PAGE)
        return listed

    def number(self, secret, number):
        at = len(secret.versions) - self.lag if number == "latest" else int(number)
        if not 1 <= at <= len(secret.versions):
            raise refusal(404, "NOT_FOUND")
        return at

    def about(self, name, secret, number):
        return {
            "name": f"projects/{NUMBER}/secrets/{name}/versions/{number}",
            "createTime": "2026-01-01T00:00:00Z",
            "state": secret.versions[number - 1][1],
            "etag": '"1"',
        }

    def switch(self, what, body):
        if what == "seed":
            self.secrets.setdefault(body["name"], Secret()).versions.append([body["text"].encode(), "ENABLED"])
        elif what == "seed-bytes":
            self.secrets.setdefault(body["name"], Secret()).versions.append([bytes(body["bytes"]), "ENABLED"])
        elif what == "state":
            self.secrets[body["name"]].versions[body["number"] - 1][1] = body["state"]
        elif what == "versions":
            return [[data.decode(errors="replace"), state] for data, state in self.secrets[body].versions]
        elif what == "annotate":
            self.secrets[body["name"]].annotations.update(body["annotations"])
            self.secrets[body["name"]].changes += 1
        elif what == "annotations":
            return self.secrets[body].annotations
        elif what == "deny":
            self.denied = body
        elif what == "lag":
            self.lag = body
        elif what == "race":
            self.race = body
        elif what == "endless":
            self.endless = body
        elif what == "damage":
            self.damage = body


def refusal(code, status, message="canary-7f3a"):
    return Answer(code, {"error": {"code": code, "message": message, "status": status}})


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
