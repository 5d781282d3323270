"""What flows need to know of a message, by rules: platforms, references, days, numbers, institutions.

No two finds overlap; nothing is found in e-mail addresses and links. The value of a number is never its
digits, and no entity found here has the name of one that fills a slot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from bot.content.institutions import Institution
from bot.content.spelling import GAPS, compact, plain
from bot.contracts.redaction import HIDDEN, ascii_digits
from bot.contracts.references import find_notice_references, find_references
from bot.engine.understanding.dates import VEIL, Today, find_days

NAMES = ("platform", "report_reference", "notice_reference", "date", "number", "institution")
HIDDEN_NUMBER = "hidden"
NUMBER_DIGITS = range(5, 17)

Meaning = tuple[str, str] | None  # entity and value; None: an ordinary word


class Entity(NamedTuple):
    """A find: `text[start:end]` is an `entity`, and means `value`."""

    start: int
    end: int
    entity: str
    value: str


class EntityRules:
    """Finds entities in messages, knowing at which institution they are written; everything is compiled once."""

    def __init__(self, institutions: Mapping[str, Institution]) -> None:
        self._institutions = institutions
        self._published = frozenset().union(*(one.published_numbers for one in institutions.values()))
        self._meanings: dict[str, dict[str, Meaning]] = {}
        self._names: dict[str, re.Pattern[str]] = {}
        for one in institutions.values():
            meanings = list(_meanings(one, institutions.values()))
            self._names[one.id] = _pattern(spelling for spelling, _ in meanings)
            self._meanings[one.id] = {compact(spelling): meaning for spelling, meaning in meanings}

    def find(self, text: str, institution: str, now: datetime) -> list[Entity]:
        """Return the entities of `text` from left to right; `now`: in the institution's zone, for days."""
        today = Today(now, day_first=self._institutions[institution].jurisdiction == "HK")
        if "." in text:
            text = _veiled(text, [match.span() for match in _ADDRESS.finditer(text)])
        found = [Entity(start, end, "report_reference", value) for start, end, value in find_references(text)]
        unread = _veiled(text, found)
        found += [Entity(start, end, "notice_reference", value) for start, end, value in find_notice_references(unread)]
        shadow = _veiled(plain(text), found)
        found += [Entity(start, end, "date", day.isoformat()) for start, end, day in find_days(shadow, today)]
        shadow = _veiled(shadow, found)
        found += [Entity(*span, "number", HIDDEN_NUMBER) for span in self._numbers(shadow)]
        found += self._named(shadow, institution)
        return sorted(found)

    def _numbers(self, shadow: str) -> Iterator[tuple[int, int]]:
        for run in _NUMBER.finditer(shadow):
            if ascii_digits(run.group()) in self._published:
                continue
            for start, end in _apart(run):
                digits = ascii_digits(shadow[start:end])
                if not digits or (len(digits) in NUMBER_DIGITS and digits not in self._published):
                    yield start, end

    def _named(self, shadow: str, institution: str) -> Iterator[Entity]:
        meanings = self._meanings[institution]
        for match in self._names[institution].finditer(shadow):
            meaning = meanings[match.group().translate(_WITHOUT_GAPS)]
            if meaning:
                yield Entity(*match.span(), *meaning)


# Hidden digits, or digits with single spaces and hyphens; an amount or a price is no number.
_NUMBER = re.compile(
    rf"{HIDDEN}+|(?<![0-9.,])(?<![0-9][ -])[0-9](?:[ -]{{0,3}}[0-9])*(?![.,/:]?[0-9]| ?[元块圆股张万亿%])"
)
# In the customer's own text: in its plain form 「，」 would be a part of a link.
_ADDRESS = re.compile(
    r"(?:https?://|www\.)[!-~]+(?:[\u3400-\u9fff]+/[!-~]*)*"
    r"|(?<![a-z0-9._%+•-])[a-z0-9._%+•-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+"
    r"|(?<![a-z0-9.@-])(?:[a-z0-9-]+\.)+(?:com|net|org|tw|hk|cn)(?![a-z0-9-])(?:/[!-~]*)?",
    re.IGNORECASE | re.ASCII,
)
_WITHOUT_GAPS = dict.fromkeys(map(ord, GAPS))


def _apart(run: re.Match[str]) -> list[tuple[int, int]]:
    """Return where the numbers in a run of digits may be: its parts, if each is long enough alone or all are too long."""
    parts = [(run.start() + part.start(), run.start() + part.end()) for part in re.finditer("[^ ]+", run.group())]
    lengths = [len(ascii_digits(run.string[start:end])) for start, end in parts]
    is_one = sum(lengths) < NUMBER_DIGITS.stop and min(lengths) < NUMBER_DIGITS.start
    return [run.span()] if is_one else parts


def _veiled(text: str, spans: Iterable[tuple[int, ...] | Entity]) -> str:
    """Return `text` with the spans blotted out, every position unchanged."""
    for start, end, *_ in spans:
        text = text[:start] + VEIL * (end - start) + text[end:]
    return text


def _meanings(here: Institution, institutions: Iterable[Institution]) -> Iterator[tuple[str, Meaning]]:
    """Yield each spelling and what it means in a conversation with `here`; of two equal ones the later counts."""
    for one in institutions:
        for spelling in (one.id, one.brand, *one.name.values(), *one.names_spelled):
            yield spelling, ("institution", one.id)
    for platform in here.platforms:
        for spelling in (platform, *here.platform_spellings.get(platform, ())):
            yield spelling, ("platform", platform)
    for word in here.no_platforms:
        yield word, None


def _pattern(spellings: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of all spellings that takes the longest that fits, and never a part of a Latin word."""
    longest_first = sorted(spellings, key=lambda spelling: (compact(spelling)[0], -len(compact(spelling)), spelling))
    alike = groupby(longest_first, key=lambda spelling: compact(spelling)[0])
    return re.compile("|".join(_beginning_with(first, list(rest)) for first, rest in alike))


def _beginning_with(first: str, spellings: list[str]) -> str:
    before = "(?<![a-z0-9])" if _is_latin(first) else ""
    return before + re.escape(first) + "(?:" + "|".join(map(_after_the_first, spellings)) + ")"


def _after_the_first(spelling: str) -> str:
    """Return the pattern of all but the first character; gaps may stand anywhere but inside a Latin word."""
    first, *others = list(plain(spelling).strip(GAPS))
    pieces, before, may_part = [], first, False
    for character in others:
        if character in GAPS:
            may_part = True
            continue
        inside = _is_latin(before) and _is_latin(character) and not may_part
        pieces.append(re.escape(character) if inside else _GAP + re.escape(character))
        before, may_part = character, False
    return "".join(pieces) + ("(?![a-z0-9])" if _is_latin(before) else "")


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


_GAP = f"[{re.escape(GAPS)}]{{0,3}}"
