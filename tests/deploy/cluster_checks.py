"""What must hold around the pods: size, number, network, Ingress. Each check gives a sentence for what is wrong."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import make_url

from service.cpus import FEWEST_WORKERS, MOST_WORKERS
from service.server import GRACE_SECONDS, THREADS
from service.settings import read_settings
from service.store.postgres import postgres_engine
from service.variables import PREFIX
from tests.deploy.manifests import SERVICE, Manifests, Object, Problems
from tests.pages import table

POSTGRES_CONNECTIONS = 97
"""PostgreSQL's default, less those that it keeps for its superuser."""
_BYTES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def size(text: str) -> float:
    """A quantity of memory, in bytes."""
    number, unit = text[:-2], text[-2:]
    return float(number) * _BYTES[unit]


def processes(limits: Object) -> int:
    """How many processes the service makes of its CPUs."""
    said = str(limits.get("cpu", MOST_WORKERS))
    cpus = float(said[:-1]) / 1000 if said.endswith("m") else float(said)
    return min(max(math.ceil(cpus), FEWEST_WORKERS), MOST_WORKERS)


def stopping(manifests: Manifests) -> Problems:
    """A replica may finish what is under way before it is killed, and gets no new calls meanwhile."""
    budget = read_settings({f"{PREFIX}FHIR_BUDGET_SECONDS": manifests.settings[f"{PREFIX}FHIR_BUDGET_SECONDS"]})
    waits = manifests.container["lifecycle"]["preStop"]["sleep"]["seconds"]
    if waits < 5:
        yield "a proxy still sends calls to a replica that has stopped"
    if manifests.pod["terminationGracePeriodSeconds"] < waits + GRACE_SECONDS + budget.fhir_budget_seconds:
        yield "a replica is killed before it has finished"


def availability(manifests: Manifests) -> Problems:
    """Two replicas at least, whatever is rolled out, emptied or scaled, and not on one node."""
    deployment, scaler = manifests.one("Deployment")["spec"], manifests.one("HorizontalPodAutoscaler")["spec"]
    if deployment["strategy"]["rollingUpdate"]["maxUnavailable"] != 0 or "replicas" in deployment:
        yield "a rollout takes replicas away"
    if scaler["minReplicas"] < 2 or manifests.one("PodDisruptionBudget")["spec"].get("maxUnavailable") != 1:
        yield "fewer than two replicas, or all may go at once"
    if scaler["scaleTargetRef"]["name"] != manifests.one("Deployment")["metadata"]["name"]:
        yield "something else is scaled"
    spread = {each["topologyKey"]: each["whenUnsatisfiable"] for each in manifests.pod["topologySpreadConstraints"]}
    if spread.get("kubernetes.io/hostname") != "DoNotSchedule":
        yield "all replicas may run on one node"


def sizes(manifests: Manifests) -> Problems:
    """The limits hold what was measured, and all processes together fit the database."""
    measured = {row[0].text: float(row[1].text.split()[0].replace(",", "")) for row in table("deploy.md", "Sizing")}
    limits, requests = (manifests.container["resources"].get(name, {}) for name in ("limits", "requests"))
    count = processes(limits)
    rest = measured["memory after many calls, 2 processes"] / 2 * count
    largest = measured["memory that one call of 16 MiB takes while it is answered"] * THREADS * count
    own = sum(size(volume["emptyDir"]["sizeLimit"]) for volume in manifests.pod["volumes"] if "emptyDir" in volume)
    if size(limits["memory"]) < (rest + largest) * 10**6 + own:
        yield "the memory does not hold the largest calls that may come at once"
    if size(requests["memory"]) < rest * 10**6:
        yield "less memory is asked for than the service takes"
    pool: Any = postgres_engine(make_url("postgresql://nowhere/x")).pool
    most = manifests.one("HorizontalPodAutoscaler")["spec"]["maxReplicas"] + 1  # a rollout adds one
    if most * count * (pool.size() + pool._max_overflow) > POSTGRES_CONNECTIONS:
        yield "the replicas may take more connections than PostgreSQL has"


