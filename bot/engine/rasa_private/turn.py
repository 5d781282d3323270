"""A turn as Rasa's MessageProcessor takes it, without what costs more the longer a conversation is.

The order of things is Rasa's (rasa 3.6.21, `core/processor.py`): session, message, slots, predictions and actions until
`action_listen`, save. Left out or replaced:
* copies of events and states that only a debug log would show (`structlogger.debug(copy.deepcopy(…))`: a third of a turn);
* the graph for dask, made at every call (`runner.py`);
* the list of all default actions, made for every action's name.
"""

from __future__ import annotations

from typing import Any

import rasa.core.actions.action
import rasa.core.agent
import rasa.core.policies.rule_policy
import rasa.core.processor
from rasa.core.actions.action import Action, default_actions
from rasa.core.processor import MessageProcessor
from rasa.core.tracker_store import FailSafeTrackerStore, TrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME
from rasa.shared.core.events import ActionExecuted
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot.engine.rasa_private.runner import StraightRunner


class TurnProcessor(MessageProcessor):
    @property
    def store(self) -> TrackerStore:
        """The tracker store itself, without the wrapper that makes empty conversations of its errors (P12)."""
        store = self.tracker_store
        return store._tracker_store if isinstance(store, FailSafeTrackerStore) else store

    async def get_tracker(self, conversation_id: str) -> DialogueStateTracker:
        """As Rasa's, from the store itself; no ids of the model, which it would write into every event."""
        return await self.store.get_or_create_tracker(conversation_id, append_action_listen=False)

    async def save_tracker(self, tracker: DialogueStateTracker) -> None:
        await self.store.save(tracker)

    def is_action_limit_reached(self, tracker: DialogueStateTracker, should_predict_another_action: bool) -> bool:
        """As Rasa's, without a copy of all events."""
        predicted = 0
        for event in reversed(tracker.events):
            if isinstance(event, ActionExecuted):
                if event.action_name in (ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME):
                    break
                predicted += 1
        return should_predict_another_action and predicted >= self.max_number_of_predictions

    async def run_anonymization_pipeline(self, tracker: DialogueStateTracker) -> None:
        """Rasa asks its plug-ins and reads the tracker once more; ours has no plug-in, and redacts when it stores."""

    def _check_for_unseen_features(self, parse_data: dict[str, Any]) -> None:
        """Rasa compares the whole domain with an empty one first; ours names all that the model can find, and a test sees to it."""

    @staticmethod
    def _log_slots(tracker: DialogueStateTracker) -> None:
        """Rasa writes every slot to the debug log; ours holds nothing that a log may have."""


class _NoCopies:
    """Stands where Rasa's modules have `copy`, which they use for their debug logs alone."""

    @staticmethod
    def deepcopy(value: Any) -> Any:
        return value


def install() -> None:
    """Make Rasa's agent use what is here, instead of its own."""
    rasa.core.processor.DaskGraphRunner = StraightRunner
    rasa.core.processor.copy = _NoCopies
    rasa.core.policies.rule_policy.copy = _NoCopies
    rasa.core.agent.MessageProcessor = TurnProcessor
    rasa.core.actions.action.default_actions = _default_actions


_made: dict[int, list[Action]] = {}


def _default_actions(action_endpoint: EndpointConfig | None = None) -> list[Action]:
    """As Rasa's, made once an endpoint: they keep nothing from turn to turn."""
    if id(action_endpoint) not in _made:
        _made[id(action_endpoint)] = default_actions(action_endpoint)
    return _made[id(action_endpoint)]
