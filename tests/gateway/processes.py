"""A real gateway process, and what stands where the processes behind it stand."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from bot.contracts.keys import derive, load_or_create_master_key
from bot.contracts.signing import SignatureCheck, Unsigned
from bot.contracts.turn import SIGN_INTERNAL, SIGN_TURNS, TURN_PATH
from bot.settings import ROOT

READY_SECONDS = 30
PATIENCE_SECONDS = 60
ANSWERED_WITHIN_SECONDS = 5.0  # what the customer is promised, whatever is down
API = "/Webhook/api"

WITH_LIMITS = """
from bot.gateway.app import create_app
from bot.gateway.limits import Limits, Rate
from bot.settings import read_settings
settings = read_settings()
create_app(settings, limits=Limits({limits})).run(port=settings.gateway_port, single_process=True)
"""

Json = dict[str, Any]
Script = Callable[[Json], tuple[int, Json | bytes]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses connections, and that nobody else gets."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


@dataclass
class Gateway:
    """One gateway process with its own folder."""

    port: int
    var: Path
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def browser(self, **headers: str) -> Browser:
        # Without TLS there is nothing to verify, and reading the list of authorities takes longer than a test.
        http = httpx.Client(base_url=self.base_url, trust_env=False, verify=False, timeout=20, headers=headers)
        return Browser(self, http)


@dataclass
class Browser:
    """A customer's browser: keeps the cookie, and sends what it is told."""

    gateway: Gateway
    http: httpx.Client

    def open(self, institution: str = "hnyc", language: str = "zh-Hant", **more: str) -> Json:
        body = {"institution": institution, "language": language, **more}
        reply = self.http.post(f"{API}/conversations", json=body)
        assert reply.status_code == 201, reply.text
        opened: Json = reply.json()
        return opened

    def post(self, path: str, timeout: float = 20, **body: Any) -> httpx.Response:
        return self.http.post(f"{API}/{path}", json={"id": str(uuid.uuid4()), **body}, timeout=timeout)

    def say(self, text: str, id_: str | None = None) -> list[Json]:
        reply = self.post("messages", text=text, id=id_ or str(uuid.uuid4()))
        assert reply.status_code == 200, reply.text
        return list(reply.json()["messages"])

    def insist(self, text: str, id_: str) -> list[Json]:
        """Send a message, and again by its id as long as another has the turn."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            reply = self.post("messages", id=id_, text=text)
            if reply.status_code == 200:
                return list(reply.json()["messages"])
            assert reply.json()["error"]["code"] == "busy", reply.text
            time.sleep(0.05)
        raise AssertionError("it was never its turn")

    def elsewhere(self, gateway: Gateway) -> Browser:
        """The same browser, as a proxy may send it to another gateway."""
        other = gateway.browser()
        other.http.cookies.set("anxin", self.token, path="/Webhook/")
        return other

    def raw(self, path: str, content: bytes, **headers: str) -> httpx.Response:
        sent = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.http.post(f"{API}/{path}", content=content, headers=sent)

    def messages(self, after: int = 0) -> list[Json]:
        reply = self.http.get(f"{API}/messages", params={"after": after})
        assert reply.status_code == 200, reply.text
        return list(reply.json()["messages"])

    def everything(self) -> list[Json]:
        """Return all that was said, however long it is."""
        said: list[Json] = []
        while more := self.messages(after=said[-1]["seq"] if said else 0):
            said += more
        return said

    @property
    def token(self) -> str:
        return str(self.http.cookies["anxin"])


@contextlib.contextmanager
def gateway(var: Path, engine_port: int, actions_port: int, limits: str = "", **settings: str) -> Iterator[Gateway]:
    """Start a gateway as `anxin up` does, or one with `limits` (arguments of `Limits`); wait for it, and end it."""
    var.mkdir(parents=True, exist_ok=True, mode=0o700)
    port = free_port()
    log = var / f"gateway-{port}.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANXIN_")} | {
        "ANXIN_VAR": str(var),
        "ANXIN_GATEWAY_PORT": str(port),
        "ANXIN_ENGINE_PORT": str(engine_port),
        "ANXIN_ACTIONS_PORT": str(actions_port),
        **settings,
    }
    command = [sys.executable, "-m", "bot.cli", "serve", "gateway"]
    if limits:
        command = [sys.executable, "-c", WITH_LIMITS.format(limits=limits)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    made = Gateway(port, var, log, process)
    try:
        _wait_for(made)
        yield made
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(made: Gateway) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and made.process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{made.base_url}/healthz", trust_env=False, verify=False, timeout=5).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("the gateway did not start:\n" + made.log.read_text(errors="replace")[-2000:])


# --- what stands behind it ----------------------------------------------------------------------------


def said(*texts: str, buttons: tuple[tuple[str, str], ...] = (), ask: Json | None = None) -> tuple[int, Json | bytes]:
    """A turn's answer; buttons (title, payload) and the question belong to the last message."""
    messages: list[Json] = [{"text": text, "buttons": []} for text in texts]
    if messages:
        messages[-1]["buttons"] = [{"title": title, "payload": payload} for title, payload in buttons]
        messages[-1] |= {"ask": ask} if ask else {}
    return 200, {"messages": messages, "topic": None, "decision": None, "confidence": None}


