"""The relay among others: several at once, a database that goes away, messages that are too late, a process that ends."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from actions.bootstrap import build
from actions.services.outbox import Outbox
from actions.services.ports import Message, NotSent
from actions.storage.outbox import Claim
from bot.settings import Settings
from tests.actions.security.rounds import rounds, told
from tests.actions.world import RecordingMessenger, SettableClock, World

CANARY = "canary-918273-canary"
NOTICE = {
    "time": "2026/11/20 10:00:00",
    "receipt": "UL-20261120-7K3M",
    "reference": "NT-20261120-7K3M-QXRT",
    "link": "https://chat.example/",
}


def queue(world: World, kind: str = "password_unlocked", to: str | None = "demo@example.com", **more: Any) -> str:
    channel = "sms" if kind == "one_time_code" else "email"
    values = {"code": CANARY, "minutes": "3"} if kind == "one_time_code" else NOTICE
    with world.services.work.begin() as session:
        id_ = world.services.outbox.add(session, "hnyc", kind, channel, to, "zh-Hant", values, **more)
        session.commit()
    return id_


def row(world: World, id_: str) -> dict[str, Any]:
    return world.rows()["outbox"][id_]


# --- what is queued -------------------------------------------------------------------------------


def test_a_message_leaves_under_the_id_it_was_queued_with(world: World) -> None:
    id_ = queue(world)
    world.services.outbox.relay()
    assert [message.id for message in world.messenger.sent] == [id_]


def test_a_message_to_nobody_has_an_id_as_well(world: World) -> None:
    assert row(world, queue(world, to=None))["state"] == "void"


def test_a_message_is_good_for_what_is_left_of_its_time(world: World) -> None:
    queue(world, ttl_seconds=300)
    world.clock.pass_(seconds=20.5)
    world.services.outbox.relay()
    assert [message.ttl_seconds for message in world.messenger.sent] == [280]


def test_codes_leave_before_notices(world: World) -> None:
    queue(world)
    world.clock.pass_(seconds=1)
    queue(world, "one_time_code")
    world.services.outbox.relay()
    assert [message.channel for message in world.messenger.sent] == ["sms", "email"]


# --- too late -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "ttl", "waits", "leaves"),
    [
        ("one_time_code", 300, 59.999, True),
        ("one_time_code", 300, 60, False),
        ("one_time_code", None, 60, False),
        ("one_time_code", 30, 29.999, True),
        ("one_time_code", 30, 30, False),
        ("password_unlocked", None, 86_400 * 3, True),
        ("password_unlocked", 3600, 3599.999, True),
        ("password_unlocked", 3600, 3600, False),
    ],
)
def test_what_is_too_late_does_not_leave(world: World, kind: str, ttl: int | None, waits: float, leaves: bool) -> None:
    id_ = queue(world, kind, ttl_seconds=ttl)
    world.clock.pass_(seconds=waits)
    assert world.services.outbox.relay() == int(leaves)
    if not leaves:
        assert (row(world, id_)["state"], row(world, id_)["problem"]) == ("dead", "too late")


# --- erased ---------------------------------------------------------------------------------------


@contextmanager
def looking_for(stored: Callable[[], list[Path]], *canaries: bytes) -> Iterator[list[str]]:
    """Collect, when the block ends, the files that hold one of `canaries`."""
    found: list[str] = []
    yield found
    for file in stored():
        held = file.read_bytes()
        found += [file.name for canary in canaries if canary in held]


@pytest.mark.parametrize("fate", ["sent", "dead", "void"])
def test_a_code_is_in_no_store_after_sending(world: World, stored: Callable[[], list[Path]], fate: str) -> None:
    world.messenger.problem = NotSent("refused") if fate == "dead" else None
    with looking_for(stored, CANARY.encode(), CANARY.encode("utf-16-le")) as found:
        ids = [queue(world, "one_time_code", None if fate == "void" else "0900000000") for _ in range(5)]
        world.services.outbox.relay()
    assert not found
    assert {(row(world, id_)["state"], row(world, id_)["ciphertext"]) for id_ in ids} == {(fate, b"")}


# --- several at once ------------------------------------------------------------------------------


@contextmanager
def replicas(settings: Settings, clock: SettableClock, count: int) -> Iterator[list[Outbox]]:
    """Yield the outboxes of so many processes on one database."""
    made = [build(settings, clock, RecordingMessenger()) for _ in range(count)]
    yield [services.outbox for services in made]
    for services in made:
        services.work.dispose()


def test_of_many_relays_each_message_leaves_through_one(world: World, settings: Settings, clock: SettableClock) -> None:
    messages = rounds(120)
    ids = [queue(world, "one_time_code" if number % 3 else "password_unlocked") for number in range(messages)]
    messenger = Together()
    with replicas(settings, clock, 3) as outboxes:
        for outbox in outboxes:
            outbox._messenger = messenger
        threads = [threading.Thread(target=outbox.relay) for outbox in outboxes for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    told(queued=messages, sent=len(messenger.ids), doubled=len(messenger.ids) - len(set(messenger.ids)))
    assert Counter(messenger.ids) == Counter(ids)
    assert {each["state"] for each in world.rows()["outbox"].values()} == {"sent"}


class Together:
    """Takes messages from many threads."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def send(self, message: Message) -> None:
        self.ids.append(message.id)


