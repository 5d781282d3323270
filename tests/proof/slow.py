"""A network before the actions processes that is slow now and then: up to 90 s on the way to an action."""

from __future__ import annotations

import random
import threading

from tests.proof.proxy import Fault, Proxy

# What an action's call waits, in seconds: nothing for most; longer than the engine waits for a few.
DELAYS = [0.0] * 170 + [0.1] * 20 + [0.4] * 7 + [2.0, 10.0, 90.0]


class SlowProxy(Proxy):
    """Holds calls of actions back for a while; what the engine has given up by then still arrives (T49, T50)."""

    def __init__(self, target: int, seed: int) -> None:
        self.delays: list[float] = []
        self._random = random.Random(seed)
        self._end = threading.Event()
        super().__init__(target)

    def close(self) -> None:
        self._end.set()
        super().close()

    def _hit(self, request: bytes) -> Fault:
        if request.startswith(b"POST /webhook"):
            delay = self._random.choice(DELAYS)
            self.delays.append(delay)
            self._end.wait(delay)
        return super()._hit(request)
