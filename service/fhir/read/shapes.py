"""What decides in each resource, and nothing else: the elements that are looked at, with the contract's tolerance.

A shape names the members of an element. Fitting a raw resource to its shape leaves out what no rule reads (narrative,
vendor fields, broken side issues), and puts right what real EHRs get wrong: an object where a list belongs (or a list
of one where an object does), null or empty members. Dates are given their zone by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

Raw: TypeAlias = Mapping[str, object]
Shape: TypeAlias = "str | list[Shape] | dict[str, Shape]"
"""A leaf (`text`, `date`, `boolean`), a list of one member shape, or an object."""

TEXT, DATE, BOOLEAN = "text", "date", "boolean"

CODING: Shape = {"system": TEXT, "code": TEXT, "display": TEXT}
CONCEPT: Shape = {"coding": [CODING], "text": TEXT}
REFERENCE: Shape = {"reference": TEXT, "display": TEXT}
PERIOD: Shape = {"start": DATE, "end": DATE}
QUANTITY: Shape = {"value": TEXT, "comparator": TEXT, "unit": TEXT, "system": TEXT, "code": TEXT}
RANGE: Shape = {"low": QUANTITY, "high": QUANTITY}
RATIO: Shape = {"numerator": QUANTITY, "denominator": QUANTITY}
_REFERENCE_RANGE: Shape = {"low": QUANTITY, "high": QUANTITY, "type": CONCEPT, "text": TEXT}

VALUES: dict[str, Shape] = {
    "valueQuantity": QUANTITY,
    "valueCodeableConcept": CONCEPT,
    "valueString": TEXT,
    "valueBoolean": BOOLEAN,
    "valueInteger": TEXT,
    "valueRange": RANGE,
    "valueRatio": RATIO,
    "valueSampledData": {},
    "valueTime": TEXT,
    "valueDateTime": DATE,
    "valuePeriod": PERIOD,
}
OBSERVATION: dict[str, Shape] = {
    "status": TEXT,
    "code": CONCEPT,
    "subject": REFERENCE,
    "effectiveDateTime": DATE,
    "effectivePeriod": PERIOD,
    "effectiveInstant": DATE,
    "effectiveTiming": {"event": [DATE]},
    "issued": DATE,
    **VALUES,
    "dataAbsentReason": CONCEPT,
    "interpretation": [CONCEPT],
    "method": CONCEPT,
    "referenceRange": [_REFERENCE_RANGE],
}
_REPEAT: Shape = {
    "boundsDuration": QUANTITY,
    "boundsRange": RANGE,
    "boundsPeriod": PERIOD,
    "count": TEXT,
    "countMax": TEXT,
    "frequency": TEXT,
    "frequencyMax": TEXT,
    "period": TEXT,
    "periodMax": TEXT,
    "periodUnit": TEXT,
    "duration": TEXT,
    "durationMax": TEXT,
    "durationUnit": TEXT,
    "dayOfWeek": [TEXT],
    "timeOfDay": [TEXT],
    "when": [TEXT],
}
_DOSE_AND_RATE: Shape = {
    "type": CONCEPT,
    "doseQuantity": QUANTITY,
    "doseRange": RANGE,
    "rateQuantity": QUANTITY,
    "rateRange": RANGE,
    "rateRatio": RATIO,
}
_DOSAGE: Shape = {
    "sequence": TEXT,
    "text": TEXT,
    "patientInstruction": TEXT,
    "timing": {"event": [DATE], "repeat": _REPEAT, "code": CONCEPT},
    "asNeededBoolean": BOOLEAN,
    "asNeededCodeableConcept": CONCEPT,
    "route": CONCEPT,
    "doseAndRate": [_DOSE_AND_RATE],
    "maxDosePerPeriod": RATIO,
}
MEDICATION_REQUEST: dict[str, Shape] = {
    "status": TEXT,
    "intent": TEXT,
    "doNotPerform": BOOLEAN,
    "medicationCodeableConcept": CONCEPT,
    "medicationReference": REFERENCE,
    "subject": REFERENCE,
    "authoredOn": DATE,
    "dosageInstruction": [_DOSAGE],
    "dispenseRequest": {"validityPeriod": PERIOD},
}
_BOUNDS: Shape = {"boundsDuration": QUANTITY, "boundsRange": RANGE, "boundsPeriod": PERIOD}
MEDICATION_REQUEST_WITHOUT_DOSE: dict[str, Shape] = {
    **MEDICATION_REQUEST,
    "dosageInstruction": [{"sequence": TEXT, "text": TEXT, "timing": {"repeat": _BOUNDS}, "route": CONCEPT}],
}
"""What decides when a course runs; how much is given decides less."""
MEDICATION_ADMINISTRATION: dict[str, Shape] = {
    "status": TEXT,
    "medicationCodeableConcept": CONCEPT,
    "medicationReference": REFERENCE,
    "subject": REFERENCE,
    "effectiveDateTime": DATE,
    "effectivePeriod": PERIOD,
    "dosage": {"text": TEXT, "route": CONCEPT},
}
MEDICATION: dict[str, Shape] = {
    "code": CONCEPT,
    "form": CONCEPT,
    "ingredient": [
        {
            "itemCodeableConcept": CONCEPT,
            "itemReference": REFERENCE,
            "item": {"concept": CONCEPT, "reference": REFERENCE},
            "strength": RATIO,
            "strengthRatio": RATIO,
            "strengthQuantity": QUANTITY,
        }
    ],
}
CONDITION: dict[str, Shape] = {
    "code": CONCEPT,
    "subject": REFERENCE,
    "onsetDateTime": DATE,
    "onsetPeriod": PERIOD,
    "onsetAge": QUANTITY,
    "onsetRange": RANGE,
    "onsetString": TEXT,
    "abatementDateTime": DATE,
    "abatementPeriod": PERIOD,
    "recordedDate": DATE,
}
ALLERGY: dict[str, Shape] = {
    "type": TEXT,
    "criticality": TEXT,
    "code": CONCEPT,
    "patient": REFERENCE,
    "onsetDateTime": DATE,
    "recordedDate": DATE,
}
PROCEDURE: dict[str, Shape] = {
    "status": TEXT,
    "code": CONCEPT,
    "subject": REFERENCE,
    "performedDateTime": DATE,
    "performedPeriod": PERIOD,
    "performedString": TEXT,
}
SERVICE_REQUEST: dict[str, Shape] = {
    "status": TEXT,
    "intent": TEXT,
    "doNotPerform": BOOLEAN,
    "code": CONCEPT,
    "orderDetail": [CONCEPT],
    "subject": REFERENCE,
    "authoredOn": DATE,
}
PATIENT: dict[str, Shape] = {
    "gender": TEXT,
    "birthDate": TEXT,
    "deceasedBoolean": BOOLEAN,
    "deceasedDateTime": DATE,
}

_EMPTY: tuple[object, ...] = (None, "", {}, [])


def fit(raw: Raw, shape: Mapping[str, Shape], date: Callable[[str], str]) -> dict[str, object]:
    """The members of `raw` that `shape` names, put right; `date` completes a dateTime. Wrong types stay as they are."""
    fitted: dict[str, object] = {}
    for name, member_shape in shape.items():
        value = raw.get(name)
        if value in _EMPTY:
            continue
        value = _fit(value, member_shape, date)
        if value not in _EMPTY:
            fitted[name] = value
    return fitted


def _fit(value: object, shape: Shape, date: Callable[[str], str]) -> object:
    if isinstance(shape, list):
        members = value if isinstance(value, list) else [value]
        return [fitted for member in members if (fitted := _fit(member, shape[0], date)) not in _EMPTY]
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(shape, dict):
        return fit(value, shape, date) if isinstance(value, dict) else value
    if not isinstance(value, str):
        return value
    value = value.strip()
    if shape == BOOLEAN:
        return {"true": True, "false": False}.get(value, value)
    return date(value) if shape == DATE else value
