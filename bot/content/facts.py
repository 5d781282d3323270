"""The content against the shared facts, which it may not differ from: institutions, topics, what answers must say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from bot.content import wording
from bot.content.reading import read_yaml
from bot.content.sources import Content, Problem, Source
from bot.content.topics import Topic

# Answered besides: icbca's facts say how long its SMS codes last, though no topic asks for it.
ALSO_ANSWERED = {("otp_validity", "icbca")}

Problems = Iterator[Problem]


def compared(content: Content, facts: Path) -> Problems:
    """What differs from the files in the folder `facts`, or one sentence that they are not there."""
    files = [facts / "institutions.yml", facts / "topics.yml"]
    if not all(file.is_file() for file in files):
        says = (
            "has no institutions.yml and topics.yml, so nothing was compared with them; name the folder with --facts."
        )
        yield Problem(str(facts), 0, says)
        return
    institutions, topics = (read_yaml(file.read_text(encoding="utf-8")) for file in files)
    yield from _institution_facts(content, institutions, files[0])
    yield from _topics_wanted(content, topics, files[1])


def _institution_facts(content: Content, wanted: dict[str, Any], file: Path) -> Problems:
    for id_, facts in wanted.items():
        source = content.institution_files.get(id_)
        if source is None:
            yield Problem(f"data/institutions/{id_}.yml", 0, f"is missing; write it from {file}.")
            continue
        written = _flat(source.data)
        for keys, fact in _flat(facts).items():
            name = ".".join(keys)
            if keys not in written:
                yield source.problem(f"{name} is missing; {file} has {fact!r}.", *keys)
            elif written[keys] != fact:
                yield source.problem(f"{name} is {written[keys]!r}, but {file} has {fact!r}; correct it.", *keys)
        for keys in written.keys() - _flat(facts).keys():
            if keys[0] in ("stated", "default"):
                yield source.problem(f"{'.'.join(keys)} is not in {file}; claim nothing that is not there.", *keys)


def _flat(facts: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
    """Facts by name: those of `stated` and `default` one by one, all else whole."""
    groups = {key: value for key, value in facts.items() if key in ("stated", "default")}
    flat: dict[tuple[str, ...], Any] = {(key,): value for key, value in facts.items() if key not in groups}
    return flat | {(group, name): fact for group, named in groups.items() for name, fact in named.items()}


def _topics_wanted(content: Content, wanted: list[dict[str, Any]], file: Path) -> Problems:
    for id_, (_, source) in content.topics.items():
        if id_ not in {entry["id"] for entry in wanted}:
            yield source.problem(f"{id_} is not in {file}; its topics are fixed, take one of those ids.", "topic")
    for entry in wanted:
        if entry["id"] not in content.topics:
            yield Problem("data/topics", 0, f"the topic {entry['id']} is missing; write a file for it.")
            continue
        topic, source = content.topics[entry["id"]]
        for id_ in set(entry["for"]) - set(topic.answers):
            yield source.problem(f"has no answer for {id_}; {file} names it, write one.", "answers")
        for id_ in set(topic.answers) & set(content.institutions) - set(entry["for"]):
            if (topic.id, id_) not in ALSO_ANSWERED:
                yield source.problem(f"answers for {id_}, which {file} does not name; remove it.", "answers", id_)
        if topic.act != entry.get("act"):
            yield source.problem(f"act is {topic.act}; {file} has {entry.get('act')}, write that.", "act")
        yield from _must(topic, source, entry.get("must", {}), content)


def _must(topic: Topic, source: Source, must: dict[str, list[Any]], content: Content) -> Problems:
    for id_, strings in must.items():
        for language, text in topic.answers.get(id_, {}).items() if id_ in content.institutions else ():
            filled = wording.fill(text, content.institutions[id_].placeholders)
            for finding in wording.left_out(filled, strings):
                yield source.problem(finding.says, "answers", id_, language)


def institutions_wanted(facts: Path | None) -> dict[str, Collection[str]]:
    """Return for each topic the institutions that are to answer it; nothing where there are no facts."""
    file = facts / "topics.yml" if facts else None
    named = read_yaml(file.read_text(encoding="utf-8")) if file and file.is_file() else []
    return {entry["id"]: entry["for"] for entry in named}
