"""What a turn costs late in a conversation, beside the same turn of a young one."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from bot.turns_bench.contenders import Ask, Contender
from bot.turns_bench.questions import QUESTIONS
from bot.turns_bench.wire import Connection

EARLY = 5
AROUND = 2  # so many turns before and behind count too: one turn alone says little
CYCLE = QUESTIONS[: 2 * AROUND + 1]  # the same questions stand around every fifth turn
BUCKET = 20  # turns, of the curve


@dataclass(frozen=True)
class Long:
    """Milliseconds of turn `EARLY` and of turn `length`, a figure each conversation; the curve over all turns."""

    length: int
    early: list[float]
    late: list[float]
    curve: list[tuple[int, float]]

    @property
    def ratios(self) -> list[float]:
        return [late / early for early, late in zip(self.early, self.late, strict=True)]


async def long_conversations(contender: Contender, length: int, count: int) -> Long:
    """Take `count` conversations to turn `length`, and ask there and at turn `EARLY` of a new one by turns.

    `length` is a multiple of five. Raise `NotAnswered`.
    """
    early, late, turns = list[float](), list[float](), list[list[float]]()
    for _ in range(count):
        connection = await Connection.to(contender.port)
        old, young = await contender.open(connection), await contender.open(connection)
        turns.append([await _asked(old, turn) for turn in range(1, length - AROUND)])
        for turn in range(1, EARLY - AROUND):
            await _asked(young, turn)
        beside = [
            (await _asked(young, EARLY + place), await _asked(old, length + place))
            for place in range(-AROUND, AROUND + 1)
        ]
        early.append(statistics.median(one for one, _ in beside))
        late.append(statistics.median(other for _, other in beside))
        connection.close()
    return Long(length, early, late, _curve(turns))


async def _asked(ask: Ask, turn: int) -> float:
    began = time.perf_counter()
    await ask(CYCLE[turn % len(CYCLE)][1])
    return 1000 * (time.perf_counter() - began)


def _curve(turns: list[list[float]]) -> list[tuple[int, float]]:
    starts = range(0, len(turns[0]) - BUCKET + 1, BUCKET)
    return [
        (start + BUCKET // 2, statistics.median(t for c in turns for t in c[start : start + BUCKET]))
        for start in starts
    ]
