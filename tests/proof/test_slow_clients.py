"""Whoever holds sockets open and sends slowly takes nothing from anybody else (G43, T13).

200 of them in the suite; 2,000 with ANXIN_ROUNDS=10.
"""

from __future__ import annotations

import asyncio
import resource
import ssl
import statistics
from contextlib import suppress

import pytest

from bot.rig.nginx import NAME
from bot.rig.town import Town
from tests.actions.security.rounds import rounds, told
from tests.proof.chats import API, Customers, customers

SEED = 20261120
WRITERS, MESSAGES = 10, 6
DRIP_SECONDS = 0.2
P99_SECONDS = 2.0
KINDS = ("says nothing", "drips a header", "drips a body")


async def hold(port: int, kind: str, over: asyncio.Event) -> None:
    """Open a connection and keep it busy with next to nothing, again and again, until it is over."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    while not over.is_set():
        with suppress(OSError, asyncio.IncompleteReadError):
            plain = kind == "says nothing"
            tls, name = (None, None) if plain else (trusting, NAME)
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name)
            if kind == "drips a body":
                head = f"POST {API}/messages HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: application/json\r\n"
                writer.write(f"{head}Content-Length: 4000\r\n\r\n".encode())
            elif not plain:
                writer.write(f"GET /Webhook/ HTTP/1.1\r\nHost: {NAME}\r\nX-Demo: ".encode())
            while not over.is_set() and not writer.is_closing():
                if not plain:
                    writer.write(b"x")
                    await writer.drain()
                await asyncio.sleep(DRIP_SECONDS)
            writer.close()


async def write(people: Customers) -> list[float]:
    chat = await people.open()
    for _ in range(MESSAGES):
        await people.deliver(chat, people.write(chat, people.words(flows=0)))
    return [sent.seconds for sent in chat.sent]


async def crowd(town: Town, holders: int) -> tuple[Customers, list[float]]:
    port, over = int(town.url.rpartition(":")[2]), asyncio.Event()
    holding = [asyncio.create_task(hold(port, KINDS[number % 3], over)) for number in range(holders)]
    await asyncio.sleep(2)
    async with customers(town.url, SEED) as people:
        seconds = await asyncio.gather(*(write(people) for _ in range(WRITERS)))
    over.set()
    await asyncio.gather(*holding)
    return people, [one for of_chat in seconds for one in of_chat]


def test_slow_clients_cost_nobody_else_time(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    holders = rounds(200)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    people, seconds = asyncio.run(crowd(town, holders))
    p99 = statistics.quantiles(seconds, n=100)[98]
    with capsys.disabled():
        told(slow_clients=holders, **people.counts(), p99_ms=round(p99 * 1000))
    assert people.counts()["acknowledged"] == WRITERS * MESSAGES
    assert people.refused.total() == 0
    assert p99 < P99_SECONDS
