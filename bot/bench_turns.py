"""`anxin bench turns`: what a turn costs, ours beside stock Rasa, everything in one run on one machine.

    engine        ours, by the signed call that the gateway makes
    whole path    ours, as a browser: through the gateway, the engine, its actions, and three databases
    stock Rasa    3.6.21 as `rasa init` configures it (DIET, TED), REST channel, trackers in memory
    linear stock  the same with a linear classifier and rules alone
    echo          a server that commits what it is sent: the limit

Ours is durable, in SQLite files and in PostgreSQL; stock keeps nothing. All processes stay up during the whole run and are
asked by turns: each run measures each of them once.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import platform
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import uvloop

from bot import training
from bot.settings import SettingProblem, Settings
from bot.turns_bench import plot, report, stock
from bot.turns_bench.browser import Codes
from bot.turns_bench.cold import started
from bot.turns_bench.lineup import Entrant, LineUp, postgresql
from bot.turns_bench.long import long_conversations
from bot.turns_bench.loops import Measured, questions, unlocks
from bot.turns_bench.processes import Ended, memory_of
from bot.turns_bench.results import AT_ONCE, ECHO, LINEAR, OUR_TRAINING, STOCK, Cells, Results
from bot.turns_bench.wire import NotAnswered

MOST_BUSY_PERCENT = 10.0
UNLOCKS_A_SECOND = 100  # customers that are made for each second of unlocks


@dataclass(frozen=True)
class Plan:
    """How much is measured. `seconds`: of each measurement."""

    runs: int = 5
    seconds: float = 3.0
    conversations: int = 5
    turns: int = 500  # of each of them
    turns_of_stock: int = 200  # the 500th takes half a second, all of them minutes
    cold_starts: int = 3
    trainings: int = 3
    train_stock: bool = True


QUICK = Plan(1, 0.5, 1, 40, 40, 1, 0, False)


@dataclass
class _Run:
    """One run of the benchmark: its plan, what it found so far, and since when."""

    plan: Plan
    cache: Path
    results: Results
    began: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:6.0f} s  {text}", file=sys.stderr, flush=True)

    def leave_out(self, sentence: str) -> None:
        self.say(sentence)
        self.results.left_out.append(sentence)

    @contextlib.contextmanager
    def measuring(self, what: str) -> Iterator[None]:
        """Say what is measured; what fails is left out, and the rest goes on."""
        self.say(what)
        try:
            yield
        except (Ended, NotAnswered) as problem:
            self.leave_out(f"{what}: {problem}")


def measure(settings: Settings, plan: Plan, json_file: Path | None, plot_file: Path | None) -> int:
    """Measure, print the tables, write figures and plot; return 0 if every target is met, 1 if not."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us ends what we started
    for file in (json_file, plot_file):
        if file and not file.parent.is_dir():
            raise SettingProblem(f"{file}: there is no folder {file.parent}.")
    busy = psutil.cpu_percent(1.0)
    run = _Run(plan, settings.var / "bench", Results(_machine(busy), plan.runs, plan.seconds))
    if busy > MOST_BUSY_PERCENT:
        run.leave_out(f"an idle machine: something else used {busy:.0f} % of it before anything was started.")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_measure(run))
    except training.TrainingFailed as problem:
        print(f"anxin: training failed: {problem}", file=sys.stderr)
        return 1
    run.say("done")
    print("\n".join(report.lines(run.results)))
    if json_file:
        report.write(run.results, json_file)
    if plot_file:
        try:
            plot.draw(report.as_json(run.results), plot_file)
        except plot.PlotFailed as problem:
            print(f"anxin: the plot was not drawn: {problem}", file=sys.stderr)
    return 0 if report.all_met(run.results) else 1


