"""One-vs-rest linear support vectors over the features; probabilities by one temperature.

Kept as arrays and JSON: an archive must be safe to open. Equal data, equal model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from bot.engine.understanding.features import VIEWS, Vocabulary
from bot.engine.understanding.normaliser import normalise

C = 1.0
FOLDS = 3
SEED = 7


class LinearModel:
    """Says how likely each intent is for a message."""

    def __init__(
        self, intents: list[str], vocabulary: Vocabulary, weights: np.ndarray, bias: np.ndarray, temperature: float
    ) -> None:
        self.intents = intents
        self._vocabulary = vocabulary
        self._weights = weights  # (features, intents), float32
        self._bias = bias
        self.temperature = temperature

    @classmethod
    def train(cls, texts: Sequence[str], intents: Sequence[str]) -> LinearModel:
        """Learn from examples; the temperature comes from scores of folds that training has not seen."""
        normal = [normalise(text) for text in texts]
        names = sorted(set(intents))
        labels = np.asarray([names.index(intent) for intent in intents])
        vocabulary = Vocabulary.fit(normal)
        matrix = _matrix(vocabulary, normal)
        temperature = _temperature(_held_out_scores(matrix, labels, len(names)), labels)
        weights, bias = _fit(matrix, labels, len(names))
        return cls(names, vocabulary, weights, bias, temperature)

    def probabilities(self, text: str) -> np.ndarray:
        """Return one probability an intent, in the order of `intents`."""
        columns, values = self._vocabulary.vector(normalise(text))
        scores = values @ self._weights[columns] + self._bias
        return _softmax(scores[None, :] * self.temperature)[0]

    def save(self, folder: Path) -> None:
        """Write `model.json` and `weights.npz` into `folder`."""
        described = {
            "intents": self.intents,
            "temperature": self.temperature,
            "vocabulary": {view: list(self._vocabulary.columns[view]) for view in VIEWS},
        }
        (folder / "model.json").write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")
        np.savez(folder / "weights.npz", idf=self._vocabulary.idf, weights=self._weights, bias=self._bias)

    @classmethod
    def load(cls, folder: Path) -> LinearModel:
        """Read what `save` wrote; raise `ValueError` when the parts do not fit each other."""
        described = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
            idf, weights, bias = arrays["idf"], arrays["weights"], arrays["bias"]
        columns: dict[str, dict[str, int]] = {}
        start = 0
        for view in VIEWS:
            grams = described["vocabulary"][view]
            columns[view] = {gram: start + i for i, gram in enumerate(grams)}
            start += len(grams)
        if not len(idf) == start == weights.shape[0] or not weights.shape[1] == len(described["intents"]) == len(bias):
            raise ValueError(f"{folder}: the parts of the model do not fit each other. Train again: rasa train")
        return cls(described["intents"], Vocabulary(columns, idf), weights, bias, described["temperature"])


def _matrix(vocabulary: Vocabulary, texts: Sequence[str]) -> csr_matrix:
    rows = [vocabulary.vector(text) for text in texts]
    ends = np.cumsum([0, *(len(columns) for columns, _ in rows)])
    columns = np.concatenate([columns for columns, _ in rows])
    values = np.concatenate([values for _, values in rows])
    return csr_matrix((values, columns, ends), shape=(len(texts), len(vocabulary)))


def _fit(matrix: csr_matrix, labels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    machine = LinearSVC(C=C, random_state=SEED).fit(matrix, labels)
    weights, bias = machine.coef_, machine.intercept_
    if count == 2:  # scikit-learn keeps one row for two classes
        weights, bias = np.vstack([-weights, weights]), np.concatenate([-bias, bias])
    return np.ascontiguousarray(weights.T, dtype=np.float32), bias.astype(np.float32)


def _held_out_scores(matrix: csr_matrix, labels: np.ndarray, count: int) -> np.ndarray:
    scores = np.zeros((matrix.shape[0], count), dtype=np.float32)
    smallest = int(np.bincount(labels).min())
    if smallest < 2:
        return scores
    folds = StratifiedKFold(min(FOLDS, smallest), shuffle=True, random_state=SEED)
    for known, held_out in folds.split(matrix, labels):
        weights, bias = _fit(matrix[known], labels[known], count)
        scores[held_out] = matrix[held_out] @ weights + bias
    return scores


def _temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the factor on scores under which the held-out labels are likeliest."""
    candidates = np.geomspace(0.5, 20, 60)
    rows = np.arange(len(labels))
    losses = [-np.log(_softmax(scores * t)[rows, labels] + 1e-9).mean() for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
