"""A customer who renews a certificate, for tests: taken to any step, and a core system that loses its answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from actions.security.errors import CoreOutcomeUnknown, CoreUnavailable
from actions.security.password_unlock import Certificate, PasswordState
from actions.services.certificate_renewal import PURPOSE, CertificateRenewal, Installed, Progress
from actions.services.ports import IssuedCertificate
from actions.storage.models import Account, AuditEntry, CertificateRecord
from actions.storage.models import CertificateRenewal as Row
from tests.actions.world import NORMAL, Person, World, refusal_of

STEPS = ("code", "birth_date", "confirm")
WRONG = "070/01/02"
Calls = Sequence[Callable[[], object]]


def renewal(world: World) -> CertificateRenewal:
    return world.services.certificate_renewal


def open_(world: World, conversation: str = "c1") -> Progress:
    return renewal(world).open(conversation, "hnyc")


def give(world: World, conversation: str = "c1", born: str = NORMAL.born) -> str:
    """Enter a birth date; return its reference."""
    reference = world.put(conversation, "birth_date", born)
    renewal(world).give_birth_date(conversation, reference)
    return reference


def confirm(world: World, conversation: str = "c1") -> Installed:
    return renewal(world).confirm_and_install(conversation, "zh-Hant")


CALLS: dict[str, Callable[..., object]] = {"code": open_, "birth_date": give, "confirm": confirm}


def verify(world: World, conversation: str = "c1", person: Person = NORMAL, channel: str = "sms") -> None:
    """Identify where nobody is known, receive a code and enter it, a minute after any other."""
    world.clock.pass_(seconds=61)
    if not world.services.identification.is_known(conversation):
        world.identify(conversation, person)
    world.enter(conversation, world.send_code(conversation, PURPOSE, channel), PURPOSE)


def bring(world: World, step: str, conversation: str = "c1", person: Person = NORMAL) -> None:
    """Take the customer to where `step` is asked next."""
    verify(world, conversation, person)
    if step == "code":
        return
    open_(world, conversation)
    if step == "confirm":
        give(world, conversation, person.born)


def let_certificate_end(world: World, days: float, person: Person = NORMAL) -> None:
    until = world.clock.now() + timedelta(days=days)
    of = CertificateRecord.account_id == person.account
    world.execute(update(CertificateRecord).where(of).values(valid_until=until))


def certificates(world: World, person: Person = NORMAL) -> list[CertificateRecord]:
    """Return those that were issued here, oldest first."""
    with world.services.work.begin() as session:
        of = CertificateRecord.account_id == person.account
        rows = session.scalars(select(CertificateRecord).where(of).order_by(CertificateRecord.valid_from)).all()
        return [row for row in rows if not row.serial.startswith("demo-")]


def rows(world: World, person: Person = NORMAL) -> list[Row]:
    with world.services.work.begin() as session:
        return list(session.scalars(select(Row).where(Row.account_id == person.account).order_by(Row.started_at)))


def row(world: World, person: Person = NORMAL) -> Row:
    """Return the account's only one."""
    (only,) = rows(world, person)
    return only


def audited(world: World, about: str) -> list[tuple[str, str, str]]:
    """Return action, outcome and reason of every decision about an account or conversation, in their order."""
    with world.services.work.begin() as session:
        entries = session.scalars(
            select(AuditEntry)
            .where(AuditEntry.subject == world.services.audit.digest_of(about))
            .order_by(AuditEntry.seq)
        )
        return [(entry.action, entry.outcome, entry.reason) for entry in entries]


def refusal(call: Callable[..., object], *arguments: object) -> str | None:
    """Return the name of what `call` raises, None if nothing."""
    return refusal_of(partial(call, *arguments))


def cause(call: Callable[..., object], *arguments: object) -> tuple[str | None, object]:
    """Return what `call` raises by name, and its facts."""
    try:
        call(*arguments)
    except Exception as problem:
        return type(problem).__name__, getattr(problem, "facts", None)
    return None, None


def together(calls: Calls) -> Counter[str | None]:
    """Run all calls, started at the same moment; count what they raise, None for nothing."""
    start = Barrier(len(calls))

    def run(call: Callable[[], object]) -> str | None:
        start.wait(30)
        return refusal_of(call)

    with ThreadPoolExecutor(len(calls)) as pool:
        return Counter(pool.map(run, calls))


@dataclass
class Firm:
    """A core system elsewhere: nothing of ours locks it, and what it did stays done when we roll back.

    `faults` of the acts to come, in order: "refused" (before anything), "lost" (after it was done), "" (answered).
    """

    inner: Any
    faults: list[str] = field(default_factory=list)
    issued: dict[str, tuple[str, IssuedCertificate]] = field(default_factory=dict)
    asked: int = 0
    looked_at: int = 0
    meanwhile: dict[str, Callable[[], object]] = field(default_factory=dict)  # runs once when a call comes

    def password(self, session: Session, account: str) -> PasswordState:
        self._meanwhile("password")
        found = session.get_one(Account, account)
        return PasswordState(found.id, found.locked_at, found.suspended_at)

    def certificates(self, session: Session, account: str) -> Sequence[Certificate]:
        self._meanwhile("certificates")
        found = session.scalars(select(CertificateRecord).where(CertificateRecord.account_id == account))
        ours = [Certificate(c.account_id, c.valid_from, c.valid_until, c.revoked_at) for c in found]
        begin = datetime.min.replace(tzinfo=ours[0].valid_from.tzinfo) if ours else datetime.min
        return ours + [Certificate(account, begin, new.valid_until, None) for _, new in self.issued.values()]

    def customer(self, session: Session, account: str) -> Any:
        self.looked_at += 1
        self._meanwhile("customer")
        return self.inner.customer(session, account)

    def issue_certificate(self, session: Session, account: str, way: str, key: str) -> IssuedCertificate:
        self.asked += 1
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "refused":
            raise CoreUnavailable
        if key not in self.issued:
            until = max(c.valid_until for c in self.certificates(session, account)) + timedelta(days=365)
            self.issued[key] = (way, IssuedCertificate(f"FIRM-{key}", until))
        before, certificate = self.issued[key]
        assert before == way, "the same key with another way"
        if fault == "lost":
            raise CoreOutcomeUnknown
        return certificate

    def _meanwhile(self, name: str) -> None:
        if call := self.meanwhile.pop(name, None):
            call()


def at_a_firm(world: World, *faults: str) -> Firm:
    """Let the renewals of `world` be done by another core system; return it."""
    firm = Firm(world.services.core, list(faults))
    renewal(world)._core = firm  # type: ignore[assignment]
    return firm
