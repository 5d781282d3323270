"""Spans over a turn's path by OpenTelemetry, sent to ANXIN_TRACES_URL; off without it, and then next to free.

Attributes are names and codes: institution, action, error. Nothing that a customer wrote or is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bot.contracts import trace

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_tracer: Tracer | None = None


def send_to(url: str, process: str) -> None:
    """Send spans to the collector at `url` (OTLP over HTTP) from now on, in the name of `process`; "" sends none."""
    global _tracer
    if not url:
        return
    # Imported here: nobody else pays for it.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": f"anxin-{process}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    _tracer = provider.get_tracer("anxin")


@contextmanager
def span(name: str, **attributes: str) -> Iterator[None]:
    """Tell how long the block takes, as part of the trace that the request is in."""
    if _tracer is None:
        yield
        return
    from opentelemetry.trace import format_span_id, format_trace_id
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = TraceContextTextMapPropagator().extract(trace.header())
    with _tracer.start_as_current_span(
        name,
        context=parent,
        attributes=attributes,
        record_exception=False,  # its text may quote a customer
        set_status_on_exception=False,
    ) as begun:
        here, before = begun.get_span_context(), trace.header()
        trace.enter_span(format_trace_id(here.trace_id), format_span_id(here.span_id))
        try:
            yield
        finally:
            trace.enter(before.get(trace.HEADER))
