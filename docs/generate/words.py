"""Our words for what the code names, with the numbers of the knowledge filled in."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cds_cards.explanation import LABELS
from cds_cards.guideline import Agent, Guideline
from docs.generate.markdown import either, paragraph

_FOLDER = Path(__file__).parent
_UNITS = {
    "a": "years",
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "%": "%",
    "1": "",
    "mm[Hg]": "mmHg",
    "a/mm[Hg]": "years per mmHg",
    "mg/d": "mg/day",
    "mg/kg/d": "mg/kg/day",
    "mg/m2": "mg/m²",
    "mL/min/{1.73_m2}": "mL/min/1.73 m²",
    "m[IU]/mL": "mIU/mL",
    "{criteria}": "criteria",
    "{factor}": "times",
}


@dataclass(frozen=True)
class Words:
    """`tables`: words.toml; `numbers`: numbers.toml; `known`: what a placeholder stands for."""

    tables: Mapping[str, Any]
    numbers: Mapping[str, Any]
    known: Mapping[str, str]

    def fill(self, text: str) -> str:
        """The text with its placeholders filled in. KeyError for one that names nothing."""
        return text.format_map(self.known)

    def of(self, table: str, key: str) -> str:
        """The words for one name."""
        return self.fill(self.tables[table][key])

    def label(self, finding: str) -> str:
        """A finding in words."""
        return LABELS[finding]

    def means(self, finding: str) -> str:
        """When a finding is met."""
        return self.fill(self.tables["findings"][finding]["means"])

    def paragraph(self, name: str) -> str:
        """One of our paragraphs."""
        return paragraph(self.fill(self.tables["texts"][name]))


def load_words(guideline: Guideline) -> Words:
    """The words, for this knowledge."""
    return Words(_read("words"), _read("numbers"), _known(guideline))


def amount(value: float, unit: str) -> str:
    """A number with its unit, as a clinician reads it."""
    return f"{figure(value)} {unit_words(unit)}".strip()


def figure(value: float) -> str:
    """A number without its unit: 1,000; 0.075."""
    return f"{value:,.6g}"


def unit_words(unit: str) -> str:
    """A UCUM unit as a clinician writes it."""
    return _UNITS.get(unit, unit)


def _read(name: str) -> Mapping[str, Any]:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def _known(guideline: Guideline) -> Mapping[str, str]:
    agents = guideline.agents.values()

    def names(wanted: Callable[[Agent], bool]) -> str:
        return either(sorted(agent.name for agent in agents if wanted(agent)))

    def in_role(role: str) -> str:
        return names(lambda agent: role in agent.roles)

    def marked(*marks: str) -> str:
        return names(lambda agent: any(caution.id in marks for caution in agent.cautions))

    return {
        **{key: figure(number.value) for key, number in guideline.policy.entries.items()},
        **{key: figure(rule.threshold) for key, rule in guideline.risk_factors.items()},
        **{role: in_role(role) for role in ("completing", "rec-8", "rec-9", "rec-10")},
        "calcineurin-inhibitor": names(lambda agent: agent.agent_class == "calcineurin-inhibitor"),
        "fertility": marked("fertility"),
        "fertility-or-embryopathy": marked("fertility", "embryopathy"),
        "biologic-combination": marked("biologic-combination"),
    }
