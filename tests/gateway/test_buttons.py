"""Buttons: only those that we issued, only in their conversation, and a step's only while it is the latest (G34, T11)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.contracts.turn import payload
from bot.conversations.values import Conversation, Message
from bot.gateway import buttons

KEY = b"k" * 32


def message(conversation: str = "one", seq: int = 7) -> Message:
    return Message(conversation, seq, "bot", "?", "en", None, None, [], None, None, None, datetime.now(UTC))


def conversation(turn_seq: int) -> Conversation:
    return Conversation("one", "C-TEST22", "hnyc", "en", False, "", turn_seq, None, 0)


def test_an_issued_button_says_its_place() -> None:
    assert buttons.place_of(KEY, "one", buttons.token(KEY, message(seq=7), 2)) == (7, 2)


def test_a_token_does_not_show_what_it_means() -> None:
    assert "inform" not in buttons.token(KEY, message(), 0)


def test_a_button_with_any_byte_altered_is_refused() -> None:
    good = buttons.token(KEY, message(seq=12), 3).encode()
    for place in range(len(good)):
        for other in range(256):
            altered = good[:place] + bytes([other]) + good[place + 1 :]
            if altered != good:
                assert buttons.place_of(KEY, "one", altered.decode("utf-8", "surrogateescape")) is None


def test_a_button_cut_short_is_refused() -> None:
    good = buttons.token(KEY, message(), 0)
    assert [buttons.place_of(KEY, "one", good[:length]) for length in range(len(good))] == [None] * len(good)


@pytest.mark.parametrize("added", ["0", " ", ".", "\n", ".0", "é", "\x00"])
def test_a_button_with_something_added_is_refused(added: str) -> None:
    good = buttons.token(KEY, message(), 0)
    assert buttons.place_of(KEY, "one", good + added) is buttons.place_of(KEY, "one", added + good) is None


@pytest.mark.parametrize("place", ["07.0", "7.00", "+7.0", "７.0", "7.0.", "٧.0", " 7.0", "7_0.0"])
def test_a_place_written_otherwise_is_refused(place: str) -> None:
    signature = buttons.token(KEY, message(seq=7), 0).split(".")[2]
    assert buttons.place_of(KEY, "one", f"{place}.{signature}") is None


def test_a_signature_in_capitals_is_refused() -> None:
    place, index, signature = buttons.token(KEY, message(), 0).split(".")
    assert buttons.place_of(KEY, "one", f"{place}.{index}.{signature.upper()}") is None


def test_a_signature_of_one_button_is_not_good_for_another() -> None:
    signature = buttons.token(KEY, message(seq=7), 0).split(".")[2]
    assert [buttons.place_of(KEY, "one", f"{p}.{signature}") for p in ("7.1", "8.0", "6.0", "70.0")] == [None] * 4


def test_a_button_of_another_conversation_is_refused() -> None:
    assert buttons.place_of(KEY, "two", buttons.token(KEY, message("one"), 0)) is None


def test_a_conversation_cannot_be_chosen_so_that_a_button_fits() -> None:
    # "one" with place "7.1" and "one|7" with place "1" must not read alike.
    assert buttons.place_of(KEY, "one|7", buttons.token(KEY, message("one", 7), 1).partition(".")[2]) is None


def test_a_button_signed_with_another_key_is_refused() -> None:
    assert buttons.place_of(KEY, "one", buttons.token(b"j" * 32, message(), 0)) is None


@settings(derandomize=True, deadline=None, max_examples=500)
@given(given_=st.text(max_size=60))
def test_a_made_up_button_is_refused_and_breaks_nothing(given_: str) -> None:
    assert buttons.place_of(KEY, "one", given_) is None


@pytest.mark.parametrize("given_", ["", ".", "..", "...", "\ud800", "7.0.\ud800", "1" * 5000 + ".0.a", "-1.0.a"])
def test_an_odd_button_is_refused_and_breaks_nothing(given_: str) -> None:
    assert buttons.place_of(KEY, "one", given_) is None


STEP = payload("inform", report_confirmed="yes")
STARTS = (payload("password_unlock"), payload("notice_opt_out"), payload("cancel"), payload("affirm"))


def test_a_step_button_works_while_its_step_is_the_latest() -> None:
    assert buttons.is_current(STEP, message(seq=7), conversation(turn_seq=6))


def test_a_step_button_dies_when_the_customer_has_sent_something_since() -> None:
    assert not buttons.is_current(STEP, message(seq=7), conversation(turn_seq=8))


@pytest.mark.parametrize("pressed", STARTS)
def test_a_starting_button_lives_as_long_as_its_conversation(pressed: str) -> None:
    assert buttons.is_current(pressed, message(seq=7), conversation(turn_seq=500))
