"""What the gateway tells of itself at `/metrics`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bot.contracts.link import ALTERED, EXPIRED, MALFORMED
from bot.gateway.problems import STATUS
from bot.metrics import Metrics

TURNS, ERRORS = "anxin_turns", "anxin_errors"


class GatewayMetrics(Metrics):
    def __init__(self) -> None:
        super().__init__()
        self.counter(TURNS, "messages that were answered")
        self.counter(ERRORS, "requests that ended in an error", "code", tuple(STATUS))
        for why in (ALTERED, EXPIRED, MALFORMED):
            self.counter(f"anxin_{why}", "links in notices that told nothing")
        self._seconds = self.seconds("anxin_turn_seconds", "from a message to its answer")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Take the time of a turn however it ends, and count it if it is answered."""
        with self._seconds.time():
            yield
        self.add(TURNS)

    def error(self, code: str) -> None:
        self.add(ERRORS, of=code)

    def link(self, why: str) -> None:
        self.add(f"anxin_{why}")
