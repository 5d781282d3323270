"""Locks on what has no row yet."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

_HOLD = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


def hold(session: Session, name: str) -> None:
    """Make whoever else asks for `name` wait until this transaction ends.

    For decisions that rest on a row that is not there, or on the newest of several. On SQLite the transaction
    holds the only write lock already. Take it first in a transaction, and one a transaction: two taken in
    different orders wait for each other.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_HOLD, {"name": name})
