"""What gives access tokens: the token endpoint for service accounts and users, STS for other providers' tokens, the
credentials service for impersonation, and the metadata server of a machine."""

import base64
import json
import secrets
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from server import Answer

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
EMAIL = "site@example.iam.gserviceaccount.com"
AUDIENCE = "//iam.googleapis.com/projects/123456789/locations/global/workloadIdentityPools/p/providers/x"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
SUBJECT = "subject-7f3a"


class Tokens:
    def __init__(self):
        self.valid = set()
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def start(self, secure, plain):
        self.secure = secure
        form = serialization.PrivateFormat
        pem = lambda kind: self.key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode()
        service = {
            "type": "service_account",
            "project_id": "example",
            "private_key_id": "key-1",
            "private_key": pem(form.PKCS8),
            "client_email": EMAIL,
            "token_uri": f"{secure}/token",
        }
        external = {
            "type": "external_account",
            "audience": AUDIENCE,
            "subject_token_type": JWT_TYPE,
            "token_url": f"{secure}/v1/token",
        }
        at_url = {"url": f"{plain}/subject", "headers": {"X-Ask": "yes"}, "format": {"type": "json", "subject_token_field_name": "value"}}
        impersonation = f"{secure}/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"
        return {
            "service_account": service,
            "service_account_pkcs1": dict(service, private_key=pem(form.TraditionalOpenSSL)),
            "authorized_user": {
                "type": "authorized_user",
                "client_id": "user-client",
                "client_secret": "user-secret-7f3a",
                "refresh_token": "user-refresh-7f3a",
                "quota_project_id": "example",
                "token_uri": f"{secure}/token",
            },
            "external_file": dict(external, credential_source={"file": "/nowhere/token"}),
            "external_url": dict(external, credential_source=at_url, service_account_impersonation_url=impersonation),
            "subject_token": SUBJECT,
        }

    def handle(self, request):
        if request.path.startswith("/computeMetadata/"):
            return self.metadata(request)
        known = {
            ("POST", "/token"): self.token,
            ("POST", "/v1/token"): self.exchange,
            ("GET", "/subject"): self.subject,
        }.get((request.method, request.path))
        if known is not None:
            return known(request)
        if request.method == "POST" and request.path.endswith(f"/serviceAccounts/{EMAIL}:generateAccessToken"):
            return self.impersonate(request)
        return None

    def made(self, kind="ya29."):
        token = kind + secrets.token_urlsafe(24)
        self.valid.add(token)
        return token

    def token(self, request):
        if not request.is_secure:
            raise refused("invalid_request")
        form = request.form()
        if form.get("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            self.judge(form["assertion"])
        elif form.get("grant_type") == "refresh_token":
            if form.get("client_secret") != "user-secret-7f3a" or form.get("client_id") != "user-client":
                raise refused("invalid_client", 401)
            if form.get("refresh_token") != "user-refresh-7f3a":
                raise refused("invalid_grant")
            # Who asks as a user says whose quota is used up.
            return 200, {"access_token": self.made("usr."), "expires_in": 3599, "token_type": "Bearer"}, {}
        else:
            raise refused("unsupported_grant_type")
        return 200, {"access_token": self.made(), "expires_in": 3599, "token_type": "Bearer"}, {}

    def judge(self, assertion):
        head, claims, signature = assertion.split(".")
        decode = lambda part: base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        try:
            self.key.public_key().verify(decode(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise refused("invalid_grant")
        head, claims = json.loads(decode(head)), json.loads(decode(claims))
        good = (
            head == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
            and claims["iss"] == EMAIL
            and claims["aud"] == f"{self.secure}/token"
            and claims["scope"] == SCOPE
            and abs(claims["iat"] - time.time()) < 60
            and claims["iat"] < claims["exp"] <= claims["iat"] + 3600
        )
        if not good:
            raise refused("invalid_grant")

    def exchange(self, request):
        form = request.form()
        wanted = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": AUDIENCE,
            "scope": SCOPE,
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token_type": JWT_TYPE,
            "subject_token": SUBJECT,
        }
        if form != wanted:
            raise refused("invalid_grant")
        token_type = "urn:ietf:params:oauth:token-type:access_token"
        return 200, {"access_token": self.made("sts."), "issued_token_type": token_type, "token_type": "Bearer", "expires_in": 3600}, {}

    def subject(self, request):
        if request.headers.get("X-Ask") != "yes":
            raise Answer(403, {"error": "canary-7f3a"})
        return 200, {"value": SUBJECT}, {}

    def impersonate(self, request):
        body = request.json()
        if request.bearer() not in self.valid or body["scope"] != [SCOPE]:
            raise Answer(403, {"error": {"code": 403, "message": "canary-7f3a", "status": "PERMISSION_DENIED"}})
        return 200, {"accessToken": self.made("imp."), "expireTime": "2030-01-01T00:00:00Z"}, {}

    def metadata(self, request):
        if request.headers.get("Metadata-Flavor") != "Google":
            raise Answer(403, b"canary-7f3a", {"Metadata-Flavor": "Google"})
        if request.path != "/computeMetadata/v1/instance/service-accounts/default/token" or request.query.get("scopes") != SCOPE:
            raise Answer(404, b"canary-7f3a", {"Metadata-Flavor": "Google"})
        body = {"access_token": self.made(), "expires_in": 3599, "token_type": "Bearer"}
        return 200, body, {"Metadata-Flavor": "Google"}


def refused(code, status=400):
    return Answer(status, {"error": code, "error_description": "canary-7f3a"})
