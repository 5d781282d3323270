"""Rasa's RulePolicy, asked about the few rules that can fit instead of all of them at every step.

Rasa goes through all rules for each state of the whole history, and reads each rule from JSON again (its cache of a
thousand is too small for ours): 18 of the 21 ms of a turn. Here rules are read once and found by the action before and
the customer's intent; states come from the live tracker, as many as the longest rule has. What fits is decided as Rasa
decides it; tests/engine/test_rules_alike.py compares the two over every rule and random conversations.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from rasa.core.policies.rule_policy import RULES, RULES_FOR_LOOP_UNHAPPY_PATH, RulePolicy
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.shared.core.constants import PREVIOUS_ACTION, SHOULD_NOT_BE_SET, USER
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import ACTION_NAME, INTENT, TEXT

from bot.engine.rasa_private.tracker import STATES_KEPT, LiveTracker

ANY = None
Place = tuple[str | None, str | None]  # the action before, the intent; ANY where the rule does not say
Check = tuple[str, str, Any]  # kind of sub-state, key, value


class Rule:
    """One rule's key, and for each of its states from the last to the first what must and what must not be there."""

    def __init__(self, key: str, states: list[State]) -> None:
        self.key = key
        self.states = [(bool(state.get(PREVIOUS_ACTION)), *_checks(state)) for state in reversed(states)]
        last = states[-1]
        self.place = _said(last, PREVIOUS_ACTION, ACTION_NAME), _said(last, USER, INTENT)

    def fits(self, latest_first: list[State]) -> bool:
        """Return whether the conversation is where the rule says, as far back as both go."""
        for (has_previous, present, absent), state in zip(self.states, latest_first, strict=False):
            if bool(state.get(PREVIOUS_ACTION)) is not has_previous:
                return False
            if not has_previous:  # both begin here; initial values of slots are in both
                continue
            if any(state.get(kind, _NOTHING).get(name) != value for kind, name, value in present):
                return False
            if any(state.get(kind, _NOTHING).get(name) not in _UNSET for kind, name, _ in absent):
                return False
        return True


_NOTHING: Mapping[str, Any] = {}
_UNSET = (None, "", (), False, 0, SHOULD_NOT_BE_SET)


class Rules:
    """All rules of one lookup, by where they may begin to fit."""

    def __init__(self, lookup: Mapping[str, Any]) -> None:
        self._by_place: dict[Place, list[Rule]] = defaultdict(list)
        self.longest = 0
        self.ask_for_texts = False
        for key in lookup:
            states = json.loads(key)
            rule = Rule(key, states)
            self._by_place[rule.place].append(rule)
            self.longest = max(self.longest, len(rule.states))
            self.ask_for_texts |= any(TEXT in state.get(USER, _NOTHING) for state in states)

    def fitting(self, states: list[State]) -> list[str]:
        """Return the keys that fit, in the order of the lookup."""
        latest = list(reversed(states))
        before, intent = _said(latest[0], PREVIOUS_ACTION, ACTION_NAME), _said(latest[0], USER, INTENT)
        places = dict.fromkeys(((before, intent), (before, ANY), (ANY, intent), (ANY, ANY)))
        return [rule.key for place in places for rule in self._by_place.get(place, ()) if rule.fits(latest)]


def _said(state: State, kind: str, name: str) -> str | None:
    value = state.get(kind, _NOTHING).get(name)
    return value if isinstance(value, str) and value and value != SHOULD_NOT_BE_SET else ANY


def _checks(state: State) -> tuple[list[Check], list[Check]]:
    present: list[Check] = []
    absent: list[Check] = []
    for kind, values in state.items():
        for name, value in values.items():
            value = tuple(value) if isinstance(value, list) else value
            if value == SHOULD_NOT_BE_SET:
                absent.append((kind, name, value))
            elif value:
                present.append((kind, name, value))
    return present, absent


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class IndexedRulePolicy(RulePolicy):
    """Named in config.yml."""

    _read: dict[int, Rules] | None = None

    def train(self, training_trackers: list[Any], domain: Domain, **kwargs: Any) -> Resource:
        """As Rasa's; raise `InvalidConfigException` for a rule that looks further back than a live tracker."""
        resource = super().train(training_trackers, domain, **kwargs)
        if self._longest() > STATES_KEPT:
            raise InvalidConfigException(
                f"data/flows: a rule has {self._longest()} steps; a live conversation knows the last {STATES_KEPT}. "
                "Make it shorter, or raise TURNS_KEPT in bot/engine/rasa_private/tracker.py."
            )
        return resource

    def _rules(self, lookup: Mapping[str, Any]) -> Rules:
        if self._read is None:
            self._read = {}
        if id(lookup) not in self._read:
            self._read[id(lookup)] = Rules(lookup)
        return self._read[id(lookup)]

    def _longest(self) -> int:
        return max(self._rules(self.lookup[name]).longest for name in (RULES, RULES_FOR_LOOP_UNHAPPY_PATH))

    def _get_possible_keys(self, lookup: dict[str, str], states: list[State]) -> list[str]:  # type: ignore[override]
        return self._rules(lookup).fitting(states)

    def _prediction_states(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        use_text_for_last_user_input: bool = False,
        rule_only_data: dict[str, Any] | None = None,
    ) -> list[State]:
        if use_text_for_last_user_input or not isinstance(tracker, LiveTracker):
            states: list[State] = super()._prediction_states(
                tracker, domain, use_text_for_last_user_input, rule_only_data
            )
            return states
        return [_by_intent(state) for state in tracker.latest_states(self._longest() + 1)]

    def _find_action_from_rules(
        self, tracker: DialogueStateTracker, domain: Domain, use_text_for_last_user_input: bool
    ) -> tuple[str | None, str | None, bool]:
        """Skip the pass over the customer's very words where no rule asks for them: it finds nothing of its own."""
        if use_text_for_last_user_input and not self._rules(self.lookup[RULES]).ask_for_texts:
            return None, None, False
        found: tuple[str | None, str | None, bool] = super()._find_action_from_rules(
            tracker, domain, use_text_for_last_user_input
        )
        return found


def _by_intent(state: State) -> State:
    """Return the state with the intent and without the words, as the featurizer leaves it."""
    user = state.get(USER)
    if not user or TEXT not in user or INTENT not in user:
        return state
    return {**state, USER: {name: value for name, value in user.items() if name != TEXT}}
