"""Every turn of a dialogue as one row, written in one statement; read back from the latest session, and only its end.

    turn(conversation, seq)   the events of one turn, and what stood in the tracker before the row that follows

Rows are only appended. Two that write the same turn want the same key, and the database lets one of them: the other
acted on an old tracker (`TrackerMoved`), reads anew and tries again. Who lost its lock meanwhile is told by its fence.
A message is taken once: an engine that stood still may find one that its customer has sent again, and another engine has
answered. That is seen before anything is done, in the latest turns; older ones keep it out when it is written.
Live trackers are kept by conversation; one is used only while the database has nothing newer. A database error ends the
turn and is told; it is never "no such conversation" (Rasa's own wrapper would make it that, P12).
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event, SessionStarted, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.engine.lock_store import current_fence
from bot.engine.rasa_private import TrackerMoved, TurnAborted
from bot.engine.rasa_private.events import as_event, stored
from bot.engine.rasa_private.tracker import TURNS_KEPT, LiveTracker, left_behind
from bot.engine.turn_rows import TurnRow, TurnRows, TurnTaken, open_rows
from bot.settings import read_settings

LIVE_TRACKERS = 2000

_new: ContextVar[str | None] = ContextVar("new", default=None)  # the message that is being taken, if not known as taken


@contextmanager
def taking(message: str) -> Iterator[None]:
    """Take a message for the first time; who then reads a tracker that has it already gets `TrackerMoved`."""
    before = _new.set(message)
    try:
        yield
    finally:
        _new.reset(before)


class ConversationTrackerStore(TrackerStore):
    """Named in endpoints.yml."""

    def __init__(
        self, host: str | None, domain: Domain, event_broker: EventBroker | None = None, **kwargs: Any
    ) -> None:
        super().__init__(domain, event_broker)
        self._rows: TurnRows = open_rows(read_settings())
        self._live: OrderedDict[str, LiveTracker] = OrderedDict()

    async def retrieve(self, sender_id: str) -> LiveTracker | None:
        """Return the tracker as it stands in the database, live if it is known here; raise `TurnAborted`."""
        tracker = await self._retrieved(sender_id)
        if tracker and _new.get() and any(_is_said(event, _new.get()) for event in tracker.events):
            raise TrackerMoved
        return tracker

    async def _retrieved(self, sender_id: str) -> LiveTracker | None:
        live = self._live.get(sender_id)
        try:
            if live and not live.unsaved and await self._rows.latest(sender_id) == (live.version, live.fence):
                current_fence(sender_id, live.fence, "no")
                return live
            self._live.pop(sender_id, None)  # a turn of it failed, or another replica went on
            rows = await self._rows.last(sender_id, TURNS_KEPT + 1)
            current_fence(sender_id, rows[-1].fence if rows else 0, "no")
            return self._keep(self._tracker(sender_id, rows)) if rows else None
        except Exception as problem:
            raise TurnAborted("database_down", "no") from problem

    async def create_tracker(self, sender_id: str, append_action_listen: bool = True) -> LiveTracker:
        """Return a new one; it is stored with its first turn."""
        return LiveTracker(sender_id, self.domain)

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Append the turn and keep the tracker live; raise `TrackerMoved`, or `TurnAborted` (it may be stored)."""
        if not isinstance(tracker, LiveTracker):
            raise TurnAborted("turn_failed", "no")
        if not tracker.unsaved:
            return
        row = _row(tracker, current_fence(tracker.sender_id, tracker.fence) or 0)
        try:
            await self._rows.append(row)
        except TurnTaken as problem:
            raise TrackerMoved from problem
        except Exception as problem:
            raise TurnAborted("database_down", "unknown") from problem
        tracker.version, tracker.fence = row.seq, max(row.fence, tracker.fence)
        tracker.end_turn()
        self._keep(tracker)

    async def answered(self, sender_id: str, message: str) -> list[Event] | None:
        """Return the events of the turn that a message of this id began; None where there is none."""
        try:
            row = await self._rows.of_message(sender_id, message)
            return [as_event(event) for event in json.loads(row.events)] if row else None
        except Exception as problem:
            raise TurnAborted("database_down", "no") from problem

    async def retrieve_full_tracker(self, conversation_id: str) -> DialogueStateTracker | None:
        """Return all sessions, for Rasa's own commands."""
        rows = await self._rows.last(conversation_id, None)
        if not rows:
            return None
        tracker = DialogueStateTracker(conversation_id, self.domain.slots)
        for row in rows:
            for event in json.loads(row.events):
                tracker.update(as_event(event))
        return tracker

    async def keys(self) -> Iterable[str]:
        try:
            return await self._rows.conversations()
        except Exception as problem:
            raise TurnAborted("database_down", "no") from problem

    def _keep(self, tracker: LiveTracker) -> LiveTracker:
        self._live[tracker.sender_id] = tracker
        self._live.move_to_end(tracker.sender_id)
        if len(self._live) > LIVE_TRACKERS:
            self._live.popitem(last=False)
        return tracker

    def _tracker(self, sender_id: str, rows: list[TurnRow]) -> LiveTracker:
        """Return what `rows` say, from the latest session on; the first of more than are kept only for what it left."""
        tracker = LiveTracker(sender_id, self.domain)
        begins = max((index for index, row in enumerate(rows) if row.begins), default=None)
        if begins is not None:
            rows = rows[begins:]
        elif len(rows) > TURNS_KEPT:
            tracker.begin_with([as_event(event) for event in json.loads(rows[0].left)])
            rows = rows[1:]
        for row in rows:
            for event in json.loads(row.events):
                tracker.update(as_event(event))
            tracker.end_turn()
        tracker.version, tracker.fence = rows[-1].seq, rows[-1].fence
        return tracker


def _is_said(event: Event, message: str | None) -> bool:
    return isinstance(event, UserUttered) and event.message_id == message


def _row(tracker: LiveTracker, fence: int) -> TurnRow:
    said = next((event for event in tracker.unsaved if isinstance(event, UserUttered)), None)
    return TurnRow(
        conversation=tracker.sender_id,
        seq=tracker.version + 1,
        message=said.message_id if said else None,
        begins=any(isinstance(event, SessionStarted) for event in tracker.unsaved),
        fence=fence,
        events=stored(tracker.unsaved),
        left=stored(left_behind(tracker)),
    )
