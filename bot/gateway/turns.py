"""A turn of a conversation: received once, one at a time, answered once; a failure is said and can be tried again."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from sqlalchemy.exc import SQLAlchemyError

from bot.clients.actions import ActionsClient
from bot.clients.engine import EngineClient
from bot.clients.signed import CallFailed
from bot.content.institutions import Institution
from bot.content.language import LANGUAGE_NAMES, LANGUAGES, detect_language
from bot.contracts.redaction import hide_digits
from bot.contracts.turn import BotMessage, Caller, TurnAnswer, TurnRequest, parse_payload, payload
from bot.conversations.log import ConversationLog, OtherContent, Received, Said
from bot.conversations.models import Conversation, Message
from bot.gateway import buttons
from bot.gateway.problems import Problem
from bot.gateway.secrets import ENTITIES, SHOWN_AS, secret_in

logger = logging.getLogger(__name__)

WAIT_FOR_TURN_SECONDS = 5.0

T = TypeVar("T")


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
        self._published = frozenset().union(*(i.published_numbers for i in institutions.values()))
        self._button_key = button_key
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._news: dict[str, set[asyncio.Event]] = {}

    async def text(self, conversation: Conversation, id_: str, text: str) -> list[Message]:
        """Answer what the customer wrote."""
        secret = secret_in(text, conversation.awaiting)
        if secret:
            return await self.secret(conversation, id_, *secret)
        shown = hide_digits(text, self._published)
        language = detect_language(text, conversation.language)
        received = Received(id_, self._print("text", text), shown, language, {"text": shown})
        return await self._take(conversation, received)

    async def button(self, conversation: Conversation, id_: str, given: str) -> list[Message]:
        """Answer a press of a button that we issued in this conversation."""
        place = buttons.place_of(self._button_key, conversation.id, given)
        message = await self._call(self._log.message, conversation.id, place[0]) if place else None
        if place is None or message is None or place[1] >= len(message.buttons):
            raise Problem("button_void")
        button = message.buttons[place[1]]
        pressed, fingerprint = button["payload"], self._print("button", given)
        state = await self._call(self._log.answers, conversation.id, id_)
        if not state and not buttons.is_current(pressed, message, conversation):
            raise Problem("button_void")
        chosen = {e["entity"]: e["value"] for e in parse_payload(pressed)["entities"]}.get("language")
        language = chosen if chosen in LANGUAGES else conversation.language
        if chosen in LANGUAGES:
            pressed = payload("language_chosen")
        return await self._take(
            conversation, Received(id_, fingerprint, button["title"], language, {"payload": pressed})
        )

    async def language(self, conversation: Conversation, id_: str, language: str) -> list[Message]:
        """Answer in another language from now on."""
        received = Received(
            id_, self._print("language", language), LANGUAGE_NAMES[language], language, {"payload": "/language_chosen"}
        )
        return await self._take(conversation, received)

    async def secret(self, conversation: Conversation, id_: str, kind: str, value: str) -> list[Message]:
        """Put a secret into the vault and let the engine have its reference."""
        received = Received(id_, self._print(kind, value), SHOWN_AS, conversation.language, None)

        async def reference() -> dict[str, Any]:
            put = await self._actions.put_secret(conversation.id, kind, value)
            return {"payload": payload("inform", **{ENTITIES[kind]: put})}

        return await self._take(conversation, received, reference)

    async def greet(self, conversation: Conversation) -> list[Message]:
        """Say the first words; when the engine is down, say that instead of nothing."""
        request = self._request(conversation, f"greeting-{conversation.id}", {"payload": "/greet"}, again=False)
        try:
            answer = await self._engine.turn(request)
        except CallFailed as failed:
            raise Problem("no_greeting") from failed
        return await self._call(self._log.say, conversation.id, _said(answer))

    async def _take(
        self,
        conversation: Conversation,
        received: Received,
        make_turn: Callable[[], Any] | None = None,
    ) -> list[Message]:
        async with self._turn_of(conversation.id):
            try:
                state = await self._call(self._log.receive, conversation.id, received)
            except OtherContent as problem:
                raise Problem("other_content") from problem
            if state == "answered":
                return await self._call(self._log.answers, conversation.id, received.id)
            self._tell(conversation.id)
            try:
                return await self._answer(conversation.id, received.id, make_turn, again=state != "new")
            except CallFailed as failed:
                await self._call(self._log.fail, conversation.id, received.id)
                code = failed.error if failed.error in _ERRORS else "engine_down"
                raise Problem(code, unknown=failed.done == "unknown") from failed

    async def _answer(
        self, conversation: str, id_: str, make_turn: Callable[[], Any] | None, again: bool
    ) -> list[Message]:
        now, turn = await self._call(self._log.turn, conversation, id_)
        if turn is None and make_turn:
            turn = await make_turn()
            await self._call(self._log.set_turn, conversation, id_, turn)
        answer = await self._engine.turn(self._request(now, id_, turn or {}, again))
        try:
            messages = await self._call(self._log.answer, conversation, id_, _said(answer))
        except Problem as problem:
            raise Problem(problem.code, unknown=True) from problem
        self._tell(conversation)
        return messages

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
    async def _turn_of(self, conversation: str) -> AsyncIterator[None]:
        """Hold the conversation's turn; raise `busy` when the one before does not end in time."""
        lock = self._locks.setdefault(conversation, asyncio.Lock())
        try:
            await asyncio.wait_for(lock.acquire(), WAIT_FOR_TURN_SECONDS)
        except TimeoutError as problem:
            raise Problem("busy") from problem
        try:
            yield
        finally:
            lock.release()

    async def _call(self, operation: Callable[..., T], *values: Any) -> T:
        try:
            return await asyncio.to_thread(operation, *values)
        except SQLAlchemyError as problem:
            logger.error("conversation log: %s", type(problem).__name__)
            raise Problem("database_down") from problem

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


_ERRORS = frozenset({"engine_down", "actions_down", "database_down"})


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
