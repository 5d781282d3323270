"""The log on SQLite: one thread writes, and commits together what came while it was busy; another reads."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from bot.conversations import statements
from bot.conversations.sqlite_thread import Thread
from bot.conversations.statements import Row
from bot.conversations.values import Accepted, Message, Received, Said

_TAKE = """
UPDATE conversation SET turn_mark = turn_mark + 1, turn_until = ?2, last_seq = last_seq + 1, turn_seq = last_seq + 1,
       language = ?3
WHERE id = ?1 RETURNING *
"""
_TAKE_AGAIN = "UPDATE conversation SET turn_mark = turn_mark + 1, turn_until = ?2 WHERE id = ?1 RETURNING *"
_ASK = "INSERT INTO request (conversation, id, fingerprint, state, turn) VALUES (?1, ?2, ?3, 'received', ?4)"
_END = """
UPDATE conversation SET turn_mark = turn_mark + 1, turn_until = 0, last_seq = last_seq + ?3, awaiting = ?4
WHERE id = ?1 AND turn_mark = ?2 RETURNING *
"""
_LENGTHEN = "UPDATE conversation SET last_seq = last_seq + ?2 WHERE id = ?1 RETURNING *"
_RELEASE = "UPDATE conversation SET turn_mark = turn_mark + 1, turn_until = 0 WHERE id = ?1 AND turn_mark = ?2"
_STATE = "UPDATE request SET state = ?3 WHERE conversation = ?1 AND id = ?2"
_FAIL = "UPDATE request SET state = 'failed' WHERE conversation = ?1 AND id = ?2 AND state = 'received'"
_SAY = """
INSERT INTO message (conversation, seq, sender, text, language, topic, decision, buttons, ask, source, request, at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
"""
_HEADS = "SELECT id, last_seq FROM conversation WHERE id IN (SELECT value FROM json_each(?1))"


class SqliteLog:
    """The statements of the log, each in one transaction."""

    problems: tuple[type[Exception], ...] = (sqlite3.Error,)

    def __init__(self, file: str) -> None:
        self._writer = Thread(file, "BEGIN IMMEDIATE")
        self._reader = Thread(file, "BEGIN")

    async def start(self) -> None:
        self._writer.start()
        self._reader.start()

    async def close(self) -> None:
        await asyncio.gather(self._writer.end(), self._reader.end())

    async def rows(self, statement: str, *values: object) -> Sequence[Row]:
        return await self._reader.run(lambda connection: connection.execute(_numbered(statement), values).fetchall())

    async def write(self, statement: str, *values: object) -> None:
        bound = tuple(_time(value) if isinstance(value, datetime) else value for value in values)
        await self._writer.run(lambda connection: connection.execute(_numbered(statement), bound) and None)

    async def heads(self, ids: Sequence[str]) -> Sequence[Row]:
        return await self.rows(_HEADS, statements.dumped(list(ids)))

    async def accept(self, id_: str, mark: int, received: Received, lease: float, at: datetime) -> Accepted:
        def job(connection: sqlite3.Connection) -> Accepted:
            row = connection.execute(_numbered(statements.READ), (id_,)).fetchone()
            if row is None:
                return Accepted("gone", None)
            known = connection.execute(_numbered(statements.KNOWN), (id_, received.id)).fetchone()
            now = time.time()
            outcome = statements.judged(row, known, mark, received, now, lease)
            if outcome == "taken":
                row = _take(connection, id_, known is None, received, now + lease, at)
            return statements.accepted(outcome, row, known, received)

        return await self._writer.run(job)

    async def append(
        self, id_: str, request: str | None, mark: int | None, said: Sequence[Said], at: datetime
    ) -> tuple[Row, list[Message]] | None:
        def job(connection: sqlite3.Connection) -> tuple[Row, list[Message]] | None:
            if mark is None:
                row = connection.execute(_LENGTHEN, (id_, len(said))).fetchone()
            else:
                awaiting = statements.last_ask([one.ask for one in said])
                row = connection.execute(_END, (id_, mark, len(said), awaiting)).fetchone()
            if row is None:
                return None
            if request is not None:
                connection.execute(_STATE, (id_, request, "answered"))
            first = row["last_seq"] - len(said) + 1
            return row, [_say(connection, row, first + n, one, request, at) for n, one in enumerate(said)]

        return await self._writer.run(job)

    async def fail(self, id_: str, request: str, mark: int) -> None:
        def job(connection: sqlite3.Connection) -> None:
            connection.execute(_RELEASE, (id_, mark))
            connection.execute(_FAIL, (id_, request))

        await self._writer.run(job)


def _take(
    connection: sqlite3.Connection, id_: str, is_new: bool, received: Received, until: float, at: datetime
) -> Row:
    if not is_new:
        again: Row = connection.execute(_TAKE_AGAIN, (id_, until)).fetchone()
        return again
    row: Row = connection.execute(_TAKE, (id_, until, received.language)).fetchone()
    connection.execute(_ASK, (id_, received.id, received.fingerprint, statements.dumped(received.turn)))
    _say(connection, row, row["last_seq"], Said("customer", received.text, []), received.id, at)
    return row


def _say(connection: sqlite3.Connection, row: Row, seq: int, one: Said, request: str | None, at: datetime) -> Message:
    language, dumped = row["language"], statements.dumped
    texts = (one.sender, one.text, language, one.topic, one.decision, dumped(one.buttons), dumped(one.ask), one.source)
    connection.execute(_SAY, (row["id"], seq, *texts, request, _time(at)))
    return statements.appended(row, seq, one, request, at)


@lru_cache(maxsize=32)
def _numbered(statement: str) -> str:
    """Return a statement with its values by number: SQLite would take `$2` for a name."""
    return re.sub(r"\$(\d+)", r"?\1", statement)


def _time(at: datetime) -> str:
    """Return a time in UTC as the models' `UtcTime` stores it."""
    return at.replace(tzinfo=None).isoformat(" ", "microseconds")
