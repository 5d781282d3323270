"""Nobody learns from words, statements or time whether an account exists, or how it stands (G12, T33)."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import chain
from math import erfc, sqrt
from statistics import median

import pytest
from sqlalchemy import delete, update

from actions.security.errors import OtpWrong
from actions.storage.models import Account, ChallengeRecord, CodeSend, GuessBudget
from tests.actions.security.rounds import rounds, told
from tests.actions.world import (
    LOCKED,
    NORMAL,
    SUSPENDED,
    UNKNOWN,
    UNLOCK,
    UNLOCKED_TODAY,
    WITHOUT_CERTIFICATE,
    WRONG_BIRTH_DATE,
    Person,
    World,
    statements,
)

STATES: dict[str, Person] = {
    "normal": NORMAL,
    "unknown": UNKNOWN,
    "wrong birth date": WRONG_BIRTH_DATE,
    "locked": LOCKED,
    "no certificate": WITHOUT_CERTIFICATE,
    "suspended": SUSPENDED,
    "protected": UNLOCKED_TODAY,
}
PURPOSES = (UNLOCK, "reissue_password", "protect_account", "check_notice")
FULL = float(os.environ.get("ANXIN_ROUNDS", "1")) >= 10


@pytest.fixture
def everybody(world: World) -> World:
    """The world with one customer in each of `STATES`."""
    world.is_verified("before", STATES["protected"], "protect_account")
    world.protect("before")
    world.execute(delete(ChallengeRecord))
    return world


def masked(text: str) -> str:
    """Return a masked destination with what differs between any two customers taken out."""
    return re.sub(r"^09\d\*\*\*\d{3}$", "sms", re.sub(r"^[a-z]\*\*@example\.com$", "email", text))


def said(world: World, person: Person, purpose: str, channel: str) -> list[object]:
    """Go as far as anybody can who knows no code, and return all that was said on the way."""
    conversation = f"{person.number}{person.born}{purpose}"
    world.identify(conversation, person)
    services, heard = world.services, list[object]()
    shown = services.identification.destinations(conversation)
    heard += [masked(str(shown.sms)), masked(str(shown.email)), services.identification.is_known(conversation)]
    sent = world.send(conversation, purpose, channel)
    heard += [{**asdict(sent), "sent_to": masked(sent.sent_to)}]
    for _ in range(3):
        with pytest.raises(OtpWrong) as wrong:
            world.enter(conversation, "000000", purpose)
        heard += [wrong.value.response, wrong.value.facts]
    heard += [services.one_time_password.is_verified(conversation, purpose)]
    heard += [refusal_words(lambda: world.enter(conversation, "000000", purpose))]
    heard += [refusal_words(lambda: world.unlock(conversation)), refusal_words(lambda: world.reissue(conversation))]
    heard += [refusal_words(lambda: services.password_reissue.check(conversation))]
    heard += [refusal_words(lambda: world.protect(conversation))]
    heard += [refusal_words(lambda: services.protection.refuse_protected(conversation))]
    heard += [refusal_words(lambda: services.password_unlock.refuse_second(conversation, "hnyc"))]
    heard += [refusal_words(lambda: services.notice_check.recent(conversation, "hnyc"))]
    return heard


def refusal_words(call: Callable[[], object]) -> tuple[str, str]:
    try:
        call()
    except Exception as refusal:
        return str(getattr(refusal, "response", type(refusal).__name__)), str(getattr(refusal, "facts", ""))
    return "", ""


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("channel", ["sms", "email"])
def test_everybody_hears_the_same_without_a_code(everybody: World, purpose: str, channel: str) -> None:
    heard = {state: said(everybody, person, purpose, channel) for state, person in STATES.items()}
    assert {state: words for state, words in heard.items() if words != heard["normal"]} == {}


def shape(seen: list[str]) -> list[tuple[str, str]]:
    """Return verb and table of each statement; by which key a row is looked for, and which columns change, may differ."""
    found = []
    for statement in seen:
        table = re.search(r"(?:FROM|INTO|UPDATE) (\w+)", statement)
        found.append((statement.split(None, 1)[0], table[1] if table else ""))
    return found


def test_everybody_costs_the_same_statements(everybody: World) -> None:
    cost = {}
    for state, person in STATES.items():
        conversation = f"{person.number}{person.born}"
        account, born = (
            everybody.put(conversation, "account", person.number),
            everybody.put(conversation, "birth_date", person.born),
        )
        code = everybody.put(conversation, "code", "000000")
        services = everybody.services
        with statements() as seen:
            services.identification.give_account(conversation, "hnyc", account)
            services.identification.give_birth_date(conversation, born)
            services.identification.destinations(conversation)
            everybody.send(conversation, UNLOCK)
            with pytest.raises(OtpWrong):
                services.one_time_password.verify(conversation, UNLOCK, code)
        cost[state] = shape(seen)
    assert len(cost["normal"]) > 20
    assert {state: seen for state, seen in cost.items() if seen != cost["normal"]} == {}


def test_a_second_wrong_code_costs_everybody_the_same(everybody: World) -> None:
    cost = {}
    for state, person in STATES.items():
        conversation = f"{person.number}{person.born}"
        everybody.identify(conversation, person)
        everybody.send(conversation, UNLOCK)
        with pytest.raises(OtpWrong):
            everybody.enter(conversation, "000000", UNLOCK)
        code = everybody.put(conversation, "code", "000000")
        with statements() as seen, pytest.raises(OtpWrong):
            everybody.services.one_time_password.verify(conversation, UNLOCK, code)
        cost[state] = seen  # to the letter
    assert {state: seen for state, seen in cost.items() if seen != cost["normal"]} == {}


# --- time -----------------------------------------------------------------------------------------

PAIRS = [("normal", other) for other in ("unknown", "wrong birth date", "suspended", "protected")]


def timed(world: World, person: Person) -> float:
    """Return the milliseconds of the birth date, a send and a wrong code; what was counted is put back before."""
    conversation = "timed"
    world.execute(delete(CodeSend))
    world.execute(delete(GuessBudget))
    services = world.services
    services.identification.give_account(conversation, "hnyc", world.put(conversation, "account", person.number))
    born, code = world.put(conversation, "birth_date", person.born), world.put(conversation, "code", "000000")
    start = time.perf_counter()
    services.identification.give_birth_date(conversation, born)
    world.send(conversation, UNLOCK)
    refusal_words(lambda: services.one_time_password.verify(conversation, UNLOCK, code))
    return (time.perf_counter() - start) * 1000


def mann_whitney(one: list[float], other: list[float]) -> float:
    """Return the two-sided p of the U test, by its normal approximation (times have no ties to speak of)."""
    ranked = sorted(chain(((value, 0) for value in one), ((value, 1) for value in other)))
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    n, m = len(one), len(other)
    u = ranks - n * (n + 1) / 2
    z = (u - n * m / 2) / sqrt(n * m * (n + m + 1) / 12)
    return erfc(abs(z) / sqrt(2))


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_the_time_tells_nothing(everybody: World, one: str, other: str) -> None:
    """In the suite it only runs; with ANXIN_ROUNDS=10, 5,000 of each, interleaved: p > 0.01, medians within 2 ms."""
    everybody.execute(update(Account).values(wrong_passwords=0))
    times: dict[str, list[float]] = {one: [], other: []}
    for n in range(rounds(500) if FULL else 5):
        for state in (one, other) if n % 2 else (other, one):
            everybody.clock.pass_(seconds=61)
            times[state].append(timed(everybody, STATES[state]))
    p, apart = mann_whitney(times[one], times[other]), median(times[one]) - median(times[other])
    told(tried=sum(map(len, times.values())), microseconds_apart=int(apart * 1000), p_in_thousandths=int(p * 1000))
    if FULL:
        assert abs(apart) < 2
        assert p > 0.01


def test_the_test_of_times_would_notice() -> None:
    same = [n % 97 + n / 10_000 for n in range(2000)]
    later = [value + 5 for value in same]
    assert mann_whitney(same, [value + 0.00005 for value in same]) > 0.9
    assert mann_whitney(same, later) < 0.01
