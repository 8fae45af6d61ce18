"""The shipped manifests, and a container as a kubelet would start it from one of them."""

import os
import pathlib
import secrets
import sys

from engine import PORT, WORK, Container, run

sys.path.insert(0, "/srv/kit/wheels/kubernetes")

import yaml  # noqa: E402

SHIPPED = pathlib.Path("/srv/root/packaging/kubernetes")
# By what `kubectl patch` finds an item of a list again. Other lists are replaced as a whole.
MERGED_BY = {
    "containers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "ports": "containerPort",
}


def documents(name):
    return list(yaml.safe_load_all((SHIPPED / name).read_text()))


def one(name, kind):
    (found,) = [document for document in documents(name) if document["kind"] == kind]
    return found


def config_map(name):
    """Its data, by its own name, out of whatever file has it."""
    every = [document for file in ("deployment.yaml", "rotate.yaml") for document in documents(file)]
    maps = [document for document in every if document["kind"] == "ConfigMap"]
    (found,) = [document["data"] for document in maps if document["metadata"]["name"] == name]
    return found


def pod(document):
    spec = document["spec"]
    return spec.get("jobTemplate", {"spec": spec})["spec"]["template"]["spec"]


def merge(base, patch):
    for key, value in patch.items():
        by = MERGED_BY.get(key)
        if isinstance(value, dict):
            merge(base.setdefault(key, {}), value)
        elif by:
            known = {item[by]: item for item in base.setdefault(key, [])}
            for item in value:
                if item[by] in known:
                    merge(known[item[by]], item)
                else:
                    base[key].append(item)
        else:
            base[key] = value
    return base


def patched():
    """The Deployment with vault.yaml."""
    (patch,) = documents("vault.yaml")
    return merge(one("deployment.yaml", "Deployment"), patch)


def contents(volume, given):
    """What is in a volume, by its name; None where it is an empty one. `given` is what a cluster has:
    secrets and config maps by name, and the token."""

    def picked(source, kind, found):
        if found is None:
            assert source.get("optional"), source
            return {}
        items = source.get("items") or [{"key": key, "path": key} for key in found]
        return {item["path"]: found[item["key"]] for item in items}

    def read(kind, source):
        if kind == "secret":
            return picked(source, kind, given["secrets"].get(source["name"]))
        if kind == "serviceAccountToken":
            return {source["path"]: given["token"]}
        assert kind == "configMap", kind
        return picked(source, kind, given["maps"].get(source["name"]))

    if "emptyDir" in volume:
        return None
    if "configMap" in volume:
        return read("configMap", volume["configMap"])
    files = {}
    for source in volume["projected"]["sources"]:
        ((kind, source),) = source.items()
        files.update(read(kind, source))
    return files


def directory(files, mode, group):
    """As the kubelet makes it: the files of a version in a directory of their own, behind links."""
    volume = WORK / f"volume-{secrets.token_hex(4)}"
    volume.mkdir()
    os.chown(volume, 0, group)
    volume.chmod(0o2777 if files is None else 0o3777)
    if files is not None:
        version = volume / "..2026_11_21_00_00_00.1"
        version.mkdir(mode=0o755)
        (volume / "..data").symlink_to(version.name)
        for name, value in files.items():
            (version / name).write_text(value)
            os.chown(version / name, 0, group)
            (version / name).chmod(mode)
            (volume / name).symlink_to(f"..data/{name}")
    return volume


def started(workload, given, *more):
    """Its one container, with all that the manifest says of users, rights, environment and volumes."""
    spec = pod(workload)
    (container,) = spec["containers"]
    of_pod, own = spec["securityContext"], container["securityContext"]
    assert own["readOnlyRootFilesystem"] and own["capabilities"] == {"drop": ["ALL"]}
    group = of_pod["fsGroup"]
    options = ["--user", f"{of_pod['runAsUser']}:{of_pod['runAsGroup']}", "--group-add", str(group)]
    options += ["--read-only", "--cap-drop=ALL", "--security-opt", "no-new-privileges"]
    for setting in container["env"]:
        options += ["--env", f"{setting['name']}={setting['value']}"]
    volumes = {}
    for volume in spec["volumes"]:
        kind = volume.get("projected") or volume.get("configMap") or {}
        files = contents(volume, given)
        volumes[volume["name"]] = directory(files, kind.get("defaultMode"), group)
    for mount in container["volumeMounts"]:
        place = volumes[mount["name"]]
        if "subPath" in mount:
            place = (place / mount["subPath"]).resolve()
        mode = "ro" if mount.get("readOnly") else "rw"
        options += ["--volume", f"{place}:{mount['mountPath']}:{mode}"]
    words = container.get("command", [])
    if words:
        options += ["--entrypoint", words[0]]
    return Container(*options, *more, command=words[1:], by_platform=False)


def ready(workload):
    """What its readinessProbe gets."""
    (container,) = pod(workload)["containers"]
    asked = container["readinessProbe"]["httpGet"]
    headers = [f"-H{header['name']}: {header['value']}" for header in asked["httpHeaders"]]
    return run("curl", "--silent", "--fail", *headers, f"http://127.0.0.1:{PORT}{asked['path']}")
