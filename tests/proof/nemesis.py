"""Whatever can go wrong with an installation while customers write: killed, frozen, ended, emptied; and mended again."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator

from bot.rig.process import OwnProcess
from bot.rig.town import Town
from tests.actions.security.rounds import rounds

# In full longer than any lease: of a gateway's turn (10 s), of an engine's (15 s).
LONGEST_FREEZE_SECONDS = 4.0 if rounds(1) == 1 else 20.0


class Nemesis:
    """Breaks one thing after the other; `done` counts them. A process that was killed is started again at once."""

    def __init__(self, town: Town, seed: int) -> None:
        self._town = town
        self._random = random.Random(seed)
        self.done: Counter[str] = Counter()
        self._kinds: dict[str, Callable[[], None]] = {
            "redis emptied": town.redis.flush,
            "redis killed": self._kill_redis,
            "redis hung": lambda: self._hold(town.redis.freeze, town.redis.thaw),
            "postgresql killed": self._kill_postgresql,
            "postgresql hung": lambda: self._hold(town.postgresql.freeze, town.postgresql.thaw),
            "engine killed": lambda: self._kill(town.engines),
            "engine hung": lambda: self._freeze(town.engines),
            "gateway killed": lambda: self._kill(town.gateways),
            "actions killed": lambda: self._kill(town.actions),
            "gateway hung": lambda: self._freeze(town.gateways),
        }

    def strike(self, times: int) -> Iterator[str]:
        """Do each kind as often as the others, in an order of its own, and yield what was done, mended already."""
        kinds = [kind for _ in range(times // len(self._kinds) + 1) for kind in self._kinds]
        for kind in self._random.sample(kinds[:times], times):
            self._kinds[kind]()
            self.done[kind] += 1
            yield kind

    def _kill(self, processes: list[OwnProcess]) -> None:
        process = self._random.choice(processes)
        process.kill()
        process.start()

    def _freeze(self, processes: list[OwnProcess]) -> None:
        process = self._random.choice(processes)
        self._hold(process.freeze, process.thaw)

    def _kill_redis(self) -> None:
        self._town.redis.kill()
        self._pause(1.0)
        self._town.redis.start()

    def _kill_postgresql(self) -> None:
        self._town.postgresql.kill()
        self._pause(1.0)
        self._town.postgresql.start()

    def _hold(self, freeze: Callable[[], None], thaw: Callable[[], None]) -> None:
        freeze()
        try:
            self._pause(LONGEST_FREEZE_SECONDS)
        finally:
            thaw()

    def _pause(self, most: float) -> None:
        time.sleep(self._random.uniform(0.1, most))
