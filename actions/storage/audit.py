"""The audit: who decided what about whom, and why, in chains that show any change (G41).

    entry 1 ◄─hash─ entry 2 ◄─hash─ entry 3 ◄─ head (sealed)

Every hash is an HMAC under a key outside the database, so whoever can write to the database alone cannot mend a
chain. An account has one chain of the sixteen, chosen by its digest, so that its decisions stand in their order and
those of others do not wait for them. What it cannot show by itself: a whole chain put back to an earlier state; for that,
keep the number of entries elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, delete, func, select
from sqlalchemy.orm import Session

from actions.storage.models import AuditEntry, AuditHead

CHAINS = 16
PAGE = 1000
FIRST = -(2**31)  # what stands before the first entry is looked at as well


@dataclass(frozen=True)
class Broken:
    """The first entry of a chain that is not as it was written."""

    chain: int
    seq: int
    what: str  # altered (or moved, or forged) | removed | head

    def __str__(self) -> str:
        return f"chain {self.chain}, entry {self.seq}: {self.what}"


@dataclass(frozen=True)
class Verdict:
    entries: int  # that were looked at
    broken: tuple[Broken, ...]  # the first of each broken chain


class AuditBroken(Exception):
    """What was to be purged is not as it was written; it stays, for `verify` to show."""


class Audit:
    """Appends, verifies, shows and purges under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def append(
        self, session: Session, at: datetime, actor: str, action: str, account: str, outcome: str, reason: str
    ) -> None:
        """Write down one decision; it is kept if and only if the caller commits.

        `account` (or what else it is about) is kept as a digest. The chain is locked until the commit: append
        last, and about one account a transaction. Raise `ValueError` for a text that does not fit: a decision that cannot be
        written down is not made.
        """
        subject = self.digest_of(account)
        head = session.get_one(AuditHead, int(subject[0], 16), with_for_update=True)
        entry = AuditEntry(
            chain=head.chain,
            seq=head.seq + 1,
            at=at,
            actor=_fitting(actor, 64),
            action=_fitting(action, 64),
            subject=subject,
            outcome=_fitting(outcome, 32),
            reason=_fitting(reason, 255),
            previous=head.hash,
        )
        entry.hash = self._hash(entry)
        session.add(entry)
        head.seq, head.hash = entry.seq, entry.hash
        head.seal = self._seal(head)
        session.flush()

    def digest_of(self, account: str) -> str:
        """Return what stands for `account` in the audit."""
        return self._hmac(["subject", account])

    def verify(self, session: Session) -> Verdict:
        """Look at every entry; use a session of `UnitOfWork.look`, which sees one moment."""
        heads = {head.chain: head for head in session.scalars(select(AuditHead))}
        entries, broken = 0, []
        for chain in range(CHAINS):
            looked_at, found = self._verify_chain(session, chain, heads.get(chain))
            entries += looked_at
            broken += [found] if found else []
        return Verdict(entries, tuple(broken))

    def latest(self, session: Session, most: int, account: str | None = None) -> list[AuditEntry]:
        """Return the last decisions, about one account or all, oldest first."""
        subject = self.digest_of(account) if account else None
        found: list[AuditEntry] = []
        for chain in [int(subject[0], 16)] if subject else range(CHAINS):
            query = select(AuditEntry).where(AuditEntry.chain == chain)
            query = query.where(AuditEntry.subject == subject) if subject else query
            found += session.scalars(query.order_by(AuditEntry.seq.desc()).limit(most))
        return sorted(found, key=lambda entry: (entry.at, entry.chain, entry.seq))[-most:]

    def purge(self, session: Session, chain: int, before: datetime, most: int) -> int:
        """Delete entries from the chain's start that were made before `before`, at most so many; return how many.

        The head says where the chain starts from now on, so that `verify` holds. Decisions of this chain wait until
        the commit. Raise `AuditBroken` rather than delete what somebody has changed.
        """
        head = session.get(AuditHead, chain, with_for_update=True)
        if head is None or not self._is_sealed(head):
            raise AuditBroken(str(Broken(chain, 0, "head")))
        last, previous = head.start_seq, head.start_hash
        columns = AuditEntry.__table__.c
        for entry in session.execute(
            select(*columns).where(columns.chain == chain).order_by(columns.seq).limit(most)
        ).all():
            if entry.at >= before:
                break
            if entry.seq != last + 1 or entry.seq > head.seq or entry.previous != previous or not self._is_whole(entry):
                raise AuditBroken(str(Broken(chain, last + 1, "altered")))
            last, previous = entry.seq, entry.hash
        purged = last - head.start_seq
        if purged:
            session.execute(delete(AuditEntry).where(AuditEntry.chain == chain, AuditEntry.seq <= last))
            head.start_seq, head.start_hash = last, previous
            head.seal = self._seal(head)
            session.flush()
        return purged

    def older_than(self, session: Session, chain: int, before: datetime) -> int:
        """Return how many entries of a chain `purge` would delete, if they are as they were written."""
        start = session.get_one(AuditHead, chain).start_seq
        mine = AuditEntry.chain == chain
        kept = session.scalar(select(func.min(AuditEntry.seq)).where(mine, AuditEntry.at >= before))
        last = session.scalar(select(func.max(AuditEntry.seq)).where(mine)) or start
        return (last if kept is None else kept - 1) - start

    def _verify_chain(self, session: Session, chain: int, head: AuditHead | None) -> tuple[int, Broken | None]:
        if head is None or not self._is_sealed(head):
            return 0, Broken(chain, 0, "head")
        expected, previous = head.start_seq + 1, head.start_hash
        for entry in _entries(session, chain):
            if entry.seq != expected:
                return expected - head.start_seq, Broken(
                    chain, expected, "removed" if entry.seq > expected else "altered"
                )
            if entry.seq > head.seq or entry.previous != previous or not self._is_whole(entry):
                return expected - head.start_seq, Broken(chain, expected, "altered")
            expected, previous = expected + 1, entry.hash
        if expected <= head.seq:
            return expected - 1 - head.start_seq, Broken(chain, expected, "removed")
        return head.seq - head.start_seq, None if head.hash == previous else Broken(chain, 0, "head")

    def _is_whole(self, entry: Row[Any]) -> bool:
        return _same(entry.hash, self._hash(entry))

    def _is_sealed(self, head: AuditHead) -> bool:
        if head.seq == 0 and not head.seal:  # as the migration made it
            return True
        return _same(head.seal, self._seal(head))

    def _hash(self, entry: AuditEntry | Row[Any]) -> str:
        at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
        who = [entry.actor, entry.action, entry.subject, entry.outcome, entry.reason]
        return self._hmac(["entry", entry.chain, entry.seq, at, *who, entry.previous])

    def _seal(self, head: AuditHead) -> str:
        return self._hmac(["head", head.chain, head.seq, head.hash, head.start_seq, head.start_hash])

    def _hmac(self, parts: list[str | int]) -> str:
        text = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))  # a list has no two readings
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def _entries(session: Session, chain: int) -> Iterator[Row[Any]]:
    columns, after = AuditEntry.__table__.c, FIRST
    while page := session.execute(
        select(*columns).where(columns.chain == chain, columns.seq > after).order_by(columns.seq).limit(PAGE)
    ).all():
        yield from page
        after = page[-1].seq


def _same(stored: str, made: str) -> bool:
    return hmac.compare_digest(stored.encode(), made.encode())  # as bytes: what is stored may be anything


def _fitting(text: str, most: int) -> str:
    if len(text) > most:
        raise ValueError(f"the audit takes {most} characters here")
    return text
