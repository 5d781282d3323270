"""`anxin check --table`: every question and transaction, at every institution, in every language, at a glance.

Columns are counted as a terminal shows them: a Chinese character is two wide. Lines fit into `WIDTH`.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime, timezone
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from bot.content import responses
from bot.content.facts import institutions_wanted
from bot.content.institutions import DATA
from bot.content.language import LANGUAGE_NAMES, LANGUAGES
from bot.content.sources import Content, Unreadable, read_content
from bot.content.topics import EXAMPLE_KINDS, Topic

WIDTH = 100
NEXT_TO_EXPIRE = 5
HAS, MISSING, WITHHELD, NOT_HERE = "✓", "-", "x", " "
_HEADS = {"zh-Hant": "繁", "zh-Hans": "简", "en": "En"}
_ID, _TITLE = 27, 24  # columns: certificate_apply_or_renew; a title is a button of 12 characters at most
_COUNTS, _EXPIRES = (4, 4, 5), 11

Marks = Mapping[str, str]  # institution -> one mark a language, in their order
Wanted = Mapping[str, Collection[str]]  # topic -> the institutions that are to answer it


class Row(NamedTuple):
    """One topic or flow."""

    id: str
    title: str
    marks: Marks
    examples: Mapping[str, int]
    expires: date | None  # flows have no review


def coverage(facts: Path | None, data: Path = DATA, today: date | None = None, in_colour: bool = False) -> list[str]:
    """Return the lines of the table; with `facts`, what they name and nobody answers is missing."""
    try:
        content, _ = read_content(data)
    except Unreadable as problem:
        return [str(problem)]
    day = today or datetime.now(timezone.utc).date()
    return _table(content, day, institutions_wanted(facts), in_colour)


def _table(content: Content, today: date, wanted: Wanted, in_colour: bool) -> list[str]:
    topics = {area: list(rows) for area, rows in groupby(_topic_rows(content, today, wanted), lambda row: row[0])}
    flows = list(_flow_rows(content))
    lines = [*_legend(), ""]
    for area, found in topics.items():
        count = f"{len(found)} topic{'s' if len(found) > 1 else ''}"
        lines += [*_section(f"{area}: {count}", [row for _, row in found], content, in_colour), ""]
    lines += [*_section("flows, what the assistant does", flows, content, in_colour), ""]
    rows = [row for found in topics.values() for _, row in found]
    return [*lines, *_expiring(rows, today, in_colour), "", *_totals(rows, flows, content, in_colour)]


# --- what is there ------------------------------------------------------------------------------


def _topic_rows(content: Content, today: date, wanted: Wanted) -> Iterator[tuple[str, Row]]:
    for topic, _ in content.topics.values():
        marks = {id_: _topic_marks(topic, id_, today, wanted) for id_ in content.institutions}
        examples = {kind: len(topic.examples.get(kind, ())) for kind in EXAMPLE_KINDS}
        title = str(topic.title.get("zh-Hant", ""))
        yield topic.file.parent.name, Row(topic.id, title, marks, examples, topic.expires)


def _topic_marks(topic: Topic, institution: str, today: date, wanted: Wanted) -> str:
    if institution not in {*topic.answers, *wanted.get(topic.id, ())}:
        return NOT_HERE * len(LANGUAGES)
    texts, written = topic.answers.get(institution, {}), WITHHELD if topic.expires <= today else HAS
    return "".join(written if texts.get(language) else MISSING for language in LANGUAGES)


def _flow_rows(content: Content) -> Iterator[Row]:
    answered = responses.answered(content)
    examples: dict[str, Counter[str]] = {}
    for intent, example, _ in responses.examples(content):
        examples.setdefault(intent, Counter())[_kind(example)] += 1
    for flow in content.flows.values():
        marks = {}
        for id_ in content.institutions:
            said = [flow.title.get(language) and (flow.id, id_, language) in answered for language in LANGUAGES]
            here = "".join(HAS if words else MISSING for words in said)
            marks[id_] = here if id_ in flow.institutions else NOT_HERE * len(LANGUAGES)
        yield Row(flow.id, str(flow.title.get("zh-Hant", "")), marks, examples.get(flow.id, Counter()), None)


def _kind(example: str) -> str:
    """Examples of flows are one list; which kind one is shows in its characters."""
    chinese = any("\u3100" <= character <= "\u9fff" for character in example)
    latin = any(character.isascii() and character.isalpha() for character in example)
    return ("mixed" if latin else "zh") if chinese else "en"


# --- how it is shown ------------------------------------------------------------------------------


def _legend() -> list[str]:
    heads = ", ".join(f"{_HEADS[language]} {LANGUAGE_NAMES[language]}" for language in LANGUAGES)
    return [
        f"{HAS} has words   {MISSING} missing   {WITHHELD} withheld, its review has expired   (blank) not asked there",
        f"Languages: {heads}. Examples: Chinese, English, mixed or misspelt.",
    ]


def _section(title: str, rows: list[Row], content: Content, in_colour: bool) -> Iterator[str]:
    cells = {id_: max(2 * len(LANGUAGES), len(id_)) for id_ in content.institutions}
    room = WIDTH - _ID - sum(columns + 1 for columns in (*cells.values(), *_COUNTS, _EXPIRES))
    titles = max(0, min(_TITLE, room))  # with more institutions than three, titles give way

    def line(first: str, marks: Mapping[str, str], rest: Iterable[str]) -> str:
        return _line([shown(first, _ID + titles), *(shown(marks[id_], cells[id_]) for id_ in cells), *rest])

    yield _bold(line(title, {id_: id_ for id_ in cells}, ["  zh", "  en", "mixed", " expires"]), in_colour)
    yield line("", dict.fromkeys(cells, "".join(shown(_HEADS[language], 2) for language in LANGUAGES)), [])
    for row in rows:
        counts = [f"{row.examples.get(kind, 0):>{wide}}" for kind, wide in zip(EXAMPLE_KINDS, _COUNTS, strict=True)]
        marks = {id_: "".join(f"{mark} " for mark in row.marks[id_]) for id_ in cells}
        one = line(shown(row.id, _ID) + row.title, marks, [*counts, f" {row.expires or ''}"])
        yield _red(one, in_colour and not set("".join(row.marks.values())) <= {HAS, NOT_HERE})


def _expiring(rows: list[Row], today: date, in_colour: bool) -> Iterator[str]:
    yield _bold("What expires next", in_colour)
    coming = sorted((row.expires, row.id, row.title) for row in rows if row.expires and row.expires > today)
    for expires, id_, title in coming[:NEXT_TO_EXPIRE]:
        days = (expires - today).days
        when = f"{expires}  in {days} {'day' if days == 1 else 'days'}"
        yield _line([shown(when, _ID), shown(id_, _ID), title])
    more = [expires for expires, _, _ in coming[NEXT_TO_EXPIRE:]]
    if more and more[0] == coming[NEXT_TO_EXPIRE - 1][0]:
        yield f"{more[0]}  and {more.count(more[0])} more on that day"
    if not coming:
        yield "nothing: no answer is valid any more"


def _totals(rows: list[Row], flows: list[Row], content: Content, in_colour: bool) -> Iterator[str]:
    columns = ("topics", "complete", "missing", "withheld", "flows", "complete")
    head = [shown("Totals", 8), shown("", _TITLE), *(f"{name:>9}" for name in columns)]
    yield _bold(_line(head), in_colour)
    for id_, institution in content.institutions.items():
        name = shown(institution.name.get("zh-Hant", ""), _TITLE)
        yield _line(
            [shown(id_, 8), name, *(f"{count:>9}" for count in (*_counts(rows, id_), *_flow_counts(flows, id_)))]
        )
    lines = Counter(_kind(example) for intent, example, _ in responses.examples(content) if intent == "out_of_scope")
    kinds = ", ".join(f"{lines[kind]} {kind}" for kind in EXAMPLE_KINDS)
    examples = sum(sum(row.examples.values()) for row in rows)
    yield ""
    yield f"{len(rows)} topics with {examples} examples; out of scope: {lines.total()} examples ({kinds})."


def _counts(rows: Iterable[Row], institution: str) -> tuple[int, int, int, int]:
    """Topics; those with words in every language; languages missing; languages withheld."""
    marks = [row.marks[institution] for row in rows if row.marks[institution].strip()]
    joined = "".join(marks)
    return len(marks), marks.count(HAS * len(LANGUAGES)), joined.count(MISSING), joined.count(WITHHELD)


def _flow_counts(flows: Iterable[Row], institution: str) -> tuple[int, int]:
    return _counts(flows, institution)[:2]


def shown(text: str, columns: int) -> str:
    """Return `text` filled up with spaces, or cut, to as many columns of a terminal."""
    kept, used = "", 0
    for character in text:
        used += width(character)
        if used > columns:
            break
        kept += character
    return kept + " " * (columns - width(kept))


def width(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _line(cells: Iterable[str]) -> str:
    return " ".join(cells).rstrip()


def _bold(text: str, in_colour: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if in_colour else text


def _red(text: str, in_colour: bool) -> str:
    return f"\x1b[31m{text}\x1b[0m" if in_colour else text