def refused(error: str, done: str) -> tuple[int, Json | bytes]:
    return 503, {"error": error, "done": done}


@dataclass
class StandIn:
    """Stands at the port of an inner process: takes signed calls, notes them, and answers from a script."""

    path: str
    signature: SignatureCheck
    default: Script
    scripts: dict[str, Script] = field(default_factory=dict)
    calls: list[Json] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)
    in_flight: dict[str, int] = field(default_factory=dict)
    most_at_once: dict[str, int] = field(default_factory=dict)
    port: int = 0
    is_ready: bool = True

    def script(self, said_by_customer: str, script: Script) -> None:
        """Answer a text, or a payload, in this way."""
        self.scripts[said_by_customer] = script

    def calls_with(self, said_by_customer: str) -> list[Json]:
        with self.arrived:
            return [call for call in self.calls if said_by_customer in (call.get("text"), call.get("payload"))]

    def wait_for_call(self, said_by_customer: str, times: int = 1) -> None:
        with self.arrived:
            came = self.arrived.wait_for(
                lambda: sum(said_by_customer in (c.get("text"), c.get("payload")) for c in self.calls) >= times, 10
            )
        assert came, f"{said_by_customer} did not come {times} times"

    def answer(self, call: Json) -> tuple[int, Json | bytes]:
        conversation = call["conversation"]
        with self.arrived:
            self.calls.append(call)
            now = self.in_flight[conversation] = self.in_flight.get(conversation, 0) + 1
            self.most_at_once[conversation] = max(now, self.most_at_once.get(conversation, 0))
            self.arrived.notify_all()
        try:
            return self.scripts.get(call.get("text") or call.get("payload") or "", self.default)(call)
        finally:
            with self.arrived:
                self.in_flight[conversation] -= 1


class _Calls(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        stand_in: StandIn = self.server.stand_in  # type: ignore[attr-defined]
        self._reply(200 if stand_in.is_ready else 503, {"status": "ok"})

    def do_POST(self) -> None:
        stand_in: StandIn = self.server.stand_in  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            stand_in.signature.check("POST", self.path, headers, body, time.time())
        except Unsigned:
            return self._reply(401, b"")
        if self.path != stand_in.path:
            return self._reply(404, b"")
        return self._reply(*stand_in.answer(json.loads(body)))

    def _reply(self, status: int, body: Json | bytes) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        with contextlib.suppress(ConnectionError):  # who asked may have gone
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Say nothing of a gateway that has gone."""


@contextlib.contextmanager
def served(stand_in: StandIn) -> Iterator[StandIn]:
    server = _Server(("127.0.0.1", 0), _Calls)
    server.stand_in = stand_in  # type: ignore[attr-defined]
    stand_in.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def engine_stand_in(var: Path) -> StandIn:
    """Answers every text with `回覆 <text>`, unless a script says otherwise."""
    key = derive(load_or_create_master_key(var / "keys" / "master.key"), SIGN_TURNS)
    return StandIn(TURN_PATH, SignatureCheck(key), lambda call: said(f"回覆 {call.get('text') or call.get('payload')}"))


def vault_stand_in(var: Path) -> StandIn:
    """Takes every secret and gives a reference for it."""
    key = derive(load_or_create_master_key(var / "keys" / "master.key"), SIGN_INTERNAL)
    return StandIn("/internal/secrets", SignatureCheck(key), lambda call: (201, {"reference": f"ref-{uuid.uuid4()}"}))
