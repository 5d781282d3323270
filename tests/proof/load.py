"""Load with a history: what was asked, what was told, and whether both agree with what is stored afterwards."""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from actions.bootstrap import Services
from actions.storage.models import (
    Account,
    AuditEntry,
    ChallengeRecord,
    ErrorReport,
    Event,
    LedgerEntry,
    Notice,
    OutboxMessage,
)
from bot.rig.actions import Actions
from bot.rig.customers import CODE_SECONDS, Customer, Outbox, Person
from tests.actions.security.rounds import told

DRAIN_SECONDS = 60


@dataclass
class History:
    """What was told to whom. Threads append; nothing is taken away."""

    reports: dict[str, set[str]] = field(default_factory=dict)  # key -> references told
    receipts: dict[str, set[str]] = field(default_factory=dict)  # account -> receipts told
    events: dict[str, tuple[str, set[str]]] = field(default_factory=dict)  # id -> kind, references told
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, **counts: int) -> None:
        with self.lock:
            self.counts.update(counts)


class Load:
    """Threads that file reports, unlock passwords and tell events until they are stopped."""

    def __init__(
        self, actions: Actions, people: list[Person], history: History, seed: int, code_seconds: float = CODE_SECONDS
    ) -> None:
        self._actions = actions
        self._people = people
        self._history = history
        self._code_seconds = code_seconds
        self._stop = threading.Event()
        self._outbox = Outbox(actions.var / "outbox.jsonl")
        jobs = [*[self._report] * 4, *[self._unlock] * 3, self._event]
        self._threads = [threading.Thread(target=self._run, args=(job,), daemon=True) for job in jobs]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(DRAIN_SECONDS)

    def _run(self, job: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                job()
            except Exception as problem:
                self._history.failures.append(f"{job.__name__}: {type(problem).__name__} {problem}"[:500])
            time.sleep(0.02)

    def _report(self) -> None:
        key = f"proof-{secrets.token_hex(8)}"
        body = {"key": key, "conversation": f"c-{key}", "institution": "hnyc", "platform": "e指發"}
        body |= {"description": "測試：畫面空白", "since": "今天早上"}
        told = set()
        for _ in range(random.randint(1, 3)):  # double clicks and retries after the answer
            answer = self._actions.deliver("/internal/reports", body)
            assert answer.status == 201, answer
            told.add(answer.body["reference"])
            self._history.count(reports_delivered=answer.deliveries)
        with self._history.lock:
            self._history.reports[key] = told

    def _unlock(self) -> None:
        with self._history.lock:
            if not self._people:
                self._stop.wait(0.2)
                return
            person = self._people.pop()
        customer = Customer(self._actions, person, f"proof-{secrets.token_hex(8)}")
        customer.identify()
        customer.ask_for_code()
        code = self._outbox.code_for(person.phone, self._code_seconds)
        if code is None:
            self._history.count(codes_that_did_not_arrive=1)
            return
        if not customer.enter_code(code):
            self._history.failures.append(f"a right code was refused: {customer.said}")
            return
        receipts = {self._receipt(customer.finish()) for _ in range(random.randint(1, 3))}
        with self._history.lock:
            self._history.receipts[person.account] = receipts

    @staticmethod
    def _receipt(said: list[dict[str, Any]]) -> str:
        return next((str(m["receipt"]) for m in said if m.get("response") == "utter_unlocked"), f"no receipt: {said}")

    def _event(self) -> None:
        id_, kind = f"event-{secrets.token_hex(8)}", random.choice(["login", "password_changed"])
        body = {"id": id_, "kind": kind, "institution": "hnyc", "account": "900018", "platform": "e指發"}
        body["at"] = datetime.now(UTC).isoformat()
        told = set()
        for _ in range(random.randint(1, 3)):
            answer = self._actions.deliver("/internal/events/", body)
            assert answer.status == 202, answer
            told.add(" ".join(answer.body["notices"]))
        with self._history.lock:
            self._history.events[id_] = kind, told


def drained(services: Services) -> None:
    """Wait until every message has left."""
    until = time.monotonic() + DRAIN_SECONDS * 2
    while services.outbox.waiting() and time.monotonic() < until:
        time.sleep(0.2)
    assert services.outbox.waiting() == 0


def faults_of(services: Services, history: History, outbox: Outbox) -> list[str]:
    """Return every disagreement between what was told and what is stored."""
    found = list(history.failures)
    with services.work.look() as session:
        rows = dict(session.execute(select(ErrorReport.key, ErrorReport.reference)).tuples().all())
        unlocks = dict(session.execute(select(LedgerEntry.account_id, LedgerEntry.receipt)).tuples().all())
        unlocked = session.scalar(select(func.count()).where(Account.id.like("proof-%"), Account.locked_at.is_(None)))
        verified = session.scalar(select(func.count()).where(ChallengeRecord.used_at.is_not(None)))
        notices = session.execute(select(Notice.kind, Notice.event_id, Notice.outbox_id)).all()
        messages = {m.id: m for m in session.scalars(select(OutboxMessage))}
        known = set(session.scalars(select(Event.event_id)))
        audited = Counter(session.scalars(select(AuditEntry.action).where(AuditEntry.outcome == "done")))
        verdict = services.audit.verify(session)
    proofs = {account: receipt for account, receipt in unlocks.items() if account.startswith("proof-")}
    for key, heard in history.reports.items():
        if heard != {rows.get(key)}:
            found.append(f"report {key}: told {heard}, stored {rows.get(key)}")
    for account, receipts in history.receipts.items():
        if receipts != {proofs.get(account)}:
            found.append(f"unlock of {account}: told {receipts}, stored {proofs.get(account)}")
    for id_, (_, references) in history.events.items():
        if len(references) != 1 or id_ not in known:
            found.append(f"event {id_}: told {references}")
    kinds = Counter(kind for kind, _, _ in notices)
    of_events = Counter(event for _, event, _ in notices if event)
    found += [f"event {id_}: {n} notices" for id_, n in of_events.items() if n != 1]
    found += [f"event {id_}: no notice" for id_ in known if id_ not in of_events]
    equal = {
        "unlocks stored and accounts unlocked": (len(proofs), unlocked),
        "unlocks stored and notices of them": (len(proofs), kinds["password_unlocked"]),
        "unlocks stored and in the audit": (len(proofs), audited["unlock_password"]),
        "codes used and notices of the login": (verified, kinds["login_success"] - logins_told(history)),
        "notices and messages of them": (len(notices), sum(not m.at_most_once for m in messages.values())),
    }
    found += [f"{what}: {one} and {other}" for what, (one, other) in equal.items() if one != other]
    found += delivery_faults(messages, outbox)
    return found + [f"audit: {broken}" for broken in verdict.broken]


def settled(services: Services, history: History, outbox: Outbox) -> list[str]:
    """Wait until everything has left, print what was told, and return every disagreement with what is stored."""
    drained(services)
    found = faults_of(services, history, outbox)
    told(
        reports_delivered=history.counts["reports_delivered"],
        reports_told=len(history.reports),
        unlocks_told=len(history.receipts),
        events_told=len(history.events),
        codes_that_did_not_arrive=history.counts["codes_that_did_not_arrive"],
        messages_left=len(outbox.lines()),
        lost_or_doubled=len(found),
    )
    return found


def logins_told(history: History) -> int:
    return sum(kind == "login" for kind, _ in history.events.values())


def delivery_faults(messages: dict[str, OutboxMessage], outbox: Outbox) -> list[str]:
    """Return what is wrong with what left: notices at least once, codes at most once, nothing kept."""
    left = Counter(line["id"] for line in outbox.lines())
    found = []
    for message in messages.values():
        if message.at_most_once and left[message.id] > 1:
            found.append(f"code {message.id} left {left[message.id]} times")
        if not message.at_most_once and (left[message.id] < 1 or message.state != "sent"):
            found.append(f"notice {message.id} left {left[message.id]} times, {message.state}")
        if message.ciphertext and message.state in ("sent", "dead") and message.at_most_once:
            found.append(f"code {message.id} is still stored")
    return found + [f"unknown message {id_} left" for id_ in left if id_ not in messages]
