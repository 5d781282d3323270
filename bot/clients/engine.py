"""The engines' client: one turn a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from bot.clients.replicas import Replicas
from bot.clients.signed import CallFailed
from bot.contracts.turn import TURN_PATH, TurnAnswer, TurnRequest

TURN_SECONDS = 4.2  # longer than the engine waits for actions, and the customer has an answer within 5 s


class EngineClient:
    def __init__(self, urls: Sequence[str], key: bytes) -> None:
        self._engines = Replicas(urls, key, "engine_down")

    async def turn(self, request: TurnRequest, seconds: float = TURN_SECONDS) -> TurnAnswer:
        """Return the answer; raise `CallFailed` with what is down and whether anything can have happened."""
        status, body = await self._engines.post(TURN_PATH, dict(request), min(seconds, TURN_SECONDS))
        if status == 200 and _is_answer(body):
            return cast(TurnAnswer, body)
        if status == 503 and body.get("done") in ("no", "unknown"):
            raise CallFailed(str(body.get("error")), body["done"])
        raise CallFailed("engine_down", "no" if status in (401, 404, 413) else "unknown")

    @property
    def ready(self) -> int:
        return self._engines.ready

    async def is_ready(self) -> bool:
        return await self._engines.is_ready()

    async def close(self) -> None:
        await self._engines.close()


def _is_answer(body: dict[str, Any]) -> bool:
    messages = body.get("messages")
    if not {"topic", "decision"} <= set(body) or not isinstance(messages, list):
        return False
    return all(isinstance(message, dict) and isinstance(message.get("text"), str) for message in messages)
