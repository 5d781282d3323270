"""One fold: learn from the others, ask what was held out, as it is, changed on its way, and at each institution."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bot.content.institutions import load_institutions
from bot.engine.benchmark import noise
from bot.engine.benchmark.asking import trained
from bot.engine.benchmark.datasets import Messages
from bot.engine.benchmark.measures import ranked
from bot.engine.understanding.decision import Costs, Understood, decided, offered_by
from bot.engine.understanding.model import OUTSIDE, Understanding
from bot.engine.understanding.reading import Reader


@dataclass(frozen=True)
class Fold:
    """What is to be done, in a process of its own."""

    number: int
    messages: Messages  # all of them
    asked: np.ndarray  # which are held out


@dataclass(frozen=True)
class Decided:
    """What would have been done with one message, and whether that is right."""

    decision: str  # answer, clarify or handover
    is_inside: bool
    is_right: bool  # answered: by the right topic; asked back: the right one among those offered


@dataclass(frozen=True)
class Changed:
    """A message changed on its way, and what it and the clean one were taken for."""

    change: str
    expected: str
    clean: str
    topic: str


@dataclass(frozen=True)
class Result:
    """What came back."""

    number: int
    asked: np.ndarray
    probabilities: np.ndarray  # (asked, intents)
    anywhere: list[Decided]  # without an institution
    at_institutions: list[Decided]  # each example at each institution that has its topic
    changed: list[Changed]
    agreed: dict[str, tuple[int, int]]  # pair of scripts -> messages that differ, taken for the same in both


def run(fold: Fold, names: Sequence[str], costs: Costs) -> Result:
    """Learn and ask; `names` are the columns of the probabilities."""
    held = fold.messages.at(fold.asked)
    model, _ = trained(fold.messages.at(np.setdiff1d(np.arange(len(fold.messages)), fold.asked)))
    texts, intents = held.texts, held.intents
    own = np.stack([model.probabilities(text) for text in texts])
    probabilities = np.zeros((len(texts), len(names)))
    probabilities[:, [names.index(intent) for intent in model.intents]] = own
    changed, agreed = _changed(model, costs, fold.messages.texts, held, own)
    anywhere = [
        _judged(decided(row, model.intents, costs), None, intent) for row, intent in zip(own, intents, strict=True)
    ]
    return Result(
        fold.number,
        fold.asked,
        probabilities,
        anywhere,
        _at_institutions(model, costs, texts, intents),
        changed,
        agreed,
    )


def quiet_worker() -> None:
    """End at Ctrl-C without a word: the process that started this one says what happened."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _judged(understood: Understood, also: str | None, intent: str) -> Decided:
    meant = (understood.topic, also) if understood.decision == "answer" else understood.offered
    return Decided(understood.decision, intent != OUTSIDE, intent in meant)


def _at_institutions(model: Understanding, costs: Costs, texts: Sequence[str], intents: Sequence[str]) -> list[Decided]:
    """Ask as a customer of each institution does: other firms' topics are less likely, two questions are two."""
    reader, everybody = Reader(model, costs), sorted(load_institutions())
    found = []
    for text, intent in zip(texts, intents, strict=True):
        for institution in everybody:
            if institution in offered_by().get(intent, everybody):
                reading = reader.read(text, institution)
                found.append(_judged(reading.understood, reading.also, intent))
    return found


def _changed(
    model: Understanding, costs: Costs, corpus: Sequence[str], held: Messages, clean: np.ndarray
) -> tuple[list[Changed], dict[str, tuple[int, int]]]:
    """Ask each message of a topic or flow again, in every way it can be changed."""
    texts, intents = held.texts, held.intents
    found: list[Changed] = []
    topics: dict[str, dict[int, tuple[str, str]]] = {}  # change -> message -> how it was written, what it was taken for
    first = _topics(model, costs, clean)
    for name, change in noise.changes(corpus).items():
        written = {i: change(text) for i, text in enumerate(texts) if intents[i] in offered_by()}
        asked = [(i, text) for i, text in written.items() if text is not None]
        if asked:
            taken = _topics(model, costs, np.stack([model.probabilities(text) for _, text in asked]))
            topics[name] = {i: (text, topic) for (i, text), topic in zip(asked, taken, strict=True)}
            found += [
                Changed(name, intents[i], first[i], topic)
                for (i, text), topic in zip(asked, taken, strict=True)
                if text != texts[i]
            ]
    return found, {
        f"{one} / {other}": _agreed(topics.get(one, {}), topics.get(other, {})) for one, other in noise.SCRIPTS
    }


def _agreed(one: dict[int, tuple[str, str]], other: dict[int, tuple[str, str]]) -> tuple[int, int]:
    same = [one[i][1] == other[i][1] for i in one if one[i][0] != other[i][0]]
    return len(same), sum(same)


def _topics(model: Understanding, costs: Costs, probabilities: np.ndarray) -> list[str]:
    return [model.intents[best] for best in ranked(probabilities, model.intents, costs.outside_from)[:, 0]]
