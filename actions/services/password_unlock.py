"""The self-service unlock: after a verified code, with a valid certificate, once a calendar day."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from actions.security.errors import FactorsMissing, UnlockNotLocked, UnlockUnverified
from actions.security.factors import Factor, require
from actions.security.ledger import Command
from actions.security.notices import CHAT_PLATFORM, Event
from actions.security.password_unlock import may_unlock, unlock_day, used_today
from actions.services.decisions import Decision, Decisions
from actions.services.ledger import Ledger
from actions.services.notices import Notices
from actions.services.one_time_password import OneTimePassword
from actions.services.ports import CoreSystem
from actions.services.protection import refuse_protected
from actions.storage.challenges import newest_challenge
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
        zones: Mapping[str, ZoneInfo],
    ) -> None:
        self._decisions = decisions
        self._core = core
        self._ledger = ledger
        self._notices = notices
        self._zones = zones

    def unlock(self, conversation: str, institution: str, language: str) -> str:
        """Unlock the verified customer's password and return the receipt.

        Raise `UnlockUnverified`, `AccountProtected`, `UnlockSuspended`, `UnlockNotLocked`, `UnlockNoCertificate`,
        `UnlockUsedToday` or `UnlockDoneToday`. The same verified code again: the same receipt. Everything is decided
        from rows read inside the transaction that acts.
        """
        zone = self._zone(institution)
        with self._decisions.begin(PURPOSE, conversation) as decision:
            session = decision.session
            challenge = self._newest_used(session, conversation)
            account = decision.about = str(challenge.account_id)
            command = Command(challenge.id, account, PURPOSE, "chat", {})
            if receipt := self._ledger.repeated(session, command):
                return receipt
            self._require_authority(session, conversation)
            customer = self._core.customer(session, account)  # before the act: what fails after it would hide it
            receipt = self._unlock(decision, command, zone, conversation)
            require(PURPOSE, OneTimePassword.proven(challenge) | {Factor.CERTIFICATE})
            challenge.spent_at = now = decision.now()
            event = Event("password_unlocked", now, customer.number, platform=CHAT_PLATFORM)
            self._notices.tell(session, customer, ["password_unlocked"], event, language, now, receipt=receipt)
            decision.done(receipt)
            return receipt

    def unlock_by_staff(self, decision: Decision, command: Command, institution: str) -> str:
        """Unlock for a caller whom the hotline has made sure of, under the same rules and from the same ledger.

        Inside the caller's transaction; refusals as above.
        """
        zone = self._zone(institution)
        if receipt := self._ledger.repeated(decision.session, command):
            return receipt
        return self._unlock(decision, command, zone, None)

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

    def _unlock(self, decision: Decision, command: Command, zone: ZoneInfo, conversation: str | None) -> str:
        session, account = decision.session, command.account
        password = self._core.password(session, account)  # locked first: what is read after it stays true
        refuse_protected(session, account, PURPOSE)
        now = decision.now()
        used_at = self._ledger.used_at(session, account, PURPOSE, now, zone)
        with suppress(UnlockNotLocked):  # its answer may have been lost: the core knows by the key
            may_unlock(password, self._core.certificates(session, account), used_at, now, zone)
        receipt = self._ledger.enter(session, command, now, zone, conversation)
        self._core.unlock_password(session, account, _key_of_the_day(account, unlock_day(now, zone)))
        return receipt

    def _zone(self, institution: str) -> ZoneInfo:
        """Return where the institution's day ends; raise `UnlockUnverified` where it has no self-service unlock."""
        if institution not in self._zones:
            raise UnlockUnverified
        return self._zones[institution]

    @staticmethod
    def _newest_used(session: Session, conversation: str) -> ChallengeRecord:
        challenge = newest_challenge(session, PURPOSE, conversation=conversation)
        if challenge is None or challenge.used_at is None or challenge.account_id is None:
            raise UnlockUnverified
        return challenge

    @staticmethod
    def _require_authority(session: Session, conversation: str) -> None:
        try:
            OneTimePassword.authority(session, conversation, PURPOSE)
        except FactorsMissing as missing:
            raise UnlockUnverified from missing


def _key_of_the_day(account: str, day: date) -> str:
    """Return the core's key of the day's one unlock: whatever answer was lost, there is no second (G15, T53)."""
    return f"unlock {account} {day:%Y%m%d}"
