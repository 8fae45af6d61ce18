"""What outlives a request: mounts, policies, tokens, leases, wrapped answers, and the clock that ends them."""

import fnmatch
import re
import secrets
import threading
import time

from answers import Refusal, answer, denied, stamp
from database import Database
from kv import KV1, KV2
from logins import LOGINS


class Token:
    def __init__(self, id, namespace, policies, ttl, max_ttl, renewable, path, parent=None, period=0):
        self.id = id
        self.accessor = secrets.token_urlsafe(18)
        self.namespace = namespace
        self.policies = policies
        self.creation_ttl = ttl
        self.made = time.time()
        self.expires = time.time() + ttl if ttl else None
        self.last = self.made + max_ttl if max_ttl else None
        self.renewable = renewable
        self.period = period
        self.path = path
        self.parent = parent
        self.uses = 0

    def left(self):
        return 0 if self.expires is None else max(0, int(self.expires - time.time()))

    def renew(self, increment):
        ttl = self.period or increment or self.creation_ttl
        self.expires = time.time() + ttl
        if self.last is not None:
            self.expires = min(self.expires, self.last)

    def auth(self):
        return {
            "client_token": self.id,
            "accessor": self.accessor,
            "policies": self.policies,
            "token_policies": self.policies,
            "metadata": None,
            "lease_duration": self.left(),
            "renewable": self.renewable,
            "entity_id": "",
            "token_type": "service",
            "orphan": self.parent is None,
            "mfa_requirement": None,
            "num_uses": 0,
        }


class Lease:
    def __init__(self, id, token, ttl, max_ttl, revoke, renew):
        self.id = id
        self.token = token
        self.ttl = ttl
        self.expires = time.time() + ttl
        self.last = time.time() + max_ttl
        self.on_revoke = revoke
        self.on_renew = renew


