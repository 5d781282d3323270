"""`anxin check`: what is wrong with the content, one sentence a problem, file first, with the fix.

One check a function, from what was read to problems; none changes anything. What a single text may not
say is in `wording.py`, what the responses of flows need is in `responses.py`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import yaml

from bot.content import responses, wording
from bot.content.institutions import DATA
from bot.content.language import LANGUAGES
from bot.content.sources import Content, Problem, Source, Text, Unreadable, read_content
from bot.content.topics import EXAMPLE_KINDS, Topic

LEAST_EXAMPLES = {"zh": 15, "en": 10}
LEAST_EXAMPLES_IN_ALL = 25
NOTICES = "notices.yml"  # a source that is not one institution's fact

Problems = Iterator[Problem]


def check_content(facts: Path | None, data: Path = DATA, today: date | None = None) -> list[str]:
    """Return what is wrong with the content in `data`, as sentences in the order of files and lines.

    `facts`: the folder of the shared facts; None: do not compare. When they are not there, one sentence says so.
    """
    try:
        content, unreadable = read_content(data)
    except Unreadable as problem:
        return [str(problem)]
    day = today or datetime.now(timezone.utc).date()
    found = {*unreadable, *_examples(content), *responses.problems(content)}
    found.update(_placeholders(content), _facts(content, facts) if facts else ())
    for topic, source in content.topics.values():
        found.update(_names(topic, source, content), _languages(topic, source, content), _review(topic, source, day))
        found.update(_sources(topic, source, content), _example_numbers(topic, source))
    for flow in content.flows.values():
        found.update(_each_language(content.titles, flow.title, "the title", flow.id, "title"))
    for text in (*_topic_texts(content), *responses.texts(content)):
        found.update(_wording(text, content))
    return [str(problem) for problem in sorted(found)]


# --- a topic ------------------------------------------------------------------------------------


def _names(topic: Topic, source: Source, content: Content) -> Problems:
    if topic.id != topic.file.stem:
        yield source.problem(
            f"the topic is {topic.id}, but the file is {topic.file.name}; rename one of them.", "topic"
        )
    for index, id_ in enumerate(topic.next):
        if id_ not in content.topics or id_ == topic.id:
            yield source.problem(f"next names {id_}, which is no other topic; remove it.", "next", index)
    if topic.act and topic.act not in content.flows:
        known = ", ".join(content.flows)
        yield source.problem(f"act names {topic.act}, which is no flow; write one of {known}.", "act")


def _languages(topic: Topic, source: Source, content: Content) -> Problems:
    yield from _each_language(source, topic.title, "the title", "title")
    for id_, texts in topic.answers.items():
        if id_ not in content.institutions:
            known = ", ".join(content.institutions)
            yield source.problem(f"answers for {id_}, which is no institution; write one of {known}.", "answers", id_)
        yield from _each_language(source, texts, f"the answer of {id_}", "answers", id_)


def _each_language(source: Source, texts: Mapping[str, str], what: str, *keys: str) -> Problems:
    for language in LANGUAGES:
        if not texts.get(language):
            yield source.problem(f"{what} has no {language}; write it.", *keys)
    for language in set(texts) - set(LANGUAGES):
        yield source.problem(f"{language} is no language; write one of {', '.join(LANGUAGES)}.", *keys, language)


def _review(topic: Topic, source: Source, today: date) -> Problems:
    if topic.expires <= today:
        says = f"the review expired on {topic.expires} and the answer is withheld; review it and set both dates."
        yield source.problem(says, "expires")


def _sources(topic: Topic, source: Source, content: Content) -> Problems:
    for id_ in topic.answers:
        if not topic.source.get(id_):
            yield source.problem(f"nothing says what {id_}'s answer rests on; name its facts in source.", "source")
    for id_, names in topic.source.items():
        institution = content.institutions.get(id_)
        for index, name in enumerate(names):
            if not institution or name not in {*institution.facts, NOTICES}:
                says = f"{name} is not a fact of {id_}; write a key of data/institutions/{id_}.yml or {NOTICES}."
                yield source.problem(says, "source", id_, index)


def _example_numbers(topic: Topic, source: Source) -> Problems:
    for kind in set(topic.examples) - set(EXAMPLE_KINDS):
        says = f"{kind} is not read; put its examples under one of {', '.join(EXAMPLE_KINDS)}."
        yield source.problem(says, "examples", kind)
    for kind, least in LEAST_EXAMPLES.items():
        count = len(topic.examples.get(kind, ()))
        if count < least:
            says = f"has {count} examples in {kind}; write at least {least}, as different people would ask."
            yield source.problem(says, "examples", kind)
    count = len(topic.all_examples)
    if count < LEAST_EXAMPLES_IN_ALL:
        yield source.problem(f"has {count} examples in all; write at least {LEAST_EXAMPLES_IN_ALL}.", "examples")


# --- examples of all ------------------------------------------------------------------------------


def _examples(content: Content) -> Problems:
    seen: dict[str, tuple[str, str]] = {}
    for id_, example, place in (*_topic_examples(content), *responses.examples(content)):
        plain = "".join(unicodedata.normalize("NFKC", example).lower().split())
        if plain in seen:
            first, where = seen[plain]
            says = f"the example {example!r} of {id_} is also in {where}, of {first}; keep it in one of them."
            yield place._replace(says=says)
        seen.setdefault(plain, (id_, f"{place.file}:{place.line}"))


def _topic_examples(content: Content) -> Iterator[tuple[str, str, Problem]]:
    for topic, source in content.topics.values():
        for kind in EXAMPLE_KINDS:
            for index, example in enumerate(topic.examples.get(kind, ())):
                yield topic.id, example, source.problem("", "examples", kind, index)


# --- texts ----------------------------------------------------------------------------------------


def _topic_texts(content: Content) -> Iterator[Text]:
    for topic, source in content.topics.values():
        for institution in (content.institutions[id_] for id_ in topic.answers if id_ in content.institutions):
            for language, text in topic.answers[institution.id].items():
                keys = ("answers", institution.id, language)
                yield Text(source, keys, text, language, institution, responses.ALWAYS_FILLED)
            for language, title in topic.title.items():
                yield Text(source, ("title", language), str(title), language, institution, (), is_title=True)


def _wording(text: Text, content: Content) -> Problems:
    reader, language = text.institution, text.language
    filled = wording.fill(text.text, reader.placeholders)
    for finding in (
        *wording.unknown_placeholders(text.text, {*reader.placeholders, *text.filled}),
        *wording.other_script(text.text, language, reader),
        *wording.words_of_elsewhere(text.text, language, reader),
        *wording.contacts_of_others(filled, reader, content.institutions.values()),
        *(wording.title_too_long if text.is_title else wording.too_long)(filled, language),
    ):
        yield text.source.problem(finding.says, *text.keys, word=finding.word)


# --- institutions, and the shared facts -----------------------------------------------------------


def _placeholders(content: Content) -> Problems:
    for id_, institution in content.institutions.items():
        for name, value in institution.placeholders.items():
            # A number, an address or hours; what is shorter is a limit in other words (300 seconds, 5 minutes).
            if len(value) >= 5 and value not in str(institution.facts):
                says = f"{name} shows {value}, which no fact of {id_} says; correct one of them."
                yield content.institution_files[id_].problem(says, "placeholders", name)


def _facts(content: Content, facts: Path) -> Problems:
    files = [facts / "institutions.yml", facts / "topics.yml"]
    if not all(file.is_file() for file in files):
        says = (
            "has no institutions.yml and topics.yml, so nothing was compared with them; name the folder with --facts."
        )
        yield Problem(str(facts), 0, says)
        return
    institutions, topics = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in files)
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
        if topic.act != entry.get("act"):
            yield source.problem(f"act is {topic.act}; {file} has {entry.get('act')}, write that.", "act")
        yield from _must(topic, source, entry.get("must", {}), content)


def _must(topic: Topic, source: Source, must: dict[str, list[Any]], content: Content) -> Problems:
    for id_, strings in must.items():
        for language, text in topic.answers.get(id_, {}).items() if id_ in content.institutions else ():
            filled = wording.fill(text, content.institutions[id_].placeholders)
            for any_of in (string if isinstance(string, list) else [string] for string in strings):
                if not any(str(one) in filled for one in any_of):
                    says = f"the answer does not say {' or '.join(map(str, any_of))}, which it must; add it."
                    yield source.problem(says, "answers", id_, language)
