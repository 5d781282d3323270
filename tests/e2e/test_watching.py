"""What those who watch the processes see: one number over all of them, times and counts, and nothing of a customer."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.collector import Collector, Span
from tests.e2e.conftest import Anxin, start, stop

PATH = {
    "turn",
    "accept",
    "vault",
    "engine",
    "answer",
    "engine turn",
    "understand",
    "dialogue",
    "action",
    "custom action",
}
CANARY = "900028"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()


@pytest.fixture(scope="module")
def watched(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anxin]:
    settings = {"ANXIN_TRACES_URL": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200", "ANXIN_LOG_LEVEL": "WARNING"}
    running = start(tmp_path_factory.mktemp("watched"), **settings)
    yield running
    stop(running)


@pytest.fixture(scope="module")
def spans(watched: Anxin, collector: Collector) -> list[Span]:
    """All of a question, the beginning of an unlock with its account, and a code that is wrong."""
    customer = watched.customer()
    customer.say("通知信可以關掉嗎")
    customer.say("解鎖密碼")
    customer.identify(CANARY, "071/02/02")
    customer.press("簡訊")
    customer.enter("code", "000000")
    until = time.monotonic() + 20
    while time.monotonic() < until and not all_came(collector.spans()):
        time.sleep(0.1)
    return collector.spans()


def all_came(spans: list[Span]) -> bool:
    """Processes send by themselves, a moment later: of six messages, and a greeting that begins in the engine."""
    known = {span.id for span in spans}
    begin = sorted(span.name for span in spans if span.parent not in known)
    return {span.name for span in spans} >= PATH and begin == ["engine turn", *["turn"] * 6]


def test_every_step_of_a_turn_is_a_span_in_its_process(spans: list[Span]) -> None:
    of = {span.name: span.process for span in spans}
    assert set(of) >= PATH
    assert (of["accept"], of["understand"], of["custom action"]) == ("anxin-gateway", "anxin-engine", "anxin-actions")


def test_the_spans_of_a_turn_hang_together_over_three_processes(spans: list[Span]) -> None:
    by_id = {span.id: span for span in spans}
    deepest = [span for span in spans if span.name == "custom action"]
    assert deepest
    for span in deepest:
        way = [span.name]
        while span.parent in by_id:
            span = by_id[span.parent]
            way.append(span.name)
        assert way == ["custom action", "action", "dialogue", "engine turn", "engine", "turn"]


def test_no_span_says_anything_of_a_customer(collector: Collector, spans: list[Span]) -> None:
    assert spans
    for secret in (CANARY, "071/02/02", "1982", "000000", "通知信", "解鎖", "測試"):
        assert all(secret.encode() not in body for body in collector.bodies)


@pytest.mark.parametrize("process", ["gateway", "engine", "actions"])
def test_metrics_are_names_and_numbers_and_count_what_happened(watched: Anxin, spans: list[Span], process: str) -> None:
    told = httpx.get(f"http://127.0.0.1:{watched.ports[process]}/metrics", trust_env=False).text
    lines = [line for line in told.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r'anxin_\w+(?:\{(?:code|error|le)="[\w.+]+"\})? [\d.e+-]+', line) for line in lines)
    counted = "anxin_actions_run_total" if process == "actions" else "anxin_turns_total"
    (value,) = [line.split()[1] for line in lines if line.startswith(f"{counted} ")]
    assert float(value) >= 3


def test_a_turn_that_failed_has_the_same_number_in_every_log(watched: Anxin, spans: list[Span]) -> None:
    customer = watched.customer()
    actions = watched.process_on("actions")
    os.kill(actions, signal.SIGSTOP)
    try:
        assert customer.post("messages", text="解鎖密碼").status_code == 503
    finally:
        os.kill(actions, signal.SIGCONT)
    lines = Path(watched.output).read_text(errors="replace").splitlines()
    numbers = {
        name: set(re.findall(rf"{name}\s*\|.*? \[([0-9a-f]{{8}})\] ", "\n".join(lines)))
        for name in ("gateway", "engine")
    }
    assert numbers["gateway"] & numbers["engine"]
