"""The processes of one kind: the least busy one that is well is asked; who does not answer is skipped at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from bot.clients.signed import CallFailed, SignedClient

WATCH_SECONDS = 1.0
LEAST_SECONDS = 1.0  # whoever has less is not asked as the second


@dataclass(eq=False)
class Replica:
    """One process, and how it fares."""

    client: SignedClient
    busy: int = 0  # calls under way
    turn: int = 0  # the number of its last call, of all calls
    well: bool = True  # said so by `/readyz`, and took the last connection


class Replicas:
    """Asks one of several processes, and another only where the first cannot have done anything."""

    def __init__(self, urls: Sequence[str], key: bytes, error: str) -> None:
        self._replicas = [Replica(SignedClient(url, key, error)) for url in urls]
        self._numbers = count(1)
        self._watching = [asyncio.create_task(self._watch(replica)) for replica in self._replicas]

    async def post(
        self, path: str, body: dict[str, Any], seconds: float, is_harmless: bool = False
    ) -> tuple[int, dict[str, Any]]:
        """Return status and JSON of the first that takes the call, all of it within `seconds`; raise `CallFailed`.

        `is_harmless`: it may be done twice, so that any failure lets another one be asked.
        """
        clock = asyncio.get_running_loop().time
        until, left = clock() + seconds, list(self._replicas)
        while True:
            replica = min(left, key=lambda one: (not one.well, one.busy, one.turn))
            left.remove(replica)
            failure: CallFailed | None = None
            try:
                status, answer = await self._ask(replica, path, body, until - clock())
                # 503 with "no": it says itself that nothing was done (bot/contracts/turn.py: TurnRefused).
                nothing_done = status == 503 and answer.get("done") == "no"
            except CallFailed as failed:
                failure, nothing_done = failed, failed.done == "no" or is_harmless
            if nothing_done and left and until - clock() >= LEAST_SECONDS:
                continue
            if failure:
                raise failure
            return status, answer

    async def _ask(
        self, replica: Replica, path: str, body: dict[str, Any], seconds: float
    ) -> tuple[int, dict[str, Any]]:
        replica.busy += 1
        replica.turn = next(self._numbers)
        try:
            status, answer = await replica.client.post(path, body, seconds)
        except CallFailed as failed:
            replica.well = replica.well and failed.done != "no"
            raise
        finally:
            replica.busy -= 1
        replica.well = replica.well and answer.get("error") != "not_ready"
        return status, answer

    async def _watch(self, replica: Replica) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await self._look(replica)

    @staticmethod
    async def _look(replica: Replica) -> bool:
        replica.well = await replica.client.is_ready()
        return replica.well

    @property
    def ready(self) -> int:
        """How many are well, as far as is known."""
        return sum(replica.well for replica in self._replicas)

    async def is_ready(self) -> bool:
        """Return whether one of them is ready now, as soon as one says so: another may hang."""
        looks = [asyncio.create_task(self._look(replica)) for replica in self._replicas]
        try:
            for look in asyncio.as_completed(looks):
                if await look:
                    return True
            return False
        finally:
            for look in looks:
                look.cancel()

    async def close(self) -> None:
        for watching in self._watching:
            watching.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        await asyncio.gather(*(replica.client.close() for replica in self._replicas))
