"""One-time passwords: send one, and accept it once, for the account, purpose and conversation it was sent for."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from actions.security.errors import (
    ChannelUnavailable,
    OtpExhausted,
    OtpExpired,
    OtpMalformed,
    OtpNotSent,
    OtpOtherPurpose,
    OtpRefusal,
    OtpSuperseded,
    OtpUsed,
    OtpWrong,
)
from actions.security.one_time_password import Challenge, digest, may_be_tried, may_send_again, new_code, read_code
from actions.security.secret import Secret
from actions.services.identification import Identification
from actions.services.outbox import Outbox
from actions.services.ports import Clock, CoreSystem, OtpRules
from actions.services.vault import Vault
from actions.storage.challenges import newest_challenge, newest_challenge_of
from actions.storage.locks import hold
from actions.storage.models import ChallengeRecord
from actions.storage.models import Identification as IdentificationRow
from actions.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Sent:
    """A code that is on its way, as far as the customer may know. Times are aware."""

    channel: str
    sent_to: str
    digits: int
    ttl_seconds: int
    expires_at: datetime
    resend_at: datetime


class OneTimePassword:
    """Sends and verifies codes under the rules of the conversation's institution."""

    def __init__(
        self,
        work: UnitOfWork,
        clock: Clock,
        vault: Vault,
        identification: Identification,
        core: CoreSystem,
        outbox: Outbox,
        rules: Mapping[str, OtpRules],
        pepper: bytes,
    ) -> None:
        self._work = work
        self._clock = clock
        self._vault = vault
        self._identification = identification
        self._core = core
        self._outbox = outbox
        self._rules = rules
        self._pepper = pepper

    def send(self, conversation: str, purpose: str, channel: str, language: str) -> Sent:
        """Send a new code; the one before is void from then on.

        Raise `NotIdentified`, `ChannelUnavailable` or `ResendTooSoon`. For details that match nobody
        everything happens but the message.
        """
        with self._work.begin() as session:
            now = self._clock.now()
            who = self._identification.current(session, conversation)
            rules = self._rules[who.institution]
            sent_to = {"sms": who.sms, "email": who.email}.get(channel)
            if channel not in rules.ttl_seconds or not sent_to:
                raise ChannelUnavailable
            previous = newest_challenge_of(session, purpose, identity=str(who.identity))
            may_send_again(_challenge(previous) if previous else None, now)
            self._supersede(session, who, purpose, now)
            record = self._new_record(who, purpose, channel, sent_to, rules, now)
            code = new_code(rules.digits)
            record.code_digest = digest(self._pepper, record.id, code)
            session.add(record)
            self._queue(session, record, rules, code, language)
            session.commit()
            return _sent(record, rules)

    def pending(self, conversation: str, purpose: str) -> Sent:
        """Return the code that is waited for; raise `OtpNotSent`."""
        with self._work.begin() as session:
            who = self._identification.current(session, conversation)
            record = newest_challenge(session, purpose, conversation=conversation)
            if record is None:
                raise OtpNotSent
            return _sent(record, self._rules[who.institution])

    def verify(self, conversation: str, purpose: str, reference: str) -> None:
        """Use up the code behind the vault's `reference`; return only if it was right.

        A wrong entry is counted and committed before it is refused. The same reference again, after it
        was right: right (a repeated call), and still only one use.
        """
        with self._work.begin() as session:
            hold(session, conversation)  # the same reference twice at once: the second finds it right
            if self._was_right(session, conversation, purpose, reference):
                return
            who = self._identification.current(session, conversation)
            rules = self._rules[who.institution]
            entered = self._vault.take(session, conversation, "code", reference)
            refusal = self._try(session, conversation, purpose, reference, entered, rules)
            session.commit()
        if refusal:
            raise refusal

    def _try(
        self,
        session: Session,
        conversation: str,
        purpose: str,
        reference: str,
        entered: Secret,
        rules: OtpRules,
    ) -> OtpRefusal | None:
        now = self._clock.now()
        record = newest_challenge(session, purpose, conversation=conversation)
        if record is None:
            return OtpNotSent()
        try:
            code = read_code(entered, rules.digits)
            may_be_tried(_challenge(record), rules.wrong_attempts, now)
        except (OtpMalformed, OtpExpired, OtpUsed, OtpExhausted, OtpSuperseded) as refusal:
            return refusal
        if not self._pay(session, record, rules, now):
            return OtpExhausted()
        right = Secret(digest(self._pepper, record.id, code)) == Secret(record.code_digest)
        if right and record.account_id and self._consume(session, record, reference, now):
            return None
        return self._why_wrong(session, conversation, record, code) or OtpWrong(
            left=rules.wrong_attempts - record.wrong
        )

    def _pay(self, session: Session, record: ChallengeRecord, rules: OtpRules, now: datetime) -> bool:
        """Count the attempt before it is judged; one statement, so that parallel attempts cannot pass the limit."""
        paid = session.execute(
            update(ChallengeRecord)
            .where(
                ChallengeRecord.id == record.id,
                ChallengeRecord.used_at.is_(None),
                ChallengeRecord.superseded_at.is_(None),
                ChallengeRecord.wrong < rules.wrong_attempts,
                ChallengeRecord.expires_at > now,
            )
            .values(wrong=ChallengeRecord.wrong + 1)
        )
        session.refresh(record)
        return bool(paid.rowcount == 1)  # type: ignore[attr-defined]  # CursorResult of an UPDATE

    def _consume(self, session: Session, record: ChallengeRecord, reference: str, now: datetime) -> bool:
        used = session.execute(
            update(ChallengeRecord)
            .where(ChallengeRecord.id == record.id, ChallengeRecord.used_at.is_(None))
            .values(used_at=now, used_reference=reference, wrong=ChallengeRecord.wrong - 1)
        )
        return bool(used.rowcount == 1)  # type: ignore[attr-defined]

    def _why_wrong(
        self, session: Session, conversation: str, record: ChallengeRecord, code: Secret
    ) -> OtpRefusal | None:
        """Name the reason when the code is one we did send in this conversation. It stays refused and counted."""
        others = session.scalars(
            select(ChallengeRecord).where(
                ChallengeRecord.conversation == conversation,
                ChallengeRecord.id != record.id,
                ChallengeRecord.identity == record.identity,
            )
        )
        for other in others:
            if Secret(digest(self._pepper, other.id, code)) == Secret(other.code_digest):
                if other.purpose != record.purpose:  # void from now on, or each guess would count against two codes
                    other.superseded_at = other.superseded_at or self._clock.now()
                    return OtpOtherPurpose()
                return OtpUsed() if other.used_at else OtpSuperseded()
        return None

    def _was_right(self, session: Session, conversation: str, purpose: str, reference: str) -> bool:
        found = session.scalar(
            select(ChallengeRecord.id).where(
                ChallengeRecord.conversation == conversation,
                ChallengeRecord.purpose == purpose,
                ChallengeRecord.used_reference == reference,
            )
        )
        return found is not None

    @staticmethod
    def _supersede(session: Session, who: IdentificationRow, purpose: str, now: datetime) -> None:
        session.execute(
            update(ChallengeRecord)
            .where(
                or_(ChallengeRecord.conversation == who.conversation, ChallengeRecord.identity == who.identity),
                ChallengeRecord.purpose == purpose,
                ChallengeRecord.used_at.is_(None),
                ChallengeRecord.superseded_at.is_(None),
            )
            .values(superseded_at=now)
        )

    @staticmethod
    def _new_record(
        who: IdentificationRow, purpose: str, channel: str, sent_to: str, rules: OtpRules, now: datetime
    ) -> ChallengeRecord:
        return ChallengeRecord(
            id=secrets.token_hex(16),
            conversation=who.conversation,
            identity=who.identity,
            account_id=who.account_id,
            purpose=purpose,
            channel=channel,
            sent_to=sent_to,
            sent_at=now,
            expires_at=now + timedelta(seconds=rules.ttl_seconds[channel]),
            resend_at=now + timedelta(seconds=rules.resend_seconds),
            wrong=0,
        )

    def _queue(self, session: Session, record: ChallengeRecord, rules: OtpRules, code: Secret, language: str) -> None:
        customer = self._core.customer(session, record.account_id) if record.account_id else None
        address = None
        if customer:
            address = customer.phone if record.channel == "sms" else customer.email
        values = {"code": code.reveal(), "minutes": str(rules.ttl_seconds[record.channel] // 60)}
        self._outbox.add(session, "one_time_code", record.channel, address, language, values)


def _challenge(record: ChallengeRecord) -> Challenge:
    return Challenge(
        id=record.id,
        purpose=record.purpose,
        sent_at=record.sent_at,
        expires_at=record.expires_at,
        resend_at=record.resend_at,
        wrong=record.wrong,
        used_at=record.used_at,
        superseded_at=record.superseded_at,
    )


def _sent(record: ChallengeRecord, rules: OtpRules) -> Sent:
    return Sent(
        channel=record.channel,
        sent_to=record.sent_to,
        digits=rules.digits,
        ttl_seconds=rules.ttl_seconds[record.channel],
        expires_at=record.expires_at,
        resend_at=record.resend_at,
    )
