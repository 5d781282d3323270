"""What tests of every part may ask for, in both environments."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.rig.postgresql import PostgresServer
from bot.rig.redis import RedisServer


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """One running PostgreSQL for all tests that do not kill it."""
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.remove()


@pytest.fixture
def redis(redis_server: RedisServer) -> RedisServer:
    """One running Redis for all tests that leave it running, empty at the start of each."""
    redis_server.flush()
    return redis_server
