"""Everything around the actions process fails under load: nothing told is lost, nothing is done twice (G13, G25, G29).

T43, T53, T56. The suite has a tenth of the reference's numbers: 20 lost answers to a COMMIT, 20 kills of PostgreSQL;
ANXIN_ROUNDS=10 has them in full.
"""

from __future__ import annotations

import resource
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import select

from actions.bootstrap import Services, build
from actions.storage.models import ErrorReport
from bot.rig.actions import Actions, Replica
from bot.rig.customers import Outbox, add_people
from bot.rig.postgresql import PostgresServer
from bot.settings import read_settings
from tests.actions.security.rounds import rounds, told
from tests.proof.gateways import KEY, Gateways
from tests.proof.load import History, Load, settled
from tests.proof.proxy import Fault, Proxy

SEED = 20261120
ON_A_REQUEST = (Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.CUT_WITHIN, Fault.GARBAGE)
LONGEST_WAIT_SECONDS = 20


@pytest.fixture
def proxy(server: PostgresServer) -> Iterator[Proxy]:
    made = Proxy(server.port)
    yield made
    made.close()


@pytest.fixture
def database(server: PostgresServer) -> str:
    return server.create()


@pytest.fixture
def behind(proxy: Proxy, database: str, server: PostgresServer, tmp_path: Path) -> Iterator[Actions]:
    """Actions processes that reach PostgreSQL through the proxy."""
    address = server.url(database).replace(str(server.port), str(proxy.port))
    made = Actions(tmp_path / "var", {"ANXIN_SECURITY_URL": address})
    yield made
    proxy.set(Fault.NONE)
    made.stop()


@pytest.fixture
def directly(behind: Actions, database: str, server: PostgresServer) -> Iterator[Services]:
    """What is stored, seen past the proxy."""
    built = build(read_settings({"ANXIN_VAR": str(behind.var), "ANXIN_SECURITY_URL": server.url(database)}))
    yield built
    built.work.dispose()


@contextmanager
def under_load(actions: Actions, services: Services, people: int, code_seconds: float = 15) -> Iterator[History]:
    """Yield while customers act; afterwards compare what they were told with what is stored, and print both."""
    history = History()
    with Load(actions, add_people(services.work, people), history, SEED, code_seconds):
        yield history
        time.sleep(0.5)
    assert settled(services, history, Outbox(actions.var / "outbox.jsonl")) == []
    assert history.reports


def until(reached: Callable[[], bool]) -> None:
    """Wait until it is so; who waits too long sees it in the counts."""
    end = time.monotonic() + LONGEST_WAIT_SECONDS
    while not reached() and time.monotonic() < end:
        time.sleep(0.01)


@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.CUT_AFTER], ids=lambda f: f.value)
def test_a_commit_that_is_cut_off_is_resolved(
    behind: Actions, directly: Services, proxy: Proxy, fault: Fault, capsys: pytest.CaptureFixture[str]
) -> None:
    most = rounds(20)
    with capsys.disabled(), under_load(behind, directly, 3 * most):
        for number in range(1, most + 1):
            proxy.set(fault, only=b"commit", most=1)
            until(lambda number=number: proxy.made[fault] >= number)  # type: ignore[misc]
            time.sleep(0.05)  # some get through
        proxy.set(Fault.NONE)
        told(**{f"commits_{fault.value.replace(' ', '_')}": proxy.made[fault]})
    assert proxy.made[fault] == most


def test_statements_that_are_cut_off_anywhere_are_resolved(
    behind: Actions, directly: Services, proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled(), under_load(behind, directly, rounds(40)):
        for _ in range(rounds(4)):
            for fault in ON_A_REQUEST:
                proxy.set(fault, most=5)
                time.sleep(0.1)
                proxy.set(Fault.NONE)
                time.sleep(0.1)
        told(**{f"statements_{fault.value.replace(' ', '_')}": proxy.made[fault] for fault in ON_A_REQUEST})
    assert all(proxy.made[fault] for fault in ON_A_REQUEST)


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.HANG], ids=lambda f: f.value)
def test_a_database_out_of_reach_accepts_nothing_and_comes_back(
    behind: Actions, directly: Services, proxy: Proxy, fault: Fault, capsys: pytest.CaptureFixture[str]
) -> None:
    times = rounds(2)
    body = {"conversation": "c1", "institution": "hnyc", "platform": "e指發"}
    body |= {"description": "測試：畫面空白", "since": "今天早上"}
    answered_while_down = []
    with capsys.disabled(), under_load(behind, directly, rounds(20)):
        for _ in range(times):
            proxy.set(fault)
            time.sleep(0.2)
            answered_while_down.append(
                behind.once("/internal/reports", {**body, "key": f"down-{secrets.token_hex(8)}"})
            )
            proxy.set(Fault.NONE)
            time.sleep(0.3)
        told(outages=times, accepted_while_down=sum(answer is not None for answer in answered_while_down))
    assert answered_while_down == [None] * times