class Core:
    def __init__(self):
        self.lock = threading.RLock()
        self.root_token = "hvs." + secrets.token_urlsafe(18)
        self.tokens = {}
        self.leases = {}
        self.wrapped = {}
        self.policies = {}
        self.namespaces = {"", "team"}
        self.mounts = {("", "secret"): KV2()}
        self.auths = {}
        # What the tests switch: sealed, standby, uninitialised; faults to come.
        self.condition = "active"
        self.faults = []
        self.requests = []
        self.stopped = threading.Event()
        self.tokens[self.root_token] = Token(self.root_token, "", ["root"], 0, 0, False, "auth/token/root")

    def start_clock(self):
        threading.Thread(target=self.tick, daemon=True).start()

    def tick(self):
        while not self.stopped.wait(0.05):
            with self.lock:
                now = time.time()
                for token in [t for t in self.tokens.values() if t.expires and t.expires <= now]:
                    self.revoke_token(token)
                for lease in [one for one in self.leases.values() if one.expires <= now]:
                    self.revoke_lease(lease.id)

    def stop(self):
        self.stopped.set()
        with self.lock:
            for id in list(self.leases):
                self.revoke_lease(id)

    # Tokens.

    def make_token(self, namespace, policies, ttl, max_ttl, path, renewable=True, parent=None, period=0):
        id = "hvs." + secrets.token_urlsafe(24)
        ttl = period or ttl or 3600
        if max_ttl:
            ttl = min(ttl, max_ttl)
        policies = sorted(set(policies) | {"default"})
        token = Token(id, namespace, policies, ttl, max_ttl, renewable, path, parent, period)
        self.tokens[id] = token
        return token

    def token(self, id, namespace):
        token = self.tokens.get(id)
        if token is None or (token.expires and token.expires <= time.time()):
            raise denied()
        if token.namespace != namespace and token.namespace != "":
            raise denied()
        token.uses += 1
        return token

    def revoke_token(self, token):
        self.tokens.pop(token.id, None)
        for lease in [one for one in self.leases.values() if one.token is token]:
            self.revoke_lease(lease.id)
        for child in [t for t in self.tokens.values() if t.parent is token]:
            self.revoke_token(child)

    def allowed(self, token, path, capability):
        if "root" in token.policies:
            return True
        rules = [rule for name in token.policies for rule in self.policies.get((token.namespace, name), [])]
        fitting = [(rule, granted) for rule, granted in rules if fits(rule, path)]
        # The most exact rule decides, as in Vault.
        fitting.sort(key=lambda found: (not found[0].endswith("*"), len(found[0])))
        return bool(fitting) and capability in fitting[-1][1]

    def set_policy(self, namespace, name, text):
        found = re.findall(r'path\s+"([^"]+)"\s*\{[^}]*capabilities\s*=\s*\[([^\]]*)\]', text)
        self.policies[(namespace, name)] = [(path, re.findall(r'"([a-z]+)"', words)) for path, words in found]

    # Leases.

    def make_lease(self, path, token, ttl, max_ttl, revoke, renew):
        id = f"{path}/{secrets.token_urlsafe(18)}"
        self.leases[id] = Lease(id, token, ttl, max_ttl, revoke, renew)
        return self.leases[id]

    def renew_lease(self, id, increment):
        lease = self.leases.get(id)
        if lease is None:
            raise Refusal(400, "lease not found")
        lease.expires = min(time.time() + (increment or lease.ttl), lease.last)
        lease.on_renew(lease.expires)
        left = max(0, round(lease.expires - time.time()))
        return answer(lease_id=id, renewable=True, lease_duration=left)

    def revoke_lease(self, id):
        lease = self.leases.pop(id, None)
        if lease is not None:
            lease.on_revoke()

    # Wrapping.

    def wrap(self, body, ttl, path):
        token = "hvs." + secrets.token_urlsafe(24)
        self.wrapped[token] = (body, time.time() + ttl)
        info = {
            "token": token,
            "accessor": secrets.token_urlsafe(18),
            "ttl": ttl,
            "creation_time": stamp(),
            "creation_path": path,
        }
        return answer(wrap_info=info)

    def unwrap(self, token):
        body, expires = self.wrapped.pop(token, (None, 0))
        if body is None or expires <= time.time():
            raise Refusal(400, "wrapping token is not valid or does not exist")
        return body

    # Mounts.

    def mount(self, namespace, path, options):
        kind = options.get("type")
        version = str((options.get("options") or {}).get("version", "1"))
        if kind == "kv":
            engine = KV2() if version == "2" else KV1()
        elif kind == "database":
            engine = Database(self)
        else:
            raise Refusal(400, f'plugin not found in the catalog: {kind}')
        if (namespace, path) in self.mounts:
            raise Refusal(400, f"path is already in use at {path}/")
        self.mounts[(namespace, path)] = engine

    def unmount(self, namespace, path):
        self.mounts.pop((namespace, path), None)
        for id in [id for id in self.leases if id.startswith(path + "/")]:
            self.revoke_lease(id)

    def enable(self, namespace, path, options):
        method = LOGINS.get(options.get("type"))
        if method is None:
            raise Refusal(400, "plugin not found in the catalog")
        if (namespace, path) in self.auths:
            raise Refusal(400, f"path is already in use at {path}/")
        self.auths[(namespace, path)] = method(self, namespace, path)

    def find(self, table, namespace, path):
        """What is mounted at the longest beginning of the path, and the rest of it."""
        parts = path.split("/")
        for end in range(len(parts), 0, -1):
            found = table.get((namespace, "/".join(parts[:end])))
            if found is not None:
                return found, "/".join(parts[:end]), "/".join(parts[end:])
        raise Refusal(404, f'no handler for route "{path}". route entry not found.')


def fits(rule, path):
    if rule.endswith("*"):
        return path.startswith(rule[:-1])
    return fnmatch.fnmatchcase(path, rule.replace("+", "*"))
