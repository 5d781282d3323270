"""The open loop: messages at the times of a Poisson process, whether or not the ones before were answered."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.rig.customers import Person
from bot.turns_bench.browser import Codes, Step
from bot.turns_bench.visitors import Faults, NotingBrowser, faults, steps
from bot.turns_bench.wire import NotAnswered, Pool

THINK_SECONDS = 5.0  # between two messages of a customer, about
READERS = 8  # conversations that are read back at once


@dataclass
class Visitor:
    """One customer in one conversation, a step at a time."""

    browser: NotingBrowser
    steps: Iterator[Step]
    coming: Step | None = None


@dataclass
class OpenLoop:
    """`rate` messages a second for so many seconds, to the gateway at `port`.

    Milliseconds count from the time at which a message was to be sent, so that a server that stands still is seen.
    """

    port: int
    rate: float
    seconds: float
    people: deque[Person] = field(default_factory=deque)
    codes: Codes | None = None
    think_seconds: float = THINK_SECONDS
    chance: random.Random = field(default_factory=random.Random)
    milliseconds: dict[str, list[float]] = field(default_factory=dict)  # by kind, of what was answered
    errors: Counter[str] = field(default_factory=Counter)  # tries that failed, by kind
    given_up: Counter[str] = field(default_factory=Counter)  # messages, by the kind of the last try
    late_ms: list[float] = field(default_factory=list)  # how much later than intended we sent
    under_way: int = 0

    def __post_init__(self) -> None:
        self._pool = Pool(self.port)
        self._idle: deque[Visitor] = deque()
        self._known: list[Visitor] = []
        self._here = 0

    async def run(self) -> None:
        """Send all of it and wait for the last answer."""
        clock = asyncio.get_running_loop().time
        at = began = clock()
        tasks = set[asyncio.Task[None]]()
        while (at := at + self.chance.expovariate(self.rate)) - began < self.seconds:
            await asyncio.sleep(max(0.0, at - clock()))
            self.late_ms.append(1000 * (clock() - at))
            task = asyncio.create_task(self._step(self._next(), at))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)

    async def read_back(self) -> Faults:
        """Read every conversation from the gateway, and return what is lost or doubled."""
        waiting, found = deque(self._known), Faults()

        async def read() -> None:
            nonlocal found
            while waiting:
                browser = waiting.popleft().browser
                if not browser.greeted:  # nothing was opened
                    continue
                try:
                    stored = await browser.everything()
                except NotAnswered as problem:
                    self.given_up[f"reading back: {problem.kind}"] += 1
                else:
                    found += faults(browser, stored)

        await asyncio.gather(*(read() for _ in range(READERS)))
        self._pool.close()
        return found

    @property
    def conversations(self) -> int:
        return len(self._known)

    def _next(self) -> Visitor:
        """Return who waited longest, or somebody new while there are too few for their time to think."""
        if self._idle and self._here >= self.rate * self.think_seconds:
            return self._idle.popleft()
        browser = NotingBrowser(self._pool, self.errors)
        made = Visitor(browser, steps(browser, self.chance, self.people, self.codes))
        self._known.append(made)
        self._here += 1
        return made

    async def _step(self, visitor: Visitor, at: float) -> None:
        kind, act = visitor.coming or next(visitor.steps)
        self.under_way += 1
        try:
            await act()
        except NotAnswered as problem:
            self.given_up[problem.kind] += 1
            self._here -= 1  # this customer goes
            return
        finally:
            self.under_way -= 1
        self.milliseconds.setdefault(kind, []).append(1000 * (asyncio.get_running_loop().time() - at))
        visitor.coming = next(visitor.steps, None)
        if visitor.coming:
            self._idle.append(visitor)
        else:
            self._here -= 1
