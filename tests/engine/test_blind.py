"""README: blind/a.tsv and blind/b.tsv hold messages by two writers who had not seen a single example of data/.

They knew what each topic asks, and nothing else. Nobody may copy a message of them into data/, or learn from what goes
wrong here more than which topic needs other examples: then they would measure nothing any more. It has happened once:
kinds of mistakes out of scope in set a were named to the writers of further out_of_scope lines. Of out of scope, set b is blind.
A line: id, institution, kind (direct: the usual words; indirect: a situation, a complaint), language, message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from rasa.shared.importers.importer import TrainingDataImporter

from bot.content.flows import load_flows
from bot.content.topics import load_topics
from bot.engine.understand import load_reader
from bot.engine.understanding.model import OUTSIDE
from bot.engine.understanding.reading import Reader, Reading

FOLDER = Path(__file__).parent / "blind"
SETS = ("a", "b")
KINDS = {"direct", "indirect", "near", "far", "junk"}  # the last three of what is out of scope
LANGUAGES = {"zh-Hant", "zh-Hans", "yue", "en", "mixed"}

TOP_1, TOP_3 = 0.90, 0.97
RIGHT_AMONG_ANSWERED = 0.95
OUTSIDE_NOT_ANSWERED = 0.88
ALSO_EXAMPLES = 0.10  # so many may say by chance what an example says: 客服電話幾號


@dataclass(frozen=True)
class Line:
    id: str
    institution: str
    kind: str
    language: str
    message: str


@dataclass(frozen=True)
class Figures:
    """What one set shows; each a share."""

    top_1: float
    top_3: float
    answered: float
    right_among_answered: float
    outside_not_answered: float

    def __str__(self) -> str:
        return (
            f"top-1 {self.top_1:.1%}, top-3 {self.top_3:.1%}, answered {self.answered:.1%},"
            f" right among answered {self.right_among_answered:.1%}, out of scope not answered {self.outside_not_answered:.1%}"
        )


@pytest.fixture(scope="module", params=SETS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def lines(name: str) -> list[Line]:
    return [Line(*line.split("\t")) for line in (FOLDER / f"{name}.tsv").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def reader(model: Path) -> Reader:
    return load_reader(model)


@pytest.fixture(scope="module")
def figures(reader: Reader, lines: list[Line]) -> Figures:
    return measured(reader, lines)


@pytest.fixture(scope="module")
def examples(importer: TrainingDataImporter) -> set[str]:
    return {bare(example.get("text")) for example in importer.get_nlu_data().intent_examples}


def bare(text: str) -> str:
    return re.sub(r"[\W_]", "", text.lower())


def measured(reader: Reader, lines: list[Line]) -> Figures:
    readings = [(line, reader.read(line.message, line.institution)) for line in lines]
    inside = [(line.id, reading) for line, reading in readings if line.id != OUTSIDE]
    outside = [reading for line, reading in readings if line.id == OUTSIDE]
    answered = [(id_, reading) for id_, reading in inside if is_answered(reading)]
    return Figures(
        top_1=share([id_ in ranked(reading)[:1] for id_, reading in inside]),
        top_3=share([id_ in ranked(reading)[:3] for id_, reading in inside]),
        answered=len(answered) / len(inside),
        right_among_answered=share([id_ in (reading.understood.topic, reading.also) for id_, reading in answered]),
        outside_not_answered=share([not is_answered(reading) for reading in outside]),
    )


def ranked(reading: Reading) -> list[str]:
    """Return the likeliest intents of what can be answered, likeliest first."""
    return [name for name, _ in reading.understood.ranking if name != OUTSIDE]


def is_answered(reading: Reading) -> bool:
    return reading.understood.decision == "answer"


def share(hits: list[bool]) -> float:
    return sum(hits) / len(hits)


def test_the_set_asks_for_every_topic_and_flow_and_for_what_is_outside(lines: list[Line]) -> None:
    assert {line.id for line in lines} == {*load_topics(), *load_flows(), OUTSIDE}
    assert {line.kind for line in lines} <= KINDS
    assert {line.language for line in lines} <= LANGUAGES


def test_every_topic_is_asked_where_it_is_answered(lines: list[Line]) -> None:
    topics = load_topics()
    assert [line for line in lines if line.id in topics and line.institution not in topics[line.id].answers] == []


def test_the_figures_are_printed(
    reader: Reader,
    name: str,
    lines: list[Line],
    figures: Figures,
    examples: set[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    kinds = {
        kind: measured(reader, [line for line in lines if line.id == OUTSIDE or line.kind == kind])
        for kind in ("direct", "indirect")
    }
    unlike = [line for line in lines if bare(line.message) not in examples]
    with capsys.disabled():
        print(f"\nBlind set {name}, {len(lines)} messages: {figures}")
        for kind, found in kinds.items():
            print(f"  {kind}: top-1 {found.top_1:.1%}, top-3 {found.top_3:.1%}")
        print(f"  without the {len(lines) - len(unlike)} that are an example by chance: {measured(reader, unlike)}")


def test_the_right_topic_is_the_likeliest(figures: Figures) -> None:
    assert figures.top_1 >= TOP_1


def test_the_right_topic_is_among_the_three_likeliest(figures: Figures) -> None:
    assert figures.top_3 >= TOP_3


def test_what_is_answered_is_answered_right(figures: Figures) -> None:
    assert figures.right_among_answered >= RIGHT_AMONG_ANSWERED


def test_what_is_out_of_scope_is_not_answered(figures: Figures) -> None:
    assert figures.outside_not_answered >= OUTSIDE_NOT_ANSWERED


def test_nobody_has_copied_the_set_into_the_examples(lines: list[Line], examples: set[str]) -> None:
    assert share([bare(line.message) in examples for line in lines]) < ALSO_EXAMPLES
