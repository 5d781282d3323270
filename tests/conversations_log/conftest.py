"""The log on a real SQLite file and on a real PostgreSQL, called from threads as gateways call it from their loops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.conversations.values import Conversation
from bot.rig.postgresql import PostgresServer
from tests.conversations_log.gateway import Gateway


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    running = PostgresServer()
    yield running
    running.remove()


@pytest.fixture(scope="session")
def shared_database(server: PostgresServer) -> str:
    return server.url(server.create())


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that may hold other tests' conversations."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/conversations.sqlite"
    return str(request.getfixturevalue("shared_database"))


@pytest.fixture
def log(url: str) -> Iterator[Gateway]:
    with Gateway(url) as started:
        yield started


@pytest.fixture
def conversation(log: Gateway) -> Conversation:
    return log.open("hnyc", "zh-Hant", False)[0]
