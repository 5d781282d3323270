"""The settings of PostgreSQL and Redis in deploy/, and the databases' roles, on servers of their own."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pg8000 import dbapi
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy import make_url

from actions.storage.database import make_engine, refuse_undurable
from bot.rig.postgresql import PostgresServer, free_port, programs
from bot.settings import ROOT

DEPLOY = ROOT / "deploy"
PATIENCE_SECONDS = 10
AT_ONCE = Retry(NoBackoff(), 0)
# What needs files of its own, or is more than a test needs.
NOT_HERE = {"ssl": "off", "archive_mode": "off", "shared_buffers": "32MB"}
ROLES = {"conversations": "anxin_gateway", "trackers": "anxin_engine", "security": "anxin_actions"}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    text = (DEPLOY / "postgresql.conf").read_text(encoding="utf-8")
    settings = dict(re.findall(r"^(\w+) *= *'?([^'#\n]*?)'? *(?:#.*)?$", text, re.MULTILINE))
    settings = {name: value for name, value in settings.items() if not name.startswith("ssl_")}
    made = PostgresServer({**settings, **NOT_HERE})
    passwords = {f"{role.removeprefix('anxin_').upper()}_PASSWORD": "demo" for role in ROLES.values()}
    line = [programs() / "psql", "-v", "ON_ERROR_STOP=1", "-f", DEPLOY / "databases.sql", made.url("postgres")]
    subprocess.run([str(part) for part in line], env={**os.environ, **passwords}, check=True, capture_output=True)
    yield made
    made.remove()


def shown(server: PostgresServer, name: str) -> str:
    with dbapi.connect("anxin", host="127.0.0.1", port=server.port, database="postgres") as connection:
        cursor = connection.cursor()
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


def test_postgresql_takes_every_setting(server: PostgresServer) -> None:
    wanted = {"synchronous_commit": "on", "statement_timeout": "5s", "idle_in_transaction_session_timeout": "10s"}
    assert {name: shown(server, name) for name in wanted} == wanted
    assert (shown(server, "max_connections"), shown(server, "idle_session_timeout")) == ("200", "0")


def test_what_is_acknowledged_on_it_is_durable(server: PostgresServer) -> None:
    engine = make_engine(make_url(server.url("security")))
    refuse_undurable(engine)
    engine.dispose()


@pytest.mark.parametrize(("database", "role"), ROLES.items())
def test_a_process_makes_its_tables_in_its_own_database_and_gets_into_no_other(
    server: PostgresServer, database: str, role: str
) -> None:
    with dbapi.connect(role, host="127.0.0.1", port=server.port, database=database) as connection:
        connection.cursor().execute("CREATE TABLE demo (id int)")
        connection.commit()
    for other in ROLES.keys() - {database}:
        with pytest.raises(dbapi.DatabaseError, match="42501"):
            dbapi.connect(role, host="127.0.0.1", port=server.port, database=other)


def test_nothing_of_a_statement_that_failed_is_in_the_log(server: PostgresServer) -> None:
    with dbapi.connect("anxin", host="127.0.0.1", port=server.port, database="postgres") as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TEMPORARY TABLE once (number text PRIMARY KEY)")
        for value in ("%s", "'canary'"):  # as a parameter, and in the statement itself
            with pytest.raises(dbapi.DatabaseError):
                cursor.execute(
                    f"INSERT INTO once VALUES ({value}), ({value})", ("canary", "canary") if value == "%s" else ()
                )
            connection.rollback()
            cursor.execute("CREATE TEMPORARY TABLE once (number text PRIMARY KEY)")
    logs = [file.read_bytes() for file in server.files() if file.name == "log"]
    assert any(b"duplicate key" in log for log in logs)
    assert not any(b"canary" in log for log in logs)


@pytest.fixture
def redis_of_ours(tmp_path: Path) -> Iterator[Redis]:
    """A Redis with the file in deploy/, but for its places."""
    port = free_port()
    text = (DEPLOY / "redis.conf").read_text(encoding="utf-8")
    for before, after in (
        ("/etc/redis/anxin-password.conf", f"{tmp_path}/password.conf"),
        ("port 6379", f"port {port}"),
        ("dir /var/lib/redis", f"dir {tmp_path}"),
    ):
        assert before in text, before
        text = text.replace(before, after)
    (tmp_path / "redis.conf").write_text(text, encoding="utf-8")
    (tmp_path / "password.conf").write_text("requirepass demo\n", encoding="utf-8")
    process = subprocess.Popen(["redis-server", str(tmp_path / "redis.conf")], stdout=subprocess.DEVNULL)
    client = Redis(port=port, password="demo", decode_responses=True, retry=AT_ONCE)
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            client.ping()
            break
        except RedisError:
            assert time.monotonic() < until
            time.sleep(0.02)
    yield client
    client.close()
    process.terminate()
    process.wait(PATIENCE_SECONDS)


def test_redis_keeps_what_it_answered_throws_nothing_away_and_asks_for_the_password(redis_of_ours: Redis) -> None:
    wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "save": ""}
    assert redis_of_ours.config_get(*wanted) == wanted
    with pytest.raises(RedisError):
        Redis(port=redis_of_ours.connection_pool.connection_kwargs["port"], retry=AT_ONCE).ping()
