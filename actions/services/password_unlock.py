"""The self-service unlock: after a verified code, with a valid certificate, once a calendar day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from actions.security.errors import FactorsMissing, UnlockUnverified
from actions.security.factors import Factor, require
from actions.security.notices import CHAT_PLATFORM, Event
from actions.security.password_unlock import may_unlock, unlock_day, used_today
from actions.services.authority import proven, require_good, right_code
from actions.services.decisions import CUSTOMER, SYSTEM, Decision, Decisions
from actions.services.ledger import Ledger
from actions.services.notices import Notices
from actions.services.pending_acts import Act, PendingActs
from actions.services.ports import CoreSystem
from actions.services.protection import refuse_protected
from actions.storage.locks import hold
from actions.storage.models import ChallengeRecord, Identification, LedgerEntry

PURPOSE = "unlock_password"


class PasswordUnlock:
    """Unlocks, and sends the notice (`notices.yml: password_unlocked`). `zones`: where it is offered, and its days."""

    def __init__(
        self,
        decisions: Decisions,
        core: CoreSystem,
        ledger: Ledger,
        notices: Notices,
        pending: PendingActs,
        zones: Mapping[str, ZoneInfo],
    ) -> None:
        self._decisions = decisions
        self._core = core
        self._ledger = ledger
        self._notices = notices
        self._pending = pending
        self._zones = zones

    def unlock(self, conversation: str, institution: str, language: str) -> str:
        """Unlock the verified customer's password and return the receipt.

        Raise `UnlockUnverified`, `AccountProtected`, `UnlockSuspended`, `UnlockNotLocked`, `UnlockNoCertificate`,
        `UnlockUsedToday` or `UnlockDoneToday`. The same verified code again: the same receipt. Everything is decided
        from rows read inside the transaction that acts. Over a firm's own system it is written down first, and goes on
        by itself where the answer is lost (`CoreOutcomeUnknown`); the receipt then stands in the notice.
        """
        with self._decisions.begin(PURPOSE, conversation) as decision:
            challenge = self._right_code(decision.session, conversation)
            account = decision.about = str(challenge.account_id)
            act = Act(challenge.id, PURPOSE, account, institution, "chat", conversation, language, decision.now())
            if receipt := self._ledger.repeated(decision.session, act.command):
                return receipt
            self._require_good(decision.session, challenge)
            done = self.begin(decision, act)
        return done if isinstance(done, str) else self.go_on(done, CUSTOMER)

    def begin(self, decision: Decision, act: Act) -> str | Act:
        """Do what the caller has allowed, in its transaction, and return the receipt; refusals as above.

        Over a firm's own system: commit that it is wanted, and return what to `go_on` with after the transaction.
        """
        self._zone(act.institution)
        return self._pending.write_down(decision, act) if self._pending.needed else self._unlock(decision, act)

    def go_on(self, act: Act, actor: str = SYSTEM) -> str:
        """Do what was written down, if the core system has not done it already; the receipt, or refusals as above."""
        with self._pending.asked(act), self._decisions.begin(PURPOSE, act.account, actor) as decision:
            hold(decision.session, f"command {act.key}")  # the same twice at once: the second finds the receipt
            if receipt := self._ledger.repeated(decision.session, act.command):
                self._pending.forget(decision.session, act)
                decision.done(receipt)
                return receipt
            return self._unlock(decision, act)

    def refuse_second(self, conversation: str, institution: str) -> None:
        """Raise the refusal if this conversation has unlocked today: it need not be verified again to hear that.

        Only while it is still about the same customer.
        """
        zone = self._zone(institution)
        with self._decisions.begin(f"open {PURPOSE}", conversation) as decision:
            session, now = decision.session, decision.now()
            used = session.scalar(
                select(LedgerEntry).where(
                    LedgerEntry.conversation == conversation,
                    LedgerEntry.kind == PURPOSE,
                    LedgerEntry.day >= unlock_day(now, zone),
                )
            )
            who = session.get(Identification, conversation)
            if used and who and who.account_id == used.account_id:
                decision.about = used.account_id
                locked = self._core.password(session, used.account_id).locked_at is not None
                raise used_today(used.at, now, zone, still_locked=locked)

    def _unlock(self, decision: Decision, act: Act) -> str:
        session, account, zone = decision.session, act.account, self._zone(act.institution)
        challenge = session.get(ChallengeRecord, act.key, with_for_update=True) if act.channel == "chat" else None
        customer = self._core.customer(session, account)  # before the act: what fails after it would hide it
        password = self._core.password(session, account)  # locked first: what is read after it stays true
        refuse_protected(session, account, PURPOSE)
        if not act.again:
            used_at = self._ledger.used_at(session, account, PURPOSE, act.at, zone)
            may_unlock(password, self._core.certificates(session, account), used_at, act.at, zone)
        receipt = self._ledger.enter(session, act.command, act.at, zone, act.conversation)
        self._core.unlock_password(session, account, _key_of_the_day(account, unlock_day(act.at, zone)))
        locked_anew = act.again and self._core.password(session, account).locked_at is not None
        if challenge:
            require(PURPOSE, proven(challenge) | {Factor.CERTIFICATE})
            challenge.spent_at = decision.now()
        platform = CHAT_PLATFORM if act.channel == "chat" else ""
        event = Event("password_unlocked", act.at, customer.number, platform=platform)
        told = ["password_unlocked"]
        self._notices.tell(session, customer, told, event, act.language, decision.now(), receipt=receipt)
        self._pending.forget(session, act)
        decision.done(receipt)
        if locked_anew:
            raise used_today(act.at, decision.now(), zone, still_locked=True)
        return receipt

    def _zone(self, institution: str) -> ZoneInfo:
        """Return where the institution's day ends; raise `UnlockUnverified` where it has no self-service unlock."""
        if institution not in self._zones:
            raise UnlockUnverified
        return self._zones[institution]

    @staticmethod
    def _right_code(session: Session, conversation: str) -> ChallengeRecord:
        try:
            return right_code(session, conversation, PURPOSE)
        except FactorsMissing as missing:
            raise UnlockUnverified from missing

    @staticmethod
    def _require_good(session: Session, challenge: ChallengeRecord) -> None:
        try:
            require_good(session, challenge)
        except FactorsMissing as missing:
            raise UnlockUnverified from missing


def _key_of_the_day(account: str, day: date) -> str:
    """Return the core's key of the day's one unlock: whatever answer was lost, there is no second (G15, T53)."""
    return f"unlock {account} {day:%Y%m%d}"
