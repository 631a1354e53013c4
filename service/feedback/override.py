"""Why a card was overridden, as the specification writes it and as EHRs do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from service.errors import InvalidField, MissingField
from service.feedback.fields import MAX_WORDS, Json, listed, optional_identifier, says_nothing, words

# the specification's, and Epic's
_KEYS = ("overrideReason", "overrideReasons")


@dataclass(frozen=True, slots=True)
class OverrideReason:
    """A code with its system and display, words, or both. A display without code counts among the words."""

    code: str | None = None
    system: str | None = None
    display: str | None = None
    comment: str | None = None


_NONE = OverrideReason()


def override_reasons(entry: Json, where: str, cut: list[str]) -> tuple[OverrideReason, ...]:
    """The reasons of an entry, each once; none is valid too. `cut` gets the places of texts that were cut."""
    read = [_reason(value, place, cut) for key in _KEYS for place, value in listed(entry, key, where)]
    return tuple({(reason.code, reason.system, reason.comment): reason for reason in read if reason != _NONE}.values())


def _reason(value: Json, where: str, cut: list[str]) -> OverrideReason:
    coding, inside = _coding(value, where)
    code, system = optional_identifier(coding, "code", inside), optional_identifier(coding, "system", inside)
    display = words(coding, "display", inside, cut) or _extension_text(coding) or _extension_text(value)
    comment = words(value, "userComment", where, cut)
    if code:
        return OverrideReason(code, system, display, comment)
    said = ": ".join(text for text in (display, comment) if text)
    # a system without its code is half a reason; what an extension alone could not tell is none, and no fault either
    if system and not said:
        raise MissingField(f"{inside}.code is required")
    if not said and any(not says_nothing(value[key]) for key in value if key != "extension"):
        raise MissingField(f"{where} needs reason or userComment")
    return OverrideReason(comment=said or None)


def _coding(value: Json, where: str) -> tuple[Json, str]:
    """The Coding and its place: under `reason`, or standing bare in place of the object around it."""
    if "reason" not in value:
        return value, where
    coding = value["reason"]
    if says_nothing(coding):
        return {}, f"{where}.reason"
    if not isinstance(coding, Mapping):
        raise InvalidField(f"{where}.reason must be a Coding")
    return coding, f"{where}.reason"


def _extension_text(holder: Json) -> str | None:
    """A display text kept in an `extension`: the one that is named so, or else the only text there."""
    texts = list(_texts(holder.get("extension")))
    named = [text for key, text in texts if "display" in key.lower()]
    if not named and len(texts) == 1:
        named = [texts[0][1]]
    return named[0].strip()[:MAX_WORDS] if named else None


def _texts(extension: object) -> Iterator[tuple[str, str]]:
    """The texts with their keys, of the CDS Hooks form (an object) and of FHIR's (a list with url and valueString)."""
    if isinstance(extension, list):
        given = [(member.get("url"), member.get("valueString")) for member in extension if isinstance(member, Mapping)]
    else:
        given = list(extension.items()) if isinstance(extension, Mapping) else []
    yield from ((str(key), text) for key, text in given if isinstance(text, str) and not says_nothing(text))
