"""Statuses: a code of FHIR's list, or nothing that can be relied on."""

from __future__ import annotations

from service.fhir.read.codes import codings, texts
from service.fhir.read.shapes import Raw
from service.fhir.read.unreadable import Unreadable


def status(resource: Raw, known: frozenset[str]) -> str:
    """The resource's `status`; Unreadable when it is missing or none of `known`."""
    stated = resource.get("status")
    if isinstance(stated, str) and stated in known:
        return stated
    if not isinstance(stated, str) or stated.strip() not in known:
        raise Unreadable("its status is missing or unknown to FHIR")
    return stated.strip()


def coded_status(element: object, known: frozenset[str], name: str) -> str | None:
    """The code of a CodeableConcept status (or of an older message's plain string); None when it is not there."""
    if element in (None, "", {}, []):
        return None
    codes = [element] if isinstance(element, str) else [code for _, code in codings(element)]
    # a code of another system says nothing here; the words beside it may
    for stated in (codes, texts(element)):
        found = {word for each in stated if (word := each.strip().casefold()) in known}
        if len(found) == 1:
            return found.pop()
        if found:
            break
    raise Unreadable(f"{name} cannot be read")
