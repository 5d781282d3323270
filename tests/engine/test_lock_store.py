"""The lock store as Rasa and the tracker store use it."""

from __future__ import annotations

import ast
import asyncio
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import rasa
from rasa.core.lock_store import LockStore
from rasa.utils.endpoints import EndpointConfig, read_endpoint_config

from bot.engine.lock_store import Locked, TurnLocks, current_fence
from bot.engine.rasa_private import TurnAborted
from bot.engine.redis_turns import RedisTurns
from bot.engine.turns import LocalTurns
from bot.rig.redis import RedisServer
from bot.settings import SettingProblem

NAME = "bot.engine.lock_store.TurnLocks"


@pytest.fixture(params=["in process", "redis"])
def locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[TurnLocks]:
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis")
        monkeypatch.setenv("ANXIN_REDIS_URL", server.url)
    return TurnLocks()


def run(check: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(check())


def test_rasa_makes_it_as_endpoints_name_it(tmp_path: Path) -> None:
    endpoints = tmp_path / "endpoints.yml"
    endpoints.write_text(f"lock_store:\n  type: {NAME}\n")
    config = read_endpoint_config(str(endpoints), endpoint_type="lock_store")
    assert isinstance(LockStore.create(config), TurnLocks)


def test_settings_say_where_turns_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(LockStore.create(EndpointConfig(type=NAME)).turns, LocalTurns)
    monkeypatch.setenv("ANXIN_REDIS_URL", "redis://127.0.0.1:1/0")
    assert isinstance(LockStore.create(EndpointConfig(type=NAME)).turns, RedisTurns)


def test_rasa_asks_a_lock_store_for_nothing_but_a_lock() -> None:
    asked = set()
    for file in Path(rasa.__file__).parent.rglob("*.py"):
        if file.name != "lock_store.py":
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and "lock_store" in ast.unparse(node.value).split("."):
                    asked.add(node.attr)
    assert asked - {"type", "__class__"} == {"lock"}


def test_a_turn_has_a_number_that_its_own_task_and_conversation_see(locks: TurnLocks) -> None:
    async def check() -> None:
        assert current_fence("a") is None
        async with locks.lock("a", lock_lifetime=60, wait_time_in_seconds=1) as turn:
            assert current_fence("a") == turn.fence
            assert current_fence("b") is None
            assert await asyncio.create_task(asyncio.sleep(0, current_fence("a"))) == turn.fence
        assert current_fence("a") is None
        await locks.close()

    run(check)


def test_the_next_turn_has_a_higher_number(locks: TurnLocks) -> None:
    async def check() -> None:
        async with locks.lock("a") as first:
            pass
        async with locks.lock("a") as second:
            assert second.fence > first.fence
        await locks.close()

    run(check)


def test_whoever_stored_last_with_a_higher_number_is_in_the_right(locks: TurnLocks) -> None:
    async def check() -> None:
        async with locks.lock("a") as turn:
            assert current_fence("a", stored=turn.fence) == turn.fence
            with pytest.raises(TurnAborted) as aborted:
                current_fence("a", stored=turn.fence + 1, done="no")
            assert (aborted.value.error, aborted.value.done) == ("busy", "no")
        async with locks.lock("a") as later:
            assert later.fence > turn.fence + 1
        await locks.close()

    run(check)


def test_how_long_turns_are_waited_for_can_be_measured(locks: TurnLocks) -> None:
    async def check() -> None:
        seconds: list[float] = []
        locks.waited = seconds.append

        async def second() -> None:
            async with locks.lock("a"):
                pass

        async with locks.lock("a"):
            waits = asyncio.create_task(second())
            await asyncio.sleep(0.1)
        await waits
        assert seconds[0] < 0.1 <= seconds[1] + 0.01
        await locks.close()

    run(check)


def test_an_error_in_a_turn_goes_on_and_the_turn_is_given_back(locks: TurnLocks) -> None:
    async def check() -> None:
        for problem in (ValueError, TurnAborted):
            with pytest.raises(problem):
                async with locks.lock("a"):
                    raise problem() if problem is ValueError else TurnAborted("actions_down", "unknown")
        async with locks.lock("a"):
            pass
        await locks.close()

    run(check)


def test_a_turn_beyond_its_lease_cannot_write(redis: RedisServer) -> None:
    async def check() -> None:
        turns = RedisTurns(redis.url, lease_seconds=0.05)
        async with Locked(turns, "a"):
            assert current_fence("a")
            time.sleep(0.06)
            with pytest.raises(TurnAborted) as aborted:
                current_fence("a")
            assert aborted.value.done == "unknown"
        await turns.close()

    run(check)


def test_who_lost_its_turn_does_not_find_the_number_of_the_next_one(redis: RedisServer) -> None:
    async def check() -> None:
        turns, lost, go_on = RedisTurns(redis.url, lease_seconds=0.05), asyncio.Event(), asyncio.Event()

        async def slow() -> None:
            async with Locked(turns, "a"):
                lost.set()
                await go_on.wait()
                with pytest.raises(TurnAborted):
                    current_fence("a")

        slowly = asyncio.create_task(slow())
        await lost.wait()
        async with Locked(turns, "a"):
            go_on.set()
            await slowly
        await turns.close()

    run(check)


def test_an_address_that_is_none_is_told_without_what_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANXIN_REDIS_URL", "redis://:demo-password/more@127.0.0.1:6379/0")
    with pytest.raises(SettingProblem) as problem:
        LockStore.create(EndpointConfig(type=NAME))
    assert "ANXIN_REDIS_URL" in str(problem.value)
    assert "demo-password" not in "".join(traceback.format_exception(problem.value))


def test_no_password_of_redis_is_in_what_is_logged(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ANXIN_REDIS_URL", redis.url.replace("//", "//:demo-password@"))

    async def check() -> None:
        locks = TurnLocks()
        with pytest.raises(TurnAborted) as aborted:
            await locks.turns.take("a")
        assert aborted.value.error == "database_down"
        assert "demo-password" not in f"{aborted.value.__cause__!r} {caplog.text}"

    run(check)
