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


SENT = {"anxin_messages_sent": "codes and notices that left the house"}


@dataclass(frozen=True)
class Job:
    """Runs every so many seconds, for the first time after `first`; what it did is counted in /metrics by its name."""

    name: str
    every: float
    run: Callable[[Services], int]
    counts: Mapping[str, str]  # one: the counter and what it counts
    first: float = 0.0


def _purge(services: Services) -> int:
    rows = 0
    for purged in services.purge.run():
        rows += purged.rows
        if purged.problem:
            logger.error("Not all of %s could be purged: %s", purged.name, purged.problem)
    return rows


def resolve_acts(services: Services) -> int:
    """Ask again for what a firm's own core system did not answer."""
    go_on = {UNLOCK: services.password_unlock.go_on, REISSUE: services.password_reissue.go_on}
    return services.pending_acts.resolve(go_on)


JOBS = (
    # Each by itself, so that codes do not wait for notices, nor notices for a gateway that hangs.
    Job("relay of codes", 1.0, lambda services: services.outbox.relay_codes(), SENT),
    Job("relay of notices", 1.0, lambda services: services.outbox.relay_notices(), SENT),
    Job(
        "suspension of protected accounts",
        10.0,
        lambda services: services.protection.suspend_pending(),
        {"anxin_logins_suspended_late": "logins that the core system suspended later than it was asked"},
    ),
    Job(
        "answers of the core system that were lost",
        10.0,
        resolve_acts,
        {"anxin_acts_answered_late": "acts whose answer was lost and found"},
    ),
    Job("purge", 24 * 3600.0, _purge, {"anxin_rows_purged": "rows that were kept long enough"}, first=600.0),
)


def run_jobs(app: Sanic) -> None:
    """Run `JOBS` from the start of the server to its end; one that fails is logged and runs again."""

    async def repeat(app: Sanic, job: Job) -> None:
        await asyncio.sleep(job.first)
        while True:
            try:
                count = await asyncio.to_thread(job.run, app.ctx.services)
                for name in job.counts:
                    app.ctx.metrics.add(name, count)
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
