"""The gateway's application: routes, and nothing that decides."""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sanic import HTTPResponse, Request, Sanic
from sanic import json as json_response
from sanic.exceptions import SanicException
from sanic.response import ResponseStream

from bot.clients.actions import ActionsClient
from bot.clients.engine import EngineClient
from bot.content.institutions import DEFAULT_INSTITUTION, Institution, load_institutions
from bot.content.language import LANGUAGES, detect_language
from bot.contracts.failures import described
from bot.contracts.keys import derive, load_or_create_master_key
from bot.contracts.link import Link
from bot.contracts.metrics import Counters
from bot.contracts.turn import SIGN_INTERNAL, SIGN_TURNS
from bot.conversations.log import ConversationLog
from bot.conversations.models import Conversation, Message
from bot.gateway import bodies, health, links, pages, problems, sessions
from bot.gateway.links import Links
from bot.gateway.openapi import OPENAPI
from bot.gateway.problems import Problem
from bot.gateway.secrets import KINDS, MAX_LENGTH
from bot.gateway.shown import shown
from bot.gateway.stream import stream
from bot.gateway.turns import Turns
from bot.settings import Settings

logger = logging.getLogger(__name__)

API = "/Webhook/api"
MAX_BODY_BYTES = 8 * 1024
LOG_THREADS = 32
STATIC = Path(__file__).resolve().parents[1] / "web" / "static"


@dataclass
class Parts:
    """What the routes work with; made in the process that serves."""

    settings: Settings
    institutions: dict[str, Institution]
    log: ConversationLog
    engine: EngineClient
    actions: ActionsClient
    turns: Turns
    links: Links
    button_key: bytes


def create_app(settings: Settings, name: str = "anxin-gateway") -> Sanic:
    app = Sanic(name, configure_logging=False, dumps=partial(json.dumps, ensure_ascii=False))
    app.config.REQUEST_MAX_SIZE = MAX_BODY_BYTES
    app.config.REQUEST_TIMEOUT = 20
    app.config.KEEP_ALIVE_TIMEOUT = 30
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = 3
    app.config.ACCESS_LOG = False
    app.config.MOTD = False
    app.ctx.counters = Counters()

    @app.before_server_start
    async def build(app: Sanic) -> None:
        app.ctx.parts = _parts(settings, app.ctx.counters)
        # As many as the log has connections: who waits for a locked database must not make others wait.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(LOG_THREADS))

    @app.after_server_stop
    async def close(app: Sanic) -> None:
        await app.ctx.parts.turns.finish()
        await app.ctx.parts.engine.close()
        await app.ctx.parts.actions.close()

    _serve_api(app)
    _serve_pages(app)
    health.serve(app)
    _answer_errors(app)
    return app


def _parts(settings: Settings, counters: Counters) -> Parts:
    settings.var.mkdir(parents=True, exist_ok=True, mode=0o700)
    master = load_or_create_master_key(settings.key_file)
    institutions = dict(load_institutions())
    log = ConversationLog(settings.conversations_url)
    engine = EngineClient(settings.engine_url, derive(master, SIGN_TURNS))
    actions = ActionsClient(settings.actions_url, derive(master, SIGN_INTERNAL))
    key = derive(master, "sign buttons")
    turns = Turns(log, engine, actions, institutions, key)
    return Parts(settings, institutions, log, engine, actions, turns, Links(master, institutions, counters.add), key)


# --- the interface of the design, 4 -----------------------------------------------------------------


def _serve_api(app: Sanic) -> None:
    @app.post(f"{API}/conversations")
    async def open_conversation(request: Request) -> HTTPResponse:
        parts, body = _begin(request, {"institution", "language", "link"}, set())
        institution, link = bodies.opening(body, parts.institutions)
        told = parts.links.read(institution, link)
        ongoing = await _ongoing(request) if link else None
        if ongoing and links.goes_on(ongoing, parts.institutions[institution], told):
            return await _so_far(parts, ongoing)
        language = body.get("language") or (told.language if told else pages.preferred_language(_accepted(request)))
        request.ctx.institution, request.ctx.language = institution, language
        notice = told.reference if told else ""
        conversation, token = await problems.from_log(parts.log.open, institution, language, bool(link), notice)
        messages = await _greeting(request, parts, conversation, told)
        response = json_response({"messages": messages, "language": language}, status=201)
        sessions.set_token(response, request, token)
        return response

    @app.post(f"{API}/messages")
    async def message(request: Request) -> HTTPResponse:
        parts, body = _begin(request, {"id", "text", "button", "language"}, {"id"})
        id_, text, button, language = bodies.id_of(body), body.get("text"), body.get("button"), body.get("language")
        if sum(given is not None for given in (text, button, language)) != 1:
            raise Problem("bad_request")
        conversation = await _conversation(request)
        if language is not None:
            if language not in LANGUAGES:
                raise Problem("bad_request")
            said = await parts.turns.language(conversation, id_, language)
        elif button is not None:
            said = await parts.turns.button(conversation, id_, bodies.string(button, 200))
        else:
            written = bodies.message_text(text)
            request.ctx.language = detect_language(written, conversation.language)
            said = await parts.turns.text(conversation, id_, written)
        return _answered(request, parts, said)

    @app.post(f"{API}/secrets")
    async def secret(request: Request) -> HTTPResponse:
        parts, body = _begin(request, {"id", "kind", "value"}, {"id", "kind", "value"})
        if body["kind"] not in KINDS:
            raise Problem("bad_request")
        id_, value = bodies.id_of(body), bodies.string(body["value"], MAX_LENGTH)
        conversation = await _conversation(request)
        return _answered(request, parts, await parts.turns.secret(conversation, id_, body["kind"], value))

    @app.get(f"{API}/messages")
    async def messages(request: Request) -> HTTPResponse:
        after, conversation = bodies.number(request.args.get("after")), await _conversation(request)
        parts: Parts = request.app.ctx.parts
        found = await problems.from_log(parts.log.after, conversation.id, after)
        return json_response({"messages": [shown(parts.button_key, m, state) for m, state in found]})

    @app.get(f"{API}/stream")
    async def events(request: Request) -> ResponseStream:
        after = bodies.number(request.headers.get("last-event-id") or request.args.get("after"))
        conversation, parts = await _conversation(request), request.app.ctx.parts
        return stream(
            request,
            conversation.id,
            after,
            parts.log,
            parts.turns,
            lambda message, state: shown(parts.button_key, message, state),
        )

    @app.get("/Webhook/openapi.json")
    async def openapi(request: Request) -> HTTPResponse:
        return json_response(OPENAPI)


