"""One turn at a time of each conversation over all engines, in the order in which they came, kept in Redis.

Whoever comes while another has the turn, or while others wait, draws a ticket and waits; a waiter asks again every
`HEARTBEAT_SECONDS` and when it is called, and one that has not asked for `SILENCE_SECONDS` is passed over. A turn ends
by being given back, or with its lease. The lease is never renewed: a turn is bounded well below it, so that all a
renewal could keep alive is a turn that hangs.

A lease alone is a hint (security reference, pattern E): whoever stood still may wake up behind it. So each turn gets
a number, and a store refuses to write below the highest it has seen. Numbers are microseconds of Redis' clock, or the
last one plus one where that is more: they go on growing when Redis has lost everything, and when its clock is set back.

Without Redis there are no turns: never "go on without a lock" (T51).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import suppress
from itertools import count

from async_timeout import timeout
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.contracts.failures import described
from bot.engine.rasa_private import TurnAborted
from bot.engine.turns import WAIT_SECONDS, Turn
from bot.settings import SettingProblem

logger = logging.getLogger(__name__)

LEASE_SECONDS = 15.0  # a turn ends within 10
ANSWER_SECONDS = 1.0  # of Redis, which needs a thousandth of it
HEARTBEAT_SECONDS = 0.25
SILENCE_SECONDS = 1.0
CALLS = "anxin:turns:calls"
LAST = "anxin:turns:last"
DOWN = (RedisError, OSError, asyncio.TimeoutError)

CLOCK = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
"""

# In microseconds. `turn` has holder, ends and number, and for each who waits until when it counts as waiting.
_COMMON = """
local turn, waiting, last, withdrawn = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local token, keep = ARGV[1], math.ceil(tonumber(ARGV[2]) / 500)  -- ms: twice a lease
local function first()
  while true do
    local longest = redis.call('ZRANGE', waiting, 0, 0)[1]
    if not longest or tonumber(redis.call('HGET', turn, longest) or 0) > now then return longest end
    redis.call('ZREM', waiting, longest)
    redis.call('HDEL', turn, longest)
  end
end
"""

# {number, 0}: the turn is yours. {0, ticket}: wait, and bring the ticket when asking again.
TAKE = (
    _COMMON
    + """
local lease, silence, least, ticket = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local function draw()
  local number = math.max(tonumber(redis.call('GET', last) or 0) + 1, now, least + 1)
  redis.call('SET', last, string.format('%.0f', number))
  return number
end
if redis.call('EXISTS', withdrawn) == 1 then return {0, 0} end
local held = redis.call('HMGET', turn, 'holder', 'ends', 'number')
local free = not held[1] or tonumber(held[2]) <= now
if not free and held[1] == token then return {tonumber(held[3]), 0} end
if not free or (first() or token) ~= token then
  if ticket == 0 then ticket = draw() end
  redis.call('ZADD', waiting, 'NX', string.format('%.0f', ticket), token)
  redis.call('HSET', turn, token, string.format('%.0f', now + silence))
  redis.call('PEXPIRE', waiting, keep)
  redis.call('PEXPIRE', turn, keep)
  return {0, ticket}
end
local number = draw()
if ticket ~= 0 then
  redis.call('ZREM', waiting, token)
  redis.call('HDEL', turn, token)
end
redis.call('HSET', turn, 'holder', token, 'ends', string.format('%.0f', now + lease), 'number', string.format('%.0f', number))
redis.call('PEXPIRE', turn, keep)
return {number, 0}
"""
)

# 1: it was yours until now. 0: it was not, and will not be, should a question of yours be still on its way.
GIVE = (
    _COMMON
    + """
local calls = ARGV[3]
local mine = redis.call('HGET', turn, 'holder') == token
redis.call('ZREM', waiting, token)
redis.call('HDEL', turn, token)
if mine then
  redis.call('HDEL', turn, 'holder', 'ends', 'number')
else
  redis.call('SET', withdrawn, 1, 'PX', keep)
end
if tonumber(redis.call('HGET', turn, 'ends') or 0) <= now then
  local longest = first()
  if longest then redis.call('PUBLISH', calls, longest) else redis.call('DEL', turn, waiting) end
end
return mine and 1 or 0
"""
)


