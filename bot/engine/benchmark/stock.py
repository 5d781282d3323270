"""The stock pipeline that `rasa init` gives (3.6), NLU only, on the same data: what we compare with.

It runs in a process of its own, because TensorFlow would stay in this one's memory and slow it down.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bot.engine.benchmark.datasets import Messages
from bot.engine.benchmark.measures import Figures, times
from bot.settings import ROOT

SECONDS_AN_EXAMPLE = 0.43  # 330 s for 770 examples, measured
WORK, ANSWERS = "messages.json", "answers.npz"


class StockFailed(Exception):
    """The stock pipeline did not train or answer; its own words are above."""


def learnt_by_stock(
    name: str, taught: Messages, asked: Sequence[str], say: Callable[[str], None]
) -> tuple[list[str], np.ndarray, Figures]:
    """Train and ask the stock pipeline; return intents, DIET's confidences and times. Slow: says so before."""
    minutes = max(1, round(SECONDS_AN_EXAMPLE * len(taught) / 60))
    say(f"{name}: the stock pipeline (DIET) learns {len(taught)} messages; this takes about {minutes} min")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        work = {"taught": list(zip(taught.texts, taught.intents, strict=True)), "asked": list(asked)}
        (folder / WORK).write_text(json.dumps(work), encoding="utf-8")
        command = [sys.executable, "-m", "bot.engine.benchmark.stock_process", str(folder)]
        # Its own progress goes where ours goes; the table alone is standard output.
        if subprocess.run(command, cwd=ROOT, stdout=sys.stderr).returncode:
            raise StockFailed(f"{name}: the stock pipeline failed; see above.")
        with np.load(folder / ANSWERS) as answers:
            found = times([float(answers["train_seconds"])], [answers["message_seconds"]])
            return answers["intents"].tolist(), answers["probabilities"], found
