"""Fitting a raw resource to its shape: what no rule reads is left out, and what real EHRs get wrong is put right.

Put right are an object where a list belongs (or a list of one where an object does), null and empty members, dates
without their zone. Anything else of a wrong type stays as it is, for the R4 model to judge.

Beside the content goes its *form*: which members are there, and nothing of what they hold. It is known only when every
value in it is surely valid for its FHIR type by the patterns below, which are stricter than the R4 models: then the
verdict of the model depends on the form alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final, NamedTuple, TypeAlias

from service.fhir.read.primitives import FITS, Fit, Form, Primitive, single
from service.fhir.read.remembered import Remembered, catalogued

Raw: TypeAlias = Mapping[str, object]

_EMPTY: Final[tuple[object, ...]] = (None, "", {}, [])


class Catalogued(NamedTuple):
    """What a laboratory or formulary writes for many patients alike: fitted once. It holds no date."""

    member: Member


Member: TypeAlias = "Primitive | Catalogued | list[Member] | dict[str, Member]"
"""A primitive, a list of one member shape, or an element."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """The members that decide, put right, and their form."""

    content: dict[str, object]
    form: Form


class Shape:
    """What is looked at in one resource type."""

    __slots__ = ("_fit", "members")

    def __init__(self, members: Mapping[str, Member]) -> None:
        self.members = members
        self._fit = _fit(dict(members))

    def fit(self, raw: Raw, zone: tzinfo) -> Fitted:
        """The members of `raw` that the shape names, put right."""
        content, form = self._fit(raw, zone)
        return Fitted(content, form)


def _fit(member: Member) -> Fit:
    if isinstance(member, Primitive):
        return FITS[member]
    if isinstance(member, Catalogued):
        return once(_fit(member.member))
    if isinstance(member, list):
        return of_list(_fit(member[0]))
    return of_object({name: _fit(each) for name, each in member.items()})


def of_list(of_member: Fit) -> Fit:
    """A list, or the one object where a list belongs."""

    def fitted(value: object, zone: tzinfo) -> tuple[object, Form]:
        contents: list[object] = []
        forms: list[str] = []
        for each in value if isinstance(value, list) else (value,):
            content, form = of_member(each, zone)
            if content or content not in _EMPTY:
                contents.append(content)
                if form is not None:
                    forms.append(form)
        return contents, f"[{','.join(forms)}]" if len(forms) == len(contents) else None

    return fitted


def once(of_member: Fit) -> Fit:
    """The same, done once for each content; only for what holds no date."""
    remembered = Remembered(lambda value: of_member(value, UTC), catalogued)

    def fitted(value: object, _: tzinfo) -> tuple[object, Form]:
        return remembered(value)

    return fitted


def of_object(members: Mapping[str, Fit]) -> Fit:
    """An element, by its members."""
    of_name = dict(members)

    def fitted(value: object, zone: tzinfo) -> tuple[object, Form]:
        value = value if isinstance(value, dict) else single(value)
        if not isinstance(value, dict):
            return value, None
        contents: dict[str, object] = {}
        forms: list[str] = []
        for name, raw in value.items():
            of_member = of_name.get(name)
            if of_member is None or (not raw and raw in _EMPTY):
                continue
            content, form = of_member(raw, zone)
            if content or content not in _EMPTY:
                contents[name] = content
                if form is not None:
                    forms.append(name + form if form else name)
        return contents, f"{{{','.join(forms)}}}" if len(forms) == len(contents) else None

    return fitted
