"""Signed calls that are sent again (T45, T46): refused where they were taken, without effect where they were not.

A replica remembers what it has taken; another knows a call by its key, its code or its reference. 100 repeats of each
route, 1,000 with ANXIN_ROUNDS=10.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select

from actions.bootstrap import Services
from actions.server import Keys, create_app
from actions.storage.models import Base
from bot.rig.actions import Actions, Replica
from bot.rig.customers import Customer, Person, add_people
from tests.actions.security.rounds import rounds, told
from tests.proof.load import drained

STALE_SECONDS = 40
BARE = {"vault", "audit", "audit_head"}  # another replica's: a secret kept twice, a decision written down twice

Call = tuple[str, str, bytes]  # method, path, content


def calls(actions: Actions, services: Services) -> dict[str, Call]:
    """Return one call of every route, each with an effect where the route has any."""
    person, other = add_people(services.work, 2)
    customer = Customer(actions, person, "replay-c", purpose="verify_identity")
    customer.identify()
    caller = {"institution": "hnyc", "account": other.number, "staff": "demo"}
    report = {"key": "replay-00", "conversation": "c1", "institution": "hnyc", "platform": "e指發"}
    report |= {"description": "測試：畫面空白", "since": "今天早上"}
    filed = actions.deliver("/internal/reports", {**report, "key": "replay-01"}).body["reference"]
    bodies: dict[str, Any] = {
        "/webhook": customer.call("validate_verification_form", "otp_channel", "sms"),
        "/internal/secrets": {"conversation": "replay-c", "kind": "code", "value": "123456"},
        "/internal/reports": report,
        "/internal/events/": event_of(person),
        "/internal/hotline/used-today": caller,
        "/internal/hotline/unlock": {**caller, "key": "replay-key", "language": "zh-Hant"},
        "/internal/hotline/allow-codes": caller,
        "/internal/hotline/lift-protection": {"reference": "NM-20261120-2222", "staff": "demo"},
    }
    found = {path: ("POST", path, json.dumps(body).encode()) for path, body in bodies.items()}
    return found | {"/internal/reports/<reference:str>": ("GET", f"/internal/reports/{filed}", b"")}


def event_of(person: Person) -> dict[str, str]:
    at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    return {"id": "replay-event-1", "kind": "login", "institution": "hnyc", "account": person.number, "at": at}


@pytest.fixture
def two(actions: Actions) -> tuple[Replica, Replica]:
    return actions.replicas[0], actions.replicas[1]


def stored(services: Services, apart_from: set[str]) -> dict[str, Counter[Any]]:
    with services.work.look() as session:
        return {
            table.name: Counter(tuple(map(repr, row)) for row in session.execute(select(table)))
            for table in Base.metadata.sorted_tables
            if table.name not in apart_from
        }


def test_a_call_that_is_sent_again_has_no_effect(
    actions: Actions, services: Services, two: tuple[Replica, Replica], capsys: pytest.CaptureFixture[str]
) -> None:
    here, elsewhere = two
    made, again, statuses = calls(actions, services), rounds(100), Counter[int]()
    signed = {}
    for name, (method, path, content) in made.items():
        signed[name] = actions.signed(method, path, content)
        assert actions.send(here, method, path, content, signed[name]).status_code not in (401, 404, 500), name
    drained(services)
    before = stored(services, set())
    for name, (method, path, content) in made.items():
        for _ in range(again):
            answer = actions.send(here, method, path, content, signed[name])
            statuses[answer.status_code] += 1
            assert answer.content == b""
    assert stored(services, set()) == before
    for name, (method, path, content) in made.items():  # nobody has seen it there
        actions.send(elsewhere, method, path, content, signed[name])
    drained(services)
    assert stored(services, BARE) == {name: rows for name, rows in before.items() if name not in BARE}
    with capsys.disabled():
        told(routes=len(made), repeats=again * len(made), refused=statuses[401], effects=0)
    assert statuses == {401: again * len(made)}


def test_an_old_a_foreign_and_an_altered_signature_are_refused(
    actions: Actions, services: Services, two: tuple[Replica, Replica]
) -> None:
    made, refused = calls(actions, services), 0
    before = stored(services, set())
    for method, path, content in made.values():
        other = "/webhook" if path != "/webhook" else "/internal/secrets"
        for headers in (
            {},
            actions.signed(method, path, content, time.time() - STALE_SECONDS),
            actions.signed(method, path, content, time.time() + STALE_SECONDS),
            actions.signed(method, path, content + b" "),
            actions.signed("PUT", path, content),
            actions.signed(method, other, content),
        ):
            answer = actions.send(two[0], method, path, content, headers)
            refused += answer.status_code == 401
            assert (answer.status_code, answer.content) == (401, b"")
    assert stored(services, set()) == before
    told(tried=6 * len(made), refused=refused)


def test_every_route_is_in_these_tests(actions: Actions, services: Services) -> None:
    def none() -> Services:
        raise AssertionError("not served")

    app = create_app(none, Keys(b"engine", b"gateway", b"events"), name=f"routes-{secrets.token_hex(4)}")
    routes = {f"/{route.path}" for route in app.router.routes} - {"/healthz", "/readyz", "/metrics"}
    assert {name.rstrip("/") for name in calls(actions, services)} == {route.rstrip("/") for route in routes}
