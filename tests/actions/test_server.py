"""The real actions process: signed, bounded, echoing nothing (G36, G37, T45-T48)."""

from __future__ import annotations

import json
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from actions.bootstrap import Services
from actions.server import Keys, create_app
from bot.contracts.keys import derive
from bot.contracts.signing import NONCE_HEADER, SIGNATURE_HEADER, TIME_HEADER, WINDOW_SECONDS, sign
from bot.contracts.turn import SIGN_ACTIONS, SIGN_EVENTS, SIGN_INTERNAL
from bot.settings import ROOT

CANARY = "canary-5738291"
START_SECONDS = 30
MEGABYTE = 1024 * 1024


@dataclass
class Process:
    """A running actions process, and the keys of its three callers."""

    port: int
    var: Path
    log: Path
    client: httpx.Client
    engine_key: bytes
    gateway_key: bytes
    events_key: bytes

    def key_for(self, path: str) -> bytes:
        if path == "/webhook":
            return self.engine_key
        return self.events_key if path.startswith("/internal/events") else self.gateway_key

    def keys_of_others(self, path: str) -> list[bytes]:
        return [key for key in (self.engine_key, self.gateway_key, self.events_key) if key != self.key_for(path)]

    def send(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, **more: str
    ) -> httpx.Response:
        """Send a request, signed unless `headers` are given."""
        if headers is None:
            headers = sign(self.key_for(path), method, path, body, time.time())
        kind = {"content-type": "application/json"} if body else {}
        return self.client.request(method, path, content=body, headers={**kind, **headers, **more})

    def post(self, path: str, value: Any) -> httpx.Response:
        return self.send("POST", path, json.dumps(value).encode())

    def report(self, key: str, **changed: str) -> httpx.Response:
        return self.post("/internal/reports", {**REPORT, "key": key, **changed})


