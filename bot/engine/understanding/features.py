"""A message as numbers: five views of the normalised text, TF-IDF, one length a view.

* `character`: 1-3 characters of unsegmented Chinese (a word cut wrongly is a feature lost), 3-5 letters within words;
* `word`: stems of English words, one and two;
* `pinyin`: 1-3 syllables without tones, which makes homophones equal (驗正碼, 驗證碼);
* `gap`: two characters or two words with something between them, for order that small n-grams miss;
* `concept`: what the lexicon knows the words to mean (data/concepts.yml), one and two.

The length of a message also counts, at half weight, what training has not seen: who writes unknown words gives little
evidence, and lower scores say so. Coverage is the share of a message that training knows.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise

import numpy as np
from pypinyin import lazy_pinyin
from scipy.sparse import csr_matrix, hstack

from bot.engine.understanding.concepts import Lexicon
from bot.engine.understanding.stems import STOP_WORDS, WORD, stems

WEIGHTS = {"character": 1.3, "word": 1.2, "pinyin": 1.0, "gap": 0.8, "concept": 0.6}
VIEWS = tuple(WEIGHTS)
LEAST_MESSAGES = {"character": 1, "word": 1, "pinyin": 2, "gap": 2, "concept": 1}  # to get a column
UNKNOWN_COUNTS = 0.5

_HAN = re.compile("[\u3400-\u9fff]+")

Grams = dict[str, list[str]]


# --- from words to n-grams -----------------------------------------------------------------------


def grams_of(text: str, lexicon: Lexicon) -> Grams:
    """Return the n-grams of each view of normalised `text`, repeated ones repeated."""
    runs, words, stemmed = _HAN.findall(text), WORD.findall(text), stems(text)
    concepts = lexicon.found(text)
    return {
        "character": [*_characters(runs), *(gram for word in words for gram in _letters(word))],
        "word": [*stemmed, *(f"{a} {b}" for a, b in pairwise(stemmed))],
        "pinyin": _syllables([_syllable(c) for run in runs for c in run]),
        "gap": [*_gaps(runs), *_pairs([word for word in stemmed if word not in STOP_WORDS])],
        "concept": [*concepts, *(f"{a} {b}" for a, b in combinations(sorted(set(concepts)), 2))],
    }


def _characters(runs: Iterable[str]) -> Iterator[str]:
    for run in runs:
        yield from run
        for size in (2, 3):
            for start in range(len(run) - size + 1):
                yield run[start : start + size]


@lru_cache(maxsize=32768)
def _letters(word: str) -> tuple[str, ...]:
    word = f"_{word}_"
    return tuple(word[start : start + size] for size in (3, 4, 5) for start in range(len(word) - size + 1))


def _syllables(items: Sequence[str]) -> list[str]:
    two = [f"{a} {b}" for a, b in pairwise(items)]
    return [*items, *two, *(f"{a} {b}" for a, b in zip(two, items[2:], strict=False))]


@lru_cache(maxsize=32768)
def _syllable(character: str) -> str:
    return str(lazy_pinyin(character)[0])


def _gaps(runs: Iterable[str]) -> Iterator[str]:
    for run in runs:
        for gap in (2, 3):
            for first, second in zip(run, run[gap:], strict=False):
                yield f"{first}_{second}"


def _pairs(words: Sequence[str]) -> Iterator[str]:
    for i, first in enumerate(words):
        for second in words[i + 1 : i + 4]:
            yield f"{first}+{second}" if first < second else f"{second}+{first}"


# --- many messages: training ---------------------------------------------------------------------


class Corpus:
    """How often each n-gram occurs in each of many messages; the n-grams stand in the order in which they appear."""

    def __init__(self, texts: Sequence[str], lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.size = len(texts)
        self.counts: dict[str, csr_matrix] = {}
        self.grams: dict[str, list[str]] = {}
        tables: dict[str, dict[str, int]] = {view: {} for view in VIEWS}
        found: dict[str, list[int]] = {view: [] for view in VIEWS}
        ends: dict[str, list[int]] = {view: [0] for view in VIEWS}
        for text in texts:
            for view, grams in grams_of(text, lexicon).items():
                table = tables[view]
                found[view].extend([table.setdefault(gram, len(table)) for gram in grams])
                ends[view].append(len(found[view]))
        for view in VIEWS:
            shape = (len(texts), len(tables[view]))
            counts = csr_matrix((np.ones(len(found[view])), found[view], ends[view]), shape=shape)
            counts.sum_duplicates()
            self.counts[view], self.grams[view] = counts, list(tables[view])

    def __len__(self) -> int:
        return self.size


@dataclass(frozen=True)
class Weighing:
    """Which n-grams of a corpus have a column, and how much each counts; learnt from some of its messages."""

    kept: dict[str, np.ndarray]  # view -> the n-grams that have a column
    rarity: dict[str, np.ndarray]  # view -> inverse document frequency of every n-gram
    unknown: float  # the rarity of what has no column


def weigh(corpus: Corpus, rows: np.ndarray) -> Weighing:
    """Learn columns and rarities from the messages `rows`."""
    kept, rarity = {}, {}
    unknown = float(_rarity(np.ones(1), len(rows))[0])
    for view in VIEWS:
        counts = corpus.counts[view][rows]
        messages = np.bincount(counts.indices, minlength=counts.shape[1])
        has_column = messages >= LEAST_MESSAGES[view]
        kept[view] = np.flatnonzero(has_column)
        rarity[view] = np.where(has_column, _rarity(messages, len(rows)), unknown)
    return Weighing(kept, rarity, unknown)


def _rarity(messages_with: np.ndarray, messages: int) -> np.ndarray:
    rarity: np.ndarray = np.log((1 + messages) / (1 + messages_with.astype(np.float64))) + 1
    return rarity


def matrix(corpus: Corpus, weighing: Weighing, rows: np.ndarray) -> tuple[csr_matrix, np.ndarray]:
    """Return the messages `rows` as a matrix (messages, columns), and the coverage of each."""
    parts, covered, present = [], np.zeros(len(rows)), np.zeros(len(rows))
    for view in VIEWS:
        counts = corpus.counts[view][rows].copy()
        counts.data = (1 + np.log(counts.data)) * weighing.rarity[view][counts.indices]
        known = counts[:, weighing.kept[view]]
        inside, everything = _squares(known), _squares(counts)
        total = inside + UNKNOWN_COUNTS * (everything - inside)
        known.data *= np.repeat(_ratio(WEIGHTS[view], np.sqrt(total)), np.diff(known.indptr))
        parts.append(known)
        covered += _ratio(inside, everything)
        present += everything > 0
    return hstack(parts, format="csr"), _ratio(covered, present)


def _squares(rows: csr_matrix) -> np.ndarray:
    squares: np.ndarray = np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
    return squares


def _ratio(above: np.ndarray | float, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.zeros_like(below, dtype=np.float64), where=below > 0)


# --- one message: answering ----------------------------------------------------------------------


@dataclass(frozen=True)
class Vector:
    """A message in the space: the columns it touches, their values, and how much of it training knows."""

    columns: np.ndarray  # int32
    values: np.ndarray  # float64
    coverage: float  # 0 to 1, the mean over the views that say anything


class Space:
    """The n-grams that training knows, each with its column and its rarity."""

    def __init__(
        self, columns: dict[str, dict[str, int]], rarity: np.ndarray, unknown: float, lexicon: Lexicon
    ) -> None:
        self.columns = columns
        self.rarity = rarity
        self.unknown = unknown
        self.lexicon = lexicon
        self._rarity = rarity.tolist()

    @classmethod
    def of(cls, corpus: Corpus, weighing: Weighing) -> Space:
        """Return the space that `matrix` puts messages in."""
        columns: dict[str, dict[str, int]] = {}
        first = 0
        for view in VIEWS:
            grams = corpus.grams[view]
            columns[view] = {grams[old]: first + new for new, old in enumerate(weighing.kept[view].tolist())}
            first += len(columns[view])
        rarity = np.concatenate([weighing.rarity[view][weighing.kept[view]] for view in VIEWS])
        return cls(columns, rarity, weighing.unknown, corpus.lexicon)

    def __len__(self) -> int:
        return len(self.rarity)

    def vector(self, text: str) -> Vector:
        """Return normalised `text` in the space."""
        columns: list[int] = []
        values: list[float] = []
        covered = present = 0.0
        for view, grams in grams_of(text, self.lexicon).items():
            if not grams:
                continue
            known, start = self.columns[view], len(values)
            inside = outside = 0.0
            for gram, count in Counter(grams).items():
                column = known.get(gram)
                factor = 1 + math.log(count) if count > 1 else 1.0
                if column is None:
                    outside += (factor * self.unknown) ** 2
                else:
                    value = factor * self._rarity[column]
                    inside += value * value
                    columns.append(column)
                    values.append(value)
            scale = WEIGHTS[view] / math.sqrt(inside + UNKNOWN_COUNTS * outside)
            values[start:] = [value * scale for value in values[start:]]
            covered += inside / (inside + outside)
            present += 1
        coverage = covered / present if present else 0.0
        return Vector(np.asarray(columns, dtype=np.int32), np.asarray(values, dtype=np.float64), coverage)
