"""A thread that has SQLite to itself: what has queued up while it was busy shares one commit."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from bot.contracts import sqlite

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], Any]
Ordered = tuple["asyncio.Future[Any]", Job]

MOST_TOGETHER = 64


class Thread:
    """Does jobs in the order in which they come; each is told after the commit, and fails alone."""

    def __init__(self, file: str, begin: str) -> None:
        self._file = file
        self._begin = begin
        self._jobs: queue.SimpleQueue[Ordered | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"conversations {begin}", daemon=True)

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def end(self) -> None:
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((future, job))
        return await future

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        while (first := self._jobs.get()) is not None:
            batch = [first, *self._waiting()]
            try:
                connection = connection or _connect(self._file)
                results = _together(connection, self._begin, [job for _, job in batch])
            except Exception as problem:
                results = [problem for _ in batch]
            with suppress(RuntimeError):  # the loop has ended, and nobody waits
                self._loop.call_soon_threadsafe(_deliver, [future for future, _ in batch], results)
        if connection:
            connection.close()

    def _waiting(self) -> list[Ordered]:
        found: list[Ordered] = []
        while len(found) < MOST_TOGETHER - 1:
            try:
                ordered = self._jobs.get_nowait()
            except queue.Empty:
                break
            if ordered is None:  # the end: after these
                self._jobs.put(None)
                break
            found.append(ordered)
        return found


def _connect(file: str) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=sqlite.BUSY_SECONDS)
    sqlite.prepare(connection)
    connection.row_factory = sqlite3.Row
    return connection


def _together(connection: sqlite3.Connection, begin: str, jobs: Sequence[Job]) -> list[Any]:
    """Do jobs in one transaction; a job that fails is undone alone, a commit that fails undoes all."""
    connection.execute(begin)
    try:
        results = [jobs[0](connection)] if len(jobs) == 1 else [_alone(connection, job) for job in jobs]
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return results


def _alone(connection: sqlite3.Connection, job: Job) -> Any:
    connection.execute("SAVEPOINT job")
    try:
        return job(connection)
    except Exception as problem:
        connection.execute("ROLLBACK TO job")
        return problem
    finally:
        connection.execute("RELEASE job")


def _deliver(futures: Sequence[asyncio.Future[Any]], results: Sequence[Any]) -> None:
    for future, result in zip(futures, results, strict=True):
        if future.done():  # nobody waits any more
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
