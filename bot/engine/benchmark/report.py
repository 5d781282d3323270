"""The table: one line a measurement, targets beside figures, 120 columns, and a legend for a stranger."""

from __future__ import annotations

import json
import platform
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bot.engine.benchmark.targets import Row, Target

WIDTH = 120
BUSY = 1.25  # seconds on the clock for one of the processor


@dataclass(frozen=True)
class Column:
    """One figure of the rows of a table; `bound`: a target that is the same for every row, said in the title."""

    figure: str
    title: str
    width: int
    kind: str = "share"
    bound: str = ""


@dataclass(frozen=True)
class Table:
    """The rows of one part, and what stands below them."""

    part: str
    title: str
    name_width: int
    columns: tuple[Column, ...]
    legend: str


_SHARED = (
    Column("macro_f1", "macro-F1", 9),
    Column("auroc", "AUROC", 17, "ratio"),
    Column("ece", "ECE", 11, "ratio"),
    Column("sure_outside", "out>.9", 7),
)
_SPEED = (Column("p50_ms", "p50 ms", 10, "time", "≤2"), Column("p99_ms", "p99 ms", 10, "time", "≤5"))
TABLES = (
    Table(
        "public",
        "PUBLIC BENCHMARKS",
        24,
        (Column("accuracy", "accuracy", 16), *_SHARED, Column("train_seconds", "train s", 12, "seconds"), *_SPEED),
        "The pipeline of config.yml, the same for all; its constants were chosen with these figures in view. accuracy, macro-F1 (mean over the intents), ECE: of"
        " messages in scope. AUROC: how often a message in scope gets a higher probability of being about anything we"
        " know than one out of scope; .5 is chance. ECE: distance between the probability that is reported and the"
        " share that is right, 15 equal bins; here, where nothing says what is outside, given that it is in scope. out>.9: % of messages out of scope with a topic above 0.9."
        " train s: learning; p50, p99: one message; a row without times asks the model of the row above. Several runs: medians, ± the run that is farthest from it.",
    ),
    Table(
        "own",
        "OWN TOPICS",
        20,
        (
            Column("accuracy", "top-1", 15),
            Column("top_3", "top-3", 15),
            Column("macro_f1", "macro-F1", 9),
            Column("auroc", "AUROC", 6, "ratio"),
            Column("ece", "ECE", 11, "ratio", "≤.04"),
            Column("sure_outside", "out>.9", 7),
            Column("train_seconds", "train s", 16, "seconds"),
            *_SPEED,
        ),
        "Our examples as training sees them, 5 folds; near-duplicates (6 of 10 pairs of characters in common, directly"
        " or through others) stay in one fold. top-1: the first is right, and it was not taken for out of scope; top-3:"
        " among the first three. Out of scope: the examples of out_of_scope, held out too. train s, p50, p99: a model of"
        " all examples, with nothing else running.",
    ),
    Table(
        "training",
        "ALL OF `anxin train`",
        28,
        (Column("seconds", "seconds", 24, "seconds"),),
        "Rasa's start, reading, rules and packing included.",
    ),
    Table(
        "decision",
        "DECISIONS, in %",
        21,
        (
            Column("messages_inside", "in scope", 10, "count"),
            Column("inside_answer", "answered", 10),
            Column("answer_right", "right", 7),
            Column("inside_clarify", "asked back", 12),
            Column("clarify_right", "offered", 9),
            Column("inside_handover", "refused", 14, "share", "≤5"),
            Column("messages_outside", "outside", 9, "count"),
            Column("outside_not_answered", "not answered", 18, "share", "≥90"),
            Column("outside_clarify", "asked back", 10),
        ),
        "By the costs of config.yml, on the held-out folds. right: of what was answered. asked back: two or three"
        " buttons; offered: the right one is among them. refused: handed over though in scope. at each institution: every example asked at each"
        " firm that has its topic, other firms' topics being less likely, two questions in a message read as two.",
    ),
    Table(
        "noise",
        "ROBUSTNESS, top-1 in %",
        30,
        (
            Column("messages", "messages", 10, "count"),
            Column("clean", "clean", 8),
            Column("accuracy", "changed", 9),
            Column("difference", "difference", 11, "signed"),
        ),
        "The same held-out messages, of topics and flows; only those that the change alters, clean and changed. Homophones:"
        " another common character of the same sound without tone. Keyboard: what stands there when 注音 (大千) is typed"
        " with the input method off: su3cl3 for 你好.",
    ),
    Table(
        "scripts",
        "SAME PREDICTION IN BOTH SCRIPTS, in %",
        50,
        (Column("messages", "messages", 10, "count"), Column("same", "same", 20, "share", "≥99.5")),
        "Of the messages that are written differently in the two.",
    ),
)
LEGEND = (
    "Beside a figure: its target, then ✓ met, or by how much it is missed. A target in a title is that of its column."
)


