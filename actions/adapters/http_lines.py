"""Connections to one server: kept between requests, and never more than so many at once."""

from __future__ import annotations

import threading
import time

from actions.adapters.http import Answer, Line, NotReached, Request, Server

KEPT_SECONDS = 30.0


class Full(NotReached):
    """All connections are in use: whoever waited for one would stand behind a server that hangs."""


class Lines:
    """A connection is opened only while none is kept, so that those in use and kept are together at most `most`."""

    def __init__(self, server: Server, most: int) -> None:
        self._server = server
        self._places = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._kept: list[tuple[Line, float]] = []  # the one used last is taken first

    def ask(self, request: Request, until: float, connect_seconds: float, fresh: bool = False) -> Answer:
        """Return the answer; `fresh`: on a new connection. Raise `Full` at once, or what `http.Line` raises."""
        if not self._places.acquire(blocking=False):
            raise Full("Full")
        try:
            line = self._take()
            if line and fresh:
                line.close()
                line = None
            line = line or self._server.connect(until, connect_seconds)
            return self._ask(line, request, until)
        finally:
            self._places.release()

    def close(self) -> None:
        """Close what is kept."""
        with self._lock:
            kept, self._kept = self._kept, []
        for line, _ in kept:
            line.close()

    def _ask(self, line: Line, request: Request, until: float) -> Answer:
        free = False
        try:
            answer = line.ask(request, until)
            free = line.is_free()
            return answer
        finally:
            if free:
                self._keep(line)
            else:
                line.close()

    def _take(self) -> Line | None:
        while True:
            with self._lock:
                if not self._kept:
                    return None
                line, since = self._kept.pop()
            if time.monotonic() - since < KEPT_SECONDS and line.is_free():
                return line
            line.close()

    def _keep(self, line: Line) -> None:
        with self._lock:
            self._kept.append((line, time.monotonic()))
