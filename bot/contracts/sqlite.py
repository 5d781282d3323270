"""How every process opens SQLite: an acknowledged commit survives a power cut, and a write lock is taken first."""

from __future__ import annotations

from typing import Any

BUSY_SECONDS = 2.0


def prepare(connection: Any, _record: Any = None) -> None:
    """Set up a new DB-API connection: WAL, `synchronous=FULL`, erased rows are overwritten."""
    connection.isolation_level = None  # transactions are ours: the driver's would begin too late
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def begin(connection: Any) -> None:
    """Begin a transaction that holds the write lock, so that what it reads stays true until it commits.

    With the execution option `reads` it takes no lock: for what only looks.
    """
    reads = connection.get_execution_options().get("reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
