"""The customer's page: server-rendered, with nothing from elsewhere and nothing inline."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sanic import HTTPResponse, html

from bot.content.institutions import Institution
from bot.content.language import LANGUAGE_NAMES, LANGUAGES
from bot.content.page import labels

SAFETY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
}


def render(institution: Institution, language: str, going_on: bool) -> HTTPResponse:
    """Return the page of `institution`; `going_on`: the browser has a conversation with it already."""
    words = {code: {**labels(code), "institution": institution.name[code]} for code in LANGUAGES}
    body = (
        _environment()
        .get_template("chat.html")
        .render(
            institution=institution,
            language=language,
            page_language=page_language(language, institution.jurisdiction),
            words=words[language],
            all_words=json.dumps(words, ensure_ascii=False),
            languages=LANGUAGE_NAMES,
            going_on=going_on,
        )
    )
    return html(body)


def page_language(language: str, jurisdiction: str) -> str:
    """Return the BCP 47 tag for `lang`, with the place for Chinese."""
    if language == "zh-Hans":
        return "zh-Hans-CN"
    return f"zh-Hant-{jurisdiction}" if language == "zh-Hant" else "en"


def preferred_language(header: str) -> str:
    """Return the first of our languages in an Accept-Language header; zh-Hant where none is."""
    for part in header.lower().split(",")[:20]:
        tag = part.partition(";")[0].strip()
        if tag.startswith(("zh-hans", "zh-cn", "zh-sg")):
            return "zh-Hans"
        if tag.startswith("zh"):
            return "zh-Hant"
        if tag.startswith("en"):
            return "en"
    return "zh-Hant"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    folder = Path(__file__).resolve().parents[1] / "web" / "templates"
    return Environment(
        loader=FileSystemLoader(folder), autoescape=select_autoescape(["html"]), undefined=StrictUndefined
    )