class Hangs(RecordingMessenger):
    """Hangs with the first e-mail until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = threading.Event(), threading.Event()

    def send(self, message: Message) -> None:
        if message.channel == "email":
            self.begun.set()
            self.go.wait(30)
        super().send(message)


def test_a_code_does_not_wait_for_a_mail_server_that_hangs(world: World) -> None:
    messenger = Hangs()
    world.services.outbox._messenger = messenger
    queue(world)
    queue(world)
    hanging = threading.Thread(target=world.services.outbox.relay)
    hanging.start()
    assert messenger.begun.wait(10)
    queue(world, "one_time_code")
    world.services.outbox.relay()
    assert [message.channel for message in messenger.sent] == ["sms"]
    messenger.go.set()
    hanging.join(30)
    assert len(messenger.sent) == 3


def test_a_relay_that_is_stopped_ends_after_the_message_it_is_at(world: World) -> None:
    messenger = Hangs()
    world.services.outbox._messenger = messenger
    first = queue(world)
    world.clock.pass_(milliseconds=1)
    second = queue(world)
    going = threading.Thread(target=world.services.outbox.relay)
    going.start()
    assert messenger.begun.wait(10)
    world.services.outbox.stop()
    messenger.go.set()
    going.join(30)
    assert (row(world, first)["state"], row(world, second)["state"]) == ("sent", "queued")


# --- a relay that comes late, a database that goes away -------------------------------------------


@pytest.mark.parametrize("problem", [None, NotSent("refused")])
def test_a_relay_that_outlived_its_lease_changes_nothing_that_another_did(
    world: World, settings: Settings, clock: SettableClock, problem: NotSent | None
) -> None:
    with replicas(settings, clock, 1) as (other,):

        class Slow(RecordingMessenger):
            def send(self, message: Message) -> None:
                clock.pass_(seconds=61)
                assert other.relay() == 1
                self.problem = problem
                super().send(message)

        world.services.outbox._messenger = Slow()
        id_ = queue(world)
        world.services.outbox.relay()
    assert (row(world, id_)["state"], row(world, id_)["ciphertext"]) == ("sent", b"")


def test_a_code_whose_relay_outlived_its_lease_is_not_sent_by_another(
    world: World, settings: Settings, clock: SettableClock
) -> None:
    with replicas(settings, clock, 1) as (other,):

        class Slow(RecordingMessenger):
            def send(self, message: Message) -> None:
                clock.pass_(seconds=61)
                assert other.relay() == 0
                super().send(message)

        world.services.outbox._messenger = Slow()
        id_ = queue(world, "one_time_code")
        world.services.outbox.relay()
    assert row(world, id_)["state"] == "sent"  # which is the truth


@pytest.mark.parametrize("kind", ["one_time_code", "password_unlocked"])
def test_what_left_before_the_database_went_away_does_not_leave_again(
    world: World, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone(Exception):
        pass

    def goes_away(*_: object) -> None:
        raise Gone

    id_ = queue(world, kind)
    with monkeypatch.context() as away:
        away.setattr("actions.storage.outbox.settle", goes_away)
        for _ in range(3):
            with pytest.raises(Gone):
                world.services.outbox.relay()
    world.clock.pass_(seconds=300)
    world.services.outbox.relay()
    assert (world.messenger.tried, row(world, id_)["state"]) == (1, "sent")


def test_nothing_is_claimed_twice_in_one_moment(world: World) -> None:
    queue(world)
    claims: list[Claim | None] = [world.services.outbox._next(None, at_most_once=False) for _ in range(2)]
    assert [claim is None for claim in claims] == [False, True]


def test_an_idle_relay_writes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    queue(world)
    world.services.outbox.relay()
    before = world.rows()["outbox"]
    world.clock.pass_(days=1)
    world.services.outbox.relay()
    assert world.rows()["outbox"] == before


def test_a_day_of_waits_is_a_day(world: World) -> None:
    id_ = queue(world)
    world.messenger.problem = NotSent("refused")
    world.clock.pass_(days=2)  # the relay was away: what it finds is tried at least once
    world.services.outbox.relay()
    assert (row(world, id_)["state"], world.messenger.tried) == ("dead", 1)


def test_the_session_clock_decides(world: World) -> None:
    def queued(session: Session) -> str:
        return world.services.outbox.add(session, "hnyc", "password_unlocked", "email", "a@example.com", "en", NOTICE)

    with world.services.work.begin() as session:
        id_ = queued(session)
        session.commit()
    assert abs(row(world, id_)["queued_at"] - world.clock.now()) < timedelta(seconds=1)
