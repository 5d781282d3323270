"""The contract is a valid description (OpenAPI 3.1), says what is told to firms, and we read as it is written."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actions.adapters import core_answers
from actions.adapters.core_answers import Malformed, Told
from actions.adapters.core_exchange import REFUSALS
from actions.adapters.http import Answer
from bot.settings import ROOT
from tests.actions.core.description import CHECKED, DESCRIBING, DOCUMENT, find, keywords, operation, problems, resolved
from tests.actions.core.test_contract import tokens
from tests.actions.security.rounds import rounds, told

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
SCHEMAS = DOCUMENT["components"]["schemas"]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)


# --- the description ------------------------------------------------------------------------------


def test_it_is_openapi_3_1_with_what_that_requires() -> None:
    assert re.fullmatch(r"3\.1\.\d", DOCUMENT["openapi"])
    assert {"title", "version"} <= set(DOCUMENT["info"])
    assert set(DOCUMENT) == {"openapi", "info", "servers", "security", "tags", "paths", "components"}
    assert set(DOCUMENT["components"]) <= {
        "schemas", "responses", "parameters", "requestBodies", "headers", "securitySchemes",
    }  # fmt: skip


def test_every_reference_is_to_something() -> None:
    found = [find(reference) for reference in references(DOCUMENT)]
    told(references=len(found))
    assert all(found)


def test_everything_described_is_used() -> None:
    used = set(references(DOCUMENT))
    kinds = ("schemas", "responses", "parameters", "requestBodies")
    names = {f"#/components/{kind}/{name}" for kind in kinds for name in DOCUMENT["components"][kind]}
    assert names - used == set()


def test_every_schema_uses_keywords_that_are_checked() -> None:
    assert {keyword for schema in SCHEMAS.values() for keyword in keywords(schema)} <= CHECKED | DESCRIBING


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_every_operation_is_whole(path: str) -> None:
    assert set(DOCUMENT["paths"][path]) & METHODS == {"post"}
    described = operation(path)
    assert set(described) <= {
        "operationId", "tags", "summary", "description", "parameters", "requestBody", "responses",
    }  # fmt: skip
    for response in map(resolved, described["responses"].values()):
        assert set(response) == {"description", "headers", "content"}
    for parameter in map(resolved, described["parameters"]):
        assert {"name", "in", "required", "schema"} <= set(parameter)


def test_operations_have_names_of_their_own() -> None:
    names = [operation(path)["operationId"] for path in DOCUMENT["paths"]]
    assert len(set(names)) == len(names)


def test_no_address_holds_anything_of_a_customer() -> None:
    assert [path for path in DOCUMENT["paths"] if "{" in path] == []


def test_acts_carry_a_key_and_reads_do_not() -> None:
    for path in DOCUMENT["paths"]:
        names = {parameter["name"] for parameter in map(resolved, operation(path)["parameters"])}
        acts = operation(path)["tags"] == ["acts"]
        assert ("Idempotency-Key" in names, "Request-Id" in names) == (acts, True)


def test_every_reason_of_the_contract_is_one_that_we_know() -> None:
    known = {reason for reasons in REFUSALS.values() for reason in reasons}
    assert set(SCHEMAS["RefusedAnswer"]["properties"]["refused"]["enum"]) == known


def test_what_firms_are_told_names_every_call_and_reason() -> None:
    text = (ROOT / "deploy" / "core-system.md").read_text(encoding="utf-8")
    names = [*DOCUMENT["paths"], *SCHEMAS["RefusedAnswer"]["properties"]["refused"]["enum"]]
    assert [name for name in names if name not in text] == []


# --- read as it is written ------------------------------------------------------------------------

AT = "2026-11-20T02:00:00+00:00"
CUSTOMER = {
    "account": "demo-one",
    "institution": "hnyc",
    "number": "900018",
    "birth_date": "1980-01-02",
    "phone": "0930000678",
    "email": "zdemo@example.com",
    "branch": "測試分公司",
    "branch_number": "T001",
    "agent": "測試營業員",
}
CERTIFICATE = {"valid_from": AT, "valid_until": AT, "revoked_at": None}
TOKEN = core_answers.told_of(tokens()["both"])
READ: dict[str, tuple[dict[str, Any], Callable[[Told], object]]] = {
    "FoundAnswer": (
        {"customer": CUSTOMER},
        lambda t: t.or_none("customer", lambda name: core_answers.customer(t.object(name))),
    ),
    "CustomerAnswer": ({"customer": CUSTOMER}, lambda t: core_answers.customer(t.object("customer"))),
    "MailDomainsAnswer": ({"domains": ["example.com"]}, core_answers.mail_domains),
    "PasswordAnswer": ({"account": "demo-one", "locked_at": AT, "suspended_at": None}, core_answers.password),
    "CertificatesAnswer": ({"account": "demo-one", "certificates": [CERTIFICATE]}, core_answers.certificates),
    "TokenAnswer": (
        {"account": "demo-one", "token": TOKEN, "version": "1"},
        lambda t: (t.like("account", core_answers.ID), t.like("version", core_answers.VERSION),
                   core_answers.token(t.object("token"))),
    ),
    "IssuedAnswer": ({"done": True, "certificate": {"serial": "demo", "valid_until": AT}}, core_answers.issued),
}  # fmt: skip
INSTEAD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.5, 10**7, 10**400, "", "x", "x" * 33, "x" * 300, "a@b", "a b@example.com", "a@例", "名",
    [], {}, [None], ["x"], [{}], ["x"] * 2000, {"x": 1}, "2026-11-20", "2026-02-30", "2026-11-20T10:00:00",
    "2026-11-20T10:00:00Z", "2026-11-20T10:00:00.123456+08:00", "2026-13-20T10:00:00Z", "1026-11-20T10:00:00Z",
    "20261120T100000Z", "2026-W47-5", "active", "none", "invest_app", "demo/one", "١٢٣",
)  # fmt: skip
BEYOND_JSON_SCHEMA = ("line\nend", "nul\x00", "half \ud800", "demo\n", "2026-11-20T10:00:00Z\n")


def spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container in `value` with every place in it."""
    places = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for place in places:
        yield value, place
        yield from spots(value[place])


