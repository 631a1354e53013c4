"""The few words in which the schemas of the OpenAPI description are written (JSON Schema 2020-12)."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
TIME: Schema = {"type": "string", "format": "date-time"}
URL: Schema = {"type": "string", "format": "uri"}
UUID: Schema = {"type": "string", "format": "uuid"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
RESOURCE: Schema = {"type": "object", "required": ["resourceType"], "properties": {"resourceType": TEXT}}


def record(description: str = "", required: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    """An object with these members; others may follow in later versions."""
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    return said(schema, description)


def said(schema: Schema, description: str) -> Schema:
    """The schema with a description."""
    return {"description": description, **schema} if description else schema


def each(schema: Schema) -> Schema:
    """A list that is never empty: what is empty is left out."""
    return {"type": "array", "minItems": 1, "items": schema}


def choice(*words: str) -> Schema:
    """One of the words."""
    return {"const": words[0]} if len(words) == 1 else {"type": "string", "enum": list(words)}


def choices(kind: type, field: str) -> Schema:
    """One of the words that a field of a dataclass may hold: a Literal, or a Literal or None."""
    return choice(*_words(get_type_hints(kind)[field]))


def ref(name: str, section: str = "schemas") -> Schema:
    """A reference to a component."""
    return {"$ref": f"#/components/{section}/{name}"}


def _words(hint: object) -> tuple[str, ...]:
    found: list[str] = []
    for member in get_args(hint):
        found += [member] if isinstance(member, str) else _words(member)
    return tuple(found)
