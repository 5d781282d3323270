"""The description of the interface: valid in itself, and true of what is served."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.content.institutions import load_institutions
from bot.content.language import LANGUAGES
from bot.gateway.app import create_app
from bot.gateway.bodies import MAX_TEXT
from bot.gateway.openapi import OPENAPI
from bot.gateway.secrets import KINDS, MAX_LENGTH
from bot.gateway.sessions import COOKIE
from bot.settings import read_settings
from tests.gateway import schema
from tests.gateway.conftest import Installation
from tests.gateway.processes import API, Browser, StandIn, said

METHODS = {"get", "post", "put", "delete", "patch", "head", "options", "trace"}


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, op) for path, item in OPENAPI["paths"].items() for method, op in item.items()]


def test_it_is_served_as_it_is_written(stranger: Browser) -> None:
    assert stranger.http.get("/Webhook/openapi.json").json() == json.loads(json.dumps(OPENAPI))


def test_it_says_which_openapi_it_is() -> None:
    assert re.fullmatch(r"3\.1\.\d", OPENAPI["openapi"])
    assert set(OPENAPI["info"]) >= {"title", "version"}


def test_every_operation_has_a_summary_and_answers() -> None:
    for path, method, operation in operations():
        assert method in METHODS, path
        assert operation["summary"], path
        assert operation["responses"], path


def test_every_answer_has_a_status_and_a_description() -> None:
    for path, _, operation in operations():
        for status, answer in operation["responses"].items():
            assert re.fullmatch(r"[1-5]\d\d|default", status), path
            assert answer["description"], path


def test_every_reference_leads_somewhere() -> None:
    references = [node["$ref"] for node in nodes(OPENAPI) if "$ref" in node]
    assert references
    assert all(schema.find(OPENAPI, reference) for reference in references)


def test_every_field_that_is_required_is_described() -> None:
    for node in nodes(OPENAPI):
        if isinstance(node.get("required"), list):
            assert set(node["required"]) <= set(node["properties"])


def test_every_parameter_has_its_place_and_shape() -> None:
    for _, _, operation in operations():
        for parameter in operation.get("parameters", []):
            assert parameter["in"] in ("query", "header", "path", "cookie")
            assert parameter["schema"]["type"]


def test_the_routes_are_those_that_are_served(tmp_path: Path) -> None:
    app = create_app(read_settings({"ANXIN_VAR": str(tmp_path)}), name="anxin-gateway-described")
    served = {(f"/{r.path}", m.lower()) for r in app.router.routes for m in r.methods if f"/{r.path}".startswith(API)}
    assert {(path, method) for path, method, _ in operations()} == served


def test_the_cookie_has_the_name_that_is_set() -> None:
    assert OPENAPI["components"]["securitySchemes"]["cookie"]["name"] == COOKIE


def test_the_limits_are_those_that_are_checked() -> None:
    bodies = {
        path: op["requestBody"]["content"]["application/json"]["schema"]
        for path, _, op in operations()
        if "requestBody" in op
    }
    secret = bodies[f"{API}/secrets"]["properties"]
    text = bodies[f"{API}/messages"]["oneOf"][0]["properties"]["text"]
    opening = bodies[f"{API}/conversations"]["properties"]
    assert (text["maxLength"], secret["value"]["maxLength"]) == (MAX_TEXT, MAX_LENGTH)
    assert tuple(secret["kind"]["enum"]) == KINDS
    assert set(opening["institution"]["enum"]) == set(load_institutions())
    assert set(opening["language"]["enum"]) == set(LANGUAGES)


def assert_described(reply: httpx.Response, path: str, method: str = "post") -> None:
    """The status is described, and the body has the described shape."""
    answers = OPENAPI["paths"][f"{API}/{path}"][method]["responses"]
    assert str(reply.status_code) in answers
    shape = answers[str(reply.status_code)]["content"]["application/json"]["schema"]
    assert schema.problems(OPENAPI, shape, reply.json()) == []


def test_an_opened_conversation_is_as_described(installation: Installation) -> None:
    browser = installation.gateway.browser()
    with browser.http:
        assert_described(browser.http.post(f"{API}/conversations", json={}), "conversations")


def test_a_conversation_opened_without_the_engine_is_as_described(stranger: Browser) -> None:
    assert_described(stranger.http.post(f"{API}/conversations", json={}), "conversations")


def test_a_rich_answer_is_as_described(customer: Browser, engine: StandIn) -> None:
    ask = {
        "kind": "code",
        "digits": 6,
        "sent_to": "093***678",
        "expires_at": "2026-11-20T08:05:00+00:00",
        "resend_at": "2026-11-20T08:01:00+00:00",
    }
    engine.script("全部", lambda _: said("請輸入", buttons=(("重寄", "/inform{}"),), ask=ask))
    assert_described(customer.post("messages", text="全部"), "messages")
    assert_described(customer.http.get(f"{API}/messages"), "messages", "get")


def test_a_choice_is_as_described(customer: Browser, engine: StandIn) -> None:
    engine.script("選", lambda _: said("請選", buttons=(("簡訊", "/a"), ("e-mail", "/b")), ask={"kind": "choice"}))
    reply = customer.post("messages", text="選")
    assert reply.json()["messages"][0]["ask"]["choices"] == ["簡訊", "e-mail"]
    assert_described(reply, "messages")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("conversations", {"institution": "nobody"}),
        ("messages", {"id": "x", "text": "x"}),
        ("messages", {"id": "7f1f2d50-0000-4000-8000-000000000003", "text": "x" * 2001}),
        ("messages", {"id": "7f1f2d50-0000-4000-8000-000000000003", "text": "x"}),
        ("messages", {"id": "7f1f2d50-0000-4000-8000-000000000004", "button": "1.0.a"}),
        ("secrets", {"id": "7f1f2d50-0000-4000-8000-000000000005", "kind": "code", "value": "1"}),
        ("secrets", {}),
    ],
)
def test_an_error_is_as_described(lonely: Browser, path: str, body: dict[str, str]) -> None:
    reply = lonely.raw(path, json.dumps(body).encode())
    assert reply.status_code >= 400
    assert_described(reply, path)


def test_a_foreign_page_gets_what_is_described(lonely: Browser) -> None:
    for path in ("conversations", "messages", "secrets"):
        assert_described(lonely.raw(path, b"{}", origin="https://evil.example"), path)


@pytest.mark.parametrize("path", ["messages", "stream"])
@pytest.mark.parametrize("query", ["", "?after=x"])
def test_an_error_of_reading_is_as_described(stranger: Browser, path: str, query: str) -> None:
    assert_described(stranger.http.get(f"{API}/{path}{query}"), path, "get")