async def _measure(run: _Run) -> None:
    trained = _train(run)
    with tempfile.TemporaryDirectory(prefix="anxin-bench-") as folder, postgresql() as server:
        if server is None:
            run.leave_out("PostgreSQL is not installed.")
        line_up = LineUp(Path(folder), trained, server)
        for number in range(run.plan.cold_starts):
            await _cold_starts(run, line_up, number)
        entrants: list[Entrant] = []
        there: list[Entrant] = []
        try:
            for entrant in line_up.everyone():
                entrants.append(entrant)
                with run.measuring(f"starting {entrant.name}"):
                    await started(entrant)
                    there.append(entrant)
            await _take_turns(run, there)
            await _long(run, there)
            run.results.megabytes = {p.name: memory_of(p.pid) for e in there for p in e.processes}
        finally:
            for entrant in entrants:
                entrant.stop()


def _train(run: _Run) -> dict[str, stock.Trained]:
    """Train ours, as often as is planned, and stock where it is not there from before; return what stock there is.

    Raise `TrainingFailed`.
    """
    training.train_if_stale(run.say)
    for number in range(run.plan.trainings):
        run.say(f"anxin train, {number + 1} of {run.plan.trainings}")
        before = stock.cpu_of_children()
        _trained(run, OUR_TRAINING, training.train(run.say), stock.cpu_of_children() - before)
    found = {}
    for name in (LINEAR, STOCK):
        try:
            found[name] = stock.trained(name, run.cache, run.say, run.plan.train_stock)
        except stock.StockFailed as problem:
            run.leave_out(str(problem))
        else:
            _trained(run, name, found[name].seconds, found[name].cpu_seconds)
            run.results.examples, run.results.all_examples = found[name].examples, stock.all_examples()
    return found


def _trained(run: _Run, name: str, seconds: float, cpu_seconds: float) -> None:
    run.results.training.setdefault(name, []).append(seconds)
    run.results.training.setdefault(f"{name}, of the processor", []).append(cpu_seconds)


async def _cold_starts(run: _Run, line_up: LineUp, number: int) -> None:
    for entrant in line_up.for_cold_starts():
        with run.measuring(f"cold start {number + 1} of {run.plan.cold_starts}: {entrant.name}"):
            try:
                run.results.cold.setdefault(entrant.name, []).append(await started(entrant))
            finally:
                entrant.stop()


async def _take_turns(run: _Run, entrants: list[Entrant]) -> None:
    """Measure everyone once a run, at each number of askers, one behind the other."""
    codes = {e.name: Codes(e.ours.settings.outbox_file) for e in entrants if e.ours}
    everyone = [contender for entrant in entrants for contender in entrant.contenders]
    for number, at_once in itertools.product(range(run.plan.runs), AT_ONCE):
        run.say(f"run {number + 1} of {run.plan.runs}, {at_once} at once")
        for contender in everyone:
            with run.measuring(f"  {contender.name}"):
                found = await questions(contender, at_once, run.plan.seconds)
                _kept(run, run.results.questions, contender.name, at_once, found)
        for entrant in entrants:
            if entrant.ours:
                with run.measuring(f"  unlocks, {entrant.name}"):
                    people = deque(entrant.ours.new_people(int(UNLOCKS_A_SECOND * run.plan.seconds) + at_once))
                    port = entrant.ours.gateway.port
                    found = await unlocks(port, people, codes[entrant.name], at_once, run.plan.seconds)
                    _kept(run, run.results.unlocks, entrant.name, at_once, found)


def _kept(run: _Run, cells: Cells, name: str, at_once: int, found: Measured) -> None:
    cells.setdefault(name, {}).setdefault(at_once, []).append(found)
    run.say(
        f"      {found.rate:7.1f} a second, p50 {found.p50:.1f} ms, p95 {found.p95:.1f} ms, {found.right:.0%} right"
    )


async def _long(run: _Run, entrants: list[Entrant]) -> None:
    for entrant in entrants:
        if entrant.name == ECHO:
            continue
        contender, turns = entrant.contenders[-1], run.plan.turns if entrant.ours else run.plan.turns_of_stock
        with run.measuring(f"{run.plan.conversations} conversations of {turns} turns: {contender.name}"):
            run.results.long[contender.name] = await long_conversations(contender, turns, run.plan.conversations)


def _machine(busy: float) -> dict[str, Any]:
    """Return what the figures depend on; `busy`: per cent of all processors, before anything was started."""
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "busy_percent_before": busy,
    }


def _processor() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.machine()
