"""Health, readiness and metrics: for this machine only, not for the internet."""

from __future__ import annotations

import asyncio

from sanic import HTTPResponse, Request, Sanic
from sanic import json as json_response

from bot.conversations.log import LogDown
from bot.gateway.problems import Problem
from bot.metrics import CONTENT_TYPE

_LOOPBACK = ("127.0.0.1", "::1")
_PROXIED = ("x-forwarded-for", "x-forwarded-host", "forwarded", "x-real-ip", "via")


def serve(app: Sanic) -> None:
    @app.get("/healthz")
    async def healthz(request: Request) -> HTTPResponse:
        _local_only(request)
        return json_response({"status": "ok"})

    @app.get("/readyz")
    async def readyz(request: Request) -> HTTPResponse:
        _local_only(request)
        parts = request.app.ctx.parts
        if parts.is_ending:
            return json_response({"status": "ending"}, status=503)
        engine, actions = await asyncio.gather(parts.engine.is_ready(), parts.actions.is_ready())
        try:
            await parts.log.ping()
            database = True
        except LogDown:
            database = False
        state = {"engine": engine, "actions": actions, "database": database}
        return json_response(state, status=200 if all(state.values()) else 503)

    @app.get("/metrics")
    async def metrics(request: Request) -> HTTPResponse:
        _local_only(request)
        return HTTPResponse(request.app.ctx.metrics.text(), content_type=CONTENT_TYPE)


def _local_only(request: Request) -> None:
    forwarded = any(name in request.headers for name in _PROXIED)
    if request.ip not in _LOOPBACK or forwarded:
        raise Problem("not_found")
