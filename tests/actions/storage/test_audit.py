"""The audit: one entry a decision, kept with it, and no change that is not found (G41)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from actions.storage.audit import CHAINS, Audit, Broken
from actions.storage.models import AuditEntry, AuditHead
from actions.storage.unit_of_work import UnitOfWork, open_database
from tests.actions.security.rounds import rounds
from tests.actions.world import START, deterministic

AUDIT = Audit(b"a key for tests")
ENTRIES = 120
TEXTS = ["actor", "action", "subject", "outcome", "reason", "previous", "hash"]


def append(session: Session, number: int, account: str | None = None) -> None:
    at = START + timedelta(seconds=number)
    AUDIT.append(
        session, at, "chat", "unlock_password", account or f"account-{number % 40}", "done", f"reason {number}"
    )


@pytest.fixture
def work(empty_url: str) -> Iterator[UnitOfWork]:
    work = open_database(empty_url)
    yield work
    work.dispose()


@pytest.fixture
def written(work: UnitOfWork) -> UnitOfWork:
    with work.begin() as session:
        for number in range(ENTRIES):
            append(session, number)
        session.commit()
    return work


def found_after(work: UnitOfWork, change: Callable[[Session], object]) -> tuple[Broken, ...]:
    """Return what is found after `change`, and undo it."""
    with work.begin() as session:
        change(session)
        session.flush()
        broken = AUDIT.verify(session).broken
        session.rollback()
    return broken


def lengths(session: Session) -> dict[int, int]:
    query = select(AuditEntry.chain, func.count()).group_by(AuditEntry.chain)
    return dict(session.execute(query).tuples().all())


def longest(work: UnitOfWork) -> tuple[int, int]:
    with work.look() as session:
        counts = lengths(session)
    chain = max(counts, key=lambda each: counts[each])
    return chain, counts[chain]


def test_what_was_written_is_whole(written: UnitOfWork) -> None:
    with written.look() as session:
        verdict = AUDIT.verify(session)
    assert (verdict.entries, verdict.broken) == (ENTRIES, ())


def test_an_empty_audit_is_whole(work: UnitOfWork) -> None:
    with work.look() as session:
        assert AUDIT.verify(session).broken == ()


def test_an_entry_is_kept_only_with_its_decision(work: UnitOfWork) -> None:
    with work.begin() as session:
        append(session, 1)
    with work.look() as session:
        assert AUDIT.verify(session).entries == 0


def test_an_account_appears_as_a_digest_only(work: UnitOfWork) -> None:
    with work.begin() as session:
        append(session, 1, "demo-hnyc-900018")
        session.commit()
        (entry,) = session.scalars(select(AuditEntry))
    assert entry.subject == AUDIT.digest_of("demo-hnyc-900018")
    assert "900018" not in entry.subject


def test_decisions_about_an_account_stand_in_one_chain_in_order(work: UnitOfWork) -> None:
    with work.begin() as session:
        for number in range(5):
            append(session, number, "one")
        session.commit()
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.seq)).all()
    assert [entry.reason for entry in entries] == [f"reason {n}" for n in range(5)]
    assert len({entry.chain for entry in entries}) == 1


def test_a_text_that_does_not_fit_is_refused(work: UnitOfWork) -> None:
    with work.begin() as session, pytest.raises(ValueError, match="255"):
        AUDIT.append(session, START, "chat", "unlock", "one", "done", "r" * 256)


def test_another_key_finds_every_chain_altered(written: UnitOfWork) -> None:
    with written.look() as session:
        in_use = len(lengths(session))
        broken = Audit(b"another key").verify(session).broken
    assert len(broken) == in_use


def test_the_first_entry_that_was_removed_is_named(written: UnitOfWork) -> None:
    chain, _ = longest(written)
    gone = delete(AuditEntry).where(AuditEntry.chain == chain, AuditEntry.seq >= 3)
    assert found_after(written, lambda session: session.execute(gone)) == (Broken(chain, 3, "removed"),)


def test_a_chain_whose_end_was_cut_off_is_found(written: UnitOfWork) -> None:
    chain, length = longest(written)
    gone = delete(AuditEntry).where(AuditEntry.chain == chain, AuditEntry.seq == length)
    assert found_after(written, lambda session: session.execute(gone)) == (Broken(chain, length, "removed"),)


def test_a_head_moved_back_over_a_cut_is_found(written: UnitOfWork) -> None:
    chain, length = longest(written)

    def cut(session: Session) -> None:
        last = session.get_one(AuditEntry, (chain, length))
        head = session.get_one(AuditHead, chain)
        head.seq, head.hash = length - 1, last.previous
        session.delete(last)

    assert found_after(written, cut) == (Broken(chain, 0, "head"),)


def test_a_head_that_is_gone_is_found(written: UnitOfWork) -> None:
    gone = delete(AuditHead).where(AuditHead.chain == 7)
    assert found_after(written, lambda session: session.execute(gone)) == (Broken(7, 0, "head"),)


def test_an_entry_that_was_put_at_the_end_is_found(written: UnitOfWork) -> None:
    chain, length = longest(written)

    def forge(session: Session) -> None:
        last = session.get_one(AuditEntry, (chain, length))
        values = {column.name: getattr(last, column.name) for column in AuditEntry.__table__.c}
        session.execute(insert(AuditEntry).values({**values, "seq": length + 1, "previous": last.hash}))

    assert found_after(written, forge) == (Broken(chain, length + 1, "altered"),)


@settings(deterministic, max_examples=rounds(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_an_entry_is_found_at_that_entry(written: UnitOfWork, data: st.DataObject) -> None:
    with written.look() as session:
        counts = lengths(session)
    chain = data.draw(st.sampled_from(sorted(chain for chain, count in counts.items() if count > 1)))
    seq = data.draw(st.integers(1, counts[chain]))
    kind = data.draw(st.sampled_from(["text", "time", "removed", "swapped"]))
    this = (AuditEntry.chain == chain) & (AuditEntry.seq == seq)
    column = data.draw(st.sampled_from(TEXTS))
    text = data.draw(st.text("abc 0中", max_size=30))
    moved = timedelta(microseconds=data.draw(st.integers(1, 10**9)))
    other = data.draw(st.integers(1, counts[chain]).filter(lambda n: n != seq))

    def change(session: Session) -> None:
        if kind == "removed":
            session.execute(delete(AuditEntry).where(this))
        elif kind == "time":
            session.execute(
                update(AuditEntry)
                .where(this)
                .values(at=session.scalars(select(AuditEntry.at).where(this)).one() + moved)
            )
        elif kind == "text":
            session.execute(update(AuditEntry).where(this).values({column: text}))
        else:
            swap(session, chain, seq, other)

    (broken,) = found_after(written, change)
    assert (broken.chain, broken.seq) == (chain, min(seq, other) if kind == "swapped" else seq)


def swap(session: Session, chain: int, one: int, other: int) -> None:
    """Let two entries change places."""
    for now, then in ((one, -1), (other, one), (-1, other)):
        which = (AuditEntry.chain == chain) & (AuditEntry.seq == now)
        session.execute(update(AuditEntry).where(which).values(seq=then))


def test_parallel_decisions_about_one_account_make_one_whole_chain(work: UnitOfWork) -> None:
    def decide(number: int) -> None:
        with work.begin() as session:
            append(session, number, "one")
            session.commit()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decide, range(64)))
    with work.look() as session:
        verdict = AUDIT.verify(session)
    assert (verdict.entries, verdict.broken) == (64, ())


def test_decisions_go_on_while_the_audit_is_verified(written: UnitOfWork) -> None:
    with written.look() as looking:
        looking.execute(select(AuditHead))
        with written.begin() as session:
            append(session, 999)
            session.commit()
        verdict = AUDIT.verify(looking)
    assert (verdict.entries, verdict.broken) == (ENTRIES, ())


def test_there_are_as_many_heads_as_chains(work: UnitOfWork) -> None:
    with work.look() as session:
        assert [head.chain for head in session.scalars(select(AuditHead).order_by(AuditHead.chain))] == list(
            range(CHAINS)
        )
