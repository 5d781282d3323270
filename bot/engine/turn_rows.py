"""The rows of the tracker store, in SQLite or PostgreSQL: appended one a turn, read from the end."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import Any, Protocol

import asyncpg

from bot.contracts import sqlite
from bot.settings import Settings

CONNECTIONS = 8
SECONDS = 2.0  # for any one statement: the customer is promised an answer in five
MOST_AT_ONCE = 64  # turns in one transaction

_TABLE = """
CREATE TABLE IF NOT EXISTS turn (
  conversation VARCHAR(64) NOT NULL,
  seq INTEGER NOT NULL,
  message VARCHAR(64),
  begins BOOLEAN NOT NULL,
  fence BIGINT NOT NULL,
  events TEXT NOT NULL,
  left_behind TEXT NOT NULL,
  at {time} NOT NULL DEFAULT {now},
  PRIMARY KEY (conversation, seq)
)
"""
# A message has one turn, also where it comes twice at once or the first try of it comes last.
_ONCE = "CREATE UNIQUE INDEX IF NOT EXISTS turn_message ON turn (conversation, message)"
# {0}, {1}: how the database writes its parameters.
_APPEND = (
    "INSERT INTO turn (conversation, seq, message, begins, fence, events, left_behind) "
    "VALUES ({0}, {1}, {2}, {3}, {4}, {5}, {6})"
)
_LATEST = "SELECT seq, fence FROM turn WHERE conversation = {0} ORDER BY seq DESC LIMIT 1"
_TURN = "SELECT conversation, seq, message, begins, fence, events, left_behind FROM turn "
_LAST = _TURN + "WHERE conversation = {0} ORDER BY seq DESC LIMIT {1}"
_OF_MESSAGE = _TURN + "WHERE conversation = {0} AND message = {1} ORDER BY seq DESC LIMIT 1"
_CONVERSATIONS = "SELECT DISTINCT conversation FROM turn"


@lru_cache
def _in_sqlite(statement: str) -> str:
    return statement.format(*["?"] * 7)


@lru_cache
def _in_postgresql(statement: str) -> str:
    return statement.format(*(f"${number}" for number in range(1, 8)))


class TurnTaken(Exception):
    """The conversation has a turn of this number, or of this message, already."""


@dataclass(frozen=True)
class TurnRow:
    """One turn. `begins`: a session begins in it; `events`: JSON; `left`: JSON, what the tracker holds after it.

    `fence`: the number of the lock that it was taken under, 0 without one.
    """

    conversation: str
    seq: int
    message: str | None
    begins: bool
    fence: int
    events: str
    left: str


class TurnRows(Protocol):
    """Every call may raise what the database raises."""

    async def append(self, row: TurnRow) -> None:
        """Store a turn, durably; raise `TurnTaken`."""

    async def latest(self, conversation: str) -> tuple[int, int]:
        """Return the number of the newest turn and its fence, the highest; 0 and 0 where there is none."""

    async def last(self, conversation: str, most: int | None) -> list[TurnRow]:
        """Return the newest turns, oldest first."""

    async def of_message(self, conversation: str, message: str) -> TurnRow | None: ...

    async def conversations(self) -> list[str]: ...


def open_rows(settings: Settings) -> TurnRows:
    """Return the rows where the settings say; PostgreSQL is reached with the first turn."""
    url = settings.trackers_url
    if url.startswith("postgresql://"):
        return PostgresRows(url)
    settings.var.mkdir(parents=True, exist_ok=True, mode=0o700)
    return SqliteRows(url.removeprefix("sqlite:///"))


class SqliteRows:
    """Reads on the event loop, for a row is there in 20 µs; one thread writes, all that waits in one transaction."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._reader: sqlite3.Connection | None = None
        self._waiting: queue.SimpleQueue[_Append] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None

    async def append(self, row: TurnRow) -> None:
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, name="tracker writer", daemon=True)
            self._writer.start()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put(_Append(row, done))
        await done

    async def latest(self, conversation: str) -> tuple[int, int]:
        return self._read().execute(_in_sqlite(_LATEST), (conversation,)).fetchone() or (0, 0)

    async def last(self, conversation: str, most: int | None) -> list[TurnRow]:
        found = self._read().execute(_in_sqlite(_LAST), (conversation, -1 if most is None else most))
        return [_row(columns) for columns in found][::-1]

    async def of_message(self, conversation: str, message: str) -> TurnRow | None:
        found = self._read().execute(_in_sqlite(_OF_MESSAGE), (conversation, message)).fetchone()
        return _row(found) if found else None

    async def conversations(self) -> list[str]:
        return [name for (name,) in self._read().execute(_CONVERSATIONS)]

    def _read(self) -> sqlite3.Connection:
        if self._reader is None:
            self._reader = self._open()
            self._reader.execute("PRAGMA busy_timeout=0")  # nobody waits on the event loop
        return self._reader

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=SECONDS, isolation_level=None, check_same_thread=False)
        try:
            sqlite.prepare(connection)
            connection.execute(_TABLE.format(time="REAL", now="((julianday('now') - 2440587.5) * 86400.0)"))
            connection.execute(_ONCE)
        except BaseException:
            connection.close()
            raise
        return connection

    def _write(self) -> None:
        connection: sqlite3.Connection | None = None
        while True:
            appends = [self._waiting.get()]
            while len(appends) < MOST_AT_ONCE and not self._waiting.empty():
                appends.append(self._waiting.get())
            try:
                connection = connection or self._open()
                outcomes = _commit(connection, appends)
            except Exception as problem:
                outcomes = [problem] * len(appends)
                if connection:
                    connection.close()
                connection = None
            for append, outcome in zip(appends, outcomes, strict=True):
                append.tell(outcome)


