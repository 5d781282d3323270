"""Redis, PostgreSQL and every process of an installation fail under load: honest errors, no loss, no blank dialogue.

G27-G30, T51, T52, T55, P11, P12. Ten outages, one of each kind; 100 with ANXIN_ROUNDS=10.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from bot.rig.town import Town
from tests.actions.security.rounds import rounds, told
from tests.proof.chats import Chat, Customers, customers
from tests.proof.nemesis import Nemesis
from tests.proof.stored import judge, read

SEED = 20261120
WRITERS = 24
LONGEST_PAUSE_SECONDS = 1.0  # between two messages of a customer
CALM_SECONDS = 0.5  # between two outages, at most


async def write(people: Customers, chat: Chat, until: asyncio.Event, moments: random.Random) -> None:
    """Write until it is over, now and then two messages at once; each is sent until it is answered."""
    while not until.is_set():
        words = [people.words() for _ in range(moments.choice((1, 1, 2)))]
        await asyncio.gather(*(people.deliver(chat, people.write(chat, text)) for text in words))
        await asyncio.sleep(moments.uniform(0, LONGEST_PAUSE_SECONDS))


async def under_attack(town: Town, nemesis: Nemesis, times: int) -> Customers:
    async with customers(town.url, SEED) as people:
        chats = [await people.open() for _ in range(WRITERS)]
        over = asyncio.Event()
        writing = [asyncio.create_task(write(people, c, over, random.Random(SEED + n))) for n, c in enumerate(chats)]
        strikes, moments = nemesis.strike(times), random.Random(SEED)
        while await asyncio.to_thread(next, strikes, None):
            await asyncio.sleep(moments.uniform(0, CALM_SECONDS))
        await asyncio.to_thread(town.wait_until_ready)
        over.set()
        await asyncio.gather(*writing)
        late = [(chat, sent) for chat in people.chats for sent in chat.sent if sent.answer is None]
        await asyncio.gather(
            *(people.deliver(chat, sent) for chat, sent in late)
        )  # whose patience ended before the outages
        return people


def test_nothing_is_lost_whatever_fails(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    nemesis, times = Nemesis(town, SEED), rounds(10)
    people = asyncio.run(under_attack(town, nemesis, times))
    verdict = judge(people.chats, asyncio.run(read(town.settings)))
    with capsys.disabled():
        told(outages=times, **nemesis.done)
        told(**people.counts(), **verdict.counts)
    assert (verdict.words, people.dishonest) == ([], [])
    assert people.counts()["acknowledged"] == people.counts()["messages"]
