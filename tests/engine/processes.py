"""The real engine and actions on free ports, and something in place of the actions process."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sqlite3
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bot import supervisor
from bot.contracts.keys import derive, load_or_create_master_key
from bot.contracts.signing import sign
from bot.contracts.turn import SIGN_TURNS, TURN_PATH, TurnRequest
from bot.settings import ROOT, read_settings

READY_SECONDS = 90
Reply = tuple[int, bytes]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def caller(institution: str = "hnyc", language: str = "zh-Hant") -> dict[str, Any]:
    """Return what the gateway says about a conversation with every turn."""
    return {
        "institution": institution,
        "language": language,
        "reference": "C-TEST01",
        "message": str(uuid.uuid4()),
        "link": False,
        "notice": "",
    }


def turn_request(
    conversation: str,
    text: str | None = None,
    payload: str | None = None,
    who: dict[str, Any] | None = None,
    again: bool = False,
) -> bytes:
    turn = TurnRequest(
        conversation=conversation,
        caller=who or caller(),  # type: ignore[typeddict-item]  # a test may also send what is no caller
        text=text,
        payload=payload,
        again=again,
    )
    return json.dumps(turn).encode()


class Processes:
    """Starts and stops processes as `anxin up` does, and speaks to the engine as the gateway does."""

    def __init__(self, var: Path) -> None:
        ports = {f"ANXIN_{name}_PORT": str(free_port()) for name in ("ENGINE", "ACTIONS", "GATEWAY")}
        self.environment = {**os.environ, "ANXIN_VAR": str(var), **ports}
        self.settings = read_settings({"ANXIN_VAR": str(var), **ports})
        self.var = var
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Processes:
        self.key = derive(load_or_create_master_key(self.settings.key_file), SIGN_TURNS)
        try:
            self.start("engine")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *problem: object) -> None:
        for name in list(self._running):
            self.stop(name)

    def start(self, name: str) -> None:
        """Start `name` and return when it is ready."""
        child = next(child for child in supervisor.children(self.settings) if child.name == name)
        command = list(child.command)
        if name == "actions":  # the supervisor runs in .venv, and so does what it starts; we run in .venv-engine
            command[0] = str(ROOT / ".venv" / "bin" / "python")
        with (self.var / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        self._running[name] = process
        give_up = time.monotonic() + READY_SECONDS
        while not self._is_ready(child.port):
            if process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"The {name} did not start:\n{(self.var / f'{name}.log').read_text()[-3000:]}")
            time.sleep(0.1)

    def stop(self, name: str) -> None:
        process = self._running.pop(name)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def memory_of(self, name: str) -> int:
        """Return the megabytes that a process has in memory."""
        status = Path(f"/proc/{self._running[name].pid}/status").read_text(encoding="utf-8")
        return int(status.partition("VmRSS:")[2].split()[0]) // 1024

    def turn(
        self,
        conversation: str,
        text: str | None = None,
        payload: str | None = None,
        who: dict[str, Any] | None = None,
        again: bool = False,
    ) -> tuple[int, Any]:
        """Send one turn, signed; return status and JSON."""
        body = turn_request(conversation, text, payload, who, again)
        status, content = self.request("POST", TURN_PATH, body, self.signed(body))
        return status, json.loads(content)

    def signed(self, body: bytes, now: float | None = None) -> dict[str, str]:
        return sign(self.key, "POST", TURN_PATH, body, time.time() if now is None else now)

    def request(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.settings.engine_port, timeout=30)
        try:
            connection.request(method, path, body, {"content-type": "application/json", **(headers or {})})
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def events(self, conversation: str) -> list[dict[str, Any]]:
        """Return what the engine has stored of a conversation."""
        with sqlite3.connect(self.var / "trackers.sqlite") as database:
            rows = database.execute("SELECT events FROM turn WHERE conversation = ? ORDER BY seq", (conversation,))
            return [event for (events,) in rows for event in json.loads(events)]

    @staticmethod
    def _is_ready(port: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class StandInActions:
    """Listens in place of the actions process: keeps every call, and answers it with `answer`."""

    def __init__(self, port: int = 0) -> None:
        self.calls: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.asked = threading.Event()
        self.released = threading.Event()  # set at the end, for answers that wait
        self.answer: Callable[[dict[str, Any]], Reply | None] = lambda call: says()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> StandInActions:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def never(self, call: dict[str, Any]) -> Reply | None:
        """An answer that does not come while the test runs."""
        self.released.wait(30)
        return says()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                stand_in.bodies.append(body)
                stand_in.calls.append(json.loads(body))
                stand_in.headers.append({key.lower(): value for key, value in self.headers.items()})
                stand_in.asked.set()
                reply = stand_in.answer(stand_in.calls[-1])
                if reply is None:  # hang up without a word
                    self.close_connection = True
                    return
                status, content = reply
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                return None

        return Handler


def says(*events: dict[str, Any], responses: tuple[dict[str, Any], ...] = ()) -> Reply:
    """Return the answer of an action that worked."""
    return 200, json.dumps({"events": events, "responses": responses}).encode()
