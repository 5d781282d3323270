"""What a process tells at `/metrics`, in Prometheus' format: names and numbers, nothing of a customer as a label."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """Counts since the process started, and what is so just now; each name is told once what it is."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}

    def counter(self, name: str, what: str, label: str = "", values: tuple[str, ...] = ()) -> None:
        """Begin to count `name` (without `_total`) at zero, by `values` of a label if it has one."""
        if name in self._counters:
            return
        made = Counter(name, what, [label] if label else (), registry=self._registry)
        for value in values:
            made.labels(value)
        self._counters[name] = made

    def add(self, name: str, by: int = 1, of: str = "") -> None:
        """Count; `of`: the value of the label."""
        counter = self._counters[name]
        (counter.labels(of) if of else counter).inc(by)

    def seconds(self, name: str, what: str) -> Histogram:
        """Return what times are told to."""
        return Histogram(name, what, buckets=SECONDS, registry=self._registry)

    def watch(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Tell a value as it is whenever it is asked for."""
        Gauge(name, what, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        return generate_latest(self._registry)
