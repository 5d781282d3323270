"""From probabilities to what is done: answer, ask which of two or three is meant, or hand over.

Each way has an expected cost, in units of one wrong answer; the table is in config.yml. A question of another
institution is still recognised (and told to be not of this one), but it has to be clearer than one of the institution's
own: it is `ELSEWHERE_FACTOR` as likely before the message is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from bot.content.flows import load_flows
from bot.content.topics import Topic, load_topics
from bot.engine.understanding.model import OUTSIDE

ELSEWHERE_FACTOR = 0.2
OFFERED = 3  # so many are asked about at once
WORTH_OFFERING = 0.05
RANKED = 5


@dataclass(frozen=True)
class Costs:
    """What each mistake costs the customer, in units of one wrong answer."""

    wrong_answer: float  # an answer to another question
    answer_outside: float  # an answer to what none of the topics is about
    refuse_inside: float  # "I cannot help with that" to somebody one could help
    ask: float  # reading two or three titles and pressing one
    not_among: float  # on top, when the right one is not offered
    hand_over: float  # a phone number instead of an answer

    @property
    def outside_from(self) -> float:
        """From this probability on a message is taken for outside."""
        return self.refuse_inside / ((self.refuse_inside + self.answer_outside) or 1.0)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Costs:
        """Read the table; raise `ValueError` with the names when one is missing, unknown or no amount."""
        names = set(cls.__dataclass_fields__)
        if set(config) != names or not all(type(v) in (int, float) and 0 <= v < math.inf for v in config.values()):
            raise ValueError(f"config.yml: costs needs the numbers {', '.join(sorted(names))}, and no others.")
        return cls(**{name: float(value) for name, value in config.items()})


@dataclass(frozen=True)
class Understood:
    """What a message was taken for."""

    topic: str
    confidence: float  # the probability that `topic` is right
    decision: str  # answer, clarify or handover
    ranking: tuple[tuple[str, float], ...]  # the likeliest intents with their probabilities, `topic` first

    @property
    def offered(self) -> tuple[str, ...]:
        """The intents to ask about when the decision is `clarify`."""
        return tuple(name for name, p in self.ranking if name != OUTSIDE and p >= WORTH_OFFERING)[:OFFERED]


def decided(probabilities: np.ndarray, intents: Sequence[str], costs: Costs) -> Understood:
    """Choose the cheapest way; what is more likely outside than inside is handed over."""
    order = np.argsort(-probabilities, kind="stable")
    ranking = [(intents[i], float(probabilities[i])) for i in order]
    outside = float(probabilities[intents.index(OUTSIDE)]) if OUTSIDE in intents else 0.0
    inside = [entry for entry in ranking if entry[0] != OUTSIDE]
    if outside > costs.outside_from:
        return Understood(OUTSIDE, outside, "handover", ((OUTSIDE, outside), *inside[: RANKED - 1]))
    if ranking[0] != inside[0]:  # the likeliest of what can be answered comes first, outside next
        ranking = [inside[0], *(entry for entry in ranking if entry != inside[0])]
    topic, best = inside[0]
    among = sum(p for _, p in inside[:OFFERED] if p >= WORTH_OFFERING)
    ways = {
        "answer": (1 - best - outside) * costs.wrong_answer + outside * costs.answer_outside,
        "clarify": costs.ask + (1 - among) * costs.not_among,
        "handover": costs.hand_over,
    }
    return Understood(topic, best, min(ways, key=ways.__getitem__), tuple(ranking[:RANKED]))


@lru_cache(maxsize=1)
def known_topics() -> Mapping[str, Topic]:
    """Return every topic by id; the files are read once."""
    return load_topics()


@lru_cache(maxsize=1)
def offered_by() -> Mapping[str, frozenset[str]]:
    """Return for each topic and flow the institutions that have it; what is not in here is everybody's."""
    topics = {topic.id: frozenset(topic.answers) for topic in known_topics().values()}
    return topics | {flow.id: frozenset(flow.institutions) for flow in load_flows().values()}


def elsewhere(intents: Sequence[str], institution: str) -> np.ndarray:
    """Return for each intent how likely it is at `institution` before the message is read: 1, or less."""
    everybody = frozenset({institution})
    return np.array([1.0 if institution in offered_by().get(i, everybody) else ELSEWHERE_FACTOR for i in intents])
