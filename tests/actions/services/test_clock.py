"""The database's clock decides: a replica whose own clock is off decides no differently (G3, G15, T38)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text, update

from actions.adapters.system_clock import SystemClock
from actions.bootstrap import Services, build
from actions.security.errors import OtpExpired
from actions.storage.clock import db_now
from actions.storage.models import ChallengeRecord
from bot.settings import Settings
from tests.actions.world import NORMAL, VERIFY, RecordingMessenger, World, on_postgresql

HOUR, NEAR = timedelta(hours=1), timedelta(seconds=30)


pytestmark = on_postgresql  # SQLite has no clock of its own; all its processes are on one machine


@pytest.fixture(params=[-HOUR, timedelta(0), HOUR], ids=["an hour slow", "right", "an hour fast"])
def off(request: pytest.FixtureRequest) -> timedelta:
    off: timedelta = request.param
    return off


@pytest.fixture
def replica(settings: Settings, off: timedelta, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A replica on PostgreSQL without an override, in a process whose clock is off."""
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + off.total_seconds())
    monkeypatch.setattr(SystemClock, "now", lambda _: datetime.fromtimestamp(right(), UTC) + off)
    messenger = RecordingMessenger()
    services: Services = build(settings, None, messenger)
    yield World(services, services.clock, messenger)  # type: ignore[arg-type]
    services.work.dispose()


def of_database(world: World) -> datetime:
    with world.services.work.look() as session:
        moment: datetime = session.scalars(text("SELECT clock_timestamp()")).one()
        assert abs(db_now(session) - moment) < NEAR
    return moment.astimezone(UTC)


def test_the_life_of_a_code_is_told_by_the_database(replica: World, off: timedelta) -> None:
    replica.identify("c1", NORMAL)
    sent = replica.send("c1")
    now = of_database(replica)
    assert abs(sent.expires_at - now - timedelta(minutes=5)) < NEAR
    assert abs(replica.services.clock.now() - now - off) < NEAR


def test_a_code_is_good_whatever_the_process_thinks(replica: World) -> None:
    replica.identify("c1", NORMAL)
    replica.enter("c1", replica.send_code("c1"))
    assert replica.services.one_time_password.is_verified("c1", VERIFY)


def test_a_code_that_the_database_calls_expired_is(replica: World) -> None:
    replica.identify("c1", NORMAL)
    code = replica.send_code("c1")
    replica.execute(update(ChallengeRecord).values(expires_at=of_database(replica)))
    with pytest.raises(OtpExpired):
        replica.enter("c1", code)


def test_two_replicas_whose_clocks_differ_send_one_code_a_minute(replica: World, settings: Settings) -> None:
    other = build(settings, None, RecordingMessenger())
    replica.identify("c1", NORMAL)
    replica.send("c1")
    with pytest.raises(Exception, match="ResendTooSoon"):
        other.one_time_password.send("c1", VERIFY, "sms", "zh-Hant")
    other.work.dispose()


def test_the_time_is_that_of_the_call_and_not_of_the_transactions_start(replica: World) -> None:
    with replica.services.work.begin() as session:
        first = db_now(session)
        session.execute(text("SELECT pg_sleep(0.05)"))
        assert db_now(session) - first >= timedelta(seconds=0.05)
