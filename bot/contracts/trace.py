"""One number for all that a request sets off, in the logs and traces of every process (W3C Trace Context, level 1).

The gateway begins it, each inner process takes it over from the header of a signed call. It says nothing of a customer.
"""

from __future__ import annotations

import logging
import re
import secrets
from contextvars import ContextVar

HEADER = "traceparent"
SHOWN = 8  # characters of it in a log line: enough to find the others
_HEADER = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
_current: ContextVar[tuple[str, str] | None] = ContextVar("trace", default=None)  # trace, span


def enter(remote: str | None = None) -> None:
    """Go on with the caller's trace, or begin one where there is none that can be read."""
    found = _HEADER.fullmatch(remote or "")
    _current.set((found[1], found[2]) if found else (secrets.token_hex(16), secrets.token_hex(8)))


def enter_span(trace: str, span: str) -> None:
    """Go on in a span that a tracer has begun; both in hex."""
    _current.set((trace, span))


def header() -> dict[str, str]:
    """Return what a call to another process carries; nothing outside of a request."""
    current = _current.get()
    return {HEADER: f"00-{current[0]}-{current[1]}-01"} if current else {}


def number() -> str:
    """Return the trace's number, "" outside of a request."""
    current = _current.get()
    return current[0] if current else ""


class Numbered(logging.Filter):
    """Gives every record `trace`: the beginning of its number in brackets, or nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        shown = number()[:SHOWN]
        record.trace = f" [{shown}]" if shown else ""
        return True
