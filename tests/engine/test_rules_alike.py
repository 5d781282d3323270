"""Rules found by index over a short live tracker decide as Rasa's RulePolicy over the whole history does."""

from __future__ import annotations

import copy
import functools
import json
import os
import random
from collections import Counter
from typing import Any

import pytest
from rasa.core.agent import Agent
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.policies.rule_policy import RULES, RULES_FOR_LOOP_UNHAPPY_PATH, RulePolicy
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActiveLoop,
    DefinePrevUserUtteredFeaturization,
    Event,
    LoopInterrupted,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker

from bot.engine.rasa_private.rules import IndexedRulePolicy, Rules
from bot.engine.rasa_private.tracker import STATES_KEPT, TURNS_KEPT, LiveTracker

CONVERSATIONS = 40 * int(os.environ.get("ANXIN_ROUNDS", "1"))
TURNS = 3 * TURNS_KEPT


@pytest.fixture(scope="module")
def ours(agent: Agent) -> IndexedRulePolicy:
    found = [node._component for node in agent.processor.graph_runner._nodes.values()]  # type: ignore[union-attr]
    (policy,) = [component for component in found if isinstance(component, IndexedRulePolicy)]
    return policy


@pytest.fixture(scope="module")
def rasas(ours: IndexedRulePolicy) -> RulePolicy:
    """The same rules in Rasa's own policy; only its cache of rules that were read is larger."""
    policy: Any = copy.copy(ours)
    policy.__class__ = type("Stock", (RulePolicy,), {"_rule_key_to_state": staticmethod(functools.cache(json.loads))})
    return policy  # type: ignore[no-any-return]


class Both:
    """One conversation in a live tracker and in one that keeps everything."""

    def __init__(self, domain: Domain, chance: random.Random) -> None:
        self.domain, self.chance = domain, chance
        self.live = LiveTracker("c", domain)
        self.whole = DialogueStateTracker("c", domain.slots)
        self.seen: Counter[str] = Counter()

    def happen(self, *events: Event) -> None:
        for event in events:
            self.live.update(event, self.domain)
            self.whole.update(event, self.domain)

    def predict(self, ours: IndexedRulePolicy, rasas: RulePolicy) -> PolicyPrediction:
        loop = self.whole.active_loop
        self.seen += Counter(
            {"predictions": 1, "in a loop": bool(loop), "after a refusal": bool(loop and loop.rejected)}
        )
        found = ours.predict_action_probabilities(self.live, self.domain)
        asked = rasas.predict_action_probabilities(self.whole, self.domain)
        told = [event.as_dict() for event in self.whole.events][-12:]
        assert (found.max_confidence_index, found.max_confidence) == (
            asked.max_confidence_index,
            asked.max_confidence,
        ), told
        for name in ("is_no_user_prediction", "is_end_to_end_prediction", "hide_rule_turn"):
            assert getattr(found, name) == getattr(asked, name), told
        assert found.events == asked.events, told
        self.seen["interrupted"] += bool(asked.events)
        return asked

    def act(self, name: str, prediction: PolicyPrediction) -> None:
        """Let the action do what such an action may do."""
        if name in self.domain.form_names:
            if self.live.active_loop_name == name and self.chance.random() < 0.4:
                self.happen(ActionExecutionRejected(name))
                return
            self.happen(*prediction.events, ActionExecuted(name))
            ends = self.chance.random() < 0.3
            self.happen(*([] if self.live.active_loop_name == name else [ActiveLoop(name)]))
            self.happen(
                *([ActiveLoop(None), SlotSet("requested_slot", None)] if ends else [SlotSet("requested_slot", "x")])
            )
            return
        self.happen(*prediction.events, ActionExecuted(name))
        if (
            name.startswith("action_open") and self.chance.random() < 0.8
        ):  # as ours do: left what there was, and follow up
            self.happen(ActiveLoop(None), SlotSet("requested_slot", None))
            self.act(self.chance.choice(self.domain.form_names), PolicyPrediction.for_action_name(self.domain, name))

    def turn(self, intent: str, ours: IndexedRulePolicy, rasas: RulePolicy) -> None:
        parse = {"intent": {"name": intent, "confidence": 1.0}, "entities": [], "text": "demo"}
        self.happen(UserUttered("demo", parse["intent"], [], parse), DefinePrevUserUtteredFeaturization(False))  # type: ignore[arg-type]
        for _ in range(6):
            prediction = self.predict(ours, rasas)
            if not prediction.max_confidence:
                break
            name = self.domain.action_names_or_texts[prediction.max_confidence_index]
            self.act(name, prediction)
            if name == "action_listen":
                break
        if self.live.latest_action_name != "action_listen":
            self.happen(ActionExecuted("action_listen"))
        self.live.end_turn()


def talk(seed: int, ours: IndexedRulePolicy, rasas: RulePolicy, domain: Domain) -> Both:
    chance = random.Random(seed)
    both = Both(domain, chance)
    opens = (ActionExecuted("action_session_start"), SessionStarted(), ActionExecuted("action_listen"))
    both.happen(*opens)
    in_flows = [name for name in domain.intents if name in ("cancel", "affirm", "deny", "inform", "repeat", "human")]
    for _ in range(TURNS):
        if chance.random() < 0.03:
            both.happen(*(opens if chance.random() < 0.5 else (Restarted(), *opens)))
        both.turn(chance.choice(in_flows if chance.random() < 0.4 else domain.intents), ours, rasas)
        assert both.live.active_loop_name == both.whole.active_loop_name
        assert both.live.current_slot_values() == both.whole.current_slot_values()
    return both


def test_conversations_are_decided_as_rasa_decides_them(
    ours: IndexedRulePolicy, rasas: RulePolicy, domain: Domain, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: Counter[str] = Counter()
    for seed in range(CONVERSATIONS):
        seen += talk(seed, ours, rasas, domain).seen
    with capsys.disabled():
        print(f"\nThe same decisions as Rasa's RulePolicy: {dict(seen)}")
    assert min(seen[kind] for kind in ("predictions", "in a loop", "after a refusal")) > 20


def test_every_rule_is_found_where_it_was_learnt(ours: IndexedRulePolicy, rasas: RulePolicy) -> None:
    """Each rule's own states, as a conversation: the index gives what going through all of them gives."""
    for name in (RULES, RULES_FOR_LOOP_UNHAPPY_PATH):
        lookup = ours.lookup[name]
        rules = Rules(lookup)
        keys = random.Random(7).sample(sorted(lookup), min(len(lookup), 150))
        for key in keys:
            states = json.loads(key)
            found = rules.fitting(states)
            assert key in found
            assert set(found) == rasas._get_possible_keys(lookup, states)


def test_no_rule_is_longer_than_what_is_kept(ours: IndexedRulePolicy) -> None:
    assert 0 < ours._longest() < STATES_KEPT


def test_a_copy_goes_its_own_way(domain: Domain) -> None:
    live = LiveTracker("c", domain)
    for event in (ActionExecuted("action_listen"), UserUttered("demo"), ActiveLoop("report_status_form")):
        live.update(event)
    twin = live.copy()
    for event in (SlotSet("report_since", "x"), LoopInterrupted(True), ActionExecuted("action_listen")):
        twin.update(event)
    assert (live.get_slot("report_since"), twin.get_slot("report_since")) == (None, "x")
    assert (live.active_loop.is_interrupted, len(live.events), len(live.unsaved)) == (False, 3, 3)  # type: ignore[union-attr]
    assert live.latest_states(9) != twin.latest_states(9)
