"""An engine that is told to end: it says so, sends callers elsewhere, ends its turns, and is gone in time (G31)."""

from __future__ import annotations

import signal
import threading
import time
import uuid
from pathlib import Path

import pytest

from tests.engine.processes import Processes

LONGEST_SECONDS = 8  # so long the supervisor waits before it kills


@pytest.fixture
def engine(model: Path, tmp_path: Path) -> Processes:
    return Processes(tmp_path)


def ended_after(engine: Processes) -> float:
    """Tell the engine to end and return the seconds that it took."""
    process = engine._running["engine"]
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(2 * LONGEST_SECONDS) == 0
    return time.monotonic() - began


def test_it_ends_in_time_while_customers_write(engine: Processes) -> None:
    stop, told = threading.Event(), set()

    def write() -> None:
        while not stop.is_set():
            try:
                status, answer = engine.turn(uuid.uuid4().hex, "通知信可以關掉嗎")
            except OSError:
                told.add("no connection")
                return
            told.add(status if status == 200 else (status, answer["error"], answer["done"]))

    with engine:
        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        time.sleep(0.5)
        assert ended_after(engine) < LONGEST_SECONDS
        stop.set()
        for writer in writers:
            writer.join()
    assert told == {200, (503, "not_ready", "no"), "no connection"}
