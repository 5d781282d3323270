"""One form for all the ways a name is written: width, case, script, and what stands between its characters.

Position by position, so that what is found in the plain form is found in the customer's text.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import opencc

INVISIBLE = "\x00"  # stands for characters that nobody sees, so that no position moves
GAPS = f" _-()·・{INVISIBLE}"  # what people write or leave out inside a name: e 指發, 新_客戶專區


def plain(text: str) -> str:
    """Return `text` character for character in plain form: narrow, lower case, Simplified, 0-9, `-` and space."""
    return "".join(map(_plain, text))


def compact(text: str) -> str:
    """Return the plain form without gaps: two spellings with the same are the same name."""
    return "".join(character for character in plain(text) if character not in GAPS)


@lru_cache(maxsize=8192)
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
        return INVISIBLE
    normal = _simplified().convert(unicodedata.normalize("NFKC", character).lower())
    return normal if len(normal) == 1 else character


@lru_cache(maxsize=1)
def _simplified() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")