REPORT = {
    "conversation": "c1",
    "institution": "hnyc",
    "platform": "e指發",
    "description": "測試：登入後畫面空白",
    "since": "今天早上",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("server")
    var, log, port = folder / "var", folder / "log", free_port()
    mine = {"ANXIN_VAR": str(var), "ANXIN_ACTIONS_PORT": str(port), "ANXIN_LOG_LEVEL": "DEBUG"}
    others = {name: value for name, value in os.environ.items() if not name.startswith("ANXIN_")}
    with log.open("wb") as out:
        command = [sys.executable, "-m", "bot.cli", "serve", "actions"]
        running = subprocess.Popen(command, cwd=ROOT, env={**others, **mine}, stdout=out, stderr=out)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
            wait_until_ready(client, running, log)
            master = (var / "keys" / "master.key").read_bytes()
            keys = (derive(master, name) for name in (SIGN_ACTIONS, SIGN_INTERNAL, SIGN_EVENTS))
            yield Process(port, var, log, client, *keys)
    finally:
        running.terminate()
        running.wait(START_SECONDS)


def wait_until_ready(client: httpx.Client, running: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert running.poll() is None, log.read_text()
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)  # until the process listens
    raise AssertionError(log.read_text())


def signed_routes() -> list[tuple[str, str]]:
    """Return method and path of every route that does more than tell the process' health; new ones too."""

    def none() -> Services:
        raise AssertionError("not served")

    app = create_app(none, Keys(b"engine", b"gateway", b"events"), name=f"routes-{secrets.token_hex(4)}")
    found = []
    for route in app.router.routes:
        path = "/" + str(route.path).replace("<reference:str>", "ER-20261120-2222")
        if path not in ("/healthz", "/readyz", "/metrics"):
            found += [(method, path) for method in sorted(route.methods or ())]
    return found


ROUTES = sorted(signed_routes())
every_route = pytest.mark.parametrize(("method", "path"), ROUTES, ids=[" ".join(route) for route in ROUTES])
TRACKER: dict[str, Any] = {
    "sender_id": "c1",
    "slots": {},
    "latest_message": {"text": CANARY, "metadata": {}},
    "events": [],
    "paused": False,
    "active_loop": {},
    "latest_action_name": None,
    "followup_action": None,
}


def call(action: str, tracker: Any = TRACKER) -> dict[str, Any]:
    return {"next_action": action, "tracker": tracker, "domain": {"forms": {}}}


def body_for(method: str) -> bytes:
    """Return a body; the server does not look at that of a GET."""
    return b"{}" if method == "POST" else b""


def signed(process: Process, method: str, path: str, seconds: float = 0, key: bytes | None = None) -> dict[str, str]:
    return sign(key or process.key_for(path), method, path, body_for(method), time.time() + seconds)


def is_refused(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.content) == (401, b"")


# --- signatures (G36) -----------------------------------------------------------------------------


def test_the_routes_that_are_checked_are_these() -> None:
    # A new route appears here, and is checked below without another line.
    assert sorted(ROUTES) == [
        ("GET", "/internal/reports/ER-20261120-2222"),
        ("POST", "/internal/events"),
        ("POST", "/internal/hotline/allow-codes"),
        ("POST", "/internal/hotline/lift-protection"),
        ("POST", "/internal/hotline/unlock"),
        ("POST", "/internal/hotline/used-today"),
        ("POST", "/internal/reports"),
        ("POST", "/internal/secrets"),
        ("POST", "/webhook"),
    ]


@every_route
def test_a_signed_request_is_let_in(process: Process, method: str, path: str) -> None:
    assert not is_refused(process.send(method, path, body_for(method)))


@every_route
def test_an_unsigned_request_is_refused(process: Process, method: str, path: str) -> None:
    assert is_refused(process.send(method, path, body_for(method), {}))


@every_route
@pytest.mark.parametrize("missing", [TIME_HEADER, NONCE_HEADER, SIGNATURE_HEADER])
def test_a_request_with_a_header_missing_is_refused(process: Process, method: str, path: str, missing: str) -> None:
    headers = signed(process, method, path)
    del headers[missing]
    assert is_refused(process.send(method, path, body_for(method), headers))


@every_route
@pytest.mark.parametrize("seconds", [-2 * WINDOW_SECONDS, 2 * WINDOW_SECONDS], ids=["stale", "from the future"])
def test_a_request_of_another_time_is_refused(process: Process, method: str, path: str, seconds: int) -> None:
    assert is_refused(process.send(method, path, body_for(method), signed(process, method, path, seconds)))


@every_route
def test_a_replayed_request_is_refused(process: Process, method: str, path: str) -> None:
    headers = signed(process, method, path)
    first, second = (process.send(method, path, body_for(method), headers) for _ in range(2))
    assert not is_refused(first)
    assert is_refused(second)


@pytest.mark.parametrize("path", [path for method, path in ROUTES if method == "POST"])
def test_a_request_whose_body_was_altered_is_refused(process: Process, path: str) -> None:
    assert is_refused(process.send("POST", path, b"{ }", signed(process, "POST", path)))


@every_route
@pytest.mark.parametrize("header", [TIME_HEADER, NONCE_HEADER, SIGNATURE_HEADER])
def test_a_request_whose_header_was_altered_is_refused(process: Process, method: str, path: str, header: str) -> None:
    headers = signed(process, method, path)
    headers[header] = headers[header][:-1] + ("1" if headers[header][-1] == "0" else "0")
    assert is_refused(process.send(method, path, body_for(method), headers))


@every_route
def test_a_signature_for_another_path_is_refused(process: Process, method: str, path: str) -> None:
    headers = sign(process.key_for(path), method, path + "x", body_for(method), time.time())
    assert is_refused(process.send(method, path, body_for(method), headers))


@every_route
def test_a_query_that_was_not_signed_is_refused(process: Process, method: str, path: str) -> None:
    assert is_refused(process.send(method, path + "?more=1", body_for(method), signed(process, method, path)))


@every_route
def test_a_signature_for_another_method_is_refused(process: Process, method: str, path: str) -> None:
    headers = sign(process.key_for(path), "PUT", path, body_for(method), time.time())
    assert is_refused(process.send(method, path, body_for(method), headers))


@every_route
def test_the_other_callers_keys_are_refused(process: Process, method: str, path: str) -> None:
    for other in process.keys_of_others(path):
        assert is_refused(process.send(method, path, body_for(method), signed(process, method, path, key=other)))


@every_route
def test_a_foreign_key_is_refused(process: Process, method: str, path: str) -> None:
    headers = signed(process, method, path, key=secrets.token_bytes(32))
    assert is_refused(process.send(method, path, body_for(method), headers))


@every_route
@pytest.mark.parametrize("value", [b"", b"0", b"x" * 64, "é".encode() * 32, b"0" * 4_000], ids=lambda v: str(len(v)))
def test_a_nonsense_signature_is_refused(process: Process, method: str, path: str, value: bytes) -> None:
    headers = {name.encode(): text.encode() for name, text in signed(process, method, path).items()}
    headers[SIGNATURE_HEADER.encode()] = value
    assert is_refused(process.client.request(method, path, content=body_for(method), headers=headers))


def test_a_path_that_does_not_exist_tells_nothing(process: Process) -> None:
    answer = process.client.get(f"/{CANARY}")
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize("path", ["/actions", "/internal", "/internal/", "/docs", "/webhook/", "/static/../var"])
def test_there_is_nothing_else(process: Process, path: str) -> None:
    assert process.client.get(path).status_code in (404, 405)


# --- sizes and encodings (T47) --------------------------------------------------------------------


@pytest.mark.parametrize("path", [path for method, path in ROUTES if method == "POST"])
def test_a_body_that_is_too_large_is_refused_before_it_is_sent(process: Process, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nhost: demo\r\ncontent-length: {MEGABYTE + 1}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", process.port), timeout=20) as connection:
        connection.sendall(head)
        with connection.makefile("rb") as answer:
            # The internal API looks at the signature first, even then.
            assert answer.readline().split()[1] == (b"413" if path == "/webhook" else b"401")


def test_a_body_that_grows_too_large_in_chunks_is_refused(process: Process) -> None:
    head = b"POST /webhook HTTP/1.1\r\nhost: demo\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", process.port), timeout=20) as connection:
        try:
            connection.sendall(head + 20 * chunk + b"0\r\n\r\n")
        except OSError:
            return  # it hung up in the middle: as good
        with connection.makefile("rb") as answer:
            assert answer.readline().split()[1] == b"413"


