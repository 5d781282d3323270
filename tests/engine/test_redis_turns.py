"""Several engines and one Redis: turns are taken one after the other whatever dies, stands still or is lost."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from bot.engine.lock_store import Locked, current_fence
from bot.engine.rasa_private import TurnAborted
from bot.engine.redis_turns import ANSWER_SECONDS, HEARTBEAT_SECONDS, LAST, LEASE_SECONDS, SILENCE_SECONDS, RedisTurns
from bot.engine.turns import WAIT_SECONDS, Turn
from bot.rig.redis import RedisServer
from tests.actions.security.rounds import rounds, told

FORKED = multiprocessing.get_context("fork")  # Rasa is imported already
TURNS, CANCELS, STRIKES = rounds(5), rounds(150), rounds(10)  # here, because tests see none of our settings
SOON = 0.5  # what needs milliseconds, on a machine that is busy


@pytest.fixture
def own() -> Iterator[RedisServer]:
    """A Redis to be killed."""
    server = RedisServer()
    yield server
    server.remove()


@asynccontextmanager
async def engines(server: RedisServer, number: int, **times: float) -> AsyncIterator[list[RedisTurns]]:
    made = [RedisTurns(server.url, **times) for _ in range(number)]
    yield made
    for engine in made:
        await engine.close()


@asynccontextmanager
async def taken(engine: RedisTurns, conversation: str) -> AsyncIterator[Turn]:
    turn = await engine.take(conversation)
    try:
        yield turn
    finally:
        await engine.give(turn)


def run(check: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(check())


async def refusal(of: Coroutine[Any, Any, Turn]) -> tuple[str, str, float]:
    """Return why a turn was refused, what was done, and after how many seconds."""
    started = time.monotonic()
    with pytest.raises(TurnAborted) as aborted:
        await of
    return aborted.value.error, aborted.value.done, time.monotonic() - started


async def waiting(server: RedisServer, conversation: str, number: int) -> None:
    with server.client as client:
        while client.zcard(f"anxin:turn:{conversation}:waiting") != number:
            await asyncio.sleep(0.002)


def keys(server: RedisServer) -> set[str]:
    with server.client as client:
        return set(client.scan_iter(count=10_000))


# --- one after the other --------------------------------------------------------------------------------------------


def _count_up(url: str, folder: Path, coroutines: int, turns: int, ready: Any) -> None:
    """In a process of its own: add to the counter of one of three conversations, in a way that loses what overlaps."""

    async def one(engine: RedisTurns, draw: random.Random) -> None:
        for _ in range(turns):
            file = folder / draw.choice("abc")
            async with taken(engine, file.name) as turn:
                number = int(file.read_text() or 0)
                await asyncio.sleep(draw.random() / 500)
                file.write_text(str(number + 1))
                with (folder / f"{file.name}.fences").open("a") as fences:
                    fences.write(f"{turn.fence}\n")

    async def all_of_them() -> None:
        engine = RedisTurns(url, wait_seconds=60)
        ready.wait()
        await asyncio.gather(*(one(engine, random.Random(f"{os.getpid()} {place}")) for place in range(coroutines)))
        await engine.close()

    asyncio.run(all_of_them())


def test_three_processes_take_turns_one_after_the_other(redis: RedisServer, tmp_path: Path) -> None:
    processes, coroutines, turns = 3, 20, TURNS
    for name in "abc":
        (tmp_path / name).write_text("")
    ready = FORKED.Barrier(processes)
    line = (redis.url, tmp_path, coroutines, turns, ready)
    started = [FORKED.Process(target=_count_up, args=line) for _ in range(processes)]
    for process in started:
        process.start()
    for process in started:
        process.join()
        assert process.exitcode == 0
    told(turns=processes * coroutines * turns)
    assert sum(int((tmp_path / name).read_text()) for name in "abc") == processes * coroutines * turns
    for name in "abc":
        fences = [int(line) for line in (tmp_path / f"{name}.fences").read_text().split()]
        assert fences == sorted(set(fences))
    assert keys(redis) == {LAST}


def test_over_all_engines_in_the_order_in_which_they_came(redis: RedisServer) -> None:
    async def check() -> None:
        served = []

        async def one(engine: RedisTurns, number: int) -> None:
            async with taken(engine, "a"):
                served.append(number)

        async with engines(redis, 3) as made:
            async with taken(made[0], "a"):
                tasks = []
                for number in range(12):
                    tasks.append(asyncio.create_task(one(made[number % 3], number)))
                    await waiting(redis, "a", number + 1)
                await asyncio.sleep(2 * SILENCE_SECONDS)  # they go on asking, and keep their places
                assert served == []
            await asyncio.gather(*tasks)
        assert served == list(range(12))

    run(check)


def test_who_waits_is_called_and_does_not_find_out_by_asking(redis: RedisServer) -> None:
    async def check() -> None:
        passed: list[float] = []

        async def one(engine: RedisTurns) -> None:
            async with taken(engine, "a"):
                passed.append(time.monotonic())

        async with engines(redis, 3) as made:
            async with taken(made[0], "a"):
                tasks = [asyncio.create_task(one(made[number % 3])) for number in range(20)]
                await waiting(redis, "a", 20)
                await asyncio.sleep(2 * HEARTBEAT_SECONDS)
            await asyncio.gather(*tasks)
        between = sorted(after - before for before, after in itertools.pairwise(passed))
        told(microseconds_to_the_next=round(between[len(between) // 2] * 1e6))
        assert between[len(between) // 2] < HEARTBEAT_SECONDS / 4

    run(check)


def test_a_free_turn_is_one_question_and_one_more_when_it_is_given_back(redis: RedisServer) -> None:
    async def check() -> None:
        async with engines(redis, 1) as (one,):
            async with taken(one, "a"):
                pass  # connected, and the scripts are there
            with redis.client as client:
                client.config_resetstat()
                for number in range(10):
                    async with taken(one, f"demo-{number}"):
                        pass
                asked = client.info("commandstats")
        assert asked["cmdstat_evalsha"]["calls"] == 20
        assert not {"cmdstat_eval", "cmdstat_script|load", "cmdstat_ping", "cmdstat_subscribe"} & set(asked)

    run(check)


def test_waiting_leaves_no_connections_behind(redis: RedisServer) -> None:
    async def check() -> None:
        async with engines(redis, 2) as (one, other):
            for _ in range(20):
                async with taken(one, "a"):
                    waits = asyncio.create_task(other.take("a"))
                    await waiting(redis, "a", 1)
                await other.give(await waits)
            await asyncio.sleep(0.05)
            with redis.client as client:
                assert client.info("clients")["connected_clients"] < 8

    run(check)


def test_another_conversation_does_not_wait(redis: RedisServer) -> None:
    async def check() -> None:
        async with engines(redis, 2) as (one, other), taken(one, "a"), taken(other, "b"):
            pass

    run(check)


def test_waiting_ends(redis: RedisServer) -> None:
    async def check() -> None:
        async with engines(redis, 2) as (one, other), taken(one, "a"):
            refused = await asyncio.gather(*(refusal(other.take("a")) for _ in range(20)))
        assert {(error, done) for error, done, _ in refused} == {("busy", "no")}
        assert all(WAIT_SECONDS <= took < WAIT_SECONDS + SOON for *_, took in refused)
        assert not [key for key in keys(redis) if not key.startswith(("anxin:withdrawn:", LAST))]

    run(check)


def test_a_thousand_conversations_leave_one_key(redis: RedisServer) -> None:
    async def check() -> None:
        async with engines(redis, 2) as made:

            async def one(engine: RedisTurns, numbers: range) -> None:
                for number in numbers:
                    async with taken(engine, f"demo-{number}"):
                        pass

            await asyncio.gather(*(one(made[place % 2], range(place, 1000, 10)) for place in range(10)))
        assert keys(redis) == {LAST}

    run(check)


# --- who leaves -----------------------------------------------------------------------------------------------------


def test_who_leaves_while_waiting_is_passed_over_at_once(redis: RedisServer) -> None:
    async def check() -> None:
        async with engines(redis, 2) as (one, other):
            async with taken(one, "a"):
                first = asyncio.create_task(other.take("a"))
                await waiting(redis, "a", 1)
                second = asyncio.create_task(other.take("a"))
                await waiting(redis, "a", 2)
                first.cancel()
                await waiting(redis, "a", 1)
            await other.give(await asyncio.wait_for(second, SOON))

    run(check)


def test_whoever_is_cancelled_whenever_the_turn_is_free_again_at_once(redis: RedisServer) -> None:
    async def check() -> None:
        draw = random.Random(7)
        async with engines(redis, 2) as made:
            cancelled = 0
            for _ in range(CANCELS):
                asking = asyncio.create_task(made[0].take("a"))
                for _ in range(draw.randrange(40)):
                    await asyncio.sleep(0)
                asking.cancel()
                try:
                    await made[0].give(await asking)  # it had the turn already
                except asyncio.CancelledError:
                    cancelled += 1
                turn = await asyncio.wait_for(made[1].take("a"), SOON)
                await made[1].give(turn)
            assert cancelled > 20
        assert not [key for key in keys(redis) if not key.startswith(("anxin:withdrawn:", LAST))]

    run(check)


def test_a_turn_that_is_cancelled_is_given_back(redis: RedisServer) -> None:
    async def check() -> None:
        async with engines(redis, 2) as (one, other):

            async def hang() -> None:
                async with Locked(one, "a"):
                    await asyncio.sleep(60)

            hanging = asyncio.create_task(hang())
            await asyncio.sleep(0.1)
            hanging.cancel()
            await other.give(await asyncio.wait_for(other.take("a"), SOON))

    run(check)


# --- who dies or stands still ---------------------------------------------------------------------------------------


def _hold(url: str, lease: float, file: Path, pipe: Connection) -> None:
    """In a process of its own: take the turn, say so, and when told to, write as a tracker store would."""

    async def hold() -> None:
        engine = RedisTurns(url, lease_seconds=lease)
        async with Locked(engine, "a") as turn:
            pipe.send(turn.fence)
            pipe.recv()  # blocks the process, as something that hangs would
            try:
                pipe.send(current_fence("a"))
            except TurnAborted as aborted:
                pipe.send(aborted.error)
            pipe.send(write(file, turn.fence))

    asyncio.run(hold())


def _wait_in_line(url: str, pipe: Connection) -> None:
    async def wait() -> None:
        pipe.send("waiting")
        await RedisTurns(url).take("a")

    asyncio.run(wait())


def write(file: Path, fence: int) -> bool:
    """Write as a store does that refuses lower numbers; return whether it did."""
    with sqlite3.connect(file) as store:
        store.execute("CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY, fence INTEGER)")
        store.execute("INSERT OR IGNORE INTO state VALUES (1, 0)")
        return store.execute("UPDATE state SET fence = ? WHERE fence <= ?", (fence, fence)).rowcount == 1


def test_one_who_was_killed_is_waited_for_no_longer_than_its_lease(redis: RedisServer, tmp_path: Path) -> None:
    lease = 1.0
    ours, theirs = FORKED.Pipe()
    holder = FORKED.Process(target=_hold, args=(redis.url, lease, tmp_path / "store", theirs))
    holder.start()
    fence, started = ours.recv(), time.monotonic()
    holder.kill()
    holder.join()

    async def check() -> None:
        async with engines(redis, 1) as (other,), taken(other, "a") as turn:
            assert lease - 0.2 < time.monotonic() - started < lease + HEARTBEAT_SECONDS + SOON
            assert turn.fence > fence

    run(check)


def test_one_who_was_killed_while_it_waited_is_passed_over(redis: RedisServer) -> None:
    async def check() -> None:
        async with engines(redis, 2) as (one, other):
            async with taken(one, "a"):
                _, theirs = FORKED.Pipe()
                dead = FORKED.Process(target=_wait_in_line, args=(redis.url, theirs))
                dead.start()
                await waiting(redis, "a", 1)
                behind = asyncio.create_task(other.take("a"))
                await waiting(redis, "a", 2)
                dead.kill()
                dead.join()
            left = time.monotonic()
            await other.give(await behind)
            assert time.monotonic() - left < SILENCE_SECONDS + HEARTBEAT_SECONDS + SOON

    run(check)


def test_one_who_stood_still_longer_than_its_lease_cannot_write(redis: RedisServer, tmp_path: Path) -> None:
    store, (ours, theirs) = tmp_path / "store", FORKED.Pipe()
    holder = FORKED.Process(target=_hold, args=(redis.url, 0.5, store, theirs))
    holder.start()
    fence = ours.recv()
    os.kill(holder.pid or 0, signal.SIGSTOP)

    async def check() -> None:
        async with engines(redis, 1, wait_seconds=1) as (other,), taken(other, "a") as turn:
            assert turn.fence > fence
            assert write(store, turn.fence)
            os.kill(holder.pid or 0, signal.SIGCONT)
            ours.send("write")
            assert await asyncio.to_thread(ours.recv) == "database_down"  # an action may have run: not "busy"
            assert await asyncio.to_thread(ours.recv) is False
            await asyncio.to_thread(holder.join)
            assert (await refusal(other.take("a")))[0] == "busy"  # leaving late, it did not give away our turn

    run(check)
    assert holder.exitcode == 0


# --- when Redis dies, stands still, or loses everything -------------------------------------------------------------


def test_without_redis_there_is_no_turn(own: RedisServer) -> None:
    async def check() -> None:
        async with engines(own, 1, lease_seconds=1) as (one,):
            await one.give(await one.take("a"))
            own.kill()
            error, done, took = await refusal(one.take("a"))
            assert (error, done) == ("database_down", "no")
            assert took < ANSWER_SECONDS + SOON
            own.start()
            await one.give(await one.take("a"))

    run(check)


def test_a_turn_outlives_a_redis_that_is_killed_and_started_again(own: RedisServer) -> None:
    async def check() -> None:
        async with engines(own, 2, wait_seconds=0.5) as (one, other):
            turn = await one.take("a")
            own.kill()
            own.start()
            assert (await refusal(other.take("a")))[0] == "busy"
            await one.give(turn)
            await other.give(await other.take("a"))

    run(check)


def test_who_waits_while_redis_is_killed_is_told_so(own: RedisServer) -> None:
    async def check() -> None:
        async with engines(own, 2, lease_seconds=1) as (one, other):
            turn = await one.take("a")
            waits = asyncio.create_task(refusal(other.take("a")))
            await waiting(own, "a", 1)
            own.kill()
            assert (await waits)[:2] == ("database_down", "no")
            await one.give(turn)  # the turn itself was taken, and is not undone

    run(check)


def test_a_redis_that_stands_still_holds_up_nobody_for_long_and_blocks_nothing_behind(own: RedisServer) -> None:
    async def check() -> None:
        async with engines(own, 2) as (one, other):
            await one.give(await one.take("b"))
            held = await one.take("a")
            own.freeze()
            error, done, took = await refusal(one.take("b"))  # arrives, and is carried out when it thaws
            assert (error, done) == ("database_down", "no")
            assert took < ANSWER_SECONDS + SOON
            await one.give(held)
            own.thaw()
            started = time.monotonic()
            for conversation in "ab":
                await other.give(await other.take(conversation))
            assert time.monotonic() - started < 3 * SOON  # by no means a lease

    run(check)


def test_numbers_go_on_growing_when_redis_has_lost_everything(redis: RedisServer) -> None:
    async def check() -> None:
        async with engines(redis, 2) as (one, other):
            async with Locked(one, "a") as first:
                redis.flush()
                async with taken(other, "a") as second:
                    assert second.fence > first.fence
                    assert current_fence("a", stored=first.fence) == first.fence
                    with pytest.raises(TurnAborted):
                        current_fence("a", stored=second.fence)
            async with taken(one, "a") as third:
                assert third.fence > second.fence

    run(check)


def test_a_store_that_has_seen_a_higher_number_gets_a_higher_one_next(redis: RedisServer) -> None:
    async def check() -> None:
        ahead = int(time.time() * 1e6) + 3_600_000_000  # Redis lost everything, and its clock is an hour behind
        async with engines(redis, 1) as (one,):
            async with Locked(one, "a"):
                with pytest.raises(TurnAborted):
                    current_fence("a", stored=ahead)
            async with Locked(one, "a"):
                assert (current_fence("a", stored=ahead) or 0) > ahead

    run(check)


class Store:
    """A row a conversation, written as a tracker store writes: by who has read the newest, and has no lower number."""

    def __init__(self, file: Path) -> None:
        self._rows = sqlite3.connect(file, isolation_level=None)
        self._rows.execute("CREATE TABLE state (conversation TEXT PRIMARY KEY, seq INTEGER, fence INTEGER)")
        self._rows.executemany("INSERT INTO state VALUES (?, 0, 0)", ((name,) for name in "abc"))

    def read(self, conversation: str) -> tuple[int, int]:
        row = self._rows.execute("SELECT seq, fence FROM state WHERE conversation = ?", (conversation,)).fetchone()
        return int(row[0]), int(row[1])

    def write(self, conversation: str, seq: int, fence: int) -> bool:
        statement = "UPDATE state SET seq = ?, fence = ? WHERE conversation = ? AND seq = ? AND fence <= ?"
        return self._rows.execute(statement, (seq, fence, conversation, seq - 1, fence)).rowcount == 1


def test_whatever_happens_to_redis_under_load_no_turn_is_lost_or_doubled(own: RedisServer, tmp_path: Path) -> None:
    store, draw = Store(tmp_path / "store"), random.Random(11)
    written = dict.fromkeys("abc", 0)
    refused: dict[str, int] = {}

    async def customer(engine: RedisTurns, done: asyncio.Event) -> None:
        while not done.is_set():
            conversation = draw.choice("abc")
            try:
                async with Locked(engine, conversation):
                    seq, fence = store.read(conversation)
                    current_fence(conversation, fence)
                    await asyncio.sleep(draw.random() / 200)
                    own_fence = current_fence(conversation, store.read(conversation)[1])
                    assert own_fence is not None
                    if not store.write(conversation, seq + 1, own_fence):
                        raise TurnAborted("outdated", "unknown")
                    written[conversation] += 1
            except TurnAborted as aborted:
                refused[aborted.error] = refused.get(aborted.error, 0) + 1
                await asyncio.sleep(0.02)

    async def strike() -> None:
        await asyncio.sleep(0.1 + draw.random() / 5)
        what = draw.choice(["flush", "kill", "freeze"])
        if what == "flush":
            await asyncio.to_thread(own.flush)
        elif what == "kill":
            await asyncio.to_thread(own.kill)
            await asyncio.sleep(draw.random() / 10)
            await asyncio.to_thread(own.start)
        else:
            own.freeze()
            await asyncio.sleep(draw.choice([0.1, 1.2]))
            own.thaw()

    async def check() -> None:
        done = asyncio.Event()
        async with engines(own, 3, lease_seconds=2) as made:
            tasks = [asyncio.create_task(customer(made[place % 3], done)) for place in range(12)]
            for _ in range(STRIKES):
                await strike()
            done.set()
            await asyncio.gather(*tasks)
            for conversation in "abc":
                async with taken(made[0], conversation):
                    pass

    run(check)
    told(strikes=STRIKES, turns=sum(written.values()), **refused)
    assert {name: store.read(name)[0] for name in "abc"} == written
    assert sum(written.values()) > 20 * STRIKES
    assert set(refused) <= {"busy", "database_down", "outdated"}


def test_the_lease_is_longer_than_a_turn() -> None:
    assert LEASE_SECONDS > 10  # the issue: an action's deadline is shorter than the lock
