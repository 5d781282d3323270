"""What comes from the internet: taken in the right form only, and answered with the right status (G11, T15, T16)."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.gateway.errors import assert_problem
from tests.gateway.processes import API, Browser, Gateway, Json

POSTS = ("conversations", "messages", "secrets")
GOOD_ID = "7f1f2d50-0000-4000-8000-000000000001"
DEEP = 3000

NO_OBJECTS: dict[str, bytes] = {
    "nothing": b"",
    "half": b'{"id": ',
    "words": b"hello",
    "single quotes": b"{'id': 1}",
    "comment": b"{} // x",
    "null": b"null",
    "number": b"7",
    "string": b'"text"',
    "true": b"true",
    "array": b"[]",
    "array of objects": b'[{"id": 1}]',
    "NaN": b"NaN",
    "NaN inside": b'{"id": NaN}',
    "Infinity": b'{"id": -Infinity}',
    "long number": b"9" * 5000,
    "long number inside": b'{"id": ' + b"9" * 5000 + b"}",
    "deep arrays": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "open arrays": b"[" * 8000,
    "not UTF-8": b"\xff\xfe\x00",
    "broken UTF-8": b'{"id": "\xc3\x28"}',
    "NUL": b"\x00",
}


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", NO_OBJECTS.values(), ids=NO_OBJECTS.keys())
def test_a_body_that_is_no_object_is_refused(lonely: Browser, path: str, body: bytes) -> None:
    assert_problem(lonely.raw(path, body), 400, "bad_request")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("messages", {}),
        ("messages", {"text": "x"}),
        ("messages", {"id": GOOD_ID}),
        ("messages", {"id": GOOD_ID, "text": None}),
        ("secrets", {}),
        ("secrets", {"id": GOOD_ID, "kind": "code"}),
        ("secrets", {"id": GOOD_ID, "value": "1"}),
        ("secrets", {"kind": "code", "value": "1"}),
    ],
)
def test_a_body_without_a_field_that_is_needed_is_refused(lonely: Browser, path: str, body: Json) -> None:
    assert_problem(lonely.raw(path, json.dumps(body).encode()), 400, "bad_request")


@pytest.mark.parametrize("field", ["sender", "conversation", "metadata", "institution", "payload", "__proto__", ""])
def test_a_message_with_an_unknown_field_is_refused(lonely: Browser, field: str) -> None:
    body = {"id": GOOD_ID, "text": "x", field: "y"}
    assert_problem(lonely.raw("messages", json.dumps(body).encode()), 400, "bad_request")


@pytest.mark.parametrize("field", ["id", "token", "is_staff"])
def test_a_conversation_with_an_unknown_field_is_refused(stranger: Browser, field: str) -> None:
    assert_problem(stranger.raw("conversations", json.dumps({field: "y"}).encode()), 400, "bad_request")


@pytest.mark.parametrize(
    "both", [{"text": "x", "button": "1.0.a"}, {"text": "x", "language": "en"}, {"button": "1.0.a", "language": "en"}]
)
def test_a_message_is_one_thing_only(lonely: Browser, both: Json) -> None:
    assert_problem(lonely.post("messages", **both), 400, "bad_request")


ODD_VALUES = [0, 1.5, True, [], ["hnyc"], {}, {"a": "hnyc"}, "", " ", "\t\n", "\u3000"]


@pytest.mark.parametrize("value", ODD_VALUES, ids=repr)
@pytest.mark.parametrize("field", ["institution", "language", "link"])
def test_a_conversation_with_an_odd_value_is_refused(stranger: Browser, field: str, value: object) -> None:
    if field == "link" and isinstance(value, str):
        value = 7  # any text can be a link
    assert_problem(stranger.raw("conversations", json.dumps({field: value}).encode()), 400, "bad_request")


@pytest.mark.parametrize("value", ODD_VALUES, ids=repr)
@pytest.mark.parametrize("field", ["id", "text", "button", "language"])
def test_a_message_with_an_odd_value_is_refused(lonely: Browser, field: str, value: object) -> None:
    body: Json = {"id": GOOD_ID, **({"text": "x"} if field == "id" else {}), field: value}
    assert_problem(lonely.raw("messages", json.dumps(body).encode()), 400, "bad_request")


@pytest.mark.parametrize("value", [*ODD_VALUES, None], ids=repr)
@pytest.mark.parametrize("field", ["id", "kind", "value"])
def test_a_secret_with_an_odd_value_is_refused(lonely: Browser, field: str, value: object) -> None:
    body: Json = {"id": GOOD_ID, "kind": "code", "value": "483920", field: value}
    assert_problem(lonely.raw("secrets", json.dumps(body).encode()), 400, "bad_request")


@pytest.mark.parametrize("kind", ["password", "CODE", "otp_code", "code ", "hnyc"])
def test_a_secret_of_an_unknown_kind_is_refused(lonely: Browser, kind: str) -> None:
    assert_problem(lonely.post("secrets", kind=kind, value="x"), 400, "bad_request")


@pytest.mark.parametrize("id_", ["1", "x" * 36, "7f1f2d50-0000-4000-8000-00000000000g", "../../etc", "' OR 1=1 --"])
def test_an_id_that_is_no_uuid_is_refused(lonely: Browser, id_: str) -> None:
    assert_problem(lonely.post("messages", id=id_, text="x"), 400, "bad_request")


@pytest.mark.parametrize("institution", ["HNYC", "hnyc ", "demo", "../hnyc"])
def test_an_unknown_institution_is_refused(stranger: Browser, institution: str) -> None:
    reply = stranger.raw("conversations", json.dumps({"institution": institution}).encode())
    assert_problem(reply, 400, "bad_request")


@pytest.mark.parametrize("language", ["zh", "zh-TW", "EN", "fr"])
def test_an_unknown_language_is_refused(stranger: Browser, language: str) -> None:
    assert_problem(stranger.raw("conversations", json.dumps({"language": language}).encode()), 400, "bad_request")


@pytest.mark.parametrize("after", ["-1", "x", "1.0", "１", "1" * 10, "NaN", "%2B1", "1%00"])
def test_a_number_to_read_after_must_be_one(lonely: Browser, after: str) -> None:
    assert_problem(lonely.http.get(f"{API}/messages?after={after}"), 400, "bad_request")


# --- type and size ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json-patch+json",
        "json",
        "",
    ],
)
def test_only_json_is_taken(lonely: Browser, path: str, content_type: str) -> None:
    reply = lonely.raw(path, b'{"id": "%s", "text": "x"}' % GOOD_ID.encode(), content_type=content_type)
    assert_problem(reply, 400, "bad_request")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json ;x"])
def test_json_is_taken_with_parameters_and_in_capitals(stranger: Browser, content_type: str) -> None:
    assert stranger.raw("conversations", b"{}", content_type=content_type).status_code == 201


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("length", [8193, 9 * 1024, 200_000])
def test_a_body_over_8_KB_is_refused(lonely: Browser, path: str, length: int) -> None:
    assert_problem(lonely.raw(path, b" " * length), 413, "too_long")


def test_a_body_over_8_KB_in_chunks_is_refused(alone: Gateway) -> None:
    chunk = b"400\r\n" + b" " * 1024 + b"\r\n"
    head = b"POST /Webhook/api/conversations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    assert exchange(alone, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 20 + b"0\r\n\r\n").startswith(
        b"HTTP/1.1 413"
    )


@pytest.mark.parametrize("text", ["x" * 2001, "測" * 2001])
def test_a_text_of_2001_characters_is_refused(lonely: Browser, text: str) -> None:
    body = json.dumps({"id": GOOD_ID, "text": text}, ensure_ascii=False).encode()
    assert_problem(lonely.raw("messages", body), 413, "too_long")


@pytest.mark.parametrize("text", ["x" * 2000, "測" * 2000, "😀" * 2000])
def test_a_text_of_2000_characters_is_kept(lonely: Browser, text: str) -> None:
    body = json.dumps({"id": GOOD_ID, "text": text}, ensure_ascii=False).encode()
    assert_problem(lonely.raw("messages", body), 503, "engine_down")
    assert [m["text"] for m in lonely.messages()] == [text]


def test_a_secret_of_501_characters_is_refused(lonely: Browser) -> None:
    assert_problem(lonely.post("secrets", kind="code", value="4" * 501), 413, "too_long")


def test_a_button_of_201_characters_is_refused(lonely: Browser) -> None:
    assert_problem(lonely.post("messages", button="1" * 201), 413, "too_long")


# --- odd text -----------------------------------------------------------------------------------------

SURROGATES = ('"\\ud800"', '"a\\udfffb"', '"\\ud83d\\ud83d"', '"\\udc00\\ud800"')


@pytest.mark.parametrize("text", SURROGATES)
def test_a_text_with_half_a_character_is_kept_without_it(lonely: Browser, text: str) -> None:
    body = f'{{"id": "{GOOD_ID}", "text": {text}}}'.encode()
    assert_problem(lonely.raw("messages", body), 503, "engine_down")
    assert [m["text"].count("\ufffd") + m["text"].count("?") > 0 for m in lonely.messages()] == [True]


@pytest.mark.parametrize("text", SURROGATES)
@pytest.mark.parametrize("field", ["id", "button", "language"])
def test_half_a_character_elsewhere_is_refused(lonely: Browser, field: str, text: str) -> None:
    other = "" if field == "id" else f'"id": "{GOOD_ID}", '
    more = ', "text": "x"' if field == "id" else ""
    reply = lonely.raw("messages", f'{{{other}"{field}": {text}{more}}}'.encode())
    assert reply.status_code in (400, 409)
    assert set(reply.json()["error"]) == {"code", "message", "reference"}


@pytest.mark.parametrize("text", SURROGATES)
def test_half_a_character_in_a_secret_breaks_nothing(lonely: Browser, text: str) -> None:
    reply = lonely.raw("secrets", f'{{"id": "{GOOD_ID}", "kind": "code", "value": {text}}}'.encode())
    assert_problem(reply, 503, "actions_down")


@pytest.mark.parametrize("text", SURROGATES)
def test_half_a_character_in_the_institution_is_refused(stranger: Browser, text: str) -> None:
    assert_problem(stranger.raw("conversations", f'{{"institution": {text}}}'.encode()), 400, "bad_request")


@pytest.mark.parametrize(
    "text",
    [
        "a\x00b",
        "\u202egnp.exe",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "%s %n",
        "'; DROP TABLE message; --",
        "\x1b[2J",
    ],
)
def test_an_odd_text_is_kept_as_it_is(lonely: Browser, text: str) -> None:
    lonely.post("messages", text=text)
    assert [m["text"] for m in lonely.messages()] == [text]


# --- methods and paths --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["conversations", "messages", "secrets", "stream"])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "DEMO"])
def test_another_method_is_refused(lonely: Browser, path: str, method: str) -> None:
    reply = lonely.http.request(method, f"{API}/{path}")
    assert reply.status_code in (404, 405)
    assert set(reply.json()["error"]) == {"code", "message", "reference"}


@pytest.mark.parametrize("path", ["conversations", "secrets"])
def test_what_is_posted_cannot_be_got(lonely: Browser, path: str) -> None:
    assert lonely.http.get(f"{API}/{path}").status_code in (404, 405)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/Webhook",
        "/webhook/",
        "/Webhook/nobody/",
        "/Webhook/hnyc",
        "/Webhook/api/",
        "/Webhook/api/nothing",
        "/webhooks/rest/webhook",
        "/model",
        "/status",
        "/internal/secrets",
        "/conversations/x/tracker",
        "/Webhook/static/",
        "/Webhook/static/nothing.js",
        "/Webhook/static/%2e%2e/templates/chat.html",
        "/Webhook/static/..%2f..%2fcli.py",
        "/Webhook/static/%00",
        "/Webhook/static/a%00.js",
        "/Webhook/static/" + "a" * 3000,
        "/Webhook/%00/",
        "/Webhook/%ff/",
        "/Webhook/%7B7*7%7D/",
    ],
)
def test_there_is_nothing_at_another_path(stranger: Browser, path: str) -> None:
    assert_problem(stranger.http.get(path), 404, "not_found")


def exchange(gateway: Gateway, sent: bytes) -> bytes:
    """Send bytes, and return what comes until the other side ends."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(sent)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\r\n\r\n",
        b"POST /Webhook/api/conversations HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /Webhook/api/conversations HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST /Webhook/api/conversations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /Webhook/ HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=["garbage", "negative length", "wrong length", "wrong chunk", "wrong version", "long line"],
)
def test_what_is_no_http_is_refused_and_breaks_nothing(alone: Gateway, sent: bytes) -> None:
    assert b" 4" in exchange(alone, sent)[:20]