@pytest.mark.parametrize("path", ["/webhook", "/internal/secrets", "/internal/reports"])
def test_a_deflated_body_is_refused(process: Process, path: str) -> None:
    body = zlib.compress(b" " * MEGABYTE + json.dumps(TRACKER).encode())
    headers = sign(process.key_for(path), "POST", path, body, time.time())
    answer = process.send("POST", path, body, headers, **{"content-encoding": "deflate"})
    assert (answer.status_code, answer.content) == (400, b"")


def test_a_body_said_to_be_encoded_is_refused_even_if_it_is_not(process: Process) -> None:
    body = json.dumps(call("action_open_error_report")).encode()
    headers = sign(process.engine_key, "POST", "/webhook", body, time.time())
    assert process.send("POST", "/webhook", body, headers, **{"content-encoding": "identity"}).status_code == 400


# --- what is no call (T15, T16, T48) --------------------------------------------------------------

NO_JSON = [b"", b"{", b"[]", b"1", b"null", b'"x"', b"\xff", b"NaN", b"[" * 50_000, b'{"a":' * 50_000]


HOTLINE = [f"/internal/hotline/{act}" for act in ("used-today", "unlock", "allow-codes", "lift-protection")]


@pytest.mark.parametrize("path", ["/webhook", "/internal/secrets", "/internal/reports", *HOTLINE])
@pytest.mark.parametrize("body", NO_JSON, ids=lambda body: repr(body[:8]))
def test_a_body_that_is_no_object_is_refused_without_a_word(process: Process, path: str, body: bytes) -> None:
    answer = process.send("POST", path, body)
    assert (answer.status_code, answer.content) == (400, b"")


NO_MESSAGE = {**TRACKER, "latest_message": CANARY}
FAILING = [
    call("action_finish_verified_flow", CANARY),
    call("action_finish_verified_flow", {"sender_id": CANARY, "latest_message": CANARY}),
    call("action_open_password_unlock", NO_MESSAGE),
    call("action_open_not_me", NO_MESSAGE),
    call("action_ask_otp_code", NO_MESSAGE),
    call("action_report_status", {**TRACKER, "slots": {"status_reference": {CANARY: CANARY}}}),
    call("action_check_notice", NO_MESSAGE),
    call(
        "action_file_error_report",
        {**TRACKER, "slots": {"report_key": "k", "report_platform": "x", "report_description": [CANARY]}},
    ),
    call("validate_verification_form", {**TRACKER, "events": [CANARY]}),
    {"next_action": "action_finish_verified_flow", "tracker": {CANARY: CANARY}},
    {"next_action": {CANARY: CANARY}, "tracker": {}},
]


