"""A trained understanding on disk: `model.json` and `weights.npz`, nothing that could run.

`model.json` carries the SHA-256 of both: a truncated or altered archive is refused, never half believed.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bot.engine.understanding.concepts import Lexicon
from bot.engine.understanding.confidence import Head
from bot.engine.understanding.features import VIEWS, Space
from bot.engine.understanding.model import Scorer, Understanding

JSON, ARRAYS = "model.json", "weights.npz"
FORMAT = 2


class ArchiveDamaged(ValueError):
    """A trained archive cannot be believed; the text is one sentence with what to do."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The trained model is damaged ({why}). Train again: ./anxin train")


def save(model: Understanding, folder: Path) -> None:
    """Write `model` into `folder`; equal models give equal bytes."""
    arrays = io.BytesIO()
    scorer = model.scorer
    parts = {"rarity": model.space.rarity, "bias": scorer.bias}
    parts |= _packed("weights", scorer.weights) | _packed("centroids", scorer.centroids.T)
    np.savez(arrays, **parts)
    (folder / ARRAYS).write_bytes(arrays.getvalue())
    described = {
        "format": FORMAT,
        "intents": model.intents,
        "temperature": model.temperature,
        "scope": model.scope.described(),
        "topic": model.topic.described(),
        "unknown": model.space.unknown,
        "grams": {view: list(model.space.columns[view]) for view in VIEWS},
        "concepts": model.space.lexicon.entries,
        "arrays": hashlib.sha256(arrays.getvalue()).hexdigest(),
    }
    (folder / JSON).write_text(_sealed(described), encoding="utf-8")


def load(read: Callable[[str], bytes]) -> Understanding:
    """Return what `save` wrote; `read` gives the bytes of a file of the archive. Raises `ArchiveDamaged`."""
    try:
        described = _opened(read(JSON).decode("utf-8"))
        stored = read(ARRAYS)
        if hashlib.sha256(stored).hexdigest() != described["arrays"]:
            raise ArchiveDamaged("its weights are not those it was trained with")
        with np.load(io.BytesIO(stored), allow_pickle=False) as opened:
            return _assembled(described, dict(opened))
    except ArchiveDamaged:
        raise
    except (OSError, LookupError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as problem:
        raise ArchiveDamaged(f"it cannot be read: {type(problem).__name__}") from problem


def _sealed(described: Mapping[str, Any]) -> str:
    body = json.dumps(described, ensure_ascii=False, separators=(",", ":"))
    return f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}\n"


def _opened(text: str) -> dict[str, Any]:
    seal, _, body = text.partition("\n")
    body = body.removesuffix("\n")
    if hashlib.sha256(body.encode()).hexdigest() != seal:
        raise ArchiveDamaged(f"{JSON} is not as it was written")
    described: dict[str, Any] = json.loads(body)
    if described.get("format") != FORMAT:
        raise ArchiveDamaged(f"it is of format {described.get('format')}, not {FORMAT}")
    return described


def _packed(name: str, table: np.ndarray) -> dict[str, np.ndarray]:
    """Return the values of `table` that are not 0 (most are), how many there are in each row, and where."""
    rows, places = np.nonzero(table)
    counts = np.bincount(rows, minlength=len(table)).astype(np.uint16)
    smallest = np.min_scalar_type(max(1, table.shape[1] - 1))
    return {f"{name}_counts": counts, f"{name}_places": places.astype(smallest), name: table[rows, places]}


def _unpacked(name: str, arrays: Mapping[str, np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    counts, places, values = arrays[f"{name}_counts"], arrays[f"{name}_places"], arrays[name]
    if len(counts) != shape[0] or not counts.sum(dtype=np.int64) == len(places) == len(values):
        raise ArchiveDamaged("its parts do not fit each other")
    if len(places) and places.max() >= shape[1]:
        raise ArchiveDamaged("its parts do not fit each other")
    table = np.zeros(shape, dtype=values.dtype)
    table[np.repeat(np.arange(shape[0]), counts), places] = values
    return table


def _assembled(described: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Understanding:
    columns: dict[str, dict[str, int]] = {}
    first = 0
    for view in VIEWS:
        grams = described["grams"][view]
        columns[view] = {gram: first + i for i, gram in enumerate(grams)}
        first += len(grams)
    intents, shape = described["intents"], (first, len(described["intents"]))
    if arrays["rarity"].shape != (first,) or arrays["bias"].shape != (len(intents),):
        raise ArchiveDamaged("its parts do not fit each other")
    space = Space(columns, arrays["rarity"], described["unknown"], Lexicon(described["concepts"]))
    centroids = np.ascontiguousarray(_unpacked("centroids", arrays, shape).T)
    scorer = Scorer(_unpacked("weights", arrays, shape), arrays["bias"], centroids)
    scope, topic = (Head.from_description(described[name]) for name in ("scope", "topic"))
    return Understanding(intents, space, scorer, described["temperature"], scope, topic)
