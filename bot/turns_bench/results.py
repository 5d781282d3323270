"""All that was measured, and what the issue asks of it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bot.turns_bench.long import Long
from bot.turns_bench.loops import Measured

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
ENGINE, WHOLE, STOCK, LINEAR, ECHO = "engine", "whole path", "stock Rasa", "linear stock", "echo with a commit"
AT_ONCE = (1, 8, 32)
OUR_TRAINING = "anxin train"
CONTENDERS = [
    *(f"{path}, {database}" for path in (ENGINE, WHOLE) for database in (SQLITE, POSTGRESQL)),
    STOCK,
    LINEAR,
    ECHO,
]

Cells = dict[str, dict[int, list[Measured]]]  # contender -> how many at once -> a measurement each run


@dataclass
class Results:
    """Figures by contender, seconds for cold starts and training; `megabytes`: by process."""

    machine: dict[str, Any]
    runs: int
    seconds: float
    questions: Cells = field(default_factory=dict)
    unlocks: Cells = field(default_factory=dict)
    long: dict[str, Long] = field(default_factory=dict)
    cold: dict[str, list[float]] = field(default_factory=dict)
    training: dict[str, list[float]] = field(default_factory=dict)
    examples: int = 0  # that stock was taught
    all_examples: int = 0  # of our topics
    megabytes: dict[str, float] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def beside(self, other: str, contender: str, at_once: int, figure: str) -> list[float]:
        """Return the ratio of a figure to that of `other`, run by run; nothing where either was not measured."""
        mine, theirs = (self.questions.get(name, {}).get(at_once, []) for name in (contender, other))
        return [getattr(one, figure) / getattr(other, figure) for one, other in zip(mine, theirs, strict=False)]

    def cold_beside_stock(self, contender: str) -> list[float]:
        mine, theirs = self.cold.get(contender, []), self.cold.get(STOCK, [])
        return [one / other for one, other in zip(mine, theirs, strict=False)]

    def memory_beside_stock(self, process: str) -> list[float]:
        mine, theirs = self.megabytes.get(process), self.megabytes.get(STOCK)
        return [mine / theirs] if mine and theirs else []

    def figures(self, contender: str, at_once: int, figure: str) -> list[float]:
        return [getattr(one, figure) for one in self.questions.get(contender, {}).get(at_once, [])]


@dataclass(frozen=True)
class Target:
    """A bound of the issue's table, and what was measured, run by run; the median counts."""

    name: str
    contender: str
    bound: float
    at_least: bool
    unit: str
    figures: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.figures)

    @property
    def met(self) -> bool | None:
        """Return None where it was not measured."""
        if not self.figures:
            return None
        return self.median >= self.bound if self.at_least else self.median <= self.bound


def targets(results: Results) -> list[Target]:
    """Return the table of issue 5, section 4, for each of our databases."""
    return [target for database in (SQLITE, POSTGRESQL) for target in _of(results, database)]


def _of(results: Results, database: str) -> list[Target]:
    engine, whole = f"{ENGINE}, {database}", f"{WHOLE}, {database}"
    ratio = partial(results.beside, STOCK)
    long = results.long.get(engine)
    return [
        Target("turns a second, 8 at once", engine, 10, True, "x stock", ratio(engine, 8, "rate")),
        Target("turns a second, 8 at once", whole, 5, True, "x stock", ratio(whole, 8, "rate")),
        Target("p95, 8 at once", whole, 0.25, False, "x stock", ratio(whole, 8, "p95")),
        Target("turn 500 / turn 5", engine, 1.2, False, "", long.ratios if long and long.length >= 500 else []),
        Target("p50, one customer", whole, 8, False, "ms", results.figures(whole, 1, "p50")),
        Target("p95, one customer", whole, 20, False, "ms", results.figures(whole, 1, "p95")),
        *(
            Target("cold start to first answer", name, 0.5, False, "x stock", results.cold_beside_stock(name))
            for name in (engine, whole)
        ),
        Target("memory of the engine", engine, 0.5, False, "x stock", results.memory_beside_stock(engine)),
    ]
