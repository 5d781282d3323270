"""The picture for README. It is drawn in the engine's environment, which has matplotlib."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bot.settings import ROOT
from bot.training import ENGINE_BIN

COLOURS = {
    "engine": "#1b6e5a",
    "whole path": "#57b894",
    "stock Rasa": "#b0413e",
    "linear stock": "#dd9787",
    "echo": "#999999",
}
Figures = dict[str, Any]  # what `report.write` wrote


class PlotFailed(Exception):
    """The picture could not be drawn; the text has the last words of who tried."""


def draw(figures: Figures, file: Path) -> None:
    """Draw the report's figures (`report.as_json`) as a PNG; raise `PlotFailed`."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as written:
        json.dump(figures, written)
        written.flush()
        command = [str(ENGINE_BIN / "python"), "-m", "bot.turns_bench.plot", written.name, str(file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise PlotFailed(done.stderr[-500:])


def main(figures: Figures, file: Path) -> None:
    import matplotlib  # only the engine's environment has it

    matplotlib.use("Agg")
    from matplotlib import pyplot

    picture, ((rates, times), (long, once)) = pyplot.subplots(2, 2, figsize=(12, 8.5))
    picture.subplots_adjust(left=0.06, right=0.98, top=0.92, bottom=0.13, hspace=0.3, wspace=0.42)
    cells = figures["questions"]
    _by_askers(rates, cells, "rate", "questions a second (log)")
    _by_askers(times, cells, "p95", "p95 of a question, ms (log)")
    for name, found in figures["long"].items():
        turns, milliseconds = zip(*found["curve"], strict=True) if found["curve"] else ((), ())
        long.plot(turns, milliseconds, label=name, **_style(name))
    long.set(title="a turn late in a conversation, ms (log)", xlabel="turn", yscale="log")
    _once(once, figures)
    picture.legend(*rates.get_legend_handles_labels(), loc="lower center", ncol=4, frameon=False)
    machine = figures["machine"]
    picture.suptitle(f"{machine['processor']}, {machine['cores']} cores, {machine['measured'][:10]}", fontsize=10)
    picture.savefig(file, dpi=110)


def _by_askers(panel: Any, cells: Figures, figure: str, title: str) -> None:
    for name, by_askers in cells.items():
        at_once = [int(number) for number in by_askers]
        runs = [sorted(one[figure] for one in measured) for measured in by_askers.values()]
        middle = [each[len(each) // 2] for each in runs]
        panel.plot(at_once, middle, marker="o", label=name, **_style(name))
        panel.fill_between(
            at_once, [each[0] for each in runs], [each[-1] for each in runs], color=_style(name)["color"], alpha=0.15
        )
    panel.set(
        title=title,
        xlabel="askers at once",
        xscale="log",
        yscale="log",
        xticks=[1, 8, 32],
        xticklabels=["1", "8", "32"],
    )


def _once(panel: Any, figures: Figures) -> None:
    """Cold starts in seconds; memory is in the names: two bars a contender would hide each other."""
    starts = figures["cold"]
    names = list(starts)[::-1]
    middle = [sorted(starts[name])[len(starts[name]) // 2] for name in names]
    labels = [
        f"{name}\n{figures['megabytes'][name]:.0f} MB" if name in figures["megabytes"] else name for name in names
    ]
    panel.barh(labels, middle, color=[_style(name)["color"] for name in names])
    panel.set(title="start to first answer, s; memory")


def _style(name: str) -> dict[str, Any]:
    """Return colour and line of a contender; dashed where PostgreSQL keeps it."""
    colour = next(colour for start, colour in COLOURS.items() if name.startswith(start))
    return {"color": colour, "linestyle": "--" if "PostgreSQL" in name else "-"}


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
