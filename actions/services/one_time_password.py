"""One-time passwords: send one, and accept it once, for the account, purpose and conversation it was sent for."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from actions.security.errors import (
    ChannelUnavailable,
    FactorsMissing,
    OtpExhausted,
    OtpNotSent,
    OtpOtherPurpose,
    OtpRefusal,
    OtpSuperseded,
    OtpUsed,
    OtpWrong,
    Refusal,
)
from actions.security.notices import CHAT_PLATFORM, Event
from actions.security.one_time_password import (
    Challenge,
    destination_digest,
    digest,
    may_be_tried,
    new_code,
    read_code,
)
from actions.security.secret import Secret
from actions.security.sends import DAY, Send, may_send
from actions.services.authority import authority
from actions.services.decisions import Decision, Decisions
from actions.services.guess_budget import GuessBudget
from actions.services.identification import Identification
from actions.services.notices import Notices
from actions.services.outbox import Outbox
from actions.services.ports import CoreSystem, OtpRules
from actions.services.vault import Vault
from actions.storage.challenges import newest_challenge
from actions.storage.locks import hold
from actions.storage.models import ChallengeRecord, CodeSend
from actions.storage.models import Identification as IdentificationRow

NOBODY = Secret("0000")  # an account number that no firm gives


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
        decisions: Decisions,
        vault: Vault,
        identification: Identification,
        core: CoreSystem,
        outbox: Outbox,
        notices: Notices,
        budget: GuessBudget,
        rules: Mapping[str, OtpRules],
        pepper: bytes,
    ) -> None:
        self._decisions = decisions
        self._vault = vault
        self._identification = identification
        self._core = core
        self._outbox = outbox
        self._notices = notices
        self._budget = budget
        self._rules = rules
        self._pepper = pepper

    def send(self, conversation: str, purpose: str, channel: str, language: str) -> Sent:
        """Send a new code; the one before is void from then on, and its guesses stay counted.

        Raise `NotIdentified`, `ChannelUnavailable`, `ResendTooSoon` or `SendsUsedUp`. For details that match nobody
        everything happens but the message.
        """
        with self._decisions.begin(f"send_code {purpose}", conversation) as decision:
            session = decision.session
            who = self._identification.current(session, conversation)
            decision.about = _subject(who)
            rules = self._rules[who.institution]
            sent_to = {"sms": who.sms, "email": who.email}.get(channel)
            if channel not in rules.ttl_seconds or not sent_to:
                raise ChannelUnavailable
            hold(session, f"codes of {who.identity}")
            now = decision.now()
            may_send(self._sends(session, who, now), purpose, now, rules.sends)
            self._supersede(session, who, purpose, now)
            record = self._new_record(who, purpose, channel, sent_to, rules, now)
            code = new_code(rules.digits)
            record.code_digest = digest(self._pepper, record.id, code)
            address = self._address(session, who.institution, record)
            record.destination = destination_digest(self._pepper, channel, address or "")
            session.add(record)
            session.add(self._numbered(session, record))
            self._queue(session, who, record, address, code, language)
            decision.done(channel)
            return _sent(record, rules)

    def pending(self, conversation: str, purpose: str) -> Sent:
        """Return the code that is waited for; raise `OtpNotSent`."""
        with self._decisions.look() as session:
            who = self._identification.current(session, conversation)
            record = newest_challenge(session, purpose, conversation=conversation, lock=False)
            if record is None or record.identity != who.identity:
                raise OtpNotSent
            return _sent(record, self._rules[who.institution])

    def is_verified(self, conversation: str, purpose: str) -> bool:
        """Return whether a right code of this conversation still allows `purpose`; nobody is asked twice."""
        with self._decisions.look() as session:
            try:
                authority(session, conversation, purpose, lock=False)
            except FactorsMissing:
                return False
            return True

    def verify(self, conversation: str, purpose: str, reference: str, language: str = "zh-Hant") -> None:
        """Use up the code behind the vault's `reference`; return only if it was right.

        A wrong entry is counted and committed before it is refused. The same reference again, after it
        was right: right (a repeated call), and still only one use. A right one is a login to the online
        customer service, and has its notice (`notices.yml: login_success`).
        """
        with self._decisions.begin(f"verify_code {purpose}", conversation) as decision:
            session = decision.session
            hold(session, conversation)  # the same reference twice at once: the second finds it right
            if self._was_right(session, conversation, purpose, reference):
                return
            who = self._identification.current(session, conversation)
            decision.about = _subject(who)
            entered = self._vault.take(session, conversation, "code", reference)
            refusal = self._try(decision, who, purpose, reference, entered)
            if refusal:
                decision.refused(refusal)
                raise refusal
            self._tell_of_login(decision, who, language)
            decision.done()

    def _try(
        self, decision: Decision, who: IdentificationRow, purpose: str, reference: str, entered: Secret
    ) -> Refusal | None:
        session, rules = decision.session, self._rules[who.institution]
        record = newest_challenge(session, purpose, conversation=who.conversation)
        if record is None or record.identity != who.identity:  # or other details were entered since
            return OtpNotSent()
        now, subject = decision.now(), _subject(who)
        try:
            code = read_code(entered, rules.digits)
            may_be_tried(_challenge(record), rules.wrong_attempts, now)
            self._budget.pay(session, who.institution, subject, record.wrong, now)
        except Refusal as refusal:
            return refusal
        if not self._pay(session, record, rules, now):
            return OtpExhausted()
        right = Secret(digest(self._pepper, record.id, code)) == Secret(record.code_digest)
        if right and record.account_id and self._is_still_theirs(session, who.institution, record):
            self._consume(session, record, reference, now)
            self._budget.judged(session, who.institution, subject, True, now, known=True)
            return None
        self._budget.judged(session, who.institution, subject, False, now, known=who.account_id is not None)
        return self._why_wrong(session, record, code, now) or OtpWrong(left=rules.wrong_attempts - record.wrong)

    def _is_still_theirs(self, session: Session, institution: str, record: ChallengeRecord) -> bool:
        """Return whether the address that the code went to is still the customer's (G9, T32)."""
        address = self._address(session, institution, record) or ""
        return Secret(destination_digest(self._pepper, record.channel, address)) == Secret(record.destination)

    def _tell_of_login(self, decision: Decision, who: IdentificationRow, language: str) -> None:
        customer, now = self._core.customer(decision.session, str(who.account_id)), decision.now()
        event = Event("login", now, customer.number, platform=CHAT_PLATFORM)
        self._notices.tell(decision.session, customer, ["login_success"], event, language, now)

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
        if paid.rowcount == 1:  # type: ignore[attr-defined]  # CursorResult of an UPDATE; `record` has its count
            return True
        session.refresh(record)
        return False

    @staticmethod
    def _consume(session: Session, record: ChallengeRecord, reference: str, now: datetime) -> None:
        used = session.execute(
            update(ChallengeRecord)
            .where(ChallengeRecord.id == record.id, ChallengeRecord.used_at.is_(None))
            .values(used_at=now, used_reference=reference, wrong=ChallengeRecord.wrong - 1)
        )
        if used.rowcount != 1:  # type: ignore[attr-defined]
            raise OtpUsed

    def _why_wrong(self, session: Session, record: ChallengeRecord, code: Secret, now: datetime) -> OtpRefusal | None:
        """Name the reason when the code is one we did send in this conversation. It stays refused and counted."""
        others = session.scalars(
            select(ChallengeRecord).where(
                ChallengeRecord.conversation == record.conversation,
                ChallengeRecord.id != record.id,
                ChallengeRecord.identity == record.identity,
            )
        )
        for other in others:
            if Secret(digest(self._pepper, other.id, code)) == Secret(other.code_digest):
                if other.purpose != record.purpose:  # void from now on, or each guess would count against two codes
                    other.superseded_at = other.superseded_at or now
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
            resend_at=now + timedelta(seconds=rules.sends.resend_seconds),
            wrong=0,
        )

    @staticmethod
    def _sends(session: Session, who: IdentificationRow, now: datetime) -> list[Send]:
        """Return what was sent to the same details, over all conversations, purposes and channels (G8)."""
        rows = session.execute(
            select(CodeSend.purpose, CodeSend.at).where(CodeSend.subject == who.identity, CodeSend.at > now - DAY)
        )
        return [Send(purpose, at) for purpose, at in rows]

    @staticmethod
    def _numbered(session: Session, record: ChallengeRecord) -> CodeSend:
        last = session.scalar(select(func.max(CodeSend.number)).where(CodeSend.subject == record.identity)) or 0
        return CodeSend(
            challenge_id=record.id,
            subject=record.identity,
            number=last + 1,
            purpose=record.purpose,
            channel=record.channel,
            at=record.sent_at,
        )

    def _address(self, session: Session, institution: str, record: ChallengeRecord) -> str | None:
        """Return where the code goes; None for details that match nobody, after as long a look (G12)."""
        if not record.account_id:
            self._core.find(session, institution, NOBODY)
            return None
        customer = self._core.customer(session, record.account_id)
        return customer.phone if record.channel == "sms" else customer.email

    def _queue(
        self,
        session: Session,
        who: IdentificationRow,
        record: ChallengeRecord,
        address: str | None,
        code: Secret,
        language: str,
    ) -> None:
        seconds = self._rules[who.institution].ttl_seconds[record.channel]
        values = {"code": code.reveal(), "minutes": str(seconds // 60)}
        self._outbox.add(
            session, who.institution, "one_time_code", record.channel, address, language, values, ttl_seconds=seconds
        )


def _subject(who: IdentificationRow) -> str:
    """Return what guesses are counted by: the account, over all that is entered about it; or a stranger's details."""
    return who.account_id or str(who.identity)


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
