"""What words mean in this field: the lexicon of data/concepts.yml, found in a message.

It teaches across wordings and languages: an example with 出差 tells something about `in Phuket` too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.content.institutions import DATA
from bot.content.reading import read_yaml
from bot.engine.understanding.normaliser import normalise
from bot.engine.understanding.stems import WORD

CONCEPTS = DATA / "concepts.yml"
TOKEN = re.compile(rf"{WORD.pattern}|[\u3400-\u9fff]")


def read_entries(file: Path = CONCEPTS) -> dict[str, list[str]]:
    """Return for each concept its words and phrases, in the order of the file."""
    concepts = read_yaml(file.read_text(encoding="utf-8"))
    return {
        name: [str(entry) for entries in languages.values() for entry in entries]
        for name, languages in concepts.items()
    }


class Lexicon:
    """Finds concepts; of entries that overlap, the one that begins first and then the longest counts."""

    def __init__(self, entries: Mapping[str, Sequence[str]]) -> None:
        self.entries = {name: list(words) for name, words in entries.items()}
        self._concepts: dict[tuple[str, ...], tuple[str, ...]] = {}
        for name, words in entries.items():
            for word in words:
                tokens = tuple(TOKEN.findall(normalise(word)))
                if tokens and name not in self._concepts.get(tokens, ()):
                    self._concepts[tokens] = (*self._concepts.get(tokens, ()), name)
        lengths: dict[str, set[int]] = {}
        for tokens in self._concepts:
            lengths.setdefault(tokens[0], set()).add(len(tokens))
        self._lengths = {first: sorted(sizes, reverse=True) for first, sizes in lengths.items()}

    def found(self, text: str) -> list[str]:
        """Return the concepts of normalised `text`, in order of appearance."""
        tokens = tuple(TOKEN.findall(text))
        found: list[str] = []
        at = 0
        while at < len(tokens):
            for size in self._lengths.get(tokens[at], ()):
                concepts = self._concepts.get(tokens[at : at + size])
                if concepts:
                    found.extend(concepts)
                    at += size
                    break
            else:
                at += 1
        return found
