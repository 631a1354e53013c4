"""The members of a feedback entry, read one by one; what is wrong is named by its place, never by its value."""

from __future__ import annotations

from collections.abc import Mapping

from service.errors import InvalidField, MissingField

Json = Mapping[str, object]

MAX_ID = 256
MAX_WORDS = 4000
"""Characters of a comment or display text that are kept."""
MAX_MEMBERS = 100
"""Suggestions, or reasons, of one entry."""


def says_nothing(value: object) -> bool:
    """Whether a member is null, empty or blank: as good as absent."""
    return (
        value is None
        or (isinstance(value, list | dict) and not value)
        or (isinstance(value, str) and not value.strip())
    )


def identifier(source: Json, key: str, where: str) -> str:
    """An id, a code or an instant; never cut, as a shorter one would be another."""
    value = source.get(key)
    if value is None or value == "":
        raise MissingField(f"{where}.{key} is required")
    if not isinstance(value, str) or not value.strip():
        raise InvalidField(f"{where}.{key} must be a non-empty string")
    if len(value) > MAX_ID or not value.isprintable():
        raise InvalidField(f"{where}.{key} must be printable and have at most {MAX_ID} characters")
    return value.strip()


def optional_identifier(source: Json, key: str, where: str) -> str | None:
    """The same, or None when there is none."""
    return None if says_nothing(source.get(key)) else identifier(source, key, where)


def words(source: Json, key: str, where: str, cut: list[str]) -> str | None:
    """What a person wrote or reads; its beginning, with its place added to `cut`, when it is too long. None: absent."""
    value = source.get(key)
    if says_nothing(value):
        return None
    if not isinstance(value, str):
        raise InvalidField(f"{where}.{key} must be a string")
    if len(value.strip()) > MAX_WORDS:
        cut.append(f"{where}.{key}")
    return value.strip()[:MAX_WORDS]


def listed(source: Json, key: str, where: str) -> list[tuple[str, Json]]:
    """The objects of a list with their places, nulls left out; an object where the list belongs is its only member."""
    value = source.get(key)
    if says_nothing(value):
        return []
    members = value if isinstance(value, list) else [value]
    if len(members) > MAX_MEMBERS:
        raise InvalidField(f"{where}.{key} has more than {MAX_MEMBERS} members")
    found = []
    for number, member in enumerate(members):
        if member is None:
            continue
        place = f"{where}.{key}[{number}]" if members is value else f"{where}.{key}"
        if not isinstance(member, Mapping):
            raise InvalidField(f"{place} must be an object")
        found.append((place, member))
    return found
