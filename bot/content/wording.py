"""What one text may not say: characters of the other script, words of another place, another firm's facts.

Functions of values: a text in, findings out. `checks.py` knows the files they are in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

import opencc

from bot.content import places
from bot.content.institutions import Institution
from bot.content.language import LANGUAGE_NAMES
from bot.content.spelling import INVISIBLE, compact
from bot.contracts.redaction import ascii_digits

MOST_CHARACTERS = 350  # of a Chinese answer, outside its numbered steps: it is read on a phone
MOST_WORDS = 120  # of an English one
MOST_TITLE_CHARACTERS = 12  # a title is a button
MOST_TITLE_WORDS = 5

# Simplified in form, and ordinary in Traditional text as well: 台北, 皇后, 公里, 干擾, 人云亦云, 茶几, 于右任 …
_IN_BOTH_SCRIPTS = frozenset(
    "台后里干云几于准斗占征群床游采冲郁吁厘咸丑仆朴杰丰凶岩灶熏痴皂涌淀范粽吃晒秘伙佣划咨唇夸岳峰雇霉"
)

_STEP = re.compile(r"^\s*\d+[.．、]")
_QUOTED = re.compile(r"[「『“《]([^」』”》]+)[」』”》]")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_NUMBER = re.compile(r"\+?\d(?:[ ()-]{0,2}\d)+")
_BRACES = re.compile(r"[{｛][^{}｛｝]*[}｝]?|[}｝]")
_LEAST_DIGITS = 7  # of a phone number
_CONTACT = re.compile(r"[\w:/@+-]+(?:\.[\w:/@+-]+)+", re.ASCII)  # ot@entrust.com.tw, https://…, www.gtjas.com.hk
_LEAST_OF_A_NAME = 3  # characters: 工銀 alone is part of other words
_COMMON_NAMES = frozenset({"客戶服務", "客戶服務部", "手機版"})  # in a firm's facts, and anybody's


class Finding(NamedTuple):
    """Something wrong in a text: the word by which its line is found, and the sentence."""

    word: str
    says: str


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with every known placeholder filled in."""
    return _BRACES.sub(lambda match: values.get(match.group()[1:-1], match.group()), text)


def unknown_placeholders(text: str, known: Collection[str]) -> Iterator[Finding]:
    write = f"write one of {', '.join(sorted(known))}" if known else "write it out"
    for braces in _BRACES.findall(text):
        if braces not in {f"{{{name}}}" for name in known}:
            yield Finding(braces, f"{braces} is not filled in here; {write}.")


def other_script(text: str, language: str, institution: Institution) -> Iterator[Finding]:
    """Characters that only the other script has, but for names that the facts write so, quoted."""
    facts = str(institution.facts)
    names = [quoted for quoted in _QUOTED.findall(text) if quoted in facts]
    for character in dict.fromkeys(_without(text, [*names, *LANGUAGE_NAMES.values()])):
        right = _in_script(character, language)
        if right != character:
            kind = "Simplified" if language == "zh-Hant" else "Traditional"
            yield Finding(character, f"{character} is a {kind} character in a {language} text; write {right}.")


def words_of_elsewhere(text: str, language: str, institution: Institution) -> Iterator[Finding]:
    """Words that are not said where the reader is, but for the names of the institution's own things."""
    place = _place(language, institution)
    if place:
        plain = _without(text, [_in_language(name, language) for name in institution.things])
        for word, right in places.words_of_elsewhere(plain, place):
            yield Finding(word, f"{word} is not what people say in {place}; write {right}.")


def facts_of_others(text: str, institution: Institution, all_: Iterable[Institution]) -> Iterator[Finding]:
    """Another institution's phone numbers, mailboxes, addresses, names, platforms, products and menus."""
    for other in all_:
        words = [*_numbers_of(other, text, institution), *_contacts_of(other, text, institution)]
        for word in (*words, *_names_of(other, text, institution)):
            says = f"{word} is {other.id}'s, and this is read by customers of {institution.id}; remove it."
            yield Finding(word, says)


