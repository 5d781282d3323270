"""Engines that share a tracker database must share a lock: without one, only one of them may run (P10).

The database itself says who else is there: an advisory lock of PostgreSQL, or a lock on a file beside SQLite's; shared
among engines with ANXIN_REDIS_URL, and for one alone without. It is held for the life of the process and needs nobody
to give it back. PostgreSQL's belongs to a connection: through a pooler, that pools sessions, not transactions.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import math
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import asyncpg

from bot.contracts.failures import described
from bot.settings import SettingProblem, Settings

logger = logging.getLogger(__name__)

REFUSED = (
    "Another engine uses the same ANXIN_TRACKERS_URL: start one only, or give all of them the same ANXIN_REDIS_URL, "
    "which they take turns by."
)
PATIENCE_SECONDS = 2.0  # for one that is just ending
AGAIN_SECONDS = 0.1
LOOK_SECONDS = 1.0
ANSWER_SECONDS = 2.0  # of PostgreSQL
TRUST_SECONDS = 10.0  # in a connection that says nothing; nobody else is let in before 25 s of that
LOCK = int.from_bytes(b"anxineng", "big")
# 25 s. Else PostgreSQL takes two hours to notice that a machine has gone, and nobody else could start.
_KEEPALIVE = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"


class Claim(Protocol):
    def is_held(self) -> bool:
        """Return whether this engine may take turns now; without it, it is not ready."""

    async def release(self) -> None: ...


async def claim(settings: Settings) -> Claim:
    """Return the right to use the tracker database; raise `SettingProblem` where another engine excludes this one.

    Where PostgreSQL does not answer, the right is returned and not held until it does.
    """
    shared, url = bool(settings.redis_url), settings.trackers_url
    made = FileClaim(url, shared) if url.startswith("sqlite:///") else SessionClaim(url, shared)
    until = time.monotonic() + PATIENCE_SECONDS
    while not await made.take():
        if time.monotonic() > until:
            await made.release()
            raise SettingProblem(REFUSED)
        await asyncio.sleep(AGAIN_SECONDS)
    return made


class FileClaim:
    """A lock on FILE.engine beside the database; the system gives it back when the process ends."""

    def __init__(self, url: str, shared: bool) -> None:
        database = Path(url.removeprefix("sqlite:///"))
        database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(f"{database}.engine", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX

    async def take(self) -> bool:
        try:
            fcntl.flock(self._file, self._how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_held(self) -> bool:
        return True

    async def release(self) -> None:
        os.close(self._file)


class SessionClaim:
    """An advisory lock of a connection of its own, that is looked after all the time and made anew when it is lost."""

    def __init__(self, url: str, shared: bool) -> None:
        self._url = url
        self._statement = f"SELECT pg_try_advisory_lock{'_shared' if shared else ''}($1)"
        self._connection: asyncpg.Connection | None = None
        self._seen = -math.inf
        self._keeping: asyncio.Task[None] | None = None

    async def take(self) -> bool:
        """Return False where another engine has it; where PostgreSQL does not answer, go on trying."""
        with suppress(Exception):  # said by the first look
            if not await self._lock():
                return False
        self._keeping = asyncio.create_task(self._keep())
        return True

    async def _lock(self) -> bool:
        connection = await asyncpg.connect(self._url, timeout=ANSWER_SECONDS, command_timeout=ANSWER_SECONDS)
        try:
            await connection.execute(_KEEPALIVE)
            asked = time.monotonic()
            if await connection.fetchval(self._statement, LOCK):
                self._connection, self._seen = connection, asked
                return True
        finally:
            if self._connection is not connection:
                connection.terminate()
        return False

    async def _keep(self) -> None:
        said = ""
        while True:
            problem = await self._look()
            if problem != said:
                logger.error(problem or "The tracker database is ours again.")
                said = problem
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> str:
        """Confirm the lock, or try to take it again; return what is in the way."""
        try:
            if self._connection is None:
                return "" if await self._lock() else REFUSED
            asked = time.monotonic()
            await self._connection.execute("SELECT 1")
            self._seen = asked
        except Exception as problem:  # asyncpg has more than one kind for what was cut while it said nothing
            if self._connection is not None:
                self._connection.terminate()
            self._connection = None
            return f"The tracker database is out of reach: {described(problem)}."
        return ""

    def is_held(self) -> bool:
        connected = self._connection is not None and not self._connection.is_closed()
        return connected and time.monotonic() - self._seen < TRUST_SECONDS

    async def release(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None
