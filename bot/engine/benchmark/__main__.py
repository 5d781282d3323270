"""`anxin bench understanding`: one command, one table; what is being done is said on standard error."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from bot.engine.benchmark import own, public
from bot.engine.benchmark.asking import NotTheSame
from bot.engine.benchmark.datasets import BENCHMARKS, Benchmark, DatasetProblem, missing, where_to_get
from bot.engine.benchmark.report import report, written
from bot.engine.benchmark.stock import StockFailed
from bot.engine.benchmark.targets import Row
from bot.settings import ROOT

DATA = ROOT.parent / "shared" / "bench"
NAMES = (*(benchmark.name for benchmark in BENCHMARKS), own.NAME)
EXIT = "Ends with 0 when all was measured and every target is met, 1 when not, 2 when the command is wrong."


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table, and return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    chosen = _chosen(parser, options.only)
    if options.json and not options.json.parent.is_dir():
        parser.error(f"--json: there is no folder {options.json.parent}")
    measuring = _Measuring()
    benchmarks = [benchmark for benchmark in BENCHMARKS if benchmark.name in chosen]
    if benchmarks and not options.data.is_dir():
        measuring.leave_out(where_to_get(options.data))
        benchmarks = []
    for benchmark in benchmarks:
        _measure_public(measuring, benchmark, options)
    if own.NAME in chosen:
        measuring.take(lambda: own.rows(options.runs, options.stock, measuring.say))
    print("\n".join(report(measuring.rows, measuring.not_measured)))
    if options.json:
        written(measuring.rows, measuring.not_measured, options.runs, options.json)
    return 1 if measuring.not_measured or any(row.missed for row in measuring.rows) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="anxin bench understanding", epilog=EXIT)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only", nargs="+", metavar="NAME", default=())
    parser.add_argument("--stock", action="store_true")
    parser.add_argument("--runs", type=_positive, default=1)
    parser.add_argument("--json", type=Path)
    return parser


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return int(text)


def _chosen(parser: argparse.ArgumentParser, only: list[str]) -> frozenset[str]:
    """Return the names that are meant; `hint3` means all three."""
    for name in only:
        if not any(_fits(known, name) for known in NAMES):
            parser.error(f"--only {name}: give one of {', '.join(NAMES)}")
    return frozenset(known for known in NAMES if not only or any(_fits(known, name) for name in only))


def _fits(known: str, name: str) -> bool:
    return known == name or known.startswith(f"{name}_")


class _Measuring:
    """What was measured so far, what could not be, and since when."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.not_measured: list[str] = []
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self._started:6.0f} s  {text}", file=sys.stderr, flush=True)

    def leave_out(self, sentence: str) -> None:
        self.say(sentence)
        self.not_measured.append(sentence)

    def take(self, measure: Callable[[], Iterator[Row]]) -> None:
        """Keep the rows of one measurement; what stops it is told, and the others go on."""
        try:
            for row in measure():
                self.rows.append(row)
        except (DatasetProblem, NotTheSame, StockFailed, own.OwnProblem) as problem:
            self.leave_out(str(problem))
        except BrokenProcessPool:
            self.leave_out(f"{own.NAME}: the process of a fold ended; is there enough memory?")


def _measure_public(measuring: _Measuring, benchmark: Benchmark, options: argparse.Namespace) -> None:
    absent = missing(benchmark, options.data)
    if absent:
        measuring.leave_out(f"{benchmark.name}: {options.data / absent[0]} is not there.")
    else:
        measuring.take(lambda: public.rows(benchmark, options.data, options.runs, options.stock, measuring.say))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
