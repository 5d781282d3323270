"""Real processes on one database, released together: one success, one row, one reference (G4, G15, G23, T34, T36)."""

from __future__ import annotations

import multiprocessing
import os
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import update

from actions.bootstrap import Services, build
from actions.security.error_report import ReportContent
from actions.security.errors import Refusal
from actions.security.secret import Secret
from actions.services.hotline import Caller
from actions.storage.models import Account, CertificateRecord, ChallengeRecord
from actions.storage.models import Identification as IdentificationRow
from bot.rig.postgresql import PostgresServer
from bot.settings import read_settings
from tests.actions.security.rounds import rounds
from tests.actions.world import (
    LOCKED,
    NORMAL,
    START,
    UNLOCK,
    VERIFY,
    Person,
    RecordingMessenger,
    SettableClock,
    World,
)

FULL = float(os.environ.get("ANXIN_ROUNDS", "1")) >= 10
WORKERS = 50 if FULL else 20
ROUNDS = int(os.environ.get("ANXIN_RACE_ROUNDS", rounds(20)))
PATIENCE_SECONDS = 60

Task = tuple[str, datetime, tuple[str, ...]]
Outcome = tuple[str, str]  # "done" and what was returned, or "refused" and by what, or "failed" and with what


def work(start: Barrier, tasks: Connection) -> None:
    """Do one task a round, all workers at once, until there is none; the body of each process.

    A task that is an environment opens its database.
    """
    clock, services = SettableClock(), None
    tasks.send("ready")
    while task := tasks.recv():
        if isinstance(task, dict):
            services = build(read_settings(task), clock, RecordingMessenger())
            tasks.send("open")
            continue
        assert services
        name, clock.time, values = task
        start.wait(PATIENCE_SECONDS)
        tasks.send(outcome(services, name, values))


def outcome(services: Services, name: str, values: tuple[str, ...]) -> Outcome:
    try:
        return "done", str(TASKS[name](services, *values))
    except Refusal as refusal:
        return "refused", type(refusal).__name__
    except Exception as problem:
        return "failed", type(problem).__name__


def verify(services: Services, conversation: str, reference: str) -> None:
    services.one_time_password.verify(conversation, VERIFY, reference)


def unlock(services: Services, conversation: str) -> str:
    return services.password_unlock.unlock(conversation, "hnyc", "zh-Hant")


def file_report(services: Services, key: str) -> str:
    content = ReportContent("hnyc", "e指發", "測試：登入後畫面空白", "今天早上")
    return services.error_report.file(key, "c1", content, None)


def unlock_anywhere(services: Services, conversation: str, key: str) -> str:
    """Unlock in the chat, or for a caller where there is no conversation."""
    if conversation:
        return unlock(services, conversation)
    return services.hotline.unlock(Caller("hnyc", Secret(LOCKED.number)), key, "demo staff", "zh-Hant")


def protect(services: Services, conversation: str) -> str:
    return services.protection.protect(conversation, "hnyc", "zh-Hant")


TASKS: dict[str, Any] = {
    "verify": verify,
    "unlock": unlock,
    "unlock anywhere": unlock_anywhere,
    "protect": protect,
    "file": file_report,
}


@dataclass
class Crowd:
    """Long-lived processes that do their tasks of a round at the same moment, and the world they share."""

    world: World
    lines: list[Connection]
    counts: Counter[str] = field(default_factory=Counter)

    def round(self, name: str, values: list[tuple[str, ...]]) -> list[Outcome]:
        for line, each in zip(self.lines, values, strict=True):
            line.send((name, self.world.clock.now(), each))
        return [receive(line) for line in self.lines]


def receive(line: Connection) -> Any:
    assert line.poll(PATIENCE_SECONDS), "a worker does not answer"
    return line.recv()


