"""Retention: what is kept too long goes, class by class; what a rule or a person still needs stays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from actions.services import purge as module
from actions.services.purge import Purge
from actions.storage.audit import Audit
from actions.storage.models import (
    AuditEntry,
    AuditHead,
    Base,
    CertificateRenewal,
    ChallengeRecord,
    CodeSend,
    CoreAct,
    ErrorReport,
    Event,
    GuessBudget,
    Identification,
    LedgerEntry,
    Notice,
    OutboxMessage,
    Protection,
    ReportContact,
    VaultEntry,
)
from actions.storage.retention import CLASSES
from actions.storage.unit_of_work import UnitOfWork, open_database
from tests.actions.security.rounds import rounds, told
from tests.actions.world import SettableClock, World

AUDIT = Audit(b"a key for tests")
SECOND = timedelta(seconds=1)
_numbers = count()


def new(prefix: str = "demo") -> str:
    return f"{prefix}-{next(_numbers)}"


# One row of each class, as old as it is told; what is open has a maker of its own.


def vault(at: datetime) -> list[Base]:
    return [VaultEntry(reference=new(), kind="code", conversation="c", ciphertext=b"x", expires_at=at)]


def identification(at: datetime, completed: bool = True) -> list[Base]:
    made = {"institution": "hnyc", "account_reference": "v", "account_ciphertext": b""}
    return [Identification(conversation=new(), given_at=at, completed_at=at if completed else None, **made)]


def left_identification(at: datetime) -> list[Base]:
    return identification(at, completed=False)


def challenge(at: datetime) -> list[Base]:
    id_ = new()
    sent = {"purpose": "unlock_password", "channel": "sms"}
    record = ChallengeRecord(
        id=id_, conversation="c", identity="i", sent_to="09__", code_digest="d", sent_at=at, expires_at=at, resend_at=at,
        wrong=0, **sent,
    )  # fmt: skip
    return [record, CodeSend(challenge_id=id_, subject="i", number=next(_numbers), at=at, **sent)]


def contact(at: datetime) -> list[Base]:
    return [ReportContact(reference=new(), conversation="c", ciphertext=b"x", masked="d____@example.com", at=at)]


def renewal(at: datetime, closed_at: datetime | None) -> list[Base]:
    steps = {"kind": "renew", "step": "code", "step_id": "s", "started_at": at, "step_at": at}
    return [CertificateRenewal(id=new(), account_id=new(), conversation="c", closed_at=closed_at, **steps)]


def closed_renewal(at: datetime) -> list[Base]:
    return renewal(at, at)


def left_renewal(at: datetime) -> list[Base]:
    return renewal(at, None)


def message(at: datetime, state: str = "sent", id_: str = "") -> list[Base]:
    kept = {"kind": "login_success", "channel": "email", "at_most_once": False, "ciphertext": b"", "attempts": 1}
    return [OutboxMessage(id=id_ or new(), state=state, queued_at=at, due_at=at, **kept)]


def notice(at: datetime, state: str = "sent") -> list[Base]:
    id_ = new()
    told_of = {"kind": "login_success", "account_id": "a", "language": "en", "mailbox": "d____@example.com"}
    return [Notice(reference=new("NT"), at=at, outbox_id=id_, **told_of), *message(at, state, id_)]


def event(at: datetime) -> list[Base]:
    return [Event(event_id=new(), kind="login", account_id="a", at=at, received_at=at, digest="d")]


def act(at: datetime) -> list[Base]:
    return [CoreAct(key=new(), account_id="a", act="unlock_password", at=at)]


def report(at: datetime, status: str = "closed") -> list[Base]:
    said = {"institution": "hnyc", "conversation": "c", "platform": "p", "description": "d", "since": "s"}
    return [ErrorReport(reference=new("ER"), key=new(), fingerprint="f", status=status, filed_at=at, **said)]


def ledger(at: datetime) -> list[Base]:
    used = {"kind": "unlock_password", "channel": "chat", "number": 1, "fingerprint": "f"}
    return [LedgerEntry(receipt=new("UL"), key=new(), account_id=new(), day=at.date(), at=at, **used)]


def protection(at: datetime, lifted_at: datetime | None) -> list[Base]:
    said = {"conversation": "c", "evidence_ciphertext": b"x"}
    return [Protection(reference=new("NM"), account_id=new(), since=at, lifted_at=lifted_at, **said)]


def lifted(at: datetime) -> list[Base]:
    return protection(at - timedelta(days=1), at)


OLD: dict[str, list[Callable[[datetime], list[Base]]]] = {
    "vault": [vault],
    "identifications": [identification, left_identification],
    "challenges": [challenge],
    "contacts": [contact],
    "renewals": [closed_renewal, left_renewal],
    "notices": [notice],
    "events": [event],
    "messages": [message, lambda at: message(at, "void"), lambda at: message(at, "dead")],
    "core_acts": [act],
    "reports": [report],
    "ledger": [ledger],
    "protections": [lifted],
}
ROWS = [(name, maker) for name, makers in OLD.items() for maker in makers]
DAYS = {each.name: each.days for each in CLASSES}
LEAST = {each.name: each.least for each in CLASSES}


@pytest.fixture
def work(empty_url: str, clock: SettableClock) -> Iterator[UnitOfWork]:
    work = open_database(empty_url, clock)
    yield work
    work.dispose()


@pytest.fixture
def purge(work: UnitOfWork, monkeypatch: pytest.MonkeyPatch) -> Purge:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0)
    return Purge(work, AUDIT)


def keep(work: UnitOfWork, *rows: list[Base]) -> None:
    with work.begin() as session:
        session.add_all(row for each in rows for row in each)
        session.commit()


def kept(work: UnitOfWork) -> int:
    """Return how many rows are left, without the heads of the audit's chains."""
    with work.look() as session:
        tables = [table for table in Base.metadata.sorted_tables if table.name != AuditHead.__tablename__]
        return sum(session.scalar(select(func.count()).select_from(table)) or 0 for table in tables)


