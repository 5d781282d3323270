"""One use case, one transaction. On SQLite it takes the write lock at its start, so that reads inside it hold."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from actions.storage import migration
from actions.storage.base import Base
from actions.storage.clock import IN_SESSION, ProcessClock
from actions.storage.database import make_engine, refuse_undurable
from bot.contracts.sqlite import BUSY_SECONDS

REMEMBERED = "remembered"  # the key of Session.info
Row = TypeVar("Row", bound=Base)


class UnitOfWork:
    """Opens transactions on one database: `with work.begin() as session: …; session.commit()`."""

    def __init__(self, engine: Engine, clock: ProcessClock | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else None

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Yield a session; what was not committed when the block ends is rolled back."""
        with self._in_turn(), Session(self._engine, expire_on_commit=False, info={IN_SESSION: self._clock}) as session:
            yield session

    @contextmanager
    def look(self) -> Iterator[Session]:
        """Yield a session that sees one moment, waits for nobody and commits nothing: for what only reads much."""
        options = {"isolation_level": "REPEATABLE READ"} if self._engine.dialect.name == "postgresql" else {}
        with Session(self._engine.execution_options(reads=True, **options), info={IN_SESSION: self._clock}) as session:
            yield session

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Let the threads of this process write one after the other: SQLite would have each sleep and try again.

        Who waited too long asks SQLite, which waits for other processes and then says no.
        """
        taken = self._turn is not None and self._turn.acquire(timeout=BUSY_SECONDS)
        try:
            yield
        finally:
            if self._turn and taken:
                self._turn.release()

    def ping(self) -> None:
        """Raise what the database raises, if it cannot be read."""
        with self._engine.execution_options(reads=True).connect() as connection:
            connection.exec_driver_sql("SELECT 1 FROM core_account LIMIT 1")

    def dispose(self) -> None:
        self._engine.dispose()


def remembered(session: Session, row: Row) -> Row:
    """Return `row`, which the session keeps until it ends: what nobody holds it forgets, and reads again.

    Only for a row that is locked: one that was read before its lock would hide what another has committed since.
    """
    session.info.setdefault(REMEMBERED, []).append(row)
    return row


class _ThisMachine:
    def now(self) -> datetime:
        return datetime.now(UTC)


def open_database(url: str, override: ProcessClock | None = None) -> UnitOfWork:
    """Return the unit of work on `url`, brought to the newest revision.

    Raise `UnfitDatabase` where an acknowledged commit could be lost. `db_now` tells the database's time;
    `override` is for tests and tells it instead. SQLite: the machine's, for all its processes run on one.
    """
    parsed = make_url(url)
    patient = make_engine(parsed, migration.PATIENCE_SECONDS, NullPool)
    with migration.first_come(parsed):
        refuse_undurable(patient)
        migration.upgrade(patient)
    has_clock = parsed.get_backend_name() == "postgresql"
    return UnitOfWork(make_engine(parsed), override or (None if has_clock else _ThisMachine()))
