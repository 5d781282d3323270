"""Logging of our processes: one line an event, nothing of a customer, levels from the settings."""

from __future__ import annotations

import logging
import sys

from bot.contracts.trace import Numbered

# Their DEBUG output quotes parameters or bodies.
_QUIET = ("sqlalchemy", "alembic", "httpcore", "httpx", "asyncio", "sanic.access")
_CONTROL = {c: f"\\x{c:02x}" for c in (*range(32), 127, *range(0x80, 0xA0))} | {
    c: f"\\u{c:04x}" for c in (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


class OneLine(logging.Formatter):
    """Escapes what could forge a line or colour a terminal (G38); names an exception without its text."""

    def format(self, record: logging.LogRecord) -> str:
        trace = getattr(record, "trace", "")
        line = f"{self.formatTime(record)} {record.levelname:<7} {record.name}:{trace} {record.getMessage()}"
        if record.exc_info and record.exc_info[0]:
            line += f" [{record.exc_info[0].__name__}]"
        return line.translate(_CONTROL)


def configure_logging(level: str) -> None:
    """Send everything from `level` on to standard error, in one format."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    handler.addFilter(Numbered())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("sanic.root", "sanic.error", "sanic.server", "sanic.websockets"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
