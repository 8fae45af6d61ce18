"""The database engine: roles in a real PostgreSQL where its connection_url names one, else made-up names."""

import secrets
import time

from answers import Refusal, answer, seconds


class Database:
    def __init__(self, core):
        self.core = core
        self.configs = {}
        self.roles = {}

    def handle(self, request):
        what, _, name = request.rest.partition("/")
        if what == "config":
            request.need("update")
            self.configs[name] = request.body
            return 204, None
        if what == "roles":
            request.need("update")
            self.roles[name] = dict(
                request.body,
                default_ttl=seconds(request.body.get("default_ttl", 3600)),
                max_ttl=seconds(request.body.get("max_ttl", 86400)),
            )
            return 204, None
        if what == "creds" and request.method == "GET":
            request.need("read")
            if name not in self.roles:
                raise Refusal(400, f"unknown role: {name}")
            return self.creds(request, name, self.roles[name])
        raise Refusal(404, "unsupported path")

    def creds(self, request, name, role):
        user = f"v-token-{name}-{secrets.token_hex(10)}-{int(time.time())}"[:63]
        password = secrets.token_urlsafe(15) + "-A1a"
        ttl = role["default_ttl"]
        url = self.configs[role["db_name"]].get("connection_url")
        self.run(url, role["creation_statements"], user, password, ttl)
        lease = self.core.make_lease(
            request.path,
            request.token,
            ttl,
            role["max_ttl"],
            lambda: self.drop(url, role, user),
            lambda expires: self.extend(url, user, expires),
        )
        data = {"username": user, "password": password}
        return 200, answer(lease_id=lease.id, renewable=True, lease_duration=ttl, data=data)

    def run(self, url, statements, user, password, ttl):
        if not url:
            return
        until = time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime(time.time() + ttl + 1))
        for statement in statements if isinstance(statements, list) else [statements]:
            statement = statement.replace("{{name}}", user).replace("{{password}}", password)
            execute(url, statement.replace("{{expiration}}", until))

    def extend(self, url, user, expires):
        if url:
            until = time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime(expires + 1))
            execute(url, f"ALTER ROLE \"{user}\" VALID UNTIL '{until}'")

    def drop(self, url, role, user):
        """Harsher than Vault, whose own statements leave open connections alone: whoever still uses one
        when its lease is gone is to be seen."""
        if url:
            execute(url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{user}'")
            execute(url, f'DROP ROLE IF EXISTS "{user}"')


def execute(url, statement):
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)
