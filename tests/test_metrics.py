"""What Prometheus reads of a process."""

from __future__ import annotations

from bot.metrics import Metrics


def lines(metrics: Metrics) -> list[str]:
    return [line for line in metrics.text().decode().splitlines() if not line.startswith("#")]


def test_what_never_happened_is_told_as_zero() -> None:
    metrics = Metrics()
    metrics.counter("anxin_demo", "demo")
    metrics.counter("anxin_demo_by", "demo", "error", ("busy", "down"))
    assert lines(metrics) == [
        "anxin_demo_total 0.0", 'anxin_demo_by_total{error="busy"} 0.0', 'anxin_demo_by_total{error="down"} 0.0'
    ]  # fmt: skip


def test_what_happened_is_counted() -> None:
    metrics = Metrics()
    metrics.counter("anxin_demo", "demo")
    metrics.counter("anxin_demo_by", "demo", "error", ("busy",))
    metrics.add("anxin_demo", 3)
    metrics.add("anxin_demo_by", of="busy")
    assert lines(metrics) == ["anxin_demo_total 3.0", 'anxin_demo_by_total{error="busy"} 1.0']


def test_a_value_is_asked_for_when_it_is_read() -> None:
    metrics, now = Metrics(), [1.0]
    metrics.watch("anxin_demo", "demo", lambda: now[0])
    now[0] = 7.0
    assert lines(metrics) == ["anxin_demo 7.0"]


def test_times_stand_in_classes() -> None:
    metrics = Metrics()
    seconds = metrics.seconds("anxin_demo_seconds", "demo")
    seconds.observe(0.004)
    assert 'anxin_demo_seconds_bucket{le="0.005"} 1.0' in lines(metrics)
    assert 'anxin_demo_seconds_bucket{le="0.002"} 0.0' in lines(metrics)


def test_two_processes_in_one_test_know_nothing_of_each_other() -> None:
    one, other = Metrics(), Metrics()
    for metrics in (one, other):
        metrics.counter("anxin_demo", "demo")
    one.add("anxin_demo")
    assert lines(other) == ["anxin_demo_total 0.0"]
