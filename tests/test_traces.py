"""Spans reach a collector with one number over processes, and nothing is sent where none is named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot import traces
from bot.contracts import trace
from tests.collector import Collector


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    made = Collector()
    monkeypatch.setattr(traces, "_tracer", None)
    yield made
    made.server.shutdown()


def test_spans_of_two_processes_are_one_trace(collector: Collector) -> None:
    traces.send_to(collector.url, "demo")
    trace.enter()
    number = trace.number()
    with traces.span("turn", institution="hnyc"):
        with traces.span("engine"):
            handed_on = trace.header()[trace.HEADER]
        after = trace.header()[trace.HEADER]
    trace.enter(handed_on)  # as the engine does
    with traces.span("engine turn"):
        pass
    assert traces._tracer
    traces._tracer.span_processor.force_flush()  # type: ignore[attr-defined]
    told = {span.name: span for span in collector.spans()}
    assert {span.trace for span in told.values()} == {number}
    assert told["engine"].parent == told["turn"].id
    assert told["engine turn"].parent == told["engine"].id
    assert after.split("-")[2] == told["turn"].id


def test_a_span_ends_where_its_block_fails(collector: Collector) -> None:
    traces.send_to(collector.url, "demo")
    trace.enter()
    with pytest.raises(ValueError, match="canary"), traces.span("turn"):
        raise ValueError("canary of a customer")
    assert traces._tracer
    traces._tracer.span_processor.force_flush()  # type: ignore[attr-defined]
    assert [span.name for span in collector.spans()] == ["turn"]
    assert all(b"canary" not in body for body in collector.bodies)


def test_nothing_is_sent_where_no_collector_is_named(collector: Collector) -> None:
    traces.send_to("", "demo")
    trace.enter()
    with traces.span("turn"):
        pass
    assert traces._tracer is None
    assert collector.bodies == []
