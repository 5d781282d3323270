"""Digits that could be a code, an account, a birth date, a card or an identity number do not get through.

Used on every free text before it is stored or sent on (T43). A run of five or more digits is hidden,
however it is spaced or in whatever digits of Unicode it is written, unless it is one of the numbers
that the institutions publish, or a reference of ours.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

HIDDEN = "•••"

_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_DIGIT_RUN = re.compile(rf"\d(?:[\s.,/／·_\-–—{_INVISIBLE}()（）]{{0,2}}\d)+|\d(?:[年月日]?[\s{_INVISIBLE}]?\d)+日?")
_IDENTITY_NUMBER = re.compile(r"(?<![A-Za-z])[A-Za-z]{1,2}[1289]?\d{6,8}(?:\([0-9A]\))?", re.ASCII)
_REFERENCE = re.compile(r"(?<![A-Za-z0-9])(?:ER|UL|C)-[0-9A-Z]{2,10}(?:-[0-9A-Z]{4})?(?![A-Za-z0-9])", re.IGNORECASE)
_CLOCK_OR_RECENT_DATE = re.compile(r"20[2-9]\d[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:[ T]\d{1,2}:\d{2}(?::\d{2})?)?")
_LEAST_DIGITS = 5


def hide_digits(text: str, published: Collection[str] = ()) -> str:
    """Return `text` with every run of five or more digits hidden.

    `published`: digit strings that may stay (hotlines), without separators. References such as
    ER-20261120-7K3M, and dates from 2020 on, stay as well: no customer was born then.
    """
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match.group())
        return f"\ue000{chr(0xE100 + len(kept) - 1)}\ue001"

    text = "".join(character for character in text if not 0xE000 <= ord(character) <= 0xF8FF)
    text = _REFERENCE.sub(keep, text)
    text = _CLOCK_OR_RECENT_DATE.sub(keep, text)
    text = _IDENTITY_NUMBER.sub(HIDDEN, text)
    text = _DIGIT_RUN.sub(lambda match: _hide_run(match.group(), published), text)
    return re.sub("\ue000(.)\ue001", lambda match: kept[ord(match.group(1)) - 0xE100], text)


def ascii_digits(text: str) -> str:
    """Return only the digits of `text`, in 0-9 (full-width and other scripts included)."""
    return "".join(str(unicodedata.digit(c)) for c in text if unicodedata.digit(c, None) is not None)


def _hide_run(run: str, published: Collection[str]) -> str:
    digits = ascii_digits(run)
    return run if len(digits) < _LEAST_DIGITS or digits in published else HIDDEN
