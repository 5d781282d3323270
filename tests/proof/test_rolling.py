"""Actions, engines and gateways restarted one after the other at 50 messages a second: no customer sees it (G31).

Two rounds of all of them; 20 with ANXIN_ROUNDS=10. A customer does what a page does: waits as long as it is told, once.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.rig.process import OwnProcess
from bot.rig.town import Town
from tests.actions.security.rounds import rounds, told
from tests.proof.chats import Chat, Customers, Sent, customers
from tests.proof.stored import judge, read

SEED = 20261120
A_SECOND = 50
CHATS = 100
STEADY_SECONDS = 2
GATEWAY_REST_SECONDS = 2  # docs/deployment.md, Upgrade 5: nginx leaves who was not there alone for one


async def once_more(people: Customers, chat: Chat, sent: Sent) -> None:
    """Send it, and once again after as long as was said; who is not told how long is not to wait."""
    wait = await people.try_once(chat, sent)
    if wait:
        await asyncio.sleep(wait)
        await people.try_once(chat, sent)


async def write_until(people: Customers, over: asyncio.Event) -> None:
    """Send at a steady rate, whatever becomes of what was sent."""
    clock, number, under_way = asyncio.get_running_loop().time, 0, set()
    began = clock()
    while not over.is_set():
        chat = people.chats[number % len(people.chats)]
        task = asyncio.create_task(once_more(people, chat, people.write(chat, people.words())))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        number += 1
        await asyncio.sleep(began + number / A_SECOND - clock())
    await asyncio.gather(*under_way)


def restart(processes: list[OwnProcess], rest: float) -> None:
    """Restart one after the other; each is ready before the next one ends."""
    for process in processes:
        process.tell_to_end()
        process.wait_until_ended()
        process.start()
        process.wait_until_ready()
        time.sleep(rest)


def roll(town: Town, times: int) -> None:
    """Restart all; sooner than docs/deployment.md says: one behind and one in front of the others is away at a time."""
    with ThreadPoolExecutor(2) as pool:
        for _ in range(times):
            behind = pool.submit(restart, [*town.actions, *town.engines], 0)
            in_front = pool.submit(restart, town.gateways, GATEWAY_REST_SECONDS)
            behind.result()
            in_front.result()


async def during(town: Town, people: Customers, work: Callable[[], None]) -> list[float]:
    """Return the seconds of each answer while `work` was done."""
    before = {id(sent) for chat in people.chats for sent in chat.sent}
    over = asyncio.Event()
    writing = asyncio.create_task(write_until(people, over))
    await asyncio.to_thread(work)
    over.set()
    await writing
    sent = [one for chat in people.chats for one in chat.sent if id(one) not in before]
    return [one.seconds for one in sent if one.answer is not None]


async def crowd(town: Town, times: int) -> tuple[Customers, list[float], list[float]]:
    async with customers(town.url, SEED) as people:
        for _ in range(CHATS):
            await people.open()
        steady = await during(town, people, lambda: time.sleep(STEADY_SECONDS))
        rolling = await during(town, people, lambda: roll(town, times))
        return people, steady, rolling


def of_them(seconds: list[float], hundredths: int) -> int:
    """Return a percentile in milliseconds."""
    return round(statistics.quantiles(seconds, n=100)[hundredths - 1] * 1000)


def test_nobody_sees_a_restart(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    times = 1 if rounds(1) == 1 else rounds(2)
    people, steady, rolling = asyncio.run(crowd(town, times))
    verdict, counts = judge(people.chats, asyncio.run(read(town.settings))), people.counts()
    with capsys.disabled():
        told(rolling_restarts=times, processes_restarted=times * len(town.processes))
        told(**counts, failures_seen=counts["messages"] - counts["acknowledged"], **verdict.counts)
        told(
            steady_p50_ms=of_them(steady, 50),
            steady_p99_ms=of_them(steady, 99),
            rolling_p50_ms=of_them(rolling, 50),
            rolling_p99_ms=of_them(rolling, 99),
        )
    assert (verdict.words, people.dishonest) == ([], [])
    assert counts["acknowledged"] == counts["messages"]
