"""Counters in Prometheus' text format. Names and numbers only: nothing of a customer is ever a label."""

from __future__ import annotations

from collections import Counter


class Counters:
    """Counts since the process started."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str, by: int = 1) -> None:
        self._counts[name] += by

    def text(self, **gauges: int | float) -> str:
        """Return all counters and the given gauges, one a line."""
        lines = [f"# TYPE {name} counter\n{name} {value}" for name, value in sorted(self._counts.items())]
        lines += [f"# TYPE {name} gauge\n{name} {value}" for name, value in sorted(gauges.items())]
        return "\n".join(lines) + "\n"
