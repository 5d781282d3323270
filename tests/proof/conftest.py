"""Each proof on both databases: files of SQLite, and a private PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.bootstrap import Services, build
from bot.rig.actions import Actions
from bot.rig.postgresql import PostgresServer
from bot.rig.town import Town
from bot.rig.town import town as running
from bot.settings import read_settings
from bot.training import train_if_stale


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    made = PostgresServer()
    yield made
    made.remove()


@pytest.fixture
def more() -> dict[str, str]:
    """Settings that a module wants besides."""
    return {}


@pytest.fixture(params=["sqlite", "postgresql"])
def actions(request: pytest.FixtureRequest, tmp_path: Path, more: dict[str, str]) -> Iterator[Actions]:
    environment = dict(more)
    if request.param == "postgresql":
        running: PostgresServer = request.getfixturevalue("server")
        environment["ANXIN_SECURITY_URL"] = running.url(running.create())
    made = Actions(tmp_path / "var", environment)
    yield made
    made.stop()


@pytest.fixture
def services(actions: Actions) -> Iterator[Services]:
    """What is stored, seen from outside."""
    built = build(read_settings({"ANXIN_VAR": str(actions.var), **actions.environment}))
    yield built
    built.work.dispose()


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A whole installation for all tests that bring everything of it back."""
    train_if_stale()
    with running(tmp_path_factory.mktemp("town")) as made:
        print(made.addresses())
        yield made
