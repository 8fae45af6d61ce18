"""sys/ and auth/: mounts, policies, health, leases, wrapping, and a token's own affairs."""

from answers import Refusal, answer, seconds, stamp


def handle_system(core, request):
    path, method, body = request.path.removeprefix("sys/"), request.method, request.body
    if path == "health":
        return health(core)
    if path == "wrapping/unwrap":
        return 200, core.unwrap(body.get("token") or request.headers.get("X-Vault-Token"))
    request.authenticate()
    first, _, rest = path.partition("/")
    if path in ("leases/renew", "leases/revoke"):
        own = {"leases/renew": "renew", "leases/revoke": "revoke"}[path]
        # The default policy lets everybody renew; to revoke takes a policy.
        if own == "revoke":
            request.need("update")
            core.revoke_lease(body["lease_id"])
            return 204, None
        return 200, core.renew_lease(body["lease_id"], seconds(body.get("increment")))
    request.need("sudo" if method == "DELETE" else "update")
    rest = rest.strip("/")
    if first == "mounts" and method in ("POST", "PUT"):
        core.mount(request.namespace, rest, body)
    elif first == "mounts" and method == "DELETE":
        core.unmount(request.namespace, rest)
    elif first == "auth" and method in ("POST", "PUT"):
        core.enable(request.namespace, rest, body)
    elif first == "auth" and method == "DELETE":
        core.auths.pop((request.namespace, rest), None)
    elif path.startswith("policies/acl/") and method in ("POST", "PUT"):
        core.set_policy(request.namespace, rest.removeprefix("acl/"), body["policy"])
    elif path.startswith("policies/acl/") and method == "DELETE":
        core.policies.pop((request.namespace, rest.removeprefix("acl/")), None)
    else:
        raise Refusal(404, "unsupported path")
    return 204, None


def health(core):
    code = {"active": 200, "standby": 429, "recovery": 472, "performance-standby": 473, "uninitialised": 501, "sealed": 503}
    said = {
        "initialized": core.condition != "uninitialised",
        "sealed": core.condition in ("sealed", "uninitialised"),
        "standby": "standby" in core.condition,
        "performance_standby": core.condition == "performance-standby",
        "replication_performance_mode": "disabled",
        "replication_dr_mode": "disabled",
        "server_time_utc": 0,
        "version": "1.20.0",
        "cluster_name": "vault-cluster-test",
        "cluster_id": "",
    }
    return code[core.condition], said


def handle_auth(core, request):
    if request.path.startswith("auth/token/"):
        return token(core, request)
    rest = request.path.removeprefix("auth/")
    try:
        found, _, request.rest = core.find(core.auths, request.namespace, rest)
    except Refusal:
        request.authenticate()
        raise
    return found.handle(request)


def token(core, request):
    request.authenticate()
    own, what, body = request.token, request.path.removeprefix("auth/token/"), request.body
    if what == "create":
        request.need("update")
        made = core.make_token(
            request.namespace,
            body.get("policies", own.policies),
            seconds(body.get("ttl")),
            seconds(body.get("explicit_max_ttl")),
            "auth/token/create",
            renewable=body.get("renewable", True),
            parent=None if body.get("no_parent") else own,
            period=seconds(body.get("period")),
        )
        return 200, answer(auth=made.auth())
    if what == "lookup-self":
        data = {
            "accessor": own.accessor,
            "creation_time": int(own.made),
            "creation_ttl": own.creation_ttl,
            "display_name": "token",
            "entity_id": "",
            "expire_time": stamp(own.expires) if own.expires else None,
            "explicit_max_ttl": 0,
            "id": own.id,
            "meta": None,
            "num_uses": 0,
            "orphan": True,
            "path": own.path,
            "policies": own.policies,
            "renewable": own.renewable,
            "ttl": own.left(),
            "type": "service",
        }
        if own.period:
            data["period"] = own.period
        return 200, answer(data=data)
    if what == "renew-self":
        if not own.renewable:
            raise Refusal(400, "lease is not renewable")
        own.renew(seconds(body.get("increment")))
        return 200, answer(auth=own.auth())
    if what == "revoke":
        request.need("update")
        found = core.tokens.get(body["token"])
        if found is not None:
            core.revoke_token(found)
        return 204, None
    if what == "revoke-self":
        core.revoke_token(own)
        return 204, None
    raise Refusal(404, "unsupported path")
