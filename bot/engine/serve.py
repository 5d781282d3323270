"""`python -m bot.engine.serve`: the engine as `rasa run` starts it, without Rasa's other commands and TensorFlow."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import warnings
from typing import Any

from bot.contracts.trace import Numbered
from bot.engine.without_tensorflow import TO_SERVE, stand_aside
from bot.settings import ROOT, SettingProblem, Settings, read_settings
from bot.traces import send_to

LINE = "%(asctime)s %(levelname)-8s %(name)s:%(trace)s %(message)s"
MODEL = ROOT / "models" / "anxin.tar.gz"
NOTICE_SECONDS = 1.2  # a gateway looks at /readyz once a second (bot/clients/replicas.py)
TURN_SECONDS = 5.0  # no gateway waits so long for a turn


def main() -> int:
    """Serve until a signal; one sentence and 1 where it cannot start."""
    warnings.showwarning = _drop
    try:
        settings = read_settings()
        stand_aside(TO_SERVE)
        serve(settings)
    except SettingProblem as problem:
        print(f"anxin: {problem}", file=sys.stderr)
        return 1
    return 0


def serve(settings: Settings) -> None:
    # Imported here: TensorFlow has to be out of the way first.
    import rasa.core.run
    from rasa.core.utils import AvailableEndpoints
    from rasa.utils.log_utils import configure_structlog

    level = logging.getLevelName(settings.log_level)
    logging.basicConfig(level=level, stream=sys.stdout, format=LINE)
    for handler in logging.getLogger().handlers:
        handler.addFilter(Numbered())
    send_to(settings.traces_url, "engine")
    configure_structlog(level)
    rasa.core.run.serve_application(
        str(MODEL),
        interface=settings.inner_host,
        port=settings.engine_port,
        credentials=str(ROOT / "credentials.yml"),
        endpoints=AvailableEndpoints.read_endpoints(str(ROOT / "endpoints.yml")),
        enable_api=False,
        server_listeners=[
            (_claim, "before_server_start"),
            (_settle, "after_server_start"),
            (_give_notice, "before_server_stop"),
            (_end, "after_server_stop"),
        ],
    )


async def _claim(app: Any, *_: object) -> None:
    """Take the tracker database before the first turn; without it the engine does not start."""
    from bot.engine.claim import claim

    app.ctx.claim = await claim(read_settings())


async def _settle(app: Any, *_: object) -> None:
    """What was made for the start stays until the end: nobody need look at it again (a few milliseconds each time)."""
    if not app.ctx.agent.is_ready():
        raise SettingProblem(
            f"{MODEL} cannot be used; the lines above say why. Make a new one with: ./anxin train --force"
        )
    gc.collect()
    gc.freeze()


async def _give_notice(app: Any, *_: object) -> None:
    """Take no more turns and say so, as long as it takes every gateway to see it; turns under way go on."""
    app.ctx.is_ending = True
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = TURN_SECONDS
    await asyncio.sleep(NOTICE_SECONDS)


async def _end(app: Any, *_: object) -> None:
    await app.ctx.agent.lock_store.close()
    await app.ctx.claim.release()


def _drop(*warning: object, **where: object) -> None:
    """Rasa's libraries warn about each other; all are pinned, and nothing can be done about it."""


if __name__ == "__main__":
    sys.exit(main())