@pytest.fixture(scope="module")
def workers() -> Iterator[list[Connection]]:
    """The processes, which take longer to start than all their rounds; they serve both databases."""
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(WORKERS)
    pipes = [spawn.Pipe() for _ in range(WORKERS)]
    processes: list[BaseProcess] = [
        spawn.Process(target=work, args=(start, theirs), daemon=True) for _, theirs in pipes
    ]
    for process in processes:
        process.start()
    lines = [ours for ours, _ in pipes]
    assert [receive(line) for line in lines] == ["ready"] * WORKERS
    yield lines
    for line in lines:
        line.send(None)
    for process in processes:
        process.join(PATIENCE_SECONDS)
    assert [process.exitcode for process in processes] == [0] * WORKERS


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def crowd(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, workers: list[Connection]
) -> Iterator[Crowd]:
    environment = {"ANXIN_VAR": str(tmp_path_factory.mktemp("races") / "var")}
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgresql")
        environment["ANXIN_SECURITY_URL"] = server.url(server.create())
    clock, messenger = SettableClock(), RecordingMessenger()
    services = build(read_settings(environment), clock, messenger)
    for line in workers:
        line.send(environment)
    assert [receive(line) for line in workers] == ["open"] * WORKERS
    yield Crowd(World(services, clock, messenger), workers)
    services.work.dispose()


def test_of_many_parallel_right_codes_one_is_accepted(crowd: Crowd, capsys: pytest.CaptureFixture[str]) -> None:
    world, told = crowd.world, Counter[str]()
    accepted = doubled = 0
    for round_ in range(ROUNDS):
        world.clock.set(START + timedelta(days=round_))
        world.identify("codes", NORMAL)
        code = world.send_code("codes")
        outcomes = crowd.round("verify", [("codes", world.put("codes", "code", code)) for _ in range(WORKERS)])
        successes = sum(kind == "done" for kind, _ in outcomes)
        accepted, doubled = accepted + successes, doubled + max(0, successes - 1)
        told.update(words for kind, words in outcomes if kind != "done")
    say(capsys, "codes", accepted, doubled, lost=ROUNDS - accepted)
    assert (accepted, doubled) == (ROUNDS, 0)
    assert told == {"OtpUsed": ROUNDS * (WORKERS - 1)}
    used = [row for row in world.rows()["challenge"].values() if row["conversation"] == "codes" and row["used_at"]]
    assert len(used) == ROUNDS


def test_of_many_parallel_unlocks_one_is_done(crowd: Crowd, capsys: pytest.CaptureFixture[str]) -> None:
    world, told = crowd.world, Counter[str]()
    conversations = [f"unlock-{n}" for n in range(WORKERS)]
    accepted = doubled = 0
    before, letters = unlock_rows(world), unlock_notices(world)
    world.execute(update(CertificateRecord).values(valid_until=START + timedelta(days=ROUNDS + 100)))
    for round_ in range(ROUNDS):
        world.clock.set(START + timedelta(days=1 + round_))
        relock(world)
        for conversation in conversations:
            verified(world, conversation)
        outcomes = crowd.round("unlock", [(conversation,) for conversation in conversations])
        successes = sum(kind == "done" for kind, _ in outcomes)
        accepted, doubled = accepted + successes, doubled + max(0, successes - 1)
        told.update(words for kind, words in outcomes if kind != "done")
    say(capsys, "unlocks", accepted, doubled, lost=ROUNDS - (unlock_rows(world) - before))
    assert (accepted, doubled) == (ROUNDS, 0)
    assert told == {"UnlockDoneToday": ROUNDS * (WORKERS - 1)}
    assert unlock_rows(world) - before == ROUNDS
    assert unlock_notices(world) - letters == ROUNDS


def test_of_many_parallel_unlocks_by_chat_and_hotline_one_is_done(
    crowd: Crowd, capsys: pytest.CaptureFixture[str]
) -> None:
    world, told = crowd.world, Counter[str]()
    before, letters = unlock_rows(world), unlock_notices(world)
    accepted = doubled = 0
    world.execute(update(CertificateRecord).values(valid_until=START + timedelta(days=2 * ROUNDS + 200)))
    for round_ in range(ROUNDS):
        world.clock.set(START + timedelta(days=ROUNDS + 50 + round_))
        relock(world)
        values = [(f"anywhere-{n}" if n % 2 else "", f"key-{round_}-{n}") for n in range(WORKERS)]
        for conversation, _ in values:
            if conversation:
                verified(world, conversation)
        outcomes = crowd.round("unlock anywhere", [(conversation, key) for conversation, key in values])
        successes = sum(kind == "done" for kind, _ in outcomes)
        accepted, doubled = accepted + successes, doubled + max(0, successes - 1)
        told.update(words for kind, words in outcomes if kind != "done")
    rows = unlock_rows(world) - before
    say(capsys, "unlocks by chat and hotline", accepted, doubled, lost=ROUNDS - rows)
    assert (accepted, doubled, rows) == (ROUNDS, 0, ROUNDS)
    assert told == {"UnlockDoneToday": ROUNDS * (WORKERS - 1)}
    assert unlock_notices(world) - letters == ROUNDS


