"""What Redis decides about turns, step for step beside a plain model of it, under a clock of the test's own."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from bot.engine.redis_turns import CALLS, GIVE, LAST, TAKE
from bot.rig.redis import RedisServer
from tests.actions.security.rounds import rounds

CLOCK = "local now = tonumber(redis.call('GET', 'test:now'))\n"
LEASE, SILENCE = 15_000_000, 1_000_000
TOKENS = [f"demo:{number}" for number in range(6)]


@dataclass
class Model:
    """One conversation's turns, as anybody would write them who is alone in the world."""

    last: int = 0
    holder: str | None = None
    ends: int = 0
    number: int = 0
    waiting: dict[str, tuple[int, int]] = field(default_factory=dict)  # token: ticket, waits until
    withdrawn: set[str] = field(default_factory=set)

    def draw(self, now: int, least: int) -> int:
        self.last = max(self.last + 1, now, least + 1)
        return self.last

    def first(self, now: int) -> str | None:
        for token in sorted(self.waiting, key=lambda waits: self.waiting[waits][0]):
            if self.waiting[token][1] > now:
                return token
            del self.waiting[token]
        return None

    def take(self, token: str, ticket: int, now: int, least: int) -> list[int]:
        if token in self.withdrawn:
            return [0, 0]
        held = self.holder is not None and self.ends > now
        if held and self.holder == token:
            return [self.number, 0]
        if held or self.first(now) not in (None, token):
            ticket = ticket or self.draw(now, least)
            self.waiting[token] = (self.waiting.get(token, (ticket, 0))[0], now + SILENCE)
            return [0, ticket]
        if ticket:
            self.waiting.pop(token, None)
        self.holder, self.ends, self.number = token, now + LEASE, self.draw(now, least)
        return [self.number, 0]

    def give(self, token: str, now: int) -> tuple[int, str | None]:
        """Return whether it was held, and who is called."""
        mine = self.holder == token
        self.waiting.pop(token, None)
        if mine:
            self.holder, self.ends = None, 0
        else:
            self.withdrawn.add(token)
        called = self.first(now) if self.ends <= now else None
        if self.ends <= now and not called:
            self.holder = None
        return int(mine), called

    def forget(self) -> None:
        """As Redis when all its keys are erased."""
        self.last, self.holder, self.ends, self.waiting, self.withdrawn = 0, None, 0, {}, set()


@dataclass
class Play:
    """The scripts and the model, one after the other; what both must keep is asserted at every step."""

    server: RedisServer
    now: int = 1_790_000_000_000_000
    numbers: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = self.server.client
        self.client.flushall()
        self.model = Model()
        self.tickets: dict[str, int] = {}
        self.fresh = iter(f"demo:{number}" for number in range(10**6))
        self.calls = self.client.pubsub(ignore_subscribe_messages=True)
        self.calls.subscribe(CALLS)
        self.calls.get_message(timeout=1)
        self._take = self.client.register_script(CLOCK + TAKE)
        self._give = self.client.register_script(CLOCK + GIVE)

    def keys(self, token: str) -> list[str]:
        return ["turn", "turn:waiting", LAST, f"withdrawn:{token}"]

    def take(self, token: str, least: int = 0) -> int:
        self.client.set("test:now", self.now)
        held_before = self.model.holder if self.model.ends > self.now else None
        ticket = self.tickets.get(token, 0)
        answer = self._take(self.keys(token), [token, LEASE, SILENCE, least, ticket])
        assert answer == self.model.take(token, ticket, self.now, least)
        number, self.tickets[token] = answer[0], answer[1] or ticket
        if number and held_before != token:
            assert held_before is None
            assert all(number > earlier for earlier in self.numbers)
            self.numbers.append(number)
        return number

    def give(self, token: str) -> None:
        self.client.set("test:now", self.now)
        mine, called = self.model.give(token, self.now)
        self.tickets.pop(token, None)
        assert self._give(self.keys(token), [token, LEASE, CALLS]) == mine
        said = self.calls.get_message(timeout=1 if called else 0)
        assert (said["data"] if said else None) == called

    def close(self) -> None:
        self.calls.close()
        self.client.close()


