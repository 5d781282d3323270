"""A turn of a conversation: received once, one at a time, answered once; a failure is said and can be tried again."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from bot.clients.actions import ActionsClient
from bot.clients.engine import EngineClient
from bot.clients.signed import CallFailed
from bot.content.institutions import Institution
from bot.content.language import LANGUAGE_NAMES, LANGUAGES, detect_language
from bot.contracts.link import Link
from bot.contracts.redaction import hide_digits
from bot.contracts.turn import BotMessage, Caller, TurnAnswer, TurnRequest, parse_payload, payload
from bot.conversations.log import ConversationLog, NoLongerCurrent, OtherContent, Received, Said
from bot.conversations.models import Conversation, Message
from bot.gateway import buttons, links
from bot.gateway.problems import Problem, from_log
from bot.gateway.secrets import ENTITIES, SHOWN_AS, secret_in

ANSWER_SECONDS = 4.6  # for everything between a message and its answer: the customer is promised five
LEAST_TURN_SECONDS = 1.0  # a turn that has less is not begun

MakeTurn = Callable[[float], Awaitable[dict[str, Any]]]  # within so many seconds


class Turns:
    """Takes what the customer sends, asks the engine, and keeps both in the log."""

    def __init__(
        self,
        log: ConversationLog,
        engine: EngineClient,
        actions: ActionsClient,
        institutions: Mapping[str, Institution],
        button_key: bytes,
    ) -> None:
        self._log = log
        self._engine = engine
        self._actions = actions
        self._institutions = institutions
        self._published = frozenset().union(*(i.published_numbers for i in institutions.values()))
        self._button_key = button_key
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._news: dict[str, set[asyncio.Event]] = {}
        self._running: set[asyncio.Task[list[Message]]] = set()

    async def text(self, conversation: Conversation, id_: str, text: str) -> list[Message]:
        """Answer what the customer wrote."""
        # By what was sent, not by what it was taken for: that depends on what is asked for meanwhile.
        fingerprint = self._print("text", text)
        secret = secret_in(text, conversation.awaiting)
        if secret:
            return await self.secret(conversation, id_, *secret, fingerprint)
        shown = hide_digits(text, self._published)
        language = detect_language(text, conversation.language)
        received = Received(id_, fingerprint, shown, language, {"text": shown})
        return await self._take(conversation, received)

    async def button(self, conversation: Conversation, id_: str, given: str) -> list[Message]:
        """Answer a press of a button that we issued in this conversation."""
        place = buttons.place_of(self._button_key, conversation.id, given)
        message = await from_log(self._log.message, conversation.id, place[0]) if place else None
        if place is None or message is None or place[1] >= len(message.buttons):
            raise Problem("button_void")
        button = message.buttons[place[1]]
        pressed, fingerprint = button["payload"], self._print("button", given)
        is_current = partial(buttons.is_current, pressed, message)
        chosen = {e["entity"]: e["value"] for e in parse_payload(pressed)["entities"]}.get("language")
        language = chosen if chosen in LANGUAGES else conversation.language
        if chosen in LANGUAGES:
            pressed = payload("language_chosen")
        received = Received(id_, fingerprint, button["title"], language, {"payload": pressed})
        return await self._take(conversation, received, is_current=is_current)

    async def language(self, conversation: Conversation, id_: str, language: str) -> list[Message]:
        """Answer in another language from now on."""
        received = Received(
            id_, self._print("language", language), LANGUAGE_NAMES[language], language, {"payload": "/language_chosen"}
        )
        return await self._take(conversation, received)

    async def secret(
        self, conversation: Conversation, id_: str, kind: str, value: str, fingerprint: str | None = None
    ) -> list[Message]:
        """Put a secret into the vault and let the engine have its reference; none of those behind a link in a message."""
        if kind in links.CREDENTIALS and not self._trusts(conversation):
            raise Problem("link_no_secrets")
        received = Received(id_, fingerprint or self._print(kind, value), SHOWN_AS, conversation.language, None)

        async def reference(seconds: float) -> dict[str, Any]:
            put = await self._actions.put_secret(conversation.id, kind, value, seconds)
            return {"payload": payload("inform", **{ENTITIES[kind]: put})}

        return await self._take(conversation, received, reference)

    async def greet(self, conversation: Conversation, link: Link | None = None) -> list[Message]:
        """Say the first words, those of the notice whose link opened it; without one, when the engine is down, say that."""
        if link:
            said = links.first_words(link, self._institutions[conversation.institution], conversation.language)
            return await from_log(self._log.say, conversation.id, [said])
        request = self._request(conversation, f"greeting-{conversation.id}", {"payload": "/greet"}, again=False)
        try:
            answer = await self._engine.turn(request)
        except CallFailed as failed:
            raise Problem("no_greeting") from failed
        return await from_log(self._log.say, conversation.id, _said(answer))

    async def _take(
        self,
        conversation: Conversation,
        received: Received,
        make_turn: MakeTurn | None = None,
        is_current: Callable[[Conversation], bool] = lambda _: True,
    ) -> list[Message]:
        """Run a turn to its end, even if the browser goes meanwhile: the answer is there when it returns."""
        task = asyncio.create_task(self._run(conversation, received, make_turn, is_current))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[list[Message]]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # said to whoever waits; if nobody does, the log has the state

    async def finish(self) -> None:
        """Wait for the turns that are under way."""
        if self._running:
            await asyncio.wait(self._running, timeout=ANSWER_SECONDS)

    async def _run(
        self,
        conversation: Conversation,
        received: Received,
        make_turn: MakeTurn | None,
        is_current: Callable[[Conversation], bool],
    ) -> list[Message]:
        until = asyncio.get_running_loop().time() + ANSWER_SECONDS
        async with self._turn_of(conversation.id, until - LEAST_TURN_SECONDS):
            try:
                state = await from_log(self._log.receive, conversation.id, received, is_current)
            except OtherContent as problem:
                raise Problem("other_content") from problem
            except NoLongerCurrent as problem:
                raise Problem("button_void") from problem
            if state == "answered":
                return await from_log(self._log.answers, conversation.id, received.id)
            self._tell(conversation.id)
            try:
                return await self._answer(conversation.id, received, make_turn, state != "new", until)
            except CallFailed as failed:
                with contextlib.suppress(Problem):  # what failed is what the customer is told; the id can be sent again
                    await from_log(self._log.fail, conversation.id, received.id)
                raise Problem(_ERRORS.get(failed.error, "engine_down"), unknown=failed.done == "unknown") from failed

    async def _answer(
        self, conversation: str, received: Received, make_turn: MakeTurn | None, again: bool, until: float
    ) -> list[Message]:
        clock, id_ = asyncio.get_running_loop().time, received.id
        now, turn = await from_log(self._log.turn, conversation, id_)
        if turn is None and make_turn:
            turn = await make_turn(until - LEAST_TURN_SECONDS - clock())
            await from_log(self._log.set_turn, conversation, id_, turn)
        turn = turn or received.turn or {}
        answer = await self._engine.turn(self._request(now, id_, turn, again), until - clock())
        asked = {(message.get("ask") or {}).get("kind") for message in answer["messages"]}
        if asked & links.CREDENTIALS and not self._trusts(now):  # whatever a flow forgot: nobody is asked
            await from_log(self._log.fail, conversation, id_)
            raise Problem("link_no_secrets")
        try:
            messages = await from_log(self._log.answer, conversation, id_, _said(answer))
        except Problem as problem:
            raise Problem(problem.code, unknown=True) from problem
        self._tell(conversation)
        return messages

    def _trusts(self, conversation: Conversation) -> bool:
        return links.trusts(self._institutions[conversation.institution], conversation)

    @staticmethod
    def _request(conversation: Conversation, id_: str, turn: dict[str, Any], again: bool) -> TurnRequest:
        return TurnRequest(
            conversation=conversation.id,
            caller=Caller(
                institution=conversation.institution,
                language=conversation.language,
                reference=conversation.reference,
                message=id_,
                link=conversation.link,
                notice=conversation.notice,
            ),
            text=turn.get("text"),
            payload=turn.get("payload"),
            again=again,
        )

    def _print(self, kind: str, content: str) -> str:
        """Return by what a repeated id is compared; keyed, so that a stored one tells nothing about a secret."""
        text = json.dumps(["fingerprint", kind, content]).encode()
        return hmac.new(self._button_key, text, hashlib.sha256).hexdigest()

    @asynccontextmanager
    async def _turn_of(self, conversation: str, until: float) -> AsyncIterator[None]:
        """Hold the conversation's turn; raise `busy` when the one before does not end in time."""
        lock = self._locks.setdefault(conversation, asyncio.Lock())
        try:
            async with asyncio.timeout_at(until):
                await lock.acquire()
        except TimeoutError as problem:
            raise Problem("busy") from problem
        try:
            yield
        finally:
            lock.release()

    # --- news for streams ---------------------------------------------------------------------

    def listen(self, conversation: str) -> asyncio.Event:
        """Return an event that is set whenever the conversation has something new."""
        news = asyncio.Event()
        self._news.setdefault(conversation, set()).add(news)
        return news

    def forget(self, conversation: str, news: asyncio.Event) -> None:
        listeners = self._news.get(conversation, set())
        listeners.discard(news)
        if not listeners:
            self._news.pop(conversation, None)

    def _tell(self, conversation: str) -> None:
        for news in self._news.get(conversation, ()):
            news.set()


# What failed, as the customer is told. A database of the engine: here the message itself is kept.
_ERRORS = {"engine_down": "engine_down", "actions_down": "actions_down", "database_down": "dialogue_down"}


def _said(answer: TurnAnswer) -> list[Said]:
    return [_one(message, answer) for message in answer["messages"]]


def _one(message: BotMessage, answer: TurnAnswer) -> Said:
    return Said(
        sender="bot",
        text=message["text"],
        buttons=[dict(button) for button in message.get("buttons", [])],
        ask=dict(message["ask"]) if message.get("ask") else None,
        topic=message.get("topic") or answer["topic"],
        decision=answer["decision"],
        source=message.get("source"),
    )
