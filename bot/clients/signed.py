"""One way to call an inner process: signed, bounded in time, and exact about what a failure means."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx

from bot.contracts.signing import sign
from bot.contracts.turn import Done

CONNECT_SECONDS = 1.0
READY_SECONDS = 2.0


class CallFailed(Exception):
    """An inner process did not answer as it should. `done` says whether the call can have had an effect."""

    def __init__(self, error: str, done: Done) -> None:
        super().__init__(error)
        self.error = error
        self.done = done


class SignedClient:
    """Posts JSON to one process over kept connections."""

    def __init__(self, base_url: str, key: bytes, error: str) -> None:
        self._key = key
        self._error = error
        timeout = httpx.Timeout(READY_SECONDS, connect=CONNECT_SECONDS)
        self._client = httpx.AsyncClient(base_url=base_url, timeout=timeout, trust_env=False)

    async def post(self, path: str, body: dict[str, Any], seconds: float) -> tuple[int, dict[str, Any]]:
        """Return status and JSON, all of it within `seconds`; raise `CallFailed`."""
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"content-type": "application/json", **sign(self._key, "POST", path, content, time.time())}
        try:
            timeout = httpx.Timeout(None, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)
            async with asyncio.timeout(seconds):  # httpx bounds each read, not their sum
                reply = await self._client.post(path, content=content, headers=headers, timeout=timeout)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as problem:
            raise CallFailed(self._error, "no") from problem
        except (httpx.HTTPError, TimeoutError) as problem:
            raise CallFailed(self._error, "unknown") from problem
        if not reply.content:
            return reply.status_code, {}
        try:
            answer = reply.json()
        except ValueError as problem:
            raise CallFailed(self._error, "unknown") from problem
        return reply.status_code, answer if isinstance(answer, dict) else {}

    async def is_ready(self, path: str = "/readyz") -> bool:
        try:
            return (await self._client.get(path)).status_code == 200
        except httpx.HTTPError:
            return False

    async def close(self) -> None:
        await self._client.aclose()
