"""References of error reports, notices and receipts, in every spelling that customers use.

Whoever meets one (the engine in a message, the internal API in an address) reads it here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

RECEIPTS = ("UL", "RI", "PC", "CR", "NM", "ST")  # actions/security/ledger.py: of what was done

_DASH = r"\s*[-‐‑‒–—―−]?\s*"
_DAY = r"20(?:\s?[0-9]){6}"
_FOUR = r"[0-9A-Z](?:\s?[0-9A-Z]){3}"


def _pattern(kinds: tuple[str, ...], parts: int) -> re.Pattern[str]:
    """Return the pattern of references that begin with one of `kinds` and have `parts` of four characters."""
    kind = "|".join(r"\s?".join(letters) for letters in kinds)
    own = "".join(rf"{_DASH}({_FOUR})" for _ in range(parts))
    return re.compile(rf"(?<![A-Z0-9])({kind}){_DASH}({_DAY}){own}(?![A-Z0-9])")


_REPORT, _NOTICE, _RECEIPT = _pattern(("ER",), 1), _pattern(("NT",), 2), _pattern(RECEIPTS, 1)


class Reference(NamedTuple):
    """A reference as it is stored, e.g. `ER-20261120-7K3M`, and where it is in the text."""

    start: int
    end: int
    reference: str


def find_references(text: str) -> Iterator[Reference]:
    """Yield the references of reports: full-width or narrow, in any case, with or without spaces and dashes."""
    return _found(_REPORT, text)


def find_notice_references(text: str) -> Iterator[Reference]:
    """Yield the references of notices, e.g. `NT-20261120-7K3M-QXRT`, as `find_references` those of reports."""
    return _found(_NOTICE, text)


def find_receipts(text: str) -> Iterator[Reference]:
    """Yield the receipts, e.g. `UL-20261120-7K3M` or a protection's `NM-…`, as `find_references` those of reports."""
    return _found(_RECEIPT, text)


def read_reference(text: str) -> str | None:
    """Return the first reference of a report in `text` as it is stored; None where there is none."""
    return _first(_REPORT, text)


def read_notice_reference(text: str) -> str | None:
    """Return the first reference of a notice in `text` as it is stored; None where there is none."""
    return _first(_NOTICE, text)


def read_receipt(text: str) -> str | None:
    """Return the first receipt in `text` as it is stored; None where there is none."""
    return _first(_RECEIPT, text)


def _found(pattern: re.Pattern[str], text: str) -> Iterator[Reference]:
    for found in pattern.finditer("".join(map(_narrow, text))):
        yield Reference(*found.span(), "-".join("".join(group.split()) for group in found.groups()))


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    return next((found.reference for found in _found(pattern, text)), None)


def _narrow(character: str) -> str:
    """Return one character for one, so that places in the text stay the same."""
    if character.isascii():
        return character.upper()
    narrow = unicodedata.normalize("NFKC", character).upper()
    return narrow if len(narrow) == 1 else character
