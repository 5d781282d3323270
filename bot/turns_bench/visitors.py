"""Customers who come, ask, press buttons and unlock; each notes what was told, to be compared with what is stored."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.rig.customers import Person
from bot.turns_bench.browser import Browser, Codes, Json, Step, unlock
from bot.turns_bench.questions import QUESTIONS
from bot.turns_bench.wire import NotAnswered, Wire

GREETINGS = ("你好", "哈囉", "您好，請問有人在嗎", "hi", "早安")
SHARE_OF_UNLOCKS = 0.1  # of conversations
SHARE_OF_BUTTONS = 0.3  # of the questions
MOST_QUESTIONS = 12
TRIES = 5  # of one message, under one id
PAUSE_SECONDS = 1.0  # before the next, where the gateway names no time


@dataclass
class NotingBrowser(Browser):
    """Sends what was not answered again, under the same id, and notes the numbers of the messages it was told."""

    wire: Wire
    errors: Counter[str]
    told: dict[str, list[int] | None] = field(default_factory=dict)  # by the id of the message; None: nothing yet
    greeted: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.wire)

    async def open(self) -> None:
        try:
            await super().open()
        except NotAnswered as problem:
            self.errors[problem.kind] += 1
            raise
        self.greeted = [message["seq"] for message in self.messages]

    async def send(self, path: str, what: Json, id_: str = "") -> None:
        id_ = id_ or str(uuid.uuid4())
        self.told[id_] = None
        for left in reversed(range(TRIES)):
            try:
                await super().send(path, what, id_)
            except NotAnswered as problem:
                self.errors[problem.kind] += 1
                if not left or problem.is_final:
                    raise
                await asyncio.sleep(problem.retry_after or PAUSE_SECONDS)
            else:
                self.told[id_] = [message["seq"] for message in self.messages]
                return


def steps(browser: Browser, chance: random.Random, people: deque[Person], codes: Codes | None) -> Iterator[Step]:
    """Yield what one customer does, a request each; some unlock their password, as long as there are `people` who can."""
    yield "page", browser.open
    if chance.random() < 0.5:
        yield "greeting", lambda: browser.say(chance.choice(GREETINGS))
    if codes and people and chance.random() < SHARE_OF_UNLOCKS:
        yield from unlock(browser, people.popleft(), codes)
    for _ in range(chance.randint(1, MOST_QUESTIONS)):
        buttons = [button["button"] for message in browser.messages for button in message["buttons"]]
        if buttons and chance.random() < SHARE_OF_BUTTONS:
            pressed = {"button": chance.choice(buttons)}
            yield "button", lambda pressed=pressed: browser.send("messages", pressed)  # type: ignore[misc]
        else:
            yield "question", lambda: browser.say(chance.choice(QUESTIONS)[1])


@dataclass(frozen=True)
class Faults:
    """What is stored otherwise than it was told. Messages of customers and of ours alike."""

    lost: int = 0
    doubled: int = 0

    def __add__(self, other: Faults) -> Faults:
        return Faults(self.lost + other.lost, self.doubled + other.doubled)


def faults(browser: NotingBrowser, stored: list[Json]) -> Faults:
    """Return what of the told is not stored, and what is stored more than once or was told to nobody.

    What was sent and never answered may be stored or not, but once.
    """
    ids = Counter(message["id"] for message in stored if message["from"] == "customer")
    numbers = {message["seq"] for message in stored}
    answered = {id_: told for id_, told in browser.told.items() if told is not None}
    lost = sum(not ids[id_] for id_ in answered)
    lost += len({number for told in (browser.greeted, *answered.values()) for number in told} - numbers)
    doubled = sum(times - 1 for times in ids.values()) + sum(id_ not in browser.told for id_ in ids)
    expected, last = browser.greeted, ""
    for message in stored:
        if message["from"] == "customer":
            last = message["id"]
            expected = answered.get(last, [])
        elif message["seq"] not in expected and (last in answered or not last):
            doubled += 1
    return Faults(lost, doubled)
