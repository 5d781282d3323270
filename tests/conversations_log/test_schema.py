"""A log that an older release made is brought up to date with its rows in it; on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from bot.conversations.log import ConversationLog
from bot.rig.postgresql import PostgresServer
from tests.conversations_log.gateway import Gateway, at_once, bot, received, sqlalchemy_url

AT_ONCE = 8
NEW = {"notice", "turn_mark", "turn_until"}

# As the first release made it (SQLite and PostgreSQL understand it alike).
FIRST_RELEASE = """
CREATE TABLE conversation (
  id VARCHAR(32) NOT NULL PRIMARY KEY, token_hash VARCHAR(64) NOT NULL UNIQUE, reference VARCHAR(16) NOT NULL,
  institution VARCHAR(16) NOT NULL, language VARCHAR(8) NOT NULL, link BOOLEAN NOT NULL, last_seq INTEGER NOT NULL,
  turn_seq INTEGER NOT NULL, awaiting JSON, opened_at TIMESTAMP WITH TIME ZONE NOT NULL)
"""
OLD_ROW = """
INSERT INTO conversation (id, token_hash, reference, institution, language, link, last_seq, turn_seq, opened_at)
VALUES ('old', '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', 'C-TEST01', 'hnyc', 'en', true,
        0, 0, '2026-11-01 08:00:00')
"""  # the token is "test"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that nobody has used."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/conversations.sqlite"
    server: PostgresServer = request.getfixturevalue("server")
    return server.url(server.create())


def columns(url: str) -> list[str]:
    engine = create_engine(sqlalchemy_url(url))
    names = [column["name"] for column in inspect(engine).get_columns("conversation")]
    engine.dispose()
    return names


def made_by_the_first_release(url: str) -> None:
    engine = create_engine(sqlalchemy_url(url))
    with engine.begin() as connection:
        connection.exec_driver_sql(FIRST_RELEASE)
        connection.exec_driver_sql(OLD_ROW)
    engine.dispose()


def test_an_older_log_keeps_its_rows_and_gets_the_new_columns(url: str) -> None:
    made_by_the_first_release(url)
    assert not NEW & set(columns(url))
    with Gateway(url) as log:
        old = log.find("test")
        assert old is not None
        assert (old.id, old.link, old.notice) == ("old", True, "")
        assert [m.seq for m in log.exchange(old, received("one"), bot("您好"))] == [2]
    assert set(columns(url)) > NEW


def test_several_gateways_may_start_on_an_older_log_at_once(url: str) -> None:
    made_by_the_first_release(url)

    def start(_: int) -> str:
        with Gateway(url) as log:
            return log.open("hnyc", "zh-Hant", True, "NT-20261120-7K3M-QXRT")[1]

    tokens = at_once(start, AT_ONCE)
    with Gateway(url) as log:
        assert [getattr(log.find(token), "notice", None) for token in tokens] == ["NT-20261120-7K3M-QXRT"] * AT_ONCE
    assert [columns(url).count(name) for name in NEW] == [1] * len(NEW)


def test_a_gateway_of_the_older_release_may_still_write(url: str) -> None:
    ConversationLog(url)
    engine = create_engine(sqlalchemy_url(url))
    with engine.begin() as connection:
        connection.exec_driver_sql(OLD_ROW)
    engine.dispose()
    with Gateway(url) as log:
        old = log.find("test")
        assert old is not None
        assert (old.notice, old.mark) == ("", 0)
        assert [m.seq for m in log.exchange(old, received("one"), bot("您好"))] == [2]


def test_a_log_that_is_up_to_date_is_left_as_it_is(url: str) -> None:
    ConversationLog(url)
    before = columns(url)
    ConversationLog(url)
    assert columns(url) == before


def test_an_address_that_names_the_driver_of_older_releases_is_taken(server: PostgresServer) -> None:
    with Gateway(sqlalchemy_url(server.url(server.create()))) as log:
        assert log.open("hnyc", "zh-Hant", False)[0].mark == 0
