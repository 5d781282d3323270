"""The password reissue: after a verified code, with a valid certificate; the initial password goes out with the notice."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from actions.security import password as rules
from actions.security.errors import ReissueNoMailbox, UnlockSuspended
from actions.security.factors import Factor, require
from actions.security.ledger import Command
from actions.security.notices import CHAT_PLATFORM, Event
from actions.services.decisions import Decisions
from actions.services.ledger import Ledger
from actions.services.notices import Notices
from actions.services.one_time_password import OneTimePassword
from actions.services.ports import CoreSystem, Customer
from actions.services.protection import refuse_protected
from actions.storage.challenges import newest_challenge
from actions.storage.clock import db_now

PURPOSE = "reissue_password"
NONE = "-"  # in a notice: an account that was opened online has no agent


class PasswordReissue:
    """Reissues, and sends the notice (`notices.yml: password_reissued`). `zones`: where it is offered, and its days."""

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

    def check(self, conversation: str) -> None:
        """Return if it could be done now, so that nobody is asked to confirm what will be refused; refusals as below."""
        with self._decisions.begin(f"check {PURPOSE}", conversation) as decision:
            challenge = OneTimePassword.authority(decision.session, conversation, PURPOSE)
            decision.about = str(challenge.account_id)
            self._may(decision.session, decision.about)
            self._reachable(decision.session, decision.about)

    def reissue(self, conversation: str, institution: str, language: str) -> str:
        """Give the verified customer an initial password and return the receipt, e.g. `RI-20261120-7K3M`.

        Raise `FactorsMissing`, `AccountProtected`, `UnlockSuspended`, `ReissueNoCertificate`, `ReissueNoMailbox`. The
        same verified code again: the same receipt, and the one e-mail.
        """
        with self._decisions.begin(PURPOSE, conversation) as decision:
            session = decision.session
            spent = newest_challenge(session, PURPOSE, conversation=conversation)
            if spent and spent.used_at and spent.account_id:
                decision.about = spent.account_id
                command = Command(spent.id, spent.account_id, PURPOSE, "chat", {})
                if receipt := self._ledger.repeated(session, command):
                    return receipt
            challenge = OneTimePassword.authority(session, conversation, PURPOSE)
            account = decision.about = str(challenge.account_id)
            (kind,) = self._may(session, account).notices
            require(PURPOSE, OneTimePassword.proven(challenge) | {Factor.CERTIFICATE})
            now = challenge.spent_at = decision.now()
            command = Command(challenge.id, account, PURPOSE, "chat", {})
            receipt = self._ledger.enter(session, command, now, self._zones[institution], conversation)
            customer = self._reachable(session, account)  # before the act: what fails after it would hide it
            self._core.reissue_password(session, account, f"reissue {challenge.id}")
            event = Event(
                "password_reissued",
                now,
                customer.number,
                platform=CHAT_PLATFORM,
                branch=customer.branch or NONE,
                branch_number=customer.branch_number or NONE,
                agent=customer.agent or NONE,
            )
            self._notices.tell(session, customer, [kind], event, language, now)
            decision.done(receipt)
            return receipt

    def _reachable(self, session: Session, account: str) -> Customer:
        """Return the customer, if the initial password has a mailbox to go to."""
        customer = self._core.customer(session, account)
        if not customer.email:
            raise ReissueNoMailbox
        return customer

    def _may(self, session: Session, account: str) -> rules.Outcome:
        password = self._core.password(session, account)  # locked first: what is read after it stays true
        refuse_protected(session, account, PURPOSE)
        if password.suspended_at:
            raise UnlockSuspended
        certificates = self._core.certificates(session, account)
        return rules.reissue(account, certificates, db_now(session))
