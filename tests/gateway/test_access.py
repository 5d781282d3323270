"""Whose conversation it is, from which page it may be used, and what is only for this machine (G33, G35, G44)."""

from __future__ import annotations

import json
import random
import re
import string
import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.gateway.conftest import PUBLIC_ORIGIN
from tests.gateway.errors import assert_problem
from tests.gateway.processes import API, Browser, Gateway, Json
from tests.gateway.test_requests import exchange

COOKIES = 2000

# --- the cookie ---------------------------------------------------------------------------------------


def attributes(reply: httpx.Response) -> set[str]:
    assert len(reply.headers.get_list("set-cookie")) == 1
    return {part.strip().lower() for part in reply.headers["set-cookie"].split(";")[1:]}


def opened(browser: Browser, host: str | None = None) -> httpx.Response:
    return browser.http.post(f"{API}/conversations", json={}, headers={"host": host} if host else {})


@pytest.mark.parametrize("attribute", ["httponly", "samesite=lax", "path=/webhook/"])
def test_the_cookie_has_its_attributes(stranger: Browser, attribute: str) -> None:
    assert attribute in attributes(opened(stranger))


@pytest.mark.parametrize("attribute", ["domain", "samesite=none"])
def test_the_cookie_does_not_reach_further_than_its_host(stranger: Browser, attribute: str) -> None:
    assert not any(a.startswith(attribute) for a in attributes(opened(stranger)))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8080", "localhost", "localhost:8080", "LOCALHOST", "[::1]:1"])
def test_the_cookie_is_not_secure_on_this_machine(stranger: Browser, host: str) -> None:
    assert "secure" not in attributes(opened(stranger, host))


@pytest.mark.parametrize(
    "host",
    [
        "chat.example.com",
        "chat.example.com:8080",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "notlocalhost",
        "192.0.2.7",
        "[2001:db8::1]",
        "user@localhost.example",
    ],
)
def test_the_cookie_is_secure_everywhere_else(stranger: Browser, host: str) -> None:
    assert "secure" in attributes(opened(stranger, host))


def test_the_cookie_has_256_bits(stranger: Browser) -> None:
    opened(stranger)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", stranger.token)


def test_no_two_browsers_get_the_same_cookie(stranger: Browser) -> None:
    tokens = set()
    for _ in range(20):
        opened(stranger)
        tokens.add(stranger.token)
    assert len(tokens) == 20


def test_a_cookie_brought_along_is_not_taken_over(stranger: Browser) -> None:
    # Session fixation: who brings a token gets another.
    stranger.open()
    before = stranger.token
    stranger.open()
    assert stranger.token != before


def test_only_a_new_conversation_sets_a_cookie(lonely: Browser) -> None:
    replies = [
        lonely.post("messages", text="x"),
        lonely.http.get(f"{API}/messages"),
        lonely.http.get("/Webhook/"),
        lonely.post("secrets", kind="code", value="x"),
    ]
    assert [reply.headers.get("set-cookie") for reply in replies] == [None] * 4


def test_the_token_is_in_no_body(stranger: Browser) -> None:
    reply = opened(stranger)
    stranger.post("messages", text="hello there")
    assert stranger.token not in reply.text + json.dumps(stranger.messages())


def test_the_token_is_not_in_the_log_of_the_process(alone: Gateway, lonely: Browser) -> None:
    lonely.post("messages", text="hello there")
    assert lonely.token not in alone.log.read_text()


# --- without it ---------------------------------------------------------------------------------------

ENGLISH = {"accept-language": "en"}


@pytest.mark.parametrize("path", ["messages", "messages?after=0", "stream", "stream?after=3"])
def test_nothing_is_read_without_a_cookie(stranger: Browser, path: str) -> None:
    assert_problem(stranger.http.get(f"{API}/{path}", headers=ENGLISH), 401, "no_conversation", "en")


@pytest.mark.parametrize(
    ("path", "body"),
    [("messages", {"text": "x"}), ("messages", {"button": "1.0.a"}), ("secrets", {"kind": "code", "value": "1"})],
)
def test_nothing_is_sent_without_a_cookie(stranger: Browser, path: str, body: Json) -> None:
    assert_problem(stranger.post(path, **body), 401, "no_conversation")


def wrong_tokens(token: str) -> Iterator[str]:
    """Guessed, cut, lengthened, altered, reversed and swapped tokens, the same in every run."""
    chance = random.Random(20261120)
    alphabet = string.ascii_letters + string.digits + "-_"
    yield from (token[:length] for length in range(1, len(token)))
    yield from (token[start:] for start in range(1, len(token)))
    yield from (token[::-1], token.upper(), token.lower(), token.swapcase(), token * 2, token + "=", "=" + token)
    yield from ("null", "undefined", "default", "0", "%", "*", "' OR '1'='1", "../..", "x" * 64, "x" * 65, "x" * 4000)
    for place in range(len(token)):
        for other in chance.sample([c for c in alphabet if c != token[place]], 12):
            yield token[:place] + other + token[place + 1 :]
    while True:
        yield "".join(chance.choices(alphabet, k=43))


