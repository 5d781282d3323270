"""Errors that a customer reads: in their language, with a reference, and a fitting status."""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Awaitable
from typing import TypeVar

from sanic import HTTPResponse
from sanic import json as json_response

from bot.content.institutions import Institution
from bot.content.page import load_words
from bot.conversations.log import LogDown

logger = logging.getLogger(__name__)

T = TypeVar("T")

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"

STATUS = {
    "bad_request": 400,
    "no_conversation": 401,
    "wrong_origin": 403,
    "link_no_secrets": 403,
    "button_void": 409,
    "other_content": 409,
    "busy": 409,
    "too_long": 413,
    "not_found": 404,
    "too_many": 429,
    "internal": 500,
    "engine_down": 503,
    "no_greeting": 503,
    "actions_down": 503,
    "database_down": 503,
    "dialogue_down": 503,
    "overloaded": 503,
}
_RETRY_SECONDS = {429: 2.0, 503: 5.0}


class Problem(Exception):
    """A request that ends in an error. `unknown`: it cannot be said whether something was done."""

    def __init__(self, code: str, unknown: bool = False, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.unknown = unknown
        self.retry_after = retry_after  # in seconds


async def from_log(call: Awaitable[T]) -> T:
    """Return what the conversation log returns; raise `database_down`."""
    try:
        return await call
    except LogDown as problem:
        raise Problem("database_down") from problem


def response(problem: Problem, institution: Institution, language: str) -> HTTPResponse:
    """Return the JSON error, with a fitting status."""
    message, reference = said(problem, institution, language)
    status = STATUS[problem.code]
    wait = problem.retry_after or _RETRY_SECONDS.get(status)
    headers = {"retry-after": str(math.ceil(wait))} if wait else {}
    body = {"error": {"code": problem.code, "message": message, "reference": reference}}
    return json_response(body, status=status, headers=headers)


def said(problem: Problem, institution: Institution, language: str) -> tuple[str, str]:
    """Return what the customer reads, and its reference; that is logged with the code, and nothing of the customer."""
    reference = "E-" + "".join(secrets.choice(_ALPHABET) for _ in range(6))
    logger.warning("error %s %s%s", reference, problem.code, " (outcome unknown)" if problem.unknown else "")
    key = f"{problem.code}_unknown" if problem.unknown else problem.code
    text = load_words("errors")[key][language]
    names = {"hotline": institution.hotline, "reference": reference, "institution": institution.name[language]}
    return text.format(**names), reference
