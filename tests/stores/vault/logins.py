"""The auth methods: their roles, and the logins that answer with a token."""

import base64
import json
import time
import uuid

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from answers import Refusal, answer, seconds


class Login:
    def __init__(self, core, namespace, path):
        self.core = core
        self.namespace = namespace
        self.path = path
        self.config = {}
        self.roles = {}

    def handle(self, request):
        first, _, rest = request.rest.partition("/")
        if first == "login" and request.method in ("POST", "PUT"):
            return self.log_in(request, rest)
        if first == "config":
            request.need("update")
            self.config.update(request.body)
            return 204, None
        if first in ("role", "users", "certs"):
            return self.role(request, rest)
        raise Refusal(404, "unsupported path")

    def role(self, request, name):
        request.need("update")
        self.roles[name] = request.body
        return 204, None

    def grant(self, role):
        """Whoever has shown himself gets a token with what the role says."""
        policies = role.get("token_policies") or role.get("policies") or []
        policies = policies.split(",") if isinstance(policies, str) else policies
        token = self.core.make_token(
            self.namespace,
            policies,
            seconds(role.get("token_ttl")),
            seconds(role.get("token_max_ttl")),
            f"auth/{self.path}/login",
            period=seconds(role.get("token_period")),
        )
        return 200, answer(auth=token.auth())


class AppRole(Login):
    def role(self, request, rest):
        request.need("update")
        name, _, what = rest.partition("/")
        if not what:
            known = self.roles.get(name, {"role_id": str(uuid.uuid4()), "secret_ids": {}})
            self.roles[name] = {**known, **request.body}
            return 204, None
        role = self.roles.get(name)
        if role is None:
            raise Refusal(404)
        if what == "role-id":
            return 200, answer(data={"role_id": role["role_id"]})
        if what == "secret-id":
            id = str(uuid.uuid4())
            uses = request.body.get("num_uses", role.get("secret_id_num_uses", 0))
            role["secret_ids"][id] = uses or None
            data = {
                "secret_id": id,
                "secret_id_accessor": str(uuid.uuid4()),
                "secret_id_num_uses": uses,
                "secret_id_ttl": 0,
            }
            return 200, answer(data=data)
        raise Refusal(404)

    def log_in(self, request, _):
        wrong = Refusal(400, "invalid role or secret ID")
        role = next((r for r in self.roles.values() if r["role_id"] == request.body.get("role_id")), None)
        if role is None:
            raise wrong
        if role.get("bind_secret_id", True):
            ids, id = role["secret_ids"], request.body.get("secret_id")
            if id not in ids:
                raise wrong
            if ids[id] is not None:
                ids[id] -= 1
                if ids[id] == 0:
                    del ids[id]
        return self.grant(role)


class Userpass(Login):
    def log_in(self, request, name):
        user = self.roles.get(name)
        if user is None or request.body.get("password") != user["password"]:
            raise Refusal(400, "invalid username or password")
        return self.grant(user)


class Jwt(Login):
    """The signature is checked against jwt_validation_pubkeys, as the method does without a provider."""

    def log_in(self, request, _):
        role = self.roles.get(request.body.get("role") or self.config.get("default_role"))
        if role is None:
            raise Refusal(400, f'role "{request.body.get("role")}" could not be found')
        try:
            claims = verified(request.body.get("jwt", ""), self.config.get("jwt_validation_pubkeys", []))
        except (ValueError, InvalidSignature):
            raise Refusal(400, "error validating token: error verifying token signature") from None
        if claims.get("exp", 0) < time.time():
            raise Refusal(400, "error validating token: token is expired")
        audiences = role.get("bound_audiences") or []
        if audiences and claims.get("aud") not in audiences:
            raise Refusal(400, "error validating claims: aud claim does not match any bound audience")
        return self.grant(role)


def verified(jwt, keys):
    head, body, signature = jwt.split(".")
    signed, signature = f"{head}.{body}".encode(), unpadded(signature)
    for text in [keys] if isinstance(keys, str) else keys:
        key = serialization.load_pem_public_key(text.encode())
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
            return json.loads(unpadded(body))
    raise ValueError("no key")


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Kubernetes(Login):
    """Stands for the TokenReview of a cluster: the service account tokens that `config` names are good."""

    def log_in(self, request, _):
        role = self.roles.get(request.body.get("role"))
        if role is None:
            raise Refusal(400, f'invalid role name "{request.body.get("role")}"')
        if request.body.get("jwt") not in self.config.get("accepted_jwts", []):
            raise Refusal(403, "permission denied")
        return self.grant(role)


class Cert(Login):
    def log_in(self, request, _):
        if request.peer is None:
            raise Refusal(400, "client certificate must be supplied")
        name = request.body.get("name")
        for known, role in self.roles.items():
            trusted = x509.load_pem_x509_certificate(role["certificate"].encode())
            presented = x509.load_der_x509_certificate(request.peer)
            if name in (None, "", known) and (trusted == presented or issued(presented, trusted)):
                return self.grant(role)
        raise Refusal(400, "invalid certificate or no client certificate supplied")


def issued(presented, trusted):
    try:
        presented.verify_directly_issued_by(trusted)
        return True
    except (ValueError, TypeError, InvalidSignature):
        return False


class Aws(Login):
    """Does not forward to STS: the parts of the signed request are checked for their shape, and who signed
    by the access key id."""

    def log_in(self, request, _):
        body = request.body
        role = self.roles.get(body.get("role"))
        if role is None:
            raise Refusal(400, f'entry for role "{body.get("role")}" not found')
        url = base64.b64decode(body["iam_request_url"]).decode()
        text = base64.b64decode(body["iam_request_body"]).decode()
        headers = json.loads(base64.b64decode(body["iam_request_headers"]))
        headers = {k.lower(): v if isinstance(v, str) else v[0] for k, v in headers.items()}
        authorization = headers.get("authorization", "")
        wanted = self.config.get("iam_server_id_header_value")
        signed = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        if body.get("iam_http_request_method") != "POST":
            raise Refusal(400, "invalid iam_http_request_method; currently only 'POST' is supported")
        if wanted and headers.get("x-vault-aws-iam-server-id") != wanted:
            raise Refusal(400, "error validating X-Vault-AWS-IAM-Server-ID header")
        if wanted and "x-vault-aws-iam-server-id" not in signed:
            raise Refusal(400, "header wasn't signed")
        if text != "Action=GetCallerIdentity&Version=2011-06-15" or not url.startswith("https://sts."):
            raise Refusal(400, "error making upstream request")
        if "host" not in signed or "x-amz-date" not in signed or "Signature=" not in authorization:
            raise Refusal(400, "error making upstream request")
        keys = role.get("access_key_ids", [])
        if not any(authorization.startswith(f"AWS4-HMAC-SHA256 Credential={key}/") for key in keys):
            raise Refusal(403, "permission denied")
        return self.grant(role)


LOGINS = {
    "approle": AppRole,
    "aws": Aws,
    "cert": Cert,
    "jwt": Jwt,
    "kubernetes": Kubernetes,
    "userpass": Userpass,
}
