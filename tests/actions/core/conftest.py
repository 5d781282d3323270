"""The three houses: our tables on SQLite, on PostgreSQL, and a firm's own system by HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.adapters import core_exchange
from actions.storage.unit_of_work import UnitOfWork, open_database
from bot.rig.postgresql import PostgresServer
from tests.actions.core.houses import ByHttp, House, OurTables
from tests.actions.core.town import Town, opened
from tests.actions.world import RecordingMessenger, SettableClock


@pytest.fixture
def work(tmp_path: Path, clock: SettableClock) -> Iterator[UnitOfWork]:
    opened = open_database(f"sqlite:///{tmp_path / 'core.sqlite'}", clock)
    yield opened
    opened.dispose()


@pytest.fixture
def far(work: UnitOfWork, clock: SettableClock) -> Iterator[ByHttp]:
    """A firm's own system; it and we are held against the contract."""
    house = ByHttp(work, clock)
    yield house
    house.firm.close()
    assert house.firm.problems == []


@pytest.fixture(params=["sqlite", "postgresql", "http"])
def house(request: pytest.FixtureRequest, clock: SettableClock) -> Iterator[House]:
    if request.param == "http":
        yield request.getfixturevalue("far")
    elif request.param == "sqlite":
        yield OurTables(request.getfixturevalue("work"), clock)
    else:
        server: PostgresServer = request.getfixturevalue("postgresql")
        name = server.create()
        opened = open_database(server.url(name), clock)
        yield OurTables(opened, clock)
        opened.dispose()
        server.drop(name)


@pytest.fixture
def town(
    tmp_path: Path, made: Path, database_url: str, clock: SettableClock, messenger: RecordingMessenger,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Town]:  # fmt: skip
    monkeypatch.setattr(core_exchange, "PAUSE_SECONDS", 0.01)
    with opened(tmp_path / "var", made / "keys", database_url, clock, messenger) as town:
        yield town
