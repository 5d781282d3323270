"""The internal API: the vault, and error reports. Signed calls of the gateway only."""

from __future__ import annotations

import asyncio
import re
import time

from sanic import Blueprint, HTTPResponse, Request, empty
from sanic import json as json_response

from actions.security.error_report import ReportContent
from actions.security.errors import Refusal, ReportAlreadyFiled
from actions.security.secret import Secret
from actions.services.vault import KINDS
from bot.contracts.references import read_reference
from bot.contracts.signing import SignatureCheck, Unsigned

MAX_SECRET_LENGTH = 500
MAX_TEXT_LENGTH = 2000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # JSON can say them, databases cannot keep them


def internal_api(signature: SignatureCheck) -> Blueprint:
    """Return the blueprint at /internal."""
    api = Blueprint("internal", url_prefix="/internal")

    @api.on_request
    async def signed(request: Request) -> HTTPResponse | None:
        try:
            signature.check(
                request.method, request.raw_url.decode("latin-1"), request.headers, request.body, time.time()
            )
        except Unsigned:
            return empty(401)
        return None

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


def _strings(request: Request, *names: str) -> dict[str, str] | None:
    """Return the body if it is an object with exactly these strings, none empty or overlong."""
    body = request.json
    if not isinstance(body, dict) or set(body) != set(names):
        return None
    if not all(isinstance(v, str) and 0 < len(v) <= MAX_TEXT_LENGTH for v in body.values()):
        return None
    return None if any(_UNSTORABLE.search(v) for v in body.values()) else body
