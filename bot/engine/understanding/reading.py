"""A message read in its conversation: what it means, and what to do with it.

On top of the probabilities of one text: two questions in one message, a question that leans on the one before, and a
wish that is denied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bot.content.flows import load_flows
from bot.contracts.references import find_notice_references
from bot.engine.understanding.decision import Costs, Understood, decided, elsewhere
from bot.engine.understanding.follow_up import follows, may_follow
from bot.engine.understanding.keyboard import decoded
from bot.engine.understanding.model import OUTSIDE, Understanding
from bot.engine.understanding.negation import besides, denies_wish
from bot.engine.understanding.questions import parts

CERTAIN = 0.75  # of one of several things in a message, to count
CERTAIN_ALONE = 0.9  # of a message that may lean on the one before, to be read without it
CERTAIN_OUTSIDE = 0.96  # the same, where it is about no topic at all
FOREIGN = 0.93  # a few words so likely outside go on with nothing (晚餐吃什麼)
CANCEL = "cancel"
CHECK_NOTICE, REPORT_STATUS = "check_notice", "report_status"
_SAYS = re.compile(r"\w")
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
        decoded("su3cl3")  # its tables are made now: the first customer need not wait for them

    def read(self, text: str, institution: str, before: str | None = None) -> Reading:
        """Return what `text` means at `institution`; `before`: the customer's last question, if there was one."""
        if rest := _without_notice_references(text):
            return Reading(self._about_notice(rest, institution))
        text = decoded(text.lower()) or text  # before it is divided: ; and . are keys of 注音
        whole = self._one(text, institution)
        pieces = parts(text)
        if len(pieces) > 1:
            return self._several(pieces, whole, institution)
        if before and not self._is_clear(whole):
            whole = self._after(before, text, whole, institution)
        return Reading(self._wanted(text, whole, institution))

    def _about_notice(self, rest: str, institution: str) -> Understood:
        """Take a message with a notice's reference for the wish to have it checked, unless the rest wants something else."""
        said = self._one(rest, institution)
        wants = said.topic in self._flows - {REPORT_STATUS} or said.topic.endswith("not_me")
        if wants and self._is_certain(said):
            return said
        others = (entry for entry in said.ranking if entry[0] != CHECK_NOTICE)
        return Understood(CHECK_NOTICE, 1.0, "answer", ((CHECK_NOTICE, 1.0), *others))

    def _after(self, before: str, text: str, whole: Understood, institution: str) -> Understood:
        """Read `text` with the question before, where it leans on it or may, and means something so."""
        leans = follows(text)
        is_foreign = whole.topic == OUTSIDE and whole.confidence >= FOREIGN
        if not (leans or (may_follow(text) and whole.decision != "answer" and not is_foreign)):
            return whole
        together = self._one(f"{before} {text}", institution)
        means = together.decision == "answer" and (leans or self._is_certain(together))
        return together if means else whole

    def _one(self, text: str, institution: str) -> Understood:
        probabilities = self.model.probabilities(text, self._elsewhere[institution])
        understood = decided(probabilities, self.model.intents, self._costs)
        if understood.decision == "answer" and understood.topic not in COURTESIES and len(_SAYS.findall(text)) < 2:
            return replace(understood, decision="clarify")  # one character (碼, 信) says too little to begin anything
        # Whether somebody said thanks or goodbye is nothing to ask back about.
        is_polite = {understood.topic, *understood.offered} <= COURTESIES
        return replace(understood, decision="answer") if is_polite and understood.decision == "clarify" else understood

    def _is_clear(self, understood: Understood) -> bool:
        if understood.topic == OUTSIDE:
            return understood.confidence >= CERTAIN_OUTSIDE
        is_certain = understood.confidence >= CERTAIN_ALONE or understood.topic in COURTESIES
        return understood.decision == "answer" and is_certain

    def _is_certain(self, understood: Understood) -> bool:
        is_question = understood.topic not in COURTESIES
        return is_question and understood.decision == "answer" and understood.confidence >= CERTAIN

    def _several(self, pieces: list[str], whole: Understood, institution: str) -> Reading:
        certain: dict[str, Understood] = {}
        for piece in pieces:
            one = self._wanted(piece, self._one(piece, institution), institution)
            if self._is_certain(one):
                certain.setdefault(one.topic, one)
        if not certain:
            return Reading(self._wanted(" ".join(pieces), whole, institution))
        # Where a message both asks and wants something done, the flow is begun; the question is answered too.
        first, *others = sorted(certain.values(), key=lambda one: one.topic not in self._flows)
        also = next((one.topic for one in others if one.topic not in self._flows), None)
        if also is None and whole.decision == "answer" and whole.topic not in COURTESIES:
            return Reading(self._wanted(" ".join(pieces), whole, institution))
        return Reading(first, also)

    def _wanted(self, text: str, understood: Understood, institution: str) -> Understood:
        """Take a flow that is named only to say that it is not wanted for leaving it, or for what is wanted besides."""
        is_flow = understood.topic in self._flows and understood.topic not in _NEVER_DENIED
        if not (is_flow and denies_wish(text)):
            return understood
        rest = besides(text)
        if rest and self._is_certain(wanted := self._one(rest, institution)):
            return wanted
        others = (entry for entry in understood.ranking if entry[0] not in (understood.topic, CANCEL))
        return replace(understood, topic=CANCEL, ranking=((CANCEL, understood.confidence), *others))


def _without_notice_references(text: str) -> str:
    """Return `text` with a space for each reference of a notice; empty where there is none."""
    found = list(find_notice_references(text))
    for one in reversed(found):
        text = f"{text[: one.start]} {text[one.end :]}"
    return text if found else ""


class _Factors(dict[str, np.ndarray]):
    """The factors of `elsewhere` by institution, made when first asked for."""

    def __init__(self, model: Understanding) -> None:
        super().__init__()
        self._intents = model.intents

    def __missing__(self, institution: str) -> np.ndarray:
        self[institution] = elsewhere(self._intents, institution)
        return self[institution]