class RedisTurns:
    """For one of several engines that share a Redis."""

    def __init__(self, url: str, lease_seconds: float = LEASE_SECONDS, wait_seconds: float = WAIT_SECONDS) -> None:
        self._lease, self._wait = lease_seconds, wait_seconds
        self._redis = _client(url)
        self._take = self._redis.register_script(CLOCK + TAKE)
        self._give = self._redis.register_script(CLOCK + GIVE)
        self._process, self._counted = secrets.token_hex(8), count(1)
        self._least = 0
        self._called: dict[str, asyncio.Event] = {}  # by the tokens that wait
        self._listening: asyncio.Task[None] | None = None
        self._withdrawals: set[asyncio.Task[None]] = set()

    async def take(self, conversation: str) -> Turn:
        token = f"{self._process}:{next(self._counted)}"
        until = time.monotonic() + self._wait
        try:
            turn, ticket = await self._ask(conversation, token, 0)
            return turn or await self._stand_in(conversation, token, ticket, until)
        except BaseException as problem:
            # Whatever became of the question, nobody is to wait for us.
            self._withdraw(conversation, token)
            if isinstance(problem, DOWN):
                raise TurnAborted("database_down", "no") from problem
            raise

    async def _ask(self, conversation: str, token: str, ticket: int) -> tuple[Turn | None, int]:
        asked = time.monotonic()
        micros = (f"{seconds * 1e6:.0f}" for seconds in (self._lease, SILENCE_SECONDS))
        async with timeout(ANSWER_SECONDS):
            number, ticket = await self._take(_keys(conversation, token), [token, *micros, self._least, ticket])
        return (Turn(conversation, token, number, asked + self._lease) if number else None), ticket

    async def _stand_in(self, conversation: str, token: str, ticket: int, until: float) -> Turn:
        called = self._called[token] = asyncio.Event()
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen())
        try:
            while (left := until - time.monotonic()) > 0:
                bell = asyncio.get_running_loop().call_later(min(HEARTBEAT_SECONDS, left), called.set)
                await called.wait()
                bell.cancel()
                called.clear()
                turn, ticket = await self._ask(conversation, token, ticket)
                if turn:
                    return turn
            raise TurnAborted("busy", "no")
        finally:
            del self._called[token]
            if not self._called:
                self._listening.cancel()
                self._listening = None

    async def _listen(self) -> None:
        """Wake whoever is called, as long as somebody waits; without it their heartbeats do, a little later."""
        with suppress(*DOWN):
            async with self._redis.pubsub() as calls:
                await calls.subscribe(CALLS)
                async for said in calls.listen():
                    # Subscribed just now: somebody may have been called before.
                    for token in [said["data"].decode()] if said["type"] == "message" else list(self._called):
                        if token in self._called:
                            self._called[token].set()

    async def give(self, turn: Turn) -> None:
        try:
            if not await self._tell(turn.conversation, turn.token):
                logger.warning("A turn was lost before it ended: its lease was over, or Redis had lost it.")
        except DOWN as problem:
            logger.warning("A turn could not be given back yet: %s.", described(problem))
            self._withdraw(turn.conversation, turn.token)
        except BaseException:
            self._withdraw(turn.conversation, turn.token)
            raise

    async def _tell(self, conversation: str, token: str) -> bool:
        async with timeout(ANSWER_SECONDS):
            return bool(await self._give(_keys(conversation, token), [token, f"{self._lease * 1e6:.0f}", CALLS]))

    def _withdraw(self, conversation: str, token: str) -> None:
        task = asyncio.get_running_loop().create_task(self._withdrawn(conversation, token))
        self._withdrawals.add(task)
        task.add_done_callback(self._withdrawals.discard)

    async def _withdrawn(self, conversation: str, token: str) -> None:
        """Give back what may be held or waited for, as soon as Redis hears it; after a lease it has ended anyway."""
        pause = HEARTBEAT_SECONDS
        while pause < self._lease:
            with suppress(*DOWN):
                await self._tell(conversation, token)
                return
            await asyncio.sleep(pause)
            pause *= 2

    def number_above(self, fence: int) -> None:
        self._least = max(self._least, fence)

    async def close(self) -> None:
        """Finish giving back, if Redis answers, and leave."""
        if self._withdrawals:
            await asyncio.wait(self._withdrawals, timeout=ANSWER_SECONDS)
        await self._redis.close()


def _client(url: str) -> Redis:
    encrypted = {"ssl_check_hostname": True} if url.startswith("rediss:") else {}
    try:
        return Redis.from_url(url, **encrypted)
    except ValueError:  # its text may quote a password
        raise SettingProblem("ANXIN_REDIS_URL: give an address such as redis://127.0.0.1:6379/0.") from None


def _keys(conversation: str, token: str) -> list[str]:
    turn = f"anxin:turn:{conversation}"
    return [turn, f"{turn}:waiting", LAST, f"anxin:withdrawn:{token}"]
