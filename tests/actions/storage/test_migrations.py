"""The revisions: the tables of every version, with the rows that were in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Engine, MetaData, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from actions.adapters.embedded_core import EmbeddedCore
from actions.security.software_token import Status, status_for_customer
from actions.services.ledger import Ledger
from actions.storage import migration
from actions.storage.database import UnfitDatabase, make_engine
from actions.storage.models import Base, SoftwareToken
from actions.storage.unit_of_work import open_database
from tests.actions.world import TAIPEI

HEAD = "0009"
HERE = Path(__file__).parent
FROZEN_UNTIL = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
BEFORE = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


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
        at=time_for(engine),
    )


def time_for(engine: Engine) -> object:
    return FROZEN_UNTIL.isoformat(sep=" ") if engine.dialect.name == "sqlite" else FROZEN_UNTIL


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


def differs(context: Any, _there: object, _own: object, there: str | None, _of: object, own: str | None) -> bool | None:
    """Compare defaults; Alembic takes an empty text of SQLite for none, which the test after the next tells apart."""
    if context.dialect.name == "postgresql":
        return None  # as Alembic does
    return (there or "").strip("'()") != (own or "").strip("'()")


def test_the_revisions_make_the_tables_of_the_models(engine: Engine) -> None:
    migration.upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": differs})
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


def test_tokens_keep_the_freeze_that_they_were_in(engine: Engine) -> None:
    # What is frozen is active as well: whether it is frozen stands beside the status.
    migration.upgrade(engine, "0001")
    put_rows(engine)
    migration.upgrade(engine)
    with Session(engine) as session:
        tokens = {row.account_id: row for row in session.scalars(select(SoftwareToken))}
        assert {row.status for row in tokens.values()} == {"active"}
        assert [tokens[id_].frozen_until for id_ in ("a1", "a2", "a3")] == [FROZEN_UNTIL, None, None]
        assert [tokens[id_].frozen_for_good_at for id_ in ("a1", "a2", "a3")] == [None, FROZEN_UNTIL, None]
        assert [tokens[id_].wrong_passwords for id_ in ("a1", "a2", "a3")] == [6, 6, 0]
        assert [tokens[id_].freezes for id_ in ("a1", "a2", "a3")] == [1, 3, 0]


@pytest.mark.parametrize("since", ["0001", "0002"])
def test_a_frozen_token_is_read_as_frozen(engine: Engine, since: str) -> None:
    migration.upgrade(engine, "0001")
    put_rows(engine)
    migration.upgrade(engine, since)
    migration.upgrade(engine)
    with Session(engine) as session:
        states = [status_for_customer(EmbeddedCore().token(session, id_), BEFORE) for id_ in ("a1", "a2", "a3")]
    assert [(state.status, state.frozen_until, state.frozen_for_good) for state in states] == [
        (Status.ACTIVE, FROZEN_UNTIL, False),
        (Status.ACTIVE, None, True),
        (Status.ACTIVE, None, False),
    ]


def test_unlocks_count_in_the_ledger(engine: Engine) -> None:
    migration.upgrade(engine, "0001")
    put_rows(engine)
    migration.upgrade(engine)
    (entry,) = rows(engine, "SELECT receipt, account_id, kind, channel, day FROM ledger")
    assert entry[:4] == ("UL-1", "a1", "unlock_password", "chat")
    assert str(entry[4]) == str(date(2026, 11, 20))


def test_unlocks_made_at_revision_two_count_beside_those_it_carried_over(engine: Engine) -> None:
    migration.upgrade(engine, "0001")
    put_rows(engine)
    migration.upgrade(engine, "0002")
    run(engine, "INSERT INTO unlock VALUES ('UL-2', 'a2', '2026-11-20', 'ch2', 'c2', :at)", at=time_for(engine))
    migration.upgrade(engine)
    assert rows(engine, "SELECT receipt, key, number FROM ledger ORDER BY receipt") == [
        ("UL-1", "ch1", 1),
        ("UL-2", "ch2", 1),
    ]
    assert "unlock" not in inspect(engine).get_table_names()


def test_an_unlock_of_before_the_upgrade_is_the_days_one(engine: Engine) -> None:
    migration.upgrade(engine, "0001")
    put_rows(engine)
    migration.upgrade(engine)
    ledger = Ledger(b"pepper")
    with Session(engine) as session:
        assert ledger.used_at(session, "a1", "unlock_password", BEFORE, TAIPEI) == FROZEN_UNTIL
        assert ledger.used_at(session, "a2", "unlock_password", BEFORE, TAIPEI) is None


# Values that tell something, for every column of revision 0002 that is not made by it from others.
AT_TWO: dict[str, dict[str, Any]] = {
    "challenge": {"id": "ch1", "conversation": "c1", "account_id": "a1", "purpose": "unlock_password", "wrong": 2},
    "code_send": {"challenge_id": "ch1", "subject": "who", "number": 7, "purpose": "unlock_password"},
    "guess_budget": {"subject": "a1", "evaluated": 29, "consecutive_wrong": 19},
    "event": {"event_id": "demo-event", "kind": "login", "account_id": "a1", "digest": "d" * 64},
    "notice": {"reference": "NT-20261120-AAAA-AAAA", "kind": "login_success", "account_id": "a1", "outbox_id": "o1"},
    "protection": {"reference": "NM-20261120-AAAA", "account_id": "a1", "evidence_ciphertext": b"sealed"},
    "certificate_renewal": {"id": "r1", "account_id": "a1", "step": "birth_date", "step_id": "s1", "kind": "renew"},
    "error_report": {"reference": "ER-20261120-AAAA", "key": "k1", "platform": "e指發", "description": "測試"},
    "outbox": {"id": "o1", "kind": "login_success", "state": "dead", "attempts": 9, "ciphertext": b"sealed"},
    "identification": {"conversation": "c1", "identity": "who", "account_id": "a1", "sms": "093***678"},
    "vault": {"reference": "v_1", "kind": "code", "ciphertext": b"sealed"},
    "report_contact": {"reference": "v_2", "conversation": "c1", "ciphertext": b"sealed"},
    "audit": {"chain": 3, "seq": 1, "actor": "customer", "action": "unlock_password", "reason": "UL-1"},
}
FILLING = {"VARCHAR": "demo", "TEXT": "demo", "INTEGER": 1, "BOOLEAN": True, "BLOB": b"demo", "BYTEA": b"demo"}


def put_rows_of_two(engine: Engine) -> dict[str, dict[str, Any]]:
    """Write one row into every table of revision 0002, no column left empty; return them as they are read back."""
    found = MetaData()
    found.reflect(engine)
    with engine.begin() as connection:
        for name, told in AT_TWO.items():
            table = found.tables[name]
            empty = {column.name: filling(engine, column) for column in table.columns}
            connection.execute(table.insert().values({**empty, **told}))
    return {name: whole(engine, name) for name in AT_TWO}


def filling(engine: Engine, column: Column[Any]) -> object:
    if column.name in ("lifted_at", "closed_at", "lifted_by"):  # an open one
        return None
    kind = str(column.type).partition("(")[0]
    if kind == "DATE":
        return date(2026, 11, 20)
    return FROZEN_UNTIL if kind in ("DATETIME", "TIMESTAMP") else FILLING[kind]


def whole(engine: Engine, name: str) -> dict[str, Any]:
    with engine.connect() as connection:
        return dict(connection.execute(text(f"SELECT * FROM {name}")).mappings().one())  # our own names


def test_every_value_of_revision_two_is_there_in_the_newest(engine: Engine) -> None:
    migration.upgrade(engine, "0001")
    put_rows(engine)
    migration.upgrade(engine, "0002")
    before = put_rows_of_two(engine)
    migration.upgrade(engine)
    assert {name: {**whole(engine, name), **row} for name, row in before.items()} == {
        name: whole(engine, name) for name in before
    }
    assert set(AT_TWO) | {"core_account", "core_certificate", "core_software_token", "ledger", "audit_head"} == set(
        at_two(engine)
    )


def at_two(engine: Engine) -> set[str]:
    """Return the tables that revision 0002 had and the newest has."""
    return set(inspect(engine).get_table_names()) - {"alembic_version", "token_seed", "core_act", "pending_act"}


def test_accounts_and_certificates_keep_all_they_had(engine: Engine) -> None:
    migration.upgrade(engine, "0001")
    put_rows(engine)
    run(engine, "INSERT INTO core_certificate VALUES ('s1', 'a1', :at, :at, NULL)", at=time_for(engine))
    queries = (
        "SELECT id, institution, number, name, birth_date, wrong_passwords FROM core_account ORDER BY id",
        "SELECT serial, account_id, valid_from, valid_until FROM core_certificate",
    )
    before = [rows(engine, query) for query in queries]
    migration.upgrade(engine)
    assert [rows(engine, query) for query in queries] == before


@pytest.mark.parametrize("at", ["0003", "0004", "0005"])
def test_a_database_left_at_a_revision_on_the_way_goes_on_from_there(engine: Engine, at: str) -> None:
    migration.upgrade(engine, "0001")
    put_rows(engine)
    migration.upgrade(engine, at)
    migration.upgrade(engine)
    assert (revision(engine), rows(engine, "SELECT count(*) FROM ledger")) == (HEAD, [(1,)])


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
