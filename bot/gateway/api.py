"""The interface of the design, 4: routes, and nothing that decides."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sanic import HTTPResponse, Request, Sanic
from sanic import json as json_response
from sanic.response import ResponseStream

from bot.content.institutions import DEFAULT_INSTITUTION, Institution
from bot.content.language import LANGUAGES, detect_language
from bot.contracts.link import Link
from bot.conversations.values import Conversation, Message
from bot.gateway import bodies, buttons, links, pages, problems, sessions
from bot.gateway.incoming import Read
from bot.gateway.known import Ongoing
from bot.gateway.limits import address_of
from bot.gateway.openapi import OPENAPI
from bot.gateway.parts import Parts
from bot.gateway.problems import Problem, from_log
from bot.gateway.secrets import KINDS, MAX_LENGTH
from bot.gateway.shown import shown
from bot.gateway.stream import stream
from bot.traces import span

API = "/Webhook/api"


def serve(app: Sanic) -> None:
    _serve_conversations(app)
    _serve_messages(app)
    _serve_reading(app)


def _serve_conversations(app: Sanic) -> None:
    @app.post(f"{API}/conversations")
    async def open_conversation(request: Request) -> HTTPResponse:
        parts, body = _begin(request, {"institution", "language", "link"}, set())
        institution, link = bodies.opening(body, parts.institutions)
        told = parts.links.read(institution, link)
        ongoing = await known(request) if link else None
        if ongoing and links.goes_on(ongoing.conversation, parts.institutions[institution], told):
            return await _so_far(parts, ongoing.conversation)
        language = body.get("language") or (told.language if told else pages.preferred_language(accepted(request)))
        request.ctx.institution, request.ctx.language = institution, language
        parts.rates.opening(address_of(request, parts.proxies))
        parts.gate.check_room()
        notice = told.reference if told else ""
        conversation, token = await from_log(parts.log.open(institution, language, bool(link), notice))
        parts.known.add(token, conversation)
        messages = await _greeting(request, parts, conversation, told)
        response = json_response({"messages": messages, "language": language}, status=201)
        sessions.set_token(response, request, token)
        return response


def _serve_messages(app: Sanic) -> None:
    @app.post(f"{API}/messages")
    async def message(request: Request) -> HTTPResponse:
        parts, body = _begin(request, {"id", "text", "button", "language"}, {"id"})
        id_, text, button, language = bodies.id_of(body), body.get("text"), body.get("button"), body.get("language")
        if sum(given is not None for given in (text, button, language)) != 1:
            raise Problem("bad_request")
        ongoing = await _conversation(request)
        parts.rates.message(address_of(request, parts.proxies), ongoing.conversation.id)
        if language is not None:
            if language not in LANGUAGES:
                raise Problem("bad_request")
            return await _taken(request, ongoing, parts.reader.language(id_, language))
        if button is not None:
            return await _taken(request, ongoing, await _button(parts, ongoing, id_, bodies.string(button, 200)))
        written = bodies.message_text(text)
        request.ctx.language = detect_language(written, ongoing.conversation.language)
        return await _taken(request, ongoing, parts.reader.text(id_, written))

    @app.post(f"{API}/secrets")
    async def secret(request: Request) -> HTTPResponse:
        parts, body = _begin(request, {"id", "kind", "value"}, {"id", "kind", "value"})
        if body["kind"] not in KINDS:
            raise Problem("bad_request")
        id_, value = bodies.id_of(body), bodies.string(body["value"], MAX_LENGTH)
        ongoing = await _conversation(request)
        parts.rates.message(address_of(request, parts.proxies), ongoing.conversation.id)
        return await _taken(request, ongoing, parts.reader.secret(id_, body["kind"], value))


def _serve_reading(app: Sanic) -> None:
    @app.get(f"{API}/messages")
    async def messages(request: Request) -> HTTPResponse:
        after, ongoing = bodies.number(request.args.get("after")), await _conversation(request)
        parts: Parts = request.app.ctx.parts
        found = await from_log(parts.log.after(ongoing.conversation.id, after))
        return json_response({"messages": [shown(parts.button_key, m, state) for m, state in found]})

    @app.get(f"{API}/stream")
    async def events(request: Request) -> ResponseStream:
        after, last = bodies.number(request.args.get("after")), request.headers.get("last-event-id")
        after = bodies.number(last) if last else after
        ongoing, parts = await _conversation(request), request.app.ctx.parts
        id_ = ongoing.conversation.id
        parts.news.check_room(id_)
        return stream(id_, after, parts.log, parts.news, lambda m, state: shown(parts.button_key, m, state))

    @app.get("/Webhook/openapi.json")
    async def openapi(request: Request) -> HTTPResponse:
        return json_response(OPENAPI)


async def _so_far(parts: Parts, conversation: Conversation) -> HTTPResponse:
    """Answer with the conversation that goes on; the stream brings what is more than fits."""
    found = await from_log(parts.log.after(conversation.id, 0))
    messages = [shown(parts.button_key, message, state) for message, state in found]
    return json_response({"messages": messages, "language": conversation.language})


async def _greeting(
    request: Request, parts: Parts, conversation: Conversation, told: Link | None
) -> list[dict[str, Any]]:
    """Return the first words: those of the notice whose link opened it, else the engine's; when it is down, that."""
    try:
        if told:
            words = links.first_words(told, parts.institutions[conversation.institution], conversation.language)
            said = await from_log(parts.log.say(conversation.id, [words]))
        else:
            said = await parts.turns.greet(conversation)
    except Problem as problem:
        # The conversation exists all the same: what the customer writes now is kept.
        text, _ = problems.said(problem, institution_of(request), conversation.language)
        return [{"seq": 0, "from": "system", "text": text, "buttons": [], "at": datetime.now(UTC).isoformat()}]
    return [shown(parts.button_key, message, None) for message in said]


