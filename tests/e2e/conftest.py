"""The real processes, started as README says (`make run`), on free ports and with an empty var folder."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 180


@dataclass
class Anxin:
    """One running installation."""

    base_url: str
    var: Path
    ports: dict[str, int]
    output: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    def customer(self, institution: str = "hnyc", language: str = "zh-Hant", **more: str) -> Customer:
        return Customer(self).open(institution, language, **more)

    def outbox(self) -> list[dict[str, Any]]:
        done = self.anxin("outbox", "--json")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def newest_code(self) -> str:
        """Return the code that was sent last; it leaves a moment after the answer."""
        deadline = time.monotonic() + 15
        waiting = "SELECT count(*) FROM outbox WHERE state IN ('queued', 'sending')"
        with sqlite3.connect(self.var / "security.sqlite") as database:
            while database.execute(waiting).fetchone() != (0,):
                assert time.monotonic() < deadline, "a message does not leave the outbox"
                time.sleep(0.05)
        return str([message for message in self.outbox() if "code" in message][-1]["code"])

    def anxin(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(ROOT / "anxin"), *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False)

    def process_on(self, name: str) -> int:
        """Return the process that listens on the port of `name`."""
        wanted = f"{self.ports[name]:04X}"
        inodes = set()
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            parts = line.split()
            if parts[1].endswith(":" + wanted) and parts[3] == "0A":
                inodes.add(f"socket:[{parts[9]}]")
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _holds(entry, inodes):
                return int(entry.name)
        raise AssertionError(f"nobody listens on the port of {name}")

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.base_url}/readyz", timeout=5, trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.2)
        raise AssertionError("not ready:\n" + self.output.read_text(errors="replace")[-3000:])


def _holds(process: Path, inodes: set[str]) -> bool:
    try:
        return any(os.readlink(link) in inodes for link in (process / "fd").iterdir())
    except OSError:
        return False


@dataclass
class Customer:
    """A customer's browser, as far as HTTP goes."""

    anxin: Anxin
    messages: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.anxin.base_url, timeout=15, trust_env=False)

    def open(self, institution: str, language: str, **more: str) -> Customer:
        reply = self.http.post(
            "/Webhook/api/conversations", json={"institution": institution, "language": language, **more}
        )
        assert reply.status_code == 201, reply.text
        self.messages = reply.json()["messages"]
        return self

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.http.post(f"/Webhook/api/{path}", json={"id": str(uuid.uuid4()), **body})

    def say(self, text: str) -> list[dict[str, Any]]:
        return self._answered(self.post("messages", text=text))

    def enter(self, kind: str, value: str) -> list[dict[str, Any]]:
        return self._answered(self.post("secrets", kind=kind, value=value))

    def press(self, title: str) -> list[dict[str, Any]]:
        return self._answered(self.post("messages", button=self.button(title)))

    def button(self, title: str) -> str:
        found = [b["button"] for m in self.messages for b in m["buttons"] if title in b["title"]]
        assert found, f"no button {title!r} in {[b['title'] for m in self.messages for b in m['buttons']]}"
        return str(found[0])

    def identify(self, account: str, birth_date: str) -> list[dict[str, Any]]:
        self.enter("account", account)
        return self.enter("birth_date", birth_date)

    def verify(self, account: str, birth_date: str, way: str = "簡訊") -> list[dict[str, Any]]:
        """Go from the account step to behind the code."""
        self.identify(account, birth_date)
        self.press(way)
        return self.enter("code", self.anxin.newest_code())

    @property
    def text(self) -> str:
        return "\n".join(message["text"] for message in self.messages)

    @property
    def ask(self) -> dict[str, Any]:
        return next((m["ask"] for m in reversed(self.messages) if m.get("ask")), {})

    def log(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.http.get("/Webhook/api/messages?after=0").json()["messages"]
        return messages

    def _answered(self, reply: httpx.Response) -> list[dict[str, Any]]:
        assert reply.status_code == 200, reply.text
        self.messages = reply.json()["messages"]
        return self.messages


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(folder: Path, **settings: str) -> Anxin:
    """Start everything with `make run` and wait until it is ready."""
    gateway, engine, actions = free_ports(3)
    environment = {
        **os.environ,
        "ANXIN_VAR": str(folder / "var"),
        "ANXIN_GATEWAY_PORT": str(gateway),
        "ANXIN_ENGINE_PORT": str(engine),
        "ANXIN_ACTIONS_PORT": str(actions),
        **settings,
    }
    output = folder / "output.txt"
    with output.open("wb") as file:
        process = subprocess.Popen(
            ["make", "--no-print-directory", "run"],
            cwd=ROOT,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    ports = {"gateway": gateway, "engine": engine, "actions": actions}
    running = Anxin(f"http://127.0.0.1:{gateway}", folder / "var", ports, output, environment, process)
    running.wait_until_ready()
    return running


def stop(running: Anxin) -> int:
    """End it as Ctrl-C in a terminal does: the signal goes to the whole foreground group."""
    if running.process.poll() is None:
        os.killpg(running.process.pid, signal.SIGINT)
    try:
        return running.process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(running.process.pid, signal.SIGKILL)
        raise


@pytest.fixture(scope="session")
def anxin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anxin]:
    """One installation for the whole run, at DEBUG: what must not be logged must not be logged there either."""
    running = start(tmp_path_factory.mktemp("anxin"), ANXIN_LOG_LEVEL="DEBUG")
    yield running
    stop(running)


@pytest.fixture(autouse=True)
def demo_customers_as_made(request: pytest.FixtureRequest) -> None:
    """Every test finds the demo customers in their states."""
    if "anxin" in request.fixturenames:
        done = request.getfixturevalue("anxin").anxin("demo", "--reset")
        assert done.returncode == 0, done.stderr


REPORT_REFERENCE = re.compile(r"ER-\d{8}-[0-9A-Z]{4}")
