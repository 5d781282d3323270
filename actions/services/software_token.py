"""The software token as the firm's apps and its staff use it, and as its owner may see it (G18-G21, G40).

An app says which factors it has proven; the token's own password is compared there, never here, and is right where
`Factor.TOKEN_PASSWORD` is proven. Every entry is kept before it is refused. A command brings a key: the same key again
has the same receipt, and is neither done nor counted twice.

Units: aware datetimes inside, text of the institution's zone in what is told.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from actions.security import software_token as rules
from actions.security.errors import FactorsMissing, Refusal, TokenNeedsLogin, TokenRefusal, TokenWrong
from actions.security.factors import Factor, require
from actions.security.ledger import Command
from actions.security.secret import Secret
from actions.security.software_token import App, Entered, Release, Status, TokenRules, WayOut
from actions.security.software_token import SoftwareToken as Token
from actions.services.authority import authority
from actions.services.decisions import CUSTOMER, Decision, Decisions, staff
from actions.services.guess_budget import GuessBudget
from actions.services.ledger import Ledger
from actions.services.ports import CoreSystem
from actions.services.protection import refuse_protected
from actions.services.token_seeds import TokenSeeds
from actions.services.token_view import TokenView, view
from actions.storage.locks import hold

PURPOSE = "token_status"
KIND, ENTRY = "software_token", "token_password"  # in the ledger: what was done, and a password that was looked at


@dataclass(frozen=True)
class Enrolled:
    """`seed`: base32, for the device; it is told once, so a repeated command has none."""

    receipt: str
    seed: Secret | None


@dataclass(frozen=True)
class _Read:
    """What a decision rests on, read in its transaction and locked until it ends."""

    session: Session
    institution: str
    rules: TokenRules
    token: Token
    now: datetime


class SoftwareToken:
    """Serves the accounts of the institutions that `by_institution` has."""

    def __init__(
        self,
        decisions: Decisions,
        core: CoreSystem,
        ledger: Ledger,
        budget: GuessBudget,
        seeds: TokenSeeds,
        by_institution: Mapping[str, TokenRules],
    ) -> None:
        self._decisions = decisions
        self._core = core
        self._ledger = ledger
        self._budget = budget
        self._seeds = seeds
        self._by_institution = by_institution

    # --- in the apps ------------------------------------------------------------------------------

    def enrol(self, account: str, app: App, device: str, proven: Collection[Factor], key: str) -> Enrolled:
        """Make the token active in `app` on `device`, and return its receipt and seed.

        Raise `FactorsMissing`, `AccountProtected`, `TokenFrozen`, `TokenFrozenForGood` or `TokenAlreadyActive`.
        """
        command = _command(account, key, "other", act="enrol", app=app.value, device=device)
        with self._command("enrol_token", command, CUSTOMER) as decision:
            require("enrol_token", proven)
            if receipt := self._ledger.repeated(decision.session, command):
                return Enrolled(receipt, None)
            read = self._read(decision, account)
            refuse_protected(read.session, account, "enrol_token")
            if self._was_cut_short(read, account, app, device):
                token = read.token
            else:
                token = rules.enrol(read.token, app, device, read.now, read.rules)
            seed = self._seeds.make(read.session, account)
            return Enrolled(self._finish(decision, command, read, token), seed)

    def enter_password(self, account: str, right: bool, logged_in: bool, key: str) -> None:
        """Count an entry of the token's password; return only if it was right and could be looked at.

        Raise `TokenNeedsLogin`, `TokenNotActive`, `TokenWrong`, `TokenFrozen` or `TokenFrozenForGood`.
        """
        command = _entry(account, key, right, act="enter_password")
        self._enter("enter_token_password", command, right, logged_in, lambda entered, read: _entered(entered))

    def synchronise(self, account: str, app: App, device: str, proven: Collection[Factor], key: str) -> str:
        """Take the token into `app` on the same device and return the receipt.

        Raise what `enter_password` raises, `AccountProtected`, `TokenOtherDevice` or `TokenAlreadyActive`.
        """
        right = Factor.TOKEN_PASSWORD in proven
        command = _entry(account, key, right, act="synchronise", app=app.value, device=device)

        def change(entered: Entered, read: _Read) -> Token:
            return rules.synchronise(entered, app, device, read.now, read.rules)

        return self._enter("synchronise_token", command, right, _is_logged_in(proven), change)

    def add_biometrics(self, account: str, proven: Collection[Factor], key: str) -> str:
        """Let face or fingerprint stand for the login and return the receipt.

        Raise what `enter_password` raises, `AccountProtected`, or `FactorsMissing` without a code by SMS.
        """
        right = Factor.TOKEN_PASSWORD in proven
        command = _entry(account, key, right, act="add_biometrics")

        def change(entered: Entered, read: _Read) -> Token:
            token = rules.add_biometrics(entered, read.now, read.rules)
            require("add_biometrics", proven)
            return token

        return self._enter("add_biometrics", command, right, _is_logged_in(proven), change)

    def disable(self, account: str, app: App, key: str) -> str:
        """End the token in both apps, as its owner asks in `app`; raise `TokenNotActive`."""
        command = _command(account, key, "other", act="disable", app=app.value)
        return self._change("disable_token", command, CUSTOMER, lambda read: rules.disable(read.token, app))

    def verify_code(self, account: str, code: Secret, proven: Collection[Factor], key: str) -> None:
        """Use up a code of the token; return only if it was right (RFC 6238 5.2; G3, G5, G7).

        A wrong one is counted in the account's guesses and committed before it is refused. Raise `TokenNeedsLogin`
        (no code is looked at before the password), `TokenNotActive`, `TokenFrozen`, `TokenFrozenForGood`, `OtpMalformed`,
        `OtpWrong`, `OtpUsed` or a `GuessRefusal`.
        """
        with self._decisions.begin("verify_token_code", account) as decision:
            if Factor.PASSWORD not in proven:
                raise TokenNeedsLogin
            session, entered = decision.session, self._seeds.read(code)
            hold(session, _name(account))
            if self._seeds.was_accepted(session, account, entered, key):
                return
            read = self._read(decision, account)
            rules.may_be_entered(read.token, True, read.now, read.rules)
            self._budget.pay(session, read.institution, account, 0, read.now)
            refusal = self._seeds.accept(session, account, entered, key, read.now)
            self._budget.judged(session, read.institution, account, refusal is None, read.now)
            if refusal:
                decision.refused(refusal)
                raise refusal
            decision.done()

    def may_make_high_risk(self, account: str, app: App, proven: Collection[Factor]) -> None:
        """Return if a high-risk transaction may be made in `app` now.

        Raise `FactorsMissing`, `AccountProtected`, `TokenFrozen`, `TokenFrozenForGood`, `TokenNotActive` or
        `TokenNotYetUsable`.
        """
        with self._decisions.begin("high_risk", account) as decision:
            require("high_risk", proven)
            read = self._read(decision, account)
            refuse_protected(read.session, account, "high_risk")
            rules.may_make_high_risk(read.token, app, read.now, read.rules)
            decision.done(app.value)

    # --- by staff ---------------------------------------------------------------------------------

    def suspend(self, account: str, by: str, key: str) -> str:
        """Stop the token in both apps; raise `TokenNotActive`."""
        command = _command(account, key, "hotline", act="suspend")
        return self._change("suspend_token", command, staff(by), lambda read: rules.suspend(read.token))

    def revoke(self, account: str, by: str, key: str) -> str:
        """End the token in both apps; raise `TokenNotActive`."""
        command = _command(account, key, "hotline", act="revoke")
        return self._change("revoke_token", command, staff(by), lambda read: rules.revoke(read.token))

    def unfreeze(self, account: str, release: Release, key: str) -> str:
        """End a freeze before its time; raise `TokenNotFrozen` or `TokenReleaseRefused`.

        A permanent one takes two people at a branch, who are not one in another spelling (G40).
        """
        release = replace(release, asked_by=_one_spelling(release.asked_by), agreed_by=_one_spelling(release.agreed_by))
        at_branch = release.way is WayOut.BRANCH
        who = {"asked_by": release.asked_by, "agreed_by": release.agreed_by or ""} if at_branch else {}
        command = _command(account, key, "other", act="unfreeze", way=release.way.value, **who)
        actor = staff(release.asked_by) if at_branch else CUSTOMER
        return self._change(
            "unfreeze_token", command, actor, lambda read: rules.unfreeze(read.token, release, read.now)
        )

    def status_of(self, account: str, by: str) -> TokenView:
        """Return what is known of the token, for a member of staff."""
        with self._decisions.begin("look_at_token", account, staff(by)) as decision:
            read = self._read(decision, account)
            decision.done()
            return view(read.token, read.now, read.rules)

    # --- in the chat ------------------------------------------------------------------------------

    def status(self, conversation: str, institution: str) -> TokenView:
        """Return what the verified customer may know of their own token; raise `FactorsMissing`.

        The code allows it for `AUTHORITY_LASTS`, as often as it is asked.
        """
        with self._decisions.begin(PURPOSE, conversation) as decision:
            challenge = authority(decision.session, conversation, PURPOSE, lock=False)
            account = decision.about = str(challenge.account_id)
            read = self._read(decision, account)
            if read.institution != institution:
                raise FactorsMissing
            decision.done()
            return view(read.token, read.now, read.rules)

    # --- one transaction each ---------------------------------------------------------------------

    @contextmanager
    def _command(self, action: str, command: Command, actor: str) -> Iterator[Decision]:
        """Yield the transaction; who else has to do with this token waits until it ends."""
        with self._decisions.begin(action, command.account, actor) as decision:
            hold(decision.session, _name(command.account))
            yield decision

    def _read(self, decision: Decision, account: str) -> _Read:
        """Return the token, locked; raise `FactorsMissing` for an institution that has none."""
        institution = self._core.customer(decision.session, account).institution
        if institution not in self._by_institution:
            raise FactorsMissing
        token = self._core.token(decision.session, account)
        return _Read(decision.session, institution, self._by_institution[institution], token, decision.now())

    def _change(self, action: str, command: Command, actor: str, change: Callable[[_Read], Token]) -> str:
        with self._command(action, command, actor) as decision:
            if receipt := self._ledger.repeated(decision.session, command):
                return receipt
            read = self._read(decision, command.account)
            return self._finish(decision, command, read, change(read))

    def _enter(
        self,
        action: str,
        command: Command,
        right: bool,
        logged_in: bool,
        change: Callable[[Entered, _Read], Token],
    ) -> str:
        """Count an entry of the password and go on with `change`; what was counted is kept, whatever comes of it."""
        with self._decisions.begin(action, command.account) as decision:
            if not logged_in:  # before any lock: a stranger makes nobody wait
                raise TokenNeedsLogin
            session, account = decision.session, command.account
            hold(session, _name(account))
            receipt = self._ledger.repeated(session, command)
            if receipt and right:
                return receipt
            read = self._read(decision, account)
            if receipt:
                raise _wrong_before(read)
            refuse_protected(session, account, action)
            entered = rules.enter_password(read.token, right, logged_in, read.now, read.rules)
            try:
                token = change(entered, read)
            except Refusal as refusal:
                # A wrong entry is the command's outcome, and not counted again; a right one leaves the command undone.
                self._keep(read, account, entered.token, secrets.token_hex(16) if right else command.key)
                if not right:
                    self._ledger.enter(session, command, read.now, read.rules.zone)
                decision.refused(refusal)
                raise
            return self._finish(decision, command, read, token)

    def _finish(self, decision: Decision, command: Command, read: _Read, token: Token) -> str:
        self._keep(read, command.account, token, command.key)
        receipt = self._ledger.enter(read.session, command, read.now, read.rules.zone)
        decision.done(receipt)
        return receipt

    def _keep(self, read: _Read, account: str, token: Token, key: str) -> None:
        """Store what became of the token; its seed goes with it when it ends."""
        if token.status is not Status.ACTIVE:
            self._seeds.erase(read.session, account)
        if token != read.token:
            self._core.keep_token(read.session, account, token, key)

    def _was_cut_short(self, read: _Read, account: str, app: App, device: str) -> bool:
        """Return whether this very enrolment is on record in the core and was never finished here.

        The core may have kept it while its answer was lost; then nobody has got a seed.
        """
        token = read.token
        if token.status is not Status.ACTIVE or token.device != device or not token.place(app):
            return False
        rules.may_be_entered(token, True, read.now, read.rules)  # not while it is frozen
        return not self._seeds.has_one(read.session, account)


def _command(account: str, key: str, channel: str, **content: str) -> Command:
    return Command(key, account, KIND, channel, content)


def _entry(account: str, key: str, right: bool, act: str, **content: str) -> Command:
    """Return the command of an act that begins with the password; a wrong one is never more than an entry."""
    kind = KIND if right and act != "enter_password" else ENTRY
    return Command(key, account, kind, "other", {"act": act, "right": str(right), **content})


def _entered(entered: Entered) -> Token:
    if entered.refusal:
        raise entered.refusal
    return entered.token


def _wrong_before(read: _Read) -> TokenRefusal:
    """Return what the command of a wrong entry hears when it comes again: how things stand now."""
    rules.may_be_entered(read.token, True, read.now, read.rules)
    wrong = 0 if read.token.frozen_until else read.token.wrong  # a freeze that is over left none
    return TokenWrong(left=read.rules.wrong_before_freeze - wrong)


def _is_logged_in(proven: Collection[Factor]) -> bool:
    try:
        require("login", proven)
    except FactorsMissing:
        return False
    return True


def _one_spelling(name: str | None) -> str:
    return " ".join((name or "").split()).casefold()


def _name(account: str) -> str:
    return f"software token {account}"
