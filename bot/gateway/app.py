"""The gateway's application: how it begins, what it answers with when something fails, and how it ends."""

from __future__ import annotations

import asyncio
import json
import logging
from functools import partial
from pathlib import Path

from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import SanicException

from bot.content.institutions import DEFAULT_INSTITUTION
from bot.contracts import trace
from bot.contracts.failures import described
from bot.gateway import api, health, pages, problems
from bot.gateway.limits import Limits
from bot.gateway.metrics import GatewayMetrics
from bot.gateway.parts import Parts, build
from bot.gateway.problems import Problem
from bot.gateway.turns import ANSWER_SECONDS
from bot.settings import Settings

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 8 * 1024
# So long a gateway that was told to end still takes what comes, closing every connection after its answer: who
# sends to it has time to see that `/readyz` says no, and to go elsewhere.
NOTICE_SECONDS = 1.0
STATIC = Path(__file__).resolve().parents[1] / "web" / "static"


def create_app(settings: Settings, name: str = "anxin-gateway", limits: Limits | None = None) -> Sanic:
    app = Sanic(name, configure_logging=False, dumps=partial(json.dumps, ensure_ascii=False))
    app.config.REQUEST_MAX_SIZE = MAX_BODY_BYTES
    app.config.REQUEST_TIMEOUT = 20
    app.config.KEEP_ALIVE_TIMEOUT = 75  # longer than a proxy in front keeps a connection
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = ANSWER_SECONDS
    app.config.ACCESS_LOG = False
    app.config.MOTD = False
    app.ctx.metrics = GatewayMetrics()

    @app.before_server_start
    async def begin(app: Sanic) -> None:
        app.ctx.parts = await build(settings, limits or Limits(), app.ctx.metrics)

    @app.before_server_stop
    async def give_notice(app: Sanic) -> None:
        app.ctx.parts.is_ending = True
        app.ctx.parts.news.end()
        await asyncio.sleep(NOTICE_SECONDS)

    @app.after_server_stop
    async def end(app: Sanic) -> None:
        await app.ctx.parts.finish()

    api.serve(app)
    _serve_pages(app)
    health.serve(app)
    _answer_errors(app)
    return app


def _serve_pages(app: Sanic) -> None:
    async def page(request: Request, institution: str = DEFAULT_INSTITUTION) -> HTTPResponse:
        parts: Parts = request.app.ctx.parts
        if institution not in parts.institutions:
            raise Problem("not_found")
        ongoing = await api.known(request)
        going_on = ongoing is not None and ongoing.conversation.institution == institution
        preferred = pages.preferred_language(api.accepted(request))
        language = ongoing.conversation.language if ongoing and going_on else preferred
        return pages.render(parts.institutions[institution], language, going_on)

    app.add_route(page, "/Webhook/", name="page", strict_slashes=True)
    app.add_route(page, "/Webhook/<institution:str>/", name="page_of", strict_slashes=True)
    app.static("/Webhook/static", STATIC, name="static")


def _answer_errors(app: Sanic) -> None:
    @app.exception(Exception)
    async def failed(request: Request, problem: Exception) -> HTTPResponse:
        language = getattr(request.ctx, "language", None) or pages.preferred_language(api.accepted(request))
        known = problem if isinstance(problem, Problem) else _as_problem(request, problem)
        request.app.ctx.metrics.error(known.code)
        return problems.response(known, api.institution_of(request), language)

    @app.on_request  # type: ignore[untyped-decorator]
    async def number(request: Request) -> None:
        trace.enter()  # a browser's own is not taken: it could name another customer's

    @app.on_response  # type: ignore[untyped-decorator]
    async def harden(request: Request, response: HTTPResponse) -> None:
        response.headers.update(pages.SAFETY_HEADERS)
        if not request.path.startswith("/Webhook/static/"):
            response.headers.setdefault("cache-control", "no-store")
        if request.app.ctx.parts.is_ending and request.stream:
            request.stream.keep_alive = False  # type: ignore[attr-defined]  # of HTTP 1


def _as_problem(request: Request, problem: Exception) -> Problem:
    if isinstance(problem, OSError | ValueError) and request.path.startswith("/Webhook/static/"):
        return Problem("not_found")  # a name that no file can have
    if isinstance(problem, SanicException) and problem.status_code < 500:
        code = {404: "not_found", 405: "not_found", 413: "too_long"}.get(problem.status_code, "bad_request")
        return Problem(code)
    logger.error("failed with %s", described(problem))
    return Problem("internal")
