"""A message read in its conversation: what it means, and what to do with it.

On top of the probabilities of one text: two questions in one message, a question that leans on the one before, and a
wish that is denied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bot.content.flows import load_flows
from bot.engine.understanding.decision import Costs, Understood, decided, elsewhere
from bot.engine.understanding.follow_up import follows
from bot.engine.understanding.model import Understanding
from bot.engine.understanding.negation import denies_wish
from bot.engine.understanding.questions import parts

CERTAIN = 0.75  # of each of two questions, to answer both
CERTAIN_ALONE = 0.8  # of a message that may lean on the one before, to be read without it
CANCEL = "cancel"
# Said beside a question, they are no question of their own.
COURTESIES = frozenset({"greet", "thanks", "goodbye", "affirm", "deny", "help", "repeat", "bot_challenge", CANCEL})
_NEVER_DENIED = frozenset({"not_me", "human"})  # 不是我, 我不要跟機器人講: these wishes come in negative words


@dataclass(frozen=True)
class Reading:
    """What a message was taken for, and what else it asks."""

    understood: Understood
    also: str | None = None  # a second topic that was asked, as certain as the first


class Reader:
    """Reads messages with a trained model and the costs of config.yml."""

    def __init__(self, model: Understanding, costs: Costs) -> None:
        self.model = model
        self._costs = costs
        self._flows = frozenset(load_flows())
        self._elsewhere: Mapping[str, np.ndarray] = _Factors(model)

    def read(self, text: str, institution: str, before: str | None = None) -> Reading:
        """Return what `text` means at `institution`; `before`: the customer's last question, if there was one."""
        whole = self._one(text, institution)
        pieces = parts(text)
        if len(pieces) > 1:
            return self._several(pieces, whole, institution)
        if before and follows(text) and not self._is_clear(whole):
            together = self._one(f"{before} {text}", institution)
            whole = together if together.decision == "answer" else whole
        return Reading(self._wanted(text, whole))

    def _one(self, text: str, institution: str) -> Understood:
        probabilities = self.model.probabilities(text, self._elsewhere[institution])
        return decided(probabilities, self.model.intents, self._costs)

    def _is_clear(self, understood: Understood) -> bool:
        return understood.decision == "answer" and understood.confidence >= CERTAIN_ALONE

    def _several(self, pieces: list[str], whole: Understood, institution: str) -> Reading:
        certain: dict[str, Understood] = {}
        for piece in pieces:
            one = self._wanted(piece, self._one(piece, institution))
            if one.decision == "answer" and one.confidence >= CERTAIN and one.topic not in COURTESIES:
                certain.setdefault(one.topic, one)
        if not certain:
            return Reading(self._wanted(" ".join(pieces), whole))
        # Where a message both asks and wants something done, the flow is begun; the question is answered too.
        first, *others = sorted(certain.values(), key=lambda one: one.topic not in self._flows)
        also = next((one.topic for one in others if one.topic not in self._flows), None)
        if also is None and whole.decision == "answer" and whole.topic not in COURTESIES:
            return Reading(self._wanted(" ".join(pieces), whole))
        return Reading(first, also)

    def _wanted(self, text: str, understood: Understood) -> Understood:
        """Take a flow that is named only to say that it is not wanted for leaving it."""
        is_flow = understood.topic in self._flows and understood.topic not in _NEVER_DENIED
        if not (is_flow and denies_wish(text)):
            return understood
        ranking = ((CANCEL, understood.confidence), *understood.ranking[:-1])
        return Understood(CANCEL, understood.confidence, understood.decision, ranking)


class _Factors(dict[str, np.ndarray]):
    """The factors of `elsewhere` by institution, made when first asked for."""

    def __init__(self, model: Understanding) -> None:
        super().__init__()
        self._intents = model.intents

    def __missing__(self, institution: str) -> np.ndarray:
        self[institution] = elsewhere(self._intents, institution)
        return self[institution]
