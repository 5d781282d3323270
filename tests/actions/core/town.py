"""Services over a firm's own system that can be told to fail, with customers who are locked out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from actions.adapters.core_http import HttpCore
from actions.bootstrap import build
from actions.security.errors import Refusal
from actions.storage.models import LedgerEntry, Notice
from bot.settings import read_settings
from tests.actions.core.firm import KEY, Fault, Firm
from tests.actions.world import Person, RecordingMessenger, SettableClock, World

FAULTS = {
    "refuse": Fault("gone"),
    "hang": Fault("hang"),
    "hang after": Fault("hang", acted=True),
    "cut before": Fault("cut"),
    "cut after": Fault("cut", acted=True),
    "garbage": Fault("garbage", acted=True),
    "wrong type": Fault("wrong type", acted=True),
}


@dataclass
class Town:
    """Services over a firm's system, with as many locked customers as are wanted."""

    world: World
    firm: Firm

    def newcomer(self) -> Person:
        person = Person(f"91{len(self.firm.accounts):04d}", "071/02/02")
        now = self.firm.now()
        record = self.firm.add(person.account, "hnyc", person.number, birth_date="1982-02-02")
        record.locked_at = now
        record.certificates.append(
            {"valid_from": now - timedelta(days=1), "valid_until": now + timedelta(days=99), "revoked_at": None}
        )
        return person

    def said(self, call: Callable[[], object]) -> str:
        """Return "done" or the name of the refusal; anything else is a failure of the test."""
        try:
            call()
        except Refusal as refusal:
            return type(refusal).__name__
        return "done"

    def acts(self, person: Person, path: str) -> int:
        return len([act for act in self.firm.acts if act[:2] == (path, person.account)])

    def stored(self, person: Person) -> tuple[int, int]:
        """Return how many entries of the ledger and how many notices there are."""
        with self.world.services.work.begin() as session:
            return (
                session.scalar(select(func.count()).where(LedgerEntry.account_id == person.account)) or 0,
                session.scalar(select(func.count()).where(Notice.account_id == person.account)) or 0,
            )


@contextmanager
def opened(
    var: Path, keys: Path, database_url: str, clock: SettableClock, messenger: RecordingMessenger
) -> Iterator[Town]:
    firm = Firm(clock.now)
    shutil.copytree(keys, var / "keys")
    environment = {"ANXIN_VAR": str(var), "ANXIN_SECURITY_URL": database_url}
    core = {"ANXIN_CORE_URL": firm.url, "ANXIN_CORE_KEY": KEY}
    services = build(read_settings({**environment, **core}), clock, messenger)
    assert isinstance(services.core, HttpCore)
    services.core._exchange._exchange_seconds, services.core._exchange._act_seconds = 0.25, 0.6
    yield Town(World(services, clock, messenger), firm)
    firm.close()
    services.work.dispose()
    assert firm.problems == []
