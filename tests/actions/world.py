"""The world around the services, for tests: a clock that is set, a messenger that records, customers that act."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings
from sqlalchemy import Executable, event, select
from sqlalchemy.engine import Engine

from actions.bootstrap import Services
from actions.security.one_time_password import destination_digest, digest
from actions.security.secret import Secret
from actions.services.hotline import Caller
from actions.services.one_time_password import Sent
from actions.services.ports import Message
from actions.storage.models import AuditEntry, Base, ChallengeRecord

TAIPEI = ZoneInfo("Asia/Taipei")
START = datetime(2026, 11, 20, 10, 0, tzinfo=TAIPEI)
VERIFY, UNLOCK = "verify_identity", "unlock_password"

# Every run draws the same examples.
deterministic = settings(derandomize=True, deadline=None, database=None)

# For what only PostgreSQL has.
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

Rows = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Person:
    """What somebody enters to say who they are."""

    number: str
    born: str

    @property
    def account(self) -> str:
        return f"demo-hnyc-{self.number}"


NORMAL = Person("900018", "070/01/01")
LOCKED = Person("900028", "071/02/02")
WITHOUT_CERTIFICATE = Person("900038", "072/03/03")
UNLOCKED_TODAY = Person("900048", "073/04/04")
SUSPENDED = Person("900058", "074/05/05")
UNKNOWN = Person("700018", "070/01/01")
WRONG_BIRTH_DATE = Person("900018", "070/01/02")


@dataclass
class SettableClock:
    """Is set in any zone and tells UTC, as every clock of the services does."""

    time: datetime = START

    def now(self) -> datetime:
        return self.time.astimezone(UTC)

    def set(self, time: datetime) -> None:
        self.time = time

    def pass_(self, **span: float) -> None:
        self.time += timedelta(**span)


@dataclass
class RecordingMessenger:
    """Keeps what it is handed; raises `problem` instead while there is one."""

    sent: list[Message] = field(default_factory=list)
    tried: int = 0
    problem: BaseException | None = None

    def send(self, message: Message) -> None:
        self.tried += 1
        if self.problem:
            raise self.problem
        self.sent.append(message)


@dataclass
class World:
    """Customers in conversations, and a look at everything that is stored."""

    services: Services
    clock: SettableClock
    messenger: RecordingMessenger

    def put(self, conversation: str, kind: str, value: str) -> str:
        return self.services.vault.put(conversation, kind, Secret(value))

    def take(self, conversation: str, kind: str, reference: str) -> str:
        with self.services.work.begin() as session:
            secret = self.services.vault.take(session, conversation, kind, reference)
            session.commit()
        return secret.reveal()

    def identify(self, conversation: str, person: Person, institution: str = "hnyc") -> None:
        account = self.put(conversation, "account", person.number)
        self.services.identification.give_account(conversation, institution, account)
        born = self.put(conversation, "birth_date", person.born)
        self.services.identification.give_birth_date(conversation, born)

    def send(self, conversation: str, purpose: str = VERIFY, channel: str = "sms", language: str = "zh-Hant") -> Sent:
        return self.services.one_time_password.send(conversation, purpose, channel, language)

    def send_code(self, conversation: str, purpose: str = VERIFY, channel: str = "sms") -> str:
        """Send a code, let it arrive, and return it as the customer reads it."""
        self.send(conversation, purpose, channel)
        before = len(self.messenger.sent)
        self.services.outbox.relay()
        (code,) = [message.code for message in self.messenger.sent[before:] if message.code]
        return code

    def enter(self, conversation: str, code: str, purpose: str = VERIFY) -> str:
        """Enter a code; return its reference, or raise its refusal."""
        reference = self.put(conversation, "code", code)
        self.services.one_time_password.verify(conversation, purpose, reference)
        return reference

    def verify(self, conversation: str, person: Person, purpose: str = UNLOCK) -> str:
        """Identify, receive a code and enter it; return the code."""
        self.identify(conversation, person)
        code = self.send_code(conversation, purpose)
        self.enter(conversation, code, purpose)
        return code

    def has_code(
        self, conversation: str, code: str = "424242", purpose: str = VERIFY, channel: str = "sms", used: bool = False
    ) -> str:
        """Put a code on record as sending does, but for the limits of sending; return the challenge's id.

        `used`: it was entered and right.
        """
        services, id_, now = self.services, secrets.token_hex(16), self.clock.now()
        pepper = services.one_time_password._pepper
        with services.work.begin() as session:
            who = services.identification.current(session, conversation)
            customer = services.core.customer(session, who.account_id) if who.account_id else None
            address = customer and (customer.phone if channel == "sms" else customer.email)
            session.add(
                ChallengeRecord(
                    id=id_,
                    conversation=conversation,
                    identity=str(who.identity),
                    account_id=who.account_id,
                    purpose=purpose,
                    channel=channel,
                    sent_to=str(who.sms if channel == "sms" else who.email),
                    destination=destination_digest(pepper, channel, address or ""),
                    code_digest=digest(pepper, id_, Secret(code)),
                    sent_at=now,
                    expires_at=now + timedelta(minutes=5),
                    resend_at=now + timedelta(minutes=1),
                    used_at=now if used else None,
                    used_reference=secrets.token_hex(16) if used else None,
                )
            )
            session.commit()
        return id_

    def is_verified(self, conversation: str, person: Person, purpose: str = UNLOCK, institution: str = "hnyc") -> str:
        """Identify, with a code that was right already; return the challenge's id."""
        self.identify(conversation, person, institution)
        return self.has_code(conversation, purpose=purpose, used=True)

    def protect(self, conversation: str, notice: str = "") -> str:
        return self.services.protection.protect(conversation, "hnyc", "zh-Hant", notice)

    def reissue(self, conversation: str, language: str = "zh-Hant") -> str:
        return self.services.password_reissue.reissue(conversation, "hnyc", language)

    def unlock_by_phone(self, person: Person, key: str = "demo-key-1", name: str = "demo staff") -> str:
        return self.services.hotline.unlock(Caller("hnyc", Secret(person.number)), key, name, "zh-Hant")

    def letters(self) -> list[Message]:
        """Let everything leave and return the e-mails that hold no code."""
        self.services.outbox.relay()
        return [message for message in self.messenger.sent if message.channel == "email" and message.code is None]

    def decided(self) -> list[tuple[str, str, str, str]]:
        """Return actor, action, outcome and reason of every decision, chain by chain."""
        with self.services.work.begin() as session:
            rows = session.scalars(select(AuditEntry).order_by(AuditEntry.chain, AuditEntry.seq))
            return [(row.actor, row.action, row.outcome, row.reason) for row in rows]

    def unlock(self, conversation: str, language: str = "zh-Hant") -> str:
        return self.services.password_unlock.unlock(conversation, "hnyc", language)

    def execute(self, statement: Executable) -> None:
        """Change rows as another system would."""
        with self.services.work.begin() as session:
            session.execute(statement)
            session.commit()

    def rows(self) -> Rows:
        """Return every row of every table but the audit's, which grows with every decision, by table and key."""
        with self.services.work.begin() as session:
            return {
                table.name: {
                    "|".join(str(row[key.name]) for key in table.primary_key): dict(row)
                    for row in session.execute(select(table)).mappings()
                }
                for table in Base.metadata.sorted_tables
                if not table.name.startswith("audit")
            }

    def counts(self) -> dict[str, int]:
        return {table: len(rows) for table, rows in self.rows().items()}


def wrong_for(*codes: str) -> str:
    """Return six digits that are none of `codes`."""
    return next(text for text in (f"{n:06d}" for n in range(100)) if text not in codes)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the SQL that is run in the block, without its parameters."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def refusal_of(call: Callable[[], object]) -> str | None:
    """Return the name of what `call` raises, None if nothing."""
    try:
        call()
    except Exception as problem:
        return type(problem).__name__
    return None