def test_of_many_parallel_protections_there_is_one_with_one_reference(
    crowd: Crowd, capsys: pytest.CaptureFixture[str]
) -> None:
    world = crowd.world
    before = world.counts()["protection"]
    acknowledged = other = 0
    for round_ in range(ROUNDS):
        world.clock.set(START + timedelta(days=1000 + round_))
        for n in range(WORKERS):
            verified(world, f"not-me-{n}", NORMAL, "protect_account")
        outcomes = crowd.round("protect", [(f"not-me-{n}",) for n in range(WORKERS)])
        references = {words for kind, words in outcomes if kind == "done"}
        acknowledged, other = acknowledged + sum(kind == "done" for kind, _ in outcomes), other + len(references) - 1
        for reference in references:
            world.services.protection.lift(reference, "demo staff")
    rows = world.counts()["protection"] - before
    told_staff = [row for row in world.rows()["outbox"].values() if row["kind"] == "account_protected"]
    say(capsys, "protections", acknowledged, other, lost=ROUNDS - rows)
    assert (acknowledged, other, rows, len(told_staff)) == (ROUNDS * WORKERS, 0, ROUNDS, ROUNDS)
    assert world.rows()["core_account"][NORMAL.account]["suspended_at"] is None


def test_of_many_parallel_deliveries_of_a_report_one_is_filed(crowd: Crowd, capsys: pytest.CaptureFixture[str]) -> None:
    world, filed = crowd.world, set[str]()
    before = world.counts()["error_report"]
    acknowledged = other = 0
    for round_ in range(ROUNDS):
        world.clock.set(START + timedelta(hours=round_))
        outcomes = crowd.round("file", [(key_of(round_),)] * WORKERS)
        references = {words for kind, words in outcomes if kind == "done"}
        acknowledged += sum(kind == "done" for kind, _ in outcomes)
        other += len(references) - 1
        filed |= references
    rows = world.counts()["error_report"] - before
    say(capsys, "reports", acknowledged, other, lost=len(filed) - rows)
    assert (acknowledged, rows, other) == (ROUNDS * WORKERS, ROUNDS, 0)
    assert len(filed) == ROUNDS


def unlock_rows(world: World) -> int:
    rows = world.rows()["ledger"].values()
    return sum((row["account_id"], row["kind"]) == (LOCKED.account, UNLOCK) for row in rows)


def unlock_notices(world: World) -> int:
    return sum(row["kind"] == "password_unlocked" for row in world.rows()["outbox"].values())


def relock(world: World) -> None:
    world.execute(
        update(Account).where(Account.id == LOCKED.account).values(locked_at=world.clock.now(), wrong_passwords=3)
    )


def say(capsys: pytest.CaptureFixture[str], what: str, accepted: int, doubled: int, lost: int) -> None:
    tried = ROUNDS * WORKERS
    with capsys.disabled():
        print(f"\n{what}: {tried:,} tried, {accepted:,} accepted, {doubled:,} doubled, {lost:,} lost")


def verified(world: World, conversation: str, person: Person = LOCKED, purpose: str = UNLOCK) -> None:
    """Keep a verified code; sending so many for one account within the five minutes of a code is refused."""
    now = world.clock.now()
    record = ChallengeRecord(
        id=secrets.token_hex(16),
        conversation=conversation,
        identity="demo",
        account_id=person.account,
        purpose=purpose,
        channel="sms",
        sent_to="093***278",
        code_digest="",
        sent_at=now - timedelta(seconds=30),
        expires_at=now + timedelta(seconds=270),
        resend_at=now + timedelta(seconds=30),
        wrong=0,
        used_at=now,
        used_reference=secrets.token_hex(16),
    )
    who = IdentificationRow(
        conversation=conversation,
        institution="hnyc",
        account_reference="",
        account_ciphertext=b"",
        identity=record.identity,
        account_id=person.account,
        completed_at=now,
    )
    with world.services.work.begin() as session:
        session.add(record)
        session.merge(who)
        session.commit()


def key_of(round_: int) -> str:
    return f"report-of-round-{round_:06d}"
