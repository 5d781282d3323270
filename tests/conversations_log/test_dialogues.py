"""The engine's side of a conversation goes two days after its last turn; what is going on stays."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from bot.conversations import dialogues
from bot.conversations.retention import Purged
from bot.conversations.schema import engine_of
from bot.engine.turn_rows import TurnRow, open_rows
from bot.rig.postgresql import PostgresServer
from bot.settings import read_settings

NOW = datetime.now(UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/trackers.sqlite"
        return
    server: PostgresServer = request.getfixturevalue("postgresql")
    name = server.create()
    yield server.url(name)
    server.drop(name)


def keep(url: str, conversation: str, *days_ago: float) -> None:
    """Store a turn for each of `days_ago`, by the engine's own store."""

    async def append() -> None:
        rows = open_rows(read_settings({"ANXIN_TRACKERS_URL": url}))
        for seq, _ in enumerate(days_ago, start=1):
            await rows.append(TurnRow(conversation, seq, None, seq == 1, 0, "[]", "[]"))

    asyncio.run(append())
    engine = engine_of(make_url(url))
    with engine.begin() as connection:
        for seq, days in enumerate(days_ago, start=1):
            at = dialogues._written(engine, NOW - timedelta(days=days))
            connection.execute(
                text("UPDATE turn SET at = :at WHERE conversation = :of AND seq = :seq"),
                {"at": at, "of": conversation, "seq": seq},
            )
    engine.dispose()


def left(url: str) -> list[tuple[str, int]]:
    engine = engine_of(make_url(url))
    with engine.connect() as connection:
        found = connection.execute(text("SELECT conversation, count(*) FROM turn GROUP BY conversation ORDER BY 1"))
        rows = [(name, count) for name, count in found]
    engine.dispose()
    return rows


def test_what_was_silent_for_two_days_goes_and_the_rest_stays_whole(url: str) -> None:
    keep(url, "a", 5, 3)
    keep(url, "b", 5, 1.9)
    keep(url, "c", 0)
    assert dialogues.purge(url, None, NOW, dry_run=True) == Purged(2, 1)
    assert len(left(url)) == 3
    assert dialogues.purge(url, None, NOW, dry_run=False) == Purged(2, 1)
    assert left(url) == [("b", 2), ("c", 1)]


def test_no_order_takes_what_is_going_on(url: str) -> None:
    keep(url, "a", 0.5)
    assert dialogues.purge(url, 0, NOW, dry_run=False) == Purged(1, 0)


def test_many_go_a_batch_at_a_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogues, "BATCH", 2)
    for number in range(5):
        keep(url, f"c{number}", 9)
    assert dialogues.purge(url, None, NOW, dry_run=False).conversations == 5
    assert left(url) == []


def test_there_is_nothing_before_the_first_engine_has_started(tmp_path: Path) -> None:
    assert dialogues.purge(f"sqlite:///{tmp_path}/trackers.sqlite", None, NOW, dry_run=False).conversations == 0
