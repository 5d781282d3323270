"""References and fingerprints of error reports (G22-G24)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from actions.security.error_report import (
    ALPHABET,
    ReportContent,
    fingerprint,
    new_reference,
)

DAY = date(2026, 11, 20)
CONTENT = ReportContent("hnyc", "e指發", "畫面空白（測試）", "今天早上")


def test_a_reference_names_its_day() -> None:
    assert re.fullmatch(rf"ER-20261120-[{ALPHABET}]{{4}}", new_reference(DAY))


@pytest.mark.parametrize("confusing", list("0O1IL"))
def test_no_character_of_a_reference_is_mistaken_on_the_phone(confusing: str) -> None:
    assert confusing not in ALPHABET


def test_references_of_a_day_differ() -> None:
    assert len({new_reference(DAY) for _ in range(200)}) > 195


def test_the_same_content_has_the_same_fingerprint() -> None:
    assert fingerprint(CONTENT) == fingerprint(replace(CONTENT))


@pytest.mark.parametrize("field", ["institution", "platform", "description", "since"])
def test_a_fingerprint_changes_with_every_field(field: str) -> None:
    assert fingerprint(CONTENT) != fingerprint(replace(CONTENT, **{field: "另一個"}))


def test_a_fingerprint_knows_which_field_a_text_stands_in() -> None:
    assert fingerprint(replace(CONTENT, description="a", since="b")) != fingerprint(
        replace(CONTENT, description="b", since="a")
    )


def test_a_stored_fingerprint_is_known_to_a_newer_version() -> None:
    assert fingerprint(CONTENT) == "dd008e28906c803f3be27c90be9d9bb3ab4942bd8db70d6c5d5fff4f869defc4"
