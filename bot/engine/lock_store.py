"""Rasa's locks: one turn at a time of each conversation, over all engines (P8-P10).

Rasa asks a lock store for `lock` alone; what its base class builds from reading and writing whole locks is not used.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from rasa.core.lock_store import LockStore
from rasa.utils.endpoints import EndpointConfig

from bot.contracts.turn import Done
from bot.engine.rasa_private import TurnAborted
from bot.engine.redis_turns import RedisTurns
from bot.engine.turns import LocalTurns, Turn, Turns
from bot.settings import read_settings


class TurnLocks(LockStore):
    """Named in endpoints.yml: in Redis where ANXIN_REDIS_URL says so, in this process otherwise."""

    def __init__(self, endpoint_config: EndpointConfig | None = None) -> None:
        url = read_settings().redis_url
        self.turns: Turns = RedisTurns(url) if url else LocalTurns()
        self.waited: Callable[[float], object] = _unmeasured  # told the seconds that each turn was waited for

    def lock(self, conversation_id: str, lock_lifetime: float = 0, wait_time_in_seconds: float = 0) -> Locked:
        """Return what is entered to take a turn of a conversation; the times are ours, not those that Rasa gives (P9).

        Entering raises `TurnAborted`: "busy" when others take too long, "database_down" without Redis.
        """
        return Locked(self.turns, conversation_id, self.waited)

    async def close(self) -> None:
        await self.turns.close()


def _unmeasured(seconds: float) -> None:
    return None


class Locked:
    """A turn, from entering to leaving."""

    def __init__(self, turns: Turns, conversation: str, waited: Callable[[float], object] = _unmeasured) -> None:
        self.turns = turns
        self.conversation = conversation
        self._waited = waited

    async def __aenter__(self) -> Turn:
        started = time.monotonic()
        try:
            self.turn = await self.turns.take(self.conversation)
        finally:
            self._waited(time.monotonic() - started)
        self._before = _locked.set(self)
        return self.turn

    async def __aexit__(self, *problem: Any) -> None:
        _locked.reset(self._before)
        await self.turns.give(self.turn)


# Of the task, not of the conversation: who has lost its turn must not find the number of the next one here.
_locked: ContextVar[Locked | None] = ContextVar("locked", default=None)


def current_fence(conversation: str, stored: int = 0, done: Done = "unknown") -> int | None:
    """Return the number to write with; None outside of a turn of `conversation`.

    `stored` is the highest number that has been written for it. Raises `TurnAborted`, with `done`, where the turn is
    over: its lease has ended, or somebody has written with a higher number. (Or numbers went back, because Redis lost
    everything and its clock was set back at once; then the next turn gets a higher one.)
    """
    locked = _locked.get()
    if locked is None or locked.conversation != conversation:
        return None
    if stored > locked.turn.fence:
        locked.turns.number_above(stored)
        raise TurnAborted(_lost(done), done)
    if time.monotonic() >= locked.turn.until:
        raise TurnAborted(_lost(done), done)
    return locked.turn.fence


def _lost(done: Done) -> str:
    """Return how a lost turn is called: "busy" promises that nothing was done."""
    return "busy" if done == "no" else "database_down"
