"""A log that an older release made is brought up to date with its rows in it; on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from bot.conversations.log import ConversationLog, Said
from bot.rig.postgresql import PostgresServer

AT_ONCE = 8

# As the first release made it (SQLite and PostgreSQL understand it alike).
FIRST_RELEASE = """
CREATE TABLE conversation (
  id VARCHAR(32) NOT NULL PRIMARY KEY, token_hash VARCHAR(64) NOT NULL UNIQUE, reference VARCHAR(16) NOT NULL,
  institution VARCHAR(16) NOT NULL, language VARCHAR(8) NOT NULL, link BOOLEAN NOT NULL, last_seq INTEGER NOT NULL,
  turn_seq INTEGER NOT NULL, awaiting JSON, opened_at TIMESTAMP NOT NULL)
"""
OLD_ROW = """
INSERT INTO conversation (id, token_hash, reference, institution, language, link, last_seq, turn_seq, opened_at)
VALUES ('old', '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', 'C-TEST01', 'hnyc', 'en', true,
        0, 0, '2026-11-01 08:00:00')
"""  # the token is "test"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    running = PostgresServer()
    yield running
    running.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/conversations.sqlite"
    server: PostgresServer = request.getfixturevalue("server")
    return server.url(server.create()).replace("postgresql://", "postgresql+pg8000://")


def columns(url: str) -> list[str]:
    engine = create_engine(url)
    names = [column["name"] for column in inspect(engine).get_columns("conversation")]
    engine.dispose()
    return names


def made_by_the_first_release(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(FIRST_RELEASE)
        connection.exec_driver_sql(OLD_ROW)
    engine.dispose()


def test_an_older_log_keeps_its_rows_and_gets_the_new_column(url: str) -> None:
    made_by_the_first_release(url)
    assert "notice" not in columns(url)
    log = ConversationLog(url)
    old = log.find("test")
    assert old is not None
    assert (old.id, old.link, old.notice) == ("old", True, "")
    assert [m.seq for m in log.say(old.id, [Said("bot", "您好", [])])] == [1]
    assert columns(url).count("notice") == 1


def test_several_gateways_may_start_on_an_older_log_at_once(url: str) -> None:
    made_by_the_first_release(url)
    gate = threading.Barrier(AT_ONCE)

    def start(_: int) -> str:
        gate.wait()
        _conversation, token = ConversationLog(url).open("hnyc", "zh-Hant", True, "NT-20261120-7K3M-QXRT")
        return token

    with ThreadPoolExecutor(AT_ONCE) as pool:
        tokens = list(pool.map(start, range(AT_ONCE)))
    log = ConversationLog(url)
    assert [getattr(log.find(token), "notice", None) for token in tokens] == ["NT-20261120-7K3M-QXRT"] * AT_ONCE
    assert columns(url).count("notice") == 1


def test_a_gateway_of_the_older_release_may_still_write(url: str) -> None:
    ConversationLog(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(OLD_ROW)
    engine.dispose()
    old = ConversationLog(url).find("test")
    assert old is not None
    assert old.notice == ""


def test_a_log_that_is_up_to_date_is_left_as_it_is(url: str) -> None:
    ConversationLog(url)
    before = columns(url)
    ConversationLog(url)
    assert columns(url) == before
