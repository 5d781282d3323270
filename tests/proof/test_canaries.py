"""Nothing secret is found anywhere the actions process writes or answers, at DEBUG, in success and failure (G10, G37).

Every kind of secret through every entry; then the database's files and journal, the logs, what was answered, the
metrics, what was sent and the audit are searched for each in nine spellings. Customers' own numbers, birth dates,
phones and mailboxes stand in the tables `core_*` by nature; for those, every other table is searched instead of the
files.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from actions.bootstrap import Services
from actions.security.factors import Factor
from actions.security.software_token import App
from actions.storage.models import Account, Base
from bot.rig.actions import Actions
from bot.rig.customers import Customer, Outbox, Person, add_people
from bot.rig.postgresql import PostgresServer
from tests.actions.security.rounds import told
from tests.canaries import FULL_WIDTH, Canary, found
from tests.proof.load import drained

BORN = date(1961, 7, 23)
STRANGER = Canary("account of a stranger", "7391846250")
STRANGER_BORN = Canary("birth date of a stranger", "1957-03-19")
WRONG_CODE = Canary("wrong code", "846051")
CONTACT = Canary("contact", "0973518264")
IN_A_REPORT = Canary("reference of a secret in a wrong field", "5038172649")
PHONE, MAILBOX = Canary("phone", "0964827351"), Canary("mailbox", "canary-48261@example.com")
NUMBER, BIRTH_DATE = Canary("account of a customer", "8406152937"), Canary("birth date", "1961-07-23")
TOKEN_HOLDER = "canary-token"
OF_STRANGERS = (STRANGER, STRANGER_BORN, WRONG_CODE, CONTACT, IN_A_REPORT)
OF_CUSTOMERS = (PHONE, MAILBOX, NUMBER, BIRTH_DATE)


@dataclass
class Said:
    """Everything that was answered, and the secrets that the process made itself."""

    bodies: list[str] = field(default_factory=list)
    own: list[Canary] = field(default_factory=list)


@pytest.fixture
def more() -> dict[str, str]:
    return {"ANXIN_LOG_LEVEL": "DEBUG"}


@pytest.fixture
def said(actions: Actions, services: Services, request: pytest.FixtureRequest) -> Said:
    """Send every canary through every entry, and keep all that comes back."""
    kept = Said()
    person = customer_with_canaries(services)

    def keep(reply: httpx.Response) -> None:
        kept.bodies.append(f"{dict(reply.headers)} {reply.read().decode('utf-8', 'replace')}")

    actions.client.event_hooks["response"] = [keep]
    wrong_shapes(actions)
    verification(actions, kept, person)
    for path, body in entries():
        actions.once(path, body)
    kept.own.append(seed_of_a_token(services))
    with out_of_order(actions, request):
        while_it_is_out_of_order(actions)
    crash(actions)
    for replica in actions.replicas:
        actions.wait(replica)
        kept.bodies.append(httpx.get(f"http://127.0.0.1:{replica.port}/metrics", trust_env=False).text)
    drained(services)
    return kept


def customer_with_canaries(services: Services) -> Person:
    (person,) = add_people(services.work, 1)
    with services.work.begin() as session:
        account = session.get_one(Account, person.account)
        account.number, account.birth_date = NUMBER.value, BORN
        account.phone, account.email = PHONE.value, MAILBOX.value
        session.add(Account(id=TOKEN_HOLDER, institution="icbca", number="8000001", name="測試客戶", birth_date=BORN))
        session.commit()
    return person


def entries() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every entry with every canary in every field that is text."""
    report = {"key": "canary-key", "conversation": "c1", "institution": "hnyc", "platform": "e指發"}
    report |= {"description": "測試", "since": "今天"}
    event = {
        "id": f"canary-{secrets.token_hex(4)}",
        "kind": "login",
        "institution": "hnyc",
        "at": "2026-11-20T10:00:00",
    }
    staff = {"institution": "hnyc", "staff": "demo"}
    for canary in OF_STRANGERS:
        for kind in ("code", "account", "birth_date", "contact"):
            yield "/internal/secrets", {"conversation": "canary-c", "kind": kind, "value": canary.value}
        yield "/internal/secrets", {"conversation": "c", "kind": canary.value, "value": canary.value}
        yield "/internal/secrets", {"conversation": "c", "kind": "code", "value": [canary.value]}
        yield "/internal/secrets", {"conversation": "c", "kind": "code", "value": canary.value, canary.value: "x"}
        yield "/internal/secrets", {"conversation": "c", "kind": "code", "value": canary.value * 100}
        yield "/internal/reports", {**report, "institution": canary.value}
        yield "/internal/reports", {**report, "since": canary.value * 500}
        yield "/internal/reports", {**report, "key": "", "description": canary.value}
        for value in (canary.value, canary.value.translate(FULL_WIDTH), f"{canary.value[:3]} {canary.value[3:]}"):
            yield "/internal/events/", {**event, "account": value}
            for path in ("used-today", "allow-codes"):
                yield f"/internal/hotline/{path}", {**staff, "account": value}
            yield "/internal/hotline/unlock", {**staff, "account": value, "key": "k", "language": "en"}
        yield "/internal/events/", {**event, "account": NUMBER.value, "kind": canary.value}
        yield "/internal/events/", {**event, "account": canary.value, "locked": canary.value}
        yield "/internal/hotline/lift-protection", {"reference": canary.value, "staff": "demo"}
        yield "/webhook", {"next_action": canary.value, "sender_id": canary.value, "tracker": {}, "domain": {}}
        yield "/webhook", {"next_action": "action_file_error_report", "tracker": {"slots": {"x": canary.value}}}
    yield "/internal/events/", {**event, "id": "canary-known-1", "account": NUMBER.value, "at": now()}


