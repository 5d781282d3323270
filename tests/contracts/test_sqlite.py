"""How SQLite is opened: an acknowledged commit is on the disk, and erased rows are gone (G22)."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bot.contracts import sqlite


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("secure_delete", 1)]
)
def test_a_connection_is_opened_for_durability(tmp_path: Path, pragma: str, value: object) -> None:
    connection = sqlite3.connect(tmp_path / "demo.sqlite")
    sqlite.prepare(connection)
    assert connection.execute(f"PRAGMA {pragma}").fetchone()[0] == value
    connection.close()


def test_the_driver_begins_no_transaction_of_its_own(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "demo.sqlite")
    sqlite.prepare(connection)
    connection.execute("CREATE TABLE demo (id INTEGER)")
    connection.execute("INSERT INTO demo VALUES (1)")
    assert not connection.in_transaction
    connection.close()
