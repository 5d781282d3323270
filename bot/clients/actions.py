"""The actions processes' client: secrets into the vault."""

from __future__ import annotations

from collections.abc import Sequence

from bot.clients.replicas import Replicas
from bot.clients.signed import CallFailed

SECRETS_PATH = "/internal/secrets"
SECONDS = 3.5


class ActionsClient:
    def __init__(self, urls: Sequence[str], key: bytes) -> None:
        self._processes = Replicas(urls, key, "actions_down")

    async def put_secret(self, conversation: str, kind: str, value: str, seconds: float = SECONDS) -> str:
        """Put a secret into the vault and return its reference; raise `CallFailed` (nothing was done)."""
        body = {"conversation": conversation, "kind": kind, "value": value}
        try:
            status, answer = await self._processes.post(SECRETS_PATH, body, min(seconds, SECONDS), is_harmless=True)
        except CallFailed as failed:
            # Even if it arrived: an entry that nobody refers to has no effect and is gone after two minutes.
            raise CallFailed(failed.error, "no") from failed
        if status != 201 or not isinstance(answer.get("reference"), str):
            raise CallFailed("actions_down", "no")
        return str(answer["reference"])

    async def is_ready(self) -> bool:
        return await self._processes.is_ready()

    async def close(self) -> None:
        await self._processes.close()