def test_2000_wrong_cookies_open_nothing(alone: Gateway, lonely: Browser) -> None:
    lonely.post("messages", text="hello there")
    statuses: dict[int, int] = {}
    bodies = []
    with alone.browser().http as http:
        for token, _ in zip(wrong_tokens(lonely.token), range(COOKIES), strict=False):
            reply = http.get(f"{API}/messages", headers={"cookie": f"anxin={token}"})
            statuses[reply.status_code] = statuses.get(reply.status_code, 0) + 1
            bodies.append(reply.text)
    assert statuses == {401: COOKIES}
    assert "hello there" not in "".join(bodies)


@pytest.mark.parametrize(
    "raw", [b"anxin=\xff\xfe", b"anxin=\x80", b"anxin", b"=", b";;;", b"anxin=a; anxin=b", b'anxin="']
)
def test_a_broken_cookie_is_no_cookie(stranger: Browser, raw: bytes) -> None:
    reply = stranger.http.get(f"{API}/messages", headers=[(b"cookie", raw)])
    assert_problem(reply, 401, "no_conversation")


def test_a_wrong_cookie_does_not_write(alone: Gateway, lonely: Browser) -> None:
    body = {"id": str(uuid.uuid4()), "text": "from elsewhere"}
    with alone.browser().http as http:
        http.post(f"{API}/messages", json=body, headers={"cookie": f"anxin={lonely.token[:-1]}"})
    assert lonely.messages() == []


def test_a_customer_does_not_read_another_conversation(alone: Gateway, lonely: Browser) -> None:
    lonely.post("messages", text="hello there")
    other = alone.browser()
    with other.http:
        other.open()
        assert other.messages() == []


@pytest.mark.parametrize("field", ["sender", "conversation", "sender_id", "token"])
def test_a_conversation_cannot_be_named_in_the_query(lonely: Browser, field: str) -> None:
    reply = lonely.http.get(f"{API}/messages", params={field: "victim"})
    assert (reply.status_code, reply.json()) == (200, {"messages": []})


# --- where a request comes from -----------------------------------------------------------------------

FOREIGN_ORIGINS = [
    "null",
    "",
    "https://evil.example",
    "http://evil.example",
    "https://chat.example.com.evil.example",  # suffix
    "https://evil-chat.example.com",
    "https://chat.example.com@evil.example",
    "https://evil.example/https://chat.example.com",
    "https://evil.example#chat.example.com",
    "https://example.com",  # parent
    "https://a.chat.example.com",  # subdomain
    "http://chat.example.com",  # scheme
    "ftp://chat.example.com",
    "file://",
    "chrome-extension://chat.example.com",
    "https://chat.example.com:8443",  # port
    "https://chat.example.com:443",
    "https://chat.example.com/",
    "https://chat.example.com.",
    "HTTPS://CHAT.EXAMPLE.COM",  # a browser sends lower case
    "https://CHAT.example.com",
    "https://chät.example.com",  # IDN
    "https://xn--cht-qla.example.com",
    "https://chat。example。com",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "http://localhost",
    "http://[::1]",
    "http://[",
    "http://[::1",
    "//chat.example.com",
    "https://chat.example.com https://evil.example",
    "*",
]


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_a_post_from_a_foreign_page_is_refused(lonely: Browser, origin: str) -> None:
    for path in ("conversations", "messages", "secrets"):
        content = b'{"id": "%s", "text": "x"}' % str(uuid.uuid4()).encode() if path == "messages" else b"{}"
        headers = [(b"origin", origin.encode()), (b"content-type", b"application/json")]
        reply = lonely.http.post(f"{API}/{path}", content=content, headers=headers)
        assert_problem(reply, 403, "wrong_origin")
    assert lonely.messages() == []


def test_at_least_30_foreign_origins_are_tried() -> None:
    assert len(FOREIGN_ORIGINS) >= 30


def test_a_post_from_our_own_page_is_taken(stranger: Browser) -> None:
    origin = stranger.gateway.base_url
    assert stranger.http.post(f"{API}/conversations", json={}, headers={"origin": origin}).status_code == 201


def test_a_post_from_the_page_behind_the_proxy_is_taken(stranger: Browser) -> None:
    reply = stranger.http.post(f"{API}/conversations", json={}, headers={"origin": PUBLIC_ORIGIN})
    assert reply.status_code == 201


def test_a_program_without_origin_is_taken(stranger: Browser) -> None:
    assert opened(stranger).status_code == 201


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_post_that_a_browser_calls_foreign_is_refused(stranger: Browser, site: str) -> None:
    for headers in ({"sec-fetch-site": site}, {"sec-fetch-site": site, "origin": PUBLIC_ORIGIN}):
        reply = stranger.http.post(f"{API}/conversations", json={}, headers=headers)
        assert_problem(reply, 403, "wrong_origin")


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_a_post_that_a_browser_calls_our_own_is_taken(stranger: Browser, site: str) -> None:
    reply = stranger.http.post(f"{API}/conversations", json={}, headers={"sec-fetch-site": site})
    assert reply.status_code == 201


