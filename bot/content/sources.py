"""The content as an editor sees it: files, and which line a value is on, so that a problem can name it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml

from bot.content.flows import Flow, load_flows
from bot.content.institutions import Institution, load_institutions
from bot.content.reading import read_yaml
from bot.content.topics import Topic, TopicProblem, read_topic, topic_files

T = TypeVar("T")
Keys = tuple[str | int, ...]  # of a value: ("answers", "hnyc", "en"), ("examples", "zh", 3)


class Problem(NamedTuple):
    """One sentence about one place; problems sort by file and line."""

    file: str
    line: int  # 0: the file as a whole
    says: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.says}" if self.line else f"{self.file}: {self.says}"


@dataclass(frozen=True)
class Source:
    """A YAML file: its data, and from which line to which each value goes."""

    file: str  # as seen from the project root
    data: Mapping[str, Any]
    lines: tuple[str, ...]
    spans: Mapping[Keys, tuple[int, int]]
    repeated: tuple[Keys, ...]  # keys that a mapping has twice: YAML keeps the last and says nothing

    def problem(self, says: str, *keys: str | int, word: str = "") -> Problem:
        """Return a problem at the value under `keys`, on the first of its lines that has `word`."""
        while keys and keys not in self.spans:
            keys = keys[:-1]
        first, last = self.spans.get(keys, (0, 0))
        found = [n for n in range(max(first, 1), last + 1) if word and word in self.lines[n - 1]]
        return Problem(self.file, found[0] if found else first, says)


class Text(NamedTuple):
    """One text, where it is written, and an institution whose customers read it."""

    source: Source
    keys: Keys
    text: str
    language: str
    institution: Institution
    filled: Collection[str] | None  # placeholders with a value besides the institution's; None: it is shown as it is
    is_title: bool = False


@dataclass(frozen=True)
class Content:
    """All that is checked, read once."""

    institutions: Mapping[str, Institution]
    institution_files: Mapping[str, Source]
    titles: Source
    flows: Mapping[str, Flow]
    flow_files: tuple[Source, ...]
    topics: Mapping[str, tuple[Topic, Source]]
    page_files: tuple[Source, ...]
    intents: frozenset[str]  # that a button may name


class Unreadable(Exception):
    """What all else is judged by cannot be read; the text is one sentence."""


def read_content(data: Path) -> tuple[Content, list[Problem]]:
    """Return what can be read below `data`, and what cannot; raise `Unreadable` when nothing can be judged."""
    root = data.parent
    problems: list[Problem] = []
    flow_files = _sources(sorted(data.glob("flows/*.yml")), root, problems)
    institution_files = _sources(sorted(data.glob("institutions/*.yml")), root, problems)
    topic_sources = _sources(topic_files(data / "topics"), root, problems)
    page_files = _sources(sorted(data.glob("page/*.yml")), root, problems)
    institutions = _needed("data/institutions", root, problems, lambda: load_institutions(data / "institutions"))
    titles = data / "flows" / "titles.yml"
    flows = _needed("data/flows/titles.yml", root, problems, lambda: load_flows(titles))
    domain = _needed("domain.yml", root, problems, lambda: read_yaml((root / "domain.yml").read_text("utf-8")))
    topics = _topics(topic_sources, root, problems)
    for source in (*flow_files, *institution_files, *topic_sources, *page_files):
        for keys in source.repeated:
            says = f"{keys[-1]} is here twice and only the last one counts; remove one."
            problems.append(source.problem(says, *keys))
    content = Content(
        institutions=institutions,
        institution_files={source.data["id"]: source for source in institution_files},
        titles=next(source for source in flow_files if source.file.endswith("titles.yml")),
        flows=flows,
        flow_files=tuple(source for source in flow_files if not source.file.endswith("titles.yml")),
        topics=topics,
        page_files=tuple(page_files),
        intents=frozenset({*map(str, domain["intents"]), *topics}),
    )
    return content, problems


def _topics(sources: list[Source], root: Path, problems: list[Problem]) -> dict[str, tuple[Topic, Source]]:
    topics: dict[str, tuple[Topic, Source]] = {}
    for source in sources:
        try:
            topic = read_topic(root / source.file)
        except TopicProblem as problem:
            problems.append(Problem(source.file, 0, str(problem).removeprefix(f"{root / source.file}: ")))
            continue
        if topic.id in topics:
            says = f"topic {topic.id} is already in {topics[topic.id][1].file}; give this one its own id."
            problems.append(source.problem(says, "topic"))
        topics.setdefault(topic.id, (topic, source))
    return topics


def _needed(file: str, root: Path, problems: list[Problem], read: Callable[[], T]) -> T:
    try:
        return read()
    except (ValueError, KeyError, TypeError, OSError, yaml.YAMLError) as problem:
        known = [str(one) for one in problems if one.file.startswith(file)]
        says = str(problem).replace(f"{root}/", "")
        named = says if says.startswith(file) else f"{file}: {type(problem).__name__} {says}; put it right first."
        raise Unreadable(known[0] if known else named) from problem


def _sources(files: list[Path], root: Path, problems: list[Problem]) -> list[Source]:
    read = [_source(file, root) for file in files]
    problems += [problem for problem in read if isinstance(problem, Problem)]
    return [source for source in read if isinstance(source, Source)]


def _source(file: Path, root: Path) -> Source | Problem:
    text, name = file.read_text(encoding="utf-8"), str(file.relative_to(root))
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()  # with its lines
        data = loader.construct_document(node) if node else None  # type: ignore[no-untyped-call]
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 0
        return Problem(name, line, f"this is not YAML: {problem.problem}; compare with another file.")
    if not isinstance(data, dict) or node is None:
        return Problem(name, 0, "is empty or has no fields; compare with another file.")
    spans: dict[Keys, tuple[int, int]] = {}
    repeated = []
    for keys, first, last in _places(node, ()):
        if keys in spans:
            repeated.append(keys)
        spans[keys] = (first, last)
    return Source(name, data, tuple(text.splitlines()), spans, tuple(repeated))


def _places(node: yaml.Node, keys: Keys) -> Iterator[tuple[Keys, int, int]]:
    below: list[tuple[str | int, yaml.Node, yaml.Node]] = []
    if isinstance(node, yaml.MappingNode):
        below = [(key.value, key, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        below = [(index, value, value) for index, value in enumerate(node.value)]
    for key, start, value in below:
        first, end = start.start_mark.line + 1, value.end_mark
        # A block of text ends at the start of the line after it.
        yield (*keys, key), first, max(first, end.line + 1 if end.column else end.line)
        yield from _places(value, (*keys, key))
