"""Rasa's events as they are stored and read back: by a table, without what can be a secret.

Rasa finds the class of each event by walking all subclasses (`Event.resolve_by_type`): half of what a turn costs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from rasa.shared.core.events import Event, UserUttered
from rasa.shared.utils.common import all_subclasses

from bot.content.institutions import load_institutions
from bot.contracts.redaction import hide_digits

# References to the vault, keys, times: nobody typed them.
_MADE_BY_US = re.compile(
    r"v_[A-Za-z0-9_-]{32}|[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?"
)
_OF_THE_MODEL = ("model_id", "assistant_id")


@lru_cache(maxsize=1)
def _classes() -> dict[str, type[Event]]:
    return {of.type_name: of for of in all_subclasses(Event)}


def as_event(stored_event: dict[str, Any]) -> Event:
    """Return the event; raise `ValueError` for one of a newer release."""
    of = _classes().get(stored_event["event"])
    event = of._from_parameters(stored_event) if of else None
    if event is None:
        raise ValueError(f"an event of kind {stored_event['event']!r} cannot be read")
    return event


def stored(events: Iterable[Event]) -> str:
    """Return the events as JSON; what looks like a code, an account or an identity number is hidden, wherever it stands."""
    return json.dumps([_plain(event) for event in events], ensure_ascii=False, separators=(",", ":"))


def _plain(event: Event) -> dict[str, Any]:
    kept: dict[str, Any] = event.as_dict()
    kept.pop("metadata", None)
    metadata = {name: value for name, value in event.metadata.items() if name not in _OF_THE_MODEL}
    if isinstance(event, UserUttered):  # ids, language and institution are made by the gateway
        parse = {**kept["parse_data"], "text": _safe(kept["parse_data"].get("text") or "")}
        parse["entities"] = _hidden(parse.get("entities") or [])
        return {**kept, "text": _safe(event.text or ""), "parse_data": parse, "metadata": metadata}
    return {name: _hidden(value) for name, value in (kept | ({"metadata": metadata} if metadata else {})).items()}


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        return value if _MADE_BY_US.fullmatch(value) else _safe(value)
    if isinstance(value, dict):
        return {name: _hidden(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_hidden(inner) for inner in value]
    return value


@lru_cache(maxsize=8192)
def _safe(text: str) -> str:
    """Answers are said again and again: what they become is remembered."""
    return hide_digits(text, _published())


@lru_cache(maxsize=1)
def _published() -> frozenset[str]:
    return frozenset().union(*(institution.published_numbers for institution in load_institutions().values()))
