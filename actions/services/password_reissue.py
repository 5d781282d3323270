"""The password reissue: after a verified code, with a valid certificate; the initial password goes out with the notice."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from actions.security import password as rules
from actions.security.errors import ReissueNoMailbox, UnlockSuspended
from actions.security.factors import Factor, require
from actions.security.notices import CHAT_PLATFORM, Event
from actions.services.authority import authority, proven, require_good, right_code
from actions.services.decisions import CUSTOMER, SYSTEM, Decision, Decisions
from actions.services.ledger import Ledger
from actions.services.notices import Notices
from actions.services.pending_acts import Act, PendingActs
from actions.services.ports import CoreSystem, Customer
from actions.services.protection import refuse_protected
from actions.storage.clock import db_now
from actions.storage.locks import hold
from actions.storage.models import ChallengeRecord

PURPOSE = "reissue_password"
TOLD = "password_reissued"
NONE = "-"  # in a notice: an account that was opened online has no agent


class PasswordReissue:
    """Reissues, and sends the notice (`notices.yml: password_reissued`). `zones`: where it is offered, and its days."""

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

    def check(self, conversation: str) -> None:
        """Return if it could be done now, so that nobody is asked to confirm what will be refused; refusals as below."""
        with self._decisions.begin(f"check {PURPOSE}", conversation) as decision:
            challenge = authority(decision.session, conversation, PURPOSE)
            decision.about = str(challenge.account_id)
            self._may(decision.session, decision.about)
            self._reachable(decision.session, decision.about)

    def reissue(self, conversation: str, institution: str, language: str) -> str:
        """Give the verified customer an initial password and return the receipt, e.g. `RI-20261120-7K3M`.

        Raise `FactorsMissing`, `AccountProtected`, `UnlockSuspended`, `ReissueNoCertificate`, `ReissueNoMailbox`. The
        same verified code again: the same receipt, and the one e-mail. Over a firm's own system as an unlock.
        """
        with self._decisions.begin(PURPOSE, conversation) as decision:
            challenge = right_code(decision.session, conversation, PURPOSE)
            account = decision.about = str(challenge.account_id)
            act = Act(challenge.id, PURPOSE, account, institution, "chat", conversation, language, decision.now())
            if receipt := self._ledger.repeated(decision.session, act.command):
                return receipt
            require_good(decision.session, challenge)
            if not self._pending.needed:
                return self._reissue(decision, act)
            act = self._pending.write_down(decision, act)
        return self.go_on(act, CUSTOMER, challenge.id)

    def go_on(self, act: Act, actor: str = SYSTEM, code: str = "") -> str:
        """Do what was written down, if the core system has not done it already; the receipt, or refusals as above.

        `code`: the one it is asked for with now, maybe not the first; spent too, so that it is no second reissue.
        """
        with self._pending.asked(act), self._decisions.begin(PURPOSE, act.account, actor) as decision:
            hold(decision.session, f"command {act.key}")  # the same twice at once: the second finds the receipt
            if code not in ("", act.key):
                used = decision.session.get_one(ChallengeRecord, code, with_for_update=True)
                used.spent_at = decision.now()
            if receipt := self._ledger.repeated(decision.session, act.command):
                self._pending.forget(decision.session, act)
                decision.done(receipt)
                return receipt
            return self._reissue(decision, act)

    def _reissue(self, decision: Decision, act: Act) -> str:
        session, account = decision.session, act.account
        challenge = session.get_one(ChallengeRecord, act.key, with_for_update=True)
        if not act.again:
            self._may(session, account)
        else:
            refuse_protected(session, account, PURPOSE)
        require(PURPOSE, proven(challenge) | {Factor.CERTIFICATE})
        now = challenge.spent_at = decision.now()
        receipt = self._ledger.enter(session, act.command, act.at, self._zones[act.institution], act.conversation)
        customer = self._reachable(session, account)  # before the act: what fails after it would hide it
        self._core.reissue_password(session, account, f"reissue {act.key}")
        event = Event(
            TOLD,
            act.at,
            customer.number,
            platform=CHAT_PLATFORM,
            branch=customer.branch or NONE,
            branch_number=customer.branch_number or NONE,
            agent=customer.agent or NONE,
        )
        self._notices.tell(session, customer, [TOLD], event, act.language, now)
        self._pending.forget(session, act)
        decision.done(receipt)
        return receipt

    def _reachable(self, session: Session, account: str) -> Customer:
        """Return the customer, if the initial password has a mailbox to go to."""
        customer = self._core.customer(session, account)
        if not customer.email:
            raise ReissueNoMailbox
        return customer

    def _may(self, session: Session, account: str) -> None:
        password = self._core.password(session, account)  # locked first: what is read after it stays true
        refuse_protected(session, account, PURPOSE)
        if password.suspended_at:
            raise UnlockSuspended
        rules.reissue(account, self._core.certificates(session, account), db_now(session))
