"""An account whose owner said "not me": suspended at once, evidence kept, staff told; the hotline alone lifts it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from actions.security import protection as rules
from actions.security.errors import CoreRefusal, ProtectionPending
from actions.security.ledger import Command, new_receipt
from actions.security.notices import event_time
from actions.security.password_unlock import PasswordState, unlock_day
from actions.services.authority import authority
from actions.services.decisions import CUSTOMER, SYSTEM, Decision, Decisions, staff
from actions.services.ledger import Ledger
from actions.services.outbox import Outbox
from actions.services.ports import Cipher, CoreSystem
from actions.storage.models import Event, Identification, Notice
from actions.storage.models import Protection as Row

PURPOSE = "protect_account"
EVIDENCE_OF = timedelta(days=30)
UNKNOWN = "unknown"


def refuse_protected(session: Session, account: str, purpose: str) -> None:
    """Raise `AccountProtected` where `purpose` is not done while the account is protected."""
    row = _open_row(session, account)
    rules.may_act(_protection(row) if row else None, purpose)


class Protection:
    """Protects an account from the chat and tells the hotline; `zones` by institution."""

    def __init__(
        self,
        decisions: Decisions,
        core: CoreSystem,
        ledger: Ledger,
        cipher: Cipher,
        outbox: Outbox,
        staff_mailbox: str,
        zones: Mapping[str, ZoneInfo],
    ) -> None:
        self._decisions = decisions
        self._core = core
        self._ledger = ledger
        self._cipher = cipher
        self._outbox = outbox
        self._staff_mailbox = staff_mailbox
        self._zones = zones

    def protect(self, conversation: str, institution: str, language: str, notice: str = "") -> str:
        """Suspend online login of the verified customer and return the reference, e.g. `NM-20261120-7K3M`.

        `notice`: the reference of the e-mail that it began with, "" if unknown. Raise `FactorsMissing`; or
        `ProtectionPending` where all that is ours is done but the core system has not suspended the login yet:
        `suspend_pending` goes on. An account that is protected already keeps its first reference, and so does the same
        verified code again.
        """
        with self._decisions.begin(PURPOSE, conversation) as decision:
            session = decision.session
            challenge = authority(session, conversation, PURPOSE)
            account = decision.about = str(challenge.account_id)
            password = self._password(session, account)
            row = _open_row(session, account)
            if row is None:
                row = self._begin(decision, institution, conversation, notice, password)
            reference = row.reference
            try:
                self._suspend(decision, row)
            except CoreRefusal:
                pending = ProtectionPending(report=reference)
                decision.refused(pending)
                raise pending from None
            decision.done(reference)
            return reference

    def suspend_pending(self) -> int:
        """Suspend the logins that the core system did not suspend when it was asked; return how many it has now."""
        with self._decisions.look() as session:
            waiting = select(Row.reference).where(Row.lifted_at.is_(None), Row.login_suspended_at.is_(None))
            references = list(session.scalars(waiting))
        done = 0
        for reference in references:
            with suppress(CoreRefusal), self._decisions.begin("suspend_login", reference, SYSTEM) as decision:
                row = self._held(decision.session, reference)
                if row and row.lifted_at is None and row.login_suspended_at is None:
                    decision.about = row.account_id
                    self._suspend(decision, row)
                    decision.done(reference)
                    done += 1
        return done

    def refuse_protected(self, conversation: str) -> None:
        """Raise `AccountProtected` if the customer of this conversation, verified in it before, is protected."""
        with self._decisions.look() as session:
            row = session.scalar(
                select(Row)
                .join(Identification, Identification.account_id == Row.account_id)
                .where(Identification.conversation == conversation, Row.conversation == conversation)
                .where(Row.lifted_at.is_(None))
            )
            rules.may_act(_protection(row) if row else None, "unlock_password")

    def lift(self, reference: str, name: str) -> None:
        """Let the customer log in again, after the hotline has made sure who calls.

        `name`: of the member of staff. Raise `ProtectionStays` without one. Lifting twice is lifting once.
        """
        with self._decisions.begin("lift_protection", reference, staff(name)) as decision:
            row = self._held(decision.session, reference)
            lifted = rules.lift(_protection(row) if row else None, rules.HOTLINE, name, decision.now())
            if row is None or lifted is None or row.lifted_at:
                return
            decision.about = row.account_id
            row.lifted_at, row.lifted_by = lifted.lifted_at, lifted.lifted_by
            if self._found(row).get("suspended_at") is None:  # what was suspended before is not ours to open
                self._core.restore_login(decision.session, row.account_id, f"restore {reference}")
            decision.done(reference)

    def open_ones(self) -> list[tuple[str, str]]:
        """Return (reference, since in UTC) of accounts that wait for the hotline, oldest first; for staff and metrics."""
        with self._decisions.look() as session:
            rows = session.scalars(select(Row).where(Row.lifted_at.is_(None)).order_by(Row.since))
            return [(row.reference, row.since.isoformat(timespec="seconds")) for row in rows]

    def evidence(self, reference: str, name: str) -> Mapping[str, object]:
        """Return what was kept when the account was protected, for staff; that it was looked at is written down."""
        with self._decisions.begin("read_evidence", reference, staff(name)) as decision:
            row = decision.session.get_one(Row, reference)
            decision.about = row.account_id
            decision.done(reference)
            return self._found(row)

    def _held(self, session: Session, reference: str) -> Row | None:
        """Return the row, locked after its account as `protect` does: the other way round two would wait for ever."""
        row = session.get(Row, reference)
        if row:
            self._core.password(session, row.account_id)
            session.refresh(row, with_for_update=True)
        return row

    def _found(self, row: Row) -> Mapping[str, object]:
        found: Mapping[str, object] = json.loads(self._cipher.open(row.evidence_ciphertext, row.reference))
        return found

    def _password(self, session: Session, account: str) -> PasswordState | None:
        """Return the state, and lock the account: of two at once the second finds what the first has done.

        None where the core system does not answer, which keeps nobody from being protected.
        """
        with suppress(CoreRefusal):
            return self._core.password(session, account)
        return None

    def _suspend(self, decision: Decision, row: Row) -> None:
        """Suspend the login, after it is known whether it was suspended before: only then it can be lifted right."""
        found = self._found(row)
        if found.get("suspended_at") == UNKNOWN:
            password = self._core.password(decision.session, row.account_id)
            known = json.dumps({**found, **_state(password)}, ensure_ascii=False)
            row.evidence_ciphertext = self._cipher.seal(known.encode(), row.reference)
        self._core.suspend_login(decision.session, row.account_id, f"suspend {row.reference}")
        row.login_suspended_at = row.login_suspended_at or decision.now()

    def _begin(
        self, decision: Decision, institution: str, conversation: str, notice: str, password: PasswordState | None
    ) -> Row:
        session, now, account = decision.session, decision.now(), decision.about
        day = unlock_day(now, self._zones[institution])
        reference = new_receipt(PURPOSE, day)
        while session.get(Row, reference):
            reference = new_receipt(PURPOSE, day)
        made = rules.protect(None, account, reference, conversation, now)
        evidence = json.dumps(self._evidence(decision, notice, password), ensure_ascii=False)
        row = Row(
            reference=made.reference,
            account_id=made.account,
            since=made.since,
            conversation=made.conversation,
            evidence_ciphertext=self._cipher.seal(evidence.encode(), made.reference),
        )
        session.add(row)
        session.flush()
        command = Command(reference, account, PURPOSE, "chat", {})
        self._ledger.enter(session, command, now, self._zones[institution], conversation, receipt=reference)
        self._tell_staff(session, reference, institution, now)
        return row

    def _tell_staff(self, session: Session, reference: str, institution: str, now: datetime) -> None:
        """Queue a message to the hotline: the reference and the time, nothing of the customer."""
        values = {"reference": reference, "time": event_time(now, self._zones[institution])}
        self._outbox.add(
            session, institution, "account_protected", "email", self._staff_mailbox or None, "zh-Hant", values
        )

    def _evidence(self, decision: Decision, notice: str, password: PasswordState | None) -> Mapping[str, object]:
        """Return what would be asked later: what happened to the account lately, and which notices went out."""
        session, since, account = decision.session, decision.now() - EVIDENCE_OF, decision.about
        events = session.scalars(select(Event).where(Event.account_id == account, Event.at >= since))
        notices = session.scalars(select(Notice).where(Notice.account_id == account, Notice.at >= since))
        return {
            "began_with": notice,
            **_state(password),
            "events": [[row.event_id, row.kind, row.at.isoformat(), row.platform] for row in events],
            "notices": [[row.reference, row.kind, row.at.isoformat(), row.platform] for row in notices],
            "said_by": CUSTOMER,
        }


def _state(password: PasswordState | None) -> Mapping[str, str | None]:
    """Return what was locked and suspended before us; `UNKNOWN` where the core system did not answer."""
    if password is None:
        return {"locked_at": UNKNOWN, "suspended_at": UNKNOWN}
    locked, suspended = password.locked_at, password.suspended_at
    return {
        "locked_at": locked.isoformat() if locked else None,
        "suspended_at": suspended.isoformat() if suspended else None,
    }


def _open_row(session: Session, account: str) -> Row | None:
    return session.scalar(select(Row).where(Row.account_id == account, Row.lifted_at.is_(None)).with_for_update())


def _protection(row: Row) -> rules.Protection:
    return rules.Protection(row.account_id, row.reference, row.since, row.conversation, row.lifted_at, row.lifted_by)
