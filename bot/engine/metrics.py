"""What the engine tells of itself at `/metrics`."""

from __future__ import annotations

from bot.metrics import Metrics

TURNS, CONFLICTS, REFUSED = "anxin_turns", "anxin_tracker_conflicts", "anxin_turns_refused"


def engine_metrics() -> Metrics:
    metrics = Metrics()
    metrics.counter(TURNS, "turns that were answered")
    metrics.counter(CONFLICTS, "turns that found that another engine had taken one, and were taken again")
    errors = ("actions_down", "busy", "database_down", "not_ready", "turn_failed")
    metrics.counter(REFUSED, "turns that were refused, by error", "error", errors)
    return metrics
