"""One use case, one transaction. On SQLite it takes the write lock at its start, so that reads inside it hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from actions.storage import migration
from actions.storage.clock import IN_SESSION, ProcessClock
from actions.storage.database import make_engine, refuse_undurable


class UnitOfWork:
    """Opens transactions on one database: `with work.begin() as session: …; session.commit()`."""

    def __init__(self, engine: Engine, clock: ProcessClock | None = None) -> None:
        self._engine = engine
        self._clock = clock

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Yield a session; what was not committed when the block ends is rolled back."""
        with Session(self._engine, expire_on_commit=False, info={IN_SESSION: self._clock}) as session:
            yield session

    @contextmanager
    def look(self) -> Iterator[Session]:
        """Yield a session that sees one moment, waits for nobody and commits nothing: for what only reads much."""
        options = {"isolation_level": "REPEATABLE READ"} if self._engine.dialect.name == "postgresql" else {}
        with Session(self._engine.execution_options(reads=True, **options), info={IN_SESSION: self._clock}) as session:
            yield session

    def ping(self) -> None:
        """Raise what the database raises, if it cannot be read."""
        with self._engine.execution_options(reads=True).connect() as connection:
            connection.exec_driver_sql("SELECT 1 FROM core_account LIMIT 1")

    def dispose(self) -> None:
        self._engine.dispose()


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
