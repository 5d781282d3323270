"""Spans reach a collector with one number over processes, and nothing is sent where none is named."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bot import traces
from bot.contracts import trace


class Collector:
    """A real HTTP server that reads what OpenTelemetry sends."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                bodies.append(gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/traces"

    def spans(self) -> list[tuple[str, str, str, str]]:
        """Return (name, trace, span, parent) of all that came."""
        found = []
        for body in self.bodies:
            told = ExportTraceServiceRequest.FromString(body)
            for of in told.resource_spans:
                for scope in of.scope_spans:
                    for s in scope.spans:
                        found.append((s.name, s.trace_id.hex(), s.span_id.hex(), s.parent_span_id.hex()))
        return found


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
    told = {name: (number_, span, parent) for name, number_, span, parent in collector.spans()}
    assert {number_ for number_, _, _ in told.values()} == {number}
    assert told["engine"][2] == told["turn"][1]
    assert told["engine turn"][2] == told["engine"][1]
    assert after.split("-")[2] == told["turn"][1]


def test_a_span_ends_where_its_block_fails(collector: Collector) -> None:
    traces.send_to(collector.url, "demo")
    trace.enter()
    with pytest.raises(ValueError, match="demo"), traces.span("turn"):
        raise ValueError("demo")
    assert traces._tracer
    traces._tracer.span_processor.force_flush()  # type: ignore[attr-defined]
    assert [name for name, *_ in collector.spans()] == ["turn"]


def test_nothing_is_sent_where_no_collector_is_named(collector: Collector) -> None:
    traces.send_to("", "demo")
    trace.enter()
    with traces.span("turn"):
        pass
    assert traces._tracer is None
    assert collector.bodies == []
