"""What rotate.yaml and vault.yaml start, against the tests' own Vault, with a CA of its own."""

import json
import subprocess
import urllib.request

from engine import PASSWORD, WORK, keys, new_key
from cases import case, main
from manifests import config_map, one, patched, ready, started

TOKENS = {"example": "canary-token-of-the-pods", "example-rotate": "canary-token-of-the-job"}


class Vault:
    """Has the key that was in use, and the two roles that README writes."""

    def __init__(self, key):
        directory = WORK / "vault"
        directory.mkdir(exist_ok=True)
        words = ["/srv/kit/venv/bin/python", "-B", "/srv/root/tests/stores/vault/serve.py", directory]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(words, text=True, **pipes)
        self.said = json.loads(self.process.stdout.readline())
        self.ca = open(self.said["ca"]).read()
        self.say("secret/data/example/prod", {"data": {"SECRET_KEY": key}})
        self.say("sys/auth/kubernetes", {"type": "kubernetes"})
        rights = {"example": ["read"], "example-rotate": ["read", "update"]}
        for name, can in rights.items():
            rule = f'path "secret/data/example/prod" {{ capabilities = {json.dumps(can)} }}\n'
            rule += 'path "secret/metadata/example/prod" { capabilities = ["read"] }\n'
            self.say(f"sys/policies/acl/{name}", {"policy": rule})
            self.say(f"auth/kubernetes/role/{name}", {"token_policies": [name]})

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.process.communicate()

    def say(self, path, body=None):
        address = f"http://127.0.0.1:{self.said['plain_port']}/v1/{path}"
        headers = {"X-Vault-Token": self.said["root_token"], "X-Vault-Request": "true"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address, data=data, headers=headers)
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read() or b"null")

    def document(self):
        return self.say("secret/data/example/prod")["data"]["data"]

    def given(self, role, key):
        """The cluster that has it. The old key is still in the Kubernetes secret."""
        self.say("auth/kubernetes/config", {"accepted_jwts": [TOKENS[role]]})
        configs = dict(config_map("example-vault"))
        for name, text in configs.items():
            address = f"https://127.0.0.1:{self.said['port']}"
            assert text.count("https://vault.internal:8200") == 1
            assert text.count("# ca-file = ") == 1
            text = text.replace("https://vault.internal:8200", address)
            configs[name] = text.replace("# ca-file", "ca-file")
        return {
            "secrets": {"example": {"django_secret_key": key, "db_password": PASSWORD}},
            "maps": {"example-vault": configs, "vault-ca": {"ca.pem": self.ca}},
            "token": TOKENS[role],
        }


@case
def the_job_stages_a_key_and_the_pods_have_it():
    """As shipped, but for Vault's address and its CA. A pod has its key from Vault, and not the one
    that is left in the Kubernetes secret."""
    keys.extend(TOKENS.values())
    old, left = new_key(), new_key()
    with Vault(old) as vault:
        first = {"SECRET_KEY": old}
        assert vault.document() == first
        job = one("rotate.yaml", "CronJob")
        with started(job, vault.given("example-rotate", left), "--network", "host") as rotate:
            code = rotate.ended()
            assert code == 0, (code, rotate.logs())
        after = vault.document()
        keys.extend(value for name, value in after.items() if name == "SECRET_KEY_NEXT")
        assert after["SECRET_KEY"] == old and len(after["SECRET_KEY_NEXT"]) == 64, sorted(after)
        given = vault.given("example", left)
        with started(patched(), given, "--network", "host") as web:
            said = web.serves()
            assert "warning" not in said, said
            assert ready(patched()) == "ok"
            web.exec("keybearer", "status", "--check")
            key = web.status()["key"]
            assert len(key["fallbacks"]) == 1, key
            mounted = web.exec("ls", "/run/secrets/site").split()
            assert mounted == ["db_password"], mounted
            assert vault.document() == after
            assert web.stop() == 0


if __name__ == "__main__":
    main("docker::vault")
