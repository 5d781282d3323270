"""Digits that could be a code, an account, a birth date, a card or an identity number do not get through.

Used on every free text before it is stored or sent on (T43). A run of five or more digits is hidden,
however it is spaced and in whatever digits of Unicode it is written, and so is a date that can be a birth
date; unless it is a number that the institutions publish, a reference of ours, or a date from 2020 on.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

HIDDEN = "•••"
LEAST_DIGITS = 5
LEAST_OF_A_DATE = 4

Span = tuple[int, int]

_PRIVATE = re.compile("[\ue000-\uf8ff]")  # for private use: somebody's own digits

# All patterns work on the shadow of a text: see `_shadow`.
_GAP = r"[ \-./_,·()|]{0,5}"
_RUN = re.compile(rf"\d(?:{_GAP}\d)*")
_IDENTITY = re.compile(rf"(?<![A-Za-z])(?:[A-Za-z]{{1,2}}|[A-Za-z][ \-])\d(?:{_GAP}\d){{5,}}(?: ?\( ?[0-9A] ?\))?")
_DATE = re.compile(
    r"(?<!\d)(?:[民] ?[國国] ?)?(\d{2,4}) ?[-/.年] ?(\d{1,2}) ?[-/.月] ?(\d{1,2})(?!\d) ?[日號号]?"
    r"(?:[ T]\d{1,2}:\d{2}(?::\d{2})?(?!\d))?"
)
# Of a report or a receipt; of a notice; of a conversation.
_REFERENCE = re.compile(
    r"(?<![0-9a-z])(?:(?:er|ul|ri|pc|cr|nm|st) ?-? ?20\d{6} ?-? ?[0-9a-z]{4}"
    r"|nt ?-? ?20\d{6}(?: ?-? ?[0-9a-z]{4}){2}|c-[2-9a-hjkmnp-z]{6})(?![0-9a-z])",
    re.IGNORECASE,
)
_RECENT_YEARS = (*range(2020, 2100), *range(109, 120))  # the second: of the ROC calendar
_BIRTH_YEARS = range(20, 10_000)  # 17.5.1 is a version


def hide_digits(text: str, published: Collection[str] = ()) -> str:
    """Return `text` with what could be a secret number hidden.

    `published`: digit strings that may stay (hotlines), without separators.
    """
    text = _PRIVATE.sub("", text)
    if sum(map(str.isdigit, text)) < LEAST_OF_A_DATE:
        return text
    shadow = _shadow(text)
    dates = [match for match in _DATE.finditer(shadow) if _is_day(match)]
    kept = [match.span() for match in _REFERENCE.finditer(shadow)]
    kept += [match.span() for match in dates if int(match[1]) in _RECENT_YEARS]
    hidden = [match.span() for match in dates if int(match[1]) in _BIRTH_YEARS and match.span() not in kept]
    veiled = _without(shadow, kept)
    for pattern in (_IDENTITY, _RUN):
        for match in pattern.finditer(veiled):
            digits = ascii_digits(match.group())
            if len(digits) >= LEAST_DIGITS and digits not in published:
                hidden.append(match.span())
    return _replaced(text, _merged(hidden))


def ascii_digits(text: str) -> str:
    """Return only the digits of `text`, in 0-9 (full-width and other scripts included)."""
    return "".join(str(unicodedata.digit(c)) for c in text if unicodedata.digit(c, None) is not None)


def _shadow(text: str) -> str:
    """Return `text` character for character in plain form: ASCII digits, letters, dashes, spaces; `|` for invisible."""
    return "".join(_plain(character) for character in text)


def _plain(character: str) -> str:
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(character)
    if category == "Pd" or character == "−":
        return "-"
    if category in ("Zs", "Zl", "Zp") or character in "\t\n\r\v\f":
        return " "
    if category in ("Cf", "Cc", "Mn"):
        return "|"
    normal = unicodedata.normalize("NFKC", character)
    return normal if len(normal) == 1 else character


def _is_day(date: re.Match[str]) -> bool:
    return 1 <= int(date[2]) <= 12 and 1 <= int(date[3]) <= 31


def _without(shadow: str, spans: list[Span]) -> str:
    """Return the shadow with the spans blotted out, every position unchanged."""
    characters = list(shadow)
    for start, end in spans:
        characters[start:end] = "□" * (end - start)
    return "".join(characters)


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _replaced(text: str, spans: list[Span]) -> str:
    pieces, last = [], 0
    for start, end in spans:
        pieces += [text[last:start], HIDDEN]
        last = end
    return "".join([*pieces, text[last:]])
