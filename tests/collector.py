"""An OpenTelemetry collector for tests: a real HTTP server that keeps what it is sent."""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    process: str
    name: str
    trace: str
    id: str
    parent: str
    attributes: str


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

    def spans(self) -> list[Span]:
        """Return all that came."""
        found = []
        for body in self.bodies:
            for of in ExportTraceServiceRequest.FromString(body).resource_spans:
                (process,) = [a.value.string_value for a in of.resource.attributes if a.key == "service.name"]
                for s in [span for scope in of.scope_spans for span in scope.spans]:
                    ids = (s.trace_id.hex(), s.span_id.hex(), s.parent_span_id.hex())
                    found.append(Span(process, s.name, *ids, str(s.attributes)))
        return found
