"""Clocks that are set while it runs (G3, G5, G15, T38): SQLite has the machine's clock, PostgreSQL its own.

What a step back does on SQLite: a code dies at once if it was sent after the new time, nothing can be sent again until
the clock has caught up, and no day begins twice. A step back that is shorter than a code is old lengthens its life by
the step; PostgreSQL on a host with a steady clock does not know that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from actions.adapters.system_clock import SystemClock
from actions.bootstrap import build
from actions.security.secret import Secret
from actions.services.hotline import Caller
from actions.storage.models import Account
from bot.rig.postgresql import PostgresServer
from bot.settings import read_settings
from tests.actions.world import LOCKED, START, TAIPEI, RecordingMessenger, SettableClock, World, refusal_of

HOURS = (-25, -1, 1, 25)
MIDNIGHT = datetime(2026, 11, 21, 0, 30, tzinfo=TAIPEI)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock, messenger = SettableClock(), RecordingMessenger()
    services = build(read_settings({"ANXIN_VAR": str(tmp_path / "var")}), clock, messenger)
    yield World(services, clock, messenger)
    services.work.dispose()


def lock_again(world: World) -> None:
    world.execute(update(Account).where(Account.id == LOCKED.account).values(locked_at=world.clock.now()))


@pytest.mark.parametrize("hours", HOURS)
def test_a_code_that_expired_is_refused_wherever_the_clock_is_set(world: World, hours: int) -> None:
    world.identify("c1", LOCKED)
    code = world.send_code("c1")
    world.clock.pass_(seconds=300)
    world.clock.pass_(hours=hours)
    assert refusal_of(lambda: world.enter("c1", code)) in ("OtpExpired", "NotIdentified")


@pytest.mark.parametrize("hours", HOURS)
def test_a_used_code_is_refused_wherever_the_clock_is_set(world: World, hours: int) -> None:
    code = world.verify("c1", LOCKED)
    world.clock.pass_(hours=hours)
    assert refusal_of(lambda: world.enter("c1", code, "unlock_password")) in ("OtpUsed", "NotIdentified")


@pytest.mark.parametrize("hours", HOURS)
def test_a_verified_code_gives_nothing_after_a_step(world: World, hours: int) -> None:
    world.verify("c1", LOCKED)
    world.clock.pass_(hours=hours)
    assert refusal_of(lambda: world.unlock("c1")) == "UnlockUnverified"


@pytest.mark.parametrize("how", ["chat", "hotline"])
def test_a_step_back_over_midnight_brings_no_second_unlock(world: World, how: str) -> None:
    world.clock.set(MIDNIGHT)
    world.verify("c1", LOCKED)
    world.unlock("c1")
    lock_again(world)
    world.clock.pass_(hours=-1)  # yesterday, on which nothing was unlocked
    assert refusal_of(second_unlock(world, how)) in ("UnlockUsedToday", "ResendTooSoon")


def second_unlock(world: World, how: str) -> Callable[[], object]:
    if how == "hotline":
        caller = Caller("hnyc", Secret(LOCKED.number))
        return lambda: world.services.hotline.unlock(caller, "key-2", "demo", "zh-Hant")

    def chat() -> None:
        world.verify("c2", LOCKED)
        world.unlock("c2")

    return chat


def test_a_step_forward_and_back_brings_one_unlock_for_both_days(world: World) -> None:
    world.clock.set(START + timedelta(days=1))  # set wrong
    world.verify("c1", LOCKED)
    world.unlock("c1")
    lock_again(world)
    world.clock.set(START)
    assert refusal_of(second_unlock(world, "hotline")) == "UnlockUsedToday"


def test_a_step_back_gives_no_more_sends(world: World) -> None:
    world.identify("c1", LOCKED)
    world.send_code("c1")
    world.clock.pass_(hours=-1)
    world.identify("c1", LOCKED)
    assert refusal_of(lambda: world.send("c1")) == "ResendTooSoon"


@pytest.mark.parametrize("hours", HOURS)
def test_a_step_of_a_replica_does_not_concern_postgresql(
    server: PostgresServer, tmp_path: Path, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"ANXIN_VAR": str(tmp_path / "var"), "ANXIN_SECURITY_URL": server.url(server.create())}
    messenger, real = RecordingMessenger(), SystemClock.now
    services = build(read_settings(environment), None, messenger)
    world = World(services, SettableClock(), messenger)
    world.identify("c1", LOCKED)
    code = world.send_code("c1", "unlock_password")
    monkeypatch.setattr(SystemClock, "now", lambda self: real(self) + timedelta(hours=hours))
    world.enter("c1", code, "unlock_password")
    assert world.unlock("c1").startswith("UL-")
    lock_again(world)
    assert refusal_of(second_unlock(world, "hotline")) == "UnlockUsedToday"
    services.work.dispose()
