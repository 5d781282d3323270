"""One spelling for everything that means the same; for features only, the customer's text stays as it is.

One character for all that are the same (`characters`), then one word for all that mean the same (`wordings`), so that a
message in Traditional, in Simplified or in Hong Kong's characters is the same message. What was typed on the 注音
keyboard is read as what was meant (`keyboard`, `bopomofo`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.engine.understanding.bopomofo import without_bopomofo
from bot.engine.understanding.characters import plain_characters
from bot.engine.understanding.keyboard import decoded
from bot.engine.understanding.wordings import (
    CANTONESE,
    CANTONESE_MARKS,
    CANTONESE_PATTERNS,
    ENGLISH,
    ENGLISH_IN_CHINESE,
    SYNONYMS,
)

_HAN = "[\u3400-\u9fff]"
_DIGITS = "零一二三四五六七八九"
_COUNTED = frozenset("次个天种支封张部台条则组位遍步年周小分")

_ANY_HAN = re.compile(_HAN)
_ANY_BOPOMOFO = re.compile("[ㄅ-ㄩ]")
_SPACES = re.compile(r"\s+")
_SPACED = re.compile(rf"(?<!\S){_HAN}(?: {_HAN})+(?!\S)")  # 驗 證 碼
_REPEATED = re.compile(rf"({_HAN})\1{{2,}}|([a-z])\2{{2,}}")
_DIGIT = re.compile(rf"(?<![0-9a-z.:/-])[0-9](?={_HAN})")


def normalise(text: str) -> str:
    """Return the one spelling of `text` that features are made from."""
    text = plain_characters(text)
    if not text.isascii() and _ANY_BOPOMOFO.search(text):
        text = without_bopomofo(text)
    elif not _ANY_HAN.search(text):
        text = decoded(text) or text
    text = _SPACES.sub(" ", text).strip()
    text = _in_chinese(text) if _ANY_HAN.search(text) else _ENGLISH.sub(_english, text)
    return _REPEATED.sub(r"\1\2\2", text)  # 啊啊啊 is 啊, and sooo soo


def _in_chinese(text: str) -> str:
    if " " in text:
        text = _SPACED.sub(lambda found: found.group().replace(" ", ""), text)
    if _CANTONESE_MARKS.search(text):
        text = _CANTONESE.sub(_from_cantonese, text)
    return _SYNONYMS.sub(_one_word, _DIGIT.sub(_digit, text))


def _from_cantonese(found: re.Match[str]) -> str:
    return CANTONESE.get(found.group()) or _PATTERNS[found.lastindex or 0]


def _one_word(found: re.Match[str]) -> str:
    word = found.group()
    return _ONE_WORD.get(word) or _ONE_WORD[word.removesuffix("s")]


def _english(found: re.Match[str]) -> str:
    return ENGLISH[found.group()]


def _digit(found: re.Match[str]) -> str:
    """Return 两 for a 2 that counts (2次), else the digit in Chinese (1直, 第2步)."""
    digit, after = found.group(), found.string[found.end()]
    counts = digit == "2" and after in _COUNTED and found.string[found.start() - 1 : found.start()] != "第"
    return "两" if counts else _DIGITS[int(digit)]


def _alternatives(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))  # the longest first


_PATTERNS = dict(enumerate(CANTONESE_PATTERNS.values(), start=1))
_CANTONESE_MARKS = re.compile(CANTONESE_MARKS)
_CANTONESE = re.compile("|".join([_alternatives(CANTONESE), *(f"({pattern})" for pattern in CANTONESE_PATTERNS)]))
_ENGLISH = re.compile(rf"(?<![a-z])(?:{_alternatives(ENGLISH)})(?=s?(?![a-z]))")
_ONE_WORD = {
    **SYNONYMS,
    **{written: ENGLISH_IN_CHINESE.get(word, word) for written, word in ENGLISH.items()},
    **ENGLISH_IN_CHINESE,
}
_LATIN = _alternatives(filter(str.isascii, _ONE_WORD))
_SYNONYMS = re.compile(rf"{_alternatives(SYNONYMS)}|(?<![a-z])(?:{_LATIN})s?(?![a-z])")
