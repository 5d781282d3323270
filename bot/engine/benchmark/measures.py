"""Figures from probabilities: shares between 0 and 1, times as they were taken. Nothing here knows a model.

A message is taken for what `decision.decided` takes it for: for outside when that is likely enough (`outside_from`), else
for the likeliest intent that is not outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.pipeline import make_union
from sklearn.svm import LinearSVC

from bot.engine.understanding.model import OUTSIDE

BINS = 15
SURE = 0.9

Figures = dict[str, float]


def ranked(probabilities: np.ndarray, intents: Sequence[str], outside_from: float = 0.5) -> np.ndarray:
    """Return the columns (messages, intents) in the order in which they are taken for what is meant.

    Outside stands first where it is likely enough, else last: it is nothing that could be offered.
    """
    if OUTSIDE not in intents:
        return np.argsort(-probabilities, axis=1, kind="stable")
    outside = list(intents).index(OUTSIDE)
    scores = probabilities.copy()
    scores[:, outside] = np.where(probabilities[:, outside] > outside_from, 2.0, -1.0)
    return np.argsort(-scores, axis=1, kind="stable")


def inside_of(probabilities: np.ndarray, intents: Sequence[str]) -> np.ndarray:
    """Return the largest probability (messages) of an intent that is not outside."""
    columns = [i for i, intent in enumerate(intents) if intent != OUTSIDE]
    largest: np.ndarray = probabilities[:, columns].max(axis=1)
    return largest


def scope_of(probabilities: np.ndarray, intents: Sequence[str]) -> np.ndarray:
    """Return how likely (messages) each message is about one of the intents at all."""
    if OUTSIDE in intents:
        within: np.ndarray = 1.0 - probabilities[:, list(intents).index(OUTSIDE)]
        return within
    total: np.ndarray = probabilities.sum(axis=1)
    return total


def figures(
    probabilities: np.ndarray,
    intents: Sequence[str],
    expected: Sequence[str],
    scope: np.ndarray,
    outside_from: float = 0.5,
) -> Figures:
    """Return every figure of messages whose intents are `expected`; AUROC only where some are outside.

    ECE is of the messages in scope. A model that was never told what is outside says how likely the topic is right
    *if* the message is in scope; one that was told has to know that too.
    """
    labels = np.asarray(expected)
    is_inside = labels != OUTSIDE
    names = np.asarray(intents)
    order = ranked(probabilities[is_inside], intents, outside_from)
    asked, topics = labels[is_inside], names[order[:, 0]]
    confidence = probabilities[is_inside][np.arange(len(order)), order[:, 0]]
    if OUTSIDE not in intents:
        confidence = confidence / np.maximum(probabilities[is_inside].sum(axis=1), 1e-12)
    found: Figures = {
        "messages": float(is_inside.sum()),
        "accuracy": float((topics == asked).mean()),
        "top_3": float((names[order[:, :3]] == asked[:, None]).any(axis=1).mean()),
        "macro_f1": macro_f1(topics, asked),
        "ece": calibration_error(confidence, topics == asked),
    }
    if not is_inside.all():
        found["messages_outside"] = float((~is_inside).sum())
        found["auroc"] = auroc(scope[is_inside], scope[~is_inside])
        found["sure_outside"] = share_above(inside_of(probabilities[~is_inside], intents), SURE)
    return found


def macro_f1(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the mean of F1 over the intents that are asked, each counting the same."""
    labels = sorted(set(expected.tolist()))
    return float(f1_score(expected, found, labels=labels, average="macro", zero_division=0))


def auroc(inside: np.ndarray, outside: np.ndarray) -> float:
    """Return how often a message in scope is above one out of scope; a tie counts half."""
    is_inside = np.repeat([True, False], [len(inside), len(outside)])
    return float(roc_auc_score(is_inside, np.concatenate([inside, outside])))


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Return ECE: the distance between confidence and the share that is right, over `bins` equal bins (0, 1]."""
    number = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(number, weights=confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def share_above(values: np.ndarray, bound: float) -> float:
    return float((values > bound).mean())


def times(train_seconds: Sequence[float], message_seconds: Sequence[np.ndarray]) -> Figures:
    """Return medians over the runs, with the least and the most; milliseconds for a message, p50 and p99."""
    of_runs = {
        "train_seconds": list(train_seconds),
        "p50_ms": [1000 * float(np.percentile(run, 50)) for run in message_seconds],
        "p99_ms": [1000 * float(np.percentile(run, 99)) for run in message_seconds],
    }
    return {
        f"{name}{suffix}": float(of(values)) for name, values in of_runs.items() for suffix, of in _OVER_RUNS if values
    }


_OVER_RUNS: tuple[tuple[str, Callable[[list[float]], float]], ...] = (("", np.median), ("_least", min), ("_most", max))


def floor_auroc(texts: Sequence[str], intents: Sequence[str], asked: Sequence[str], expected: Sequence[str]) -> float:
    """Return AUROC of a plain margin: words and characters, one linear machine, its largest value."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    views = make_union(words, characters)
    machine = LinearSVC(C=1.0, random_state=0).fit(views.fit_transform(texts), intents)
    margins = machine.decision_function(views.transform(asked))
    largest = margins.max(axis=1) if margins.ndim == 2 else np.abs(margins)
    is_inside = np.asarray(expected) != OUTSIDE
    return auroc(largest[is_inside], largest[~is_inside])