@pytest.mark.parametrize("failing", FAILING, ids=lambda failing: str(failing["next_action"])[:40])
def test_an_action_that_fails_is_an_error_that_echoes_nothing(process: Process, failing: dict[str, Any]) -> None:
    answer = process.post("/webhook", failing)
    assert (answer.status_code, answer.content) == (500, b"")


def test_an_unknown_action_is_not_found(process: Process) -> None:
    answer = process.post("/webhook", call(CANARY))
    assert (answer.status_code, answer.content) == (404, b"")


def test_a_failure_is_logged_by_kind_and_place_alone(process: Process) -> None:
    for failing in FAILING:
        process.post("/webhook", failing)
    log = process.log.read_text()
    assert "POST /webhook failed with" in log
    assert CANARY not in log


def test_an_action_is_run(process: Process) -> None:
    answer = process.post("/webhook", call("action_open_error_report"))
    assert answer.status_code == 200
    assert "report_key" in [event.get("name") for event in answer.json()["events"]]


# --- the vault ------------------------------------------------------------------------------------


def put(process: Process, **changed: Any) -> httpx.Response:
    return process.post("/internal/secrets", {"conversation": "c1", "kind": "code", "value": CANARY, **changed})


@pytest.mark.parametrize("kind", ["code", "account", "birth_date", "contact"])
def test_a_secret_becomes_a_reference(process: Process, kind: str) -> None:
    answer = put(process, kind=kind)
    assert answer.status_code == 201
    assert set(answer.json()) == {"reference"}
    assert answer.json()["reference"].startswith("v_")


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "password"},
        {"kind": ""},
        {"value": ""},
        {"value": "1" * 501},
        {"value": 123456},
        {"value": None},
        {"value": [CANARY]},
        {"conversation": ""},
        {"conversation": "c" * 2001},
        {"more": "1"},
    ],
    ids=str,
)
def test_what_is_no_secret_is_refused(process: Process, changed: dict[str, Any]) -> None:
    answer = put(process, **changed)
    assert (answer.status_code, answer.content) == (400, b"")


@pytest.mark.parametrize("field", ["value", "conversation"])
def test_text_that_no_database_can_keep_is_refused(process: Process, field: str) -> None:
    body = {"conversation": "c1", "kind": "code", "value": CANARY, field: "\ud800"}
    assert process.post("/internal/secrets", body).status_code == 400


def test_no_file_of_the_process_holds_a_secret_in_clear(process: Process) -> None:
    put(process)
    files = [file for file in [process.log, *process.var.rglob("*")] if file.is_file()]
    assert len(files) >= 3
    assert not [file for file in files if CANARY.encode() in file.read_bytes()]


# --- error reports --------------------------------------------------------------------------------


def test_a_report_is_filed(process: Process) -> None:
    answer = process.report(secrets.token_hex(16))
    assert answer.status_code == 201
    assert answer.json()["reference"].startswith("ER-")


def test_a_report_delivered_twice_is_filed_once(process: Process) -> None:
    key = secrets.token_hex(16)
    assert process.report(key).json() == process.report(key).json()


def test_other_content_under_the_same_key_is_refused_with_the_first_reference(process: Process) -> None:
    key = secrets.token_hex(16)
    first, second = process.report(key), process.report(key, description="另一件事")
    assert (second.status_code, second.json()) == (409, first.json())


@pytest.mark.parametrize(
    "changed", [{"institution": "other"}, {"platform": ""}, {"since": "  "}, {"more": "x"}], ids=str
)
def test_what_is_no_report_is_refused(process: Process, changed: dict[str, str]) -> None:
    answer = process.report(secrets.token_hex(16), **changed)
    assert (answer.status_code, answer.content) == (400, b"")


def test_a_status_tells_where_the_report_stands_and_no_more(process: Process) -> None:
    reference = process.report(secrets.token_hex(16)).json()["reference"]
    answer = process.send("GET", f"/internal/reports/{reference}")
    assert answer.status_code == 200
    assert set(answer.json()) == {"reference", "status", "filed_at"}
    assert answer.json()["status"] == "received"


