"""The shipped manifests: by the schemas of Kubernetes, by what they say of each other, and as the
Deployment's container is started, with the volumes that a kubelet would make."""

import os
import pathlib
import re
import secrets
import sys

from engine import PASSWORD, PORT, WORK, Container, eventually, get, new_key, run, write
from cases import case, main

sys.path.insert(0, "/srv/kit/wheels/kubernetes")

import kubernetes_validate  # noqa: E402
import yaml  # noqa: E402

SHIPPED = pathlib.Path("/srv/root/packaging/kubernetes")
# From here on a job's podFailurePolicy is stable.
OLDEST = "1.31.0"


def documents(name):
    return list(yaml.safe_load_all((SHIPPED / name).read_text()))


def one(name, kind):
    (found,) = [document for document in documents(name) if document["kind"] == kind]
    return found


def pod(document):
    spec = document["spec"]
    return spec.get("jobTemplate", {"spec": spec})["spec"]["template"]["spec"]


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)([sm])", text).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def patched():
    """The Deployment with vault.yaml, as `kubectl patch` merges: lists of named things by name."""

    def merge(base, patch):
        for key, value in patch.items():
            if isinstance(value, dict):
                merge(base.setdefault(key, {}), value)
            elif isinstance(value, list) and all("name" in item for item in value):
                known = {item["name"]: item for item in base.setdefault(key, [])}
                for item in value:
                    if item["name"] in known:
                        merge(known[item["name"]], item)
                    else:
                        base[key].append(item)
            else:
                base[key] = value
        return base

    (patch,) = documents("vault.yaml")
    return merge(one("deployment.yaml", "Deployment"), patch)


@case
def the_schemas_accept_all_of_it():
    """Strictly: an unknown field is an error. By the newest and the oldest version there is."""
    names = sorted(path.name for path in SHIPPED.iterdir())
    assert names == ["deployment.yaml", "rotate.yaml", "service.yaml", "vault.yaml"], names
    all_of_it = [document for name in names if name != "vault.yaml" for document in documents(name)]
    for version in (OLDEST, kubernetes_validate.latest_version()):
        for document in [*all_of_it, patched()]:
            kubernetes_validate.validate(document, version, strict=True)
    wrong = one("deployment.yaml", "Deployment")
    pod(wrong)["containers"][0]["readOnlyRootFileSystem"] = True
    try:
        kubernetes_validate.validate(wrong, OLDEST, strict=True)
    except kubernetes_validate.ValidationError:
        return
    raise AssertionError("a wrong field was accepted")


