"""From probabilities to a decision, knowing at which institution the question is asked.

A question of another institution is still recognised (and told to be not of this one), but it has to be
clearer than one of the institution's own: its probability counts `ELSEWHERE_FACTOR`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from bot.content.flows import load_flows
from bot.content.topics import load_topics

ELSEWHERE_FACTOR = 0.2
WORTH_ASKING = 0.15  # the best guess below the threshold, but above this: ask which is meant


@lru_cache(maxsize=1)
def offered_by() -> Mapping[str, frozenset[str]]:
    """Return for each topic and flow the institutions that have it; what is not in here is everybody's."""
    topics = {topic.id: frozenset(topic.answers) for topic in load_topics().values()}
    return topics | {flow.id: frozenset(flow.institutions) for flow in load_flows().values()}


def weighed(probabilities: np.ndarray, intents: list[str], institution: str) -> np.ndarray:
    """Return the probabilities as they are at `institution`; they add up to 1."""
    everybody = frozenset({institution})
    factors = [1.0 if institution in offered_by().get(i, everybody) else ELSEWHERE_FACTOR for i in intents]
    counted = probabilities * np.asarray(factors)
    weighed_probabilities: np.ndarray = counted / counted.sum()
    return weighed_probabilities


def decide(best: float, threshold: float) -> str:
    """Return `answer`, `clarify` or `handover`."""
    return "answer" if best >= threshold else "clarify" if best >= WORTH_ASKING else "handover"
