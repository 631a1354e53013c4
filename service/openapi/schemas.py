"""What goes in and out of the service, as JSON Schema: requests, cards, feedback, health, errors."""

from __future__ import annotations

from typing import get_args

from cds_cards.card import SUMMARY_LIMIT, Indicator, Selection, Topic
from cds_cards.guideline import Guideline
from cds_cards.proposals import Action
from service.discovery import HOOK_VERSION, SERVICES, SPECIFICATION_VERSION, HookService
from service.fhir.gather import ORDER_HOOKS
from service.openapi.assessment import assessment
from service.openapi.words import (
    RESOURCE,
    TEXT,
    TIME,
    URL,
    UUID,
    WHOLE,
    Schema,
    choice,
    choices,
    each,
    record,
    ref,
    said,
)
from service.prefetch import KEYS, PATIENT_KEY, REQUIRED_KEYS, SEARCHED
from service.settings import Settings
from service.wire import AS_OF_EXTENSION
from service.wire_cards import ASSESSMENT_EXTENSION

OUTCOMES = ("accepted", "overridden")


def schemas(settings: Settings, guideline: Guideline) -> dict[str, Schema]:
    """Every named schema of the description."""
    return {
        "Discovery": _discovery(),
        **{request_name(service): _request(service, settings) for service in SERVICES.values()},
        "Prefetch": _prefetch(),
        "FhirAuthorization": _authorization(),
        "Response": _response(settings),
        "Card": _card(settings),
        "Suggestion": _suggestion(),
        "Action": _action(),
        **({"Assessment": assessment(guideline)} if settings.response_extension else {}),
        "Coding": record("A code with its system.", ("system", "code"), system=URL, code=TEXT, display=TEXT),
        "Feedback": record("One or many answers to cards.", ("feedback",), feedback=each(ref("FeedbackEntry"))),
        "FeedbackEntry": _feedback_entry(),
        "OperationOutcome": _operation_outcome(),
        "Live": record("", ("status",), status=choice("live")),
        "Ready": _ready(),
    }


def request_name(service: HookService) -> str:
    """The name of a service's request schema: `PatientViewRequest`."""
    return "".join(word.capitalize() for word in service.hook.split("-")) + "Request"


def _discovery() -> Schema:
    service = record(
        "",
        ("hook", "id", "title", "description", "usageRequirements", "version", "hookVersion", "prefetch"),
        hook=choice(*(service.hook for service in SERVICES.values())),
        id=choice(*SERVICES),
        title=TEXT,
        description=TEXT,
        usageRequirements=TEXT,
        version=choice(SPECIFICATION_VERSION),
        hookVersion=choice(HOOK_VERSION),
        prefetch=record("FHIR queries by key.", KEYS, **dict.fromkeys(KEYS, TEXT)),
    )
    return record("", ("services",), services=each(service))


def _request(service: HookService, settings: Settings) -> Schema:
    context = {"patientId": TEXT, "userId": TEXT, "encounterId": TEXT}
    if service.hook in ORDER_HOOKS:
        context["draftOrders"] = said(RESOURCE, "A Bundle of the drafted orders.")
    if service.hook == "order-select":
        context["selections"] = {"type": "array", "items": TEXT}
    optional = (
        {"extension": record("Unknown members are ignored.", **{AS_OF_EXTENSION: TIME})} if settings.allow_as_of else {}
    )
    return record(
        f"A CDS Hooks call of the hook {service.hook}. Unknown members are ignored.",
        ("hook", "hookInstance", "context"),
        hook=choice(service.hook),
        hookInstance=TEXT,
        context=record("", ("patientId", "userId"), **context),
        prefetch=ref("Prefetch"),
        fhirServer=URL,
        fhirAuthorization=ref("FhirAuthorization"),
        **optional,
    )


def _prefetch() -> Schema:
    required = ", ".join(REQUIRED_KEYS)
    description = (
        f"What the templates of discovery bring. Required, with the call or by fhirServer: {required}. `null`: asked, "
        "and nothing there. A key that is missing is fetched from fhirServer where allowed, and is unknown otherwise."
    )
    searched = {
        key: said({"type": ["object", "null"]}, f"A searchset Bundle of {kind} resources.")
        for key, kind in SEARCHED.items()
    }
    return record(description, **{PATIENT_KEY: said({"type": ["object", "null"]}, "The Patient."), **searched})


