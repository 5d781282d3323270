"""What a customer may expect of an error."""

from __future__ import annotations

import re

import httpx

from bot.content.institutions import load_institutions
from bot.content.page import load_words

INSTITUTIONS = load_institutions()


def assert_problem(
    reply: httpx.Response,
    status: int,
    code: str,
    language: str = "zh-Hant",
    institution: str = "hnyc",
    unknown: bool = False,
) -> None:
    """Status, and exactly code, message and reference, the message as data/page/errors.yml words it."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    error = reply.json()["error"]
    assert set(reply.json()) == {"error"}
    assert set(error) == {"code", "message", "reference"}
    assert error["code"] == code
    assert re.fullmatch(r"E-[2-9A-HJ-NP-Z]{6}", error["reference"])
    firm = INSTITUTIONS[institution]
    text = load_words("errors")[f"{code}_unknown" if unknown else code][language]
    assert error["message"] == text.format(
        hotline=firm.hotline, reference=error["reference"], institution=firm.name[language]
    )
