"""A small model of four topics, which is quick to make, and the trained one, which knows all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.content.topics import load_topics
from bot.engine.understand import load_reader
from bot.engine.understanding.concepts import Lexicon, read_entries
from bot.engine.understanding.model import Understanding
from bot.engine.understanding.reading import Reader
from tests.engine.understanding.small import examples_of_four_topics

Examples = tuple[list[str], list[str]]


@pytest.fixture(scope="session")
def examples() -> Examples:
    """Texts and intents of four topics: enough to learn from."""
    return examples_of_four_topics(load_topics())


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    return Lexicon(read_entries())


@pytest.fixture(scope="session")
def small(examples: Examples, lexicon: Lexicon) -> Understanding:
    """Four topics, and nothing that is outside of them."""
    return Understanding.train(*examples, lexicon)


@pytest.fixture(scope="session")
def reader(model: Path) -> Reader:
    """The assistant's own: all topics, and the costs of config.yml."""
    return load_reader(model)
