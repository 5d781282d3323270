"""The private Redis does what tests rely on: it is empty, it can die and stand still, and it keeps what it answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import ConnectionError as NotReachable
from redis import Redis
from redis import TimeoutError as NoAnswer

from bot.rig.redis import RedisServer


@pytest.fixture
def own() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.remove()


def test_each_test_finds_it_empty(redis: RedisServer) -> None:
    with redis.client as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_each_other_test_finds_it_empty_too(redis: RedisServer) -> None:
    with redis.client as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_a_kill_loses_nothing_that_it_had_answered(own: RedisServer) -> None:
    with own.client as client:
        for _ in range(200):
            client.incr("number")
    own.kill()
    with own.client as client, pytest.raises(NotReachable):
        client.ping()
    own.start()
    with own.client as client:
        assert client.get("number") == "200"


def test_frozen_it_takes_commands_and_answers_them_when_it_thaws(own: RedisServer) -> None:
    with own.client as client:
        client.set("number", 1)
    with Redis.from_url(own.url, socket_timeout=0.2) as impatient:
        impatient.ping()
        own.freeze()
        with pytest.raises(NoAnswer):
            impatient.incr("number")
        own.thaw()
    with own.client as client:
        assert client.get("number") == "2"


def test_nothing_of_it_stays(own: RedisServer) -> None:
    other = RedisServer()
    folder = Path(other._folder)
    other.remove()
    assert not folder.exists()
    with other.client as client, pytest.raises(NotReachable):
        client.ping()
