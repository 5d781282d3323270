"""Ask a model many messages one by one, as customers do, and take the time of each."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from bot.engine.benchmark.datasets import Messages
from bot.engine.benchmark.measures import Figures, times
from bot.engine.understanding.concepts import Lexicon, read_entries
from bot.engine.understanding.model import Understanding


class NotTheSame(Exception):
    """The same data gave another model: what was measured cannot be repeated."""


def ask(model: Understanding, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities (messages, intents), and the seconds (messages) that each call took."""
    found, seconds = np.zeros((len(texts), len(model.intents))), np.zeros(len(texts))
    for i, text in enumerate(texts):
        started = time.perf_counter()
        found[i] = model.probabilities(text)
        seconds[i] = time.perf_counter() - started
    return found, seconds


def trained(messages: Messages) -> tuple[Understanding, float]:
    """Return the model of `messages`, and the seconds it took to learn them (wall clock)."""
    lexicon = Lexicon(read_entries())
    started = time.perf_counter()
    model = Understanding.train(messages.texts, messages.intents, lexicon)
    return model, time.perf_counter() - started


def learnt(messages: Messages, asked: Sequence[str], runs: int) -> tuple[list[str], np.ndarray, Figures]:
    """Learn and ask `runs` times; return intents, probabilities and times.

    `waited`: the time on the clock for a second of the processor; much above 1 when something else runs besides.
    Raises `NotTheSame` when the runs differ.
    """
    train_seconds, message_seconds, first = [], [], None
    started, used = time.perf_counter(), time.process_time()
    for _ in range(runs):
        model, seconds = trained(messages)
        train_seconds.append(seconds)
        probabilities, each = ask(model, asked)
        message_seconds.append(each)
        if first is not None and not np.array_equal(first, probabilities):
            raise NotTheSame("the same data gave another model in another run")
        first = probabilities
    assert first is not None, "at least one run"
    waited = (time.perf_counter() - started) / max(1e-9, time.process_time() - used)
    return model.intents, first, {**times(train_seconds, message_seconds), "waited": waited}
