"""By which route a drug is given: stated, or told by the product's form. Local forms are no immunosuppression."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cds_cards.coding import SNOMED
from service.fhir.read.codes import codings, texts
from service.fhir.read.remembered import Remembered
from service.fhir.read.words import Phrases

LOCAL = "local"
_CODES = {
    # SNOMED CT routes; each seen with its name in several public route value sets
    "26643006": "oral",
    "127492001": "oral",  # nasogastric
    "47625008": "iv",
    "34206005": "sc",
    "78421000": "im",
    "6064005": LOCAL,  # topical
    "10547007": LOCAL,  # ear
    "12130007": LOCAL,  # into a joint
    "16857009": LOCAL,  # vaginal
    "37161004": LOCAL,  # rectal
    "46713006": LOCAL,  # nasal
    "54485002": LOCAL,  # eye
    "447694001": LOCAL,  # inhaled
}
_ROUTES = Phrases(
    {
        "oral": (
            *("oral", "orally", "po", "p.o.", "by mouth", "per os", "peroral", "vo", "v.o.", "via oral", "enteral"),
            *("nasogastric", "nasogastrica", "gastrostomy", "gastrostomia", "feeding tube"),
        ),
        "iv": (
            *("iv", "i.v.", "ivp", "ivpb", "intravenous", "intravenously", "intravenosa", "intravenoso", "endovenosa"),
            *("infusion", "perfusion"),
        ),
        "sc": ("sc", "s.c.", "sq", "subq", "subcut", "subcutaneous", "subcutaneously", "subcutanea", "subcutaneo"),
        "im": ("im", "i.m.", "intramuscular", "intramuscularly"),
        LOCAL: (
            *("topical", "topically", "topica", "topico", "cutaneous", "cutanea", "on the skin", "dermal"),
            *("ophthalmic", "oftalmica", "oftalmico", "eye", "eyes", "conjunctival", "intravitreal", "optha"),
            *("otic", "otica", "otico", "ear", "auricular", "nasal", "intranasal", "vaginal", "dental"),
            *("rectal", "per rectum", "rectally", "via rectal", "inhalation", "inhaled", "inhalada", "inhalatoria"),
            *("nebulized", "nebulizer", "nebulizada", "intraarticular", "intra-articular", "intralesional"),
            *("top", "tp", "ophth", "ophthalm", "inh", "ih", "neb", "nebs", "pr", "transdermal", "intradermal"),
        ),
    }
)
_FORMS = Phrases(
    {
        "oral": (
            *("oral", "tablet", "tablets", "tab", "tabs", "capsule", "capsules", "cap", "caps", "comprimido"),
            *("comprimidos", "capsula", "capsulas", "granules", "granulado", "pill"),
        ),
        "iv": ("iv", "i.v.", "intravenous", "intravenosa", "intravenoso", "infusion", "perfusion", "para perfusion"),
        # given by needle, by which is not said: systemic all the same
        "": ("injection", "injectable", "inyectable", "inyeccion", "vial", "syringe", "jeringa", "auto-injector"),
        LOCAL: (
            *("ointment", "cream", "gel", "lotion", "foam", "shampoo", "topical", "paste", "patch", "mouthwash"),
            *("ophthalmic", "eye", "otic", "ear", "nasal", "rectal", "enema", "suppository", "inhaler", "inhalation"),
            *(
                "inhalant",
                "intravitreal",
                "vaginal",
                "pomada",
                "crema",
                "locion",
                "espuma",
                "champu",
                "topico",
                "topica",
            ),
            *("oint", "ophth", "ophthalm", "crm", "eyedrops", "nebs", "nebulizer", "shampoos", "ointments", "creams"),
            *("unguento", "colirio", "oftalmico", "oftalmica", "gotas oticas", "otico", "enemas", "supositorio"),
            *("supositorios", "inhalador", "inhalado", "inhalacion"),
        ),
    }
)
_DIRECTIONS = Phrases(
    {
        LOCAL: (
            *("apply", "applied", "aplicar", "aplique", "instill", "instil", "instilar", "eye", "eyes", "ojo", "ojos"),
            *("affected area", "zona afectada", "to the skin", "en la piel", "puff", "puffs", "inhale", "inhalar"),
        )
    }
)


def _stated_route(route: object) -> str | None:
    coded = {_CODES[code] for code_system, code in codings(route) if code_system == SNOMED and code in _CODES}
    if not coded:
        words = (*texts(route), *(code for code_system, code in codings(route) if code_system != SNOMED))
        coded = {name for text in words for name in _ROUTES.named_in(text)}
        if LOCAL in coded:
            return LOCAL  # "oral inhalation"
    return _preferred(coded)


stated_route: Final = Remembered(_stated_route)
"""The route that one `route` element states; None when it is not understood."""


def form_route(named: Iterable[str]) -> str | None:
    """What the form in a product's name or a `form` tells: "" for an injection of unstated kind, None for nothing."""
    return _preferred({name for text in named for name in _FORMS.named_in(text)})


def directions_are_local(instructions: Iterable[str]) -> bool:
    """Whether the written directions are those of an ointment, drops or an inhaler."""
    return any(_DIRECTIONS.named_in(text) for text in instructions)


def _preferred(found: set[str]) -> str | None:
    """Of contradictory hints the systemic one: a therapy that is not seen is the worse mistake."""
    systemic = sorted(found - {LOCAL, ""})
    if systemic:
        return systemic[0] if len(systemic) == 1 else ""
    if "" in found:
        return ""
    return LOCAL if LOCAL in found else None
