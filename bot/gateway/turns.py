"""A turn of a conversation: received once, one at a time, answered once; a failure is said and can be tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from bot.clients.actions import ActionsClient
from bot.clients.engine import EngineClient
from bot.clients.signed import CallFailed
from bot.contracts.turn import BotMessage, Caller, TurnAnswer, TurnRequest, payload
from bot.conversations.log import ConversationLog, LogDown, TurnLost
from bot.conversations.values import Accepted, Conversation, Message, Said
from bot.gateway import links
from bot.gateway.incoming import Incoming, Read, Reader
from bot.gateway.known import Ongoing
from bot.gateway.limits import Gate
from bot.gateway.news import News
from bot.gateway.problems import Problem, from_log
from bot.gateway.secrets import ENTITIES
from bot.traces import span

ANSWER_SECONDS = 4.6  # for everything between a message and its answer: the customer is promised five
LEAST_TURN_SECONDS = 1.0  # a turn that has less is not begun
_FIRST_LOOK_SECONDS, _MOST_LOOK_SECONDS = 0.02, 0.2  # whether another gateway has given the turn back


class Turns:
    """Takes what the customer sends, asks the engine, and keeps both in the log."""

    def __init__(
        self, log: ConversationLog, engine: EngineClient, actions: ActionsClient, reader: Reader, gate: Gate, news: News
    ) -> None:
        self._log = log
        self._engine = engine
        self._actions = actions
        self._reader = reader
        self._gate = gate
        self._news = news
        self._running: set[asyncio.Task[list[Message]]] = set()

    async def take(self, ongoing: Ongoing, read: Read) -> list[Message]:
        """Run a turn to its end, even if the browser goes meanwhile: the answer is there when it returns."""
        task = asyncio.create_task(self._run(ongoing, read))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def greet(self, conversation: Conversation) -> list[Message]:
        """Return the engine's first words as logged; raise `no_greeting` where it is down."""
        request = _request(conversation, f"greeting-{conversation.id}", {"payload": "/greet"}, again=False)
        until = asyncio.get_running_loop().time() + ANSWER_SECONDS
        with self._gate.entered():
            async with self._gate.turn(until - LEAST_TURN_SECONDS):
                try:
                    answer = await self._engine.turn(request, _left(until))
                except CallFailed as failed:
                    raise Problem("no_greeting") from failed
        return await from_log(self._log.say(conversation.id, _said(answer)))

    def _ended(self, task: asyncio.Task[list[Message]]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # said to whoever waits; if nobody does, the log has the state

    async def finish(self) -> None:
        """Wait for the turns that are under way."""
        if self._running:
            await asyncio.wait(self._running, timeout=ANSWER_SECONDS)

    async def _run(self, ongoing: Ongoing, read: Read) -> list[Message]:
        until = asyncio.get_running_loop().time() + ANSWER_SECONDS
        begun_by = until - LEAST_TURN_SECONDS
        with self._gate.entered():
            async with _turn_of(ongoing, begun_by), self._gate.turn(begun_by):
                incoming, accepted = await self._accept(ongoing, read, begun_by)
                if accepted.outcome == "answered":
                    return await from_log(self._log.answers(ongoing.conversation.id, incoming.received.id))
                self._news.tell(ongoing.conversation.id)
                return await self._finish(ongoing, incoming, accepted, until)

    async def _accept(self, ongoing: Ongoing, read: Read, until: float) -> tuple[Incoming, Accepted]:
        """Log the message and take the turn, as soon as no other gateway has it; raise `busy` where that takes too long."""
        pause, clock = _FIRST_LOOK_SECONDS, asyncio.get_running_loop().time
        while True:
            incoming = read(ongoing.conversation)
            with span("accept"):
                accepted = await from_log(self._log.accept(ongoing.conversation, incoming.received))
            ongoing.conversation = accepted.conversation or ongoing.conversation
            if accepted.outcome in ("taken", "answered"):
                return incoming, accepted
            if accepted.outcome in _REFUSED:
                raise Problem(_REFUSED[accepted.outcome])
            if accepted.outcome == "waiting":
                await asyncio.sleep(pause)
                pause = min(2 * pause, _MOST_LOOK_SECONDS)
            if clock() >= until:
                raise Problem("busy")

    async def _finish(self, ongoing: Ongoing, incoming: Incoming, accepted: Accepted, until: float) -> list[Message]:
        taken, id_ = ongoing.conversation, incoming.received.id
        try:
            answer = await self._ask(taken, incoming, accepted, until)
        except CallFailed as failed:
            await self._fail(ongoing, id_)
            code = _ERRORS.get(failed.error, "engine_down")
            # An engine that waited in vain for the conversation has done nothing.
            raise Problem(code, unknown=failed.done == "unknown" and code != "busy") from failed
        except Problem:
            await self._fail(ongoing, id_)
            raise
        try:
            with span("answer"):
                answered = await from_log(self._log.answer(taken, id_, _said(answer)))
        except Problem as problem:
            raise Problem(problem.code, unknown=True) from problem
        except TurnLost as lost:
            await self._fail(ongoing, id_)
            raise Problem("engine_down", unknown=True) from lost
        ongoing.conversation = answered.conversation
        self._news.tell(taken.id)
        return answered.messages

    async def _ask(self, taken: Conversation, incoming: Incoming, accepted: Accepted, until: float) -> TurnAnswer:
        turn = accepted.turn
        if turn is None and incoming.secret:
            kind, value = incoming.secret
            with span("vault"):
                reference = await self._actions.put_secret(taken.id, kind, value, _left(until) - LEAST_TURN_SECONDS)
            turn = {"payload": payload("inform", **{ENTITIES[kind]: reference})}
            await from_log(self._log.note(taken.id, incoming.received.id, turn))
        request = _request(taken, incoming.received.id, turn or {}, accepted.again)
        with span("engine"):
            answer = await self._engine.turn(request, _left(until))
        asked = {(message.get("ask") or {}).get("kind") for message in answer["messages"]}
        if asked & links.CREDENTIALS and not self._reader.trusts(taken):  # whatever a flow forgot: nobody is asked
            raise Problem("link_no_secrets")
        return answer

    async def _fail(self, ongoing: Ongoing, id_: str) -> None:
        with suppress(LogDown):  # what failed is what the customer is told; the id can be sent again
            await self._log.fail(ongoing.conversation, id_)


# Why a message is not taken, as the customer is told.
_REFUSED = {"other_content": "other_content", "not_current": "button_void", "gone": "no_conversation"}
# What failed, as the customer is told. A database of the engine: here the message itself is kept.
_ERRORS = {
    "engine_down": "engine_down",
    "actions_down": "actions_down",
    "database_down": "dialogue_down",
    "busy": "busy",
}


@asynccontextmanager
async def _turn_of(ongoing: Ongoing, until: float) -> AsyncIterator[None]:
    """Hold the conversation's turn in this process; raise `busy` when the one before does not end in time."""
    try:
        async with asyncio.timeout_at(until):
            await ongoing.turn.acquire()
    except TimeoutError as problem:
        raise Problem("busy") from problem
    try:
        yield
    finally:
        ongoing.turn.release()


def _left(until: float) -> float:
    """Return how many seconds are left for a turn; raise `CallFailed` where it would be begun for nobody to hear of."""
    left = until - asyncio.get_running_loop().time()
    if left < LEAST_TURN_SECONDS:
        raise CallFailed("engine_down", "no")
    return left


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
