"""How much is taken: from one conversation, from one address, and at once by this gateway (G43, T13, T71).

Whoever calls from this machine itself is not limited by rate: operators, tests and benchmarks do.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from sanic import Request

from bot.gateway.problems import Problem

MOST_REMEMBERED = 50_000  # callers, of each rate


@dataclass(frozen=True)
class Rate:
    """So many at once, and so many a minute after that."""

    burst: int
    a_minute: float


@dataclass(frozen=True)
class Limits:
    """A customer who types fast stays below the first; behind one address there may be a whole office or carrier."""

    messages_of_a_conversation: Rate = Rate(20, 30)
    messages_of_an_address: Rate = Rate(200, 600)
    conversations_of_an_address: Rate = Rate(60, 60)
    reads_of_an_address: Rate = Rate(1000, 6000)  # each may cost a look into the database
    turns_at_once: int = 64
    turns_waiting: int = 448


class Throttle:
    """Refuses who is faster than a rate; remembers one number a caller (the "generic cell rate algorithm")."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._each = 60 / rate.a_minute
        self._slack = self._each * (rate.burst - 1)
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()  # when all of the burst may be used again

    def take(self, caller: str) -> None:
        """Count one; raise `too_many` with the seconds to wait."""
        now = self._clock()
        full_at = max(self._full_at.get(caller, now), now)
        if full_at - now > self._slack:
            raise Problem("too_many", retry_after=full_at - now - self._slack)
        self._full_at[caller] = full_at + self._each
        self._full_at.move_to_end(caller)
        if len(self._full_at) > MOST_REMEMBERED:
            self._full_at.popitem(last=False)


class Rates:
    """The rates of callers; `None` as an address is this machine."""

    def __init__(self, limits: Limits) -> None:
        self._by_conversation = Throttle(limits.messages_of_a_conversation)
        self._by_address = Throttle(limits.messages_of_an_address)
        self._opened = Throttle(limits.conversations_of_an_address)
        self._read = Throttle(limits.reads_of_an_address)

    def opening(self, address: str | None) -> None:
        if address:
            self._opened.take(address)

    def reading(self, address: str | None) -> None:
        if address:
            self._read.take(address)

    def message(self, address: str | None, conversation: str) -> None:
        if address:
            self._by_conversation.take(conversation)
            self._by_address.take(address)


class Gate:
    """Lets so many turns run at once and so many wait; whoever comes then is refused before anything is kept."""

    def __init__(self, limits: Limits) -> None:
        self._running = asyncio.Semaphore(limits.turns_at_once)
        self._most = limits.turns_at_once + limits.turns_waiting
        self._inside = 0
        self._under_way = 0

    @property
    def waiting(self) -> int:
        return self._inside - self._under_way

    def check_room(self) -> None:
        """Return if one more may enter; raise `overloaded`."""
        if self._inside >= self._most:
            raise Problem("overloaded")

    @contextmanager
    def entered(self) -> Iterator[None]:
        self.check_room()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    @asynccontextmanager
    async def turn(self, until: float) -> AsyncIterator[None]:
        """Wait for a place until that time of the loop's clock; raise `overloaded`."""
        try:
            async with asyncio.timeout_at(until):
                await self._running.acquire()
        except TimeoutError as problem:
            raise Problem("overloaded") from problem
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._running.release()


# --- who calls ----------------------------------------------------------------------------------------


def address_of(request: Request, proxies: Sequence[IPv4Network | IPv6Network]) -> str | None:
    """Return by what a caller is counted: an IPv4 address or the /64 of an IPv6 one; None: this machine.

    `X-Forwarded-For` counts from its end, and only as far as those who wrote it are proxies of ours.
    """
    told = ",".join(request.headers.getall("x-forwarded-for", []))  # each proxy may have added a line of its own
    hops = [_without_port(hop.strip()) for hop in told.split(",")]
    address, is_told = request.ip, False
    while hops and _is_in(address, proxies):
        hop = hops.pop()
        address, is_told = (hop, True) if hop else (address, is_told)
    try:
        found = _unmapped(address)
    except ValueError:
        return "unknown"  # all of them together
    if found.is_loopback and not is_told:
        return None
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found)


def _without_port(hop: str) -> str:
    """Return the address in `203.0.113.9:5123` or `[2001:db8::9]:5123`, as some proxies write it."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _unmapped(address: str) -> IPv4Address | IPv6Address:
    found = ip_address(address)
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def _is_in(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        found = _unmapped(address)
    except ValueError:
        return False
    return any(found in network for network in networks)
