"""What was measured, as tables of 120 columns for a stranger, and as JSON."""

from __future__ import annotations

import json
import statistics
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from bot.turns_bench.loops import Measured
from bot.turns_bench.results import AT_ONCE, CONTENDERS, ECHO, STOCK, Cells, Results, Target, targets

WIDTH = 120
ABOUT = (
    "engine: the signed call that the gateway makes. whole path: a browser's request through the gateway. Both durable:"
    " what was answered is in the database. stock Rasa: 3.6.21 as `rasa init` configures it (DIET, TED), REST channel;"
    " linear stock: LogisticRegressionClassifier and rules; both keep trackers in memory and nothing else. echo: one"
    " SQLite commit a request, and nothing else. Everyone runs on this machine, who asks and the databases too."
    " Of several runs: the median (lowest to highest). x: beside stock Rasa, run by run."
)


def lines(results: Results) -> Iterator[str]:
    """Return the lines of the report."""
    yield from textwrap.wrap(_machine(results), WIDTH)
    yield from textwrap.wrap(ABOUT, WIDTH)
    yield ""
    yield from _questions(results)
    yield from _unlocks(results)
    yield from _long(results)
    yield from _once(results)
    yield from _targets(targets(results))
    for sentence in results.left_out:
        yield from textwrap.wrap(f"Not measured: {sentence}", WIDTH)


def all_met(results: Results) -> bool:
    return all(target.met for target in targets(results))


def spread(figures: Sequence[float], form: str = "{:.1f}") -> str:
    """Return the median, and the lowest and highest where there are several; a dash for nothing."""
    if not figures:
        return "-"
    median = form.format(statistics.median(figures))
    if len(figures) == 1:
        return median
    return f"{median} ({form.format(min(figures))} to {form.format(max(figures))})"


def write(results: Results, file: Path) -> None:
    """Write every figure as JSON: milliseconds, turns a second, megabytes, seconds."""
    file.write_text(json.dumps(as_json(results), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def as_json(results: Results) -> dict[str, object]:
    found = [
        {**asdict(target), "median": target.median if target.figures else None, "met": target.met}
        for target in targets(results)
    ]
    return {**asdict(results), "targets": found}


def _machine(results: Results) -> str:
    about = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in results.machine.items())
    return f"{results.runs} runs, {results.seconds:g} s each measurement; {about}"


def _questions(results: Results) -> Iterator[str]:
    cells = results.questions
    rows = [[*_rates(name, cells[name]), _right(cells[name])] for name in _in(cells)]
    yield from table(["QUESTIONS, turns a second", *_heads(), "right"], rows)
    yield from table(["QUESTIONS, ms", *_time_heads()], [_times(name, cells[name]) for name in _in(cells)])
    rows = [[name, *_ratios(results, name)] for name in _in(cells)]
    yield from table(["RATIOS of turns a second", *(f"x stock at {n}" for n in AT_ONCE), "x echo at 8"], rows)
    if ECHO in cells:
        used = statistics.median(one.client_ms for runs in cells[ECHO].values() for one in runs)
        yield from _note(f"Who asks uses {used:.2f} ms of the processor a request, by the echo.")


def _ratios(results: Results, name: str) -> list[str]:
    beside = [(STOCK, at_once) for at_once in AT_ONCE] + [(ECHO, 8)]
    return [spread(results.beside(other, name, at_once, "rate"), "{:.2f}") for other, at_once in beside]


def _unlocks(results: Results) -> Iterator[str]:
    cells = results.unlocks
    yield from table(["UNLOCKS a second", *_heads()], [_rates(name, cells[name]) for name in _in(cells)])
    yield from table(["UNLOCKS, ms", *_time_heads()], [_times(name, cells[name]) for name in _in(cells)])
    if cells:
        yield from _note(
            "Six requests: the page, the wish, account, birth date, the way, the code; and the wait for it."
        )


def _long(results: Results) -> Iterator[str]:
    rows = [
        [
            name,
            str(long.length),
            spread(long.early, "{:.1f}"),
            spread(long.late, "{:.1f}"),
            spread(long.ratios, "{:.2f}"),
        ]
        for name, long in results.long.items()
    ]
    yield from table(["LONG CONVERSATIONS, ms", "turns", "turn 5", "last", "last / turn 5"], rows)
    if len({long.length for long in results.long.values()}) > 1:
        yield from _note(
            "Stock is cut earlier: its turns get ever dearer. Turn 5 is taken beside the last, in a young one."
        )


def _once(results: Results) -> Iterator[str]:
    rows = [
        [name, spread(seconds), spread(results.cold_beside_stock(name), "{:.2f}")]
        for name, seconds in results.cold.items()
    ]
    yield from table(["COLD START, seconds", "to the first answer", "x"], rows)
    rows = [[name, spread(seconds, "{:.0f}")] for name, seconds in results.training.items()]
    yield from table(["TRAINING, seconds", ""], rows)
    if results.examples:
        yield from _note(
            f"Stock was taught {results.examples} examples, for all would take it hours, and is kept between runs: it may have"
            f" been trained beside other work. Ours learns all there are: {results.all_examples} and those of the flows."
        )
    rows = [
        [name, f"{size:.0f}", spread(results.memory_beside_stock(name), "{:.2f}")]
        for name, size in results.megabytes.items()
    ]
    yield from table(["MEMORY after the run, MB", "RSS", "x"], rows)


def _targets(found: Sequence[Target]) -> Iterator[str]:
    words = {True: "met", False: "missed", None: "not measured"}
    rows = [
        [target.name, target.contender, _bound(target), spread(target.figures, "{:.2f}"), words[target.met]]
        for target in found
    ]
    yield from table(["TARGET", "of", "", "measured", ""], rows)
    yield f"{sum(bool(target.met) for target in found)} of {len(found)} targets met."


def _bound(target: Target) -> str:
    return f"{'>=' if target.at_least else '<='} {target.bound:g} {target.unit}".rstrip()


def _in(cells: Cells) -> list[str]:
    return [name for name in CONTENDERS if name in cells]


def _heads() -> list[str]:
    return [f"{at_once} at once" for at_once in AT_ONCE]


def _time_heads() -> list[str]:
    return [f"{figure} at {at_once}" for at_once in AT_ONCE for figure in ("p50", "p95")]


def _rates(name: str, cells: Mapping[int, list[Measured]]) -> list[str]:
    return [name, *(spread([one.rate for one in cells.get(at_once, [])], "{:.0f}") for at_once in AT_ONCE)]


def _times(name: str, cells: Mapping[int, list[Measured]]) -> list[str]:
    figures = [
        [getattr(one, figure) for one in cells.get(at_once, [])] for at_once in AT_ONCE for figure in ("p50", "p95")
    ]
    return [name, *(f"{statistics.median(each):.1f}" if each else "-" for each in figures)]


def _right(cells: Mapping[int, list[Measured]]) -> str:
    measured = [one for runs in cells.values() for one in runs]
    return f"{sum(one.right * one.count for one in measured) / sum(one.count for one in measured):.0%}"


def _note(text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")
    yield ""


def table(heads: list[str], rows: list[list[str]]) -> Iterator[str]:
    """Yield the lines of a table and an empty one; nothing where there are no rows."""
    if not rows:
        return
    widths = [max(len(cell) for cell in column) + 2 for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        yield "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""
