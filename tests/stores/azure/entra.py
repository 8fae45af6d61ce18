"""What gives access tokens: Entra's token endpoint, the metadata service of a machine, and App Service's endpoint."""

import secrets

from server import Answer

TENANT = "tenant-1"
CLIENT = "client-1"
RESOURCE = "https://vault.azure.net"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Entra:
    def __init__(self):
        self.valid = set()

    def start(self, secure, plain):
        return {
            "tenant": TENANT,
            "client_id": CLIENT,
            "client_secret": "client~secret+7f3a",
            "federated_token": "federated.token.7f3a",
            "identity_header": "header-7f3a",
        }

    def handle(self, request):
        if request.path.endswith("/oauth2/v2.0/token") and request.method == "POST":
            return self.login(request)
        if request.path == "/metadata/identity/oauth2/token":
            good = request.headers.get("Metadata") == "true" and request.query.get("api-version") == "2018-02-01"
            return self.identity(request, good)
        if request.path == "/msi/token":
            good = request.headers.get("X-IDENTITY-HEADER") == "header-7f3a" and request.query.get("api-version") == "2019-08-01"
            return self.identity(request, good)
        return None

    def made(self):
        token = "eyJ0." + secrets.token_urlsafe(24)
        self.valid.add(token)
        return token

    def login(self, request):
        if not request.is_secure:
            raise refused("invalid_request", 900144)
        form = request.form()
        if not request.path.startswith(f"/{TENANT}/"):
            raise refused("invalid_request", 90002)
        if form.get("client_id") != CLIENT:
            raise refused("unauthorized_client", 700016)
        if form.get("grant_type") != "client_credentials" or form.get("scope") != f"{RESOURCE}/.default":
            raise refused("invalid_scope", 70011)
        if form.get("client_assertion_type") == ASSERTION:
            if form.get("client_assertion") != "federated.token.7f3a":
                raise refused("invalid_client", 700213)
        elif form.get("client_secret") != "client~secret+7f3a":
            raise refused("invalid_client", 7000215, 401)
        return 200, {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": self.made()}, {}

    def identity(self, request, good):
        if not good or request.query.get("resource") != RESOURCE:
            raise Answer(400, {"error": "invalid_request", "error_description": "canary-7f3a"})
        if request.query.get("client_id", CLIENT) != CLIENT:
            raise Answer(400, {"error": "invalid_request", "error_description": "Identity not found canary-7f3a"})
        body = {"access_token": self.made(), "expires_in": "3599", "resource": RESOURCE, "token_type": "Bearer"}
        return 200, body, {}


def refused(code, number, status=400):
    description = f"AADSTS{number}: canary-7f3a"
    return Answer(status, {"error": code, "error_description": description, "error_codes": [number], "trace_id": "canary-7f3a"})