@pytest.mark.parametrize("reference", ["ER-20261120-0000", "nonsense", "%00", "..%2f..%2fvar"])
def test_an_unknown_report_is_not_found(process: Process, reference: str) -> None:
    answer = process.send("GET", f"/internal/reports/{reference}")
    assert (answer.status_code, answer.content) == (404, b"")


# --- events (deploy/events.md) --------------------------------------------------------------------


def event_of(**changed: Any) -> dict[str, Any]:
    body = {
        "id": secrets.token_hex(16),
        "kind": "login",
        "institution": "hnyc",
        "account": "900018",
        "at": datetime.now(UTC).isoformat(),
        "platform": "測試平台",
    }
    return {name: value for name, value in {**body, **changed}.items() if value is not None}


def tell(process: Process, **changed: Any) -> httpx.Response:
    return process.post("/internal/events", event_of(**changed))


def test_an_event_is_answered_with_the_references_of_its_notices(process: Process) -> None:
    answer = tell(process)
    assert answer.status_code == 202
    (reference,) = answer.json()["notices"]
    assert reference.startswith("NT-")


def test_the_same_event_again_has_the_same_references(process: Process) -> None:
    event = event_of()
    answers = [process.post("/internal/events", event) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert len({answer.text for answer in answers}) == 1


def test_the_same_event_many_times_at_once_is_one(process: Process) -> None:
    event = event_of()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: process.post("/internal/events", event), range(20)))
    assert [answer.status_code for answer in answers] == [202] * 20
    assert len({answer.text for answer in answers}) == 1


def test_other_content_under_the_same_id_is_a_conflict(process: Process) -> None:
    event = event_of()
    process.post("/internal/events", event)
    answer = process.post("/internal/events", {**event, "platform": "另一個平台"})
    assert (answer.status_code, answer.json()) == (409, {"error": "other_content"})


def test_an_event_of_futures_makes_no_notice(process: Process) -> None:
    answer = tell(process, market="futures")
    assert (answer.status_code, answer.json()) == (202, {"notices": []})


@pytest.mark.parametrize("account", ["", "700018", "900068", CANARY])
def test_an_event_about_an_unknown_account_is_not_found_and_not_echoed(process: Process, account: str) -> None:
    answer = tell(process, account=account)
    assert (answer.status_code, answer.json()) == (404, {"error": "unknown_account"})


@pytest.mark.parametrize(
    "changed",
    [
        {"id": None},
        {"kind": None},
        {"account": None},
        {"at": None},
        {"institution": None},
        {"institution": "nobody"},
        {"institution": 7},
        {"id": "short"},
        {"id": "x" * 65},
        {"id": "demo event 1"},
        {"id": "１２３４５６７８"},
        {"id": "demo-event\n"},
        {"kind": CANARY},
        {"kind": ["login"]},
        {"at": "yesterday"},
        {"at": "2026-11-20T10:00:00"},
        {"at": "0001-01-01T00:00:00+00:00"},
        {"at": "0001-01-01T00:00:00+23:59"},
        {"at": "9999-12-31T23:59:59-23:59"},
        {"at": 1763600000},
        {"locked": "yes"},
        {"locked": 1},
        {"language": "fr"},
        {"language": "../en"},
        {"platform": ""},
        {"platform": "\x00"},
        {"platform": "\ud800"},
        {"platform": "x" * 501},
        {"platform": {CANARY: CANARY}},
        {"account": 900018},
        {"more": CANARY},
    ],
    ids=lambda changed: str(changed)[:40],
)
def test_what_is_no_event_is_refused_without_an_echo(process: Process, changed: dict[str, Any]) -> None:
    answer = tell(process, **changed)
    assert (answer.status_code, answer.json()["error"]) == (400, "unusable")
    assert CANARY not in answer.text


@pytest.mark.parametrize("body", NO_JSON, ids=lambda body: repr(body[:8]))
def test_an_event_that_is_no_object_is_refused(process: Process, body: bytes) -> None:
    assert process.send("POST", "/internal/events", body).status_code == 400


