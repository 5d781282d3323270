"""The cold start: from the start of the processes to the first right answer."""

from __future__ import annotations

import asyncio
import time

from bot.turns_bench.contenders import Contender
from bot.turns_bench.lineup import Entrant
from bot.turns_bench.processes import Ended
from bot.turns_bench.questions import QUESTIONS
from bot.turns_bench.wire import Connection, NotAnswered

START_SECONDS = 120.0
LOOK_SECONDS = 0.02
TOPIC, TEXT = QUESTIONS[0]


async def started(entrant: Entrant) -> float:
    """Start all its processes at once and ask until an answer is right; return the seconds.

    Raise `Ended` where a process ends instead, or all of it takes too long.
    """
    processes, contender = entrant.processes, entrant.contenders[0]
    began = time.perf_counter()
    for process in processes:
        process.start()
    while not await _answers(contender):
        for process in processes:
            process.check()
        if time.perf_counter() - began > START_SECONDS:
            raise Ended(f"{contender.name} gives no right answer after {START_SECONDS:.0f} s; see {processes[-1].log}")
        await asyncio.sleep(LOOK_SECONDS)
    return time.perf_counter() - began


async def _answers(contender: Contender) -> bool:
    try:
        connection = await Connection.to(contender.port)
    except NotAnswered:
        return False
    try:
        ask = await contender.open(connection)
        return await ask(TEXT) == TOPIC
    except NotAnswered:
        return False
    finally:
        connection.close()
