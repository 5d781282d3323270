"""The outbox: a message is written with the effect it tells of, and leaves after the commit.

Codes leave at most once: a second SMS with the same code helps nobody, and a lost one is sent again by the
customer. Notices leave at least once, with a message id. What is sent is erased.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from actions.services.ports import Cipher, Clock, Message, Messenger, NotSent, Templates
from actions.storage.models import OutboxMessage
from actions.storage.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

SENDING_LEASE = timedelta(seconds=60)
STALE_CODE = timedelta(seconds=60)  # the customer can have another by then, and this one confuses
MOST_ATTEMPTS = 8
AT_MOST_ONCE = frozenset({"one_time_code"})


class Outbox:
    """Queues messages inside a use case's transaction, and relays what is due."""

    def __init__(
        self, work: UnitOfWork, clock: Clock, cipher: Cipher, templates: Templates, messenger: Messenger
    ) -> None:
        self._work = work
        self._clock = clock
        self._cipher = cipher
        self._templates = templates
        self._messenger = messenger

    def add(
        self, session: Session, kind: str, channel: str, to: str | None, language: str, values: Mapping[str, str]
    ) -> None:
        """Queue a message; it exists if and only if the caller commits.

        `to` None: a message to nobody. It costs the same writes and never leaves, so that a stranger's
        details cannot be told from a customer's by what is done for them (G12).
        """
        subject, text, html = self._templates.render(kind, channel, language, values)
        id_, now = secrets.token_hex(16), self._clock.now()
        message = Message(id_, channel, to or "", subject, text, html, code=values.get("code"))
        sealed = self._cipher.seal(json.dumps(asdict(message)).encode(), id_)
        session.add(
            OutboxMessage(
                id=id_,
                kind=kind,
                channel=channel,
                at_most_once=kind in AT_MOST_ONCE,
                ciphertext=sealed if to else b"",
                state="queued" if to else "void",
                attempts=0,
                queued_at=now,
                due_at=now,
            )
        )

    def relay(self) -> int:
        """Send everything that is due, oldest first, and return how many messages left."""
        sent = 0
        while (id_ := self._claim()) is not None:
            sent += self._send(id_)
        return sent

    def waiting(self) -> int:
        """Return how many messages have not left yet."""
        with self._work.begin() as session:
            return len(
                session.scalars(select(OutboxMessage.id).where(OutboxMessage.state.in_(("queued", "sending")))).all()
            )

    def _claim(self) -> str | None:
        """Mark one due message as being sent, and commit that before it is; another relay passes it over."""
        with self._work.begin() as session:
            now = self._clock.now()
            self._give_up_codes(session, now)
            row = session.scalar(
                select(OutboxMessage)
                .where(OutboxMessage.state.in_(("queued", "sending")), OutboxMessage.due_at <= now)
                .order_by(OutboxMessage.due_at)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            if row is None:
                session.commit()
                return None
            row.state, row.attempts, row.due_at = "sending", row.attempts + 1, now + SENDING_LEASE
            session.commit()
            return row.id

    @staticmethod
    def _give_up_codes(session: Session, now: datetime) -> None:
        """A code whose relay died in the act may have left: it is not sent again. Nor is one that waited long."""
        may_have_left = (OutboxMessage.state == "sending") & (OutboxMessage.due_at <= now)
        is_stale = (OutboxMessage.state == "queued") & (OutboxMessage.queued_at <= now - STALE_CODE)
        given_up = select(OutboxMessage.id).where(OutboxMessage.at_most_once, may_have_left | is_stale)
        session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.id.in_(given_up.with_for_update(skip_locked=True)))
            .values(state="dead", ciphertext=b"")
        )

    def _send(self, id_: str) -> int:
        with self._work.begin() as session:
            row = session.get_one(OutboxMessage, id_)
            kind, sealed = row.kind, row.ciphertext
            session.rollback()
        try:
            self._messenger.send(Message(**json.loads(self._cipher.open(sealed, id_))))
        except Exception as problem:  # whatever happened, the attempt counts; only NotSent has words fit for a log
            reason = problem if isinstance(problem, NotSent) else type(problem).__name__
            logger.warning("Message %s (%s) was not sent: %s", id_, kind, reason)
            self._postpone(id_)
            return 0
        with self._work.begin() as session:
            row = session.get_one(OutboxMessage, id_)
            row.state, row.sent_at, row.ciphertext = "sent", self._clock.now(), b""
            session.commit()
        return 1

    def _postpone(self, id_: str) -> None:
        with self._work.begin() as session:
            row = session.get_one(OutboxMessage, id_)
            if row.at_most_once or row.attempts >= MOST_ATTEMPTS:
                row.state = "dead"
                row.ciphertext = b"" if row.at_most_once else row.ciphertext
            else:
                row.state = "queued"
                row.due_at = self._clock.now() + timedelta(seconds=2**row.attempts)
            session.commit()
