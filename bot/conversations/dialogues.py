"""How long the engine's side of conversations is kept (`bot/engine/turn_rows.py`): two days after the last turn.

A session ends after an hour of silence, and nothing of it is read after that; a message that is sent again is answered
from it for as long as it is kept.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine, inspect, text
from sqlalchemy.engine import make_url

from bot.conversations.retention import Purged
from bot.conversations.schema import engine_of

DAYS = 2
LEAST_DAYS = 1  # what is going on stays
BATCH = 200

_OLD = "DELETE FROM turn WHERE conversation = :of AND at < :before"  # who writes again meanwhile begins anew
_SILENT = "SELECT conversation FROM turn GROUP BY conversation HAVING max(at) < :before"


def purge(url: str, days: int | None, now: datetime, dry_run: bool) -> Purged:
    """Delete, or only count, dialogues that were silent for `days` (None: `DAYS`); safe beside a running engine."""
    engine, days = engine_of(make_url(url)), DAYS if days is None else max(days, LEAST_DAYS)
    try:
        if not inspect(engine).has_table("turn"):  # no engine has started yet
            return Purged(days, 0)
        before = _written(engine, now - timedelta(days=days))
        if dry_run:
            with engine.execution_options(reads=True).connect() as connection:
                return Purged(days, len(connection.execute(text(_SILENT), {"before": before}).all()))
        gone = 0
        while batch := _delete_batch(engine, before):
            gone += batch
        return Purged(days, gone)
    finally:
        engine.dispose()


def _delete_batch(engine: Engine, before: object) -> int:
    """Look without a lock, for it takes long; delete with one, for that takes none."""
    with engine.execution_options(reads=True).connect() as connection:
        silent = connection.execute(text(f"{_SILENT} LIMIT {BATCH}"), {"before": before}).scalars().all()
    with engine.begin() as connection:
        for conversation in silent:
            connection.execute(text(_OLD), {"of": conversation, "before": before})
    return len(silent)


def _written(engine: Engine, moment: datetime) -> object:
    """Return `moment` as the table has it: PostgreSQL knows times, SQLite has seconds since 1970."""
    return moment if engine.dialect.name == "postgresql" else moment.timestamp()
