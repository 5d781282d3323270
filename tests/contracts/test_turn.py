"""Turns between gateway and engine: what a button means arrives as it was meant."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.contracts.turn import SIGN_ACTIONS, SIGN_INTERNAL, SIGN_TURNS, parse_payload, payload

names = st.from_regex(r"[a-z][a-z_]{0,30}", fullmatch=True).filter(lambda name: name != "intent")


def entities_of(parsed: dict[str, Any]) -> dict[str, str]:
    return {entity["entity"]: entity["value"] for entity in parsed["entities"]}


@settings(derandomize=True, deadline=None, max_examples=300)
@given(intent=names, entities=st.dictionaries(names, st.text(max_size=80), max_size=5))
def test_a_payload_is_read_back_as_it_was_made(intent: str, entities: dict[str, str]) -> None:
    parsed = parse_payload(payload(intent, **entities))
    assert parsed["intent"]["name"] == intent
    assert entities_of(parsed) == entities


@pytest.mark.parametrize("value", ['{"a": "b"}', "/cancel{", "民國", "}", "\\", "\n", '"', "\u2028", "\ud800"])
def test_a_value_cannot_break_out_of_its_payload(value: str) -> None:
    parsed = parse_payload(payload("inform", otp_code=value))
    assert (parsed["intent"]["name"], entities_of(parsed)) == ("inform", {"otp_code": value})


def test_a_payload_without_entities_is_only_the_intent() -> None:
    assert payload("cancel") == "/cancel"


def test_a_payload_is_understood_with_certainty() -> None:
    assert parse_payload("/cancel")["intent"]["confidence"] == 1.0


def test_a_payload_keeps_its_own_text() -> None:
    made = payload("inform", otp_channel="sms")
    assert parse_payload(made)["text"] == made


def test_chinese_stays_readable_in_a_payload() -> None:
    assert payload("inform", platform="雷影大戶下單") == '/inform{"platform": "雷影大戶下單"}'


def test_a_broken_payload_is_an_error_and_no_intent() -> None:
    with pytest.raises(json.JSONDecodeError):
        parse_payload('/inform{"otp_channel": ')


def test_each_pair_of_processes_signs_for_its_own_purpose() -> None:
    assert len({SIGN_TURNS, SIGN_ACTIONS, SIGN_INTERNAL}) == 3
