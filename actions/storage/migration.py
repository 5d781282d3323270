"""Brings a database to the tables of this version: forward only, one process at a time, all or nothing (Alembic)."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine

from actions.storage.database import UnfitDatabase

MIGRATIONS = Path(__file__).parent / "migrations"
PATIENCE_SECONDS = 60.0  # another process may be at it
_LOCK = 0x616E78696E  # any number that nobody else takes: "anxin"


def upgrade(engine: Engine, to: str = "head") -> None:
    """Run the revisions that are missing; return when the database is at `to`.

    A database made before there were revisions keeps its rows and becomes revision 0001. Raise
    `UnfitDatabase` for one that a newer version has been at.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    with engine.execution_options(reads=True).connect() as connection:
        current = revision(connection)
    if current == scripts.get_current_head():
        return
    if current and current not in {script.revision for script in scripts.walk_revisions()}:
        raise UnfitDatabase(
            f"The database is at revision {current}, which this version does not know: run a newer one."
        )
    with _alone(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def revision(connection: Connection) -> str | None:
    """Return the revision that the database is at, None before the first."""
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def first_come(url: URL) -> Iterator[None]:
    """Let one process at a time open a SQLite file for the first time: turning on WAL does not wait, it fails.

    The lock is on the file's folder, so nothing is left behind. Raise `UnfitDatabase` after `PATIENCE_SECONDS`.
    """
    if url.get_backend_name() != "sqlite" or not url.database:
        yield
        return
    folder = os.open(Path(url.database).parent, os.O_RDONLY)
    try:
        _lock(folder)
        yield
    finally:
        os.close(folder)


def _lock(descriptor: int) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise UnfitDatabase("Another process has been opening the database for a minute.") from None
            time.sleep(0.05)


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Yield a transaction that no other migration runs beside.

    PostgreSQL: an advisory lock, given back by commit or crash. SQLite: `BEGIN IMMEDIATE`, inside `first_come`.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        yield connection
