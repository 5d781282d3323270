"""The database: what was acknowledged stays, what hangs is an error, and nothing is quoted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm import Session

from actions.storage.clock import db_now
from actions.storage.database import UnfitDatabase, make_engine, refuse_undurable
from actions.storage.locks import hold
from actions.storage.models import ErrorReport
from actions.storage.unit_of_work import UnitOfWork, open_database
from bot.rig.postgresql import PostgresServer
from tests.actions.security.rounds import rounds, told
from tests.actions.world import START, SettableClock

HUNG_SECONDS = 10  # an upper bound for "in seconds", generous on a busy machine
CANARY = "canary-73501"


class Unsendable:
    def __str__(self) -> str:
        raise TypeError


@pytest.fixture
def work(empty_url: str) -> Iterator[UnitOfWork]:
    work = open_database(empty_url)
    yield work
    work.dispose()


@pytest.fixture(scope="module")
def victim() -> Iterator[PostgresServer]:
    """A PostgreSQL of its own, to be killed and frozen."""
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture
def on_victim(victim: PostgresServer) -> Iterator[UnitOfWork]:
    work = open_database(victim.url(victim.create()))
    yield work
    work.dispose()


def report(key: str, description: str = "測試") -> ErrorReport:
    return ErrorReport(
        reference=key,
        key=key,
        fingerprint="",
        institution="hnyc",
        conversation="c1",
        platform="e指發",
        description=description,
        since="",
        filed_at=START,
    )


def file(work: UnitOfWork, key: str, description: str = "測試") -> None:
    with work.begin() as session:
        session.add(report(key, description))
        session.commit()


def filed(work: UnitOfWork) -> int:
    with work.look() as session:
        return session.scalars(select(func.count()).select_from(ErrorReport)).one()


def ask_for(session: Session, name: str) -> None:
    session.execute(text("SELECT 1"))  # on SQLite the transaction itself is the lock
    hold(session, name)


def problem_of(call: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011  # which one is the caller's question
        call()
    return caught.value


# --- durable ---------------------------------------------------------------------------------------


def test_postgresql_without_fsync_is_refused_with_a_sentence() -> None:
    server = PostgresServer({"fsync": "off"})
    try:
        with pytest.raises(UnfitDatabase, match=r"^PostgreSQL runs with fsync=off; set fsync=on: .+\.$"):
            open_database(server.url("postgres"))
    finally:
        server.remove()


def test_commits_are_synchronous_whatever_postgresql_does_by_default() -> None:
    server = PostgresServer({"synchronous_commit": "off"})
    try:
        work = open_database(server.url("postgres"))
        with work.begin() as session:
            assert session.scalar(text("SHOW synchronous_commit")) == "on"
        work.dispose()
    finally:
        server.remove()


def test_postgresql_that_would_not_wait_for_the_disk_is_refused(postgresql: PostgresServer) -> None:
    engine = make_engine(make_url(postgresql.url("postgres")))
    event.listen(
        engine, "connect", lambda connection, _record: connection.execute_simple("SET synchronous_commit = local")
    )
    with pytest.raises(UnfitDatabase, match="synchronous_commit=local"):
        refuse_undurable(engine)
    engine.dispose()


def test_sqlite_without_its_journal_in_wal_is_refused(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'plain.sqlite'}")
    with pytest.raises(UnfitDatabase, match="journal as delete"):
        refuse_undurable(engine)


def test_sqlite_that_would_not_wait_for_the_disk_is_refused(tmp_path: Path) -> None:
    engine = make_engine(make_url(f"sqlite:///{tmp_path / 'fast.sqlite'}"))
    event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=NORMAL"))
    with pytest.raises(UnfitDatabase, match="synchronous=1"):
        refuse_undurable(engine)


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(UnfitDatabase, match="SQLite or PostgreSQL"):
        make_engine(make_url("mysql://localhost/x"))


def test_what_was_committed_is_there_after_a_kill(victim: PostgresServer, on_victim: UnitOfWork) -> None:
    kept = 0
    for round_ in range(rounds(5)):
        for number in range(10):
            file(on_victim, f"{round_}-{number}")
            kept += 1
        victim.kill()
        victim.start()
        assert filed(on_victim) == kept
    told(kills=rounds(5), acknowledged=kept, lost=kept - filed(on_victim))


def test_what_was_not_committed_is_not_there_after_a_kill(victim: PostgresServer, on_victim: UnitOfWork) -> None:
    with on_victim.begin() as session:
        session.add(report("never"))
        session.flush()
        victim.kill()
        victim.start()
        assert isinstance(problem_of(session.commit), DBAPIError)
    assert filed(on_victim) == 0


# --- an error, in seconds --------------------------------------------------------------------------


def test_postgresql_that_refuses_is_an_error(victim: PostgresServer, on_victim: UnitOfWork) -> None:
    victim.kill()
    try:
        assert isinstance(problem_of(on_victim.ping), OperationalError)
    finally:
        victim.start()


def test_a_pool_of_dead_connections_is_no_error(victim: PostgresServer, on_victim: UnitOfWork) -> None:
    file(on_victim, "before")
    victim.kill()
    victim.start()
    file(on_victim, "after")
    assert filed(on_victim) == 2


@pytest.mark.parametrize("moment", ["before a statement", "before the commit"])
def test_postgresql_that_stands_still_is_an_error_within_seconds(
    victim: PostgresServer, on_victim: UnitOfWork, moment: str
) -> None:
    with on_victim.begin() as session:
        session.add(report("hung"))
        if moment == "before the commit":
            session.flush()
        victim.freeze()
        started = time.monotonic()
        try:
            problem = problem_of(session.commit)
        finally:
            victim.thaw()
        assert isinstance(problem, OperationalError)
        assert time.monotonic() - started < HUNG_SECONDS
    file(on_victim, "after")


def test_opening_a_postgresql_that_stands_still_is_an_error_within_seconds(victim: PostgresServer) -> None:
    victim.freeze()
    started = time.monotonic()
    try:
        problem = problem_of(lambda: open_database(victim.url("postgres")))
    finally:
        victim.thaw()
    assert isinstance(problem, OperationalError)
    assert time.monotonic() - started < HUNG_SECONDS


def test_a_lock_that_is_not_given_back_is_an_error_within_seconds(work: UnitOfWork) -> None:
    with work.begin() as first:
        hold(first, "name")
        first.add(report("first"))
        first.flush()
        with work.begin() as second:
            started = time.monotonic()
            problem = problem_of(lambda: ask_for(second, "name"))
            assert isinstance(problem, OperationalError)
            assert time.monotonic() - started < HUNG_SECONDS
        first.commit()
    assert filed(work) == 1


def test_a_long_statement_is_ended(postgresql: PostgresServer) -> None:
    work = open_database(postgresql.url("postgres"))
    with work.begin() as session:
        problem = problem_of(lambda: session.execute(text("SELECT pg_sleep(30)")))
    work.dispose()
    assert "statement timeout" in str(problem)


def test_an_exhausted_pool_is_an_error_within_seconds(postgresql: PostgresServer) -> None:
    engine = make_engine(make_url(postgresql.url("postgres")))
    connections = [engine.connect() for _ in range(16)]
    assert isinstance(problem_of(engine.connect), PoolExhausted)
    for connection in connections:
        connection.close()
    engine.dispose()


# --- nothing is quoted -----------------------------------------------------------------------------


def test_an_error_names_no_value(work: UnitOfWork) -> None:
    file(work, CANARY, CANARY)
    problem = problem_of(lambda: file(work, CANARY, CANARY))
    assert isinstance(problem, IntegrityError)
    assert CANARY not in f"{problem} {problem.orig} {problem.orig.args if problem.orig else ()}"


def test_an_error_names_no_value_that_postgresql_could_not_read(postgresql: PostgresServer) -> None:
    work = open_database(postgresql.url("postgres"))
    with work.begin() as session:
        problem = problem_of(lambda: session.execute(text("SELECT CAST(:value AS integer)"), {"value": CANARY}))
    work.dispose()
    assert "data exception 22P02" in str(problem)
    assert CANARY not in str(problem)


def test_text_that_utf_8_cannot_hold_is_an_error_and_mixes_up_no_answers(postgresql: PostgresServer) -> None:
    work = open_database(postgresql.url("postgres"))
    with work.begin() as session:
        problem = problem_of(lambda: session.scalar(text("SELECT :value"), {"value": f"{CANARY}\ud800"}))
        session.rollback()
        assert [session.scalar(text(f"SELECT {number}")) for number in range(3)] == [0, 1, 2]
    work.dispose()
    assert isinstance(problem, DataError)
    assert CANARY not in f"{problem} {problem.orig} {problem.orig.args if problem.orig else ()}"


def test_a_connection_that_is_left_in_the_middle_of_an_answer_is_not_used_again(postgresql: PostgresServer) -> None:
    engine = make_engine(make_url(postgresql.url("postgres")))
    with engine.connect() as connection, pytest.raises(TypeError):
        # pg8000 finds that it cannot send this when half the statement is on its way
        connection.exec_driver_sql("SELECT %s", (Unsendable(),))
    with engine.connect() as connection:
        assert [connection.exec_driver_sql(f"SELECT {number}").scalar_one() for number in range(3)] == [0, 1, 2]
    engine.dispose()


@pytest.mark.parametrize("question", ["sslmode=perhaps", "target_session_attrs=any", "host=a&host=b"])
def test_an_address_that_asks_for_what_is_not_there_is_refused_with_a_sentence(question: str) -> None:
    with pytest.raises(UnfitDatabase, match=r"\.$"):
        make_engine(make_url(f"postgresql://anxin:{CANARY}@127.0.0.1/x?{question}"))


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_server_that_does_not_encrypt_is_an_error_where_encryption_is_asked_for(
    postgresql: PostgresServer, mode: str
) -> None:
    engine = make_engine(make_url(f"{postgresql.url('postgres')}?sslmode={mode}"))
    assert isinstance(problem_of(engine.connect), OperationalError)


def test_an_address_with_a_password_is_not_in_an_error(victim: PostgresServer) -> None:
    url = victim.url("nowhere").replace("anxin@", f"anxin:{CANARY}@")
    assert CANARY not in str(problem_of(lambda: open_database(url)))


# --- isolation and time ----------------------------------------------------------------------------


def test_the_isolation_is_read_committed(postgresql: PostgresServer) -> None:
    work = open_database(postgresql.url("postgres"))
    with work.begin() as session:
        assert session.scalar(text("SHOW transaction_isolation")) == "read committed"
    work.dispose()


def test_who_holds_a_name_lets_others_wait(work: UnitOfWork) -> None:
    seen: list[int] = []

    def add_one(_: int) -> None:
        with work.begin() as session:
            hold(session, "count")
            before = session.scalars(select(func.count()).select_from(ErrorReport)).one()
            seen.append(before)
            session.add(report(f"{before}"))  # two who saw the same would want the same key
            session.commit()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_one, range(40)))
    assert sorted(seen) == list(range(40))


def test_a_look_sees_one_moment(work: UnitOfWork) -> None:
    file(work, "before")
    with work.look() as session:
        first = session.scalars(select(func.count()).select_from(ErrorReport)).one()
        file(work, "meanwhile")
        assert session.scalars(select(func.count()).select_from(ErrorReport)).one() == first


def test_the_database_tells_the_time_aware(work: UnitOfWork) -> None:
    with work.begin() as session:
        now = db_now(session)
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


def test_time_goes_on_inside_a_transaction(work: UnitOfWork) -> None:
    with work.begin() as session:
        times = [db_now(session) for _ in range(20)]
    assert times == sorted(times)
    assert times[0] < times[-1]


def test_a_clock_that_is_given_decides(empty_url: str) -> None:
    clock = SettableClock()
    work = open_database(empty_url, override=clock)
    with work.begin() as session:
        assert db_now(session) == START
        clock.pass_(hours=-1)
        assert db_now(session) == START - timedelta(hours=1)
    work.dispose()


def test_postgresql_decides_against_the_clock_of_the_machine(postgresql: PostgresServer) -> None:
    # A clock of its own, one day on, stands before PostgreSQL's in the search path: as if its machine were another.
    name = postgresql.create()
    ahead = "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT pg_catalog.now() + interval ''1 day'''"
    url = f"{postgresql.url(name)}?options=-csearch_path%3Dpublic%2Cpg_catalog"
    engine = make_engine(make_url(url))
    with engine.begin() as connection:
        connection.exec_driver_sql(ahead)
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET search_path = public, pg_catalog")
    engine.dispose()
    work = open_database(postgresql.url(name))
    with work.begin() as session:
        assert timedelta(hours=23) < db_now(session) - datetime.now(UTC) < timedelta(hours=25)
    work.dispose()
    postgresql.drop(name)
