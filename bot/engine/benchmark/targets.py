"""What issue 3 asks for (its section 4), and how far a figure is from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.engine.benchmark.measures import Figures

TOPICS = "topics and flows"
STOCK = " stock"  # ends the name of a row of the stock pipeline: a comparison, no target
ABOVE_FLOOR = 0.03


@dataclass(frozen=True)
class Target:
    """A bound; shares between 0 and 1."""

    bound: float
    at_least: bool = True

    def missed_by(self, value: float) -> float:
        """Return how much is missing, or 0."""
        return max(0.0, self.bound - value if self.at_least else value - self.bound)


@dataclass(frozen=True)
class Row:
    """One line of a table; `part` is the table."""

    part: str
    name: str
    figures: Figures
    own_targets: Mapping[str, Target] = field(default_factory=dict)  # those that are told from the data

    @property
    def targets(self) -> dict[str, Target]:
        """Return the targets of the figures that were measured."""
        if self.name.endswith(STOCK):
            return {}
        found = {**_EVERYWHERE.get(self.part, {}), **_OF_ROWS.get((self.part, self.name), {}), **self.own_targets}
        return {name: target for name, target in found.items() if name in self.figures}

    @property
    def missed(self) -> dict[str, float]:
        """Return by how much each target is missed that is missed."""
        apart = {name: target.missed_by(self.figures[name]) for name, target in self.targets.items()}
        return {name: by for name, by in apart.items() if by > 0}


_SPEED = {"p50_ms": Target(2, at_least=False), "p99_ms": Target(5, at_least=False)}
_CALIBRATED = {"ece": Target(0.04, at_least=False)}
_EVERYWHERE: dict[str, dict[str, Target]] = {
    "public": _SPEED,
    "own": {**_SPEED, **_CALIBRATED},
    "decision": {"outside_not_answered": Target(0.90), "inside_handover": Target(0.05, at_least=False)},
    "scripts": {"same": Target(0.995)},
    "training": {"seconds": Target(15, at_least=False)},
}


def _public(accuracy: float, auroc: float | None = None) -> dict[str, Target]:
    return {"accuracy": Target(accuracy), **({"auroc": Target(auroc)} if auroc else {})}


_OF_ROWS: dict[tuple[str, str], dict[str, Target]] = {
    ("public", "banking77_full"): _public(0.92),
    ("public", "banking77_10"): _public(0.775),
    ("public", "banking77_10 hard"): _public(0.53),
    ("public", "banking77_5"): _public(0.67),
    ("public", "hint3_sofmattress"): _public(0.76, 0.88),
    ("public", "hint3_curekart"): _public(0.85, 0.89),
    ("public", "hint3_powerplay11"): _public(0.64, 0.79),
    ("public", "hwu64_small"): _public(0.74),
    ("public", "hwu64_large"): _public(0.84),
    ("own", TOPICS): {
        "accuracy": Target(0.92),
        "top_3": Target(0.98),
        "train_seconds": Target(5, at_least=False),
    },
}


def above_floor(floor: float) -> dict[str, Target]:
    """Return the target that is told from the floor of a plain margin."""
    return {"auroc": Target(floor + ABOVE_FLOOR)}
