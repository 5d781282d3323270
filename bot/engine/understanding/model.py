"""What a message means: a probability for every intent.

Linear support vectors over all intents in one problem (Crammer and Singer 2001), which do better with few examples than
one intent against the rest; on top of them `confidence`. Equal data, equal model, to the byte.
"""

from __future__ import annotations

import random
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from bot.engine.understanding.aside import Aside
from bot.engine.understanding.concepts import TOKEN, Lexicon
from bot.engine.understanding.confidence import (
    SCOPE,
    SCOPE_STRENGTH,
    TOPIC,
    TOPIC_STRENGTH,
    Evidence,
    Head,
    evidence,
    fitted_head,
    fitting_temperature,
)
from bot.engine.understanding.features import Corpus, Space, Vector, matrix, weigh
from bot.engine.understanding.normaliser import normalise

OUTSIDE = "out_of_scope"  # the intent of what is none of the others
C = 0.28
NEXT_TO_NOTHING = 3e-3  # smaller weights are dropped: no prediction differs, the archive is a third
SEED = 7
MANY = 4000  # from so many examples on, one round of holding out is enough, and few passes over the examples
PRECISION = {False: (0.1, 200), True: (0.5, 20)}  # many? -> tolerance and passes of the solver
ROUGH = 2.0  # tolerance enough to see how sure one may be
NEAR = FAR = 0.1  # how much held-out intents and garbled examples count, as shares of what is in scope
KEPT = 0.4  # of a garbled example


@dataclass(frozen=True)
class Scorer:
    """The linear part: weights of every column for every intent, and where the examples of each intent lie.

    Half precision: a third of the memory and of the archive, and no prediction differs.
    """

    weights: np.ndarray  # (columns, intents), float16
    bias: np.ndarray  # (intents,), float32
    centroids: np.ndarray  # (intents, columns), float16, unit length

    def scores(self, vector: Vector) -> np.ndarray:
        """Return one score an intent for a message."""
        scores: np.ndarray = vector.values @ self.weights[vector.columns].astype(np.float32) + self.bias
        return scores

    def similarity(self, vector: Vector, intent: int) -> float:
        """Return the cosine of a message to the centroid of `intent`."""
        length = float(np.sqrt(vector.values @ vector.values)) + 1e-12
        return float(vector.values @ self.centroids[intent, vector.columns].astype(np.float32)) / length

    def many_scores(self, rows: csr_matrix) -> np.ndarray:
        """Return the scores of many messages, (messages, intents)."""
        scores: np.ndarray = rows @ self.weights.astype(np.float32) + self.bias
        return scores

    def many_similarities(self, rows: csr_matrix) -> np.ndarray:
        """Return the cosines of many messages to every centroid, (messages, intents)."""
        lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1))) + 1e-12
        cosines: np.ndarray = (rows @ self.centroids.T.astype(np.float32)) / lengths
        return cosines


