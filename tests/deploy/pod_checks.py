"""What must hold of the pods: that they fit the image and the code. Each check gives a sentence for what is wrong."""

from __future__ import annotations

import re
from dataclasses import fields
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import kubernetes_validate
from sqlalchemy import make_url
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map

from service.app import create_app
from service.cli import _parser
from service.parts import load_parts
from service.security.clients import read_trusted_clients
from service.settings import Settings, SettingsError, check_listening, read_settings
from service.variables import PREFIX
from tests.deploy.manifests import Manifests, Object, Problems, image
from tests.pages import DOCS

OLDEST, NEWEST = "1.30", "1.37"
"""Versions of Kubernetes."""
UNKNOWN_KINDS = {"ServiceMonitor", "PrometheusRule"}
_PROBES = {"startupProbe": "ready", "readinessProbe": "ready", "livenessProbe": "live"}
_FILES = {PREFIX + field.name.upper() for field in fields(Settings) if "Path" in str(field.type)}


@cache
def url_map() -> Map:
    return create_app(Settings()).url_map


def schemas(manifests: Manifests) -> Problems:
    """Strictly what the oldest and the newest Kubernetes know."""
    for each in manifests.objects:
        for version in (OLDEST, NEWEST):
            try:
                kubernetes_validate.validate(each, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{each['kind']} for {version}: {error.message}"
            except kubernetes_validate.SchemaNotFoundError:
                if each["kind"] not in UNKNOWN_KINDS:
                    yield f"{each['kind']} is no kind of {version}"


def ports(manifests: Manifests) -> Problems:
    """One port from the image to the Ingress."""
    named = {each["name"]: each["containerPort"] for each in manifests.container["ports"]}
    of_the_image = image()
    if list(named.values()) != [of_the_image.port] or str(of_the_image.port) not in of_the_image.command:
        yield f"the container's ports {named} are not the image's"
    (outer,) = manifests.one("Service")["spec"]["ports"]
    incoming = manifests.one("NetworkPolicy", "mda5-cds-from")["spec"]["ingress"]
    inner = [("Service", outer["targetPort"])]
    inner += [(name, manifests.container[name]["httpGet"]["port"]) for name in _PROBES]
    inner += [("NetworkPolicy", port["port"]) for rule in incoming for port in rule["ports"]]
    yield from (f"{who} uses the port {port}" for who, port in inner if port not in named)
    used = [("Ingress", path["backend"]["service"]["port"]["name"]) for path in _paths(manifests)]
    used += [("ServiceMonitor", endpoint["port"]) for endpoint in _endpoints(manifests)]
    yield from (f"{who} uses the Service's port {port}" for who, port in used if port != outer["name"])


def routes(manifests: Manifests) -> Problems:
    """Probes and figures are routes of the service; only calls are led out."""
    router = url_map().bind("pod")
    asked = [(name, manifests.container[name]["httpGet"]["path"]) for name in _PROBES]
    asked += [("ServiceMonitor", endpoint["path"]) for endpoint in _endpoints(manifests)]
    for who, path in asked:
        try:
            router.match(path, "GET")
        except HTTPException:
            yield f"{who} asks {path}, which is no route"
        if not path.endswith(_PROBES.get(who, "/metrics")):
            yield f"{who} asks {path}"
    if [(path["path"], path["pathType"]) for path in _paths(manifests)] != [("/cds-services", "Prefix")]:
        yield "the Ingress leads out something else than the CDS Hooks routes"


def _paths(manifests: Manifests) -> list[Object]:
    return [path for rule in manifests.one("Ingress")["spec"]["rules"] for path in rule["http"]["paths"]]


def _endpoints(manifests: Manifests) -> list[Object]:
    return [endpoint for each in manifests.all("ServiceMonitor") for endpoint in each["spec"]["endpoints"]]


def settings(manifests: Manifests) -> Problems:
    """The service starts with these variables and files, and finds nothing wrong with them."""
    with TemporaryDirectory() as folder:
        yield from _settings(manifests, Path(folder))


def _settings(manifests: Manifests, folder: Path) -> Problems:
    environment = dict(manifests.settings)
    stray = [name for name in environment if not name.startswith(PREFIX)]
    yield from (f"{name} is no setting" for name in stray)
    if manifests.pod.get("enableServiceLinks", True):
        environment |= {f"{PREFIX}PORT": "tcp://10.0.0.1:80", f"{PREFIX}SERVICE_HOST": "10.0.0.1"}
    for name in _FILES & environment.keys():
        environment[name] = str(_file(manifests, environment[name], folder, manifests.container["volumeMounts"]))
    try:
        read = read_settings(environment)
        check_listening(read, "0.0.0.0")  # noqa: S104
        load_parts(read)
        read_trusted_clients(read.trusted_clients or Path())
    except SettingsError as error:
        yield from error.problems
        return
    if read.insecure:
        yield "strangers may call"


def database(manifests: Manifests) -> Problems:
    """One PostgreSQL for all, of proven identity; its password comes from a file, for the migration too."""
    url = make_url(manifests.settings[f"{PREFIX}DATABASE_URL"])
    if url.get_backend_name() != "postgresql":
        yield "each replica has a database of its own"
    if url.password is not None or "service" not in url.query:
        yield "the database's password stands in a setting"
    (init,) = manifests.pod["initContainers"]
    if any(init.get(name) != manifests.container[name] for name in ("env", "envFrom")):
        yield "the migration runs with other settings than the service"
    files = [each["value"] for each in manifests.container["env"] if each["name"] == "PGSERVICEFILE"]
    files += [str(url.query["sslrootcert"])] if "sslrootcert" in url.query else []
    files += [manifests.settings[name] for name in _FILES & manifests.settings.keys()]
    if url.query.get("sslmode") != "verify-full":
        yield "the database may be another"
    with TemporaryDirectory() as folder:
        for container in (init, manifests.container):
            yield from (
                f"{file} is not mounted in {container['name']}"
                for file in files
                if not _file(manifests, file, Path(folder), container["volumeMounts"]).is_file()
            )


def _file(manifests: Manifests, path: str, folder: Path, mounts: list[Object]) -> Path:
    """A file of a container, made here; one that is not mounted is not there."""
    target = folder / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    mounted = {mount["mountPath"]: mount["name"] for mount in mounts}
    volumes = {volume["name"]: volume for volume in manifests.pod["volumes"]}
    volume = volumes.get(mounted.get(str(Path(path).parent), ""), {})
    if "configMap" in volume:
        data = manifests.one("ConfigMap", volume["configMap"]["name"])["data"]
        if Path(path).name in data:
            target.write_text(data[Path(path).name], encoding="utf-8")
    elif Path(path).name in [item["path"] for item in volume.get("secret", {}).get("items", [])]:
        target.write_text("k" * 32, encoding="utf-8")
    return target


def commands(manifests: Manifests) -> Problems:
    """What runs are commands of this version: the image's own, and before it the migration."""
    of_the_image = image().command
    if {"command", "args"} & manifests.container.keys():
        yield "the container does not run what the image runs"
    (init,) = manifests.pod["initContainers"]
    for command in (of_the_image, init["command"]):
        try:
            _parser().parse_args(command[1:])
        except SystemExit:
            yield f"{' '.join(command)} is no command"
    if init["command"][1:] != ["migrate", "--allow-lost"]:
        yield "the schema is not migrated, or a lost database keeps the service from starting"
    if init["image"] != manifests.container["image"]:
        yield "the migration is of another version"


def restricted(manifests: Manifests) -> Problems:
    """An unprivileged user who can write nothing but memory and knows nothing of the cluster."""
    of_the_image = image()
    pod, whole = manifests.pod["securityContext"], manifests.pod
    if [str(pod.get("runAsUser")), str(pod.get("runAsGroup"))] != [of_the_image.user, of_the_image.group]:
        yield "the user is not the image's"
    if str(pod.get("fsGroup")) != of_the_image.group or not pod.get("runAsNonRoot"):
        yield "the pod may run as root, or cannot read its secrets"
    if pod.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "system calls are not restricted"
    wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    for container in (*whole["initContainers"], *whole["containers"]):
        if container.get("securityContext") != wanted:
            yield f"{container['name']} is not restricted"
    if {whole.get("hostNetwork"), whole.get("hostPID"), whole.get("hostIPC")} != {None}:
        yield "the pod shares its node's"
    account = manifests.one("ServiceAccount")
    tokens = {whole["automountServiceAccountToken"], account["automountServiceAccountToken"]}
    if tokens != {False} or account["metadata"]["name"] != whole["serviceAccountName"]:
        yield "the pod has a token of the cluster"
    if manifests.one("Namespace")["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
        yield "the namespace takes unrestricted pods"


def volumes(manifests: Manifests) -> Problems:
    """What is mounted is there; what can be written is memory, and bounded."""
    there = {volume["name"]: volume for volume in manifests.pod["volumes"]}
    for container in (*manifests.pod["initContainers"], *manifests.pod["containers"]):
        for mount in container["volumeMounts"]:
            volume = there.get(mount["name"], {})
            empty = volume.get("emptyDir")
            if empty is None and not (mount.get("readOnly") and {"configMap", "secret"} & volume.keys()):
                yield f"{mount['mountPath']} of {container['name']} is not there, or can be written"
            elif empty is not None and (empty.get("medium") != "Memory" or "sizeLimit" not in empty):
                yield f"{mount['mountPath']} is no bounded memory"
    written = {m["mountPath"] for m in manifests.container["volumeMounts"] if not m.get("readOnly")}
    if written != {"/tmp", "/dev/shm"}:  # noqa: S108
        yield f"the service may write to {', '.join(sorted(written))}"
    configured = {v["configMap"]["name"] for v in there.values() if "configMap" in v}
    if not configured <= {each["metadata"]["name"] for each in manifests.all("ConfigMap")}:
        yield "a ConfigMap is missing"
    if any(v.get("secret", {}).get("defaultMode", 0o440) & 0o337 for v in there.values()):
        yield "a secret can be read by others"


def secrets(manifests: Manifests) -> Problems:
    """Secrets are referred to, never contained, and docs/deploy.md says how to make them."""
    explained = (DOCS / "deploy.md").read_text(encoding="utf-8")
    yield from ("a Secret stands in the manifests" for _ in manifests.all("Secret"))
    yield from (
        f"{each['name']} is no path" for each in manifests.container["env"] if not each["value"].startswith("/run/")
    )
    referred = {("mda5-cds-tls", "tls")} if manifests.one("Ingress")["spec"].get("tls") else set()
    for volume in manifests.pod["volumes"]:
        for item in volume.get("secret", {}).get("items", []):
            referred.add((volume["secret"]["secretName"], item["key"]))
    for name, key in sorted(referred):
        made = re.search(rf"create secret \w+ {name}(?= )((?:.|\\\n)*?)(?<!\\)\n", explained)
        if made is None or (key != "tls" and f"--from-file={key}=" not in made[1]):
            yield f"docs/deploy.md does not say how to make {key} of {name}"
