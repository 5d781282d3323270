"""The conversation log: every message once, in one order, whatever is sent twice or fails half-way."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import create_engine, event, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from bot.contracts import sqlite
from bot.conversations import retention
from bot.conversations.models import Conversation, Message, Request
from bot.conversations.schema import bring_up_to_date

TOKEN_BYTES = 32
_REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


class OtherContent(Exception):
    """The same message id came with other content; the first is kept."""


class NoLongerCurrent(Exception):
    """What the message answers is over; it is not logged."""


@dataclass(frozen=True)
class Received:
    """A customer's message as it is logged: nothing secret in it."""

    id: str
    fingerprint: str
    text: str
    language: str
    turn: dict[str, Any] | None  # None: not known yet (a secret on its way to the vault)


@dataclass(frozen=True)
class Said:
    """One message to be appended for the bot or the system."""

    sender: str
    text: str
    buttons: list[dict[str, Any]]
    ask: dict[str, Any] | None = None
    topic: str | None = None
    decision: str | None = None
    source: str | None = None


class ConversationLog:
    """All that is kept of conversations. Calls block; the gateway runs them off its event loop."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        is_sqlite = parsed.get_backend_name() == "sqlite"
        arguments: dict[str, Any] = (
            {"connect_args": {"timeout": sqlite.BUSY_SECONDS, "check_same_thread": False}} if is_sqlite else {}
        )
        self._engine = create_engine(parsed, hide_parameters=True, pool_size=8, max_overflow=24, **arguments)
        if is_sqlite:
            event.listen(self._engine, "connect", sqlite.prepare)
            event.listen(self._engine, "begin", sqlite.begin)
        bring_up_to_date(self._engine)

    def open(self, institution: str, language: str, link: bool, notice: str = "") -> tuple[Conversation, str]:
        """Start a conversation and return it with its token; the token is not kept.

        `link`: it is opened from a link in a message; `notice`: the reference of that message, "" if unknown.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        conversation = Conversation(
            id=secrets.token_hex(16),
            token_hash=_hash(token),
            reference="C-" + "".join(secrets.choice(_REFERENCE_ALPHABET) for _ in range(6)),
            institution=institution,
            language=language,
            link=link,
            notice=notice,
            last_seq=0,
            turn_seq=0,
            opened_at=datetime.now(UTC),
        )
        with self._begin() as session:
            session.add(conversation)
            session.commit()
        return conversation, token

    def find(self, token: str) -> Conversation | None:
        """Return the conversation of a browser's token."""
        with self._look() as session:
            return session.scalar(select(Conversation).where(Conversation.token_hash == _hash(token)))

    def receive(
        self, conversation: str, received: Received, is_current: Callable[[Conversation], bool] = lambda _: True
    ) -> str:
        """Log a customer's message once and return how it stands: new | received | answered | failed.

        Raise `OtherContent` where the id was used for something else, and `NoLongerCurrent` where the
        conversation, as it stands now, does not take the message any more; one that is known stays known.
        """
        with self._begin() as session:
            known = session.get(Request, (conversation, received.id))
            if known:
                if known.fingerprint != received.fingerprint:
                    raise OtherContent
                return known.state
            owner = session.get_one(Conversation, conversation, with_for_update=True)
            if not is_current(owner):
                raise NoLongerCurrent
            session.add(
                Request(
                    conversation=conversation,
                    id=received.id,
                    fingerprint=received.fingerprint,
                    state="received",
                    turn=received.turn,
                )
            )
            said = Said("customer", received.text, [])
            owner.turn_seq = self._append(session, owner, said, received.id, received.language).seq
            owner.language = received.language
            session.commit()
            return "new"

    def turn(self, conversation: str, request: str) -> tuple[Conversation, dict[str, Any] | None]:
        """Return the conversation as it stands now, and what the engine is to be asked for a request."""
        with self._look() as session:
            return (
                session.get_one(Conversation, conversation),
                session.get_one(Request, (conversation, request)).turn,
            )

    def set_turn(self, conversation: str, request: str, turn: dict[str, Any]) -> None:
        """Note what the engine is asked, so that a second try asks the same."""
        with self._begin() as session:
            session.get_one(Request, (conversation, request)).turn = turn
            session.commit()

    def answer(self, conversation: str, request: str, said: Sequence[Said]) -> list[Message]:
        """Append the answers to a request, once, and return them."""
        with self._begin() as session:
            row = session.get_one(Request, (conversation, request), with_for_update=True)
            if row.state == "answered":
                return self._answers(session, conversation, request)
            owner = session.get_one(Conversation, conversation, with_for_update=True)
            messages = [self._append(session, owner, one, request, owner.language) for one in said]
            owner.awaiting = next((m.ask for m in reversed(messages) if m.ask), None)
            row.state = "answered"
            session.commit()
            return messages

    def say(self, conversation: str, said: Sequence[Said]) -> list[Message]:
        """Append messages that answer no request: the greeting, a notice of the system."""
        with self._begin() as session:
            owner = session.get_one(Conversation, conversation, with_for_update=True)
            messages = [self._append(session, owner, one, None, owner.language) for one in said]
            session.commit()
            return messages

    def fail(self, conversation: str, request: str) -> None:
        """Note that a request could not be answered; the same id may try again."""
        with self._begin() as session:
            row = session.get_one(Request, (conversation, request))
            if row.state == "received":
                row.state = "failed"
                session.commit()

    def answers(self, conversation: str, request: str) -> list[Message]:
        """Return what was said to a request."""
        with self._look() as session:
            return self._answers(session, conversation, request)

    def message(self, conversation: str, seq: int) -> Message | None:
        with self._look() as session:
            return session.get(Message, (conversation, seq))

    def after(self, conversation: str, seq: int, most: int = 200) -> list[tuple[Message, str | None]]:
        """Return messages with a higher number in order, each with the state of its request if a customer's."""
        with self._look() as session:
            rows = session.execute(
                select(Message, Request.state)
                .outerjoin(
                    Request,
                    (Request.conversation == Message.conversation)
                    & (Request.id == Message.request)
                    & (Message.sender == "customer"),
                )
                .where(Message.conversation == conversation, Message.seq > seq)
                .order_by(Message.seq)
                .limit(most)
            )
            return [(message, state) for message, state in rows]

    def purge(self, days: int | None, dry_run: bool) -> retention.Purged:
        """Delete, or only count, what is kept too long: conversations that have been silent for so many days."""
        return retention.purge(self._engine, days, datetime.now(UTC), dry_run)

    def ping(self) -> None:
        """Raise what the database raises, if it cannot be used."""
        with self._look() as session:
            session.execute(select(Conversation.id).limit(1))

    @staticmethod
    def _append(session: Session, owner: Conversation, said: Said, request: str | None, language: str) -> Message:
        owner.last_seq += 1
        message = Message(
            conversation=owner.id,
            seq=owner.last_seq,
            sender=said.sender,
            text=said.text,
            language=language,
            topic=said.topic,
            decision=said.decision,
            buttons=said.buttons,
            ask=said.ask,
            source=said.source,
            request=request,
            at=datetime.now(UTC),
        )
        session.add(message)
        return message

    @staticmethod
    def _answers(session: Session, conversation: str, request: str) -> list[Message]:
        return list(
            session.scalars(
                select(Message)
                .where(Message.conversation == conversation, Message.request == request, Message.sender != "customer")
                .order_by(Message.seq)
            )
        )

    @contextmanager
    def _begin(self) -> Iterator[Session]:
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def _look(self) -> Iterator[Session]:
        with Session(self._engine.execution_options(reads=True), expire_on_commit=False) as session:
            yield session


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