def ingress(manifests: Manifests) -> Problems:
    """TLS for the host that tokens are meant for; bodies as large as the service takes."""
    spec = manifests.one("Ingress")["spec"]
    hosts = [rule["host"] for rule in spec["rules"]]
    public = urlsplit(manifests.settings[f"{PREFIX}PUBLIC_URL"])
    if [public.hostname] != hosts or public.scheme != "https" or public.path:
        yield "the public URL is not the Ingress's host"
    if [host for tls in spec.get("tls", []) for host in tls["hosts"]] != hosts:
        yield "the host has no TLS"
    said = manifests.one("Ingress")["metadata"]["annotations"]
    largest = float(manifests.settings[f"{PREFIX}MAX_BODY_BYTES"])
    for name in ("nginx.org/client-max-body-size", "nginx.ingress.kubernetes.io/proxy-body-size"):
        if not largest < float(said[name].removesuffix("m")) * 2**20 < 2 * largest:
            yield f"{name} is not a little above the service's limit"
    if said["nginx.ingress.kubernetes.io/proxy-request-buffering"] != "on":
        yield "slow senders reach the service"


def network(manifests: Manifests) -> Problems:
    """Nothing comes in or goes out but what is named."""
    policies = {each["metadata"]["name"]: each["spec"] for each in manifests.all("NetworkPolicy")}
    if policies.pop("default-deny", {}) != {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}:
        yield "what is not allowed is not denied"
    incoming = [rule for each in policies.values() for rule in each.get("ingress", [])]
    peers = [peer["namespaceSelector"]["matchLabels"] for rule in incoming for peer in rule.get("from", [{}]) if peer]
    namespaces = [label["kubernetes.io/metadata.name"] for label in peers]
    if namespaces != ["ingress-nginx", "monitoring"] or any(not rule.get("from") for rule in incoming):
        yield "others than the Ingress and the monitoring may come in"
    outgoing = {
        (name.removeprefix("mda5-cds-to-"), port["port"])
        for name, each in policies.items()
        for rule in each.get("egress", [])
        for port in rule.get("ports", [{"port": "any"}])
    }
    if outgoing != {("dns", 53), ("ehr", 443), ("database", 5432)}:
        yield f"what goes out is {sorted(map(str, outgoing))}"
    reached = [peer for each in policies.values() for rule in each.get("egress", []) for peer in rule.get("to", [{}])]
    if any(not peer or peer.get("ipBlock", {}).get("cidr", "").endswith("/0") for peer in reached):
        yield "any address may be called"


def selectors(manifests: Manifests) -> Problems:
    """Whatever selects pods selects these, and every object says whose it is."""
    labels = manifests.one("Deployment")["spec"]["template"]["metadata"]["labels"]
    selecting = [manifests.one("Service")["spec"]["selector"]]
    selecting += [each["spec"]["selector"]["matchLabels"] for each in manifests.all("Deployment")]
    selecting += [each["spec"]["selector"]["matchLabels"] for each in manifests.all("PodDisruptionBudget")]
    selecting += [each["labelSelector"]["matchLabels"] for each in manifests.pod["topologySpreadConstraints"]]
    selecting += [
        each["spec"]["podSelector"]["matchLabels"]
        for each in manifests.all("NetworkPolicy")
        if each["metadata"]["name"] != "default-deny"
    ]
    yield from (f"{each} selects other pods" for each in selecting if not each.items() <= labels.items())
    service = manifests.one("Service")["metadata"]["labels"]
    for each in manifests.all("ServiceMonitor"):
        if not each["spec"]["selector"]["matchLabels"].items() <= service.items():
            yield "the ServiceMonitor selects another Service"
    for each in manifests.objects:
        if each["metadata"].get("labels", {}).get("app.kubernetes.io/part-of") != SERVICE:
            yield f"{each['kind']} {each['metadata']['name']} does not say whose it is"
