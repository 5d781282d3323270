"""How many commits a second a database takes at all: one small row each, as durable as ours, from so many at once."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from bot.rig.crowd import Going, together
from bot.rig.postgresql import PostgresServer, programs

BUSY_SECONDS = 30.0


def of_sqlite(folder: Path, at_once: int, seconds: float) -> float:
    """Return the commits a second of a file in `folder`; one at a time is committed, whoever waits."""
    file = folder / "raw.sqlite"
    with sqlite3.connect(file) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE IF NOT EXISTS raw (value INTEGER)")
    made.close()
    counts = [0] * at_once

    def commit(place: int, start: Callable[[], object], going: Going) -> None:
        connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        start()
        while going():
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO raw VALUES (?)", (place,))
            connection.execute("COMMIT")
            counts[place] += 1
        connection.close()

    took = together(at_once, seconds, commit)
    return sum(counts) / took


def of_postgresql(server: PostgresServer, database: str, at_once: int, seconds: float) -> float:
    """Return the commits a second that pgbench, in C, gets out of `database`; whole seconds, at least one."""
    url = server.url(database)
    _run("psql", "-q", "-d", url, "-c", "CREATE TABLE IF NOT EXISTS raw (value INTEGER)")
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write("INSERT INTO raw VALUES (:client_id);\n")
        script.flush()
        span = str(max(1, round(seconds)))
        said = _run("pgbench", "-n", "-M", "prepared", "-f", script.name, "-c", str(at_once), "-T", span, url)
    found = re.search(r"^tps = ([0-9.]+)", said, re.MULTILINE)
    assert found, said
    return float(found[1])


def _run(program: str, *arguments: str) -> str:
    return subprocess.run([programs() / program, *arguments], check=True, capture_output=True, text=True).stdout
