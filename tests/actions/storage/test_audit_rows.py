"""Whatever is changed of the audit's rows by whoever can write to the database alone is found (G41)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from actions.storage.audit import CHAINS, Audit, AuditBroken, Broken, Verdict
from actions.storage.models import AuditEntry, AuditHead
from actions.storage.unit_of_work import UnitOfWork, open_database
from tests.actions.world import START

AUDIT = Audit(b"a key for tests")
ENTRIES = 150
ENTRY_COLUMNS = [column.name for column in AuditEntry.__table__.c]
HEAD_COLUMNS = [column.name for column in AuditHead.__table__.c]


def append(session: Session, number: int, account: str = "") -> None:
    at = START + timedelta(days=number)
    AUDIT.append(session, at, "customer", "unlock_password", account or f"demo-{number % 40}", "done", f"r{number}")


@pytest.fixture
def written(empty_url: str) -> Iterator[UnitOfWork]:
    work = open_database(empty_url)
    with work.begin() as session:
        for number in range(ENTRIES):
            append(session, number)
        session.commit()
    yield work
    work.dispose()


def verdict_after(work: UnitOfWork, change: Callable[[Session], object]) -> Verdict:
    """Return what is found after `change`, which is undone."""
    with work.begin() as session:
        change(session)
        session.flush()
        verdict = AUDIT.verify(session)
        session.rollback()
    return verdict


def lengths(session: Session) -> dict[int, int]:
    return dict(session.execute(select(AuditEntry.chain, func.count()).group_by(AuditEntry.chain)).tuples().all())


def a_chain(work: UnitOfWork) -> int:
    """Return a chain with a few entries."""
    with work.look() as session:
        return next(chain for chain, count in sorted(lengths(session).items()) if count >= 4)


def other_than(column: str, value: Any) -> Any:
    """Return another value that the column takes."""
    if column == "at":
        return value + timedelta(microseconds=1)
    if isinstance(value, int):
        return value + 1000
    return ("1" if value[:1] == "0" else "0") + value[1:]


# --- every column in turn -------------------------------------------------------------------------


@pytest.mark.parametrize("seq", [1, 3])
@pytest.mark.parametrize("column", ENTRY_COLUMNS)
def test_a_change_of_any_column_of_an_entry_is_found(written: UnitOfWork, column: str, seq: int) -> None:
    chain = a_chain(written)
    this = (AuditEntry.chain == chain) & (AuditEntry.seq == seq)

    def change(session: Session) -> None:
        described = AuditEntry.__table__.c[column]
        value = session.scalars(select(described).where(this)).one()
        session.execute(update(AuditEntry).where(this).values({column: other_than(column, value)}))

    found = verdict_after(written, change).broken
    assert Broken(chain, seq, "removed" if column in ("chain", "seq") else "altered") in found


@pytest.mark.parametrize("column", HEAD_COLUMNS)
def test_a_change_of_any_column_of_a_head_is_found(written: UnitOfWork, column: str) -> None:
    chain = a_chain(written)

    def change(session: Session) -> None:
        described = AuditHead.__table__.c[column]
        value = session.scalars(select(described).where(AuditHead.chain == chain)).one()
        session.execute(update(AuditHead).where(AuditHead.chain == chain).values({column: other_than(column, value)}))

    assert Broken(chain, 0, "head") in verdict_after(written, change).broken


def test_a_chain_that_was_emptied_with_its_head_set_back_is_found(written: UnitOfWork) -> None:
    chain = a_chain(written)

    def empty(session: Session) -> None:
        session.execute(delete(AuditEntry).where(AuditEntry.chain == chain))
        session.execute(update(AuditHead).where(AuditHead.chain == chain).values(seq=0))

    assert verdict_after(written, empty).broken == (Broken(chain, 0, "head"),)


# --- single rows ----------------------------------------------------------------------------------


def test_every_single_entry_that_is_deleted_is_found(written: UnitOfWork) -> None:
    with written.look() as session:
        rows = [tuple(row) for row in session.execute(select(AuditEntry.chain, AuditEntry.seq))]
    for chain, seq in rows[:: max(1, len(rows) // 40)]:
        this = (AuditEntry.chain == chain) & (AuditEntry.seq == seq)
        found = verdict_after(written, lambda session, this=this: session.execute(delete(AuditEntry).where(this)))  # type: ignore[misc]
        assert found.broken == (Broken(chain, seq, "removed"),)


@pytest.mark.parametrize("where", ["before the first", "behind the last", "of another chain"])
def test_an_entry_that_was_inserted_is_found(written: UnitOfWork, where: str) -> None:
    chain = a_chain(written)
    with written.look() as session:
        last = lengths(session)[chain]

    def put(session: Session) -> None:
        first = session.get_one(AuditEntry, (chain, 1))
        values = {name: getattr(first, name) for name in ENTRY_COLUMNS}
        if where == "of another chain":
            other = next(c for c, count in lengths(session).items() if c != chain)
            values |= {"chain": other, "seq": lengths(session)[other] + 1}
        else:
            values["seq"] = 0 if where == "before the first" else last + 1
        session.execute(insert(AuditEntry).values(values))

    assert len(verdict_after(written, put).broken) == 1


def test_two_entries_that_changed_places_are_found(written: UnitOfWork) -> None:
    chain = a_chain(written)

    def swap(session: Session) -> None:
        for now, then in ((2, -1), (3, 2), (-1, 3)):
            this = (AuditEntry.chain == chain) & (AuditEntry.seq == now)
            session.execute(update(AuditEntry).where(this).values(seq=then))

    assert verdict_after(written, swap).broken == (Broken(chain, 2, "altered"),)


def test_a_decision_that_changed_its_account_is_found(written: UnitOfWork) -> None:
    chain = a_chain(written)
    this = (AuditEntry.chain == chain) & (AuditEntry.seq == 2)
    other = AUDIT.digest_of("demo-other")
    moved = update(AuditEntry).where(this).values(subject=other)
    assert verdict_after(written, lambda session: session.execute(moved)).broken == (Broken(chain, 2, "altered"),)


# --- shown ----------------------------------------------------------------------------------------


def test_the_last_decisions_come_in_their_order(written: UnitOfWork) -> None:
    with written.look() as session:
        assert [entry.reason for entry in AUDIT.latest(session, 3)] == ["r147", "r148", "r149"]


def test_the_decisions_about_an_account_are_its_own(written: UnitOfWork) -> None:
    with written.look() as session:
        assert [entry.reason for entry in AUDIT.latest(session, 10, "demo-7")] == ["r7", "r47", "r87", "r127"]
        assert [entry.reason for entry in AUDIT.latest(session, 2, "demo-7")] == ["r87", "r127"]
        assert AUDIT.latest(session, 10, "demo-700") == []


# --- purged ---------------------------------------------------------------------------------------


def purge(work: UnitOfWork, days: int, most: int = 1000) -> int:
    before, purged = START + timedelta(days=days), 0
    for chain in range(CHAINS):
        with work.begin() as session:
            purged += AUDIT.purge(session, chain, before, most)
            session.commit()
    return purged


@pytest.mark.parametrize("days", [0, 1, 75, 149, 150, 1000])
def test_what_is_older_goes_and_the_rest_is_whole(written: UnitOfWork, days: int) -> None:
    assert purge(written, days) == min(days, ENTRIES)
    with written.look() as session:
        verdict = AUDIT.verify(session)
        assert (verdict.entries, verdict.broken) == (ENTRIES - min(days, ENTRIES), ())


def test_decisions_go_on_after_a_purge(written: UnitOfWork) -> None:
    purge(written, 1000)
    with written.begin() as session:
        for number in range(20):
            append(session, 2000 + number)
        session.commit()
        assert (AUDIT.verify(session).entries, AUDIT.verify(session).broken) == (20, ())


def test_a_purge_takes_no_more_than_it_was_told(written: UnitOfWork) -> None:
    chain = a_chain(written)
    with written.begin() as session:
        assert AUDIT.purge(session, chain, START + timedelta(days=1000), most=3) == 3
        assert AUDIT.verify(session).broken == ()


def test_what_would_go_is_counted_before(written: UnitOfWork) -> None:
    with written.look() as session:
        counted = [AUDIT.older_than(session, chain, START + timedelta(days=75)) for chain in range(CHAINS)]
    assert sum(counted) == 75
    purge(written, 75)
    with written.look() as session:
        assert sum(AUDIT.older_than(session, chain, START + timedelta(days=100)) for chain in range(CHAINS)) == 25
        assert sum(AUDIT.older_than(session, chain, START + timedelta(days=75)) for chain in range(CHAINS)) == 0


@pytest.mark.parametrize("column", ["reason", "hash", "previous", "subject"])
def test_what_somebody_changed_is_not_purged_away(written: UnitOfWork, column: str) -> None:
    chain = a_chain(written)
    this = (AuditEntry.chain == chain) & (AuditEntry.seq == 1)
    with written.begin() as session:
        session.execute(update(AuditEntry).where(this).values({column: "x"}))
        with pytest.raises(AuditBroken, match=f"chain {chain}, entry 1: altered"):
            AUDIT.purge(session, chain, START + timedelta(days=1000), 1000)


def test_a_chain_whose_head_somebody_changed_is_not_purged(written: UnitOfWork) -> None:
    chain = a_chain(written)
    with written.begin() as session:
        session.execute(update(AuditHead).where(AuditHead.chain == chain).values(start_seq=2))
        with pytest.raises(AuditBroken):
            AUDIT.purge(session, chain, START + timedelta(days=1000), 1000)


def test_what_was_taken_from_the_start_is_found_after_a_purge(written: UnitOfWork) -> None:
    chain = a_chain(written)
    with written.begin() as session:
        AUDIT.purge(session, chain, START + timedelta(days=1000), most=1)
        session.commit()
    gone = delete(AuditEntry).where(AuditEntry.chain == chain, AuditEntry.seq == 2)
    assert verdict_after(written, lambda s: s.execute(gone)).broken == (Broken(chain, 2, "removed"),)
