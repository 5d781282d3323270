"""How sure: two probabilities for a message, learnt from messages that training had not seen.

* `scope`: the message is about one of the topics at all;
* `topic`: given that, the likeliest topic is the right one.

Their product is the probability that an answer is right, and is reported as such. What is not about any topic is learnt
from what the training set says is outside, from whole intents held out, and from examples of which most is garbled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

SCOPE = ("energy", "lead", "gap", "share", "similarity", "coverage", "length")
TOPIC = ("gap", "share", "similarity", "coverage", "length")
# Energy and lead say most about scope; the others correct them where there is enough to learn from.
TRUSTED = 8.0
SCOPE_STRENGTH, TOPIC_STRENGTH = 0.02, 1.0
_TEMPERATURES = np.geomspace(0.5, 20, 60)


@dataclass(frozen=True)
class Evidence:
    """What the scores of messages say, one row a message; `best` is the likeliest intent that is not `outside`."""

    best: np.ndarray
    shares: np.ndarray  # softmax over the intents that are not outside
    features: dict[str, np.ndarray]

    def of(self, names: tuple[str, ...]) -> np.ndarray:
        return np.column_stack([self.features[name] for name in names])


def evidence(
    scores: np.ndarray,
    similarity: Callable[[np.ndarray], np.ndarray],
    coverage: np.ndarray,
    length: np.ndarray,
    temperature: float,
    outside: int | None,
) -> Evidence:
    """Weigh the scores (messages, intents), the coverage and the number of columns (messages).

    `similarity` tells the cosine of each message to the centroid of the intent given for it.
    """
    rows = np.arange(len(scores))
    inside = scores.copy()
    if outside is not None:
        inside[:, outside] = -np.inf
    two = np.sort(np.partition(inside, -2, axis=1)[:, -2:], axis=1)
    best, top = inside.argmax(axis=1), two[:, 1]
    powers = np.exp(temperature * (inside - top[:, None]))
    total = powers.sum(axis=1)
    shares = powers / total[:, None]
    features = {
        "energy": top + np.log(total) / temperature,
        "lead": np.zeros(len(scores)) if outside is None else top - scores[:, outside],
        "gap": np.minimum(top - two[:, 0], 10.0),
        "share": np.log(shares[rows, best] + 1e-6),
        "similarity": similarity(best),
        "coverage": coverage,
        "length": np.log(1.0 + length),
    }
    return Evidence(best, shares, features)


def fitting_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the factor on scores under which held-out labels are likeliest."""
    rows = np.arange(len(labels))
    losses = []
    for temperature in _TEMPERATURES:
        powers = np.exp(temperature * (scores - scores.max(axis=1, keepdims=True)))
        losses.append(-np.log(powers[rows, labels] / powers.sum(axis=1) + 1e-9).mean())
    return float(_TEMPERATURES[int(np.argmin(losses))])


@dataclass(frozen=True)
class Head:
    """A logistic curve over features."""

    coefficients: np.ndarray
    intercept: float

    def probability(self, features: np.ndarray) -> np.ndarray:
        """Return one probability a row of `features`."""
        probability: np.ndarray = 1.0 / (1.0 + np.exp(-(features @ self.coefficients + self.intercept)))
        return probability

    def described(self) -> dict[str, Any]:
        return {"coefficients": self.coefficients.tolist(), "intercept": self.intercept}

    @classmethod
    def from_description(cls, described: dict[str, Any]) -> Head:
        return cls(np.asarray(described["coefficients"], dtype=np.float64), float(described["intercept"]))


def fitted_head(
    features: np.ndarray, right: np.ndarray, weights: np.ndarray, strength: float, trusted: int = 0
) -> Head:
    """Learn a head; the first `trusted` features are hardly held back by regularisation."""
    from sklearn.linear_model import LogisticRegression  # here: who only reads a model does without

    if right.all() or not right.any():
        return Head(np.zeros(features.shape[1]), 3.0 if right.all() else -3.0)
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    spread = spread / np.where(np.arange(features.shape[1]) < trusted, TRUSTED, 1.0)
    curve = LogisticRegression(C=strength, max_iter=500).fit((features - mean) / spread, right, sample_weight=weights)
    coefficients = curve.coef_[0] / spread
    return Head(coefficients, float(curve.intercept_[0] - mean @ coefficients))
