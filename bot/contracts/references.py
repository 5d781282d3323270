"""References of error reports, in every spelling that customers use.

Whoever meets one (the engine in a message, the internal API in an address) reads it here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

_DASH = r"\s*[-‐‑‒–—―−]?\s*"
_REFERENCE = re.compile(
    rf"(?<![A-Z0-9])E\s?R{_DASH}(20(?:\s?[0-9]){{6}}){_DASH}([0-9A-Z](?:\s?[0-9A-Z]){{3}})(?![A-Z0-9])"
)


class Reference(NamedTuple):
    """A reference as it is stored, e.g. `ER-20261120-7K3M`, and where it is in the text."""

    start: int
    end: int
    reference: str


def find_references(text: str) -> Iterator[Reference]:
    """Yield the references in `text`: full-width or narrow, in any case, with or without spaces and dashes."""
    for found in _REFERENCE.finditer("".join(map(_narrow, text))):
        day, own = ("".join(group.split()) for group in found.groups())
        yield Reference(*found.span(), f"ER-{day}-{own}")


def read_reference(text: str) -> str | None:
    """Return the first reference in `text` as it is stored; None where there is none."""
    return next((found.reference for found in find_references(text)), None)


def _narrow(character: str) -> str:
    """Return one character for one, so that places in the text stay the same."""
    if character.isascii():
        return character.upper()
    narrow = unicodedata.normalize("NFKC", character).upper()
    return narrow if len(narrow) == 1 else character
