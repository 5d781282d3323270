"""The revisions: the tables of every version, with the rows that were in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime
from multiprocessing import get_context
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from actions.storage import migration
from actions.storage.database import UnfitDatabase, make_engine
from actions.storage.models import Base
from actions.storage.unit_of_work import open_database

HEAD = "0002"
HERE = Path(__file__).parent
FROZEN_UNTIL = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


@pytest.fixture
def engine(empty_url: str) -> Iterator[Engine]:
    engine = make_engine(make_url(empty_url), pool=NullPool)
    yield engine
    engine.dispose()


def run(engine: Engine, *statements: str, **values: object) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement), values)


def rows(engine: Engine, query: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return migration.revision(connection)


def made_by_the_first_release(engine: Engine) -> None:
    """Make the tables as `create_all` made them before there were revisions, with rows in them."""
    script = (HERE / f"first_release_{engine.dialect.name}.sql").read_text()
    run(engine, *(statement for statement in script.split(";\n") if statement.strip()))
    put_rows(engine)


def put_rows(engine: Engine) -> None:
    run(
        engine,
        "INSERT INTO core_account VALUES ('a1', 'icbca', '1', '測試客戶', '1986-06-06', NULL, NULL, 2, NULL, NULL)",
        "INSERT INTO core_account VALUES ('a2', 'icbca', '2', '測試客戶', '1987-07-07', NULL, NULL, 0, NULL, NULL)",
        "INSERT INTO core_account VALUES ('a3', 'icbca', '3', '測試客戶', '1988-08-08', NULL, NULL, 0, NULL, NULL)",
        "INSERT INTO core_software_token VALUES ('a1', :at, 6, 1, :at, NULL)",
        "INSERT INTO core_software_token VALUES ('a2', :at, 6, 3, NULL, :at)",
        "INSERT INTO core_software_token VALUES ('a3', :at, 0, 0, NULL, NULL)",
        "INSERT INTO unlock VALUES ('UL-1', 'a1', '2026-11-20', 'ch1', 'c1', :at)",
        at=FROZEN_UNTIL.isoformat(sep=" ") if engine.dialect.name == "sqlite" else FROZEN_UNTIL,
    )


def schema(engine: Engine) -> dict[str, object]:
    """Return what there is, in words that do not depend on the order in which it was made."""
    found = inspect(engine)
    return {
        table: (
            {str((c["name"], str(c["type"]), c["nullable"], c["default"])) for c in found.get_columns(table)},
            found.get_pk_constraint(table)["constrained_columns"],
            {str((key["constrained_columns"], key["referred_table"])) for key in found.get_foreign_keys(table)},
            {str(key["column_names"]) for key in found.get_unique_constraints(table)},
            {str((index["name"], index["column_names"], index["unique"])) for index in found.get_indexes(table)},
        )
        for table in found.get_table_names()
        if table != "alembic_version"
    }


def test_the_revisions_make_the_tables_of_the_models(engine: Engine) -> None:
    migration.upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_revisions_make_what_the_models_would_make(engine: Engine) -> None:
    migration.upgrade(engine)
    by_revisions = schema(engine)
    with engine.begin() as connection:
        Base.metadata.drop_all(connection)
        Base.metadata.create_all(connection)
    assert schema(engine) == by_revisions


def test_revision_one_is_the_first_release(engine: Engine) -> None:
    migration.upgrade(engine, "0001")
    by_revision = schema(engine)
    with engine.begin() as connection:
        for table in by_revision:
            connection.exec_driver_sql(
                f"DROP TABLE {table}" + (" CASCADE" if engine.dialect.name == "postgresql" else "")
            )
    made_by_the_first_release(engine)
    assert schema(engine) == by_revision


def test_a_database_made_before_there_were_revisions_keeps_its_rows(engine: Engine, empty_url: str) -> None:
    made_by_the_first_release(engine)
    open_database(empty_url).dispose()
    assert revision(engine) == HEAD
    assert rows(engine, "SELECT id, wrong_passwords FROM core_account WHERE id = 'a1'") == [("a1", 2)]


def test_a_database_made_before_there_were_revisions_gets_the_tables_it_lacks(engine: Engine, empty_url: str) -> None:
    made_by_the_first_release(engine)
    run(engine, "DROP TABLE error_report")
    open_database(empty_url).dispose()
    assert rows(engine, "SELECT count(*) FROM error_report") == [(0,)]


def test_rows_of_revision_one_are_there_in_the_newest(engine: Engine) -> None:
    migration.upgrade(engine, "0001")
    put_rows(engine)
    migration.upgrade(engine)
    assert rows(engine, "SELECT count(*) FROM core_account") == [(3,)]


def test_tokens_take_the_state_that_they_were_in(engine: Engine) -> None:
    migration.upgrade(engine, "0001")
    put_rows(engine)
    migration.upgrade(engine)
    found = rows(engine, "SELECT account_id, status FROM core_software_token ORDER BY account_id")
    assert found == [("a1", "frozen"), ("a2", "frozen_for_good"), ("a3", "active")]


def test_unlocks_count_in_the_ledger(engine: Engine) -> None:
    migration.upgrade(engine, "0001")
    put_rows(engine)
    migration.upgrade(engine)
    (entry,) = rows(engine, "SELECT receipt, account_id, kind, channel, day FROM ledger")
    assert entry[:4] == ("UL-1", "a1", "unlock_password", "chat")
    assert str(entry[4]) == str(date(2026, 11, 20))


def test_a_database_at_the_newest_revision_is_left_alone(engine: Engine, empty_url: str) -> None:
    open_database(empty_url).dispose()
    run(engine, "DROP TABLE notice")
    open_database(empty_url).dispose()
    assert "notice" not in inspect(engine).get_table_names()


def test_a_database_of_a_newer_version_is_refused(engine: Engine, empty_url: str) -> None:
    open_database(empty_url).dispose()
    run(engine, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UnfitDatabase, match="revision 9999"):
        open_database(empty_url)


def test_a_revision_that_fails_leaves_nothing_behind(engine: Engine, empty_url: str) -> None:
    run(engine, "CREATE TABLE protection (mine INTEGER)")  # in the way of revision 0002
    before = schema(engine)
    with pytest.raises(Exception, match="protection"):
        open_database(empty_url)
    assert (schema(engine), revision(engine)) == (before, None)


def is_there() -> bool:
    return True


def open_it(url: str) -> str:
    open_database(url).dispose()
    return "opened"


def test_of_six_processes_that_start_at_once_one_makes_the_tables(engine: Engine, empty_url: str) -> None:
    with get_context("spawn").Pool(6) as pool:
        assert pool.map(open_it, [empty_url] * 6, chunksize=1) == ["opened"] * 6
    assert (revision(engine), rows(engine, "SELECT count(*) FROM audit_head")) == (HEAD, [(16,)])


def test_opening_waits_for_whoever_migrates(engine: Engine, empty_url: str) -> None:
    with get_context("spawn").Pool(1) as pool, migration._alone(engine) as connection:
        assert pool.apply(is_there)  # from here on it needs no time to start
        waiting = pool.apply_async(open_it, [empty_url])
        waiting.wait(1.0)
        assert not waiting.ready()
        connection.rollback()
        assert waiting.get(30) == "opened"


def test_a_copy_of_the_first_release_opens_in_plain_sqlite(tmp_path: Path) -> None:
    # The file of README's `make run`, as it was left by the version before.
    file = tmp_path / "security.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript((HERE / "first_release_sqlite.sql").read_text())
    open_database(f"sqlite:///{file}").ping()
