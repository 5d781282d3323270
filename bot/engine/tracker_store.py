"""Rasa's SQL tracker store, at the place the settings name, that never hides a database error.

Rasa wraps every store and turns a failed read into "no such conversation" (P12): the customer would
start anew without a word. Here a database error ends the turn; the customer is told, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from sqlalchemy.exc import SQLAlchemyError

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
        except SQLAlchemyError as problem:
            raise TurnAborted("database_down", "no") from problem

    async def save(self, tracker: DialogueStateTracker) -> None:
        try:
            await super().save(tracker)
        except SQLAlchemyError as problem:
            raise TurnAborted("database_down", "unknown") from problem

    async def keys(self) -> Iterable[str]:
        try:
            return await super().keys()
        except SQLAlchemyError as problem:
            raise TurnAborted("database_down", "no") from problem