def _numbers_of(other: Institution, text: str, reader: Institution) -> list[str]:
    foreign = {n for n in other.published_numbers - reader.published_numbers if len(n) >= _LEAST_DIGITS}
    return [run for run in _NUMBER.findall(text) if any(number in ascii_digits(run) for number in foreign)]


def _contacts_of(other: Institution, text: str, reader: Institution) -> list[str]:
    foreign = _hosts(str(other.facts)) - _hosts(str(reader.facts))
    return [found for found in _CONTACT.findall(text) if any(host in found for host in foreign)]


@lru_cache(maxsize=256)
def _hosts(text: str) -> frozenset[str]:
    """Return the registered names in mailboxes and addresses: entrust.com.tw of ot@mhu.entrust.com.tw."""
    hosts = (re.split(r"[/@]+", contact)[1] for contact in _CONTACT.findall(text) if re.search("[/@]", contact))
    return frozenset(".".join(host.split(".")[-3:]) for host in hosts)


def _names_of(other: Institution, text: str, reader: Institution) -> list[str]:
    rest, found = compact(_CONTACT.sub(INVISIBLE, text)), []
    for name, plain in _foreign_names(other.names, reader.names, str(reader.facts)):
        if plain in rest:
            rest = rest.replace(plain, INVISIBLE)
            found.append(next((one for one in (name, _convert("t2s", name)) if one in text), name))
    return found


@lru_cache(maxsize=32)
def _foreign_names(names: frozenset[str], own: frozenset[str], own_facts: str) -> list[tuple[str, str]]:
    """Return each of `names` that is not one's own too with its plain form, the longest first."""
    known = compact(f"{sorted(own)} {own_facts}")
    plain = {name: compact(name) for name in sorted(names - _COMMON_NAMES, key=len, reverse=True)}
    return [(name, form) for name, form in plain.items() if len(form) >= _LEAST_OF_A_NAME and form not in known]


def left_out(text: str, must: Iterable[str | list[str]]) -> Iterator[Finding]:
    """What the text has to say and does not; of a list, one is enough."""
    for any_of in (string if isinstance(string, list) else [string] for string in must):
        if not any(str(one) in text for one in any_of):
            yield Finding("", f"the answer does not say {' or '.join(map(str, any_of))}, which it must; add it.")


def too_long(text: str, language: str) -> Iterator[Finding]:
    """More than a worried customer reads, numbered steps aside."""
    prose = "\n".join(line for line in text.splitlines() if not _STEP.match(line))
    count, most, unit = _length(prose, language, MOST_CHARACTERS, MOST_WORDS)
    if count > most:
        yield Finding("", f"has {count} {unit} outside numbered steps; shorten it to {most}, or number its steps.")


def title_too_long(title: str, language: str) -> Iterator[Finding]:
    count, most, unit = _length(title, language, MOST_TITLE_CHARACTERS, MOST_TITLE_WORDS)
    if count > most:
        yield Finding("", f"the title has {count} {unit} and is a button; shorten it to {most}.")


def _length(text: str, language: str, characters: int, words: int) -> tuple[int, int, str]:
    if language == "en":
        return len(text.split()), words, "words"
    return len("".join(text.split())), characters, "characters"


def _place(language: str, institution: Institution) -> str:
    if language == "zh-Hans":
        return places.MAINLAND
    return (places.TAIWAN if institution.jurisdiction == "TW" else places.HONG_KONG) if language == "zh-Hant" else ""


def _without(text: str, names: Iterable[str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, " ")
    return text


def _in_script(character: str, language: str) -> str:
    if language == "en" or not _CHINESE.match(character):
        return character
    if language == "zh-Hans":
        return _convert("t2s", character)
    if character in _IN_BOTH_SCRIPTS or _convert("t2s", character) != character:
        return character
    return _convert("s2t", character)


def _in_language(name: str, language: str) -> str:
    return _convert("t2s", name) if language == "zh-Hans" else name


@lru_cache(maxsize=8192)
def _convert(table: str, text: str) -> str:
    return str(_converter(table).convert(text))


@lru_cache(maxsize=2)
def _converter(table: str) -> opencc.OpenCC:
    return opencc.OpenCC(table)
