"""Names of the flows: what a button that starts one says, and which institutions have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.content.institutions import DATA
from bot.content.reading import read_yaml


@dataclass(frozen=True)
class Flow:
    """A transaction that a button or words can start; its id is its intent."""

    id: str
    title: Mapping[str, str]
    institutions: tuple[str, ...]


def load_flows(file: Path = DATA / "flows" / "titles.yml") -> dict[str, Flow]:
    """Return every flow by id."""
    entries = read_yaml(file.read_text(encoding="utf-8"))
    return {id_: Flow(id=id_, title=entry["title"], institutions=tuple(entry["for"])) for id_, entry in entries.items()}
