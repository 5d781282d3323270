"""Words of the page and of its errors, in the three languages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from bot.content.institutions import DATA
from bot.content.reading import read_yaml

Words = Mapping[str, Mapping[str, str]]


@lru_cache(maxsize=8)
def load_words(name: str, folder: Path = DATA / "page") -> Words:
    """Return `errors`, `labels` or `links`: key -> language -> text."""
    words: Words = read_yaml((folder / f"{name}.yml").read_text(encoding="utf-8"))
    return words


def labels(language: str) -> dict[str, str]:
    """Return the page's own words in one language."""
    return {key: texts[language] for key, texts in load_words("labels").items()}


def link_words(institution: str, folder: Path = DATA / "page") -> Words:
    """Return the first words of a conversation opened from a notice's link: the institution's own, or those for all."""
    own = f"links_{institution}"
    return load_words(own if (folder / f"{own}.yml").exists() else "links", folder)