def _authorization() -> Schema:
    return record(
        "The token for fhirServer. It lives as long as the call, and is stored and logged nowhere.",
        ("access_token", "token_type", "expires_in", "scope", "subject"),
        access_token=TEXT,
        token_type=choice("Bearer"),
        expires_in=WHOLE,
        scope=TEXT,
        subject=TEXT,
        patient=TEXT,
    )


def _response(settings: Settings) -> Schema:
    cards = {"type": "array", "items": ref("Card"), "maxItems": len(get_args(Topic))}
    if not settings.response_extension:
        return record("The cards; an empty list: evaluated, nothing to say.", ("cards",), cards=cards)
    extension = record("", (ASSESSMENT_EXTENSION,), **{ASSESSMENT_EXTENSION: ref("Assessment")})
    said_so = "The cards (an empty list: evaluated, nothing to say) and the assessment behind them."
    return record(said_so, ("cards", "extension"), cards=cards, extension=extension)


def _card(settings: Settings) -> Schema:
    topic = record(
        "",
        ("system", "code"),
        system=choice(f"{settings.canonical}/CodeSystem/card-topic"),
        code=choice(*(topic for topic in get_args(Topic) if topic not in settings.topics_off)),
    )
    schema = record(
        "One card of CDS Hooks; at most one a topic.",
        ("uuid", "summary", "indicator", "detail", "source", "overrideReasons"),
        uuid=UUID,
        summary={**TEXT, "maxLength": SUMMARY_LIMIT - 1},
        indicator=choice(*get_args(Indicator)),
        detail=said(TEXT, "GitHub-flavoured Markdown without HTML."),
        source=record("", ("label", "url", "topic"), label=TEXT, url=URL, topic=topic),
        overrideReasons=each({"allOf": [ref("Coding"), {"required": ["display"]}]}),
        selectionBehavior=choice(*get_args(Selection)),
        suggestions=each(ref("Suggestion")),
        links=each(record("", ("label", "url", "type"), label=TEXT, url=URL, type=choice("absolute"))),
    )
    return {**schema, "dependentRequired": {"suggestions": ["selectionBehavior"]}}


def _suggestion() -> Schema:
    actions = each(ref("Action"))
    return record(
        "Actions that are taken together.", ("label", "uuid", "actions"), label=TEXT, uuid=UUID, actions=actions
    )


def _action() -> Schema:
    return record(
        "`create` and `update` carry a whole FHIR R4 resource, `delete` names one.",
        ("type", "description"),
        type=choices(Action, "kind"),
        description=TEXT,
        resource=RESOURCE,
        resourceId=TEXT,
    )


def _feedback_entry() -> Schema:
    chosen = record("", ("id",), id=TEXT)
    reason = {
        **record(reason=ref("Coding"), userComment=TEXT),
        "anyOf": [{"required": ["reason"]}, {"required": ["userComment"]}],
    }
    return record(
        "`accepted` needs acceptedSuggestions; overriding needs no reason. overrideReasons is taken as well.",
        ("card", "outcome", "outcomeTimestamp"),
        card=said(TEXT, "The uuid of the card."),
        outcome=choice(*OUTCOMES),
        outcomeTimestamp=TIME,
        acceptedSuggestions=each(chosen),
        overrideReason=reason,
    )


def _operation_outcome() -> Schema:
    issue = record(
        "",
        ("severity", "code", "diagnostics"),
        severity=choice("error", "warning", "information"),
        code=TEXT,
        diagnostics=said(TEXT, "Names the element or the key, never a value of the request."),
    )
    return record(
        "A FHIR R4 OperationOutcome.",
        ("resourceType", "issue"),
        resourceType=choice("OperationOutcome"),
        issue=each(issue),
    )


def _ready() -> Schema:
    return record(
        "Ready to answer. A lost store shows here, and the answer is still 200: cards keep coming.",
        ("status", "knowledge", "store"),
        status=choice("ready"),
        knowledge=said(TEXT, "The version of the knowledge."),
        store=choice("ok", "lost"),
    )
