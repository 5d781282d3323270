"""A light HTTP client: what it costs is taken from what it measures, and all of them run on one machine.

One request at a time on a connection that stays open; only answers with a content-length, as all of ours have.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol, cast

PATIENCE_SECONDS = 30.0
IDLE_SECONDS = 4.0  # Sanic 21 closes what was idle for five
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r", re.IGNORECASE)
_COOKIE = re.compile(rb"\r\nset-cookie: *([^;\r]+)", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after: *(\d+)\r", re.IGNORECASE)


class NotAnswered(Exception):
    """No answer, or an error; `kind` is the code of the error, the HTTP status, or what became of the connection."""

    def __init__(self, kind: str, retry_after: float = 0.0) -> None:
        super().__init__(kind)
        self.kind = kind
        self.retry_after = retry_after

    @property
    def is_final(self) -> bool:
        """Return whether the same request would be refused again."""
        return self.kind.startswith("4") and self.kind not in ("409 busy", "429 too_many")


@dataclass(frozen=True)
class Reply:
    status: int
    head: bytes
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cookie(self) -> str:
        found = _COOKIE.search(self.head)
        return found[1].decode() if found else ""

    @property
    def retry_after(self) -> float:
        found = _RETRY_AFTER.search(self.head)
        return float(found[1]) if found else 0.0


class Wire(Protocol):
    """What a customer sends requests through."""

    async def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        """Return the answer; raise `NotAnswered` where there is none."""
        ...


class Connection(asyncio.Protocol):
    """One connection to a port of this machine."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._answer: asyncio.Future[Reply] | None = None
        self.used_at = 0.0

    @classmethod
    async def to(cls, port: int) -> Connection:
        """Raise `NotAnswered` where nobody listens."""
        try:
            _, made = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        except OSError as problem:
            raise NotAnswered("no connection") from problem
        return made

    async def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        loop = asyncio.get_running_loop()
        if not self.is_open or self._transport is None:
            raise NotAnswered("connection closed")
        self._answer = loop.create_future()
        self._transport.write(_request(method, path, body, headers))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._answer
        except TimeoutError as problem:
            self._transport.abort()
            raise NotAnswered("no answer in time") from problem
        finally:
            self._answer, self.used_at = None, loop.time()

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop has classes of its own

    def connection_lost(self, problem: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(NotAnswered("connection lost"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self._answer is None or self._answer.done():
            return
        head = bytes(self._received[: end + 2])
        length = _LENGTH.search(head)
        whole = end + 4 + int(length[1] if length else 0)
        if len(self._received) >= whole:
            body = bytes(self._received[end + 4 : whole])
            self._received.clear()
            self._answer.set_result(Reply(int(head[9:12]), head, body))
            if b"\r\nconnection: close" in head.lower() and self._transport:
                self._transport.close()


class Pool:
    """Connections to one port, as many as are in use at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: deque[Connection] = deque()

    async def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        connection = await self._taken()
        try:
            return await connection.request(method, path, body, **headers)
        finally:
            self._free.append(connection)

    async def _taken(self) -> Connection:
        now = asyncio.get_running_loop().time()
        while self._free:
            connection = self._free.pop()
            if connection.is_open and now - connection.used_at < IDLE_SECONDS:
                return connection
            connection.close()
        return await Connection.to(self._port)

    def close(self) -> None:
        for connection in self._free:
            connection.close()


def _request(method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
    lines += ["content-type: application/json"] if body else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