@pytest.mark.parametrize("host", ["[", "[::1", "a]", "[x]:y", "demo.example:x", ""])
def test_an_odd_host_breaks_nothing(alone: Gateway, host: str) -> None:
    head = f"POST /Webhook/api/conversations HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    reply = exchange(alone, head.encode() + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}")
    assert reply[:12] in (b"HTTP/1.1 201", b"HTTP/1.1 400", b"HTTP/1.1 403")


# --- language of an error -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "language"), [("en-GB,en;q=0.9", "en"), ("zh-CN", "zh-Hans"), ("zh-TW", "zh-Hant")]
)
def test_a_stranger_reads_an_error_in_the_language_of_their_browser(
    alone: Gateway, accepted: str, language: str
) -> None:
    with alone.browser(**{"accept-language": accepted}).http as http:
        assert_problem(http.get("/nowhere"), 404, "not_found", language)


@pytest.mark.parametrize("language", ["zh-Hant", "zh-Hans", "en"])
def test_a_customer_reads_an_error_in_the_language_of_the_conversation(stranger: Browser, language: str) -> None:
    stranger.open("gtjai", language)
    body = json.dumps({"id": str(uuid.uuid4()), "text": "測" * 2001}, ensure_ascii=False).encode()
    assert_problem(stranger.raw("messages", body), 413, "too_long", language, "gtjai")


