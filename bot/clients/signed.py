"""One way to call an inner process: signed, bounded in time, and exact about what a failure means."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import aiohttp

from bot.contracts import trace
from bot.contracts.signing import sign
from bot.contracts.turn import Done

CONNECT_SECONDS = 1.0
READY_SECONDS = 2.0
KEPT_SECONDS = 3.0  # shorter than any server keeps a connection, so that a call rarely meets one that is closing


class CallFailed(Exception):
    """An inner process did not answer as it should. `done` says whether the call can have had an effect."""

    def __init__(self, error: str, done: Done) -> None:
        super().__init__(error)
        self.error = error
        self.done = done


class SignedClient:
    """Posts JSON to one process over kept connections; made in the event loop that uses it."""

    def __init__(self, base_url: str, key: bytes, error: str) -> None:
        self._key = key
        self._error = error
        self._session = aiohttp.ClientSession(
            base_url,
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_SECONDS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("user-agent", "accept-encoding"),
        )

    async def post(self, path: str, body: dict[str, Any], seconds: float) -> tuple[int, dict[str, Any]]:
        """Return status and JSON, all of it within `seconds`; raise `CallFailed`."""
        if seconds <= 0:  # it would go out all the same, and nobody would hear what became of it
            raise CallFailed(self._error, "no")
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"content-type": "application/json", **trace.header()}
        headers |= sign(self._key, "POST", path, content, time.time())
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.post(path, data=content, headers=headers, allow_redirects=False) as reply,
            ):
                status, answered = reply.status, await reply.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as problem:
            raise CallFailed(self._error, "no") from problem
        except (aiohttp.ClientError, TimeoutError) as problem:
            raise CallFailed(self._error, "unknown") from problem
        try:
            answer = json.loads(answered) if answered else {}
        except ValueError as problem:
            raise CallFailed(self._error, "unknown") from problem
        return status, answer if isinstance(answer, dict) else {}

    async def is_ready(self, path: str = "/readyz") -> bool:
        try:
            async with asyncio.timeout(READY_SECONDS), self._session.get(path) as reply:
                return reply.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def close(self) -> None:
        await self._session.close()
