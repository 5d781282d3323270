"""Many at once, for a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

Going = Callable[[], bool]


def together(at_once: int, seconds: float, job: Callable[[int, Callable[[], object], Going], None]) -> float:
    """Run `job(place, start, going)` in so many threads, and return the seconds that it took.

    A job makes itself ready, calls `start()`, which returns in all of them at the same moment, and goes on while
    `going()`. The time begins then.
    """
    barrier, until = threading.Barrier(at_once + 1), [0.0]

    def going() -> bool:
        return time.monotonic() < until[0]

    threads = [threading.Thread(target=job, args=(place, barrier.wait, going)) for place in range(at_once)]
    for thread in threads:
        thread.start()
    while barrier.n_waiting < at_once:  # all are ready: the time is theirs
        time.sleep(0.001)
    began = time.monotonic()
    until[0] = began + seconds
    barrier.wait()
    for thread in threads:
        thread.join()
    return time.monotonic() - began
