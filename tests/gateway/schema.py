"""As much of JSON Schema as the interface's description uses; a keyword beyond it is an error."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from typing import Any

Schema = dict[str, Any]

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
}
CHECKED = {
    "type", "properties", "required", "additionalProperties", "items", "enum", "$ref", "oneOf",
    "minLength", "maxLength", "minimum", "format",
}  # fmt: skip
DESCRIBING = {"description"}


def find(document: Schema, reference: str) -> Schema:
    """Return what `#/a/b` points at; raise KeyError where there is nothing."""
    found = document
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def problems(document: Schema, schema: Schema, value: Any, at: str = "") -> list[str]:
    """Return what is wrong with `value`, one line each."""
    unknown = set(schema) - CHECKED - DESCRIBING
    assert not unknown, f"{at}: {unknown} is not checked"
    if "$ref" in schema:
        return problems(document, find(document, schema["$ref"]), value, at)
    if "oneOf" in schema:
        fitting = [one for one in schema["oneOf"] if not problems(document, one, value, at)]
        return [] if len(fitting) == 1 else [f"{at}: {len(fitting)} of the shapes fit"]
    wrong = [] if _has_type(schema, value) else [f"{at}: {value!r} is no {schema['type']}"]
    wrong += [] if value in schema.get("enum", [value]) else [f"{at}: {value!r} is none of {schema['enum']}"]
    if isinstance(value, str):
        return wrong + _of_text(schema, value, at)
    if isinstance(value, int) and value < schema.get("minimum", value):
        return [*wrong, f"{at}: {value} is too small"]
    if isinstance(value, list) and "items" in schema:
        return wrong + [p for i, v in enumerate(value) for p in problems(document, schema["items"], v, f"{at}[{i}]")]
    return wrong + _of_object(document, schema, value, at) if isinstance(value, dict) else wrong


def _has_type(schema: Schema, value: Any) -> bool:
    return "type" not in schema or (isinstance(value, TYPES[schema["type"]]) and not isinstance(value, bool))


def _of_object(document: Schema, schema: Schema, value: Schema, at: str) -> list[str]:
    known = schema.get("properties", {})
    wrong = [f"{at}.{name} is missing" for name in schema.get("required", []) if name not in value]
    if schema.get("additionalProperties") is False:
        wrong += [f"{at}.{name} is not described" for name in value if name not in known]
    return wrong + [p for n, v in value.items() if n in known for p in problems(document, known[n], v, f"{at}.{n}")]


def _of_text(schema: Schema, value: str, at: str) -> list[str]:
    wrong = []
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        wrong.append(f"{at}: has {len(value)} characters")
    try:
        if schema.get("format") == "uuid":
            uuid.UUID(value)
        if schema.get("format") == "date-time":
            assert re.search(r"(Z|[+-]\d\d:\d\d)$", value)
            datetime.fromisoformat(value)
    except (ValueError, AssertionError):
        wrong.append(f"{at}: {value!r} is no {schema['format']}")
    return wrong