def now() -> str:
    return datetime.now(UTC).isoformat()


def while_it_is_out_of_order(actions: Actions) -> None:
    for canary in OF_STRANGERS:
        answer = actions.once("/internal/secrets", {"conversation": "c", "kind": "code", "value": canary.value})
        assert answer is None
    caller = {"institution": "hnyc", "account": NUMBER.value, "staff": "demo"}
    assert actions.once("/internal/hotline/used-today", caller) is None


def wrong_shapes(actions: Actions) -> None:
    """Broken JSON, bodies too long, no signature, an unknown path."""
    replica = actions.replicas[0]
    for canary in OF_STRANGERS:
        for path in (
            "/webhook",
            "/internal/secrets",
            "/internal/reports",
            "/internal/events/",
            "/internal/hotline/unlock",
        ):
            for content in (f'{{"value": "{canary.value}"', f'"{canary.value}"', canary.value * 2000):
                actions.send(replica, "POST", path, content.encode())
                actions.send(replica, "POST", path, content.encode(), {"x-anxin-nonce": canary.value})
            actions.send(replica, "POST", f"{path}{canary.value}", b"{}")


def verification(actions: Actions, kept: Said, person: Person) -> None:
    """A stranger and a customer: details, codes right and wrong, in every step and spelling."""
    stranger = Customer(actions, person, "canary-stranger")
    stranger.enter("account", "account", STRANGER.value)
    stranger.enter("birth_date", "birth_date", STRANGER_BORN.value)
    stranger.ask_for_code()
    for spelling in (WRONG_CODE.value, WRONG_CODE.value.translate(FULL_WIDTH), f"驗證碼 {WRONG_CODE.value}"):
        stranger.enter_code(spelling)
    customer = Customer(actions, person, "canary-customer")
    customer.enter("account", "account", NUMBER.value)
    customer.enter("birth_date", "birth_date", BIRTH_DATE.value)
    customer.ask_for_code()
    code = Outbox(actions.var / "outbox.jsonl").code_for(PHONE.value)
    assert code
    kept.own.append(Canary("right code", code))
    assert not customer.enter_code(WRONG_CODE.value)
    assert customer.enter_code(code)
    assert "UL-" in json.dumps(customer.finish())
    body = {"conversation": "canary-customer", "kind": "contact", "value": CONTACT.value}
    reference = actions.deliver("/internal/secrets", body).body["reference"]
    customer.act("validate_error_report_form", "report_contact", reference)


