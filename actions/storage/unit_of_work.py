"""One use case, one transaction. On SQLite it takes the write lock at its start, so that reads inside it hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from actions.storage.models import Base
from bot.contracts import sqlite


class UnitOfWork:
    """Opens transactions on one database: `with work.begin() as session: …; session.commit()`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Yield a session; what was not committed when the block ends is rolled back."""
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    def ping(self) -> None:
        """Raise what the database raises, if it cannot be read."""
        with self._engine.execution_options(reads=True).connect() as connection:
            connection.exec_driver_sql("SELECT 1 FROM core_account LIMIT 1")

    def dispose(self) -> None:
        self._engine.dispose()


def open_database(url: str) -> UnitOfWork:
    """Return the unit of work on `url`, with its tables there.

    Parameters never appear in an error or a log. SQLite: WAL, `synchronous=FULL` (an acknowledged
    commit survives a power cut), `BEGIN IMMEDIATE`.
    """
    parsed = make_url(url)
    arguments: dict[str, Any] = {}
    if parsed.get_backend_name() == "sqlite":
        arguments["connect_args"] = {"timeout": sqlite.BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(parsed, hide_parameters=True, pool_size=8, max_overflow=24, **arguments)
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", sqlite.prepare)
        event.listen(engine, "begin", sqlite.begin)
    Base.metadata.create_all(engine)
    return UnitOfWork(engine)