def decide(session: Session, at: datetime, about: str = "one") -> None:
    AUDIT.append(session, at, "customer", "unlock_password", about, "done", "")


# --- what goes ------------------------------------------------------------------------------------


def test_every_class_is_tested() -> None:
    assert {*OLD, "audit"} == set(DAYS)


@pytest.mark.parametrize(("name", "maker"), ROWS)
def test_what_is_as_old_as_its_class_allows_stays_and_a_second_later_goes(
    work: UnitOfWork, purge: Purge, clock: SettableClock, name: str, maker: Callable[[datetime], list[Base]]
) -> None:
    # The ledger's day has to be over as well, and the vault's life ends with its last second.
    keep(work, maker(clock.now() - timedelta(days=DAYS[name]) + (SECOND if name == "vault" else timedelta())))
    before = kept(work)
    purge.run()
    assert kept(work) == before
    clock.pass_(days=1 if name == "ledger" else 0, seconds=1)
    purge.run()
    assert kept(work) <= before - 1


@pytest.mark.parametrize(("name", "maker"), ROWS)
def test_one_class_leaves_the_others(
    work: UnitOfWork, purge: Purge, clock: SettableClock, name: str, maker: Callable[[datetime], list[Base]]
) -> None:
    keep(work, maker(clock.now() - timedelta(days=4000)))
    others = [other for other in DAYS if other not in (name, "messages" if name == "notices" else name)]
    assert sum(purged.rows for purged in purge.run(others)) == 0
    (purged,) = purge.run([name])
    assert purged.rows >= 1


def test_old_decisions_go_and_the_audit_stays_whole(work: UnitOfWork, purge: Purge, clock: SettableClock) -> None:
    now = clock.now()
    with work.begin() as session:
        for number in range(600):
            decide(session, now - timedelta(days=1827) + timedelta(seconds=number - 400))
        session.commit()
    (purged,) = purge.run(["audit"])
    assert (purged.rows, purged.problem) == (400, "")
    with work.look() as session:
        verdict = AUDIT.verify(session)
    assert (verdict.entries, verdict.broken) == (200, ())


def test_decisions_that_somebody_changed_are_left_as_evidence(
    work: UnitOfWork, purge: Purge, clock: SettableClock
) -> None:
    with work.begin() as session:
        decide(session, clock.now() - timedelta(days=3000))
        decide(session, clock.now() - timedelta(days=3000), "another one")
        session.execute(update(AuditEntry).where(AuditEntry.subject == AUDIT.digest_of("one")).values(reason="x"))
        session.commit()
    (purged,) = purge.run(["audit"])
    assert (purged.rows, "entry 1: altered" in purged.problem) == (1, True)


# --- what stays -----------------------------------------------------------------------------------


def open_rows(at: datetime) -> list[list[Base]]:
    return [
        message(at, "queued"),
        message(at, "sending"),
        notice(at, "queued"),
        report(at, "received"),
        protection(at, None),
        [GuessBudget(subject=new(), day=at.date(), evaluated=3, consecutive_wrong=3)],
    ]


def test_what_is_open_stays_however_old(work: UnitOfWork, purge: Purge, clock: SettableClock) -> None:
    keep(work, *open_rows(clock.now() - timedelta(days=4000)))
    before = kept(work)
    purge.run(older_than=0)
    assert kept(work) == before


@pytest.mark.parametrize(("name", "maker"), ROWS)
def test_no_order_takes_what_a_rule_needs(
    work: UnitOfWork, purge: Purge, clock: SettableClock, name: str, maker: Callable[[datetime], list[Base]]
) -> None:
    keep(work, maker(clock.now() - timedelta(days=LEAST[name]) + SECOND))
    before = kept(work)
    purge.run(older_than=0)
    assert kept(work) == before


@pytest.mark.parametrize(("name", "maker"), [row for row in ROWS if LEAST[row[0]] < DAYS[row[0]]])
def test_an_order_can_take_more_than_the_default(
    work: UnitOfWork, purge: Purge, clock: SettableClock, name: str, maker: Callable[[datetime], list[Base]]
) -> None:
    keep(work, maker(clock.now() - timedelta(days=LEAST[name] + 1, seconds=1)))
    (purged,) = purge.run([name], older_than=LEAST[name])
    assert (purged.rows >= 1, purged.days) == (True, LEAST[name])


