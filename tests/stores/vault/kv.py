"""The key/value engine, version 1 and version 2."""

from answers import Refusal, answer, stamp


class KV1:
    def __init__(self):
        self.secrets = {}

    def handle(self, request):
        path = request.rest
        if request.method == "GET":
            request.need("read")
            if path not in self.secrets:
                raise Refusal(404)
            return 200, answer(data=self.secrets[path], lease_duration=2764800)
        if request.method in ("POST", "PUT"):
            request.need("update" if path in self.secrets else "create")
            if not request.body:
                raise Refusal(400, "missing data fields")
            self.secrets[path] = request.body
            return 204, None
        if request.method == "DELETE":
            request.need("delete")
            self.secrets.pop(path, None)
            return 204, None
        raise Refusal(405, "unsupported operation")


class Version:
    def __init__(self, number, data):
        self.number = number
        self.data = data
        self.created = stamp()
        self.deletion = ""
        self.destroyed = False

    def metadata(self):
        return {
            "created_time": self.created,
            "custom_metadata": None,
            "deletion_time": self.deletion,
            "destroyed": self.destroyed,
            "version": self.number,
        }


class KV2:
    def __init__(self):
        self.secrets = {}
        self.max_versions = 10

    def handle(self, request):
        what, _, path = request.rest.partition("/")
        handlers = {
            "data": self.data,
            "metadata": self.metadata,
            "delete": self.versions,
            "undelete": self.versions,
            "destroy": self.versions,
        }
        if what not in handlers or not path:
            # What KV 1's paths get from a KV 2 mount.
            warning = "Invalid path for a versioned K/V secrets engine."
            raise Refusal(404, body={"errors": [], "warnings": [warning]} if what else None)
        return handlers[what](request, what, path)

    def data(self, request, _, path):
        if request.method == "GET":
            request.need("read")
            return self.read(path, int(request.query.get("version", "0")))
        if request.method in ("POST", "PUT"):
            request.need("update" if path in self.secrets else "create")
            return self.write(path, request.body)
        request.need("delete")
        self.mark(path, [self.newest(path).number], "delete")
        return 204, None

    def read(self, path, number):
        versions = self.secrets.get(path) or {}
        version = versions.get(number or max(versions, default=0))
        if version is None:
            raise Refusal(404)
        data = {"data": version.data, "metadata": version.metadata()}
        if version.destroyed or version.deletion:
            data["data"] = None
            raise Refusal(404, body=answer(data=data))
        return 200, answer(data=data)

    def write(self, path, body):
        if not isinstance(body.get("data"), dict):
            raise Refusal(400, "no data provided")
        versions = self.secrets.setdefault(path, {})
        newest = max(versions, default=0)
        cas = (body.get("options") or {}).get("cas")
        if cas is not None and cas != newest:
            raise Refusal(400, "check-and-set parameter did not match the current version")
        version = versions[newest + 1] = Version(newest + 1, body["data"])
        for old in sorted(versions)[: -self.max_versions]:
            del versions[old]
        return 200, answer(data=version.metadata())

    def metadata(self, request, _, path):
        if request.method == "DELETE":
            request.need("delete")
            self.secrets.pop(path, None)
            return 204, None
        request.need("read")
        versions = self.secrets.get(path)
        if not versions:
            raise Refusal(404)
        data = {
            "cas_required": False,
            "created_time": versions[min(versions)].created,
            "current_version": max(versions),
            "custom_metadata": None,
            "delete_version_after": "0s",
            "max_versions": 0,
            "oldest_version": min(versions),
            "updated_time": versions[max(versions)].created,
            "versions": {
                str(v.number): {"created_time": v.created, "deletion_time": v.deletion, "destroyed": v.destroyed}
                for v in versions.values()
            },
        }
        return 200, answer(data=data)

    def versions(self, request, what, path):
        request.need("update")
        self.mark(path, [int(number) for number in request.body["versions"]], what)
        return 204, None

    def newest(self, path):
        versions = self.secrets[path]
        return versions[max(versions)]

    def mark(self, path, numbers, what):
        for number in numbers:
            version = self.secrets.get(path, {}).get(number)
            if version is None:
                continue
            if what == "delete" and not version.destroyed:
                version.deletion = stamp()
            if what == "undelete":
                version.deletion = ""
            if what == "destroy":
                version.destroyed, version.data = True, None
