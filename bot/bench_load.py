"""`anxin bench load`: customers who come at random and wait for nobody, and what becomes of them.

Questions, greetings, buttons and some unlocks, against an installation that is started for it, or one that runs on this
machine. In the end every conversation is read back, and compared with what its customer was told.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import uvloop

from bot import training
from bot.settings import SettingProblem, Settings
from bot.turns_bench.browser import Codes
from bot.turns_bench.cold import started
from bot.turns_bench.lineup import LineUp, postgresql
from bot.turns_bench.loops import percentile
from bot.turns_bench.open_loop import OpenLoop
from bot.turns_bench.processes import Ended, memory_of
from bot.turns_bench.report import table
from bot.turns_bench.results import POSTGRESQL, SQLITE
from bot.turns_bench.visitors import Faults
from bot.turns_bench.wire import Connection, NotAnswered

SAMPLES = 20  # looks at queues and memory
UNLOCKS_OF_MESSAGES = 0.02  # so many customers are made who can unlock
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "slowest": 1.0}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_GAUGE = re.compile(r"^(anxin_turns_waiting|anxin_outbox_waiting) ([0-9.e+]+)$", re.MULTILINE)


@dataclass(frozen=True)
class Sample:
    """A look from outside: messages that wait, by metric; those that we have not been answered; megabytes by process."""

    second: float
    under_way: int
    waiting: dict[str, float]
    megabytes: dict[str, float]


@dataclass(frozen=True)
class Watched:
    """The processes that are looked at: where `/metrics` is, and who they are."""

    ports: dict[str, int]
    pids: dict[str, int]


class NotRunning(Exception):
    """There is nobody to send a load to; the text says what to do."""


def measure(settings: Settings, minutes: float, rate: float, url: str, on_postgresql: bool, file: Path | None) -> int:
    """Send the load, print what became of it; return 0 if every message was answered, and nothing lost or doubled."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us ends what we started
    if file and not file.parent.is_dir():
        raise SettingProblem(f"{file}: there is no folder {file.parent}.")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            load, samples, found = runner.run(_measure(settings, 60 * minutes, rate, url, on_postgresql))
        except (NotRunning, Ended, training.TrainingFailed) as problem:
            print(f"anxin: {problem}", file=sys.stderr)
            return 1
    print("\n".join(report(load, samples, found)))
    if file:
        file.write_text(
            json.dumps(_as_json(load, samples, found), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
    return 1 if load.given_up or found != Faults() else 0


async def _measure(
    settings: Settings, seconds: float, rate: float, url: str, on_postgresql: bool
) -> tuple[OpenLoop, list[Sample], Faults]:
    async with contextlib.AsyncExitStack() as stack:
        if url:
            load, watched = OpenLoop(_port_of(url), rate, seconds), _running(settings, url)
            _say("No unlocks: each needs a customer who is locked out, and a code.")
        else:
            load, watched = await _own(stack, rate, seconds, on_postgresql)
        try:
            connection = await Connection.to(load.port)
        except NotAnswered:
            raise NotRunning(f"the gateway at {url} does not answer. Start it: make run") from None
        connection.close()
        samples: list[Sample] = []
        watching = asyncio.create_task(_watch(load, watched, seconds, samples))
        await load.run()
        watching.cancel()
        _say(f"reading {load.conversations} conversations back")
        return load, samples, await load.read_back()


async def _own(
    stack: contextlib.AsyncExitStack, rate: float, seconds: float, on_postgresql: bool
) -> tuple[OpenLoop, Watched]:
    """Start an installation that ends with `stack`, and make customers who can unlock."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="anxin-bench-"))
    server = stack.enter_context(postgresql()) if on_postgresql else None
    if on_postgresql and server is None:
        raise NotRunning("PostgreSQL is not installed: apt-get install postgresql")
    entrant = LineUp(Path(folder), {}, server).ours(POSTGRESQL if server else SQLITE)
    stack.callback(entrant.stop)
    training.train_if_stale(_say)
    _say("starting engine, actions and gateway")
    await started(entrant)
    assert entrant.ours
    ours = entrant.ours
    people = deque(ours.new_people(int(UNLOCKS_OF_MESSAGES * rate * seconds) + 1))
    load = OpenLoop(ours.gateway.port, rate, seconds, people, Codes(ours.settings.outbox_file))
    ports = {name: process.port for name, process in ours.by_name.items()}
    return load, Watched(ports, {name: process.pid for name, process in ours.by_name.items()})


def _port_of(url: str) -> int:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK or not parts.port:
        raise SettingProblem(
            f"--url {url}: give the address of a gateway on this machine, such as http://127.0.0.1:8080."
        )
    return parts.port


def _running(settings: Settings, url: str) -> Watched:
    """Return the processes of the installation that runs here, as far as they are where the settings say."""
    ports = {"gateway": _port_of(url), "engine": settings.engine_port, "actions": settings.actions_port}
    listening = {
        one.laddr.port: one.pid for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN and one.pid
    }
    return Watched(ports, {name: listening[port] for name, port in ports.items() if port in listening})


async def _watch(load: OpenLoop, watched: Watched, seconds: float, samples: list[Sample]) -> None:
    """Look at regular times, and say how things stand."""
    began = time.monotonic()
    while True:
        waiting: dict[str, float] = {}
        for name in ("gateway", "actions"):
            waiting |= await _gauges(watched.ports[name])
        sizes = {name: memory_of(pid) for name, pid in watched.pids.items()}
        samples.append(Sample(time.monotonic() - began, load.under_way, waiting, sizes))
        answered = sum(map(len, load.milliseconds.values()))
        _say(
            f"{samples[-1].second:5.0f} s  {answered} answered, {load.under_way} under way, {load.errors.total()} errors"
        )
        await asyncio.sleep(seconds / SAMPLES)


async def _gauges(port: int) -> dict[str, float]:
    """Return what waits, as the process at `port` tells it; nothing where it does not."""
    with contextlib.suppress(NotAnswered):
        connection = await Connection.to(port)
        try:
            told = await connection.request("GET", "/metrics")
        finally:
            connection.close()
        return {name: float(value) for name, value in _GAUGE.findall(told.body.decode())}
    return {}


def report(load: OpenLoop, samples: list[Sample], found: Faults) -> Iterator[str]:
    """Return the lines of the report."""
    sent = len(load.late_ms)
    yield (
        f"{load.seconds:g} s at {load.rate:g} messages a second: {sent} messages in {load.conversations} conversations; we"
        f" sent them {percentile(load.late_ms or [0.0], 0.99):.1f} ms late at p99"
    )
    yield ""
    everything = [one for times in load.milliseconds.values() for one in times]
    kinds = [("all", everything), *sorted(load.milliseconds.items())]
    heads = ["MILLISECONDS, from the time it was to be sent", "answered", *SHARES]
    yield from table(heads, [[kind, str(len(times)), *_times(times)] for kind, times in kinds if times])
    kinds_of_errors = sorted({*load.errors, *load.given_up})
    counts = [[kind, str(load.errors[kind]), str(load.given_up[kind])] for kind in kinds_of_errors]
    yield from table(["ERRORS", "tries", "given up"], counts or [["none", "0", "0"]])
    yield from _over_time(samples)
    lost = "Nothing was lost" if not found.lost else f"{found.lost} messages were LOST"
    doubled = "nothing was doubled" if not found.doubled else f"{found.doubled} were DOUBLED"
    yield f"{lost}, and {doubled}: {load.conversations} conversations were read back and compared."


def _times(times: list[float]) -> list[str]:
    return [f"{percentile(times, share):.1f}" for share in SHARES.values()]


def _over_time(samples: list[Sample]) -> Iterator[str]:
    gauges = sorted({name for sample in samples for name in sample.waiting})
    processes = sorted({name for sample in samples for name in sample.megabytes})
    rows = [
        [f"{s.second:.0f}", str(s.under_way), *(f"{s.waiting.get(name, 0):.0f}" for name in gauges)]
        + [f"{s.megabytes.get(name, 0):.0f}" for name in processes]
        for s in samples
    ]
    yield from table(["SECOND", "under way", *gauges, *(f"{name} MB" for name in processes)], rows)


def _as_json(load: OpenLoop, samples: list[Sample], found: Faults) -> dict[str, object]:
    return {
        "seconds": load.seconds,
        "rate": load.rate,
        "sent": len(load.late_ms),
        "conversations": load.conversations,
        "milliseconds": {
            kind: {"answered": len(times), **{name: percentile(times, share) for name, share in SHARES.items()}}
            for kind, times in load.milliseconds.items()
        },
        "errors": load.errors,
        "given_up": load.given_up,
        "samples": [asdict(sample) for sample in samples],
        **asdict(found),
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
