"""Each proof on both databases: files of SQLite, and a private PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.bootstrap import Services, build
from bot.rig.actions import Actions
from bot.rig.postgresql import PostgresServer
from bot.settings import read_settings


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
