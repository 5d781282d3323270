"""Locks on what has no row yet, and who is first to write it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CursorResult, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from actions.storage.base import Base

_HOLD = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


def hold(session: Session, name: str) -> None:
    """Make whoever else asks for `name` wait until this transaction ends.

    For decisions that rest on a row that is not there, or on the newest of several. On SQLite the transaction
    holds the only write lock already. Take it first in a transaction, and one a transaction: two taken in
    different orders wait for each other.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_HOLD, {"name": name})


def insert_if_new(session: Session, row: type[Base], values: dict[str, Any]) -> bool:
    """Insert a row, and return whether there was none under its keys; wait for whoever is just writing one."""
    kind: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    done = session.execute(kind.insert(row).values(values).on_conflict_do_nothing())
    return isinstance(done, CursorResult) and done.rowcount == 1
