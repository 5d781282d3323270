"""The one channel of the engine: signed turns from the gateway, and nothing else.

The conversation id, the institution and the language come from the gateway; the browser has no say in
them (P1-P3). Text is text: what begins with `/` never becomes an intent (P6). A turn that fails
answers 503 and leaves the dialogue where it was; a failure is never an empty 200 (P4).
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from rasa.core.agent import Agent
from rasa.core.channels.channel import InputChannel, OutputChannel, UserMessage
from rasa.shared.core.events import BotUttered
from sanic import Blueprint, Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, empty, raw
from sanic.response import json as json_response

from bot.contracts import trace
from bot.contracts.failures import described
from bot.contracts.keys import derive, load_or_create_master_key
from bot.contracts.signing import SignatureCheck, Unsigned
from bot.contracts.turn import SIGN_TURNS, TURN_PATH, BotMessage, TurnAnswer, TurnRefused, parse_payload
from bot.engine.importer import FALLBACK_INTENT
from bot.engine.metrics import CONFLICTS, REFUSED, TURNS, engine_metrics
from bot.engine.rasa_private import TrackerMoved, TurnAborted, begin_turn, told_done
from bot.engine.tracker_store import taking
from bot.engine.understanding.follow_up import follows, may_follow
from bot.metrics import CONTENT_TYPE, Metrics
from bot.settings import read_settings
from bot.traces import span

logger = logging.getLogger(__name__)

CHANNEL_NAME = "gateway"
MAX_BODY_BYTES = 16 * 1024
MAX_TEXT = 2000
LONGEST_TURN_SECONDS = 10.0
RANKED = 5  # intents of a message that the dialogue keeps: as many as can be offered, and a few

OnMessage = Callable[[UserMessage], Awaitable[Any]]


class GatewayChannel(InputChannel):
    """Named in credentials.yml."""

    @classmethod
    def name(cls) -> str:
        return CHANNEL_NAME

    def url_prefix(self) -> str:
        return "/"  # so that health is at /healthz, as in every process

    def blueprint(self, on_new_message: OnMessage) -> Blueprint:
        blueprint = Blueprint("gateway_channel")
        key = derive(load_or_create_master_key(read_settings().key_file), SIGN_TURNS)
        signature = SignatureCheck(key)

        metrics = engine_metrics()
        seconds = metrics.seconds("anxin_turn_seconds", "a turn, from its call to its answer")
        waited = metrics.seconds("anxin_lock_wait_seconds", "waiting for the turn before in the same conversation")

        running: set[asyncio.Task[HTTPResponse]] = set()

        async def timed(call: dict[str, Any], agent: Agent) -> HTTPResponse:
            with seconds.time(), span("engine turn"):
                return await _turn(call, agent, metrics)

        @blueprint.listener("after_server_start")
        async def measure(app: Sanic, *_: object) -> None:
            app.ctx.agent.lock_store.waited = waited.observe

        @blueprint.listener("before_server_stop")
        async def finish(*_: object) -> None:
            if running:
                await asyncio.wait(running, timeout=LONGEST_TURN_SECONDS)

        @blueprint.get("/healthz")
        async def healthz(request: Request) -> HTTPResponse:
            return json_response({"status": "ok"})

        @blueprint.get("/readyz")
        async def readyz(request: Request) -> HTTPResponse:
            ready = _is_ready(request)
            return json_response({"status": "ok" if ready else "no model"}, status=200 if ready else 503)

        @blueprint.get("/metrics")
        async def told(request: Request) -> HTTPResponse:
            return raw(metrics.text(), content_type=CONTENT_TYPE)

        @blueprint.post(TURN_PATH)
        async def turn(request: Request) -> HTTPResponse:
            if len(request.body) > MAX_BODY_BYTES:
                return empty(413)
            try:
                signature.check("POST", TURN_PATH, request.headers, request.body, time.time())
            except Unsigned:
                return empty(401)
            if not _is_ready(request):
                return _refused(metrics, TurnRefused(error="not_ready", done="no"))
            try:
                call = json.loads(request.body)
            except ValueError:
                return empty(400)
            agent: Agent = request.app.ctx.agent
            trace.enter(request.headers.get(trace.HEADER))
            # To its end, though the caller go: a turn that was cut could leave its row on the way, and another begin.
            task = asyncio.create_task(timed(call, agent))
            running.add(task)
            task.add_done_callback(running.discard)
            return await asyncio.shield(task)

        @blueprint.on_response
        async def leave(request: Request, _: HTTPResponse) -> None:
            if _is_ending(request):  # each answer is the last on its line: whoever calls goes to another engine
                request.stream.keep_alive = False

        return blueprint


def _refused(metrics: Metrics, refused: TurnRefused) -> HTTPResponse:
    metrics.add(REFUSED, of=refused["error"])
    return json_response(refused, status=503)


async def _turn(call: dict[str, Any], agent: Agent, metrics: Metrics) -> HTTPResponse:
    """Take one turn, alone in its conversation; where another replica was faster, once more from where that one ended."""
    output = CollectedMessages()
    begin_turn()
    try:
        async with agent.lock_store.lock(call["conversation"]):
            try:
                parse = await _taken(call, agent, output, again=call.get("again", False))
            except TrackerMoved:
                metrics.add(CONFLICTS)
                logger.warning("A turn found that another replica had taken one, and is taken again.")
                output.messages.clear()
                parse = await _taken(call, agent, output, again=True)
    except TurnAborted as aborted:
        done = told_done(aborted)
        logger.warning("A turn was refused: %s, done: %s.", aborted.error, done)
        return _refused(metrics, TurnRefused(error=aborted.error, done=done))
    except Exception as problem:
        # The type and the place only: the text of an exception may quote the customer.
        logger.error("A turn failed with %s.", described(problem))
        return _refused(metrics, TurnRefused(error="turn_failed", done="unknown"))
    metrics.add(TURNS)
    return json_response(_answer(output.messages, parse))


async def _taken(call: dict[str, Any], agent: Agent, output: CollectedMessages, again: bool) -> dict[str, Any] | None:
    """Take the turn, or say again what was said to this very message; return what was understood, None for a button."""
    with span("understand"):
        message = await _user_message(call, agent, output)
    if not (again and await _answered_before(message, agent, output)):
        with span("dialogue"), taking(message.message_id):
            await agent.processor.handle_message(message)
    return None if call.get("payload") else message.parse_data


async def _user_message(call: dict[str, Any], agent: Agent, output: CollectedMessages) -> UserMessage:
    pressed = call.get("payload")
    message = UserMessage(
        text=pressed or as_text(call["text"]),
        output_channel=output,
        sender_id=call["conversation"],
        input_channel=CHANNEL_NAME,
        message_id=call["caller"]["message"],
        metadata=call["caller"],
    )
    parse = parse_payload(pressed) if pressed else await _understood(message, agent)
    message.parse_data = {**parse, "intent_ranking": parse["intent_ranking"][:RANKED]}
    return message


async def _understood(message: UserMessage, agent: Agent) -> dict[str, Any]:
    """Parse; what was asked before is read only where the words lean on it, or are few and not clear by themselves."""
    if not follows(message.text):
        alone: dict[str, Any] = await agent.processor.parse_message(message)
        if alone.get("decision") == "answer" or not may_follow(message.text):
            return alone
    before = await agent.tracker_store.retrieve(message.sender_id)
    after: dict[str, Any] = await agent.processor.parse_message(message, before)
    return after


async def _answered_before(message: UserMessage, agent: Agent, output: CollectedMessages) -> bool:
    """Say again what was said to this very message, if the dialogue has it already; nothing runs twice."""
    events = await agent.processor.store.answered(message.sender_id, message.message_id)
    for event in events or ():
        if isinstance(event, BotUttered):
            await output.send_response(message.sender_id, event.message())
    return events is not None


def _answer(messages: list[BotMessage], parse: dict[str, Any] | None) -> TurnAnswer:
    if parse is None:
        return TurnAnswer(messages=messages, topic=None, decision=None, confidence=None)
    intent = parse["intent"]
    if intent["name"] != FALLBACK_INTENT:
        decision = parse.get("decision") or "answer"
        return TurnAnswer(messages=messages, topic=intent["name"], decision=decision, confidence=intent["confidence"])
    # None: a form took the words as what it had asked for.
    decision = next((message["decision"] for message in messages if message.get("decision")), None)
    return TurnAnswer(messages=messages, topic=None, decision=decision, confidence=None)


def as_text(text: str) -> str:
    """Return `text` such that Rasa takes it as words: no leading slash, bounded, storable."""
    text = text[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8").replace("\x00", "").strip() or "？"
    return "／" + text[1:] if text.startswith("/") else text


class CollectedMessages(OutputChannel):
    """Collects what the bot says in one turn."""

    def __init__(self) -> None:
        self.messages: list[BotMessage] = []

    @classmethod
    def name(cls) -> str:
        return CHANNEL_NAME

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        also = message.get("also")
        if also and all(said.get("topic") != also["topic"] for said in self.messages):  # once a turn
            both = [also, message] if also["first"] else [message, also]
        else:
            both = [message]
        self.messages.extend(map(_said, both))


def _said(message: dict[str, Any]) -> BotMessage:
    said = BotMessage(text=message.get("text") or "", buttons=message.get("buttons") or [])
    for key in ("ask", "topic", "source", "decision"):
        if message.get(key):
            said[key] = message[key]  # type: ignore[literal-required]
    return said


def _is_ready(request: Request) -> bool:
    context = request.app.ctx
    agent, claim = getattr(context, "agent", None), getattr(context, "claim", None)
    if agent is None or _is_ending(request):
        return False
    return bool(agent.is_ready() and (claim is None or claim.is_held()))


def _is_ending(request: Request) -> bool:
    return getattr(request.app.ctx, "is_ending", False)  # set by bot/engine/serve.py
