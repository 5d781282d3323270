"""Our own topics: what training sees, held out in folds; and how long learning all of it takes."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from bot.content.flows import load_flows
from bot.content.topics import load_topics
from bot.engine.benchmark import held_out
from bot.engine.benchmark.asking import learnt
from bot.engine.benchmark.datasets import Messages
from bot.engine.benchmark.folds import folds
from bot.engine.benchmark.held_out import Changed, Decided, Fold, Result
from bot.engine.benchmark.measures import Figures, figures, inside_of, scope_of
from bot.engine.benchmark.stock import learnt_by_stock
from bot.engine.benchmark.targets import STOCK, TOPICS, Row
from bot.engine.understand import configured_costs
from bot.engine.understanding.decision import Costs
from bot.engine.understanding.model import OUTSIDE
from bot.settings import ROOT

NAME = "own"
FOLDS = 5
AT_A_TIME = 2
TIMED = 2000  # so many messages are asked to take the times
FIRST_FOLD = f"fold 1 of {FOLDS}"

Say = Callable[[str], None]


class OwnProblem(Exception):
    """Our own topics cannot be measured; the text is one sentence."""


def examples() -> Messages:
    """Return what training sees, as the importer of config.yml gives it."""
    from rasa.shared.importers.importer import TrainingDataImporter  # here: the processes of the folds need no Rasa

    importer = TrainingDataImporter.load_from_config(
        str(ROOT / "config.yml"), str(ROOT / "domain.yml"), [str(ROOT / "data")]
    )
    found = importer.get_nlu_data().intent_examples
    return Messages(tuple(e.get("text") for e in found), tuple(e.get("intent") for e in found))


def costs() -> Costs:
    """Return the costs that config.yml decides by."""
    try:
        return configured_costs()
    except ValueError as problem:
        raise OwnProblem(f"{NAME}: {problem}") from problem


def rows(runs: int, with_stock: bool, say: Say) -> Iterator[Row]:
    """Measure our own topics; what is timed first, while nothing else runs. Raise `OwnProblem`."""
    decide_by = costs()
    say(f"{NAME}: reading the examples")
    messages = examples()
    names = sorted(set(messages.intents))
    yield whole_training(runs, say)
    say(f"{NAME}: learning all {len(messages)} examples of {len(names)} intents")
    times = learnt(messages, messages.texts[:: max(1, len(messages) // TIMED)], runs)[2]
    results = held_out_results(messages, decide_by, say)
    topics = frozenset(load_topics()) | frozenset(load_flows())
    yield Row("own", TOPICS, {**_of(messages, names, results, topics, decide_by), **times})
    yield Row("own", "conversation", _of(messages, names, results, frozenset(names) - topics, decide_by))
    if with_stock:
        yield Row("own", FIRST_FOLD, _of(messages, names, results[:1], topics, decide_by))
        yield _stock_row(messages, results[0].asked, topics, say)
    yield from _decision_rows(results)
    yield from _changed_rows(results)


def _decision_rows(results: Sequence[Result]) -> Iterator[Row]:
    yield Row("decision", "at no institution", decisions([one for result in results for one in result.anywhere]))
    there = [one for result in results for one in result.at_institutions]
    yield Row("decision", "at each institution", decisions(there))


def _changed_rows(results: Sequence[Result]) -> Iterator[Row]:
    changed = [one for result in results for one in result.changed]
    for change in dict.fromkeys(one.change for one in changed):
        yield Row("noise", change, robustness([one for one in changed if one.change == change]))
    for pair in results[0].agreed:
        differ, same = (sum(result.agreed[pair][i] for result in results) for i in (0, 1))
        if differ:
            yield Row("scripts", pair, {"messages": differ, "same": same / differ})


def _stock_row(messages: Messages, asked: np.ndarray, topics: frozenset[str], say: Say) -> Row:
    """Return what the stock pipeline makes of one fold; all five would take it a day."""
    kept = np.setdiff1d(np.arange(len(messages)), asked)
    expected = np.asarray(messages.intents)[asked]
    wanted = asked[np.isin(expected, [*topics, OUTSIDE])]
    taught, held = messages.at(kept), messages.at(wanted)
    intents, probabilities, times = learnt_by_stock(f"{NAME}, {FIRST_FOLD}", taught, held.texts, say)
    found = figures(probabilities, intents, held.intents, inside_of(probabilities, intents))
    return Row("own", f"{FIRST_FOLD},{STOCK}", {**found, **times})


def held_out_results(messages: Messages, costs: Costs, say: Say, number: int = FOLDS) -> list[Result]:
    """Return the result of each fold, in order; two are run at a time, each in a process of its own."""
    names = sorted(set(messages.intents))
    say(f"{NAME}: dividing into {number} folds")
    tasks = [
        Fold(i, messages, asked) for i, asked in enumerate(folds(messages.texts, messages.intents, number), start=1)
    ]
    context = multiprocessing.get_context("spawn")  # nothing of Rasa's is carried along
    with ProcessPoolExecutor(AT_A_TIME, mp_context=context, initializer=held_out.quiet_worker) as processes:
        running = [processes.submit(held_out.run, task, names, costs) for task in tasks]
        for done, future in enumerate(as_completed(running), start=1):
            say(f"{NAME}: fold {future.result().number} of {number} ({done} done)")
        return [future.result() for future in running]


def _of(
    messages: Messages, names: Sequence[str], results: Sequence[Result], asked: frozenset[str], costs: Costs
) -> Figures:
    """Return the figures over all folds of the intents `asked`, against everything outside."""
    probabilities = np.concatenate([result.probabilities for result in results])
    expected = np.asarray(messages.intents)[np.concatenate([result.asked for result in results])]
    rows = np.flatnonzero(np.isin(expected, [*asked, OUTSIDE]))
    kept = probabilities[rows]
    return figures(kept, names, expected[rows].tolist(), scope_of(kept, names), costs.outside_from)


def decisions(found: Sequence[Decided]) -> Figures:
    """Return what was done in scope and outside, and how much of it was right."""
    shares: Figures = {}
    for kind, is_inside in (("inside", True), ("outside", False)):
        of_kind = [one for one in found if one.is_inside == is_inside]
        if not of_kind:
            continue
        shares[f"messages_{kind}"] = len(of_kind)
        for decision in ("answer", "clarify", "handover"):
            those = [one for one in of_kind if one.decision == decision]
            shares[f"{kind}_{decision}"] = len(those) / len(of_kind)
            if those and is_inside and decision != "handover":
                shares[f"{decision}_right"] = sum(one.is_right for one in those) / len(those)
    if "outside_answer" in shares:
        shares["outside_not_answered"] = 1 - shares["outside_answer"]
    return shares


def robustness(changed: Sequence[Changed]) -> Figures:
    """Return the share that is right, clean and changed, of the messages that a change alters."""
    clean = sum(one.clean == one.expected for one in changed) / len(changed)
    after = sum(one.topic == one.expected for one in changed) / len(changed)
    return {"messages": len(changed), "clean": clean, "accuracy": after, "difference": after - clean}


def whole_training(runs: int, say: Say) -> Row:
    """Train as `anxin train` does, into a folder that is thrown away; raise `OwnProblem` when that fails."""
    seconds = []
    for run in range(1, runs + 1):
        say(f"{NAME}: training the whole assistant, run {run} of {runs}")
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "bot.engine.run", "train", "--force", "--skip-validation", "--out", folder]
            started = time.perf_counter()
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            seconds.append(time.perf_counter() - started)
            if done.returncode or not list(Path(folder).glob("*.tar.gz")):
                said = (done.stderr or done.stdout).strip().splitlines()[-1:]
                raise OwnProblem(f"{NAME}: training failed: {' '.join(said)}")
    least, most = min(seconds), max(seconds)
    return Row(
        "training",
        "process start to archive",
        {"seconds": float(np.median(seconds)), "seconds_least": least, "seconds_most": most},
    )
