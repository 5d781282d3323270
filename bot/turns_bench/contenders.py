"""Who is asked: each opens a conversation in its own way, and says which topic it answered."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from bot.contracts.signing import sign
from bot.contracts.turn import TURN_PATH, Caller, TurnRequest
from bot.turns_bench.browser import Browser
from bot.turns_bench.questions import QUESTIONS
from bot.turns_bench.wire import NotAnswered, Reply, Wire

Ask = Callable[[str], Awaitable[str]]  # a text in, the topic of its answer out
Open = Callable[[Wire], Awaitable[Ask]]  # a new conversation


@dataclass(frozen=True)
class Contender:
    name: str
    port: int
    open: Open


def engine(key: bytes) -> Open:
    """Ours, by the signed call that the gateway makes."""

    async def open_(wire: Wire) -> Ask:
        conversation = uuid.uuid4().hex

        async def ask(text: str) -> str:
            body = json.dumps(_turn(conversation, text)).encode()
            headers = sign(key, "POST", TURN_PATH, body, time.time())
            answer = _answered(await wire.request("POST", TURN_PATH, body, **headers))
            return str(answer["topic"])

        return ask

    return open_


def whole_path() -> Open:
    """Ours, from the gateway's door and back, as a browser."""

    async def open_(wire: Wire) -> Ask:
        browser = Browser(wire)
        await browser.open()

        async def ask(text: str) -> str:
            await browser.say(text)
            return str(browser.messages[0].get("topic"))

        return ask

    return open_


def rest(topics: Mapping[str, str]) -> Open:
    """Stock Rasa by its REST channel; `topics`: of each text that it says."""

    async def open_(wire: Wire) -> Ask:
        sender = uuid.uuid4().hex

        async def ask(text: str) -> str:
            body = json.dumps({"sender": sender, "message": text}).encode()
            said = _answered(await wire.request("POST", "/webhooks/rest/webhook", body))
            return topics.get("\n\n".join(part["text"] for part in said), "")  # Rasa sends paragraphs one by one

        return ask

    return open_


def echo() -> Open:
    """Whatever is sent comes back, which is right."""
    topics = {text: topic for topic, text in QUESTIONS}

    async def open_(wire: Wire) -> Ask:
        async def ask(text: str) -> str:
            _answered(await wire.request("POST", "/", json.dumps({"text": text}).encode()))
            return topics[text]

        return ask

    return open_


def _turn(conversation: str, text: str) -> TurnRequest:
    caller = Caller(
        institution="hnyc",
        language="zh-Hant",
        reference="C-BENCH1",
        message=str(uuid.uuid4()),
        link=False,
        notice="",
    )
    return TurnRequest(conversation=conversation, caller=caller, text=text, payload=None, again=False)


def _answered(reply: Reply):  # type: ignore[no-untyped-def]  # whatever JSON it is
    if reply.status != 200:
        raise NotAnswered(str(reply.status))
    return reply.json()
