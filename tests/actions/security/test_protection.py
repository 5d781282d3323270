"""An account whose owner said "not me": nothing is done on it until the hotline lifts that."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actions.security.errors import AccountProtected, ProtectionStays
from actions.security.factors import NEEDED
from actions.security.protection import (
    ACTS,
    Protection,
    is_protected,
    lift,
    may_act,
    protect,
)
from tests.actions.world import START

MINE = "demo-hnyc-900018"
LATER = START + timedelta(hours=1)
PROTECTED = protect(None, MINE, "NM-20261120-7K3M", "conversation-one", START)
LIFTED = lift(PROTECTED, "hotline", "staff-one", LATER)
OPEN = (
    "verify_identity",
    "protect_account",
    "report_error",
    "check_notice",
    "report_status",
    "token_status",
    "lift_protection",
)


@pytest.mark.parametrize("act", sorted(ACTS))
def test_nothing_is_done_on_a_protected_account(act: str) -> None:
    with pytest.raises(AccountProtected) as refused:
        may_act(PROTECTED, act)
    assert refused.value.facts == {"report": "NM-20261120-7K3M"}


@pytest.mark.parametrize("act", sorted(ACTS))
@pytest.mark.parametrize("protection", [None, LIFTED])
def test_an_account_that_is_not_protected_is_served(act: str, protection: Protection | None) -> None:
    may_act(protection, act)


@pytest.mark.parametrize("purpose", OPEN)
def test_questions_reports_and_proving_who_one_is_stay_open(purpose: str) -> None:
    may_act(PROTECTED, purpose)


def test_everything_that_needs_proof_is_an_act_or_known_to_stay_open() -> None:
    looks = {"token_status", "check_notice"}
    assert set(NEEDED) - ACTS - looks == {"login", "verify_identity", "protect_account", "lift_protection"}


def test_saying_it_again_keeps_the_first_reference() -> None:
    assert protect(PROTECTED, MINE, "NM-20261120-XXXX", "conversation-two", LATER) == PROTECTED


def test_saying_it_after_it_was_lifted_protects_anew() -> None:
    again = protect(LIFTED, MINE, "NM-20261121-XXXX", "conversation-two", LATER)
    assert is_protected(again)
    assert again.reference == "NM-20261121-XXXX"


def test_time_does_not_lift_it() -> None:
    assert is_protected(PROTECTED)
    assert not hasattr(PROTECTED, "until")


def test_the_hotline_lifts_it_and_is_on_record() -> None:
    assert LIFTED
    assert (is_protected(LIFTED), LIFTED.lifted_at, LIFTED.lifted_by) == (False, LATER, "staff-one")


@pytest.mark.parametrize(
    ("channel", "staff"), [("chat", "staff-one"), ("other", "staff-one"), ("", ""), ("hotline", "")]
)
def test_nobody_else_does(channel: str, staff: str) -> None:
    with pytest.raises(ProtectionStays):
        lift(PROTECTED, channel, staff, LATER)


def test_who_lifted_it_first_stays_on_record() -> None:
    assert lift(LIFTED, "hotline", "staff-two", LATER + timedelta(hours=1)) == LIFTED


def test_where_there_is_none_there_is_nothing_to_lift() -> None:
    assert lift(None, "hotline", "staff-one", LATER) is None


def test_a_protection_is_what_was_said_when_and_where() -> None:
    made = protect(None, MINE, "NM-20261120-7K3M", "conversation-one", START)
    assert made == Protection(MINE, "NM-20261120-7K3M", START, "conversation-one")


def test_lifting_changes_nothing_but_who_and_when() -> None:
    lifted = lift(Protection(MINE, "NM-20261120-7K3M", START, "conversation-one"), "hotline", "staff-one", LATER)
    assert lifted == Protection(MINE, "NM-20261120-7K3M", START, "conversation-one", LATER, "staff-one")
