"""What decides in each resource, and nothing else: the elements that are looked at, by their FHIR types.

A shape names the members of an element; fitting a raw resource to it leaves out what no rule reads (narrative, vendor
fields, broken side issues). Dates are given the site's zone.
"""

from __future__ import annotations

from collections.abc import Mapping

from service.fhir.read.fitting import Catalogued, Member, Raw, Shape
from service.fhir.read.primitives import Primitive

__all__ = ["Raw", "Shape"]

STRING, CODE, URI, BOOLEAN = Primitive.STRING, Primitive.CODE, Primitive.URI, Primitive.BOOLEAN
DECIMAL, POSITIVE_INT = Primitive.DECIMAL, Primitive.POSITIVE_INT
DATE_TIME, INSTANT = Primitive.DATE_TIME, Primitive.INSTANT

CODING: Member = {"system": URI, "code": CODE, "display": STRING}
CONCEPT: Member = {"coding": [CODING], "text": STRING}
REFERENCE: Member = {"reference": STRING, "display": STRING}
PERIOD: Member = {"start": DATE_TIME, "end": DATE_TIME}
QUANTITY: Member = {"value": DECIMAL, "comparator": CODE, "unit": STRING, "system": URI, "code": CODE}
RANGE: Member = {"low": QUANTITY, "high": QUANTITY}
RATIO: Member = {"numerator": QUANTITY, "denominator": QUANTITY}
_REFERENCE_RANGE: Member = {"low": QUANTITY, "high": QUANTITY, "type": CONCEPT, "text": STRING}
_REPEAT: Member = {
    "boundsDuration": QUANTITY,
    "boundsRange": RANGE,
    "boundsPeriod": PERIOD,
    "count": POSITIVE_INT,
    "countMax": POSITIVE_INT,
    "frequency": POSITIVE_INT,
    "frequencyMax": POSITIVE_INT,
    "period": DECIMAL,
    "periodMax": DECIMAL,
    "periodUnit": CODE,
    "duration": DECIMAL,
    "durationMax": DECIMAL,
    "durationUnit": CODE,
    "dayOfWeek": [CODE],
    "timeOfDay": [Primitive.TIME],
    "when": [CODE],
}
_DOSE_AND_RATE: Member = {
    "type": CONCEPT,
    "doseQuantity": QUANTITY,
    "doseRange": RANGE,
    "rateQuantity": QUANTITY,
    "rateRange": RANGE,
    "rateRatio": RATIO,
}
_DOSAGE: Member = {
    "sequence": Primitive.INTEGER,
    "text": STRING,
    "patientInstruction": STRING,
    "timing": {"event": [DATE_TIME], "repeat": _REPEAT, "code": Catalogued(CONCEPT)},
    "asNeededBoolean": BOOLEAN,
    "asNeededCodeableConcept": CONCEPT,
    "route": Catalogued(CONCEPT),
    "doseAndRate": Catalogued([_DOSE_AND_RATE]),
    "maxDosePerPeriod": RATIO,
}
_BOUNDS: Member = {"boundsDuration": QUANTITY, "boundsRange": RANGE, "boundsPeriod": PERIOD}
_ORDER: Mapping[str, Member] = {
    "status": CODE,
    "intent": CODE,
    "doNotPerform": BOOLEAN,
    "medicationCodeableConcept": CONCEPT,
    "medicationReference": REFERENCE,
    "subject": REFERENCE,
    "authoredOn": DATE_TIME,
    "dosageInstruction": [_DOSAGE],
    "dispenseRequest": {"validityPeriod": PERIOD},
}

OBSERVATION = Shape(
    {
        "status": CODE,
        "code": Catalogued(CONCEPT),
        "subject": REFERENCE,
        "effectiveDateTime": DATE_TIME,
        "effectivePeriod": PERIOD,
        "effectiveInstant": INSTANT,
        "effectiveTiming": {"event": [DATE_TIME]},
        "issued": INSTANT,
        "valueQuantity": QUANTITY,
        "valueCodeableConcept": CONCEPT,
        "valueString": STRING,
        "valueBoolean": BOOLEAN,
        "valueInteger": Primitive.INTEGER,
        "valueRange": RANGE,
        "valueRatio": RATIO,
        "valueSampledData": {},
        "valueTime": Primitive.TIME,
        "valueDateTime": DATE_TIME,
        "valuePeriod": PERIOD,
        "dataAbsentReason": CONCEPT,
        "interpretation": Catalogued([CONCEPT]),
        "method": Catalogued(CONCEPT),
        "referenceRange": Catalogued([_REFERENCE_RANGE]),
    }
)
MEDICATION_REQUEST = Shape(_ORDER)
MEDICATION_REQUEST_WITHOUT_DOSE = Shape(
    {
        **_ORDER,
        "dosageInstruction": [
            {"sequence": Primitive.INTEGER, "text": STRING, "timing": {"repeat": _BOUNDS}, "route": CONCEPT}
        ],
    }
)
"""What decides when a course runs; how much is given decides less."""
MEDICATION_ADMINISTRATION = Shape(
    {
        "status": CODE,
        "medicationCodeableConcept": CONCEPT,
        "medicationReference": REFERENCE,
        "subject": REFERENCE,
        "effectiveDateTime": DATE_TIME,
        "effectivePeriod": PERIOD,
        "dosage": {"text": STRING, "route": CONCEPT},
    }
)
MEDICATION = Shape(
    {
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
)
"""R5's members too: it is looked at and not validated."""
CONDITION = Shape(
    {
        "code": CONCEPT,
        "subject": REFERENCE,
        "onsetDateTime": DATE_TIME,
        "onsetPeriod": PERIOD,
        "onsetAge": QUANTITY,
        "onsetRange": RANGE,
        "onsetString": STRING,
        "abatementDateTime": DATE_TIME,
        "abatementPeriod": PERIOD,
        "recordedDate": DATE_TIME,
    }
)
ALLERGY = Shape(
    {
        "type": CODE,
        "criticality": CODE,
        "code": CONCEPT,
        "patient": REFERENCE,
        "onsetDateTime": DATE_TIME,
        "recordedDate": DATE_TIME,
    }
)
PROCEDURE = Shape(
    {
        "status": CODE,
        "code": CONCEPT,
        "subject": REFERENCE,
        "performedDateTime": DATE_TIME,
        "performedPeriod": PERIOD,
        "performedString": STRING,
    }
)
SERVICE_REQUEST = Shape(
    {
        "status": CODE,
        "intent": CODE,
        "doNotPerform": BOOLEAN,
        "code": CONCEPT,
        "orderDetail": [CONCEPT],
        "subject": REFERENCE,
        "authoredOn": DATE_TIME,
    }
)
PATIENT = Shape(
    {
        "gender": CODE,
        "birthDate": Primitive.DATE,
        "deceasedBoolean": BOOLEAN,
        "deceasedDateTime": DATE_TIME,
    }
)
