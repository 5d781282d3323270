"""A core system of either kind with a customer in it, and a hand on its record from outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import func, select

from actions.adapters.core_exchange import Exchange
from actions.adapters.core_http import HttpCore
from actions.adapters.embedded_core import EmbeddedCore
from actions.adapters.http import Server
from actions.services.ports import CoreSystem
from actions.storage.models import Account, CertificateRecord, CoreAct
from actions.storage.unit_of_work import UnitOfWork
from tests.actions.core.firm import KEY, Firm, Record
from tests.actions.world import SettableClock

ONE, OTHER, NUMBER = "demo-one", "demo-other", "900018"
DAY = timedelta(days=1)


class House(Protocol):
    """`lock` and the rest are what happens at the firm without us."""

    core: CoreSystem
    work: UnitOfWork
    clock: SettableClock

    def lock(self, account: str = ONE) -> None: ...

    def suspend(self, account: str = ONE) -> None: ...

    def certify(self, account: str = ONE, since: timedelta = -DAY, until: timedelta = 9 * DAY) -> None: ...

    def revoke(self, account: str = ONE) -> None: ...

    def is_initial(self, account: str = ONE) -> bool: ...

    def acts(self) -> int: ...


@dataclass
class OurTables:
    work: UnitOfWork
    clock: SettableClock

    def __post_init__(self) -> None:
        self.core: CoreSystem = EmbeddedCore()
        with self.work.begin() as session:
            session.add(_account(ONE, NUMBER))
            session.add(_account(OTHER, "900028"))
            session.commit()

    def lock(self, account: str = ONE) -> None:
        self._set(account, locked_at=self.clock.now(), wrong_passwords=3)

    def suspend(self, account: str = ONE) -> None:
        self._set(account, suspended_at=self.clock.now())

    def certify(self, account: str = ONE, since: timedelta = -DAY, until: timedelta = 9 * DAY) -> None:
        now = self.clock.now()
        with self.work.begin() as session:
            number = session.scalar(select(func.count()).select_from(CertificateRecord))
            session.add(
                CertificateRecord(
                    serial=f"demo-{number}", account_id=account, valid_from=now + since, valid_until=now + until
                )
            )
            session.commit()

    def revoke(self, account: str = ONE) -> None:
        with self.work.begin() as session:
            for row in session.scalars(select(CertificateRecord).where(CertificateRecord.account_id == account)):
                row.revoked_at = self.clock.now()
            session.commit()

    def is_initial(self, account: str = ONE) -> bool:
        with self.work.begin() as session:
            return session.get_one(Account, account).password_initial

    def acts(self) -> int:
        with self.work.begin() as session:
            keys = session.scalar(select(func.count()).select_from(CoreAct))
            issued = select(func.count()).select_from(CertificateRecord).where(~CertificateRecord.serial.like("demo-%"))
            return int(keys or 0) + int(session.scalar(issued) or 0)

    def _set(self, account: str, **values: Any) -> None:
        with self.work.begin() as session:
            row = session.get_one(Account, account)
            for name, value in values.items():
                setattr(row, name, value)
            session.commit()


@dataclass
class ByHttp:
    work: UnitOfWork
    clock: SettableClock

    def __post_init__(self) -> None:
        self.firm = Firm(self.clock.now)
        self.firm.add(ONE, "hnyc", NUMBER)
        self.firm.add(OTHER, "hnyc", "900028")
        self.core: CoreSystem = http_core(self.firm)

    def record(self, account: str) -> Record:
        return self.firm.accounts[account]

    def lock(self, account: str = ONE) -> None:
        self.record(account).locked_at = self.clock.now()

    def suspend(self, account: str = ONE) -> None:
        self.record(account).suspended_at = self.clock.now()

    def certify(self, account: str = ONE, since: timedelta = -DAY, until: timedelta = 9 * DAY) -> None:
        now: datetime = self.clock.now()
        times = {"valid_from": now + since, "valid_until": now + until, "revoked_at": None}
        self.record(account).certificates.append({"serial": "demo", **times})

    def revoke(self, account: str = ONE) -> None:
        for certificate in self.record(account).certificates:
            certificate["revoked_at"] = self.clock.now()

    def is_initial(self, account: str = ONE) -> bool:
        return self.record(account).initial

    def acts(self) -> int:
        return len(self.firm.acts)


def http_core(firm: Firm, **limits: Any) -> HttpCore:
    return HttpCore(Exchange(Server(firm.url), KEY, **limits))


def _account(id_: str, number: str) -> Account:
    return Account(
        id=id_,
        institution="hnyc",
        number=number,
        name="測試客戶",
        birth_date=date(1980, 1, 2),
        phone="0930000678",
        email="zdemo@example.com",
        branch="測試分公司",
        branch_number="T001",
        agent="測試營業員",
    )
