"""Three views of a normalised message: characters, Latin words, pinyin. TF-IDF, sublinear, one unit length a view.

Characters are taken over the unsegmented text: a word cut wrongly is a feature lost. Pinyin without tones
makes homophones equal (驗正碼, 驗證碼).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from pypinyin import lazy_pinyin

Features = dict[str, dict[str, int]]

VIEWS = ("character", "word", "pinyin")
WEIGHTS = {"character": 1.0, "word": 0.9, "pinyin": 0.6}

_HAN = re.compile("[\u3400-\u9fff]+")
_LATIN = re.compile("[a-z][a-z'’]*")


def views(text: str) -> dict[str, Counter[str]]:
    """Return how often each n-gram of each view occurs in normalised `text`."""
    compact = re.sub(r"[^\w\u3400-\u9fff]+", " ", text).strip()
    words = _LATIN.findall(text)
    syllables = lazy_pinyin("".join(_HAN.findall(text)))
    return {
        "character": Counter(_character_grams(compact)),
        "word": Counter([*words, *(" ".join(pair) for pair in pairwise(words))]),
        "pinyin": Counter(_grams(syllables, (1, 2, 3))),
    }


def _character_grams(text: str) -> Iterable[str]:
    for run in _HAN.findall(text):
        yield from _grams(run, (1, 2, 3))
    for word in _LATIN.findall(text):
        yield from _grams(f"_{word}_", (3, 4, 5))


def _grams(items: Sequence[str], sizes: tuple[int, ...]) -> Iterable[str]:
    for size in sizes:
        for start in range(len(items) - size + 1):
            gram = items[start : start + size]
            yield gram if isinstance(gram, str) else " ".join(gram)


class Vocabulary:
    """The n-grams that training knows, each with its column and its weight (inverse document frequency)."""

    def __init__(self, columns: dict[str, dict[str, int]], idf: np.ndarray) -> None:
        self.columns = columns
        self.idf = idf

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Vocabulary:
        """Learn the n-grams of `texts`, in a fixed order, so that equal data gives equal bytes."""
        counts: dict[str, Counter[str]] = {view: Counter() for view in VIEWS}
        for text in texts:
            for view, grams in views(text).items():
                counts[view].update(grams.keys())
        columns: dict[str, dict[str, int]] = {}
        frequencies: list[int] = []
        for view in VIEWS:
            columns[view] = {}
            for gram in sorted(counts[view]):
                columns[view][gram] = len(frequencies)
                frequencies.append(counts[view][gram])
        idf = np.log((1 + len(texts)) / (1 + np.asarray(frequencies, dtype=np.float64))) + 1
        return cls(columns, idf.astype(np.float32))

    def __len__(self) -> int:
        return len(self.idf)

    def vector(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Return columns (int32) and values (float32) of normalised `text`."""
        columns: list[int] = []
        values: list[float] = []
        for view, grams in views(text).items():
            known = [(self.columns[view][gram], count) for gram, count in grams.items() if gram in self.columns[view]]
            raw = [(column, (1 + math.log(count)) * float(self.idf[column])) for column, count in known]
            length = math.sqrt(sum(value * value for _, value in raw))
            columns.extend(column for column, _ in raw)
            values.extend(WEIGHTS[view] * value / length for _, value in raw)
        return np.asarray(columns, dtype=np.int32), np.asarray(values, dtype=np.float32)
