"""CDS Hooks JSON → `HookRequest`: the fields of a call, checked, and what its prefetch says key by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from service.discovery import HookService
from service.errors import InvalidField, MissingField, NotAPatient
from service.prefetch import KEYS, PATIENT_KEY
from service.settings import Settings

AS_OF_EXTENSION = "mda5-cds.as-of"

YEARS = range(1000, 9000)
"""Of an instant that replaces now: dates are reckoned from it in both directions."""


@dataclass(frozen=True, slots=True)
class PrefetchAnswer:
    """What a request carries for one prefetch key.

    `given` a resource or Bundle in `value` · `empty` asked, and nothing there (`null`) · `missing` the key is not
    there · `failed` the EHR answered with an OperationOutcome, or with something that is no resource; `why` says
    which.
    """

    status: Literal["given", "empty", "missing", "failed"]
    value: Mapping[str, object] | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One call of a CDS service, its required fields present. `prefetch` has every key of the service's templates.

    `client` is who called ("" where callers are not identified); `access_token` lives as long as the call and never
    shows in a representation. `as_of` is the instant (with zone) that replaces now, where the configuration allows it.
    """

    hook: str
    hook_instance: str
    context: Mapping[str, object]
    patient_id: str
    user_id: str
    encounter_id: str | None
    prefetch: Mapping[str, PrefetchAnswer]
    fhir_server: str | None
    access_token: str | None = field(repr=False)
    extension: Mapping[str, object]
    client: str = ""
    as_of: datetime | None = None


def decode_request(
    body: Mapping[str, object], service: HookService, settings: Settings, client: str = ""
) -> HookRequest:
    """The call that `body` makes to `service`; raises the ServiceError of the first field that is wrong."""
    hook = _required_text(body, "hook")
    hook_instance = _required_text(body, "hookInstance")
    if hook != service.hook:
        raise InvalidField(f"hook: this service answers {service.hook} only")
    context = _object(body, "context", required=True)
    extension = _object(body, "extension")
    fhir_server = _optional_text(body, "fhirServer")
    authorization = _object(body, "fhirAuthorization")
    if body.get("fhirAuthorization") is not None and fhir_server is None:
        raise InvalidField("fhirAuthorization is given without fhirServer")
    prefetch = _object(body, "prefetch")
    request = HookRequest(
        hook=hook,
        hook_instance=hook_instance,
        context=context,
        patient_id=_required_text(context, "patientId", "context."),
        user_id=_required_text(context, "userId", "context."),
        encounter_id=_optional_text(context, "encounterId", "context."),
        prefetch={key: _prefetch_answer(prefetch, key) for key in KEYS},
        fhir_server=fhir_server,
        access_token=_access_token(authorization),
        extension=extension,
        client=client,
        as_of=_as_of(extension) if settings.allow_as_of else None,
    )
    _check_order_context(context)
    # a value that is there and is no object can be no Patient; what the object holds is judged where FHIR is read
    if isinstance(prefetch.get(PATIENT_KEY), str | int | float | list):
        raise NotAPatient(f"prefetch.{PATIENT_KEY} is not a FHIR Patient")
    return request


def instant(text: str) -> datetime:
    """An ISO 8601 instant with its zone, of the years `YEARS`; ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or "T" not in text.upper():
        raise ValueError("no time or no zone")
    if moment.year not in YEARS:
        raise ValueError("out of the years")
    return moment


def _required_text(source: Mapping[str, object], key: str, prefix: str = "") -> str:
    value = source.get(key)
    if value is None or value == "":
        raise MissingField(f"{prefix}{key} is required")
    if not isinstance(value, str) or not value.strip():
        raise InvalidField(f"{prefix}{key} must be a non-empty string")
    return value


def _optional_text(source: Mapping[str, object], key: str, prefix: str = "") -> str | None:
    value = source.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InvalidField(f"{prefix}{key} must be a string")
    return value


def _object(source: Mapping[str, object], key: str, *, required: bool = False) -> Mapping[str, object]:
    value = source.get(key)
    if value is None:
        if required:
            raise MissingField(f"{key} is required")
        return {}
    if not isinstance(value, dict):
        raise InvalidField(f"{key} must be an object")
    return value


def _check_order_context(context: Mapping[str, object]) -> None:
    """Absent drafts and selections are what real clients send before a drug is chosen; the wrong type is not."""
    if not isinstance(context.get("draftOrders"), dict | None):
        raise InvalidField("context.draftOrders must be a Bundle")
    selections = context.get("selections")
    if selections is not None and not (
        isinstance(selections, list) and all(isinstance(selection, str) for selection in selections)
    ):
        raise InvalidField("context.selections must be an array of strings")


def _prefetch_answer(prefetch: Mapping[str, object], key: str) -> PrefetchAnswer:
    if key not in prefetch:
        return PrefetchAnswer("missing")
    value = prefetch[key]
    if value is None:
        return PrefetchAnswer("empty")
    if not isinstance(value, dict):
        return PrefetchAnswer("failed", why="the value is neither a resource nor null")
    if value.get("resourceType") == "OperationOutcome":
        return PrefetchAnswer("failed", why="the EHR answered with an OperationOutcome")
    return PrefetchAnswer("given", value)


def _access_token(authorization: Mapping[str, object]) -> str | None:
    """The bearer token; None when there is none that could be sent: then nothing can be fetched."""
    token, kind = authorization.get("access_token"), authorization.get("token_type", "Bearer")
    if not isinstance(token, str) or not isinstance(kind, str) or kind.lower() != "bearer":
        return None
    # a header must not be split by what somebody put into the token
    return token if token and token.isascii() and token.isprintable() and " " not in token else None


def _as_of(extension: Mapping[str, object]) -> datetime | None:
    value = extension.get(AS_OF_EXTENSION)
    if value is None:
        return None
    try:
        return instant(value if isinstance(value, str) else "")
    except ValueError:
        raise InvalidField(f"extension.{AS_OF_EXTENSION} must be an ISO 8601 instant with its zone") from None
