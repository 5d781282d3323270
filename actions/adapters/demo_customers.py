"""Demo customers of the embedded core system: one in each state. Every name, number and address is invented."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from actions.security.password_unlock import unlock_day
from actions.storage.locks import hold
from actions.storage.models import (
    Account,
    CertificateRecord,
    CertificateRenewal,
    ChallengeRecord,
    CodeSend,
    CoreAct,
    Event,
    GuessBudget,
    Identification,
    LedgerEntry,
    Notice,
    Protection,
    SoftwareToken,
    TokenSeed,
)
from actions.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Demo:
    institution: str
    number: str
    birth_date: date
    state: str
    phone: str
    email: str


DEMO_CUSTOMERS = (
    Demo("hnyc", "900018", date(1981, 1, 1), "normal", "0930000678", "zdemo@example.com"),
    Demo("hnyc", "900028", date(1982, 2, 2), "locked", "0930000278", "ydemo@example.com"),
    Demo("hnyc", "900038", date(1983, 3, 3), "locked without certificate", "0930000378", "xdemo@example.com"),
    Demo("hnyc", "900048", date(1984, 4, 4), "unlocked today", "0930000478", "wdemo@example.com"),
    Demo("hnyc", "900058", date(1985, 5, 5), "suspended", "0930000578", "vdemo@example.com"),
    Demo("icbca", "900068", date(1986, 6, 6), "token frozen 24 h", "90000068", "udemo@example.com"),
    Demo("icbca", "900078", date(1987, 7, 7), "token frozen for good", "90000078", "tdemo@example.com"),
    Demo("icbca", "900088", date(1988, 8, 8), "token in both apps", "90000088", "sdemo@example.com"),
)

_LOCKED = frozenset({"locked", "locked without certificate", "unlocked today", "suspended"})


def seed(work: UnitOfWork, now: datetime, zone: ZoneInfo, reset: bool = False) -> None:
    """Make the demo customers that are missing; with `reset`, put all of them back into their state.

    "unlocked today" is kept true on every day.
    """
    with work.begin() as session:
        hold(session, "demo customers")  # replicas that start at once make them once
        for demo in DEMO_CUSTOMERS:
            id_ = f"demo-{demo.institution}-{demo.number}"
            if reset:
                _remove(session, id_)
            if session.get(Account, id_) is None:
                _add(session, id_, demo, now)
            if demo.state == "unlocked today":
                _unlocked_today(session, id_, now, zone)
        session.commit()


def _remove(session: Session, id_: str) -> None:
    challenges = select(ChallengeRecord.id).where(ChallengeRecord.account_id == id_)
    session.execute(delete(CodeSend).where(CodeSend.challenge_id.in_(challenges)))
    for table, column in (
        (GuessBudget, GuessBudget.subject),
        (ChallengeRecord, ChallengeRecord.account_id),
        (Identification, Identification.account_id),
        (CertificateRenewal, CertificateRenewal.account_id),
        (Protection, Protection.account_id),
        (LedgerEntry, LedgerEntry.account_id),
        (Notice, Notice.account_id),
        (Event, Event.account_id),
        (CoreAct, CoreAct.account_id),
        (TokenSeed, TokenSeed.account_id),
        (SoftwareToken, SoftwareToken.account_id),
        (CertificateRecord, CertificateRecord.account_id),
        (Account, Account.id),
    ):
        session.execute(delete(table).where(column == id_))


def _add(session: Session, id_: str, demo: Demo, now: datetime) -> None:
    locked = demo.state in _LOCKED
    session.add(
        Account(
            id=id_,
            institution=demo.institution,
            number=demo.number,
            name="測試客戶",
            birth_date=demo.birth_date,
            phone=demo.phone,
            email=demo.email,
            wrong_passwords=3 if locked else 0,
            locked_at=now if locked else None,
            suspended_at=now if demo.state == "suspended" else None,
            branch="測試分公司" if demo.institution == "hnyc" else "",
            branch_number="T001" if demo.institution == "hnyc" else "",
            agent="測試營業員" if demo.institution == "hnyc" else "",
        )
    )
    session.flush()
    if demo.institution == "hnyc" and demo.state != "locked without certificate":
        session.add(
            CertificateRecord(
                serial=f"demo-{demo.number}",
                account_id=id_,
                valid_from=now - timedelta(days=300),
                valid_until=now + timedelta(days=65),
            )
        )
    if demo.state.startswith("token"):
        _add_token(session, id_, demo, now)


def _add_token(session: Session, id_: str, demo: Demo, now: datetime) -> None:
    token = SoftwareToken(
        account_id=id_,
        enrolled_in="invest_app",
        enrolled_at=now - timedelta(days=30),
        device=f"demo-device-{demo.number}",
    )
    if demo.state == "token in both apps":
        token.synchronised_at, token.bank_usable_at = now - timedelta(hours=2), now + timedelta(hours=4)
        token.biometrics_at = token.enrolled_at
    else:
        token.wrong_passwords, token.frozen_at = 6, now
    if demo.state == "token frozen 24 h":
        token.freezes, token.frozen_until = 1, now + timedelta(hours=24)
    if demo.state == "token frozen for good":
        token.freezes, token.frozen_for_good_at = 3, now
    session.add(token)


def _unlocked_today(session: Session, id_: str, now: datetime, zone: ZoneInfo) -> None:
    day = unlock_day(now, zone)
    receipt = f"UL-{day:%Y%m%d}-DEMO"
    of_the_day = (LedgerEntry.account_id == id_) & (LedgerEntry.day == day)
    if session.scalar(select(LedgerEntry.key).where(of_the_day, LedgerEntry.kind == "unlock_password")) is None:
        session.add(
            LedgerEntry(
                receipt=receipt,
                key=receipt,
                fingerprint="",
                account_id=id_,
                day=day,
                kind="unlock_password",
                channel="chat",
                conversation="demo",
                at=now,
            )
        )
