"""The shipped manifests: by the schemas of Kubernetes, by what they say of each other, and as the
Deployment's container is started, with the volumes that a kubelet would make."""

import pathlib
import re
import tomllib

from engine import PASSWORD, WORK, new_key, run
from cases import case, main
from manifests import SHIPPED, config_map, documents, one, patched, pod, ready, started

import kubernetes_validate

# From here on a job's podFailurePolicy is stable.
OLDEST = "1.31.0"
IMAGE = pathlib.Path("/srv/root/packaging/docker/site")


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)([sm])", text).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


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
def they_fit_each_other():
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
    drain = seconds("35s")
    assert pod(deployment)["terminationGracePeriodSeconds"] > wait + drain
    fetch_within, ready_within = seconds("30s"), seconds("60s")
    startup = web["startupProbe"]
    # Django's checks and `before` have no bound: this leaves them something.
    assert startup["periodSeconds"] * startup["failureThreshold"] > fetch_within + ready_within


@case
def they_fit_the_image():
    """The user, the port, and the config in the place where the image looks for it."""
    dockerfile = (IMAGE / "Dockerfile").read_text()
    (uid,) = re.findall(r"useradd --uid (\d+)", dockerfile)
    (gid,) = re.findall(r"groupadd --gid (\d+)", dockerfile)
    (exposed,) = re.findall(r"^EXPOSE (\d+)$", dockerfile, re.M)
    (name,) = re.findall(r"^ENV KEYBEARER_NAME=(\w+)$", dockerfile, re.M)
    (kept,) = re.findall(r"^RUN install .* -t (\S+) keybearer.toml worker.toml$", dockerfile, re.M)
    shipped = tomllib.loads((IMAGE / "keybearer.toml").read_text())
    for workload in (one("deployment.yaml", "Deployment"), patched(), one("rotate.yaml", "CronJob")):
        who = pod(workload)["securityContext"]
        ids = [str(who[key]) for key in ("runAsUser", "runAsGroup", "fsGroup")]
        assert ids == [uid, gid, gid], ids
        (container,) = pod(workload)["containers"]
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        (volume,) = [one for one in pod(workload)["volumes"] if "configMap" in one]
        configs = config_map(volume["configMap"]["name"])
        place = f"{kept}/{name}.toml"
        if workload["kind"] == "CronJob":
            place = container["command"][container["command"].index("--config") + 1]
        mount = mounts[place]
        assert mount["name"] == volume["name"]
        config = tomllib.loads(configs[mount["subPath"]])
        if workload["kind"] != "CronJob":
            assert [str(port["containerPort"]) for port in container["ports"]] == [exposed]
            assert config["listen"]["sockets"] == [f"0.0.0.0:{exposed}"]
            same = ("directory", "listen", "ready", "django")
            assert [config[key] for key in same] == [shipped[key] for key in same]
        (of_files,) = [one for one in config["source"] if one["type"] == "directory"]
        assert mounts[of_files["path"]]["name"] == "secrets"
        # Where clouds mount tokens of their own, also as /var/run/secrets.
        assert "/run/secrets" not in mounts and not [at for at in mounts if at.startswith("/var/run")]
    # But for the place of its secrets the Deployment's config is the image's.
    own = tomllib.loads(config_map("example")["keybearer.toml"])
    assert own["source"][0].pop("path") == shipped["source"][0].pop("path") + "/site"
    assert own == shipped


@case
def what_the_vault_patch_gives():
    """The key of the Kubernetes secret is mounted no more, in the pods and in the job."""
    for workload in (patched(), one("rotate.yaml", "CronJob")):
        (secret,) = [one for one in pod(workload)["volumes"] if one["name"] == "secrets"]
        (source,) = secret["projected"]["sources"]
        assert source["secret"]["items"] == [{"key": "db_password", "path": "db_password"}]
        assert secret["projected"]["defaultMode"] == 0o440


@case
def the_configs_are_configs():
    """Both name one document, so that the instances' key is the one that is rotated."""
    configs = config_map("example-vault")
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
    deployment = one("deployment.yaml", "Deployment")
    spec = pod(deployment)
    (web,) = spec["containers"]
    given = {
        "secrets": {"example": {"django_secret_key": new_key(), "db_password": PASSWORD}},
        "maps": {"example": config_map("example")},
    }
    # A token as a cloud has it mounted, whatever automountServiceAccountToken says.
    cloud = WORK / "cloud"
    cloud.mkdir()
    (cloud / "token").write_text("a cloud's")
    token = ["--volume", f"{cloud}:/var/run/secrets/eks.amazonaws.com/serviceaccount:ro"]
    with started(deployment, given, *token) as site:
        said = site.serves()
        assert "warning" not in said, said
        for probe in ("startupProbe", "livenessProbe"):
            site.exec(*web[probe]["exec"]["command"])
        assert ready(deployment) == "ok"
        site.exec("cat", "/run/secrets/eks.amazonaws.com/serviceaccount/token")
        site.exec(*web["lifecycle"]["preStop"]["exec"]["command"])
        assert site.stop(spec["terminationGracePeriodSeconds"]) == 0


if __name__ == "__main__":
    main("docker::kubernetes")
