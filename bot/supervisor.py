"""The processes of `anxin up`: started in order, watched, restarted with back-off, ended cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.request import ProxyHandler, build_opener

from bot.settings import ROOT, Settings
from bot.training import SERVE_ENGINE, engine_environment

READY_SECONDS = 120
STOP_SECONDS = 8
BACK_OFF_SECONDS = (1, 2, 4, 8, 16, 30)
CALM_SECONDS = 60  # a process that lived this long starts its back-off anew

_COLOURS = {"engine": "36", "actions": "35", "gateway": "32", "anxin": "1"}


@dataclass
class Child:
    """One process: how it is started, where it says that it is ready, and how it fares."""

    name: str
    port: int
    setting: str
    ready_path: str
    command: list[str]
    environment: Mapping[str, str]
    process: Process | None = field(default=None, repr=False)
    failures: int = 0


class CannotStart(Exception):
    """The processes cannot be started; the text says why in one line."""


def children(settings: Settings) -> list[Child]:
    """Return the processes in the order in which they start."""
    engine = {**engine_environment(), "LOG_LEVEL": settings.log_level}
    serve = [sys.executable, "-m", "bot.cli", "serve"]
    return [
        Child("actions", settings.actions_port, "ANXIN_ACTIONS_PORT", "/readyz", [*serve, "actions"], os.environ),
        Child("engine", settings.engine_port, "ANXIN_ENGINE_PORT", "/readyz", list(SERVE_ENGINE), engine),
        Child("gateway", settings.gateway_port, "ANXIN_GATEWAY_PORT", "/readyz", [*serve, "gateway"], os.environ),
    ]


def say(text: str, name: str = "anxin") -> None:
    """Print one line with the name of who says it."""
    label = f"{name:<8}"
    if sys.stdout.isatty():
        label = f"\x1b[{_COLOURS.get(name, '0')}m{label}\x1b[0m"
    print(f"{label}| {text}", flush=True)


async def run(settings: Settings) -> int:
    """Start everything, say when it is ready, and keep it running until a signal; return the exit status."""
    kids, started = children(settings), time.monotonic()
    refuse_taken_ports(settings)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    watchers = [asyncio.create_task(_keep_running(child, stop)) for child in kids]
    announced = asyncio.create_task(_announce(kids, settings, started))
    try:
        await stop.wait()
    finally:
        say("Stopping ...")
        announced.cancel()
        await asyncio.gather(*(_end(child) for child in kids))
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, announced, return_exceptions=True)
        say("Stopped.")
    return 0


def refuse_taken_ports(settings: Settings) -> None:
    """Raise `CannotStart` if another program has one of our ports."""
    for child in children(settings):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", child.port))
            except OSError:
                raise CannotStart(
                    f"Port {child.port} of the {child.name} is in use. End the other program, or set {child.setting}."
                ) from None


async def _keep_running(child: Child, stop: asyncio.Event) -> None:
    while not stop.is_set():
        began = time.monotonic()
        child.process = await asyncio.create_subprocess_exec(
            *child.command,
            cwd=ROOT,
            env=dict(child.environment),
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
            limit=1024 * 1024,
        )
        await _copy_output(child)
        status = await child.process.wait()
        if stop.is_set():
            return
        child.failures = 0 if time.monotonic() - began > CALM_SECONDS else child.failures + 1
        pause = BACK_OFF_SECONDS[min(child.failures, len(BACK_OFF_SECONDS)) - 1] if child.failures else 1
        say(f"The {child.name} ended (status {status}). Starting it again in {pause} s.")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)


async def _copy_output(child: Child) -> None:
    assert child.process is not None
    assert child.process.stdout is not None
    while True:
        try:
            line = await child.process.stdout.readline()
        except ValueError:  # a line longer than the limit
            continue
        if not line:
            return
        say(line.decode(errors="replace").rstrip(), child.name)


async def _announce(kids: list[Child], settings: Settings, started: float) -> None:
    say("Starting engine, actions and gateway ...")
    waiting, said = {child.name for child in kids}, 0.0
    while waiting:
        for child in kids:
            if child.name in waiting and await asyncio.to_thread(_is_ready, child):
                waiting.discard(child.name)
        elapsed = time.monotonic() - started
        if waiting and elapsed - said >= 5:
            said = elapsed
            say(f"{elapsed:.0f} s: waiting for {', '.join(sorted(waiting))}")
        if elapsed > READY_SECONDS:
            say(f"Still not ready after {READY_SECONDS} s: {', '.join(sorted(waiting))}. See the lines above.")
            return
        await asyncio.sleep(0.2)
    host = f"http://{'localhost' if settings.gateway_host == '127.0.0.1' else settings.gateway_host}"
    page = f"{host}:{settings.gateway_port}/Webhook/"
    say(f"Ready in {time.monotonic() - started:.1f} s.")
    say(f"  Customer's page   {page}   (also {page}gtjai/ and {page}icbca/)")
    say(f"  Engine            {settings.engine_url}   Actions   {settings.actions_url}   (this machine only)")
    say("  Try: open the page and write 通知信可以關掉嗎; or 解鎖密碼 with account 900028 and birth date 071/02/02,")
    say("       and read the code with ./anxin outbox. More demo customers: ./anxin demo. End with Ctrl-C.")


def _is_ready(child: Child) -> bool:
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{child.port}{child.ready_path}", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


async def _end(child: Child) -> None:
    process = child.process
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        say(f"The {child.name} did not end within {STOP_SECONDS} s and was killed.")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