def test_nothing_is_lost_when_postgresql_is_killed(
    behind: Actions, directly: Services, server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    kills = rounds(20)
    with capsys.disabled(), under_load(behind, directly, 2 * kills):
        for _ in range(kills):
            time.sleep(0.2)
            server.kill()
            server.start()
        told(kills_of_postgresql=kills)


def test_nothing_is_lost_when_postgresql_stands_still(
    behind: Actions, directly: Services, server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    freezes = rounds(3)
    with capsys.disabled(), under_load(behind, directly, 10 * freezes):
        for number in range(freezes):
            time.sleep(0.3)
            server.freeze()
            time.sleep(1 + number % 2)
            server.thaw()
        told(freezes=freezes)


@contextmanager
def with_gateways(var: Path) -> Iterator[tuple[Actions, Proxy, Proxy]]:
    """Actions processes on SQLite whose SMS and e-mail go through proxies."""
    var.mkdir()
    gateways = Gateways(var / "outbox.jsonl")
    sms, smtp = Proxy(gateways.sms_port), Proxy(gateways.smtp_port)
    environment = {"ANXIN_SMS_URL": f"http://127.0.0.1:{sms.port}/messages", "ANXIN_SMS_KEY": KEY}
    environment |= {"ANXIN_SMTP_HOST": "127.0.0.1", "ANXIN_SMTP_PORT": str(smtp.port), "ANXIN_SMTP_TLS": "none"}
    actions = Actions(var, environment | {"ANXIN_SMTP_SENDER": "notice@example.com"})
    try:
        yield actions, sms, smtp
    finally:
        actions.stop()
        for each in (sms, smtp, gateways):
            each.close()


@pytest.mark.parametrize("fault", [f for f in Fault if f is not Fault.NONE], ids=lambda f: f.value)
def test_messages_leave_as_promised_through_broken_gateways(
    tmp_path: Path, fault: Fault, capsys: pytest.CaptureFixture[str]
) -> None:
    with with_gateways(tmp_path / "var") as (actions, sms, smtp):
        services = build(read_settings({"ANXIN_VAR": str(actions.var), **actions.environment}))
        try:
            with capsys.disabled(), under_load(actions, services, rounds(12), code_seconds=3):
                for number in range(1, rounds(2) + 1):
                    for proxy in (sms, smtp):
                        proxy.set(fault, most=1)
                        until(lambda proxy=proxy, number=number: proxy.made[fault] >= number)  # type: ignore[misc]
                        time.sleep(0.3)
                        proxy.set(Fault.NONE)
                told(**{f"sms_{fault.value.replace(' ', '_')}": sms.made[fault], "of_smtp": smtp.made[fault]})
            assert sms.made[fault]
            assert smtp.made[fault]
        finally:
            services.work.dispose()


def test_sqlite_held_by_another_writer_refuses_and_comes_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with on_sqlite(tmp_path / "var") as (actions, services):
        times = rounds(2)
        with capsys.disabled(), under_load(actions, services, rounds(10)):
            for _ in range(times):
                other = sqlite3.connect(actions.var / "security.sqlite", isolation_level=None)
                other.execute("BEGIN IMMEDIATE")
                time.sleep(3)
                other.execute("ROLLBACK")
                other.close()
                time.sleep(0.5)
            told(locked_for_seconds=3 * times)


@contextmanager
def on_sqlite(var: Path) -> Iterator[tuple[Actions, Services]]:
    actions = Actions(var, {})
    services = build(read_settings({"ANXIN_VAR": str(var)}))
    try:
        yield actions, services
    finally:
        services.work.dispose()
        actions.stop()


def report(number: int) -> dict[str, str]:
    body = {"key": f"disk-{number:08d}", "conversation": "c1", "institution": "hnyc", "platform": "e指發"}
    return body | {"description": "測試：畫面空白 " + "x" * 1000, "since": "今天早上"}


@contextmanager
def no_room(*replicas: Replica) -> Iterator[None]:
    """Let these processes write to no file for the block: what a full disk is to them (RLIMIT_FSIZE)."""
    pids = [replica.process.pid for replica in replicas if replica.process and replica.process.pid]
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, most) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, most))
    try:
        yield
    finally:
        for pid, limits in before.items():
            with suppress(ProcessLookupError):  # one that cannot even start has ended
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_refuses_reports_and_loses_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    var, times, answers = tmp_path / "var", rounds(5), dict[int, str]()
    tried = refused = 0
    with on_sqlite(var) as (actions, services):
        for _ in range(times):
            for number in range(tried, tried + 5):
                answers[number] = actions.deliver("/internal/reports", report(number)).body["reference"]
            tried += 5
            with no_room(*actions.replicas):
                for number in range(tried, tried + 10):
                    answer = actions.once("/internal/reports", report(number))
                    refused += answer is None
                    if answer:
                        answers[number] = answer.body["reference"]
            for number in range(tried, tried + 10):  # asked again, with the same key
                before = answers.get(number)
                answers[number] = actions.deliver("/internal/reports", report(number)).body["reference"]
                assert before in (None, answers[number])
            tried += 10
        stored = reports_of(services)
        lost = [number for number, reference in answers.items() if stored.get(report(number)["key"]) != reference]
    with capsys.disabled():
        told(times_full=times, tried=tried, refused_while_full=refused, accepted=len(stored), lost=len(lost))
    assert (lost, len(stored)) == ([], tried)
    assert refused


def reports_of(services: Services) -> dict[str, str]:
    with services.work.look() as session:
        return dict(session.execute(select(ErrorReport.key, ErrorReport.reference)).tuples().all())


def test_a_database_that_can_only_be_read_takes_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with on_sqlite(tmp_path / "var") as (actions, services):
        first = actions.deliver("/internal/reports", report(1)).body["reference"]
        services.work.dispose()
        for replica in actions.replicas:
            assert replica.process
            replica.process.kill()
            replica.process.join()
        actions.start(actions.replicas[0])
        with no_room(actions.replicas[0]):
            time.sleep(1.5)
            answers = [actions.once("/internal/reports", report(2), actions.replicas[0]) for _ in range(3)]
        actions.stop()
        for replica in actions.replicas:
            actions.start(replica)
        for replica in actions.replicas:
            actions.wait(replica)
        assert actions.deliver("/internal/reports", report(1)).body["reference"] == first
        assert actions.deliver("/internal/reports", report(2)).status == 201
    with capsys.disabled():
        told(tried_while_read_only=len(answers), accepted=sum(answer is not None for answer in answers))
    assert answers == [None] * 3
