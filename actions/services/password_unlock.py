"""The self-service unlock: after a verified code, with a valid certificate, once a calendar day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from actions.security.error_report import new_receipt
from actions.security.errors import UnlockUnverified
from actions.security.password_unlock import may_unlock, unlock_day, used_today
from actions.services.outbox import Outbox
from actions.services.ports import Clock, CoreSystem
from actions.storage.challenges import newest_challenge
from actions.storage.models import ChallengeRecord, Identification, Unlock
from actions.storage.unit_of_work import UnitOfWork

PURPOSE = "unlock_password"
AUTHORITY_LASTS = timedelta(minutes=5)


class PasswordUnlock:
    """Unlocks, and sends the notice (`notices.yml: password_unlocked`)."""

    def __init__(
        self,
        work: UnitOfWork,
        clock: Clock,
        core: CoreSystem,
        outbox: Outbox,
        zones: Mapping[str, ZoneInfo],
    ) -> None:
        self._work = work
        self._clock = clock
        self._core = core
        self._outbox = outbox
        self._zones = zones

    def unlock(self, conversation: str, institution: str, language: str) -> str:
        """Unlock the verified customer's password and return the receipt.

        Raise `UnlockUnverified`, `UnlockSuspended`, `UnlockNotLocked`, `UnlockNoCertificate`,
        `UnlockUsedToday` or `UnlockDoneToday`. The same verified code again: the same receipt. Everything is decided from
        rows read inside the transaction that acts.
        """
        zone = self._zone(institution)
        with self._work.begin() as session:
            now = self._clock.now()
            challenge = self._authority(session, conversation)
            done = session.scalar(select(Unlock.receipt).where(Unlock.challenge_id == challenge.id))
            if done:
                return done
            account, day = str(challenge.account_id), unlock_day(now, zone)
            password = self._core.password(session, account)  # locked first: what is read after it stays true
            used_at = session.scalar(select(Unlock.at).where(Unlock.account_id == account, Unlock.day >= day))
            may_unlock(password, self._core.certificates(session, account), used_at, now, zone)
            receipt = new_receipt(day)
            while session.get(Unlock, receipt):  # drawn before on a busy day
                receipt = new_receipt(day)
            session.add(
                Unlock(
                    receipt=receipt,
                    account_id=account,
                    day=day,
                    challenge_id=challenge.id,
                    conversation=conversation,
                    at=now,
                )
            )
            try:
                session.flush()
            except IntegrityError as taken:  # another replica was first: the key decides
                raise used_today(now, now, zone, still_locked=False) from taken
            self._core.unlock_password(session, account)
            challenge.spent_at = now
            self._notify(session, account, language, f"{now.astimezone(zone):%Y/%m/%d %H:%M:%S}", receipt)
            session.commit()
            return receipt

    def refuse_second(self, conversation: str, institution: str) -> None:
        """Raise the refusal if this conversation has unlocked today: it need not be verified again to hear that.

        Only while it is still about the same customer.
        """
        zone = self._zone(institution)
        with self._work.begin() as session:
            now = self._clock.now()
            used = session.scalar(
                select(Unlock).where(Unlock.conversation == conversation, Unlock.day == unlock_day(now, zone))
            )
            who = session.get(Identification, conversation)
            if used and who and who.account_id == used.account_id:
                locked = self._core.password(session, used.account_id).locked_at is not None
                raise used_today(used.at, now, zone, still_locked=locked)

    def _zone(self, institution: str) -> ZoneInfo:
        """Return where the institution's day ends; raise `UnlockUnverified` where it has no self-service unlock."""
        if institution not in self._zones:
            raise UnlockUnverified
        return self._zones[institution]

    def _authority(self, session: Session, conversation: str) -> ChallengeRecord:
        """The newest code of this conversation and purpose, if it was verified and is still good for it."""
        challenge = newest_challenge(session, PURPOSE, conversation=conversation)
        if challenge is None or challenge.used_at is None or challenge.account_id is None:
            raise UnlockUnverified
        if not challenge.spent_at and self._clock.now() >= challenge.used_at + AUTHORITY_LASTS:
            raise UnlockUnverified
        return challenge

    def _notify(self, session: Session, account: str, language: str, at: str, receipt: str) -> None:
        customer = self._core.customer(session, account)
        if customer.email:
            values = {"time": at, "receipt": receipt}
            self._outbox.add(session, "password_unlocked", "email", customer.email, language, values)
