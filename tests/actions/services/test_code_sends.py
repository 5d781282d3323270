"""How often codes leave: one in 60 s for a purpose, 5 an hour, 10 a day, over all conversations and channels (G8, T29)."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest

from actions.security.errors import OtpExhausted, OtpSuperseded, ResendTooSoon, SendsUsedUp
from actions.services.ports import NotSent
from tests.actions.security.rounds import rounds, told
from tests.actions.world import (
    LOCKED,
    NORMAL,
    UNKNOWN,
    UNLOCK,
    VERIFY,
    WRONG_BIRTH_DATE,
    Person,
    World,
    refusal_of,
)

PURPOSES = (VERIFY, UNLOCK, "reissue_password", "renew_certificate", "protect_account", "check_notice")
WHOEVER = [pytest.param(p, id=n) for p, n in ((NORMAL, "customer"), (UNKNOWN, "unknown"), (WRONG_BIRTH_DATE, "wrong"))]
AT_ONCE = rounds(20)


def sends(world: World, person: Person, times: int, apart: timedelta) -> list[str | None]:
    """Send from the next conversation, for the next purpose, by the next channel."""
    refusals = []
    for n in range(times):
        world.identify(f"c{n % 4}", person)
        send = partial(world.send, f"c{n % 4}", PURPOSES[n % 6], ("sms", "email")[n % 2])
        refusals.append(refusal_of(send))
        world.services.outbox.relay()
        world.clock.pass_(seconds=apart.total_seconds())
    return refusals


@pytest.mark.parametrize("person", WHOEVER)
def test_five_codes_are_sent_in_an_hour(world: World, person: Person) -> None:
    assert sends(world, person, 7, timedelta(seconds=61)) == [None] * 5 + ["SendsUsedUp"] * 2
    assert len(world.messenger.sent) == (5 if person is NORMAL else 0)


@pytest.mark.parametrize("person", WHOEVER)
def test_ten_codes_are_sent_in_twenty_four_hours(world: World, person: Person) -> None:
    assert sends(world, person, 12, timedelta(hours=2)) == [None] * 10 + ["SendsUsedUp"] * 2
    assert refusal_of(lambda: sends(world, person, 1, timedelta(0))) is None
    assert world.counts()["code_send"] == 11


def test_the_hour_ends_to_the_millisecond(world: World) -> None:
    sends(world, NORMAL, 5, timedelta(seconds=60))
    world.clock.pass_(minutes=55, milliseconds=-1)
    assert sends(world, NORMAL, 1, timedelta(milliseconds=1)) == ["SendsUsedUp"]
    assert sends(world, NORMAL, 1, timedelta(0)) == [None]


def test_the_refusal_says_from_when_on(world: World) -> None:
    sends(world, NORMAL, 5, timedelta(seconds=60))
    world.identify("c1", NORMAL)
    with pytest.raises(SendsUsedUp) as refused:
        world.send("c1")
    assert refused.value.facts == {"next_at": "2026/11/20 11:00"}


def test_the_pause_is_over_all_conversations_to_the_millisecond(world: World) -> None:
    world.identify("c1", NORMAL)
    world.identify("c2", NORMAL)
    world.send("c1")
    world.clock.pass_(milliseconds=59_999)
    with pytest.raises(ResendTooSoon):
        world.send("c2", channel="email")
    world.clock.pass_(milliseconds=1)
    world.send("c2", channel="email")


def test_another_customer_sends_as_if_nothing_was(world: World) -> None:
    sends(world, NORMAL, 5, timedelta(seconds=60))
    world.identify("c1", LOCKED)
    assert world.send("c1")


def test_a_refused_send_is_not_counted(world: World) -> None:
    world.identify("c1", NORMAL)
    world.send("c1")
    assert [refusal_of(lambda: world.send("c1")) for _ in range(20)] == ["ResendTooSoon"] * 20
    assert world.counts()["code_send"] == 1


def test_sends_that_were_not_delivered_count(world: World) -> None:
    world.messenger.problem = NotSent("refused")
    assert sends(world, NORMAL, 6, timedelta(seconds=60)) == [None] * 5 + ["SendsUsedUp"]
    assert (world.messenger.sent, world.counts()["code_send"]) == ([], 5)


def test_a_resend_kills_the_older_code_and_refills_nothing(world: World) -> None:
    world.identify("c1", NORMAL)
    first = world.send_code("c1")
    world.clock.pass_(seconds=60)
    world.send_code("c1")
    with pytest.raises(OtpSuperseded):
        world.enter("c1", first)
    for _ in range(2):
        refusal_of(lambda: world.enter("c1", first))
    with pytest.raises(OtpExhausted):
        world.enter("c1", first)
    assert world.rows()["guess_budget"][NORMAL.account]["evaluated"] == 3


@pytest.mark.parametrize("person", WHOEVER)
def test_of_many_sends_at_once_from_many_conversations_one_leaves(world: World, person: Person) -> None:
    for n in range(AT_ONCE):
        world.identify(f"c{n}", person)
    start = Barrier(8)

    def send(n: int) -> list[str | None]:
        start.wait(30)
        return [refusal_of(partial(world.send, f"c{k}")) for k in range(n, AT_ONCE, 8)]

    with ThreadPoolExecutor(8) as pool:
        outcome = Counter(each for share in pool.map(send, range(8)) for each in share)
    world.services.outbox.relay()
    told(tried=AT_ONCE, accepted=outcome[None], doubled=outcome[None] - 1)
    assert outcome == {None: 1, "ResendTooSoon": AT_ONCE - 1}
    assert (world.counts()["code_send"], len(world.messenger.sent)) == (1, 1 if person is NORMAL else 0)
