"""Fifty at once over three real processes: one is accepted, on both databases (G4, G6, G14, G15, G23, T25, T26, T36).

10 rounds of each in the suite, 100 and more with ANXIN_ROUNDS.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select, update

from actions.bootstrap import Services
from actions.storage.models import Account, ChallengeRecord, ErrorReport, GuessBudget, LedgerEntry, OutboxMessage
from bot.rig.actions import Actions
from bot.rig.customers import Customer, Outbox, Person, add_people, keep_codes
from tests.actions.security.rounds import rounds, told

AT_ONCE = 50
ROUNDS = rounds(10)
WRONG = "000000"


class Crowd:
    """Fifty callers who let go together, spread over the replicas."""

    def __init__(self, actions: Actions) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._actions = actions
        self._start = Barrier(AT_ONCE)

    def all(self, call: Callable[..., Any], values: list[Any]) -> list[Any]:
        """Call with each of fifty values at the same moment, and return what came of it."""

        def one(value: Any) -> Any:
            self._start.wait(60)
            return call(value)

        return [waiting.result(120) for waiting in [self._pool.submit(one, value) for value in values]]

    def close(self) -> None:
        self._pool.shutdown()


@pytest.fixture
def crowd(actions: Actions) -> Iterator[Crowd]:
    made = Crowd(actions)
    yield made
    made.close()


def test_of_fifty_right_codes_one_is_accepted(
    actions: Actions, services: Services, crowd: Crowd, capsys: pytest.CaptureFixture[str]
) -> None:
    people = add_people(services.work, ROUNDS)
    outbox, accepted, doubled = Outbox(actions.var / "outbox.jsonl"), 0, 0
    for person in people:
        customer, code = waiting_for_code(actions, outbox, person)
        references = [secret(actions, customer, code) for _ in range(AT_ONCE)]
        takes = crowd.all(partial(takes_code, actions, customer), references)
        accepted, doubled = accepted + min(1, sum(takes)), doubled + max(0, sum(takes) - 1)
    with services.work.look() as session:
        used = session.scalar(select(func.count()).where(ChallengeRecord.used_at.is_not(None)))
    with capsys.disabled():
        told(codes_tried=ROUNDS * AT_ONCE, accepted=accepted, doubled=doubled, used_rows=int(used or 0))
    assert (accepted, doubled, used) == (ROUNDS, 0, ROUNDS)


def test_of_fifty_wrong_codes_three_are_judged(
    actions: Actions, services: Services, crowd: Crowd, capsys: pytest.CaptureFixture[str]
) -> None:
    people, outbox, judged = add_people(services.work, ROUNDS), Outbox(actions.var / "outbox.jsonl"), Counter[int]()
    for person in people:
        customer, code = waiting_for_code(actions, outbox, person)
        wrong = next(text for text in (WRONG, "111111") if text != code)
        references = [secret(actions, customer, wrong) for _ in range(AT_ONCE)]
        assert not any(crowd.all(partial(takes_code, actions, customer), references))
        assert not takes_code(actions, customer, secret(actions, customer, code)), "a right one after three wrong ones"
        with services.work.look() as session:
            wrong_ones = session.scalars(
                select(ChallengeRecord.wrong).where(ChallengeRecord.account_id == person.account)
            )
            evaluated = session.scalars(select(GuessBudget.evaluated).where(GuessBudget.subject == person.account))
            judged[max(wrong_ones.one(), evaluated.one())] += 1
    with capsys.disabled():
        told(wrong_codes_tried=ROUNDS * AT_ONCE, rounds=ROUNDS, rounds_with_more_than_three=ROUNDS - judged[3])
    assert judged == {3: ROUNDS}


def test_of_fifty_unlocks_one_is_done(
    actions: Actions, services: Services, crowd: Crowd, capsys: pytest.CaptureFixture[str]
) -> None:
    people, accepted, doubled = add_people(services.work, ROUNDS), 0, 0
    for person in people:
        customers = [Customer(actions, person, f"{person.account}-{n}") for n in range(AT_ONCE)]
        keep_codes(services.work, customers)
        receipts = {
            message["receipt"]
            for said in crowd.all(Customer.finish, customers)
            for message in said
            if message.get("response") == "utter_unlocked"
        }
        accepted, doubled = accepted + min(1, len(receipts)), doubled + max(0, len(receipts) - 1)
    with services.work.look() as session:
        rows = session.scalar(select(func.count()).where(LedgerEntry.account_id.like("proof-%")))
        notices = sum(1 for line in services_outbox(services) if line == "password_unlocked")
    with capsys.disabled():
        told(unlocks_tried=ROUNDS * AT_ONCE, accepted=accepted, doubled=doubled, rows=int(rows or 0), notices=notices)
    assert (accepted, doubled, rows, notices) == (ROUNDS, 0, ROUNDS, ROUNDS)


def test_of_fifty_deliveries_of_a_report_one_is_filed(
    actions: Actions, services: Services, crowd: Crowd, capsys: pytest.CaptureFixture[str]
) -> None:
    acknowledged, references = 0, set()
    for round_ in range(ROUNDS):
        body = {"key": f"proof-{round_:06d}", "conversation": "c1", "institution": "hnyc", "platform": "e指發"}
        body |= {"description": "測試：畫面空白", "since": "今天早上"}
        answers = crowd.all(partial(actions.deliver, "/internal/reports"), [body] * AT_ONCE)
        acknowledged += sum(answer.status == 201 for answer in answers)
        references |= {answer.body["reference"] for answer in answers}
    with services.work.look() as session:
        rows = session.scalar(select(func.count()).select_from(ErrorReport))
    with capsys.disabled():
        told(
            reports_delivered=ROUNDS * AT_ONCE,
            acknowledged=acknowledged,
            rows=int(rows or 0),
            references=len(references),
        )
    assert (acknowledged, rows, len(references)) == (ROUNDS * AT_ONCE, ROUNDS, ROUNDS)


def test_of_fifty_wrong_passwords_three_are_counted(
    actions: Actions, services: Services, crowd: Crowd, capsys: pytest.CaptureFixture[str]
) -> None:
    people, beyond, notices = add_people(services.work, ROUNDS), 0, Counter[int]()
    with services.work.begin() as session:
        session.execute(update(Account).where(Account.id.like("proof-%")).values(locked_at=None, wrong_passwords=0))
        session.commit()
    for person in people:
        events = [wrong_password(person) for _ in range(AT_ONCE)]
        answers = crowd.all(partial(actions.deliver, "/internal/events/"), events)
        notices[sum(len(answer.body["notices"]) for answer in answers)] += 1
        with services.work.look() as session:
            account = session.get_one(Account, person.account)
            beyond += account.wrong_passwords != 3 or account.locked_at is None
    with capsys.disabled():
        told(wrong_passwords=ROUNDS * AT_ONCE, accounts=ROUNDS, not_locked_at_three=beyond)
    assert (beyond, notices) == (0, {4: ROUNDS})  # three of the entries, one of the lock


def waiting_for_code(actions: Actions, outbox: Outbox, person: Person) -> tuple[Customer, str]:
    customer = Customer(actions, person, f"{person.account}-c", purpose="verify_identity")
    customer.identify()
    customer.ask_for_code()
    code = outbox.code_for(person.phone)
    assert code
    return customer, code


def secret(actions: Actions, customer: Customer, code: str) -> str:
    body = {"conversation": customer.conversation, "kind": "code", "value": code}
    return str(actions.deliver("/internal/secrets", body).body["reference"])


def takes_code(actions: Actions, customer: Customer, reference: str) -> bool:
    call = customer.call("validate_verification_form", "otp_code", reference)
    events = actions.deliver("/webhook", call).body["events"]
    return {e["name"]: e["value"] for e in events if e["event"] == "slot"}.get("otp_code") is not None


def services_outbox(services: Services) -> list[str]:
    with services.work.look() as session:
        return list(session.scalars(select(OutboxMessage.kind)))


def wrong_password(person: Person) -> dict[str, Any]:
    body = {"id": f"event-{secrets.token_hex(8)}", "kind": "wrong_password", "institution": "hnyc"}
    return body | {"account": person.number, "platform": "e指發", "at": datetime.now(UTC).isoformat()}
