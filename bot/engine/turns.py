"""One turn at a time of each conversation within this process, in the order in which they came."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from bot.engine.rasa_private import TurnAborted

WAIT_SECONDS = 3.2  # what then is left of the gateway's TURN_SECONDS is enough for a turn


@dataclass(frozen=True)
class Turn:
    """The right to take a turn: until when (by the monotonic clock), and the number to write with.

    Numbers only grow: who has a higher one came later, and a store refuses lower ones from then on.
    """

    conversation: str
    token: str
    fence: int
    until: float


class Turns(Protocol):
    async def take(self, conversation: str) -> Turn:
        """Return when nobody else has the turn; raise `TurnAborted` when that takes too long or cannot be known."""

    async def give(self, turn: Turn) -> None:
        """Let the next one in. Never fails: what was done in the turn is done."""

    def number_above(self, fence: int) -> None:
        """Give only higher numbers from now on."""

    async def close(self) -> None: ...


class LocalTurns:
    """For the only engine. A turn has no end by itself: leaving it, however that happens, gives it back."""

    def __init__(self, wait_seconds: float = WAIT_SECONDS) -> None:
        self._wait = wait_seconds
        self._last = 0
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}  # of every conversation that has a turn now

    async def take(self, conversation: str) -> Turn:
        queue = self._queues.get(conversation)
        if queue is None:
            self._queues[conversation] = deque()
        else:
            await self._stand_in(queue, conversation)
        self._last = max(self._last + 1, time.time_ns() // 1000)  # above those of the process before
        return Turn(conversation, "", self._last, math.inf)

    async def _stand_in(self, queue: deque[asyncio.Future[None]], conversation: str) -> None:
        loop = asyncio.get_running_loop()
        called: asyncio.Future[None] = loop.create_future()
        queue.append(called)
        bell = loop.call_later(self._wait, _send_away, called)
        try:
            await called
        except BaseException:
            if called.done() and not called.cancelled() and called.exception() is None:
                self._call_next(conversation)  # called and cancelled at the same moment
            else:
                with suppress(ValueError):
                    queue.remove(called)
            raise
        finally:
            bell.cancel()

    async def give(self, turn: Turn) -> None:
        self._call_next(turn.conversation)

    def _call_next(self, conversation: str) -> None:
        queue = self._queues[conversation]
        while queue:
            called = queue.popleft()
            if not called.done():  # it may have been sent away, and not know it yet
                called.set_result(None)
                return
        del self._queues[conversation]

    def number_above(self, fence: int) -> None:
        self._last = max(self._last, fence)

    async def close(self) -> None:
        return None


def _send_away(called: asyncio.Future[None]) -> None:
    if not called.done():
        called.set_exception(TurnAborted("busy", "no"))