@pytest.mark.parametrize("seed", range(rounds(4)))
def test_redis_decides_as_the_model_does(redis: RedisServer, seed: int) -> None:
    draw, play = random.Random(seed), Play(redis)
    waiting, erased = [next(play.fresh) for _ in range(5)], 0
    for _ in range(1500):
        step = draw.choice([0, 1, 1000, 200_000, 200_000, 900_000, 2_000_000, 16_000_000, -50_000])
        play.now = max(play.now + step, erased)
        place = draw.randrange(len(waiting))
        what = draw.random()
        if what < 0.65:
            play.take(waiting[place], least=draw.choice([0, 0, 0, play.now + 10]))
        elif what < 0.99:
            play.give(waiting[place])
            waiting[place] = next(play.fresh)  # a token takes one turn
        else:
            redis.flush()
            erased = play.now = max(play.now, play.model.last) + 1  # and the clock is not set back behind that
            play.model.forget()
            play.tickets.clear()
    for token in waiting:
        play.give(token)
    left = {key for key in play.client.scan_iter() if not key.startswith(("withdrawn:", "test:"))}
    assert left <= {LAST}
    assert len(play.numbers) > 100
    play.close()


def test_a_number_grows_while_the_clock_goes_back(redis: RedisServer) -> None:
    play = Play(redis)
    for token in TOKENS:
        play.take(token)
        play.give(token)
        play.now -= 3_600_000_000
    play.close()
    assert len(play.numbers) == len(TOKENS)


def test_a_number_grows_although_all_keys_were_lost_and_the_clock_went_back_when_the_highest_is_told(
    redis: RedisServer,
) -> None:
    play = Play(redis)
    before = play.take("demo:1")
    redis.flush()
    play.model.forget()
    play.now -= 3_600_000_000
    assert play.take("demo:2", least=before) == before + 1
    play.close()


def test_a_question_that_arrives_after_it_was_withdrawn_takes_nothing(redis: RedisServer) -> None:
    play = Play(redis)
    play.give("demo:1")
    assert not play.take("demo:1")
    assert play.take("demo:2")
    play.close()


def test_a_question_asked_twice_is_one_turn(redis: RedisServer) -> None:
    play = Play(redis)
    assert play.take("demo:1") == play.take("demo:1")
    play.close()


def test_the_turn_of_one_who_died_ends_with_its_lease(redis: RedisServer) -> None:
    play = Play(redis)
    play.take("demo:1")
    play.now += LEASE - 1
    assert not play.take("demo:2")
    play.now += 1
    assert play.take("demo:2")
    play.close()


def test_who_does_not_ask_any_more_is_passed_over_and_who_asks_keeps_its_place(redis: RedisServer) -> None:
    play = Play(redis)
    play.take("demo:1")
    for token in ("demo:2", "demo:3", "demo:4"):
        play.take(token)
    play.now += SILENCE
    play.take("demo:4")  # asks again; 2 and 3 are late
    play.give("demo:1")
    play.take("demo:3")
    assert play.model.waiting["demo:3"][0] < play.model.waiting["demo:4"][0]
    assert not play.take("demo:4")
    assert play.take("demo:3")
    play.close()


def test_every_key_of_a_conversation_ends_by_itself(redis: RedisServer) -> None:
    play = Play(redis)
    for token in TOKENS:
        play.take(token)
    play.give("demo:of nobody")
    expiring = {key: play.client.pttl(key) for key in play.client.scan_iter() if not key.startswith("test:")}
    assert expiring.pop(LAST) == -1
    assert set(expiring) == {"turn", "turn:waiting", "withdrawn:demo:of nobody"}
    assert all(LEASE / 1000 < left <= 2 * LEASE / 1000 for left in expiring.values())
    play.close()
