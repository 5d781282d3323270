"""When a password may be unlocked by its owner (G15, G16)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from actions.security.errors import (
    UnlockDoneToday,
    UnlockNoCertificate,
    UnlockNotLocked,
    UnlockRefusal,
    UnlockSuspended,
    UnlockUsedToday,
)
from actions.security.password_unlock import Certificate, PasswordState, is_valid, may_unlock, unlock_day, used_today
from tests.actions.world import START, TAIPEI

SECOND = timedelta(seconds=1)
MINE = "demo-hnyc-900028"


def certificate(
    account: str = MINE,
    valid_from: datetime = START - SECOND,
    valid_until: datetime = START + SECOND,
    revoked_at: datetime | None = None,
) -> Certificate:
    return Certificate(account, valid_from, valid_until, revoked_at)


def expected(suspended: bool, used: bool, locked: bool, certified: bool) -> type[UnlockRefusal] | None:
    if suspended:
        return UnlockSuspended
    if used:
        return UnlockUsedToday if locked else UnlockDoneToday
    if not locked:
        return UnlockNotLocked
    return None if certified else UnlockNoCertificate


@pytest.mark.parametrize(("suspended", "used", "locked", "certified"), list(product([False, True], repeat=4)))
def test_the_decision_follows_the_table(suspended: bool, used: bool, locked: bool, certified: bool) -> None:
    password = PasswordState(MINE, START if locked else None, START if suspended else None)
    certificates = [certificate()] if certified else []
    refusal = expected(suspended, used, locked, certified)
    if refusal is None:
        may_unlock(password, certificates, None, START, TAIPEI)
        return
    with pytest.raises(UnlockRefusal) as refused:
        may_unlock(password, certificates, START if used else None, START, TAIPEI)
    assert type(refused.value) is refusal


@pytest.mark.parametrize(
    "bad",
    [
        certificate(account="demo-hnyc-900018"),
        certificate(revoked_at=START - timedelta(days=1)),
        certificate(revoked_at=START + timedelta(days=1)),
        certificate(valid_until=START),
        certificate(valid_until=START - SECOND),
        certificate(valid_from=START + SECOND),
        certificate(valid_from=START + timedelta(microseconds=1)),
    ],
)
def test_a_certificate_that_does_not_prove_the_account_now_is_not_valid(bad: Certificate) -> None:
    assert not is_valid(bad, MINE, START)


@pytest.mark.parametrize(
    "good", [certificate(), certificate(valid_from=START), certificate(valid_until=START + timedelta(microseconds=1))]
)
def test_a_certificate_is_valid_from_its_first_moment_to_its_last(good: Certificate) -> None:
    assert is_valid(good, MINE, START)


def test_one_valid_certificate_among_bad_ones_is_enough() -> None:
    certificates = [certificate(valid_until=START), certificate(), certificate(account="demo-hnyc-900018")]
    may_unlock(PasswordState(MINE, START, None), certificates, None, START, TAIPEI)


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-11-20T15:59:59.999+00:00", date(2026, 11, 20)),
        ("2026-11-20T16:00:00+00:00", date(2026, 11, 21)),
        ("2026-12-31T15:59:59+00:00", date(2026, 12, 31)),
        ("2026-12-31T16:00:00+00:00", date(2027, 1, 1)),
        ("2028-02-28T16:00:00+00:00", date(2028, 2, 29)),
        ("2028-02-29T16:00:00+00:00", date(2028, 3, 1)),
        ("2026-11-20T11:00:00-05:00", date(2026, 11, 21)),
    ],
)
def test_the_day_is_the_one_in_taipei(now: str, day: date) -> None:
    assert unlock_day(datetime.fromisoformat(now), TAIPEI) == day


def test_the_refusal_says_when_it_was_used_and_from_when_there_is_another() -> None:
    refusal = used_today(START, START + timedelta(hours=1), TAIPEI, still_locked=True)
    assert refusal.facts == {"used_at": "10:00", "next_date": "2026/11/21"}


@pytest.mark.parametrize(
    ("now", "next_date"), [("2026-12-31T23:59:59+08:00", "2027/01/01"), ("2028-02-28T12:00:00+08:00", "2028/02/29")]
)
def test_the_next_day_crosses_the_end_of_a_year_and_a_leap_day(now: str, next_date: str) -> None:
    at = datetime.fromisoformat(now)
    assert used_today(at, at, TAIPEI, still_locked=False).facts["next_date"] == next_date


@pytest.mark.parametrize(
    ("zone", "facts"),
    [
        (TAIPEI, {"used_at": "00:30", "next_date": "2026/11/22"}),
        (ZoneInfo("America/New_York"), {"used_at": "11:30", "next_date": "2026/11/21"}),
    ],
)
def test_time_and_day_are_told_where_the_institution_is(zone: ZoneInfo, facts: dict[str, str]) -> None:
    now = datetime.fromisoformat("2026-11-20T16:30:00+00:00")
    with pytest.raises(UnlockUsedToday) as refused:
        may_unlock(PasswordState(MINE, START, None), [certificate()], now, now, zone)
    assert refused.value.facts == facts
