"""The conversation log: every message once, in one order, whatever is sent twice or fails half-way.

One turn at a time, over all gateways: the conversation's row says until when somebody has the turn. `accept` takes
it, `answer` and `fail` give it back; who was killed in between loses it after `LEASE_SECONDS`.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy.engine import make_url

from bot.conversations import retention, statements
from bot.conversations.on_postgresql import PostgresLog
from bot.conversations.on_sqlite import SqliteLog
from bot.conversations.schema import bring_up_to_date, engine_of
from bot.conversations.values import Accepted, Answered, Conversation, Message, Received, Said

T = TypeVar("T")

TOKEN_BYTES = 32
LEASE_SECONDS = 10.0  # longer than a gateway works at one turn, with a database that hesitates
_REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"

logger = logging.getLogger(__name__)


class LogDown(Exception):
    """The database cannot be used; after a write it is not known whether it was done."""


class TurnLost(Exception):
    """The turn took longer than its lease and somebody else has gone on; its answer is not logged."""


class ConversationLog:
    """All that is kept of conversations; made anywhere, started and used in one event loop."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._engine = engine_of(parsed)
        bring_up_to_date(self._engine)
        self._engine.dispose()  # from here on it is for what runs beside the service
        self._database: SqliteLog | PostgresLog
        if parsed.get_backend_name() == "sqlite":
            self._database = SqliteLog(parsed.database or "")
        else:
            plain = parsed.set(drivername="postgresql")
            self._database = PostgresLog(plain.render_as_string(hide_password=False))

    async def start(self) -> None:
        await self._database.start()

    async def close(self) -> None:
        await self._database.close()

    async def open(self, institution: str, language: str, link: bool, notice: str = "") -> tuple[Conversation, str]:
        """Start a conversation and return it with its token; the token is not kept.

        `link`: it is opened from a link in a message; `notice`: the reference of that message, "" if unknown.
        """
        token, id_ = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_hex(16)
        reference = "C-" + "".join(secrets.choice(_REFERENCE_ALPHABET) for _ in range(6))
        made = (id_, hash_of(token), reference, institution, language, link, notice, datetime.now(UTC))
        await self._asked(self._database.write(statements.OPEN, *made))
        return Conversation(id_, reference, institution, language, link, notice, 0, None, 0), token

    async def find(self, token_hash: str) -> Conversation | None:
        """Return the conversation of a browser's token, by `hash_of` it."""
        found = await self._rows(statements.FIND, token_hash)
        return statements.conversation(found[0]) if found else None

    async def accept(self, seen: Conversation, received: Received) -> Accepted:
        """Log a customer's message once and take the turn, if the conversation still is as it was `seen`.

        Durable when this returns `taken`; any other outcome has changed nothing.
        """
        at = datetime.now(UTC)
        return await self._asked(self._database.accept(seen.id, seen.mark, received, LEASE_SECONDS, at))

    async def note(self, conversation: str, request: str, turn: dict[str, Any]) -> None:
        """Note what the engine is asked, so that a second try asks the same."""
        await self._asked(self._database.write(statements.NOTE, conversation, request, statements.dumped(turn)))

    async def answer(self, taken: Conversation, request: str, said: Sequence[Said]) -> Answered:
        """Append the answers to a request, once, and give the turn back; raise `TurnLost` where it is another's."""
        at = datetime.now(UTC)
        done = await self._asked(self._database.append(taken.id, request, taken.mark, said, at))
        if done is None:
            raise TurnLost
        row, messages = done
        return Answered(messages, statements.conversation(row))

    async def fail(self, taken: Conversation, request: str) -> None:
        """Note that a request could not be answered, and give the turn back; the same id may try again."""
        await self._asked(self._database.fail(taken.id, request, taken.mark))

    async def say(self, conversation: str, said: Sequence[Said]) -> list[Message]:
        """Append messages that answer no request: the greeting, a notice of the system."""
        done = await self._asked(self._database.append(conversation, None, None, said, datetime.now(UTC)))
        return done[1] if done else []

    async def answers(self, conversation: str, request: str) -> list[Message]:
        """Return what was said to a request."""
        return [statements.message(row) for row in await self._rows(statements.ANSWERS, conversation, request)]

    async def message(self, conversation: str, seq: int) -> Message | None:
        found = await self._rows(statements.MESSAGE, conversation, seq)
        return statements.message(found[0]) if found else None

    async def after(self, conversation: str, seq: int, most: int = 200) -> list[tuple[Message, str | None]]:
        """Return messages with a higher number in order, each with the state of its request if a customer's."""
        rows = await self._rows(statements.AFTER, conversation, seq, most)
        return [(statements.message(row), row["state"]) for row in rows]

    async def heads(self, conversations: Sequence[str]) -> dict[str, int]:
        """Return the number of the latest message of each."""
        return {row["id"]: row["last_seq"] for row in await self._asked(self._database.heads(conversations))}

    async def ping(self) -> None:
        """Raise `LogDown` if the database cannot be used."""
        await self._rows(statements.PING)

    def purge(self, days: int | None, dry_run: bool) -> retention.Purged:
        """Delete, or only count, what is kept too long: conversations that have been silent for so many days."""
        return retention.purge(self._engine, days, datetime.now(UTC), dry_run)

    async def _rows(self, statement: str, *values: object) -> Sequence[Mapping[str, Any]]:
        return await self._asked(self._database.rows(statement, *values))

    async def _asked(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except self._database.problems as problem:
            logger.error("conversation log: %s", type(problem).__name__)
            raise LogDown from problem


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