def test_no_other_page_is_allowed_to_read(lonely: Browser) -> None:
    for origin in ("https://evil.example", PUBLIC_ORIGIN, "null"):
        reply = lonely.http.get(f"{API}/messages", headers={"origin": origin})
        assert [name for name in reply.headers if name.startswith("access-control")] == []


# --- headers of every answer --------------------------------------------------------------------------

CSP = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
ANSWERS = {
    "page": ("GET", "/Webhook/", None),
    "asset": ("GET", "/Webhook/static/chat.js", None),
    "missing asset": ("GET", "/Webhook/static/none.js", None),
    "openapi": ("GET", "/Webhook/openapi.json", None),
    "opened": ("POST", f"{API}/conversations", "{}"),
    "bad request": ("POST", f"{API}/conversations", "["),
    "too long": ("POST", f"{API}/conversations", " " * 9000),
    "failed": ("POST", f"{API}/messages", '{"id": "7f1f2d50-0000-4000-8000-000000000002", "text": "x"}'),
    "read": ("GET", f"{API}/messages", None),
    "not found": ("GET", "/nowhere", None),
    "wrong method": ("DELETE", f"{API}/messages", None),
    "health": ("GET", "/healthz", None),
    "readiness": ("GET", "/readyz", None),
    "metrics": ("GET", "/metrics", None),
}


def answer(browser: Browser, name: str) -> httpx.Response:
    method, path, content = ANSWERS[name]
    headers = {"content-type": "application/json"} if content else {}
    return browser.http.request(method, path, content=content, headers=headers)


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
    ],
)
def test_every_answer_has_the_headers_that_keep_it_safe(lonely: Browser, name: str, header: str, value: str) -> None:
    assert answer(lonely, name).headers[header] == value


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_allows_nothing_inline_and_nothing_from_elsewhere(lonely: Browser, name: str) -> None:
    policy = answer(lonely, name).headers["content-security-policy"]
    assert dict(part.strip().split(" ", 1) for part in policy.split(";")) == CSP


@pytest.mark.parametrize("name", [name for name in ANSWERS if "asset" not in name])
def test_no_answer_is_stored_on_the_way(lonely: Browser, name: str) -> None:
    assert answer(lonely, name).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ANSWERS)
def test_no_answer_says_what_serves_it(lonely: Browser, name: str) -> None:
    headers = answer(lonely, name).headers
    assert {"server", "x-powered-by"} & set(headers) == set()


def test_an_answer_to_what_is_no_http_is_safe_too(alone: Gateway) -> None:
    reply = exchange(alone, b"GARBAGE\r\n\r\n")
    assert b"x-content-type-options: nosniff" in reply
    assert b"content-security-policy: default-src 'none'" in reply


def test_the_stream_is_safe_too(lonely: Browser) -> None:
    with lonely.http.stream("GET", f"{API}/stream") as reply:
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"


# --- for this machine only ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.parametrize(
    "header", ["x-forwarded-for", "X-Forwarded-For", "forwarded", "x-real-ip", "x-forwarded-host", "via"]
)
def test_the_state_of_the_process_is_not_shown_through_a_proxy(stranger: Browser, path: str, header: str) -> None:
    for value in ("127.0.0.1", "192.0.2.7", "for=127.0.0.1"):
        assert_problem(stranger.http.get(path, headers={header: value}), 404, "not_found")


def test_a_process_that_runs_says_so(stranger: Browser) -> None:
    reply = stranger.http.get("/healthz")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})


def test_a_process_says_what_it_waits_for(stranger: Browser) -> None:
    reply = stranger.http.get("/readyz")
    assert (reply.status_code, reply.json()) == (503, {"engine": False, "actions": False, "database": True})


def test_metrics_are_numbers_with_names(stranger: Browser) -> None:
    stranger.http.get("/nowhere")
    reply = stranger.http.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain")
    for line in reply.text.splitlines():
        assert re.fullmatch(
            r"# HELP anxin_[a-z_]+ [a-z ,]+|# TYPE anxin_[a-z_]+ (counter|gauge|histogram)"
            r'|anxin_[a-z_]+(\{(code="[a-z_]+"|le="[0-9.+Inf]+")\})? [0-9.e-]+',
            line,
        )


def test_a_turn_is_counted_and_timed(customer: Browser) -> None:
    def told(name: str) -> float:
        text = customer.http.get("/metrics").text
        return float(re.findall(rf"^{re.escape(name)} (\S+)$", text, re.M)[0])

    before = told("anxin_turns_total"), told("anxin_turn_seconds_count")
    customer.say("在嗎")
    assert (told("anxin_turns_total"), told("anxin_turn_seconds_count")) == (before[0] + 1, before[1] + 1)
    assert told("anxin_engines_ready") == 1
    assert told("anxin_turns_waiting") == 0


def test_errors_are_counted(stranger: Browser) -> None:
    def errors() -> float:
        text = stranger.http.get("/metrics").text
        return float(re.findall(r'^anxin_errors_total\{code="not_found"\} (\S+)$', text, re.M)[0])

    stranger.http.get("/nowhere")
    before = errors()
    stranger.http.get("/nowhere")
    assert errors() == before + 1
