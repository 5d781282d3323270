"""The public benchmarks: which files each is made of, what is outside its scope, and where to get them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bot.engine.understanding.model import OUTSIDE

MEANS_OUTSIDE = frozenset({"NO_NODES_DETECTED", "oos"})  # what HINT3 and banking77_oos call it
ORIGINS = {
    "banking77": "PolyAI-LDN/task-specific-datasets, jianguoz/Few-Shot-Intent-Detection,"
    " haodeqi/BenchmarkingIntentDetection",
    "banking77_oos": "jianguoz/Few-Shot-Intent-Detection",
    "hint3": "hellohaptik/HINT3 v1",
    "hwu64": "AutoFAQ/Intent-Recognition-SaaS-Evaluation",
}


class DatasetProblem(Exception):
    """A benchmark cannot be read; the text is one sentence, file first."""


@dataclass(frozen=True)
class Messages:
    """Texts and, for each, the intent it has; `OUTSIDE` where it has none."""

    texts: tuple[str, ...]
    intents: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def __add__(self, other: Messages) -> Messages:
        return Messages(self.texts + other.texts, self.intents + other.intents)

    def at(self, rows: Iterable[int]) -> Messages:
        """Return the messages of these rows."""
        rows = list(rows)
        return Messages(tuple(self.texts[i] for i in rows), tuple(self.intents[i] for i in rows))


@dataclass(frozen=True)
class Asking:
    """What one row of the table asks, read from these files; `name` stands behind the benchmark's."""

    name: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Benchmark:
    """What is learnt, and what is asked of the model that learnt it."""

    name: str
    taught: str
    askings: tuple[Asking, ...]
    has_floor: bool = False  # its target is told from a plain margin on the same data

    @property
    def files(self) -> tuple[str, ...]:
        return (self.taught, *(file for asking in self.askings for file in asking.files))


def _simple(name: str, taught: str, asked: str) -> Benchmark:
    return Benchmark(name, taught, (Asking("", (asked,)),))


_BANKING, _OOS = "banking77/test.tsv", "banking77_oos/test.tsv"
BENCHMARKS = (
    _simple("banking77_full", "banking77/train.tsv", _BANKING),
    Benchmark(
        "banking77_10",
        "banking77/train_10.tsv",
        (Asking("", (_BANKING,)), Asking("hard", ("banking77/test_tfidf_hard.tsv",))),
    ),
    _simple("banking77_5", "banking77/train_5.tsv", _BANKING),
    Benchmark(
        "banking77_oos",
        "banking77_oos/train.tsv",
        tuple(Asking(kind, (_OOS, f"banking77_oos/{kind}-oos_test.tsv")) for kind in ("id", "ood")),
        has_floor=True,
    ),
    *(_simple(f"hint3_{bot}", f"hint3/{bot}_train.tsv", f"hint3/{bot}_test.tsv") for bot in (
        "sofmattress", "curekart", "powerplay11"
    )),
    *(_simple(f"hwu64_{size}", f"hwu64/{size}_train.tsv", f"hwu64/{size}_test.tsv") for size in ("small", "large")),
)  # fmt: skip


def where_to_get(folder: Path) -> str:
    """Return the sentence that says what belongs into `folder`, which is not there."""
    origins = "; ".join(f"{name} from {origin}" for name, origin in ORIGINS.items())
    return f"There is no {folder}: the public benchmarks are on GitHub ({origins}), one `text<TAB>intent` a line."


def missing(benchmark: Benchmark, folder: Path) -> list[str]:
    """Return the files of `benchmark` that are not in `folder`."""
    return [name for name in dict.fromkeys(benchmark.files) if not (folder / name).is_file()]


def read_taught(benchmark: Benchmark, folder: Path) -> Messages:
    """Return what is learnt; what stands for `none of these` in a training set is left out."""
    every = _read(folder / benchmark.taught)
    return every.at(i for i, intent in enumerate(every.intents) if intent != OUTSIDE)


def read_asked(asking: Asking, folder: Path) -> Messages:
    """Return what is asked, in the order of the files."""
    messages = Messages((), ())
    for name in asking.files:
        messages += _read(folder / name)
    return messages


def _read(file: Path) -> Messages:
    lines = file.read_text(encoding="utf-8").split("\n")  # not splitlines: U+2028 is part of a message
    pairs = []
    for number, line in enumerate(lines, start=1):
        text, tab, intent = line.rstrip("\r").rpartition("\t")
        if tab and intent:
            pairs.append((text, OUTSIDE if intent in MEANS_OUTSIDE else intent))
        elif line.strip():
            raise DatasetProblem(f"{file}:{number}: this is not `text<TAB>intent`.")
    if not pairs:
        raise DatasetProblem(f"{file}: has no messages.")
    return Messages(tuple(text for text, _ in pairs), tuple(intent for _, intent in pairs))