def fitted_scorer(rows: csr_matrix, labels: np.ndarray, intents: int, is_trial: bool = False) -> Scorer:
    """Learn from `rows` and their `labels`; an intent without a row can never win."""
    from sklearn.exceptions import ConvergenceWarning  # here: who only reads a model does without
    from sklearn.svm import LinearSVC

    tolerance, passes = PRECISION[len(labels) >= MANY]
    if is_trial and len(labels) >= MANY:
        tolerance = ROUGH
    machine = LinearSVC(C=C, multi_class="crammer_singer", tol=tolerance, max_iter=passes, random_state=SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # so many passes are enough, measured
        machine.fit(rows, labels)
    coefficients, intercept = machine.coef_.astype(np.float16), np.atleast_1d(machine.intercept_)
    if len(machine.classes_) == 2:  # scikit-learn keeps the difference of two
        coefficients, intercept = np.vstack([-coefficients, coefficients]), np.concatenate([-intercept, intercept])
    coefficients[np.abs(coefficients) < NEXT_TO_NOTHING] = 0.0
    weights = np.zeros((intents, rows.shape[1]), dtype=np.float16)
    bias = np.full(intents, -10.0, dtype=np.float32)
    weights[machine.classes_], bias[machine.classes_] = coefficients, intercept
    members = csr_matrix((np.ones(len(labels)), (labels, np.arange(len(labels)))), shape=(intents, len(labels)))
    sums = members @ rows
    lengths = np.sqrt(np.asarray(sums.multiply(sums).sum(axis=1)).ravel()) + 1e-12
    sums.data /= np.repeat(lengths, np.diff(sums.indptr))
    return Scorer(np.ascontiguousarray(weights.T), bias, sums.astype(np.float32).toarray().astype(np.float16))


class Understanding:
    """Says how likely each intent is for a message; what is likely none of them counts for `OUTSIDE`."""

    def __init__(
        self, intents: list[str], space: Space, scorer: Scorer, temperature: float, scope: Head, topic: Head
    ) -> None:
        self.intents = intents
        self.space = space
        self.scorer = scorer
        self.temperature = temperature
        self.scope = scope
        self.topic = topic
        self.outside = intents.index(OUTSIDE) if OUTSIDE in intents else None

    @classmethod
    def train(cls, texts: Sequence[str], intents: Sequence[str], lexicon: Lexicon) -> Understanding:
        """Learn from examples; an intent's own name in words is one of them."""
        names = sorted(set(intents))
        normal = [normalise(text) for text in (*texts, *map(_in_words, names))]
        labels = np.asarray([*map({name: i for i, name in enumerate(names)}.__getitem__, intents), *range(len(names))])
        outside = names.index(OUTSIDE) if OUTSIDE in names else None
        trial = _Trial(normal, labels, len(names), outside, lexicon)
        calibrated = Aside(trial.calibrated)
        rows = np.arange(len(normal))
        weighing = weigh(trial.corpus, rows)
        known, _ = matrix(trial.corpus, weighing, rows)
        scorer = fitted_scorer(known, labels, len(names))
        return cls(names, Space.of(trial.corpus, weighing), scorer, *calibrated.result())

    def probabilities(self, text: str, elsewhere: np.ndarray | None = None) -> np.ndarray:
        """Return one probability an intent, in the order of `intents`; what is missing to 1 is outside.

        `elsewhere`: factors (intents,) on how likely an intent is before the message is read.
        """
        vector = self.space.vector(normalise(text))
        scores = self.scorer.scores(vector)
        if elsewhere is not None:
            scores = scores + np.log(elsewhere) / self.temperature
        found = evidence(
            scores[None, :],
            lambda best: np.array([self.scorer.similarity(vector, int(best[0]))]),
            np.array([vector.coverage]),
            np.array([len(vector.columns)]),
            self.temperature,
            self.outside,
        )
        return self._distribution(found)[0]

    def _distribution(self, found: Evidence) -> np.ndarray:
        rows = np.arange(len(found.best))
        scope = self.scope.probability(found.of(SCOPE))
        topic = self.topic.probability(found.of(TOPIC))
        others = found.shares.copy()
        others[rows, found.best] = 0.0
        others /= others.sum(axis=1, keepdims=True) + 1e-12
        runner_up = others.max(axis=1)
        topic = np.maximum(topic, runner_up / (1 + runner_up) + 1e-6)  # the likeliest stays the likeliest
        distribution = (scope * (1 - topic))[:, None] * others
        distribution[rows, found.best] = scope * topic
        if self.outside is not None:
            distribution[:, self.outside] = 1 - scope
        return distribution


def _in_words(name: str) -> str:
    return re.sub(r"[_/-]+", " ", name)


class _Trial:
    """Holds examples out, and learns from the rest, to see how sure one may be of what is new."""

    def __init__(
        self, texts: Sequence[str], labels: np.ndarray, intents: int, outside: int | None, lexicon: Lexicon
    ) -> None:
        self.labels, self.intents, self.outside = labels, intents, outside
        self.many = len(labels) >= MANY
        self.rounds = 1 if self.many else 4
        # One writer's variations of an idea stand together in a file: they are held out together.
        self.fold = _blocks(labels, size=6 if self.many else 1, folds=5 if self.many else 4)
        chance = random.Random(SEED)  # noqa: S311  # for examples, not for secrets
        step = 8 if self.many else 1
        self.garbled_from = np.asarray([i for i in range(0, len(texts), step) if labels[i] != outside])
        self.corpus = Corpus([*texts, *(_garbled(texts[i], chance) for i in self.garbled_from)], lexicon)

    def calibrated(self) -> tuple[float, Head, Head]:
        """Return the temperature of the scores, and the heads of scope and topic."""
        parts = [self._round(number) for number in range(self.rounds)]
        temperature = float(np.mean([part[0] for part in parts]))
        scope, in_scope, weights, topic, right = (
            np.concatenate(column) for column in zip(*(p[1:] for p in parts), strict=True)
        )
        trusted = 1 if self.outside is None else 2
        return (
            temperature,
            fitted_head(scope, in_scope, weights, SCOPE_STRENGTH, trusted),
            fitted_head(topic, right, np.ones(len(right)), TOPIC_STRENGTH),
        )

    def _round(self, number: int) -> tuple[float, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        every = 8 if self.many else 4
        unknown = [i for i in range(self.intents) if i != self.outside and i % every == number]
        if self.intents - len(unknown) < 2:  # of two, none can be spared
            unknown = []
        is_unknown, is_held_out = np.isin(self.labels, unknown), self.fold == number
        taught = np.flatnonzero(~is_unknown & ~is_held_out)
        asked, near = np.flatnonzero(~is_unknown & is_held_out), np.flatnonzero(is_unknown)
        source = self.garbled_from
        far = len(self.labels) + np.flatnonzero(is_held_out[source] & ~is_unknown[source])
        weighing = weigh(self.corpus, taught)
        scorer = fitted_scorer(
            matrix(self.corpus, weighing, taught)[0], self.labels[taught], self.intents, is_trial=True
        )
        rows, coverage = matrix(self.corpus, weighing, np.concatenate([asked, near, far]))
        scores, cosines = scorer.many_scores(rows), scorer.many_similarities(rows)
        expected = self.labels[asked]
        temperature = fitting_temperature(scores[: len(asked)], expected)
        found = evidence(
            scores,
            lambda best: cosines[np.arange(len(best)), best],
            coverage,
            np.diff(rows.indptr),
            temperature,
            self.outside,
        )
        in_scope = np.zeros(rows.shape[0], dtype=bool)
        in_scope[: len(asked)] = expected != (-1 if self.outside is None else self.outside)
        counts = [1.0, NEAR * len(asked) / max(1, len(near)), FAR * len(asked) / max(1, len(far))]
        weights = np.repeat(counts, [len(asked), len(near), len(far)])
        right = found.best[in_scope] == self.labels[asked][in_scope[: len(asked)]]
        return temperature, found.of(SCOPE), in_scope, weights, found.of(TOPIC)[in_scope], right


def _blocks(labels: np.ndarray, size: int, folds: int) -> np.ndarray:
    """Return a fold for each example: so many neighbours of one intent share one."""
    seen: Counter[int] = Counter()
    fold = np.zeros(len(labels), dtype=np.int64)
    for i, label in enumerate(labels.tolist()):
        fold[i] = (seen[label] // size + label) % folds
        seen[label] += 1
    return fold


def _garbled(text: str, chance: random.Random) -> str:
    """Return `text` with all but a stretch of it made unreadable: words that nobody knows."""
    tokens = list(TOKEN.finditer(text))
    kept = max(1, round(len(tokens) * KEPT))
    start = chance.randrange(max(1, len(tokens) - kept + 1))
    inside = {token.start() for token in tokens[start : start + kept]}

    def changed(match: re.Match[str]) -> str:
        if match.start() in inside:
            return match.group()
        if match.group() >= "\u3400":
            return chr(0x3400 + chance.randrange(0x1900))
        return "".join(chance.choice("bcdfghjklmnpqrstvwxz") for _ in match.group())

    return TOKEN.sub(changed, text)
