"""The guideline as data: its recommendations, agents, observations, conditions and evidence, and the site's policy.

The files stand in `cds_cards/knowledge/`; `load_guideline` reads and checks them (`cds_cards.knowledge`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cds_cards.coding import ATC, ICD10, ICD10CM, ICD10PCS, LOINC, RXNORM, SNOMED, Code
from cds_cards.policy import Number, Policy

__all__ = [
    "ATC",
    "GUIDELINE_ID",
    "ICD10",
    "ICD10CM",
    "ICD10PCS",
    "LOINC",
    "REMEMBERED",
    "RXNORM",
    "SNOMED",
    "Agent",
    "AgentClass",
    "Caution",
    "Code",
    "Concept",
    "Guideline",
    "Number",
    "ObservationConcept",
    "Policy",
    "Product",
    "Recommendation",
    "Regimen",
    "RiskFactorRule",
    "Study",
]

AgentClass = Literal[
    "glucocorticoid",
    "calcineurin-inhibitor",
    "alkylating",
    "antimetabolite",
    "anti-cd20",
    "anti-cd25",
    "jak-inhibitor",
    "immunoglobulin",
    "anti-tnf",
    "other-biologic",
    "antifibrotic",
]
GUIDELINE_ID = "final"
REMEMBERED = 4
"""Of how many guidelines (a service has one) is kept what was worked out from them."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One of the thirteen. `grades` each once, as printed (`D`, `√`); `advice` our own wording of what it says.

    `parts` are (what, grade) where the parts of one recommendation are graded apart. `differs` states where the two
    texts differ, or is empty.
    """

    id: str
    title: str
    grades: tuple[str, ...]
    evidence_level: str
    advice: str
    section: str
    differs: str = ""
    parts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Study:
    """Evidence behind a recommendation: who was studied and what happened, one line each; arms are never compared.

    `not_shown` keeps what the source also reports and no card may put beside the outcome (the other arm, a historical
    control); `differs` where the superseded draft prints another figure. Both are provenance.
    """

    recommendations: tuple[str, ...]
    name: str
    patients: str
    outcome: str
    indirect: bool = False
    differs: str = ""
    not_shown: str = ""


@dataclass(frozen=True, slots=True)
class Regimen:
    """A regimen of Table 2 as reported. `low`/`high` in `unit` (`mg/kg/day`, `mg/m2`, `mg/day`, `mg`…).

    `id` is unique; `text` is for the card; `schedule` `daily` or `pulse`; `cycle` says how pulses repeat (text). `low`
    0: only an upper bound is reported. `differs` is what the superseded draft prints: provenance, never on a card.
    `course`: the most administrations of one course; `days_apart`: the least days from one to the next (None: not
    reported).
    """

    id: str
    low: float
    high: float
    unit: str
    route: tuple[str, ...]
    schedule: Literal["daily", "pulse"]
    text: str
    cycle: str = ""
    source: str = ""
    differs: str = ""
    course: float | None = None
    days_apart: float | None = None


@dataclass(frozen=True, slots=True)
class Caution:
    """A safety mark. `id` is a name known to `cds_cards.safety`; `source` a Table 1 row, the text, or site policy."""

    id: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Agent:
    """A drug the rules know.

    `roles`: glucocorticoid, immunosuppressant, completing, add-on (rec-4), rec-8, rec-9, rec-10, biologic, pulse.
    `ingredient` is the RxNorm ingredient (the ATC code where none is verified), `atc` the present ATC code; `codes` all
    single codings that mean it. `prednisone_equivalent` is mg of prednisone that 1 mg stands for (glucocorticoids). A
    code of variant `local` names a form that does not count (ointment, eye drops, rectal; immunoglobulin that is not
    given IV). `words` match whole words, the longest first, without regard to case and accents: "methyl prednisolone"
    is not prednisolone.
    """

    id: str
    name: str
    agent_class: AgentClass
    roles: frozenset[str]
    ingredient: Code
    atc: Code | None
    codes: tuple[Code, ...]
    words: tuple[str, ...]
    regimens: tuple[Regimen, ...] = ()
    cautions: tuple[Caution, ...] = ()
    prednisone_equivalent: Number | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """An RxNorm product or brand code: its agent and what its name tells.

    `route` is `oral`, `iv`, `sc`, `im`, `local` (a form that does not count) or "" (systemic; the name does not tell).
    `strength_mg` is mg per unit of a solid form, mg per mL of a liquid one (`per_ml`); None when it cannot be told.
    """

    agent: str
    route: str
    strength_mg: float | None
    form: str
    name: str
    per_ml: bool = False


@dataclass(frozen=True, slots=True)
class ObservationConcept:
    """A result the rules read. `canonical` UCUM unit ("" for qualitative); `words` name it in texts (local codes).

    `not_words` undo a match (another analyte, specimen or method).
    `answers` are coded values whose meaning is their `variant` (`positive`, `negative`, `pregnant`, `not-pregnant`…).
    """

    id: str
    label: str
    canonical: str
    codes: tuple[Code, ...]
    words: tuple[str, ...] = ()
    not_words: tuple[str, ...] = ()
    answers: tuple[Code, ...] = ()


@dataclass(frozen=True, slots=True)
class Concept:
    """A condition, procedure or service the rules read.

    `words`: phrases that mean it, English and Spanish; `not_words` undo a match. Whole words, no case, no accents.
    """

    id: str
    label: str
    codes: tuple[Code, ...]
    words: tuple[str, ...] = ()
    not_words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RiskFactorRule:
    """A marker of the guideline's §2: `concept` over `threshold` (strictly) in `unit`."""

    id: str
    concept: str
    threshold: float
    unit: str
    label: str
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Guideline:
    """All of `cds_cards/knowledge/`, checked.

    Equal to itself alone, so that what follows from it for every patient is worked out once (`functools.lru_cache`).
    """

    knowledge_version: str
    title: str
    citation: str
    doi: str
    url: str
    search_limit: str
    recommendations: Mapping[str, Recommendation]
    risk_factors: Mapping[str, RiskFactorRule]
    studies: tuple[Study, ...]
    agents: Mapping[str, Agent]
    observations: Mapping[str, ObservationConcept]
    conditions: Mapping[str, Concept]
    procedures: Mapping[str, Concept]
    services: Mapping[str, Concept]
    policy: Policy
    products: Mapping[str, Product] = field(default_factory=dict)

    def grade_words(self, recommendation: str) -> str:
        """The grades in words, as a clinician reads them; never a bare letter."""
        words = {
            "D": "weak evidence (case series), recommended (grade D)",
            "√": "practice point, panel consensus (grade √)",
        }
        return "; ".join(words[grade] for grade in self.recommendations[recommendation].grades)