def is_read(name: str, value: Any) -> bool:
    try:
        READ[name][1](Told(value))
    except Malformed:
        return False
    return True


def changed(name: str) -> Iterator[Any]:
    """Yield the answer with one value gone, or with another in its place."""
    count = len(list(spots(READ[name][0])))
    for number in range(count):
        for instead in (..., *INSTEAD):
            value = copy.deepcopy(READ[name][0])
            container, place = list(spots(value))[number]
            if instead is ...:
                del container[place]
            else:
                container[place] = instead
            yield value


@pytest.mark.parametrize("name", READ)
def test_an_answer_of_the_contract_is_read(name: str) -> None:
    value = READ[name][0]
    assert (problems(SCHEMAS[name], value), is_read(name, value)) == ([], True)


@pytest.mark.parametrize("name", READ)
def test_what_is_not_the_contracts_is_not_read_and_the_rest_is(name: str) -> None:
    tried = agreed = 0
    for value in changed(name):
        valid = not problems(SCHEMAS[name], value)
        if name == "TokenAnswer" and valid and not agrees(value["token"]):
            valid = False  # said in words: active means in an app
        if name == "IssuedAnswer" and value.get("done") is not True:
            valid = is_read(name, value)  # read before the rest (core_exchange)
        tried += 1
        agreed += valid == is_read(name, value)
        assert valid == is_read(name, value), value
    told(tried=tried, agreed=agreed)


def agrees(token: dict[str, Any]) -> bool:
    apps = [place["app"] for place in token["places"]]
    return bool(apps) == (token["status"] == "active") and len(set(apps)) == len(apps)


@pytest.mark.parametrize("name", [name for name in READ if name != "IssuedAnswer"])
@pytest.mark.parametrize("bad", BEYOND_JSON_SCHEMA)
def test_what_would_break_a_line_a_mail_or_a_table_is_not_read(name: str, bad: str) -> None:
    count = len(list(spots(READ[name][0])))
    for number in range(count):
        value = copy.deepcopy(READ[name][0])
        container, place = list(spots(value))[number]
        container[place] = bad
        assert not is_read(name, value)


def test_fields_beyond_the_contract_are_left_alone() -> None:
    for name, (value, _) in READ.items():
        assert is_read(name, {**value, "more": [1]})


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"1", b"NaN", b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 1, "a": 2}', b"\xff",
     b"[" * 60_000, b'{"a": ' * 30_000, b'{"a": 1} x', b'{"a": ' + b"1" * 5000 + b"}"],
)  # fmt: skip
def test_what_is_no_json_object_is_not_read(body: bytes) -> None:
    with pytest.raises(Malformed):
        core_answers.told_by(Answer(200, {"content-type": "application/json"}, body))


@pytest.mark.parametrize("kind", ["", "text/html", "application/jsonp", "text/json", "application/problem+json"])
def test_another_content_type_is_not_read(kind: str) -> None:
    with pytest.raises(Malformed):
        core_answers.told_by(Answer(200, {"content-type": kind}, b"{}"))


def test_no_random_answer_is_an_error_of_another_kind() -> None:
    draw, tried, read = random.Random(4), rounds(2000), 0
    for _ in range(tried):
        name = draw.choice(list(READ))
        body = bytearray(json.dumps(READ[name][0]).encode())
        for _ in range(draw.randrange(1, 4)):
            body[draw.randrange(len(body))] = draw.randrange(256)
        try:
            READ[name][1](core_answers.told_by(Answer(200, {"content-type": "application/json"}, bytes(body))))
            read += 1
        except Malformed:
            continue
    told(tried=tried, read=read)