def seed_of_a_token(services: Services) -> Canary:
    enrolled = services.software_token.enrol(
        TOKEN_HOLDER, App.INVEST, "demo-phone", {Factor.PASSWORD, Factor.SMS_CODE, Factor.ID_CARD}, "canary-seed"
    )
    assert enrolled.seed
    return Canary("seed", enrolled.seed.reveal())


@contextmanager
def out_of_order(actions: Actions, request: pytest.FixtureRequest) -> Iterator[None]:
    """The database takes nothing in the block."""
    if "ANXIN_SECURITY_URL" in actions.environment:
        server: PostgresServer = request.getfixturevalue("server")
        server.kill()
        yield
        server.start()
        return
    other = sqlite3.connect(actions.var / "security.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    yield
    other.execute("ROLLBACK")
    other.close()


def crash(actions: Actions) -> None:
    """Kill a process while secrets are on their way."""
    body = {"conversation": "c", "kind": "code", "value": WRONG_CODE.value}
    actions.once("/internal/secrets", body, actions.replicas[0])
    process = actions.replicas[1].process
    assert process
    assert process.pid
    os.kill(process.pid, signal.SIGABRT)
    process.join(10)
    actions.start(actions.replicas[1])


@pytest.fixture
def sinks(actions: Actions, services: Services, said: Said, request: pytest.FixtureRequest) -> dict[str, bytes]:
    """Everything that is kept, by place."""
    places = {f"answer {number}": body.encode() for number, body in enumerate(said.bodies)}
    places |= {"log": actions.log.read_bytes(), "tables but core_*": tables(services)}
    files = [file for file in actions.var.iterdir() if file.is_file() and file.name != "outbox.jsonl"]
    if "ANXIN_SECURITY_URL" in actions.environment:
        files += request.getfixturevalue("server").files()
    return places | {f"file {file}": file.read_bytes() for file in files if file.exists()}


def tables(services: Services) -> bytes:
    with services.work.look() as session:
        rows = [
            repr(value)
            for table in Base.metadata.sorted_tables
            if not table.name.startswith("core_")
            for row in session.execute(select(table))
            for value in row
        ]
    return "\n".join(rows).encode()


def test_no_secret_is_found_anywhere(
    said: Said, sinks: dict[str, bytes], actions: Actions, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(said.bodies) > 200
    elsewhere = {place: content for place, content in sinks.items() if not place.startswith("file")}
    files = {place: content for place, content in sinks.items() if place.startswith("file")}
    assert found(files, NUMBER), "what stands there by nature is not found"
    sent = (actions.var / "outbox.jsonl").read_bytes()
    hits = [hit for canary in (*OF_STRANGERS, *said.own) for hit in found(sinks, canary)]
    hits += [hit for canary in OF_CUSTOMERS for hit in found(elsewhere, canary)]
    hits += [hit for canary in (*OF_STRANGERS, NUMBER, BIRTH_DATE) for hit in found({"what was sent": sent}, canary)]
    canaries = len(OF_STRANGERS) + len(OF_CUSTOMERS) + len(said.own)
    looked_at = (len(OF_STRANGERS) + len(said.own)) * len(sinks) + len(OF_CUSTOMERS) * len(elsewhere)
    with capsys.disabled():
        told(canaries=canaries, answers=len(said.bodies), sinks=len(sinks), looked_at=9 * looked_at, hits=len(hits))
    assert hits == []
