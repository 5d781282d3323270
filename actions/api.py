"""The internal API: the vault, error reports, what the hotline does; and the events of the firm's other systems."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import datetime
from typing import Any

from sanic import Blueprint, HTTPResponse, Request, empty
from sanic import json as json_response

from actions.security.error_report import ReportContent
from actions.security.errors import CommandKeyReused, CoreRefusal, Refusal, ReportAlreadyFiled
from actions.security.notices import Event, EventUnusable
from actions.security.secret import Secret
from actions.services.events import AccountUnknown, ToldEvent
from actions.services.hotline import Caller
from actions.services.vault import KINDS
from bot.contracts.link import LANGUAGES
from bot.contracts.references import read_reference
from bot.contracts.signing import SignatureCheck, Unsigned

MAX_SECRET_LENGTH = 500
MAX_TEXT_LENGTH = 2000
_KEY = re.compile(r"[A-Za-z0-9._:-]{8,64}", re.ASCII)
_MOST = {"conversation": 64, "key": 64, "institution": 16, "staff": 48}  # characters that the tables take
_NEEDED_OF_EVENT = {"id", "kind", "institution", "account", "at"}
_EVENT_FIELDS = _NEEDED_OF_EVENT | {"market", "platform", "locked", "branch", "branch_number", "agent", "language"}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # JSON can say them, databases cannot keep them


def internal_api(signature: SignatureCheck) -> Blueprint:
    """Return the blueprint at /internal."""
    api = Blueprint("internal", url_prefix="/internal")

    @api.on_request
    async def signed(request: Request) -> HTTPResponse | None:
        return _unsigned(signature, request)

    @api.post("/secrets")
    async def put_secret(request: Request) -> HTTPResponse:
        body = _strings(request, "conversation", "kind", "value")
        if body is None or body["kind"] not in KINDS or len(body["value"]) > MAX_SECRET_LENGTH:
            return empty(400)
        vault = request.app.ctx.services.vault
        reference = await asyncio.to_thread(vault.put, body["conversation"], body["kind"], Secret(body["value"]))
        return json_response({"reference": reference}, status=201)

    @api.post("/reports")
    async def file_report(request: Request) -> HTTPResponse:
        body = _strings(request, "key", "conversation", "institution", "platform", "description", "since")
        services = request.app.ctx.services
        if body is None or body["institution"] not in services.institutions:
            return empty(400)
        content = ReportContent(body["institution"], body["platform"], body["description"], body["since"])
        try:
            reference = await asyncio.to_thread(
                services.error_report.file, body["key"], body["conversation"], content, None
            )
        except ReportAlreadyFiled as refusal:
            return json_response({"reference": refusal.facts["report"]}, status=409)
        except Refusal:
            return empty(400)
        return json_response({"reference": reference}, status=201)

    @api.get("/reports/<reference:str>")
    async def report_status(request: Request, reference: str) -> HTTPResponse:
        try:
            look_up = request.app.ctx.services.error_report.status
            status = await asyncio.to_thread(look_up, read_reference(reference) or "")
        except Refusal:
            return empty(404)
        return json_response({"reference": status.reference, "status": status.status, "filed_at": status.filed_at})

    return api


def events_api(signature: SignatureCheck) -> Blueprint:
    """Return the blueprint that takes events (deploy/events.md): signed with a key of their own."""
    api = Blueprint("events", url_prefix="/internal/events")

    @api.on_request
    async def signed(request: Request) -> HTTPResponse | None:
        return _unsigned(signature, request)

    @api.post("/")
    async def event(request: Request) -> HTTPResponse:
        told = read_event(request.json)
        services = request.app.ctx.services
        if told is None or told.institution not in services.institutions:
            return json_response({"error": "unusable"}, status=400)
        try:
            references = await asyncio.to_thread(services.events.receive, told)
        except EventUnusable as problem:
            return json_response({"error": "unusable", "names": list(problem.names)}, status=400)
        except AccountUnknown:
            return json_response({"error": "unknown_account"}, status=404)
        except CommandKeyReused:
            return json_response({"error": "other_content"}, status=409)
        except CoreRefusal:
            return json_response({"error": "core_unavailable"}, status=503)
        services.relay_soon()
        return json_response({"notices": references}, status=202)

    return api


def hotline_api(signature: SignatureCheck) -> Blueprint:
    """Return the blueprint of what the hotline does for a caller; a refusal is a 409 with its response and facts."""
    api = Blueprint("hotline", url_prefix="/internal/hotline")

    @api.on_request
    async def signed(request: Request) -> HTTPResponse | None:
        return _unsigned(signature, request)

    @api.exception(Refusal)  # type: ignore[untyped-decorator]
    async def refused(request: Request, refusal: Refusal) -> HTTPResponse:
        return json_response({"refusal": refusal.response, "facts": refusal.facts}, status=409)

    @api.post("/used-today")
    async def used_today(request: Request) -> HTTPResponse:
        body = _strings(request, "institution", "account", "staff")
        if body is None:
            return empty(400)
        look = request.app.ctx.services.hotline.used_today
        entries = await asyncio.to_thread(look, _caller(body), body["staff"])
        told = [{"kind": e.kind, "receipt": e.receipt, "channel": e.channel, "at": e.at.isoformat()} for e in entries]
        return json_response({"used": told})

    @api.post("/unlock")
    async def unlock(request: Request) -> HTTPResponse:
        body = _strings(request, "institution", "account", "key", "staff", "language")
        if body is None or not _KEY.fullmatch(body["key"]) or body["language"] not in LANGUAGES:
            return empty(400)
        services = request.app.ctx.services
        receipt = await asyncio.to_thread(
            services.hotline.unlock, _caller(body), body["key"], body["staff"], body["language"]
        )
        services.relay_soon()
        return json_response({"receipt": receipt})

    @api.post("/allow-codes")
    async def allow_codes(request: Request) -> HTTPResponse:
        body = _strings(request, "institution", "account", "staff")
        if body is None:
            return empty(400)
        allow = request.app.ctx.services.hotline.allow_codes_again
        await asyncio.to_thread(allow, _caller(body), body["staff"])
        return empty(204)

    @api.post("/lift-protection")
    async def lift(request: Request) -> HTTPResponse:
        body = _strings(request, "reference", "staff")
        if body is None:
            return empty(400)
        await asyncio.to_thread(request.app.ctx.services.protection.lift, body["reference"], body["staff"])
        return empty(204)

    return api


def read_event(body: Any) -> ToldEvent | None:
    """Return the event that `body` tells; None where it is none (deploy/events.md)."""
    if not isinstance(body, dict) or not set(body) <= _EVENT_FIELDS or not body.keys() >= _NEEDED_OF_EVENT:
        return None
    words = {name: value for name, value in body.items() if name != "locked"}
    if not all(
        isinstance(v, str) and len(v) <= MAX_SECRET_LENGTH and not _UNSTORABLE.search(v) for v in words.values()
    ):
        return None
    if not isinstance(body.get("locked", False), bool) or not _KEY.fullmatch(words["id"]):
        return None
    if words.get("language", "zh-Hant") not in LANGUAGES:
        return None
    try:
        at = datetime.fromisoformat(words["at"])
    except ValueError:
        return None
    own = {name: words[name] for name in ("market", "platform", "branch", "branch_number", "agent") if name in words}
    event = Event(words["kind"], at, words["account"], locked=body.get("locked", False), **own)
    return ToldEvent(words["id"], words["institution"], event, words.get("language", "zh-Hant"))


def _caller(body: dict[str, str]) -> Caller:
    return Caller(body["institution"], Secret(body["account"]))


def _unsigned(signature: SignatureCheck, request: Request) -> HTTPResponse | None:
    """Return the answer to a request that carries no good signature; None to one that does."""
    try:
        signature.check(request.method, request.raw_url.decode("latin-1"), request.headers, request.body, time.time())
    except Unsigned:
        return empty(401)
    return None


def _strings(request: Request, *names: str) -> dict[str, str] | None:
    """Return the body if it is an object with exactly these strings, none empty or overlong."""
    body = request.json
    if not isinstance(body, dict) or set(body) != set(names):
        return None
    if not all(isinstance(v, str) and 0 < len(v) <= _MOST.get(name, MAX_TEXT_LENGTH) for name, v in body.items()):
        return None
    return None if any(_UNSTORABLE.search(v) for v in body.values()) else body