async def _button(parts: Parts, ongoing: Ongoing, id_: str, given: str) -> Read:
    place = buttons.place_of(parts.button_key, ongoing.conversation.id, given)
    message = await from_log(parts.log.message(ongoing.conversation.id, place[0])) if place else None
    if place is None or message is None or place[1] >= len(message.buttons):
        raise Problem("button_void")
    return parts.reader.button(id_, given, message, place[1])


async def _taken(request: Request, ongoing: Ongoing, read: Read) -> HTTPResponse:
    parts: Parts = request.app.ctx.parts
    with request.app.ctx.metrics.turn(), span("turn", institution=ongoing.conversation.institution):
        said: list[Message] = await parts.turns.take(ongoing, read)
    return json_response({"messages": [shown(parts.button_key, message, None) for message in said]})


# --- requests ---------------------------------------------------------------------------------------


def _begin(request: Request, allowed: set[str], needed: set[str]) -> tuple[Parts, dict[str, Any]]:
    parts: Parts = request.app.ctx.parts
    return parts, bodies.posted(request, parts.settings.public_origins, allowed, needed)


async def known(request: Request) -> Ongoing | None:
    """Return the browser's conversation, if it has one."""
    token, parts = sessions.token_of(request), request.app.ctx.parts
    if token:
        parts.rates.reading(address_of(request, parts.proxies))
    found: Ongoing | None = await parts.known.find(token) if token else None
    return found


async def _conversation(request: Request) -> Ongoing:
    """Return the browser's conversation; raise `no_conversation`."""
    found = await known(request)
    if found is None:
        raise Problem("no_conversation")
    request.ctx.institution, request.ctx.language = found.conversation.institution, found.conversation.language
    return found


def accepted(request: Request) -> str:
    return str(request.headers.get("accept-language", ""))


def institution_of(request: Request) -> Institution:
    institutions: dict[str, Institution] = request.app.ctx.parts.institutions
    return institutions[getattr(request.ctx, "institution", DEFAULT_INSTITUTION)]
