"""The contract as it is written, and as much of JSON Schema as it uses; a keyword beyond that is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import yaml

from bot.settings import ROOT

Schema = dict[str, Any]
DOCUMENT: Schema = yaml.safe_load((ROOT / "deploy" / "core-system.openapi.yml").read_text(encoding="utf-8"))

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
CHECKED = {
    "type", "properties", "required", "additionalProperties", "items", "enum", "const", "$ref", "oneOf", "pattern",
    "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "format",
}  # fmt: skip
DESCRIBING = {"description"}


def find(reference: str) -> Any:
    """Return what `#/a/b` points at; raise KeyError where there is nothing."""
    found: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def resolved(value: Any) -> Any:
    return find(value["$ref"]) if isinstance(value, dict) and "$ref" in value else value


def operation(path: str) -> Schema:
    return dict(DOCUMENT["paths"][path]["post"])


def problems_of_request(path: str, headers: dict[str, str], body: Any) -> list[str]:
    """Return what a request has that the contract does not, one line each; header names in small letters."""
    if path not in DOCUMENT["paths"]:
        return [f"{path} is not described"]
    described = operation(path)
    wrong = []
    for parameter in map(resolved, described["parameters"]):
        value = headers.get(parameter["name"].lower())
        wrong += problems(parameter["schema"], value, parameter["name"])
    schema = resolved(described["requestBody"])["content"]["application/json"]["schema"]
    return wrong + problems(schema, body, path)


def problems_of_answer(path: str, status: int, headers: dict[str, str], body: Any) -> list[str]:
    """Return what an answer has that the contract does not."""
    responses = operation(path)["responses"]
    described = resolved(responses.get(str(status)) or responses.get(f"{status // 100}XX"))
    if described is None:
        return [f"{path}: {status} is not described"]
    wrong = problems(resolved(described["headers"]["Request-Id"])["schema"], headers.get("request-id"), "Request-Id")
    return wrong + problems(described["content"]["application/json"]["schema"], body, path)


def problems(schema: Schema, value: Any, at: str = "") -> list[str]:
    """Return what is wrong with `value`, one line each."""
    unknown = set(schema) - CHECKED - DESCRIBING
    assert not unknown, f"{at}: {unknown} is not checked"
    if "$ref" in schema:
        return problems(find(schema["$ref"]), value, at)
    if "oneOf" in schema:
        fitting = [one for one in schema["oneOf"] if not problems(one, value, at)]
        return [] if len(fitting) == 1 else [f"{at}: {len(fitting)} of the shapes fit"]
    if not _has_type(schema["type"], value):
        return [f"{at}: is no {schema['type']}"]
    wrong = [] if value in schema.get("enum", [value]) else [f"{at}: is none of {schema['enum']}"]
    wrong += [] if value == schema.get("const", value) else [f"{at}: is not {schema['const']}"]
    return wrong + list(_of_kind(schema, value, at))


def keywords(schema: Any) -> Iterator[str]:
    """Yield every keyword of a schema and of those inside it."""
    yield from schema
    inside = [*schema.get("properties", {}).values(), *schema.get("oneOf", [])]
    for inner in inside + ([schema["items"]] if "items" in schema else []):
        yield from keywords(inner)


def _has_type(types: str | list[str], value: Any) -> bool:
    named = [types] if isinstance(types, str) else types
    return any(isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool)) for name in named)


def _of_kind(schema: Schema, value: Any, at: str) -> Iterator[str]:
    if isinstance(value, str):
        yield from _of_text(schema, value, at)
    elif isinstance(value, int):
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            yield f"{at}: {value} is out of bounds"
    elif isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{at}: has {len(value)} items"
        for number, item in enumerate(value):
            yield from problems(schema["items"], item, f"{at}[{number}]")
    elif isinstance(value, dict):
        yield from _of_object(schema, value, at)


def _of_object(schema: Schema, value: Schema, at: str) -> Iterator[str]:
    known = schema.get("properties", {})
    yield from (f"{at}.{name} is missing" for name in schema.get("required", []) if name not in value)
    if schema.get("additionalProperties") is False:
        yield from (f"{at}.{name} is not described" for name in value if name not in known)
    for name, inner in value.items():
        if name in known:
            yield from problems(known[name], inner, f"{at}.{name}")


def _of_text(schema: Schema, value: str, at: str) -> Iterator[str]:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{at}: has {len(value)} characters"
    if not re.search(schema.get("pattern", ""), value):
        yield f"{at}: has not the pattern"
    try:
        if schema.get("format") == "date":
            date.fromisoformat(value)
        if schema.get("format") == "date-time":
            assert datetime.fromisoformat(value).tzinfo
    except (ValueError, AssertionError):
        yield f"{at}: is no {schema['format']}"
