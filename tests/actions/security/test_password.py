"""The trading password: locked at the third wrong entry, reissued with a certificate, changed by its owner (G14, G16)."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
import yaml

from actions.security.errors import (
    PasswordLocked,
    PasswordMustChange,
    PasswordWrong,
    ReissueNoCertificate,
)
from actions.security.notices import NOTICES
from actions.security.password import LOCK_AFTER, Password, change, enter, may_be_entered, may_trade, reissue
from actions.security.password_unlock import Certificate
from tests.actions.world import START

MINE = "demo-hnyc-900028"
SECOND = timedelta(seconds=1)
LOCKED = Password(3, START)
FACTS = yaml.safe_load((Path(__file__).parents[3] / "data/institutions/hnyc.yml").read_text(encoding="utf-8"))


def certificate(**changes: object) -> Certificate:
    values = {"account": MINE, "valid_from": START - SECOND, "valid_until": START + SECOND, "revoked_at": None}
    return Certificate(**{**values, **changes})  # type: ignore[arg-type]


def test_the_number_is_that_of_the_institution() -> None:
    assert FACTS["stated"]["password_lock_after"] == f"{LOCK_AFTER} wrong entries, counted together"


@pytest.mark.parametrize(("before", "left"), [(0, 2), (1, 1)])
def test_the_first_two_wrong_entries_are_counted_and_told(before: int, left: int) -> None:
    outcome = enter(Password(before), False, START)
    assert outcome.password == Password(before + 1)
    assert isinstance(outcome.refusal, PasswordWrong)
    assert outcome.refusal.facts == {"left": left}


def test_the_third_wrong_entry_locks() -> None:
    outcome = enter(Password(2), False, START)
    assert outcome.password == LOCKED
    assert isinstance(outcome.refusal, PasswordLocked)


@pytest.mark.parametrize("before", [0, 1])
def test_each_wrong_entry_has_its_notice(before: int) -> None:
    assert enter(Password(before), False, START).notices == ("wrong_password",)


def test_the_third_has_the_notice_of_the_lock_besides() -> None:
    assert enter(Password(2), False, START).notices == ("wrong_password", "password_locked")


@pytest.mark.parametrize("right", [True, False])
def test_a_locked_password_is_not_looked_at(right: bool) -> None:
    with pytest.raises(PasswordLocked):
        enter(LOCKED, right, START + timedelta(days=9))


def test_a_lock_has_no_end_of_its_own() -> None:
    with pytest.raises(PasswordLocked):
        may_be_entered(LOCKED)


@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_right_entry_clears_the_count_and_has_the_notice_of_a_login(before: int) -> None:
    outcome = enter(Password(before), True, START)
    assert (outcome.password, outcome.notices, outcome.refusal) == (Password(), ("login_success",), None)


@pytest.mark.parametrize("entries", list(product([True, False], repeat=7)))
def test_any_order_of_entries_locks_at_three_wrong_ones_in_a_row(entries: tuple[bool, ...]) -> None:
    password, notices = Password(), list[str]()
    for right in entries:
        if password.locked_at:
            break
        outcome = enter(password, right, START)
        password = outcome.password
        notices += outcome.notices
    seen = "".join("r" if right else "w" for right in entries)
    evaluated = seen[: seen.index("www") + 3] if "www" in seen else seen
    assert (password.locked_at is not None) == ("www" in seen)
    assert notices.count("wrong_password") == evaluated.count("w")
    assert notices.count("password_locked") == ("www" in seen)


def test_a_valid_certificate_reissues() -> None:
    assert reissue(MINE, [certificate()], START).notices == ("password_reissued",)


def test_a_reissued_password_is_open_and_initial() -> None:
    assert reissue(MINE, [certificate()], START).password == Password(initial=True)


@pytest.mark.parametrize(
    "certificates",
    [
        [],
        [certificate(account="demo-hnyc-900018")],
        [certificate(revoked_at=START)],
        [certificate(valid_until=START)],
        [certificate(valid_from=START + SECOND)],
    ],
)
def test_nothing_is_reissued_without_a_valid_certificate(certificates: list[Certificate]) -> None:
    with pytest.raises(ReissueNoCertificate):
        reissue(MINE, certificates, START)


def test_an_initial_password_logs_in_and_stays_initial() -> None:
    assert enter(Password(initial=True), True, START).password.initial


def test_an_initial_password_does_not_trade() -> None:
    with pytest.raises(PasswordMustChange):
        may_trade(Password(initial=True))


def test_a_locked_password_does_not_trade() -> None:
    with pytest.raises(PasswordLocked):
        may_trade(LOCKED)


def test_a_changed_password_trades() -> None:
    may_trade(change(Password(initial=True)).password)


@pytest.mark.parametrize("before", [Password(), Password(2), Password(1, initial=True)])
def test_a_change_begins_anew_and_has_its_notice(before: Password) -> None:
    outcome = change(before)
    assert (outcome.password, outcome.notices) == (Password(), ("password_changed",))


def test_a_locked_password_is_not_changed() -> None:
    with pytest.raises(PasswordLocked):
        change(LOCKED)


def test_an_initial_password_locks_like_any_other() -> None:
    assert enter(Password(2, initial=True), False, START).password == Password(3, START, initial=True)


def test_every_notice_is_one_of_the_six() -> None:
    outcomes = [
        enter(Password(2), False, START),
        enter(Password(), True, START),
        change(Password()),
        reissue(MINE, [certificate()], START),
    ]
    assert {notice for outcome in outcomes for notice in outcome.notices} <= set(NOTICES)
