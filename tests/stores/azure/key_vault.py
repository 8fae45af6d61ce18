"""Secrets and their versions. There is no condition on any write, and a list has no order that means anything."""

import re
import secrets
import time

from server import Answer

PAGE = 2


class KeyVault:
    def __init__(self):
        self.secrets = {}
        # What the tests switch: refused permissions, somebody who is quicker, a page that points elsewhere.
        self.denied = {}
        self.race = []
        self.next_link = None
        self.slow = 0

    def handle(self, request):
        if request.query.get("api-version") != "7.4":
            raise refusal(400, "BadParameter")
        found = re.fullmatch(r"/secrets/([0-9A-Za-z-]{1,127})(?:/([^/]*))?", request.path, re.IGNORECASE)
        if not found:
            raise refusal(404, "NotFound")
        # Names are compared without their case.
        name, version = found[1].lower(), found[2] or None
        if version == "versions" and request.method == "GET":
            what, act = "list", self.list
        elif request.method == "GET":
            what, act = "get", self.get
        elif request.method == "PUT" and version is None:
            what, act = "set", self.put
        elif request.method == "PATCH" and version is not None:
            what, act = "set", self.patch
            time.sleep(self.slow)
        else:
            raise refusal(405, "MethodNotAllowed")
        if what in self.denied:
            raise refusal(403, "Forbidden", self.denied[what])
        return 200, act(request, name, version), {}

    def get(self, request, name, version):
        found = self.find(name, version)
        if not found["attributes"]["enabled"]:
            raise refusal(403, "Forbidden", "SecretDisabled")
        return found

    def find(self, name, version):
        versions = self.secrets.get(name, [])
        if version is not None:
            versions = [one for one in versions if one["id"].endswith("/" + version)]
        if not versions:
            raise refusal(404, "SecretNotFound")
        return versions[-1]

    def list(self, request, name, version):
        if name not in self.secrets:
            raise refusal(404, "SecretNotFound")
        listed = sorted(self.secrets[name], key=lambda one: one["id"])
        start = int(request.query.get("$skiptoken", "0"))
        items = [{key: one[key] for key in one if key != "value"} for one in listed[start : start + PAGE]]
        following = None
        if start + PAGE < len(listed):
            following = f"{self.address}/secrets/{name.upper()}/versions?api-version=7.4&$skiptoken={start + PAGE}&maxresults={PAGE}"
        return {"value": items, "nextLink": self.next_link or following}

    def put(self, request, name, version):
        body = request.json()
        race = self.race.pop(0) if self.race else {}
        if "before" in race:
            self.add(name, race["before"])
        made = self.add(name, body["value"], body.get("contentType"), body.get("tags"), body.get("attributes"))
        if "after" in race:
            self.add(name, race["after"])
        return made

    def patch(self, request, name, version):
        body = request.json()
        if "value" in body:
            raise refusal(400, "BadParameter")
        found = self.find(name, version)
        if "tags" in body:
            found["tags"] = body["tags"]
        found["attributes"].update(body.get("attributes", {}))
        found["attributes"]["updated"] = int(time.time())
        return {key: found[key] for key in found if key != "value"}

    def add(self, name, value, content_type=None, tags=None, attributes=None):
        now = int(time.time())
        one = {
            "value": value,
            "id": f"{self.address}/secrets/{name}/{secrets.token_hex(16)}",
            "attributes": {"enabled": True, "created": now, "updated": now, "recoveryLevel": "Recoverable"},
            "tags": tags or {},
        }
        one["attributes"].update(attributes or {})
        if content_type is not None:
            one["contentType"] = content_type
        self.secrets.setdefault(name, []).append(one)
        return one

    def switch(self, what, body):
        if what == "seed":
            made = self.add(body["name"], body["text"], body.get("content_type"), body.get("tags"), body.get("attributes"))
            return made["id"].rsplit("/", 1)[1]
        if what == "attributes":
            self.find(body["name"], body.get("version"))["attributes"].update(body["attributes"])
        elif what == "versions":
            return self.secrets[body]
        elif what == "tag":
            self.find(body["name"], None)["tags"].update(body["tags"])
        elif what == "deny":
            self.denied = body
        elif what == "race":
            self.race = body
        elif what == "slow":
            self.slow = body
        elif what == "next-link":
            self.next_link = body


def refusal(status, code, inner=None):
    error = {"code": code, "message": "canary-7f3a"}
    if inner is not None:
        error["innererror"] = {"code": inner}
    return Answer(status, {"error": error})
