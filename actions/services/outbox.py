"""The outbox: a message is written with the effect it tells of, and leaves after the commit.

Codes leave at most once: a second SMS with the same code helps nobody, and a lost one is sent again by the
customer. Notices leave at least once, under one message id. What was sent is erased, and so is a code that was given up.

A relay settles one message and claims the next in the same transaction: one commit a message, and a relay that dies
leaves one in doubt. Several run at once, in one replica or many (`storage/outbox.py`).
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime

from sqlalchemy.orm import Session

from actions.services.ports import Cipher, Message, Messenger, NotSent, RefusedForGood, Templates
from actions.storage import outbox as rows
from actions.storage.clock import db_now
from actions.storage.models import OutboxMessage
from actions.storage.outbox import Claim, Outcome
from actions.storage.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

AT_MOST_ONCE = frozenset({"one_time_code"})


class Outbox:
    """Queues messages inside a use case's transaction, and relays what is due."""

    def __init__(self, work: UnitOfWork, cipher: Cipher, templates: Templates, messenger: Messenger) -> None:
        self._work = work
        self._cipher = cipher
        self._templates = templates
        self._messenger = messenger
        self._notices = threading.Lock()
        self._stopped = threading.Event()
        self._unsettled: list[Outcome] = []

    def add(
        self,
        session: Session,
        institution: str,
        kind: str,
        channel: str,
        to: str | None,
        language: str,
        values: Mapping[str, str],
        ttl_seconds: int | None = None,
        now: datetime | None = None,
    ) -> str:
        """Queue a message in the name of `institution` and return its id; it exists if and only if the caller commits.

        `to` None: a message to nobody. It costs the same writes and never leaves, so that a stranger's
        details cannot be told from a customer's by what is done for them (G12). After `ttl_seconds` it is not sent.
        `now`: the database's time, where the caller has just asked for it.
        """
        subject, text, html = self._templates.render(kind, channel, language, values, institution)
        id_, now = secrets.token_hex(16), now or db_now(session)
        message = Message(id_, channel, to or "", subject, text, html, values.get("code"), ttl_seconds)
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
        return id_

    def relay(self) -> int:
        """Send everything that is due, codes first, then oldest first; return how many messages left.

        One thread a process sends notices, so that a mail server that hangs never keeps a code waiting.
        """
        return self.relay_codes() + self.relay_notices()

    def relay_notices(self) -> int:
        """Send the notices that are due and return how many left; none where another thread is at it."""
        if not self._notices.acquire(blocking=False):
            return 0
        try:
            return self._drain(at_most_once=False)
        finally:
            self._notices.release()

    def relay_codes(self) -> int:
        """Send the codes that are due and return how many left."""
        return self._drain(at_most_once=True)

    def stop(self) -> None:
        """Let every relay of this process end after the message it is at."""
        self._stopped.set()

    def waiting(self) -> int:
        """Return how many messages have not left yet."""
        with self._work.look() as session:
            return rows.count(session, "queued", "sending")

    def given_up(self) -> int:
        """Return how many messages were given up and are still on record (`DeadLetters`)."""
        with self._work.look() as session:
            return rows.count(session, "dead")

    def _drain(self, at_most_once: bool) -> int:
        self._settle_the_rest()
        with self._work.begin() as session:
            rows.take_over(session, at_most_once, db_now(session))
            session.commit()
        sent, outcome = 0, None
        try:
            while (claim := self._next(outcome, at_most_once)) is not None:
                outcome = None
                outcome = self._send(claim)
                sent += outcome.problem is None
        except Exception:  # the database is away: what has left is not to leave again when it is back
            self._unsettled += [outcome] if outcome else []
            raise
        return sent

    def _settle_the_rest(self) -> None:
        rest, self._unsettled = self._unsettled, []
        if not rest:
            return
        try:
            with self._work.begin() as session:
                for outcome in rest:
                    rows.settle(session, outcome, db_now(session))
                session.commit()
        except Exception:
            self._unsettled += rest
            raise

    def _next(self, outcome: Outcome | None, at_most_once: bool) -> Claim | None:
        """Settle one message, and mark the next as being sent before it is; another relay passes it over."""
        with self._work.begin() as session:
            now = db_now(session)
            if outcome:
                rows.settle(session, outcome, now)
            claim = None if self._stopped.is_set() else rows.claim_next(session, at_most_once, now)
            session.commit()
            return claim

    def _send(self, claim: Claim) -> Outcome:
        try:
            message = Message(**json.loads(self._cipher.open(claim.sealed, claim.id)))
            if claim.is_late(message.ttl_seconds):
                return Outcome(claim, rows.LATE, for_good=True)
            if message.ttl_seconds is not None:
                waited = int((claim.claimed_at - claim.queued_at).total_seconds())
                message = replace(message, ttl_seconds=message.ttl_seconds - waited)
            self._messenger.send(message)
        except Exception as problem:  # whatever happened, the attempt counts; only NotSent has words fit for a log
            reason = str(problem) if isinstance(problem, NotSent) else type(problem).__name__
            logger.warning("Message %s (%s) was not sent: %s", claim.id, claim.kind, reason)
            return Outcome(claim, reason, isinstance(problem, RefusedForGood))
        return Outcome(claim)
