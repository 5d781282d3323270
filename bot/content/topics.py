"""Topic files: one question a file, its examples and its answers. An editor opens one file and sees all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from bot.content.institutions import DATA
from bot.content.reading import read_yaml

EXAMPLE_KINDS = ("zh", "en", "mixed")


class TopicProblem(Exception):
    """A topic file cannot be read; the text is one sentence, file first."""


@dataclass(frozen=True)
class Topic:
    """A question, how customers ask it, and what each institution answers in each language."""

    id: str
    file: Path
    title: Mapping[str, str]
    source: Mapping[str, tuple[str, ...]]  # institution -> names of the facts the answer rests on
    reviewed: date
    expires: date  # from that day the answer is withheld
    examples: Mapping[str, tuple[str, ...]]
    answers: Mapping[str, Mapping[str, str]]  # institution -> language -> text
    next: tuple[str, ...]  # topics offered as buttons
    act: str | None  # the flow that the answer offers to start

    @property
    def all_examples(self) -> tuple[str, ...]:
        return tuple(example for kind in EXAMPLE_KINDS for example in self.examples.get(kind, ()))


def topic_files(folder: Path = DATA / "topics") -> list[Path]:
    """Return the topic files in the order in which they are read: by path."""
    return sorted(folder.glob("*/*.yml"))


def load_topics(folder: Path = DATA / "topics") -> dict[str, Topic]:
    """Return every topic by id; raise `TopicProblem` on the first file that cannot be read."""
    topics: dict[str, Topic] = {}
    for file in topic_files(folder):
        topic = read_topic(file)
        if topic.id in topics:
            raise TopicProblem(f"{file}: topic {topic.id} is already in {topics[topic.id].file}.")
        topics[topic.id] = topic
    return topics


def read_topic(file: Path) -> Topic:
    """Return the topic in `file`; raise `TopicProblem` with the line where YAML or a field is wrong."""
    try:
        data = read_yaml(file.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else "?"
        raise TopicProblem(f"{file}:{line}: this is not YAML: {problem.problem}.") from problem
    if not isinstance(data, dict):
        raise TopicProblem(f"{file}: is empty or not a list of fields; start with `topic: {file.stem}`.")
    return _topic(file, data)


def _topic(file: Path, data: dict[str, Any]) -> Topic:
    unknown = set(data) - {
        "topic", "title", "source", "reviewed", "expires", "examples", "answers", "next", "act"
    }  # fmt: skip
    if unknown:
        raise TopicProblem(f"{file}: unknown field {sorted(unknown)[0]!r}; see README, How to change an answer.")
    try:
        return Topic(
            id=data["topic"],
            file=file,
            title={**data["title"]},
            source={key: tuple(facts) for key, facts in data["source"].items()},
            reviewed=_date(file, data, "reviewed"),
            expires=_date(file, data, "expires"),
            examples={kind: tuple(map(str, lines)) for kind, lines in data["examples"].items()},
            answers={
                institution: {language: text.strip() for language, text in texts.items()}
                for institution, texts in data["answers"].items()
            },
            next=tuple(data.get("next") or ()),
            act=data.get("act"),
        )
    except KeyError as missing:
        raise TopicProblem(f"{file}: the field {missing.args[0]!r} is missing.") from missing
    except (AttributeError, TypeError) as problem:
        raise TopicProblem(f"{file}: a field has the wrong shape ({problem}); compare with another topic.") from problem


def _date(file: Path, data: dict[str, Any], field: str) -> date:
    value = data[field]
    if not isinstance(value, date):
        raise TopicProblem(f"{file}: {field} is {value!r}; write a date such as 2026-11-20.")
    return value