@case
def they_fit_each_other_and_the_image():
    deployment, service = one("deployment.yaml", "Deployment"), one("service.yaml", "Service")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"] == labels
    files = ("service.yaml", "rotate.yaml")
    accounts = {one(name, "ServiceAccount")["metadata"]["name"] for name in files}
    for workload in (deployment, patched(), one("rotate.yaml", "CronJob")):
        spec = pod(workload)
        assert spec["serviceAccountName"] in accounts and not spec["automountServiceAccountToken"]
        (container,) = spec["containers"]
        volumes = {volume["name"] for volume in spec["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        locked = container["securityContext"]
        assert locked["readOnlyRootFilesystem"] and not locked["allowPrivilegeEscalation"]
        assert locked["capabilities"] == {"drop": ["ALL"]}
        assert spec["securityContext"]["runAsNonRoot"]
    (web,) = pod(deployment)["containers"]
    wait = int(web["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod(deployment)["terminationGracePeriodSeconds"] > wait + seconds("35s")
    startup = web["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= seconds("30s") + seconds("60s")


def without_vault(text):
    """The config, with the source that no cluster is there for taken out."""
    start = text.index('[[source]]\ntype    = "vault"')
    end = text.index("\n[", start + 2)
    assert "/run/vault/token" in text[start:end]
    return text[:start] + text[end + 1 :]


@case
def the_configs_are_configs():
    """Both name one document, so that the instances' key is the one that is rotated."""
    configs = one("rotate.yaml", "ConfigMap")["data"]
    assert sorted(configs) == ["keybearer.toml", "rotate.toml"]
    wanted = re.compile(r"^(?:address|mount|path|every) .*", re.M)
    pods, job = (wanted.findall(configs[name]) for name in ("keybearer.toml", "rotate.toml"))
    assert [line for line in pods if "health" not in line] == job and len(job) == 5
    for name, text in configs.items():
        path = WORK / name
        path.write_text(text)
        said = run("/srv/static/keybearer", "check", "--config", path, "--", "true", code=None)
        assert f"ok       config   read '{path}'" in said, said
        assert "Vault 'secret/example/prod': '/run/vault/token' does not exist" in said, said


@case
def as_the_deployment_starts_it():
    """The container's own settings from the manifest; the volumes as a kubelet makes them."""
    spec = pod(one("deployment.yaml", "Deployment"))
    (web,) = spec["containers"]
    who, group = spec["securityContext"]["runAsUser"], spec["securityContext"]["fsGroup"]
    main_group = spec["securityContext"]["runAsGroup"]
    options = ["--user", f"{who}:{main_group}", "--group-add", str(group)]
    options += ["--read-only", "--cap-drop=ALL", "--security-opt", "no-new-privileges"]
    for given in web["env"]:
        options += ["--env", f"{given['name']}={given['value']}"]
    empty = []
    for mount in web["volumeMounts"]:
        if mount["name"] != "secrets":
            empty.append(WORK / f"{mount['name']}-{secrets.token_hex(4)}")
            empty[-1].mkdir()
            os.chown(empty[-1], 0, group)
            empty[-1].chmod(0o2777)
            options += ["--volume", f"{empty[-1]}:{mount['mountPath']}"]
    volume = WORK / f"volume-{secrets.token_hex(4)}"
    volume.mkdir()
    os.chown(volume, 0, group)
    volume.chmod(0o3777)
    version = volume / "..2026_11_21_00_00_00.1"
    version.mkdir(mode=0o755)
    for name, value in {"django_secret_key": new_key(), "db_password": PASSWORD}.items():
        write(version / name, value)
        os.chown(version / name, 0, group)
        (version / name).chmod(0o440)
        (volume / name).symlink_to(f"..data/{name}")
    (volume / "..data").symlink_to(version.name)
    with Container(*options, secrets_in=volume) as site:
        said = site.serves()
        assert "warning" not in said, said
        for probe in ("startupProbe", "livenessProbe"):
            site.exec(*web[probe]["exec"]["command"])
        ready = web["readinessProbe"]["httpGet"]
        headers = [f"-H{given['name']}: {given['value']}" for given in ready["httpHeaders"]]
        asked = ["curl", "--silent", "--fail", *headers, f"http://127.0.0.1:{PORT}{ready['path']}"]
        assert run(*asked) == "ok"
        site.exec(*web["lifecycle"]["preStop"]["exec"]["command"])
        assert site.stop(spec["terminationGracePeriodSeconds"]) == 0


@case
def as_a_config_map_is_mounted():
    """By subPath, which is a file of its own in the image's directory."""
    text = without_vault(one("rotate.yaml", "ConfigMap")["data"]["keybearer.toml"])
    text = text.replace('{ DB_PASSWORD =', '{ SECRET_KEY = "django_secret_key", DB_PASSWORD =')
    text = text.replace('["DB_PASSWORD"]', '["SECRET_KEY", "DB_PASSWORD"]')
    path = WORK / "config-map.toml"
    path.write_text(text)
    path.chmod(0o444)
    with Container("--volume", f"{path}:/etc/keybearer/keybearer.toml:ro") as site:
        site.serves()
        eventually("it answers", lambda: get() == "ok")
        assert site.stop() == 0


if __name__ == "__main__":
    main("docker::kubernetes")
