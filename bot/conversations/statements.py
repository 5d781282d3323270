"""SQL that SQLite and PostgreSQL understand alike, and what their rows mean. Values are `$1`, `$2` … in both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.conversations.values import Accepted, Conversation, Message, Outcome, Received, Said

_CONVERSATION = "id, reference, institution, language, link, notice, turn_seq, awaiting, turn_mark"
_MESSAGE = "conversation, seq, sender, text, language, topic, decision, buttons, ask, source, request, at"

OPEN = """
INSERT INTO conversation (id, token_hash, reference, institution, language, link, notice, opened_at,
                          last_seq, turn_seq, turn_mark, turn_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, 0)
"""
FIND = f"SELECT {_CONVERSATION} FROM conversation WHERE token_hash = $1"  # noqa: S608  # constants only, here and below
READ = f"SELECT {_CONVERSATION}, turn_until FROM conversation WHERE id = $1"  # noqa: S608
SAID_AT = "SELECT max(seq) FROM message WHERE conversation = $1 AND request = $2 AND sender = 'customer'"
KNOWN = f"""
SELECT state, fingerprint, turn AS known_turn, ({SAID_AT}) AS said_at FROM request WHERE conversation = $1 AND id = $2
"""  # noqa: S608  # constants only
NOTE = "UPDATE request SET turn = $3 WHERE conversation = $1 AND id = $2"
MESSAGE = f"SELECT {_MESSAGE} FROM message WHERE conversation = $1 AND seq = $2"  # noqa: S608
ANSWERS = f"""
SELECT {_MESSAGE} FROM message WHERE conversation = $1 AND request = $2 AND sender <> 'customer' ORDER BY seq
"""  # noqa: S608
AFTER = f"""
SELECT {", ".join("m." + name for name in _MESSAGE.split(", "))}, r.state
FROM message m
LEFT JOIN request r ON r.conversation = m.conversation AND r.id = m.request AND m.sender = 'customer'
WHERE m.conversation = $1 AND m.seq > $2 ORDER BY m.seq LIMIT $3
"""  # noqa: S608
PING = "SELECT id FROM conversation LIMIT 1"

Row = Mapping[str, Any]


def conversation(row: Row) -> Conversation:
    return Conversation(
        row["id"],
        row["reference"],
        row["institution"],
        row["language"],
        bool(row["link"]),
        row["notice"],
        row["turn_seq"],
        loaded(row["awaiting"]),
        row["turn_mark"],
    )


def message(row: Row) -> Message:
    return Message(
        row["conversation"],
        row["seq"],
        row["sender"],
        row["text"],
        row["language"],
        row["topic"],
        row["decision"],
        loaded(row["buttons"]) or [],
        loaded(row["ask"]),
        row["source"],
        row["request"],
        _time(row["at"]),
    )


def appended(row: Row, seq: int, one: Said, request: str | None, at: datetime) -> Message:
    """Return what was said as it is logged; `row` is its conversation."""
    return Message(
        row["id"],
        seq,
        one.sender,
        one.text,
        row["language"],
        one.topic,
        one.decision,
        one.buttons,
        one.ask,
        one.source,
        request,
        at,
    )


def accepted(outcome: Outcome, row: Row, known: Row | None, received: Received) -> Accepted:
    """Return what became of a message: `row` is its conversation, `known` its request if there was one before."""
    if outcome != "taken":
        return Accepted(outcome, conversation(row))
    turn = received.turn if known is None else loaded(known["known_turn"]) or received.turn
    return Accepted("taken", conversation(row), turn, again=known is not None)


def judged(row: Row, known: Row | None, mark: int, received: Received, now: float, lease: float) -> Outcome:
    """Return whether a message may be taken, and if not, why; the same on both databases."""
    if known and known["fingerprint"] != received.fingerprint:
        return "other_content"
    if known and known["state"] == "answered":
        return "answered"
    if now < row["turn_until"] <= now + 2 * lease:  # later: the clock was put back, and nobody has it
        return "waiting"
    if row["turn_mark"] != mark:
        return "stale"
    is_latest = known is not None and known["said_at"] == row["turn_seq"]  # nothing was said since it failed
    return "taken" if received.is_current or is_latest else "not_current"


def last_ask(asks: Sequence[dict[str, Any] | None]) -> str | None:
    """Return the question that is open after an answer: its last."""
    return dumped(next((ask for ask in reversed(asks) if ask), None))


def dumped(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def loaded(stored: str | None) -> Any:
    return None if stored is None else json.loads(stored)


def _time(stored: datetime | str) -> datetime:
    at = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
