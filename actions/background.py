"""What the actions process does by itself while it serves; each replica does it, and they do not collide."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sanic import Sanic

from actions.bootstrap import Services
from actions.services.password_reissue import PURPOSE as REISSUE
from actions.services.password_unlock import PURPOSE as UNLOCK
from bot.contracts.failures import described

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """Runs every so many seconds, for the first time after `first`; what it returns is counted in /metrics."""

    name: str
    every: float
    run: Callable[[Services], Mapping[str, int]]
    first: float = 0.0


def _purge(services: Services) -> Mapping[str, int]:
    rows = 0
    for purged in services.purge.run():
        rows += purged.rows
        if purged.problem:
            logger.error("Not all of %s could be purged: %s", purged.name, purged.problem)
    return {"anxin_rows_purged_total": rows}


def _resolve(services: Services) -> Mapping[str, int]:
    go_on = {UNLOCK: services.password_unlock.go_on, REISSUE: services.password_reissue.go_on}
    return {"anxin_acts_answered_late_total": services.pending_acts.resolve(go_on)}


JOBS = (
    # Each by itself, so that codes do not wait for notices, nor notices for a gateway that hangs.
    Job("relay of codes", 1.0, lambda services: {"anxin_messages_sent_total": services.outbox.relay_codes()}),
    Job("relay of notices", 1.0, lambda services: {"anxin_messages_sent_total": services.outbox.relay_notices()}),
    Job(
        "suspension of protected accounts",
        10.0,
        lambda services: {"anxin_logins_suspended_late_total": services.protection.suspend_pending()},
    ),
    Job("answers of the core system that were lost", 10.0, _resolve),
    Job("purge", 24 * 3600.0, _purge, first=600.0),
)


def run_jobs(app: Sanic) -> None:
    """Run `JOBS` from the start of the server to its end; one that fails is logged and runs again."""

    async def repeat(app: Sanic, job: Job) -> None:
        await asyncio.sleep(job.first)
        while True:
            try:
                for name, count in (await asyncio.to_thread(job.run, app.ctx.services)).items():
                    app.ctx.counters.add(name, count)
            except Exception as problem:
                logger.warning("The %s did not come to its end: %s", job.name, described(problem))
            await asyncio.sleep(job.every)

    @app.after_server_start
    async def start(app: Sanic) -> None:
        app.ctx.jobs = [asyncio.create_task(repeat(app, job)) for job in JOBS]

    @app.before_server_stop
    async def stop(app: Sanic) -> None:
        app.ctx.services.outbox.stop()
        app.ctx.services.purge.stop()
        for task in app.ctx.jobs:
            task.cancel()