async def _so_far(parts: Parts, conversation: Conversation) -> HTTPResponse:
    """Answer with the conversation that goes on; the stream brings what is more than fits."""
    found = await problems.from_log(parts.log.after, conversation.id, 0)
    messages = [shown(parts.button_key, message, state) for message, state in found]
    return json_response({"messages": messages, "language": conversation.language})


async def _greeting(
    request: Request, parts: Parts, conversation: Conversation, told: Link | None
) -> list[dict[str, Any]]:
    try:
        said = await parts.turns.greet(conversation, told)
    except Problem as problem:
        # The conversation exists all the same: what the customer writes now is kept.
        text, _ = problems.said(problem, _institution(request), conversation.language)
        return [{"seq": 0, "from": "system", "text": text, "buttons": [], "at": datetime.now(UTC).isoformat()}]
    return [shown(parts.button_key, message, None) for message in said]


def _answered(request: Request, parts: Parts, said: list[Message]) -> HTTPResponse:
    request.app.ctx.counters.add("anxin_turns_total")
    return json_response({"messages": [shown(parts.button_key, message, None) for message in said]})


# --- pages ------------------------------------------------------------------------------------------


def _serve_pages(app: Sanic) -> None:
    async def page(request: Request, institution: str = DEFAULT_INSTITUTION) -> HTTPResponse:
        parts: Parts = request.app.ctx.parts
        if institution not in parts.institutions:
            raise Problem("not_found")
        language = pages.preferred_language(_accepted(request))
        conversation = await _ongoing(request)
        going_on = conversation is not None and conversation.institution == institution
        language = conversation.language if conversation and going_on else language
        return pages.render(parts.institutions[institution], language, going_on)

    app.add_route(page, "/Webhook/", name="page", strict_slashes=True)
    app.add_route(page, "/Webhook/<institution:str>/", name="page_of", strict_slashes=True)
    app.static("/Webhook/static", STATIC, name="static")


# --- requests ---------------------------------------------------------------------------------------


def _begin(request: Request, allowed: set[str], needed: set[str]) -> tuple[Parts, dict[str, Any]]:
    parts: Parts = request.app.ctx.parts
    return parts, bodies.posted(request, parts.settings.public_origins, allowed, needed)


async def _ongoing(request: Request) -> Conversation | None:
    """Return the browser's conversation, if it has one."""
    token = sessions.token_of(request)
    found: Conversation | None = await problems.from_log(request.app.ctx.parts.log.find, token) if token else None
    return found


async def _conversation(request: Request) -> Conversation:
    """Return the browser's conversation; raise `no_conversation`."""
    found = await _ongoing(request)
    if found is None:
        raise Problem("no_conversation")
    request.ctx.institution, request.ctx.language = found.institution, found.language
    return found


def _accepted(request: Request) -> str:
    return str(request.headers.get("accept-language", ""))


def _institution(request: Request) -> Institution:
    institutions: dict[str, Institution] = request.app.ctx.parts.institutions
    return institutions[getattr(request.ctx, "institution", DEFAULT_INSTITUTION)]


def _answer_errors(app: Sanic) -> None:
    @app.exception(Exception)
    async def failed(request: Request, problem: Exception) -> HTTPResponse:
        language = getattr(request.ctx, "language", None) or pages.preferred_language(_accepted(request))
        known = problem if isinstance(problem, Problem) else _as_problem(request, problem)
        request.app.ctx.counters.add("anxin_errors_total")
        return problems.response(known, _institution(request), language)

    @app.on_response  # type: ignore[untyped-decorator]
    async def harden(request: Request, response: HTTPResponse) -> None:
        response.headers.update(pages.SAFETY_HEADERS)
        if not request.path.startswith("/Webhook/static/"):
            response.headers.setdefault("cache-control", "no-store")


def _as_problem(request: Request, problem: Exception) -> Problem:
    if isinstance(problem, OSError | ValueError) and request.path.startswith("/Webhook/static/"):
        return Problem("not_found")  # a name that no file can have
    if isinstance(problem, SanicException) and problem.status_code < 500:
        code = {404: "not_found", 405: "not_found", 413: "too_long"}.get(problem.status_code, "bad_request")
        return Problem(code)
    logger.error("failed with %s", described(problem))
    return Problem("internal")
