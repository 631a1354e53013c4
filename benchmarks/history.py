"""What a chart holds besides the story: other results, earlier results, other drugs, other conditions."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

from fixtures.vocabulary import UCUM, Json, concept, entry, quantity, terminology

_LONG_AGO = 35
"""In days: older than what the stories tell of the disease. An earlier result of a test that decides is that old."""


@cache
def _words() -> Mapping[str, Any]:
    return tomllib.loads((files("benchmarks") / "words.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class History:
    """Makes the resources of one patient's past; `days` is how far it reaches back from `now`."""

    patient: str
    now: datetime
    days: int
    chance: Random

    def earlier_result(self, number: int) -> Json:
        """A result of a test that the rules read, from before the disease."""
        word, usual = self.chance.choice(tuple(_words()["earlier"].items()))
        when = self._when(_LONG_AGO, _LONG_AGO + self.days)
        return self._result(f"earlier-{number}", entry("results", word), self._value(usual), when)

    def other_result(self, number: int) -> Json:
        """A result that the rules do not read; half of them of the last two weeks."""
        words = self.chance.choice(tuple(_words()["other"].values()))
        when = self._when(0, 14 if self.chance.random() < 0.5 else self.days)
        return self._result(f"other-{number}", words, self._value(words), when)

    def other_order(self, number: int) -> Json:
        """An order of a drug that has nothing to do with the disease; one in five still runs."""
        words = self.chance.choice(tuple(_words()["drugs"].values()))
        start = self._when(20, 20 + self.days)
        runs = self.chance.random() < 0.2
        bounds = {"start": _day(start)}
        if not runs:
            bounds["end"] = _day(min(start + timedelta(days=self.chance.randrange(5, 60)), self.now))
        dose = {"value": words["dose"], "unit": "mg", "system": UCUM, "code": "mg"}
        return self._resource("MedicationRequest", f"order-{number}", start) | {
            "status": "active" if runs else "completed",
            "intent": "order",
            "category": [terminology("medicationrequest-category", "inpatient", "Inpatient")],
            "medicationCodeableConcept": concept(words),
            "subject": self._subject,
            "authoredOn": _instant(start),
            "dosageInstruction": [
                {
                    "text": f"{words['dose']} mg once a day",
                    "timing": {"repeat": {"boundsPeriod": bounds, "frequency": 1, "period": 1, "periodUnit": "d"}},
                    "route": concept(entry("routes", "oral")),
                    "doseAndRate": [{"doseQuantity": dose}],
                }
            ],
        }

    def other_condition(self, number: int) -> Json:
        """A condition that has nothing to do with the disease."""
        words = self.chance.choice(tuple(_words()["conditions"].values()))
        onset = self._when(200, 4000)
        clinical = self.chance.choice(("active", "active", "resolved"))
        return self._resource("Condition", f"condition-{number}", onset) | {
            "clinicalStatus": terminology("condition-clinical", clinical, clinical.title()),
            "verificationStatus": terminology("condition-ver-status", "confirmed", "Confirmed"),
            "category": [terminology("condition-category", "problem-list-item", "Problem List Item")],
            "code": concept(words),
            "subject": self._subject,
            "onsetDateTime": _day(onset),
            "recordedDate": _day(onset),
        }

    @property
    def _subject(self) -> Json:
        return {"reference": f"Patient/{self.patient}"}

    def _resource(self, kind: str, name: str, when: datetime) -> Json:
        meta = {"versionId": "1", "lastUpdated": _instant(when)}
        return {"resourceType": kind, "id": f"{self.patient}-{name}", "meta": meta}

    def _result(self, name: str, words: Mapping[str, Any], value: float, when: datetime) -> Json:
        category = words.get("category", "laboratory")
        result = self._resource("Observation", name, when) | {
            "status": "final",
            "category": [terminology("observation-category", category, category.replace("-", " ").title())],
            "code": concept(words),
            "subject": self._subject,
            "effectiveDateTime": _instant(when),
            "issued": _instant(min(when + timedelta(minutes=40), self.now)),
            "valueQuantity": quantity(value, words),
        }
        limits = {side: quantity(words[side], words) for side in ("low", "high") if side in words}
        if not limits:
            return result
        outside = "H" if value > words.get("high", value) else "L" if value < words.get("low", value) else "N"
        word = {"H": "High", "L": "Low", "N": "Normal"}[outside]
        flag = terminology("v3-ObservationInterpretation", outside, word)
        return result | {"referenceRange": [limits], "interpretation": [flag]}

    def _value(self, usual: Mapping[str, Any]) -> float:
        digits = 1 if usual["spread"] < 10 else 0
        value: float = round(usual["value"] + self.chance.uniform(-usual["spread"], usual["spread"]), digits)
        return value

    def _when(self, least: int, most: int) -> datetime:
        """An instant between so many days ago."""
        return self.now - timedelta(days=least, minutes=self.chance.randrange(10, (most - least) * 24 * 60))


def _instant(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(when: datetime) -> str:
    return when.date().isoformat()