def test_a_day_of_sends_is_never_shorter_than_the_rules_look_back() -> None:
    assert LEAST["challenges"] >= 2
    assert LEAST["ledger"] >= 2
    assert LEAST["events"] > 7
    assert DAYS["notices"] >= 365


def test_an_identification_that_is_under_way_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0)
    account = world.put("c1", "account", "900018")
    world.services.identification.give_account("c1", "hnyc", account)
    given_at = world.rows()["identification"]["c1"]["given_at"]
    world.clock.set(given_at + timedelta(hours=23))
    world.services.purge.run(older_than=0)
    assert "c1" in world.rows()["identification"]
    world.clock.set(given_at + timedelta(days=2, seconds=1))
    world.services.purge.run()
    assert "c1" not in world.rows()["identification"]


def test_a_message_stays_as_long_as_its_notice(work: UnitOfWork, purge: Purge, clock: SettableClock) -> None:
    keep(work, notice(clock.now() - timedelta(days=200)))
    purge.run()
    assert kept(work) == 2
    clock.pass_(days=200)
    purge.run()
    assert kept(work) == 0


def test_an_event_stays_as_long_as_its_notice(work: UnitOfWork, purge: Purge, clock: SettableClock) -> None:
    old = clock.now() - timedelta(days=400)
    keep(work, event(old), notice(old, "queued"))
    with work.begin() as session:
        session.execute(update(Notice).values(event_id=session.scalars(select(Event.event_id)).one()))
        session.commit()
    purge.run()
    assert kept(work) == 3


# --- how ------------------------------------------------------------------------------------------


def test_a_dry_run_counts_what_would_go_and_deletes_nothing(
    work: UnitOfWork, purge: Purge, clock: SettableClock
) -> None:
    keep(work, *(maker(clock.now() - timedelta(days=4000)) for _, maker in ROWS))
    with work.begin() as session:
        decide(session, clock.now() - timedelta(days=4000))
        session.commit()
    before = kept(work)
    counted = {purged.name: purged.rows for purged in purge.run(dry_run=True)}
    assert kept(work) == before
    # A notice's message is counted with its notice gone, so one run finds one more.
    deleted = {purged.name: purged.rows for purged in purge.run()}
    assert deleted == {**counted, "messages": counted["messages"] + 1}
    assert kept(work) == 0


def test_many_rows_go_in_small_transactions(work: UnitOfWork, purge: Purge, clock: SettableClock) -> None:
    keep(work, *(contact(clock.now() - timedelta(days=9)) for _ in range(rounds(4500))))
    keep(work, *(contact(clock.now()) for _ in range(300)))
    (purged,) = purge.run(["contacts"])
    assert (purged.rows, kept(work)) == (rounds(4500), 300)


def test_two_purges_at_once_delete_each_row_once(
    work: UnitOfWork, empty_url: str, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0)
    old = clock.now() - timedelta(days=4000)
    keep(work, *(maker(old) for _, maker in ROWS for _ in range(60)))
    with work.begin() as session:
        for number in range(300):
            decide(session, old, f"about {number}")
        session.commit()
    before, counted = kept(work), []
    others = [open_database(empty_url, clock) for _ in range(3)]
    threads = [
        threading.Thread(target=lambda other=other: counted.extend(Purge(other, AUDIT).run()))  # type: ignore[misc]
        for other in others
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for other in others:
        other.dispose()
    deleted = sum(purged.rows for purged in counted)
    told(rows=before, deleted=deleted, left=kept(work))
    assert deleted + kept(work) == before
    with work.look() as session:
        assert AUDIT.verify(session).broken == ()
    Purge(work, AUDIT).run()  # rows that one held when the other came by
    assert kept(work) == 0


def test_nobody_waits_long_while_it_runs(work: UnitOfWork, clock: SettableClock) -> None:
    keep(work, *(contact(clock.now() - timedelta(days=9)) for _ in range(3000)))
    thread = threading.Thread(target=Purge(work, AUDIT).run, args=(["contacts"],))
    thread.start()
    longest = 0.0
    while thread.is_alive():
        begun = time.monotonic()
        keep(work, contact(clock.now()))
        longest = max(longest, time.monotonic() - begun)
        time.sleep(0.005)
    thread.join()
    assert longest < 1.0


def test_it_ends_when_it_is_told_to(work: UnitOfWork, clock: SettableClock) -> None:
    keep(work, *(contact(clock.now() - timedelta(days=9)) for _ in range(300)))
    purge = Purge(work, AUDIT)
    purge.stop()
    assert sum(purged.rows for purged in purge.run()) == 0


@pytest.mark.parametrize("each", CLASSES, ids=[each.name for each in CLASSES])
def test_the_table_of_classes_says_what_is_done(each: Any) -> None:
    from actions.storage import retention

    (line,) = [line for line in str(retention.__doc__).splitlines() if line.strip().startswith(f"{each.name} ")]
    assert [int(word) for word in line.split()[1:3]] == [each.days, each.least]
