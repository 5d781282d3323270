"""A tracker that goes on from turn to turn and costs the same in the five-hundredth as in the fifth.

Rasa makes a tracker anew for every turn, from all events of the session, replays them for every action (`copy`), and
builds the states of the whole history for every prediction. This one stays, and keeps the latest turns only; what the
older ones left behind stands in front of them as events. Rules look no further back than the longest of them.
"""

from __future__ import annotations

import copy
from collections import deque
from typing import Any

from rasa.shared.core.domain import Domain, State
from rasa.shared.core.events import (
    ActionExecuted,
    ActionReverted,
    ActiveLoop,
    Event,
    LegacyForm,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUtteranceReverted,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker

TURNS_KEPT = 8  # a rule may be as long as this; answers look two turns back, misunderstandings three
STATES_KEPT = 2 * TURNS_KEPT  # the least that so many turns have: an answer and `action_listen`
_BEGINS = (SessionStarted, Restarted)
_REWRITES = (ActiveLoop, LegacyForm, ActionReverted, UserUtteranceReverted)  # `applied_events` leaves some out for them


class LiveTracker(DialogueStateTracker):
    """`version`: the number of the latest turn that is stored; `fence`: the highest stored; `unsaved`: events since."""

    def __init__(self, sender_id: str, domain: Domain) -> None:
        self.domain = domain
        self.version = 0
        self.fence = 0
        self.unsaved: list[Event] = []
        self._states: deque[State] = deque(maxlen=STATES_KEPT)
        self._now: State | None = None
        self._applied: list[Event] | None = None
        self._rewritten = 0  # how many of the events make others not count
        self._said = 0  # messages of the customer since it is live
        self._left: deque[tuple[int, list[Event]]] = deque([(0, [])], TURNS_KEPT + 1)  # after so many of them
        self._shares_slots = False
        super().__init__(sender_id, domain.slots)

    def update(self, event: Event, domain: Domain | None = None) -> None:
        if isinstance(event, ActionExecuted):
            self._states.append(self.state())
        elif isinstance(event, _BEGINS):
            self._states.clear()
        elif isinstance(event, _REWRITES):
            self._rewritten += 1
        elif isinstance(event, UserUttered):
            self._said += 1
        self._now = self._applied = None
        super().update(event, domain)
        self.unsaved.append(event)

    def applied_events(self) -> list[Event]:
        """As Rasa's, made once for each event and not for each question."""
        if self._applied is None:
            self._applied = super().applied_events()
        return self._applied

    def state(self) -> State:
        """Return what the rules see of this moment."""
        if self._now is None:
            self._now = self.domain.get_active_state(self)
        return self._now

    def latest_states(self, most: int) -> list[State]:
        """Return the states before the latest actions and that of now, at most so many, as Rasa would from the history."""
        if self._rewritten:
            states: list[State] = self.past_states(self.domain)
            return states[-most:]
        return [*self._states, self.state()][-most:]

    def copy(self) -> LiveTracker:
        """Return a twin that goes its own way from here; nothing is replayed, and slots are copied when one is set."""
        self._shares_slots = True
        twin: LiveTracker = copy.copy(self)
        twin.events = deque(self.events)
        twin.unsaved = []
        twin._states = deque(self._states, self._states.maxlen)
        twin.active_loop = copy.copy(self.active_loop)
        return twin

    def _set_slot(self, key: str, value: Any) -> None:
        self._own_slots()
        super()._set_slot(key, value)

    def _reset_slots(self) -> None:
        self._own_slots()
        super()._reset_slots()

    def _own_slots(self) -> None:
        if self._shares_slots:
            self.slots = {name: copy.copy(slot) for name, slot in self.slots.items()}
            self._shares_slots = False

    def end_turn(self) -> None:
        """Forget all but the latest turns of the session; what is stored of them stays stored."""
        self.unsaved = []
        self._left.append((self._said, left_behind(self)))
        begins = [index for index, event in enumerate(self.events) if isinstance(event, _BEGINS)]
        turns = [index for index, event in enumerate(self.events) if isinstance(event, UserUttered)]
        if begins and len([turn for turn in turns if turn > begins[-1]]) <= TURNS_KEPT:
            self._forget(begins[-1])
        elif len(turns) > TURNS_KEPT:
            left = dict(self._left).get(self._said - TURNS_KEPT)
            if left is not None:
                self._forget(turns[-TURNS_KEPT] - 1)  # to its `action_listen`
                self._put_in_front(left)

    def begin_with(self, left: list[Event]) -> None:
        """Stand where older turns have left it: slots, and the loop that is active."""
        for event in left:
            event.apply_to(self)
        self._left[-1] = (self._said, left)
        self._put_in_front(left)

    def _forget(self, count: int) -> None:
        for _ in range(count):
            self._rewritten -= isinstance(self.events.popleft(), _REWRITES)
        self._applied = None

    def _put_in_front(self, left: list[Event]) -> None:
        self.events.extendleft(reversed(left))
        self._rewritten += sum(isinstance(event, _REWRITES) for event in left)
        self._applied = None


def left_behind(tracker: DialogueStateTracker) -> list[Event]:
    """Return events that bring a new tracker's slots and loop to where `tracker` is."""
    events: list[Event] = [
        SlotSet(name, slot.value) for name, slot in tracker.slots.items() if slot.value != slot.initial_value
    ]
    if tracker.active_loop_name:
        events.append(ActiveLoop(tracker.active_loop_name))
    return events
