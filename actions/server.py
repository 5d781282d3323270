"""The actions process: rasa-sdk's executor in our own application: signed, bounded, echoing nothing (P19-P21)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionExecutionRejection, ActionNotFoundException
from sanic import HTTPResponse, Request, Sanic, empty
from sanic import json as json_response
from sanic.exceptions import SanicException

from actions import (
    certificate_renewal,
    error_report,
    not_me,
    notice_check,
    one_time_code,
    password_reissue,
    password_unlock,
    report_status,
    token_status,
    verification,
    verification_form,
)
from actions.api import events_api, hotline_api, internal_api
from actions.background import JOBS, run_jobs
from actions.bootstrap import Services
from bot.contracts import trace
from bot.contracts.failures import described
from bot.contracts.signing import SignatureCheck, Unsigned
from bot.metrics import CONTENT_TYPE, Metrics
from bot.traces import span

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024
NOTICE_SECONDS = 1.2  # a gateway looks at /readyz once a second (bot/clients/replicas.py)
ACTION_SECONDS = 5.0  # nobody waits so long for an action


@dataclass(frozen=True)
class Keys:
    """Signing keys of the callers."""

    engine: bytes
    gateway: bytes
    events: bytes  # of whoever tells what happened to accounts


def create_app(make_services: Callable[[], Services], keys: Keys, name: str = "anxin-actions") -> Sanic:
    """Return the application; the services are made in the process that serves."""
    app = Sanic(name, configure_logging=False)
    app.config.REQUEST_MAX_SIZE = MAX_BODY_BYTES
    app.config.ACCESS_LOG = False
    app.config.MOTD = False
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = ACTION_SECONDS
    app.ctx.is_ending = False
    app.ctx.metrics = _metrics(app)
    _serve_actions(app, SignatureCheck(keys.engine))
    of_gateway = SignatureCheck(keys.gateway)
    app.blueprint(internal_api(of_gateway))
    app.blueprint(hotline_api(of_gateway))
    app.blueprint(events_api(SignatureCheck(keys.events)))
    _serve_health(app)
    run_jobs(app)

    @app.before_server_start
    async def build(app: Sanic) -> None:
        app.ctx.services = make_services()
        app.ctx.executor = register_actions(app.ctx.services)

    @app.on_request  # type: ignore[untyped-decorator]
    async def number(request: Request) -> None:
        trace.enter(request.headers.get(trace.HEADER))

    @app.before_server_stop
    async def give_notice(app: Sanic) -> None:
        app.ctx.is_ending = True
        await asyncio.sleep(NOTICE_SECONDS)

    @app.on_response  # type: ignore[untyped-decorator]
    async def leave(request: Request, _: HTTPResponse) -> None:
        if request.app.ctx.is_ending and request.stream:  # each answer is the last on its line: callers go elsewhere
            request.stream.keep_alive = False  # type: ignore[attr-defined]  # of HTTP 1

    @app.exception(Exception)
    async def failed(request: Request, problem: Exception) -> HTTPResponse:
        if isinstance(problem, SanicException) and problem.status_code < 500:
            return empty(problem.status_code)
        # Type and place only: an exception may quote what the customer entered.
        logger.error("%s %s failed with %s", request.method, request.path, described(problem))
        return empty(500)

    return app


def register_actions(services: Services) -> ActionExecutor:
    """Return an executor with every custom action of this package."""
    executor = ActionExecutor()
    logging.getLogger("rasa_sdk.executor").setLevel(logging.WARNING)
    by_purpose: verification.Flows = {flow.purpose: flow for flow in _verified_flows(services)}
    check_notice = by_purpose[notice_check.NoticeCheck.purpose]
    for action in (
        *(verification.ActionOpenVerifiedFlow(flow) for flow in by_purpose.values() if flow is not check_notice),
        verification.ActionAskSecondBirthDate(by_purpose),
        verification.ActionAskConfirmed(by_purpose),
        verification.ActionFinishVerifiedFlow(by_purpose),
        verification_form.ValidateVerificationForm(services, by_purpose),
        one_time_code.ActionAskOtpChannel(services),
        one_time_code.ActionAskOtpCode(services),
        notice_check.ActionOpenNoticeCheck(check_notice),
        notice_check.ValidateNoticeCheckForm(),
        notice_check.ActionCheckNotice(services, check_notice),
        error_report.ActionOpenErrorReport(services),
        error_report.ValidateErrorReportForm(services),
        error_report.ActionAskReportConfirmed(services),
        error_report.ActionFileErrorReport(services),
        report_status.ActionOpenReportStatus(),
        report_status.ValidateReportStatusForm(),
        report_status.ActionReportStatus(services),
    ):
        executor.register_action(action)
    return executor


def _verified_flows(services: Services) -> list[verification.VerifiedFlow]:
    return [
        one_time_code.OneTimeCode(services),
        password_unlock.PasswordUnlock(services),
        password_reissue.PasswordReissue(services),
        certificate_renewal.CertificateRenewal(services),
        not_me.NotMe(services),
        token_status.TokenStatus(services),
        notice_check.NoticeCheck(services),
    ]


def _serve_actions(app: Sanic, signature: SignatureCheck) -> None:
    @app.post("/webhook")
    async def webhook(request: Request) -> HTTPResponse:
        try:
            signature.check("POST", request.raw_url.decode("latin-1"), request.headers, request.body, time.time())
        except Unsigned:
            return empty(401)
        if "content-encoding" in request.headers or not isinstance(request.json, dict):
            return empty(400)
        executor: ActionExecutor = request.app.ctx.executor
        call: dict[str, Any] = request.json
        try:
            with span("custom action", action=str(call.get("next_action"))):
                result = await executor.run(call)
        except ActionExecutionRejection as rejection:
            return json_response({"action_name": rejection.action_name, "error": "rejected"}, status=400)
        except ActionNotFoundException:
            return empty(404)
        request.app.ctx.metrics.add("anxin_actions_run")
        return json_response(result.model_dump() if result else {"events": [], "responses": []})


def _serve_health(app: Sanic) -> None:
    @app.get("/healthz")
    async def healthz(request: Request) -> HTTPResponse:
        return json_response({"status": "ok"})

    @app.get("/readyz")
    async def readyz(request: Request) -> HTTPResponse:
        services: Services = request.app.ctx.services
        if request.app.ctx.is_ending:
            return json_response({"status": "ending"}, status=503)
        try:
            await asyncio.to_thread(services.work.ping)
        except Exception as problem:
            return json_response({"status": f"database: {type(problem).__name__}"}, status=503)
        return json_response({"status": "ok"})

    @app.get("/metrics")
    async def metrics(request: Request) -> HTTPResponse:
        told: Metrics = request.app.ctx.metrics
        return HTTPResponse(await asyncio.to_thread(told.text), content_type=CONTENT_TYPE)


def _metrics(app: Sanic) -> Metrics:
    """Return what is counted; the outbox is looked at in the database whenever somebody asks."""
    metrics = Metrics()
    metrics.counter("anxin_actions_run", "custom actions that answered")
    for job in JOBS:
        for name, what in job.counts.items():
            metrics.counter(name, what)
    metrics.watch("anxin_outbox_waiting", "messages that wait to be sent", lambda: app.ctx.services.outbox.waiting())
    metrics.watch("anxin_outbox_dead", "messages that were given up", lambda: app.ctx.services.outbox.given_up())
    return metrics
