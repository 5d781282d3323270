"""What the log takes and gives: values, without a database behind them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as it was when it was read; `mark` moves whenever a turn of it begins or ends."""

    id: str
    reference: str
    institution: str
    language: str
    link: bool
    notice: str
    turn_seq: int
    awaiting: dict[str, Any] | None
    mark: int


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, by its number."""

    conversation: str
    seq: int
    sender: str
    text: str
    language: str
    topic: str | None
    decision: str | None
    buttons: list[dict[str, Any]]
    ask: dict[str, Any] | None
    source: str | None
    request: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Received:
    """A customer's message as it is logged: nothing secret in it."""

    id: str
    fingerprint: str
    text: str
    language: str
    turn: dict[str, Any] | None  # None: not known yet (a secret on its way to the vault)
    is_current: bool = True  # False: what it answers is over; taken only again, and while it is the latest message


@dataclass(frozen=True, slots=True)
class Said:
    """One message to be appended for the bot or the system."""

    sender: str
    text: str
    buttons: list[dict[str, Any]]
    ask: dict[str, Any] | None = None
    topic: str | None = None
    decision: str | None = None
    source: str | None = None


# taken: the turn is ours · answered: it was answered before · other_content: its id was used for something else ·
# not_current: what it answers is over · waiting: somebody else has the turn · stale: the conversation has moved
# since it was read · gone: there is no such conversation. Only `taken` changes anything.
Outcome = Literal["taken", "answered", "other_content", "not_current", "waiting", "stale", "gone"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a message that was brought, and the conversation as it stands after that."""

    outcome: Outcome
    conversation: Conversation | None
    turn: dict[str, Any] | None = None  # what the engine is to be asked
    again: bool = False  # it was begun before, and nobody knows how that ended


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a message as it is logged, and the conversation as it stands after that."""

    messages: list[Message]
    conversation: Conversation
