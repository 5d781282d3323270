"""The actions process' client: secrets into the vault."""

from __future__ import annotations

from bot.clients.signed import CallFailed, SignedClient

SECONDS = 3.5


class ActionsClient:
    def __init__(self, base_url: str, key: bytes) -> None:
        self._client = SignedClient(base_url, key, "actions_down")

    async def put_secret(self, conversation: str, kind: str, value: str, seconds: float = SECONDS) -> str:
        """Put a secret into the vault and return its reference; raise `CallFailed` (nothing was done)."""
        body = {"conversation": conversation, "kind": kind, "value": value}
        try:
            status, answer = await self._client.post("/internal/secrets", body, min(seconds, SECONDS))
        except CallFailed as failed:
            # Even if it arrived: an entry that nobody refers to has no effect and is gone after two minutes.
            raise CallFailed(failed.error, "no") from failed
        if status != 201 or not isinstance(answer.get("reference"), str):
            raise CallFailed("actions_down", "no")
        return str(answer["reference"])

    async def is_ready(self) -> bool:
        return await self._client.is_ready()

    async def close(self) -> None:
        await self._client.close()
