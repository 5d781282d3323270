"""Who listens to which conversation: told at once of what this gateway writes, soon of what another does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bot.conversations.log import ConversationLog, LogDown
from bot.gateway.problems import Problem

LOOK_SECONDS = 1.0  # one look at the log for all listeners
MOST_STREAMS = 5000
MOST_OF_ONE = 8  # windows of one customer


class Listener:
    """One stream: what it has sent, and whether there may be more."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.news = asyncio.Event()


class News:
    """Wakes the streams of this gateway."""

    def __init__(self, log: ConversationLog) -> None:
        self._log = log
        self._listeners: dict[str, set[Listener]] = {}
        self._watching = asyncio.create_task(self._watch())
        self.streams = 0
        self.has_ended = False

    def check_room(self, conversation: str) -> None:
        """Raise `overloaded` or `too_many` where no further stream is taken.

        Not when all has ended: a browser that is refused would not come back by itself.
        """
        if self.streams >= MOST_STREAMS:
            raise Problem("overloaded")
        if len(self._listeners.get(conversation, ())) >= MOST_OF_ONE:
            raise Problem("too_many")

    @contextmanager
    def listening(self, conversation: str, last: int) -> Iterator[Listener]:
        """Hear of every message after `last`."""
        listener, listeners = Listener(last), self._listeners.setdefault(conversation, set())
        listeners.add(listener)
        self.streams += 1
        try:
            yield listener
        finally:
            self.streams -= 1
            listeners.discard(listener)
            if not listeners:
                self._listeners.pop(conversation, None)

    def tell(self, conversation: str) -> None:
        """Say that the conversation has something new."""
        for listener in self._listeners.get(conversation, ()):
            listener.news.set()

    def end(self) -> None:
        """Let every stream end."""
        self.has_ended = True
        for conversation in list(self._listeners):
            self.tell(conversation)

    async def close(self) -> None:
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._listeners:
                with suppress(LogDown):  # the streams keep what they have, and hear the rest later
                    await self._look()

    async def _look(self) -> None:
        for conversation, latest in (await self._log.heads(list(self._listeners))).items():
            for listener in self._listeners.get(conversation, ()):
                if latest > listener.last:
                    listener.news.set()
