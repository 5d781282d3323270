"""References and fingerprints of error reports (G22-G24)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.security.error_report import (
    ALPHABET,
    ReportContent,
    fingerprint,
    new_receipt,
    new_reference,
    read_reference,
)
from actions.security.errors import ReferenceUnreadable
from tests.actions.world import deterministic

DAY = date(2026, 11, 20)
CONTENT = ReportContent("hnyc", "e指發", "畫面空白（測試）", "今天早上")


def test_a_reference_names_its_day() -> None:
    assert re.fullmatch(rf"ER-20261120-[{ALPHABET}]{{4}}", new_reference(DAY))


def test_a_receipt_names_its_day() -> None:
    assert re.fullmatch(rf"UL-20261120-[{ALPHABET}]{{4}}", new_receipt(DAY))


@pytest.mark.parametrize("confusing", list("0O1IL"))
def test_no_character_of_a_reference_is_mistaken_on_the_phone(confusing: str) -> None:
    assert confusing not in ALPHABET


def test_references_of_a_day_differ() -> None:
    assert len({new_reference(DAY) for _ in range(200)}) > 195


@pytest.mark.parametrize(
    "text",
    [
        "ER-20261120-7K3M",
        "er-20261120-7k3m",
        "ＥＲ－２０２６１１２０－７Ｋ３Ｍ",
        "ER202611207K3M",
        "ER - 20261120 - 7K3M",
        "請查 ER-20261120-7K3M 謝謝",
        "我的案號是ER-20261120-7K3M。",
        "status of ER-20261120-7K3M?",
        "ER-20261120\n-7K3M",
        "ER–20261120–7K3M",  # a phone makes dashes of hyphens
        "ER—20261120—7K3M",
    ],
)
def test_a_reference_is_read_from_messy_text(text: str) -> None:
    assert read_reference(text) == "ER-20261120-7K3M"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ER",
        "ER-2026112-7K3M",
        "ER-20261120-7K3",
        "UL-20261120-7K3M",
        "20261120-7K3M",
        "ER-2026/11/20-7K3M",
        "ER-٢٠٢٦١١٢٠-7K3M",
        "hello",
    ],
)
def test_what_holds_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ReferenceUnreadable):
        read_reference(text)


@deterministic
@given(st.dates(date(2026, 1, 1), date(2099, 12, 31)), st.text("請查謝 ?。，\n", max_size=8))
def test_a_new_reference_is_read_back_from_a_sentence(day: date, around: str) -> None:
    reference = new_reference(day)
    assert read_reference(f"{around}{reference}{around}") == reference


@deterministic
@given(st.text(max_size=60))
def test_any_text_is_a_reference_of_ours_or_refused(text: str) -> None:
    try:
        reference = read_reference(text)
    except ReferenceUnreadable:
        return
    assert re.fullmatch(r"ER-[0-9]{8}-[0-9A-Z]{4}", reference)


def test_the_same_content_has_the_same_fingerprint() -> None:
    assert fingerprint(CONTENT) == fingerprint(replace(CONTENT))


@pytest.mark.parametrize("field", ["institution", "platform", "description", "since"])
def test_a_fingerprint_changes_with_every_field(field: str) -> None:
    assert fingerprint(CONTENT) != fingerprint(replace(CONTENT, **{field: "另一個"}))


def test_a_fingerprint_knows_which_field_a_text_stands_in() -> None:
    assert fingerprint(replace(CONTENT, description="a", since="b")) != fingerprint(
        replace(CONTENT, description="b", since="a")
    )
