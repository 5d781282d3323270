"""What the hotline does for a caller whom it has made sure of: under the same rules, in the same ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from actions.security.errors import NotIdentified
from actions.security.ledger import Command, Entry
from actions.security.secret import Secret
from actions.services.decisions import Decision, Decisions, staff
from actions.services.guess_budget import GuessBudget
from actions.services.ledger import Ledger
from actions.services.password_unlock import PURPOSE as UNLOCK
from actions.services.password_unlock import PasswordUnlock
from actions.services.pending_acts import Act
from actions.services.ports import CoreSystem, Customer
from actions.storage.locks import hold

HOTLINE = "hotline"


@dataclass(frozen=True)
class Caller:
    """Whom the hotline has made sure of."""

    institution: str
    number: Secret


class Hotline:
    """`name` is always that of the member of staff; every look and act is in the audit."""

    def __init__(
        self,
        decisions: Decisions,
        core: CoreSystem,
        ledger: Ledger,
        budget: GuessBudget,
        password_unlock: PasswordUnlock,
        zones: Mapping[str, ZoneInfo],
    ) -> None:
        self._decisions = decisions
        self._core = core
        self._ledger = ledger
        self._budget = budget
        self._password_unlock = password_unlock
        self._zones = zones

    def used_today(self, caller: Caller, name: str) -> Sequence[Entry]:
        """Return what was done for the account today over every channel; raise `NotIdentified` for an unknown one."""
        with self._decisions.begin("read_ledger", caller.institution, staff(name)) as decision:
            self._customer(decision, caller)
            now, zone = decision.now(), self._zones[caller.institution]
            entries = self._ledger.of_today(decision.session, decision.about, now, zone)
            decision.done()
            return entries

    def unlock(self, caller: Caller, key: str, name: str, language: str) -> str:
        """Unlock for the caller and return the receipt; refusals of `PasswordUnlock.unlock`.

        It is the day's one unlock, in the chat too. The same `key` again: the same receipt.
        """
        with self._decisions.begin(UNLOCK, caller.institution, staff(name)) as decision:
            hold(decision.session, f"command {key}")  # the same key twice at once: the second finds the receipt
            customer = self._customer(decision, caller)
            command = Command(key, customer.account, UNLOCK, HOTLINE, {})
            if receipt := self._ledger.repeated(decision.session, command):
                return receipt
            made = (key, UNLOCK, customer.account, caller.institution, HOTLINE, None, language, decision.now())
            done = self._password_unlock.begin(decision, Act(*made))
        return done if isinstance(done, str) else self._password_unlock.go_on(done, staff(name))

    def allow_codes_again(self, caller: Caller, name: str) -> None:
        """Open an account to codes again that too many wrong ones have closed (`security/guesses.py`)."""
        with self._decisions.begin("allow_codes_again", caller.institution, staff(name)) as decision:
            customer = self._customer(decision, caller)
            self._budget.allow_again(decision.session, caller.institution, customer.account, decision.now())
            decision.done()

    def _customer(self, decision: Decision, caller: Caller) -> Customer:
        customer = self._core.find(decision.session, caller.institution, caller.number)
        if customer is None:
            raise NotIdentified
        decision.about = customer.account
        return customer
