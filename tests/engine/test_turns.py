"""One engine alone: a conversation's turns are taken one after the other, in order, and nothing is kept of them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from typing import Any

from bot.engine.rasa_private import TurnAborted
from bot.engine.turns import LocalTurns


def run(what: Coroutine[Any, Any, None]) -> None:
    asyncio.run(what)


async def until_waiting(turns: LocalTurns, conversation: str, number: int) -> None:
    while len(turns._queues.get(conversation, ())) < number:
        await asyncio.sleep(0)


def test_one_after_the_other() -> None:
    async def check() -> None:
        turns, counts, inside = LocalTurns(), {"a": 0, "b": 0}, {"a": 0, "b": 0}

        async def one(conversation: str) -> None:
            turn = await turns.take(conversation)
            inside[conversation] += 1
            assert inside[conversation] == 1
            seen = counts[conversation]
            await asyncio.sleep(random.random() / 1000)
            counts[conversation] = seen + 1
            inside[conversation] -= 1
            await turns.give(turn)

        await asyncio.gather(*(one("ab"[i % 2]) for i in range(400)))
        assert counts == {"a": 200, "b": 200}
        assert turns._queues == {}

    run(check())


def test_another_conversation_does_not_wait() -> None:
    async def check() -> None:
        turns = LocalTurns()
        await turns.take("a")
        await asyncio.wait_for(turns.take("b"), 0.1)

    run(check())


def test_in_the_order_in_which_they_came() -> None:
    async def check() -> None:
        turns, served = LocalTurns(), []

        async def one(number: int) -> None:
            turn = await turns.take("a")
            served.append(number)
            await asyncio.sleep(0)
            await turns.give(turn)

        await asyncio.gather(*(one(number) for number in range(50)))
        assert served == list(range(50))

    run(check())


def test_numbers_only_grow() -> None:
    async def check() -> None:
        turns, numbers = LocalTurns(), []
        for conversation in "abcab":
            turn = await turns.take(conversation)
            numbers.append(turn.fence)
            await turns.give(turn)
        turns.number_above(2**60)
        numbers.append((await turns.take("a")).fence)
        assert numbers == sorted(set(numbers))
        assert numbers[-1] > 2**60

    run(check())


def test_numbers_are_above_those_of_the_process_before() -> None:
    async def check() -> None:
        before = await LocalTurns().take("a")
        after = await LocalTurns().take("a")
        assert after.fence > before.fence

    run(check())


def test_who_waits_too_long_is_told_so_and_leaves_nothing() -> None:
    async def check() -> None:
        turns = LocalTurns(wait_seconds=0.1)
        held = await turns.take("a")
        started = time.monotonic()
        refused = await asyncio.gather(*(turns.take("a") for _ in range(20)), return_exceptions=True)
        assert 0.09 <= time.monotonic() - started < 0.5  # uvloop's clock has milliseconds
        assert [(type(r), r.error, r.done) for r in refused] == [(TurnAborted, "busy", "no")] * 20
        assert not turns._queues["a"]
        await turns.give(held)
        assert turns._queues == {}

    run(check())


def test_who_leaves_while_waiting_is_passed_over() -> None:
    async def check() -> None:
        turns = LocalTurns()
        held = await turns.take("a")
        first, second, third = (asyncio.create_task(turns.take("a")) for _ in range(3))
        await until_waiting(turns, "a", 3)
        second.cancel()
        await turns.give(held)
        await turns.give(await first)
        await turns.give(await third)
        assert second.cancelled()
        assert turns._queues == {}

    run(check())


def test_who_leaves_at_the_moment_it_is_called_lets_the_next_one_in() -> None:
    async def check() -> None:
        turns = LocalTurns()
        held = await turns.take("a")
        first, second = (asyncio.create_task(turns.take("a")) for _ in range(2))
        await until_waiting(turns, "a", 2)
        await turns.give(held)
        first.cancel()
        await turns.give(await asyncio.wait_for(second, 0.5))
        assert first.cancelled()
        assert turns._queues == {}

    run(check())


def test_whatever_is_cancelled_when_nobody_is_locked_out() -> None:
    async def check() -> None:
        turns, draw = LocalTurns(), random.Random(5)

        async def one() -> None:
            turn = await turns.take("a")
            try:
                await asyncio.sleep(draw.random() / 2000)
            finally:
                await turns.give(turn)

        tasks = [asyncio.create_task(one()) for _ in range(500)]
        while not all(task.done() for task in tasks):
            draw.choice(tasks).cancel()
            await asyncio.sleep(draw.random() / 1000)
        assert turns._queues == {}

    run(check())


def test_many_conversations_leave_nothing() -> None:
    async def check() -> None:
        turns = LocalTurns()
        for number in range(1000):
            await turns.give(await turns.take(f"demo-{number}"))
        assert turns._queues == {}

    run(check())
