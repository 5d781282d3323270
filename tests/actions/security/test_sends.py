"""How often a code is sent (G8, T29)."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from actions.security.errors import Refusal, ResendTooSoon, SendsUsedUp
from actions.security.sends import Send, SendRules, may_send
from tests.actions.security.rounds import rounds, told
from tests.actions.world import START, TAIPEI

RULES = SendRules(TAIPEI)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(hours=24)
MILLISECOND = timedelta(milliseconds=1)
VERIFY, UNLOCK = "verify_identity", "unlock_password"
FACTS = [
    yaml.safe_load(file.read_text(encoding="utf-8"))
    for file in sorted((Path(__file__).parents[3] / "data/institutions").glob("*.yml"))
]


def sent(*ages: timedelta, purpose: str = VERIFY) -> list[Send]:
    return [Send(purpose, START - age) for age in ages]


def refused(sends: list[Send], purpose: str = VERIFY, now: datetime = START) -> Refusal | None:
    try:
        may_send(sends, purpose, now, RULES)
    except Refusal as refusal:
        return refusal
    return None


def name_of(refusal: Refusal | None) -> str | None:
    return type(refusal).__name__ if refusal else None


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: str(facts["id"]))
def test_the_pause_is_that_of_the_institution(facts: dict[str, dict[str, int]]) -> None:
    assert facts["limits"]["otp_resend_seconds"] == RULES.resend_seconds


def test_a_first_code_may_be_sent() -> None:
    assert refused([]) is None


@pytest.mark.parametrize(
    ("age", "seconds"),
    [
        (timedelta(0), 60),
        (MILLISECOND, 60),
        (timedelta(seconds=59), 1),
        (MINUTE - MILLISECOND, 1),
        (MINUTE, None),
        (MINUTE + MILLISECOND, None),
    ],
)
def test_another_code_may_be_sent_after_sixty_seconds_exactly(age: timedelta, seconds: int | None) -> None:
    refusal = refused(sent(age))
    assert (refusal.facts if refusal else None) == ({"seconds": seconds} if seconds else None)


def test_the_pause_is_of_one_purpose() -> None:
    assert refused(sent(MILLISECOND), UNLOCK) is None


def test_the_newest_send_counts_for_the_pause_wherever_it_stands() -> None:
    assert name_of(refused(sent(MILLISECOND, HOUR, 2 * HOUR))) == "ResendTooSoon"


@pytest.mark.parametrize(("count", "refusal"), [(4, None), (5, "SendsUsedUp"), (6, "SendsUsedUp")])
def test_five_codes_are_sent_in_an_hour(count: int, refusal: str | None) -> None:
    assert name_of(refused(sent(*(MINUTE * (n + 1) for n in range(count))))) == refusal


def test_all_purposes_share_the_hour() -> None:
    sends = sent(2 * MINUTE, 3 * MINUTE, 4 * MINUTE) + sent(5 * MINUTE, 6 * MINUTE, purpose=UNLOCK)
    assert name_of(refused(sends, "renew_certificate")) == "SendsUsedUp"


@pytest.mark.parametrize(("first", "refusal"), [(HOUR - MILLISECOND, "SendsUsedUp"), (HOUR, None)])
def test_the_hour_rolls(first: timedelta, refusal: str | None) -> None:
    assert name_of(refused(sent(first, *(MINUTE * (n + 1) for n in range(4))))) == refusal


@pytest.mark.parametrize(("count", "refusal"), [(9, None), (10, "SendsUsedUp")])
def test_ten_codes_are_sent_in_a_day(count: int, refusal: str | None) -> None:
    assert name_of(refused(sent(*(HOUR * (2 * n + 2) for n in range(count))))) == refusal


@pytest.mark.parametrize(("first", "refusal"), [(DAY - MILLISECOND, "SendsUsedUp"), (DAY, None)])
def test_the_day_rolls_and_knows_no_midnight(first: timedelta, refusal: str | None) -> None:
    assert name_of(refused(sent(first, *(HOUR * (2 * n + 2) for n in range(9))))) == refusal


def test_the_refusal_says_when_the_hour_has_room() -> None:
    refusal = refused(sent(*(MINUTE * (10 * n + 5) for n in range(5))))
    assert refusal
    assert refusal.facts == {"next_at": "2026/11/20 10:15"}


def test_the_refusal_says_the_later_of_hour_and_day() -> None:
    refusal = refused(sent(*(MINUTE * (n + 2) for n in range(5)), *(HOUR * (n + 10) for n in range(5))))
    assert refusal
    assert refusal.facts == {"next_at": "2026/11/20 20:00"}


def test_more_than_enough_sends_are_waited_for_until_there_is_room_for_one() -> None:
    refusal = refused(sent(*(MINUTE * (5 * n + 5) for n in range(7))))
    assert refusal
    assert refusal.facts == {"next_at": "2026/11/20 10:35"}


def test_what_lasts_longer_is_said() -> None:
    almost = sent(timedelta(seconds=1), *(MINUTE * 14 * (n + 1) + timedelta(seconds=1) for n in range(3)))
    assert name_of(refused([*almost, Send(UNLOCK, START - HOUR + timedelta(seconds=5))])) == "ResendTooSoon"
    assert name_of(refused([*almost, Send(UNLOCK, START - HOUR + timedelta(minutes=5))])) == "SendsUsedUp"


def test_of_two_that_end_together_the_limit_is_said() -> None:
    last_minute = [timedelta(seconds=0), *(MINUTE * 14 * (n + 1) for n in range(3)), HOUR - MINUTE]
    assert name_of(refused(sent(*last_minute))) == "SendsUsedUp"


def test_a_send_after_which_the_clock_was_set_back_counts() -> None:
    assert name_of(refused(sent(-HOUR))) == "ResendTooSoon"


def test_the_room_that_is_named_is_there_and_not_before() -> None:
    chance, histories, wrong = random.Random(8), rounds(2_000), 0
    for _ in range(histories):
        sends = [
            Send(chance.choice([VERIFY, UNLOCK]), START - timedelta(seconds=chance.randrange(0, 90_000, 60)))
            for _ in range(chance.randrange(0, 16))
        ]
        refusal = refused(sends)
        if isinstance(refusal, SendsUsedUp):
            then = datetime.strptime(str(refusal.facts["next_at"]), "%Y/%m/%d %H:%M").replace(tzinfo=TAIPEI)
        elif isinstance(refusal, ResendTooSoon):
            then = START + timedelta(seconds=int(refusal.facts["seconds"]))
        else:
            continue
        wrong += refused(sends, now=then) is not None
        wrong += refused(sends, now=then - MILLISECOND) is None
    told(histories=histories, wrong=wrong)
    assert wrong == 0


def test_no_order_of_asking_gets_more() -> None:
    chance, asked, granted, over = random.Random(9), 0, 0, 0
    for _ in range(rounds(20)):
        sends: list[Send] = []
        now = START
        for _ in range(150):
            asked += 1
            now += timedelta(seconds=chance.choice([0, 1, 30, 60, 300, 3600]))
            purpose = chance.choice([VERIFY, UNLOCK, "renew_certificate"])
            if refused(sends, purpose, now):
                continue
            sends.append(Send(purpose, now))
            granted += 1
            over += sum(now - send.at < HOUR for send in sends) > 5
            over += sum(now - send.at < DAY for send in sends) > 10
            over += sum(now - send.at < MINUTE and send.purpose == purpose for send in sends) > 1
    told(asked=asked, sent=granted, over_a_limit=over)
    assert over == 0