@pytest.mark.parametrize("institution", ["hnyc", "gtjai", "icbca"])
def test_a_customer_reads_the_hotline_of_their_own_firm(stranger: Browser, institution: str) -> None:
    stranger.open(institution, "en")
    assert_problem(stranger.post("messages", text="hello there"), 503, "engine_down", "en", institution)


# --- anything at all ----------------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from(["id", "text", "button", "language", "institution", "link", "kind", "value"])
likely = st.sampled_from([GOOD_ID, "hnyc", "en", "code", "1.0.a", "x" * 2001, "\ud800", "\x00", "/restart"])


@pytest.fixture(scope="module")
def talker(alone: Gateway) -> Iterator[Browser]:
    browser = alone.browser()
    with browser.http:
        browser.open()
        yield browser


@settings(derandomize=True, deadline=None, max_examples=600)
@given(path=st.sampled_from(POSTS), body=anything | st.dictionaries(fields, likely | anything, max_size=5))
def test_whatever_is_sent_is_answered_in_form(talker: Browser, path: str, body: object) -> None:
    reply = talker.raw(path, json.dumps(body).encode())
    assert reply.status_code in (200, 201, 400, 401, 409, 413, 503)
    assert set(reply.json()) in ({"messages", "language"}, {"messages"}, {"error"})


@settings(derandomize=True, deadline=None, max_examples=300)
@given(path=st.sampled_from(POSTS), body=st.binary(max_size=200))
def test_whatever_bytes_are_sent_are_refused(talker: Browser, path: str, body: bytes) -> None:
    assume(body.strip() != b"{}")  # opens a conversation
    assert_problem(talker.raw(path, body), 400, "bad_request")