@pytest.mark.parametrize(("days", "status"), [(-6.99, 202), (-7.01, 400), (0.003, 202), (0.01, 400)])
def test_an_event_is_taken_for_seven_days_and_not_from_the_future(process: Process, days: float, status: int) -> None:
    assert tell(process, at=(datetime.now(UTC) + timedelta(days=days)).isoformat()).status_code == status


# --- the hotline ----------------------------------------------------------------------------------

CALLER = {"institution": "hnyc", "account": "900028", "staff": "demo staff"}


def call_hotline(process: Process, act: str, **body: Any) -> httpx.Response:
    return process.post(f"/internal/hotline/{act}", {**CALLER, **body})


def test_the_hotline_unlocks_once_a_day_and_the_same_command_once(process: Process) -> None:
    key = secrets.token_hex(16)
    first, again = (call_hotline(process, "unlock", key=key, language="zh-Hant") for _ in range(2))
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert first.json()["receipt"].startswith("UL-")
    other = call_hotline(process, "unlock", key=secrets.token_hex(16), language="zh-Hant")
    assert (other.status_code, other.json()["refusal"]) == (409, "utter_unlock_done_today")
    used = call_hotline(process, "used-today").json()["used"]
    assert [(entry["kind"], entry["channel"], entry["receipt"]) for entry in used] == [
        ("unlock_password", "hotline", first.json()["receipt"])
    ]


@pytest.mark.parametrize("account", ["700018", CANARY])
@pytest.mark.parametrize("act", ["used-today", "allow-codes"])
def test_a_caller_without_an_account_is_refused_without_an_echo(process: Process, act: str, account: str) -> None:
    answer = call_hotline(process, act, account=account)
    assert (answer.status_code, answer.json()) == (409, {"refusal": "utter_secret_gone", "facts": {}})


def test_the_hotline_opens_an_account_to_codes(process: Process) -> None:
    answer = call_hotline(process, "allow-codes")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    "changed",
    [
        {"key": "k" * 65},
        {"key": "short"},
        {"key": "two words"},
        {"language": "fr"},
        {"language": "../en"},
        {"staff": ""},
    ],
    ids=str,
)
def test_what_is_no_command_is_refused(process: Process, changed: dict[str, str]) -> None:
    answer = call_hotline(process, "unlock", **{"key": secrets.token_hex(16), "language": "en", **changed})
    assert (answer.status_code, answer.content) == (400, b"")


def test_a_protection_that_nobody_has_is_lifted_without_effect(process: Process) -> None:
    body = {"reference": "NM-20261120-2222", "staff": "demo staff"}
    assert process.post("/internal/hotline/lift-protection", body).status_code == 204


# --- health ---------------------------------------------------------------------------------------


def test_the_process_says_that_it_lives(process: Process) -> None:
    assert process.client.get("/healthz").json() == {"status": "ok"}


def test_the_process_says_that_it_is_ready(process: Process) -> None:
    assert process.client.get("/readyz").json() == {"status": "ok"}


def test_metrics_are_names_and_numbers(process: Process) -> None:
    lines = [line for line in process.client.get("/metrics").text.splitlines() if not line.startswith("#")]
    assert lines
    assert all(name.startswith("anxin_") and float(value) >= 0 for name, value in (line.split() for line in lines))


def test_the_process_is_not_ready_without_its_tables(process: Process) -> None:
    with sqlite3.connect(process.var / "security.sqlite", timeout=20) as database:
        database.execute("PRAGMA legacy_alter_table=ON")
        database.execute("ALTER TABLE core_account RENAME TO core_account_away")
        database.commit()
        try:
            answer = process.client.get("/readyz")
        finally:
            database.execute("ALTER TABLE core_account_away RENAME TO core_account")
            database.commit()
    database.close()
    assert (answer.status_code, answer.json()) == (503, {"status": "database: OperationalError"})


def test_it_listens_on_this_machine_alone(process: Process) -> None:
    listening = {
        line.split()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{process.port:04X}")
    }
    assert listening == {f"0100007F:{process.port:04X}"}


@pytest.mark.parametrize("name", ["security.sqlite", "security.sqlite-wal", "keys/master.key"])
def test_nobody_else_on_the_machine_can_read_its_files(process: Process, name: str) -> None:
    file = process.var / name
    modes = [part.stat().st_mode & 0o077 for part in (process.var, file)]
    assert 0 in modes
