"""What lies across the network: the URL under which EHRs call, and the FHIR servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult

import orjson

from cds_cards.guideline import Guideline
from service.doctor.finding import Finding, ok, warning, wrong
from service.outgoing.door import Deadline, Outgoing, OutgoingError, Refused, Reply
from service.settings import Settings
from service.variables import PREFIX, absolute_url, is_protected

SECONDS = 3.0
"""Each check of the network takes no longer."""
MAX_BYTES = 16 * 1024 * 1024
"""A CapabilityStatement may have some megabytes."""
FHIR_VERSION = "4."
_OK = 200
_NOT_FOUND = 404
_WANTS_IDENTITY = (401, 403)
_DOWN = 500


def check_public_url(settings: Settings, guideline: Guideline) -> Iterator[Finding]:
    """Whether this service answers, with this knowledge, where EHRs and their tokens look for it."""
    about = "public URL"
    if settings.public_url is None:
        yield from _no_public_url(settings)
        return
    url, parts = settings.public_url, absolute_url(settings.public_url)
    if parts is not None and "/cds-services" in parts.path:
        yield wrong(about, f"{url} goes too far: leave out /cds-services and what follows, they are added to it")
        return
    if parts is not None and not is_protected(parts):
        say = wrong if settings.auth == "jwt" else warning
        yield say(about, f"{url} is not https: tokens and patients could be read on the way")
        return
    deadline = Deadline.after(SECONDS)
    try:
        reply = _get(f"{url}/health/ready", deadline)
    except Refused as error:
        yield wrong(about, f"{url} cannot be the URL of this service: {error.why}")
    except OutgoingError as error:
        yield warning(about, f"{url} did not answer from here: {error.why}. Start the service, or check from outside")
    else:
        yield _who_answers(reply, settings.public_url, parts, guideline, deadline)


def _no_public_url(settings: Settings) -> Iterator[Finding]:
    if settings.auth == "jwt":
        why = "tokens must name the loopback URL as aud, and the service listens on loopback only"
        yield warning("public URL", f"{PREFIX}PUBLIC_URL is not set: {why}")
    else:
        yield ok("public URL", f"{PREFIX}PUBLIC_URL is not set; it is needed once callers are identified")


def _who_answers(
    reply: Reply, url: str, parts: SplitResult | None, guideline: Guideline, deadline: Deadline
) -> Finding:
    about = "public URL"
    knowledge = _knowledge(reply)
    if knowledge == guideline.knowledge_version:
        return ok(about, f"this service answers at {url}, with knowledge {knowledge}")
    if knowledge is not None:
        differs = f"knowledge {knowledge}, and this configuration makes {guideline.knowledge_version}"
        return warning(about, f"the service at {url} has {differs}: another version runs there, or was not restarted")
    if reply.status in _WANTS_IDENTITY:
        why = f"something before the service wants to know who asks for /health/ready ({reply.status})"
        return warning(about, f"{url}: {why}; whether the service is behind it cannot be told")
    if reply.status >= _DOWN:
        return warning(about, f"{url} answers {reply.status}: what stands before the service does not reach it")
    root = f"{parts.scheme}://{parts.netloc}" if parts is not None and parts.path else ""
    if root and _is_ours(root, deadline):
        return wrong(about, f"the service answers at {root}, not under {url}: correct the path, or let it be forwarded")
    return wrong(about, f"{url}/health/ready answers {reply.status}, and not as this service does: is the path right?")


def _is_ours(root: str, deadline: Deadline) -> bool:
    try:
        return _knowledge(_get(f"{root}/health/ready", deadline)) is not None
    except OutgoingError:
        return False


def _knowledge(reply: Reply) -> str | None:
    """The knowledge version that our own /health/ready names; None when the answer is not ours."""
    told = _object(reply)
    version = told.get("knowledge")
    return version if reply.status == _OK and told.get("status") == "ready" and isinstance(version, str) else None


def check_fhir_servers_are_named(settings: Settings) -> Iterator[Finding]:
    """Whether anything may be fetched at all."""
    if not settings.fhir_servers:
        why = f"{PREFIX}FHIR_SERVERS is not set: what the prefetch does not bring is not fetched"
        yield ok("FHIR servers", f"{why}; a required key that is missing is answered with 412")


def check_fhir_server(base: str) -> Iterator[Finding]:
    """Whether a server on the allow list is there, and speaks FHIR R4. No token is sent."""
    about = f"FHIR server {base}"
    try:
        reply = _get(f"{base}/metadata", Deadline.after(SECONDS), {"Accept": "application/fhir+json"})
    except Refused as error:
        yield wrong(about, f"it can never be called: {error.why}")
    except OutgoingError as error:
        yield warning(about, f"it did not answer from here: {error.why}")
    else:
        yield _capability(about, reply)


def _capability(about: str, reply: Reply) -> Finding:
    if reply.status in _WANTS_IDENTITY:
        return warning(about, f"it answers {reply.status} even to /metadata; its FHIR version cannot be told")
    if reply.status >= _DOWN:
        return warning(about, f"it answers {reply.status} at present")
    told = _object(reply)
    version = told.get("fhirVersion")
    if reply.status != _OK or told.get("resourceType") != "CapabilityStatement" or not isinstance(version, str):
        return wrong(about, f"/metadata answers {reply.status} without a CapabilityStatement: is this its base URL?")
    if not version.startswith(FHIR_VERSION):
        return wrong(about, "it does not speak FHIR R4 (4.0 or 4.3), by the fhirVersion of its CapabilityStatement")
    return ok(about, "it is there and speaks FHIR R4")


def _get(url: str, deadline: Deadline, headers: Mapping[str, str] | None = None) -> Reply:
    asked = headers or {"Accept": "application/json"}
    return Outgoing().send("GET", url, headers=asked, deadline=deadline, max_bytes=MAX_BYTES)


def _object(reply: Reply) -> Mapping[str, object]:
    try:
        told = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}
