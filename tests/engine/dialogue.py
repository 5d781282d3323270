"""What the policies make of a message, without running any action."""

from __future__ import annotations

from rasa.core.agent import Agent
from rasa.shared.core.events import ActionExecuted, ActionExecutionRejected, ActiveLoop, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

MOST_ACTIONS = 6


def actions_for(agent: Agent, intent: str, form: str | None = None, step: str | None = None) -> list[str]:
    """Return the actions that follow a message of `intent`, inside `form` at `step` if given.

    The form takes nothing from the message, as when the customer asks something else than it asked for.
    """
    assert agent.processor is not None
    assert agent.domain is not None
    tracker = DialogueStateTracker("c", agent.domain.slots)
    tracker.update(ActionExecuted("action_listen"))
    if form:
        tracker.update(ActiveLoop(form))
        tracker.update(SlotSet("requested_slot", step or agent.domain.required_slots_for_form(form)[0]))
    tracker.update(UserUttered("words", {"name": intent, "confidence": 0.9}), agent.domain)
    return _run(agent, tracker)


def _run(agent: Agent, tracker: DialogueStateTracker) -> list[str]:
    done: list[str] = []
    while len(done) < MOST_ACTIONS:
        action, prediction = agent.processor.predict_next_with_tracker_if_should(tracker)
        name = action.name()
        if name == "action_listen":
            return done
        if name == tracker.active_loop_name and tracker.latest_action_name == "action_listen":
            tracker.update(ActionExecutionRejected(name))
            continue
        tracker.update_with_events(prediction.events, agent.domain)
        tracker.update(ActionExecuted(name, prediction.policy_name), agent.domain)
        if name == "action_deactivate_loop":
            tracker.update(ActiveLoop(None))
            tracker.update(SlotSet("requested_slot", None))
        done.append(name)
    raise AssertionError(f"No end after {done}.")
