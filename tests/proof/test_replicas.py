"""Three engines, two gateways, two actions behind nginx: one order for every conversation, and no loss (G27, G30, T18, T50).

50 conversations of 20 messages at once each; 500 with ANXIN_ROUNDS=10. Actions take 0 to 90 s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.rig.town import Town, town
from bot.training import train_if_stale
from tests.actions.security.rounds import rounds, told
from tests.proof.chats import Customers, customers
from tests.proof.slow import SlowProxy
from tests.proof.stored import judge, read

SEED = 20261120
MESSAGES = 20
CONVERSATIONS_AT_ONCE = 12


@pytest.fixture
def slow() -> Iterator[list[SlowProxy]]:
    """What stands between the installation and its actions processes."""
    made: list[SlowProxy] = []
    yield made
    for proxy in made:
        proxy.close()


@pytest.fixture
def slow_town(slow: list[SlowProxy], tmp_path: Path) -> Iterator[Town]:
    def before(port: int) -> int:
        slow.append(SlowProxy(port, seed=port))
        return slow[-1].port

    train_if_stale()
    with town(tmp_path, before_actions=before) as made:
        print(made.addresses())
        yield made


async def talk(people: Customers, turn: asyncio.Semaphore) -> None:
    """Open a conversation and send all its messages at once, each until it is answered."""
    async with turn:
        chat = await people.open()
        written = [people.write(chat, people.words()) for _ in range(MESSAGES)]
        await asyncio.gather(*(people.deliver(chat, sent) for sent in written))


async def crowd(made: Town, conversations: int) -> Customers:
    async with customers(made.url, SEED) as people:
        turn = asyncio.Semaphore(CONVERSATIONS_AT_ONCE)
        await asyncio.gather(*(talk(people, turn) for _ in range(conversations)))
        return people


def test_messages_at_once_are_stored_once_each_in_one_order(
    slow_town: Town, slow: list[SlowProxy], capsys: pytest.CaptureFixture[str]
) -> None:
    conversations = rounds(50)
    people = asyncio.run(crowd(slow_town, conversations))
    verdict = judge(people.chats, asyncio.run(read(slow_town.settings)))
    delays = [delay for proxy in slow for delay in proxy.delays]
    with capsys.disabled():
        told(**people.counts(), actions=len(delays), slow_actions=sum(delay >= 2 for delay in delays), **verdict.counts)
    assert (verdict.words, people.dishonest) == ([], [])
    assert people.counts()["acknowledged"] == conversations * MESSAGES
    assert any(delay >= 2 for delay in delays)
