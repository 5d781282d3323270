"""`anxin check`: what is wrong with the content, one sentence a problem, file first, with the fix.

One check a function, from what was read to problems; none changes anything. What a single text may not
say is in `wording.py`, what the responses of flows need in `responses.py`, what the facts want in `facts.py`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timezone
from pathlib import Path

from bot.content import responses, wording
from bot.content.facts import compared
from bot.content.institutions import DATA, Institution
from bot.content.language import LANGUAGES
from bot.content.sources import Content, Problem, Source, Text, Unreadable, read_content
from bot.content.spelling import compact
from bot.content.topics import EXAMPLE_KINDS, Topic

LEAST_EXAMPLES = {"zh": 24, "en": 10, "mixed": 6}  # of a topic
LEAST_OUT_OF_SCOPE = 400
OUT_OF_SCOPE = "out_of_scope"
# By file of the page: placeholders with a value besides the institution's; None: its texts are shown as they are.
FILLED_ON_PAGE: Mapping[str, frozenset[str] | None] = {
    "labels": None,
    "errors": responses.ALWAYS_FILLED,
    "links": frozenset({"time", "where", "numbered", "platform", "reference"}),
}
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
    found = {*unreadable, *_examples(content), *_out_of_scope(content), *responses.problems(content), *_page(content)}
    found.update(_placeholders(content), _spellings(content), compared(content, facts) if facts else ())
    for topic, source in content.topics.values():
        found.update(_names(topic, source, content), _languages(topic, source, content), _review(topic, source, day))
        found.update(_sources(topic, source, content), _example_numbers(topic, source))
    for flow in content.flows.values():
        found.update(_each_language(content.titles, flow.title, "the title", flow.id, "title"))
    for text in (*topic_texts(content), *responses.texts(content), *_page_texts(content)):
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
    if topic.reviewed > today:
        yield source.problem(f"reviewed is {topic.reviewed}, a day to come; write the day of the review.", "reviewed")


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


# --- examples of all ------------------------------------------------------------------------------


def _examples(content: Content) -> Problems:
    seen: dict[str, tuple[str, str]] = {}
    for id_, example, place in (*_topic_examples(content), *responses.examples(content)):
        plain = same_example(example)
        if plain in seen:
            first, where = seen[plain]
            says = f"the example {example!r} of {id_} is also in {where}, of {first}; keep it in one of them."
            yield place._replace(says=says)
        seen.setdefault(plain, (id_, f"{place.file}:{place.line}"))


def same_example(example: str) -> str:
    """Return what two examples that differ in width, case, spaces or punctuation only have in common."""
    normal = unicodedata.normalize("NFKC", example).lower()
    return "".join(filter(str.isalnum, normal)) or "".join(normal.split())


def _out_of_scope(content: Content) -> Problems:
    lines = [place for intent, _, place in responses.examples(content) if intent == OUT_OF_SCOPE]
    if OUT_OF_SCOPE in content.intents and len(lines) < LEAST_OUT_OF_SCOPE:
        says = f"has {len(lines)} examples of {OUT_OF_SCOPE}; write at least {LEAST_OUT_OF_SCOPE}."
        yield lines[0]._replace(line=0, says=says) if lines else Problem("data/flows", 0, says)


def _topic_examples(content: Content) -> Iterator[tuple[str, str, Problem]]:
    for topic, source in content.topics.values():
        for kind in EXAMPLE_KINDS:
            for index, example in enumerate(topic.examples.get(kind, ())):
                yield topic.id, example, source.problem("", "examples", kind, index)


# --- texts ----------------------------------------------------------------------------------------


def topic_texts(content: Content) -> Iterator[Text]:
    """Every answer, and every title once for each institution whose customers read it."""
    for topic, source in content.topics.values():
        for institution in (content.institutions[id_] for id_ in topic.answers if id_ in content.institutions):
            for language, text in topic.answers[institution.id].items():
                keys = ("answers", institution.id, language)
                yield Text(source, keys, text, language, institution, responses.ALWAYS_FILLED)
            for language, title in topic.title.items():
                yield Text(source, ("title", language), str(title), language, institution, None, is_title=True)


def _page_texts(content: Content) -> Iterator[Text]:
    """Labels, errors and first words of the page, once for each institution whose customers read them."""
    for source in content.page_files:
        filled = FILLED_ON_PAGE.get(Path(source.file).stem.partition("_")[0], frozenset())
        for name, language in ((name, language) for name, texts in source.data.items() for language in texts):
            for institution in _readers(source, content):
                yield Text(source, (name, language), str(source.data[name][language]), language, institution, filled)


def _readers(source: Source, content: Content) -> list[Institution]:
    """Return for whom a file of the page is: `links_hnyc.yml` for hnyc, `links.yml` for who has none of their own."""
    kind, _, own = Path(source.file).stem.partition("_")
    taken = {
        stem.partition("_")[2]
        for stem in (Path(page.file).stem for page in content.page_files)
        if stem.startswith(f"{kind}_")
    }
    return [one for id_, one in content.institutions.items() if (id_ == own if own else id_ not in taken)]


def _page(content: Content) -> Problems:
    for source in content.page_files:
        for name, texts in source.data.items():
            yield from _each_language(source, texts, name, name)


def _wording(text: Text, content: Content) -> Problems:
    reader, language = text.institution, text.language
    filled = wording.fill(text.text, reader.placeholders)
    known = set() if text.filled is None else {*reader.placeholders, *text.filled}
    for finding in (
        *wording.unknown_placeholders(text.text, known),
        *wording.other_script(text.text, language, reader),
        *wording.words_of_elsewhere(text.text, language, reader),
        *wording.facts_of_others(filled, reader, content.institutions.values()),
        *(wording.title_too_long if text.is_title else wording.too_long)(filled, language),
    ):
        yield text.source.problem(finding.says, *text.keys, word=finding.word)


# --- institutions -----------------------------------------------------------


def _placeholders(content: Content) -> Problems:
    for id_, institution in content.institutions.items():
        for name, value in institution.placeholders.items():
            # A number, an address or hours; what is shorter is a limit in other words (300 seconds, 5 minutes).
            if len(value) >= 5 and value not in str(institution.facts):
                says = f"{name} shows {value}, which no fact of {id_} says; correct one of them."
                yield content.institution_files[id_].problem(says, "placeholders", name)


def _spellings(content: Content) -> Problems:
    for id_, institution in content.institutions.items():
        source = content.institution_files[id_]
        meant = {compact(name): name for name in institution.platforms}
        for name, spellings in institution.platform_spellings.items():
            keys = ("limits", "platform_spellings", name)
            if name not in institution.platforms:
                yield source.problem(f"{name} is no platform of {id_}; write one of limits.platforms.", *keys)
            for spelling in spellings:
                other = meant.setdefault(compact(spelling), name)
                if other != name:
                    says = f"{spelling} is a spelling of {name} and of {other}; keep it at one of them."
                    yield source.problem(says, *keys, word=spelling)
        for word in institution.no_platforms:
            if compact(word) in meant:
                says = f"{word} is no platform and a spelling of {meant[compact(word)]}; keep one of them."
                yield source.problem(says, "limits", "no_platforms", word=word)
