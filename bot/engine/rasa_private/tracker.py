"""A tracker that goes on from turn to turn and costs the same in the five-hundredth as in the fifth.

Rasa makes a tracker anew for every turn, from all events of the session, replays them for every action (`copy`), and
builds the states of the whole history for every prediction. This one stays, and keeps the latest turns only; what the
older ones left behind stands in front of them as events. Rules look no further back than the longest of them.
"""

from __future__ import annotations

import copy
from collections import deque

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
        super().__init__(sender_id, domain.slots)

    def update(self, event: Event, domain: Domain | None = None) -> None:
        if isinstance(event, ActionExecuted):
            self._states.append(self.state())
        elif isinstance(event, _BEGINS):
            self._states.clear()
        self._now = None
        super().update(event, domain)
        self.unsaved.append(event)

    def state(self) -> State:
        """Return what the rules see of this moment."""
        if self._now is None:
            self._now = self.domain.get_active_state(self)
        return self._now

    def latest_states(self, most: int) -> list[State]:
        """Return the states before the latest actions and that of now, at most so many, as Rasa would from the history."""
        if any(isinstance(event, _REWRITES) for event in self.events):
            states: list[State] = self.past_states(self.domain)
            return states[-most:]
        return [*self._states, self.state()][-most:]

    def copy(self) -> LiveTracker:
        """Return a twin that goes its own way from here; nothing is replayed."""
        twin: LiveTracker = copy.copy(self)
        twin.events = deque(self.events)
        twin.unsaved = []
        twin._states = deque(self._states, self._states.maxlen)
        twin.slots = {name: copy.copy(slot) for name, slot in self.slots.items()}
        twin.active_loop = copy.copy(self.active_loop)
        return twin

    def end_turn(self) -> None:
        """Forget all but the latest turns of the session; what is stored of them stays stored."""
        self.unsaved = []
        begins = [index for index, event in enumerate(self.events) if isinstance(event, _BEGINS)]
        turns = [index for index, event in enumerate(self.events) if isinstance(event, UserUttered)]
        if begins and len([turn for turn in turns if turn > begins[-1]]) <= TURNS_KEPT:
            for _ in range(begins[-1]):
                self.events.popleft()
        elif len(turns) > TURNS_KEPT:
            self._leave([self.events.popleft() for _ in range(turns[-TURNS_KEPT] - 1)])  # to its `action_listen`

    def begin_with(self, left: list[Event]) -> None:
        """Put in front what older turns left behind: slots, and the loop that is active."""
        for event in left:
            event.apply_to(self)
        self.events.extendleft(reversed(left))

    def _leave(self, forgotten: list[Event]) -> None:
        before = DialogueStateTracker(self.sender_id, self.domain.slots)
        for event in forgotten:
            event.apply_to(before)
        self.events.extendleft(reversed(left_behind(before)))


def left_behind(tracker: DialogueStateTracker) -> list[Event]:
    """Return events that bring a new tracker's slots and loop to where `tracker` is."""
    events: list[Event] = [
        SlotSet(name, slot.value) for name, slot in tracker.slots.items() if slot.value != slot.initial_value
    ]
    if tracker.active_loop_name:
        events.append(ActiveLoop(tracker.active_loop_name))
    return events