@dataclass(frozen=True)
class _Append:
    row: TurnRow
    done: asyncio.Future[None]

    def tell(self, outcome: Exception | None) -> None:
        loop = self.done.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._settle, outcome)

    def _settle(self, outcome: Exception | None) -> None:
        if self.done.done():  # whoever asked is gone
            return
        if outcome is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(outcome)


def _commit(connection: sqlite3.Connection, appends: list[_Append]) -> list[Exception | None]:
    """Store what can be stored, in one transaction; return for each what kept it out."""
    outcomes: list[Exception | None] = []
    connection.execute("BEGIN IMMEDIATE")
    for append in appends:
        try:
            connection.execute(_in_sqlite(_APPEND), astuple(append.row))
            outcomes.append(None)
        except sqlite3.IntegrityError as problem:
            outcomes.append(TurnTaken() if "UNIQUE" in str(problem) else problem)
    connection.execute("COMMIT")
    return outcomes


class PostgresRows:
    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    async def append(self, row: TurnRow) -> None:
        try:
            await self._ask("execute", _in_postgresql(_APPEND), *astuple(row))
        except asyncpg.UniqueViolationError as problem:
            raise TurnTaken from problem

    async def latest(self, conversation: str) -> tuple[int, int]:
        found = await self._ask("fetchrow", _in_postgresql(_LATEST), conversation)
        return tuple(found) if found else (0, 0)

    async def last(self, conversation: str, most: int | None) -> list[TurnRow]:
        found = await self._ask("fetch", _in_postgresql(_LAST), conversation, most)
        return [_row(tuple(columns)) for columns in found][::-1]

    async def of_message(self, conversation: str, message: str) -> TurnRow | None:
        found = await self._ask("fetchrow", _in_postgresql(_OF_MESSAGE), conversation, message)
        return _row(tuple(found)) if found else None

    async def conversations(self) -> list[str]:
        return [columns[0] for columns in await self._ask("fetch", _CONVERSATIONS)]

    async def _ask(self, method: str, statement: str, *values: Any) -> Any:
        pool = self._pool or await self._open()
        connection = await pool.acquire(timeout=SECONDS)
        try:
            return await getattr(connection, method)(statement, *values)
        except (asyncio.TimeoutError, asyncpg.InternalClientError):
            connection.terminate()  # it would be asked to give up, and waited for, as long again
            raise
        finally:
            await pool.release(connection)

    async def _open(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                pool = await asyncpg.create_pool(
                    self._url,
                    min_size=1,
                    max_size=CONNECTIONS,
                    timeout=SECONDS,
                    command_timeout=SECONDS,
                    reset=_nothing,  # the default asks the server once more; no statement here leaves anything behind
                    server_settings={"application_name": "anxin-engine", "synchronous_commit": "on"},
                )
                try:
                    async with pool.acquire() as connection, connection.transaction():
                        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('anxin turn'))")
                        await connection.execute(_TABLE.format(time="TIMESTAMPTZ", now="now()"))
                        await connection.execute(_ONCE)
                except BaseException:
                    pool.terminate()
                    raise
                self._pool = pool
            return self._pool


async def _nothing(_connection: object) -> None:
    """Leave a connection as it is."""


def _row(columns: tuple[Any, ...]) -> TurnRow:
    conversation, seq, message, begins, fence, events, left = columns
    return TurnRow(conversation, seq, message, bool(begins), fence, events, left)
