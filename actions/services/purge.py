"""What is kept too long is deleted, class by class (`storage/retention.py`), a little at a time."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from actions.storage.audit import CHAINS, Audit, AuditBroken
from actions.storage.clock import db_now
from actions.storage.retention import CLASSES, Aging, Retention, delete_old, old_keys
from actions.storage.unit_of_work import UnitOfWork

PAGE = 2000  # rows looked at in one statement
BATCH = 200  # rows deleted in one transaction
PAUSE_SECONDS = 0.02  # between two, so that whoever waits for SQLite's one lock gets it


@dataclass(frozen=True)
class Purged:
    """What was deleted of one class, or would be. `problem`: why not all."""

    name: str
    days: int
    rows: int
    problem: str = ""


class Purge:
    """Deletes in small transactions beside the customers' own; any number of processes may run it at once."""

    def __init__(self, work: UnitOfWork, audit: Audit) -> None:
        self._work = work
        self._audit = audit
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Let it end after the transaction it is in."""
        self._stopped.set()

    def run(self, names: Collection[str] = (), older_than: int | None = None, dry_run: bool = False) -> list[Purged]:
        """Purge the classes of these names, all without any; return what was deleted of each.

        `older_than`: days, instead of each class's own; never less than what its rules need.
        """
        with self._work.look() as session:
            now = db_now(session)
        done = []
        for each in CLASSES:
            if not names or each.name in names:
                age = each.age(older_than)
                rows, problem = self._purge(each, now - age, dry_run)
                done.append(Purged(each.name, age.days, rows, problem))
        return done

    def _purge(self, each: Retention, before: datetime, dry_run: bool) -> tuple[int, str]:
        if each.name == "audit":
            return self._purge_audit(before, dry_run)
        return sum(self._purge_rows(aging, before, dry_run) for aging in each.rows), ""

    def _purge_rows(self, aging: Aging, before: datetime, dry_run: bool) -> int:
        rows, after = 0, ""
        while not self._stopped.is_set():
            with self._work.look() as session:
                keys, last = old_keys(session, aging, before, after, PAGE)
            for start in range(0, len(keys), BATCH):
                rows += self._delete(aging, before, keys[start : start + BATCH], dry_run)
            if last is None:
                break
            after = last
        return rows

    def _delete(self, aging: Aging, before: datetime, keys: list[str], dry_run: bool) -> int:
        if dry_run or self._stopped.wait(PAUSE_SECONDS):
            return len(keys) if dry_run else 0
        with self._work.begin() as session:
            rows = delete_old(session, aging, before, keys)
            session.commit()
        return rows

    def _purge_audit(self, before: datetime, dry_run: bool) -> tuple[int, str]:
        rows, problems = 0, []
        for chain in range(CHAINS):
            try:
                rows += self._purge_chain(chain, before, dry_run)
            except AuditBroken as broken:
                problems.append(str(broken))
        return rows, "; ".join(problems)

    def _purge_chain(self, chain: int, before: datetime, dry_run: bool) -> int:
        if dry_run:
            with self._work.look() as session:
                return self._audit.older_than(session, chain, before)
        rows, purged = 0, BATCH
        while purged == BATCH and not self._stopped.wait(PAUSE_SECONDS):
            with self._work.begin() as session:
                purged = self._audit.purge(session, chain, before, most=BATCH)
                session.commit()
            rows += purged
        return rows
