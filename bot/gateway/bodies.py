"""What a request may hold: its shape, its fields, their lengths. Whatever else comes is refused in words."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection
from typing import Any

from sanic import Request

from bot.content.institutions import DEFAULT_INSTITUTION
from bot.content.language import LANGUAGES
from bot.gateway import sessions
from bot.gateway.problems import Problem

MAX_TEXT = 2000


def posted(request: Request, origins: tuple[str, ...], allowed: set[str], needed: set[str]) -> dict[str, Any]:
    """Check origin, type and shape of a POST; return its body, an object with these fields and no others."""
    sessions.check_origin(request, origins)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem("bad_request")
    try:
        body = json.loads(request.body, parse_constant=_refuse)
    except (ValueError, RecursionError) as problem:
        raise Problem("bad_request") from problem
    if not isinstance(body, dict) or not needed <= set(body) <= allowed or None in body.values():
        raise Problem("bad_request")
    return body


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def opening(body: dict[str, Any], institutions: Collection[str]) -> tuple[str, str | None]:
    """Return institution and link of a conversation that is to be opened; its language, if any, is one of ours."""
    institution, link = body.get("institution", DEFAULT_INSTITUTION), body.get("link")
    if not isinstance(institution, str) or institution not in institutions:
        raise Problem("bad_request")
    if "language" in body and body["language"] not in LANGUAGES:
        raise Problem("bad_request")
    if "link" in body and not (isinstance(link, str) and len(link) <= MAX_TEXT):
        raise Problem("bad_request")
    return institution, link


def id_of(body: dict[str, Any]) -> str:
    try:
        return str(uuid.UUID(string(body["id"], 36)))
    except ValueError as problem:
        raise Problem("bad_request") from problem


def string(value: Any, most: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Problem("bad_request")
    if len(value) > most:
        raise Problem("too_long")
    return value


def message_text(value: Any) -> str:
    return string(value, MAX_TEXT).encode("utf-8", "replace").decode()


def number(given: str | None) -> int:
    if given is None:
        return 0
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise Problem("bad_request")
    return int(given)
