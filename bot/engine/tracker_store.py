"""Rasa's SQL tracker store, at the place the settings name, that never hides a database error.

Rasa wraps every store and turns a failed read into "no such conversation" (P12): the customer would
start anew without a word. Here a database error ends the turn; the customer is told, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import SessionStarted
from rasa.shared.core.trackers import DialogueStateTracker
from sqlalchemy.orm import Query, Session

from bot.engine.rasa_private import TurnAborted
from bot.settings import read_settings

BUSY_SECONDS = 1


class ConversationTrackerStore(SQLTrackerStore):
    """Named in endpoints.yml."""

    def __init__(
        self, host: str | None, domain: Domain, event_broker: EventBroker | None = None, **kwargs: Any
    ) -> None:
        folder = read_settings().var
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = str(folder / "tracker.sqlite")
        super().__init__(domain, "sqlite", db=database, query={"timeout": str(BUSY_SECONDS)})

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        try:
            return await super().retrieve(sender_id)
        except Exception as problem:
            raise TurnAborted("database_down", "no") from problem

    async def save(self, tracker: DialogueStateTracker) -> None:
        try:
            await super().save(tracker)
        except Exception as problem:
            raise TurnAborted("database_down", "unknown") from problem

    async def keys(self) -> Iterable[str]:
        try:
            return await super().keys()
        except Exception as problem:
            raise TurnAborted("database_down", "no") from problem

    @contextmanager
    def session_scope(self) -> Iterator[Session]:
        """As Rasa's, which takes every ValueError for a missing PostgreSQL schema and ends the whole process."""
        session = self.sessionmaker()
        try:
            yield session
        finally:
            session.close()

    def _event_query(self, session: Session, sender_id: str, fetch_events_from_all_sessions: bool) -> Query:
        """As Rasa's, but the newest session begins where it was stored, not when: clocks are set back (P14)."""
        row = self.SQLEvent
        events = session.query(row).filter(row.sender_id == sender_id)
        if not fetch_events_from_all_sessions:
            started = session.query(sa.func.max(row.id)).filter(
                row.sender_id == sender_id, row.type_name == SessionStarted.type_name
            )
            events = events.filter(row.id >= sa.func.coalesce(started.scalar_subquery(), 0))
        return events.order_by(row.id)
