"""The certificate renewal in steps, each kept, so that it can be left and taken up again (G16, G20).

    the code of purpose `renew_certificate` ──open──► birth_date ──give_birth_date──► confirm ──confirm_and_install──► done

The row is made once the code was right; nothing of an account is told before. What was proven after one code does not
count for the next: a newer verified code, in this conversation or another, takes the account's row over and asks for
the birth date again, and the conversation it was in before has to ask for a code.

Sources: `institutions.yml: certificate_otp, certificate_second_check, certificate_wrong_destination`; no notice is
defined for a renewal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from actions.security import certificate_renewal as rules
from actions.security.certificate_renewal import WRONG_BIRTH_DATES, Step
from actions.security.errors import (
    BirthDateUnreadable,
    CoreOutcomeUnknown,
    FactorsMissing,
    RenewalBirthDateWrong,
    RenewalOutOfOrder,
    RenewalStopped,
    UnlockSuspended,
)
from actions.security.identity import read_birth_date
from actions.security.ledger import Command
from actions.security.secret import Secret
from actions.services.authority import require_good, require_same_details, right_code
from actions.services.decisions import Decision, Decisions
from actions.services.ledger import Ledger
from actions.services.ports import CoreSystem, IssuedCertificate
from actions.services.protection import refuse_protected
from actions.services.renewal_steps import (
    INSTALLED,
    STOPPED,
    UNKNOWN,
    keep,
    renewal_in,
    renewal_with,
    step_of,
    stop,
    taken_up,
    void,
)
from actions.services.vault import Vault
from actions.storage.challenges import newest_challenge
from actions.storage.locks import hold
from actions.storage.models import CertificateRenewal as Row
from actions.storage.models import ChallengeRecord, Identification
from actions.storage.renewals import renewal_of

PURPOSE = "renew_certificate"


@dataclass(frozen=True)
class Progress:
    """What is asked next (`birth_date`, `confirm`) or that it is `done`; of the present certificate, then the new one."""

    step: str
    way: str  # renew | apply
    valid_until: str  # 2027/01/24 in the institution's zone
    sent_to: str  # masked


@dataclass(frozen=True)
class Installed:
    receipt: str
    valid_until: str


class CertificateRenewal:
    """Takes a renewal through its steps; `zones`: the institutions that offer it, and where their days end."""

    def __init__(
        self, decisions: Decisions, core: CoreSystem, vault: Vault, ledger: Ledger, zones: Mapping[str, ZoneInfo]
    ) -> None:
        self._decisions = decisions
        self._core = core
        self._vault = vault
        self._ledger = ledger
        self._zones = zones

    def open(self, conversation: str, institution: str) -> Progress:
        """Begin, or go on where it was left; return what is asked next.

        Raise `FactorsMissing` without a verified code, `AccountProtected`, `UnlockSuspended`, `RenewalNoCertificate`,
        `RenewalStopped`, or `RenewalOutOfOrder` where it goes on with a newer code than this conversation's.
        """
        zone = self._zone(institution)
        with self._decisions.begin(f"open {PURPOSE}", conversation) as decision:
            session = decision.session
            challenge = self._verified(decision, conversation)
            row = renewal_of(session, challenge.id)
            if row and row.closed_at:
                return _ended(row, zone)
            require_good(session, challenge)
            account = decision.about
            self._refuse_barred(session, account)
            certificates = self._core.certificates(session, account)
            now = decision.now()
            if row is None:
                way = rules.way_for(certificates, account, now, zone)
                row = taken_up(session, challenge, way, now)
            decision.done(row.step)
            return _progress(row, rules.lasts_until(certificates, account, now), zone)

    def give_birth_date(self, conversation: str, vault_reference: str) -> None:
        """Compare the birth date behind the vault's reference with the record; return only if it is right.

        A wrong one is counted and committed before it is refused; the third stops the renewal. The same reference
        again: the same answer, counted once. Raise `SecretGone`, `BirthDateUnreadable`, `RenewalBirthDateWrong`,
        `RenewalStopped`, `RenewalTooLate`, `RenewalOutOfOrder`, or as `open`.
        """
        with self._decisions.begin(f"check_birth_date {PURPOSE}", conversation) as decision:
            session = decision.session
            challenge = self._verified(decision, conversation)
            row = renewal_with(session, challenge)
            step_id = step_of(row, vault_reference)
            if row.step_id == step_id and row.closed_at is None:
                _refuse_as_before(row)
                return
            self._refuse_barred(session, decision.about)
            now, renewal = decision.now(), renewal_in(row)
            rules.may_check(renewal, renewal.taken, now)
            right = self._is_right(decision, conversation, vault_reference, now)
            checked = rules.give_birth_date(renewal, renewal.taken, right, now)
            if checked.renewal.step is Step.STOPPED:
                stop(session, row, challenge, checked.renewal, now)
            else:
                keep(session, row, checked.renewal, now, step_id)
            if checked.refusal:
                decision.refused(checked.refusal)
                raise checked.refusal
            decision.done(row.step)

    def confirm_and_install(self, conversation: str, language: str) -> Installed:
        """Put the new certificate on record, once; the same call again: the same receipt. `language` is for a notice to come.

        The present certificate is looked at in this transaction (G16). `CoreUnavailable` leaves all as it was;
        `CoreOutcomeUnknown` is kept, and the same call later finishes it with the same key. Raise
        `RenewalNoCertificate`, `RenewalTooLate`, `RenewalStopped`, `RenewalOutOfOrder`, or as `open`.
        """
        with self._decisions.begin(PURPOSE, conversation) as decision:
            session = decision.session
            challenge = self._verified(decision, conversation)
            zone = self._zone(session.get_one(Identification, conversation).institution)
            row = renewal_with(session, challenge)
            command = Command(row.id, row.account_id, PURPOSE, "chat", {"way": row.kind})
            if row.valid_until and (receipt := self._ledger.repeated(session, command)):
                return Installed(receipt, _day(row.valid_until, zone))
            issued = self._install(decision, challenge, row, zone)
            challenge.spent_at = now = decision.now()
            receipt = self._ledger.enter(session, command, now, zone, conversation)
            decision.done(receipt)
            return Installed(receipt, _day(issued.valid_until, zone))

    def not_mine(self, conversation: str) -> None:
        """Stop whatever this conversation has begun, at any step, and void its code: the customer knows no such address.

        What is done stays done; what goes on in another conversation with its own code is left alone.
        """
        with self._decisions.begin(f"not_mine {PURPOSE}", conversation) as decision:
            session = decision.session
            hold(session, conversation)
            challenge = newest_challenge(session, PURPOSE, conversation=conversation)
            now = decision.now()
            if challenge:
                decision.about = challenge.account_id or challenge.identity
                row = renewal_of(session, challenge.id)
                if row and row.closed_at is None:
                    stop(session, row, challenge, rules.not_mine(renewal_in(row)), now)
                void(challenge, now)
            decision.done()

    def _install(self, decision: Decision, challenge: ChallengeRecord, row: Row, zone: ZoneInfo) -> IssuedCertificate:
        """Take the last two steps; claimed before the core is asked, so that of two at once one asks."""
        session, account, renewal = decision.session, row.account_id, renewal_in(row)
        self._refuse_barred(session, account)
        certificates = self._core.certificates(session, account)
        now = decision.now()
        if renewal.step is not Step.INSTALL:  # there already, where the core's answer was lost
            renewal = rules.confirm(renewal, renewal.taken, now)
        done, _ = rules.install(renewal, renewal.taken, certificates, now, zone)
        require_good(session, challenge)
        keep(session, row, renewal, now, outcome=UNKNOWN)
        try:
            issued = self._core.issue_certificate(session, account, row.kind, row.id)
        except CoreOutcomeUnknown as refusal:
            decision.refused(refusal)
            raise
        row.serial, row.valid_until = issued.serial, issued.valid_until
        keep(session, row, done, now, outcome=INSTALLED, closed_at=now)
        return issued

    def _zone(self, institution: str) -> ZoneInfo:
        if institution not in self._zones:
            raise FactorsMissing
        return self._zones[institution]

    @staticmethod
    def _verified(decision: Decision, conversation: str) -> ChallengeRecord:
        """Return this conversation's newest code, if it was right and is still about the same customer."""
        hold(decision.session, conversation)
        challenge = right_code(decision.session, conversation, PURPOSE)
        require_same_details(decision.session, challenge)
        decision.about = str(challenge.account_id)
        return challenge

    def _refuse_barred(self, session: Session, account: str) -> None:
        password = self._core.password(session, account)  # locked first: what is read after it stays true
        refuse_protected(session, account, PURPOSE)
        if password.suspended_at:
            raise UnlockSuspended

    def _is_right(self, decision: Decision, conversation: str, reference: str, now: datetime) -> bool:
        entered = self._vault.take(decision.session, conversation, "birth_date", reference)
        try:
            born = read_birth_date(entered, now.date())
        except BirthDateUnreadable as refusal:
            decision.refused(refusal)  # taken is taken, readable or not
            raise
        recorded = self._core.customer(decision.session, decision.about).birth_date
        return Secret(born.isoformat()) == Secret(recorded.isoformat())


def _ended(row: Row, zone: ZoneInfo) -> Progress:
    if row.outcome == INSTALLED and row.valid_until:
        return _progress(row, row.valid_until, zone)
    if row.outcome == STOPPED:
        raise RenewalStopped
    raise RenewalOutOfOrder(step=Step.CODE.value)


def _progress(row: Row, valid_until: datetime, zone: ZoneInfo) -> Progress:
    step = Step.CONFIRM.value if row.step == Step.INSTALL else row.step
    return Progress(step, row.kind, _day(valid_until, zone), row.sent_to or "")


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y/%m/%d}"


def _refuse_as_before(row: Row) -> None:
    if row.step == Step.BIRTH_DATE:
        raise RenewalBirthDateWrong(left=WRONG_BIRTH_DATES - row.wrong_birth_dates)
