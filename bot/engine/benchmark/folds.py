"""Our own examples, divided so that what is asked was not learnt: near-duplicates stay in one fold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold

from bot.engine.understanding.normaliser import normalise

ALIKE = 0.6  # Jaccard of the character bigrams
SEED = 20261120
_BLOCK = 500  # rows compared at a time


def groups(texts: Sequence[str]) -> np.ndarray:
    """Return a number for each text; near-duplicates, and what is linked by them, have the same."""
    bigrams = _bigrams([normalise(text) for text in texts])
    sizes, index = np.diff(bigrams.indptr), bigrams.T.tocsr()
    pairs = []
    for start in range(0, len(texts), _BLOCK):
        common = (bigrams[start : start + _BLOCK] @ index).tocoo()
        one, other = common.row + start, common.col
        alike = common.data >= ALIKE * (sizes[one] + sizes[other] - common.data) - 1e-9
        pairs.append(np.stack([one[alike], other[alike]]))
    one, other = np.concatenate(pairs, axis=1)
    linked = csr_matrix((np.ones(len(one), dtype=np.int8), (one, other)), shape=(len(texts), len(texts)))
    numbers: np.ndarray = connected_components(linked, directed=False)[1]
    return numbers


def _bigrams(texts: Sequence[str]) -> csr_matrix:
    """Return which bigrams (columns) each text has; the whole text where it is shorter than two characters."""
    table: dict[str, int] = {}
    indices: list[int] = []
    ends = [0]
    for text in texts:
        grams = dict.fromkeys(text[i : i + 2] for i in range(max(1, len(text) - 1)))
        indices += [table.setdefault(gram, len(table)) for gram in grams]
        ends.append(len(indices))
    return csr_matrix((np.ones(len(indices), dtype=np.int32), indices, ends), shape=(len(texts), len(table)))


def folds(texts: Sequence[str], intents: Sequence[str], number: int) -> list[np.ndarray]:
    """Return the texts asked in each fold; every intent is in each about as often."""
    division = StratifiedGroupKFold(number, shuffle=True, random_state=SEED)
    return [asked for _, asked in division.split(texts, intents, groups(texts))]