def report(rows: Sequence[Row], not_measured: Sequence[str]) -> Iterator[str]:
    """Return the lines of the table."""
    for table in TABLES:
        of_part = [row for row in rows if row.part == table.part]
        if of_part:
            yield from _lines(table, of_part)
    if rows:
        yield from textwrap.wrap(LEGEND, WIDTH)
    for sentence in not_measured:
        yield from textwrap.wrap(f"Not measured: {sentence}", WIDTH, break_long_words=False, break_on_hyphens=False)
    yield verdict(rows)


def verdict(rows: Sequence[Row]) -> str:
    """Return one sentence about the targets."""
    aimed, missed = sum(len(row.targets) for row in rows), sum(len(row.missed) for row in rows)
    if not aimed:
        return "Nothing that has a target was measured."
    return f"{missed} of {aimed} targets missed." if missed else f"All {aimed} targets met."


def _lines(table: Table, rows: Sequence[Row]) -> Iterator[str]:
    titles = (f"{column.title} {column.bound}".strip().ljust(column.width) for column in table.columns)
    yield (table.title.ljust(table.name_width) + "".join(titles)).rstrip()
    for row in rows:
        cells = (_cell(row, column).ljust(column.width) for column in table.columns)
        yield (row.name.ljust(table.name_width) + "".join(cells)).rstrip()
    floors = [f"{row.name} {_ratio(row.figures['floor'])}" for row in rows if "floor" in row.figures]
    if floors:
        yield from _indented(f"AUROC of a plain margin, the floor: {', '.join(floors)}; the target is .03 above it.")
    slow = [row.name for row in rows if row.figures.get("waited", 0) > BUSY]
    if slow:
        yield from _indented(
            f"Something else ran on this machine, so these took longer than they need: {', '.join(slow)}."
        )
    yield from _indented(table.legend)
    yield ""


def _indented(text: str) -> Iterator[str]:
    return (f"  {line}" for line in textwrap.wrap(text, WIDTH - 2))


def _cell(row: Row, column: Column) -> str:
    if column.figure not in row.figures:
        return "-"
    show = _SHOWN[column.kind]
    text = show(row.figures[column.figure]) + _spread(row, column)
    target = row.targets.get(column.figure)
    if target is None:
        return text
    bound = "" if column.bound else f" {'≥' if target.at_least else '≤'}{_short(target, column)}"
    by = row.missed.get(column.figure)
    sign = "-" if target.at_least else "+"
    return f"{text}{bound} ✓" if by is None else f"{text}{bound} {sign}{_distance(by, column)}"


def _spread(row: Row, column: Column) -> str:
    least, most = (row.figures.get(f"{column.figure}_{end}") for end in ("least", "most"))
    if column.kind != "seconds" or least is None or most is None or least == most:
        return ""
    median = row.figures[column.figure]
    return f" ±{max(most - median, median - least):.1f}"


def _short(target: Target, column: Column) -> str:
    if column.kind == "ratio":
        return f"{target.bound:.3f}".removeprefix("0").rstrip("0")
    return f"{target.bound * (100 if column.kind == 'share' else 1):g}"


def _distance(by: float, column: Column) -> str:
    shown = _SHOWN[column.kind](by)
    return shown if any(digit in shown for digit in "123456789") else f"{shown[:-1]}1"  # missed is not 0.0


def _ratio(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


_SHOWN = {
    "share": lambda value: f"{100 * value:.1f}",
    "signed": lambda value: f"{100 * value:+.1f}",
    "ratio": _ratio,
    "time": lambda value: f"{value:.2f}",
    "seconds": lambda value: f"{value:.1f}",
    "count": lambda value: f"{value:.0f}",
}


def written(rows: Sequence[Row], not_measured: Sequence[str], runs: int, file: Path) -> None:
    """Write everything that was measured as JSON: figures and targets unrounded, shares between 0 and 1."""
    found: dict[str, Any] = {
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {
            "python": platform.python_version(),
            "processor": platform.machine(),
            "system": platform.platform(),
        },
        "runs": runs,
        "rows": [_described(row) for row in rows],
        "not_measured": list(not_measured),
    }
    file.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _described(row: Row) -> dict[str, Any]:
    targets = {
        name: {"bound": target.bound, "at_least": target.at_least, "missed_by": row.missed.get(name, 0.0)}
        for name, target in row.targets.items()
    }
    return {"part": row.part, "name": row.name, "figures": row.figures, "targets": targets}
