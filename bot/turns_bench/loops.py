"""The closed loop: so many at once, each asking again as soon as it was answered."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.rig.customers import Person
from bot.turns_bench.browser import Browser, Codes, unlock
from bot.turns_bench.contenders import Ask, Contender
from bot.turns_bench.questions import QUESTIONS
from bot.turns_bench.wire import Connection

Job = Callable[[], Awaitable[bool]]  # one turn or flow; whether its answer was right


@dataclass(frozen=True)
class Measured:
    """One measurement: how many a second, milliseconds each, and the share of right answers.

    `client_ms`: the processor's time that who asked has used for one.
    """

    rate: float
    p50: float
    p95: float
    count: int
    right: float
    client_ms: float


def percentile(values: Sequence[float], share: float) -> float:
    """Return the least value that at least this share of all does not exceed (nearest rank)."""
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


async def questions(contender: Contender, at_once: int, seconds: float) -> Measured:
    """Ask questions, each asker in a conversation of its own that has begun; raise `NotAnswered`."""
    connections = [await Connection.to(contender.port) for _ in range(at_once)]
    try:
        asks = [await contender.open(connection) for connection in connections]
        jobs = [_asking(ask, place) for place, ask in enumerate(asks)]
        await asyncio.gather(*(job() for job in jobs))
        return await _measured(jobs, seconds)
    finally:
        for connection in connections:
            connection.close()


async def unlocks(port: int, people: deque[Person], codes: Codes, at_once: int, seconds: float) -> Measured:
    """Go through whole unlocks at the gateway, from the opened page to the unlocked password; raise `NotAnswered`."""
    connections = [await Connection.to(port) for _ in range(at_once)]
    try:
        return await _measured([_unlocking(connection, people, codes) for connection in connections], seconds)
    finally:
        for connection in connections:
            connection.close()


def _asking(ask: Ask, place: int) -> Job:
    coming = itertools.cycle((*QUESTIONS[place % len(QUESTIONS) :], *QUESTIONS[: place % len(QUESTIONS)]))

    async def job() -> bool:
        topic, text = next(coming)
        return await ask(text) == topic

    return job


def _unlocking(connection: Connection, people: deque[Person], codes: Codes) -> Job:
    async def job() -> bool:
        browser = Browser(connection)
        await browser.open()
        for _, step in unlock(browser, people.popleft(), codes):
            await step()
        return True

    return job


async def _measured(jobs: Sequence[Job], seconds: float) -> Measured:
    """Run all jobs again and again until the time is over; what is under way then is waited for and counts."""
    times, right = list[float](), 0
    began, processor = time.perf_counter(), time.process_time()

    async def go_on(job: Job) -> None:
        nonlocal right
        while (asked := time.perf_counter()) - began < seconds:
            was_right = await job()
            right += was_right
            times.append(time.perf_counter() - asked)

    await asyncio.gather(*map(go_on, jobs))
    took, used = time.perf_counter() - began, time.process_time() - processor
    return Measured(
        rate=len(times) / took,
        p50=1000 * percentile(times, 0.5),
        p95=1000 * percentile(times, 0.95),
        count=len(times),
        right=right / len(times),
        client_ms=1000 * used / len(times),
    )
