"""Two engines of one tracker database without a shared lock: the second one refuses to start, and says what is missing."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import time
from collections.abc import Callable, Coroutine, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from bot.engine import claim as claims
from bot.engine.claim import Claim, claim
from bot.rig.postgresql import PostgresServer
from bot.settings import SettingProblem, Settings, read_settings
from tests.engine.processes import free_port

FORKED = multiprocessing.get_context("fork")
SOON = 5.0
SHARED = {"ANXIN_REDIS_URL": "redis://127.0.0.1:1/0"}  # it is not asked here
CUT = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(claims, "LOOK_SECONDS", 0.1)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/var/trackers.sqlite"
    server: PostgresServer = request.getfixturevalue("postgresql")
    made: str = server.url(server.create())
    return made


def settings(url: str, **more: str) -> Settings:
    return read_settings({"ANXIN_TRACKERS_URL": url, **more})


def run(check: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(check())


async def held_soon(one: Claim, held: bool = True) -> float:
    """Return after how many seconds it is so; fail if it does not become so."""
    started = time.monotonic()
    while one.is_held() is not held:
        assert time.monotonic() - started < SOON
        await asyncio.sleep(0.01)
    return time.monotonic() - started


def test_the_first_engine_starts_and_the_second_does_not(url: str) -> None:
    async def check() -> None:
        first = await claim(settings(url))
        assert first.is_held()
        with pytest.raises(SettingProblem) as refused:
            await claim(settings(url))
        said = str(refused.value)
        assert "ANXIN_REDIS_URL" in said
        assert len(re.findall(r"[.!?](?:\s|$)", said)) == 1  # one sentence
        assert url not in said
        assert first.is_held()
        await first.release()

    run(check)


def test_engines_with_a_shared_lock_start_together(url: str) -> None:
    async def check() -> None:
        several = [await claim(settings(url, **SHARED)) for _ in range(3)]
        assert all(one.is_held() for one in several)
        for one in several:
            await one.release()

    run(check)


@pytest.mark.parametrize(("first", "second"), [({}, SHARED), (SHARED, {})])
def test_an_engine_with_the_shared_lock_and_one_without_do_not_run_together(
    url: str, first: dict[str, str], second: dict[str, str]
) -> None:
    async def check() -> None:
        one = await claim(settings(url, **first))
        with pytest.raises(SettingProblem):
            await claim(settings(url, **second))
        await one.release()

    run(check)


def test_another_database_is_not_claimed(url: str, postgresql: PostgresServer, tmp_path: Path) -> None:
    async def check() -> None:
        one = await claim(settings(url))
        other = await claim(settings(postgresql.url(postgresql.create())))
        third = await claim(settings(f"sqlite:///{tmp_path}/other.sqlite"))
        for held in (one, other, third):
            assert held.is_held()
            await held.release()

    run(check)


def test_an_engine_that_ends_in_order_makes_place(url: str) -> None:
    async def check() -> None:
        await (await claim(settings(url))).release()
        await (await claim(settings(url))).release()

    run(check)


def test_an_engine_that_is_just_ending_is_waited_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "PATIENCE_SECONDS", 2.0)

    async def check() -> None:
        before = await claim(settings(url))
        after = asyncio.create_task(claim(settings(url)))
        await asyncio.sleep(0.3)
        assert not after.done()
        await before.release()
        await (await after).release()

    run(check)


def _claim_and_hang(url: str, pipe: Connection) -> None:
    async def hang() -> None:
        held = await claim(settings(url))
        pipe.send(held.is_held())
        time.sleep(60)

    asyncio.run(hang())


def test_an_engine_that_stands_still_keeps_others_out_and_one_that_is_killed_does_not(url: str) -> None:
    ours, theirs = FORKED.Pipe()
    other = FORKED.Process(target=_claim_and_hang, args=(url, theirs))
    other.start()
    assert ours.recv() is True

    async def check() -> None:
        with pytest.raises(SettingProblem):
            await claim(settings(url))
        other.kill()
        other.join()
        await (await claim(settings(url))).release()

    run(check)


def test_a_lost_connection_is_noticed_at_once_and_made_anew(postgresql: PostgresServer) -> None:
    async def check() -> None:
        one = await claim(settings(postgresql.url(postgresql.create())))
        postgresql.execute(CUT)
        await held_soon(one, False)
        await held_soon(one)
        await one.release()

    run(check)


def test_an_engine_that_lost_its_claim_to_another_is_not_ready_until_that_one_has_gone(
    postgresql: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "PATIENCE_SECONDS", SOON)
    monkeypatch.setattr(claims, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(claims, "LOOK_SECONDS", 0.5)

    async def check() -> None:
        url = postgresql.url(postgresql.create())
        one = await claim(settings(url))
        waits = asyncio.create_task(claim(settings(url)))
        await asyncio.sleep(0.1)
        postgresql.execute(CUT)
        other = await waits
        await asyncio.sleep(1.2)
        assert (one.is_held(), other.is_held()) == (False, True)
        await other.release()
        await held_soon(one)
        await one.release()

    run(check)


def test_when_postgresql_stands_still_the_claim_is_not_believed_for_long(
    postgresql: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "ANSWER_SECONDS", 0.5)

    async def check() -> None:
        one = await claim(settings(postgresql.url(postgresql.create())))
        postgresql.freeze()
        await held_soon(one, False)
        postgresql.thaw()
        await held_soon(one)
        await one.release()

    run(check)


def test_an_engine_may_start_before_its_database() -> None:
    server = PostgresServer()
    url = server.url(server.create())
    server.kill()

    async def check() -> None:
        one = await claim(settings(url))
        assert not one.is_held()
        server.start()
        await held_soon(one)
        with pytest.raises(SettingProblem):
            await claim(settings(url))
        await one.release()

    run(check)
    server.remove()


def test_a_database_that_is_nowhere_is_told_without_its_address(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        one = await claim(settings(f"postgresql://demo:demo-password@127.0.0.1:{free_port()}/demo"))
        await asyncio.sleep(0.5)
        assert not one.is_held()
        await one.release()

    run(check)
    said = [record.getMessage() for record in caplog.records if record.name == claims.__name__]
    assert len(said) == 1
    assert "out of reach" in said[0]
    assert "demo" not in said[0]
