"""Real actions processes on one database: started in a moment, called like the engine and the gateway do, killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import secrets
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx

from bot.contracts.keys import derive, load_or_create_master_key
from bot.contracts.signing import sign
from bot.contracts.turn import SIGN_ACTIONS, SIGN_EVENTS, SIGN_INTERNAL

PATIENCE_SECONDS = 60
CALL_SECONDS = 20.0

_random = secrets.SystemRandom()
forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["actions.server", "actions.bootstrap", "bot.logs"])


LEASE = timedelta(seconds=5)  # of a message that a killed process was sending: nobody here has a minute


def serve(environment: dict[str, str], log: str) -> None:
    """Be an actions process; the body of each."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    from actions.storage import outbox
    from bot.cli import main

    outbox.SENDING_LEASE = LEASE
    sys.exit(main(["serve", "actions"], environment))


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]
    deliveries: int  # how often it was sent until it was answered


@dataclass
class Replica:
    port: int
    process: BaseProcess | None = None


@dataclass
class Actions:
    """`count` replicas on one database; `environment` says which."""

    var: Path
    environment: dict[str, str]
    count: int = 3
    replicas: list[Replica] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.var.mkdir(parents=True, exist_ok=True)
        master = load_or_create_master_key(self.var / "keys" / "master.key")
        self._keys = {
            "/webhook": derive(master, SIGN_ACTIONS),
            "/internal/events": derive(master, SIGN_EVENTS),
            "/internal": derive(master, SIGN_INTERNAL),
        }
        self.replicas = [Replica(free_port()) for _ in range(self.count)]
        self._own = threading.local()
        for replica in self.replicas:  # the first alone: it makes the tables
            self.start(replica)
            self.wait(replica)

    @property
    def log(self) -> Path:
        """What they say; beside `var`, which may be full."""
        return self.var.parent / f"{self.var.name}.log"

    def start(self, replica: Replica) -> None:
        environment = {
            "ANXIN_VAR": str(self.var),
            "ANXIN_ACTIONS_PORT": str(replica.port),
            "ANXIN_LOG_LEVEL": "INFO",
            **self.environment,
        }
        replica.process = forks.Process(target=serve, args=(environment, str(self.log)), daemon=True)
        replica.process.start()

    def wait(self, replica: Replica) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            with suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{replica.port}/readyz", trust_env=False, timeout=5).status_code == 200:
                    return
            time.sleep(0.02)
        raise AssertionError(f"an actions process does not start: {self.log.read_text()[-2000:]}")

    def kill(self, replica: Replica) -> None:
        """End it at once by SIGKILL, and start it again."""
        assert replica.process
        assert replica.process.pid
        os.kill(replica.process.pid, signal.SIGKILL)
        replica.process.join(PATIENCE_SECONDS)
        self.start(replica)

    def stop(self) -> None:
        for replica in self.replicas:
            if replica.process and replica.process.is_alive():
                replica.process.terminate()
        for replica in self.replicas:
            if replica.process:
                replica.process.join(PATIENCE_SECONDS)

    def once(self, path: str, body: dict[str, Any], replica: Replica | None = None) -> Answer | None:
        """Send one signed call to one replica; None where nobody knows what came of it."""
        content = json.dumps(body).encode()
        try:
            reply = self.send(replica or _random.choice(self.replicas), "POST", path, content)
        except httpx.TransportError:
            return None
        if reply.status_code >= 500:
            return None
        return Answer(reply.status_code, reply.json() if reply.content else {}, 1)

    def send(
        self, replica: Replica, method: str, path: str, content: bytes, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send these very bytes, signed unless `headers` are given; raise `httpx.TransportError`."""
        headers = self.signed(method, path, content) if headers is None else headers
        kind = {"content-type": "application/json"}
        url = f"http://127.0.0.1:{replica.port}{path}"
        return self.client.request(method, url, content=content, headers=kind | headers)

    def signed(self, method: str, path: str, content: bytes, now: float | None = None) -> dict[str, str]:
        """Return the headers of a call, with the key of whoever may make it."""
        key = next(key for prefix, key in self._keys.items() if path.startswith(prefix))
        return sign(key, method, path, content, time.time() if now is None else now)

    def deliver(self, path: str, body: dict[str, Any]) -> Answer:
        """Send until it is answered, as who wants to know does: to any replica, the same content each time."""
        until = time.monotonic() + PATIENCE_SECONDS
        deliveries = 0
        while time.monotonic() < until:
            deliveries += 1
            answer = self.once(path, body)
            if answer:
                return Answer(answer.status, answer.body, deliveries)
            time.sleep(_random.uniform(0.01, 0.1))
        raise AssertionError(f"{path} is not answered: {self.log.read_text()[-2000:]}")

    @property
    def client(self) -> httpx.Client:
        """One client a thread."""
        if not hasattr(self._own, "client"):
            self._own.client = httpx.Client(timeout=CALL_SECONDS, trust_env=False)
        client: httpx.Client = self._own.client
        return client


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
