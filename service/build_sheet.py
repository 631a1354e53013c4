"""The build sheet: what an EHR team types into its build, from the code's own templates, codes and limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from cds_cards.card import Topic
from cds_cards.guideline import Guideline
from cds_cards.reasons import override_reasons
from service.build_sheet_text import PLACEHOLDER, sheet_lines
from service.discovery import HOOK_VERSION, SERVICES, SPECIFICATION_VERSION
from service.prefetch import KEYS, OBSERVATIONS_KEY, PATIENT_KEY, REQUIRED_KEYS, SEARCHED, prefetch_templates
from service.security.clients import DEFAULT_ALGORITHMS
from service.security.jwks import KINDS
from service.security.tokens import LONGEST_LIFE, SKEW
from service.settings import Settings

Json = dict[str, Any]

_REFUSED = "the call is answered with 412; nothing is evaluated"
WITHOUT: dict[str, tuple[tuple[str, ...], str]] = {
    **dict.fromkeys(REQUIRED_KEYS, ((), _REFUSED)),
    "allergies": (("allergies",), "an allergy to what a card suggests is not excluded, and the card says so"),
    "procedures": (
        ("procedures", "respiratory-failure"),
        "a ventilator, ECMO, apheresis or a lung transplant is never called absent: whether the respiratory failure "
        "is life-threatening is then yes or unknown, never no",
    ),
    "referrals": (("referrals",), "an earlier transplant referral is not excluded: its card is shown, and says so"),
    "administrations": ((), "nothing becomes unknown: infusions are then judged by their orders alone"),
}
"""By key: the data gaps that a missing optional key may make, and what that means."""
_MEDICATION = "drugs by reference"


def build_sheet(settings: Settings, guideline: Guideline) -> str:
    """The sheet as plain text, at most 100 columns wide but for the queries; newline at the end."""
    return "\n".join(line.rstrip() for line in sheet_lines(build_sheet_json(settings, guideline))) + "\n"


def build_sheet_json(settings: Settings, guideline: Guideline) -> Json:
    """The sheet as JSON; the same facts in the same order."""
    base = settings.public_url or PLACEHOLDER
    templates = prefetch_templates(guideline)
    services = [
        {
            "id": service.id,
            "hook": service.hook,
            "title": service.title,
            "url": f"{base}/cds-services/{service.id}",
            "feedbackUrl": f"{base}/cds-services/{service.id}/feedback",
        }
        for service in SERVICES.values()
    ]
    return {
        "discoveryUrl": f"{base}/cds-services",
        "cdsHooks": {"version": SPECIFICATION_VERSION, "hookVersion": HOOK_VERSION},
        "knowledgeVersion": guideline.knowledge_version,
        "services": services,
        "prefetch": [
            {"key": key, "query": templates[key], "required": key in REQUIRED_KEYS, "without": WITHOUT[key][1]}
            for key in KEYS
        ],
        "permissions": list(_permissions()),
        "identity": _identity(settings, [f"{base}/cds-services", *_urls(services)]),
        "fhirServers": list(settings.fhir_servers),
        "topics": _topics(settings),
        "notes": list(_notes(settings, templates[OBSERVATIONS_KEY])),
    }


def _urls(services: list[dict[str, str]]) -> Iterator[str]:
    for service in services:
        yield service["url"]
        yield service["feedbackUrl"]


def _permissions() -> Iterator[Json]:
    kinds = {"Patient": ("r", PATIENT_KEY)} | {kind: ("rs", key) for key, kind in SEARCHED.items()}
    for kind, (rights, why) in {**kinds, "Medication": ("r", _MEDICATION)}.items():
        yield {"resource": kind, "smartV1": f"patient/{kind}.read", "smartV2": f"patient/{kind}.{rights}", "for": why}


def _identity(settings: Settings, audiences: list[str]) -> Json:
    return {
        "required": settings.auth == "jwt",
        "header": "Authorization: Bearer <JWT>, a new one for every call, discovery and feedback included",
        "audiences": audiences,
        "algorithms": list(DEFAULT_ALGORITHMS),
        "algorithmsOnRequest": [name for name in KINDS if name not in DEFAULT_ALGORITHMS],
        "jwtHeader": ["alg", "kid", "typ: JWT"],
        "claims": ["iss", "aud", "exp", "iat", "jti"],
        "longestLifetimeSeconds": int(LONGEST_LIFE.total_seconds()),
        "clockSkewSeconds": int(SKEW.total_seconds()),
    }


def _topics(settings: Settings) -> Json:
    """Per topic the codes that may come back as override reasons; ours stand apart from those of HL7."""
    own = f"{settings.canonical}/CodeSystem/override-reason"
    reasons = {topic: override_reasons(topic) for topic in get_args(Topic)}
    every = dict.fromkeys(reason for offered in reasons.values() for reason in offered)
    return {
        "system": f"{settings.canonical}/CodeSystem/card-topic",
        "codes": [
            {"code": topic, "off": topic in settings.topics_off, "overrideReasons": [reason.code for reason in offered]}
            for topic, offered in reasons.items()
        ],
        "overrideReasons": [
            {"system": reason.system or own, "code": reason.code, "display": reason.display}
            for reason in sorted(every, key=lambda reason: (reason.system or own, reason.code))
        ],
    }


def _notes(settings: Settings, observations: str) -> Iterator[str]:
    yield (
        "Nothing found: send null, or a searchset Bundle with total 0. Not asked, or no right to ask: leave the key "
        "out. null says that there is nothing."
    )
    yield (
        "Where the EHR caps the size of a prefetch: send pages with a next link rather than a part without one. The "
        "service fetches the other pages from fhirServer; pages that it cannot fetch are named as a data gap, and "
        "nothing is called absent on that ground."
    )
    yield (
        f"Where the EHR caps the length of a query (that of observations has {len(observations)} characters): leave "
        "the key out of the build, grant fhirServer and a token, and the service asks for it itself, by POST _search."
    )
    yield f"A body of more than {settings.max_body_bytes} bytes is refused with 413."
    yield (
        "Where fhirServer is used, let the EHR wait longer for an answer than the service spends there: "
        f"{settings.fhir_budget_seconds:g} s."
    )
    yield (
        "Results that carry local codes only: name those codes in the site's policy file (local_codes); the query of "
        "observations then asks for them too. Print this sheet again and change the build."
    )
    yield "The queries change with the knowledge and with the policy file: print this sheet again after each change."
