"""A record whose every text tries to run in the page of its reader."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]

RUN = "window.pwned=1"
MARKUP = (
    f'"><script>{RUN}</script><img src=x onerror="{RUN}"><svg onload="{RUN}">'
    f'<iframe srcdoc="<script>top.{RUN}</script>">'
    f"</textarea></pre></template></td></details><style>*{{display:none}}</style><base href='https://evil.example/'>"
    f"<a href='javascript:{RUN}' onclick='{RUN}'>x</a>"
)
MARKDOWN = (
    f" [run](javascript:{RUN}) [data](data:text/html,<script>{RUN}</script>) [go](https://evil.example/a) "
    f"![see](https://evil.example/b.png) <https://evil.example/c> https://evil.example/d www.evil.example "
    f"`` ` | a | b |\n\n# heading\n\n---\n[r]: javascript:{RUN}\n<!-- "
)
TEXT = MARKUP + MARKDOWN
_TEXTS = {"display", "text", "family", "given", "prefix", "unit", "patientInstruction", "comment", "title", "url"}


def poisoned(value: Any, name: str = "") -> Any:
    """The same with the text appended to whatever is meant for a reader; what decides by code stays."""
    if isinstance(value, dict):
        return {key: poisoned(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return [poisoned(member, name) for member in value]
    return value + TEXT if isinstance(value, str) and name in _TEXTS else value


def strangers(patient: str) -> dict[str, list[Json]]:
    """Resources that say everything in text and are named by it; the key they arrive under → each."""
    subject = {"reference": f"Patient/{patient}"}
    drug = {"subject": subject, "status": "active", "intent": "order", "medicationCodeableConcept": {"text": TEXT}}
    dose = {"text": TEXT, "doseAndRate": [{"doseQuantity": {"value": 5, "unit": TEXT}}]}
    number = {"status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "2276-4"}], "text": TEXT}}
    amount = {"effectiveDateTime": "2026-01-05", "valueQuantity": {"value": 5, "unit": TEXT}}
    return {
        "observations": [
            {"resourceType": "Observation", "id": TEXT, **number, "subject": subject, "note": [{"text": TEXT}]},
            {"resourceType": "Observation", "id": "odd-unit", **number, "subject": subject, **amount},
            {"resourceType": "Observation", "id": "theirs", **number, "subject": {"reference": f"Patient/{TEXT}"}},
        ],
        "medications": [
            {"resourceType": "MedicationRequest", "id": "odd-drug", **drug, "dosageInstruction": [dose]},
            {"resourceType": "MedicationRequest", "id": TEXT, **drug, "authoredOn": TEXT},
        ],
        "conditions": [{"resourceType": "Condition", "id": "odd", "subject": subject, "code": {"text": TEXT}}],
    }


def hostile(request: Json) -> str:
    """A request as it would be pasted: poisoned, with strangers among its resources, and after the prototype."""
    request = poisoned(request)
    for key, resources in strangers(request["context"]["patientId"]).items():
        request["prefetch"][key]["entry"] += [{"fullUrl": TEXT, "resource": each} for each in resources]
    request |= {"hookInstance": request["hookInstance"] + TEXT, "extension": {TEXT: TEXT}}
    request["context"]["userId"] += TEXT
    prototype = '"__proto__": {"pwned": 1}, "constructor": {"prototype": {"pwned": 1}}'
    return (
        "{"
        + prototype
        + ', "prefetch": {'
        + prototype
        + ","
        + json.dumps(request["prefetch"])[1:]
        + ","
        + (json.dumps({key: value for key, value in request.items() if key != "prefetch"})[1:])
    )
