"""A firm's core system for tests: a real server that keeps the contract over its own memory, and can be told to fail.

What it is asked and what it answers when well is held against the contract: `problems` stays empty.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.actions.core.description import problems_of_answer, problems_of_request

KEY = "demo-key-of-the-core"
NO_TOKEN: dict[str, Any] = {
    "status": "none",
    "device": None,
    "places": [],
    "biometrics": False,
    "wrong": 0,
    "freezes": 0,
    "frozen_until": None,
    "frozen_for_good_at": None,
}
Row = dict[str, Any]
Answered = tuple[int, Row]


@dataclass
class Fault:
    """What goes wrong with one exchange. `acted`: what was asked is done first, and its answer kept."""

    how: str  # one of FAULTS
    acted: bool = False


FAULTS = (  # "gone" besides: cut, and nobody there any more until `back`
    "hang",
    "drip",
    "cut",
    "half",
    "garbage",
    "page",
    "empty",
    "wrong type",
    "missing",
    "huge",
    "redirect",
    "error",
    "busy",
    "other id",
    "unnamed",
)


@dataclass
class Record:
    """An account as the firm has it."""

    customer: Row
    locked_at: datetime | None = None
    suspended_at: datetime | None = None
    initial: bool = False
    certificates: list[Row] = field(default_factory=list)
    token: Row = field(default_factory=lambda: dict(NO_TOKEN))
    version: int = 0


class Firm:
    """`now` tells the firm's time. `acts`: each that was done, with account and key, in order."""

    def __init__(self, now: Callable[[], datetime], context: ssl.SSLContext | None = None) -> None:
        self.now = now
        self.accounts: dict[str, Record] = {}
        self.acts: list[tuple[str, str, str]] = []
        self.asked: list[str] = []
        self.problems: list[str] = []
        self.requests: list[bytes] = []
        self.faults: deque[Fault | None] = deque()  # of the next exchanges, in order
        self.always: Fault | None = None
        self.at: dict[str, Fault] = {}  # of each exchange with this path
        self.forgetful = False  # keeps no answers
        self.twice: float | None = None  # says each answer a second time, so many seconds later
        self.before_act: Callable[[], None] = lambda: None
        self.most_at_once = 0
        self.connections = 0
        self._open = 0
        self._known: dict[str, Answered] = {}
        self._lock = threading.Lock()
        self._context = context
        self._ended = threading.Event()
        self._connections: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self._listener.getsockname()[1]
        self._listen()

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}/core"

    def add(self, account: str, institution: str, number: str, **more: Any) -> Record:
        customer = {
            "account": account,
            "institution": institution,
            "number": number,
            "birth_date": date(1980, 1, 2).isoformat(),
            "phone": "0930000678",
            "email": "zdemo@example.com",
            "branch": "測試分公司",
            "branch_number": "T001",
            "agent": "測試營業員",
        }
        record = Record(customer | more)
        self.accounts[account] = record
        return record

    # --- what can be told to happen -----------------------------------------------------------------

    @contextmanager
    def away(self) -> Iterator[None]:
        """Refuse every connection for so long."""
        self._deafen()
        self._hang_up()
        try:
            yield
        finally:
            self.back()

    def back(self) -> None:
        """Listen again."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=200)
        self._listen()

    def forget_all(self) -> None:
        """Begin anew: no act was done."""
        self.acts.clear()
        self._known.clear()

    def fail(self, *faults: Fault | None) -> None:
        self.faults.extend(faults)

    def close(self) -> None:
        self._ended.set()
        self._deafen()
        self._hang_up()

    # --- the server ---------------------------------------------------------------------------------

    def _listen(self) -> None:
        self.deaf = False
        self._accepting = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._accepting.start()

    def _deafen(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(10)
        self.deaf = True

    def _accept(self, listener: socket.socket) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _hang_up(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _serve(self, connection: socket.socket) -> None:
        self._connections.add(connection)
        with self._lock:
            self._open += 1
            self.connections += 1
            self.most_at_once = max(self.most_at_once, self._open)
        try:
            connection.settimeout(60)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            while request := _request(connection):
                if not self._answer(connection, *request):
                    return
        except OSError:
            pass
        finally:
            with self._lock:
                self._open -= 1
            self._connections.discard(connection)
            connection.close()

    def _answer(self, connection: socket.socket, path: str, headers: dict[str, str], raw: bytes) -> bool:
        """Say the answer, or what the fault has it say instead; return whether the connection stays."""
        body = json.loads(raw.partition(b"\r\n\r\n")[2])
        with self._lock:
            self.asked.append(path)
            self.requests.append(raw)
            self.problems += problems_of_request(path.removeprefix("/core"), headers, body)
            fault = (self.faults.popleft() if self.faults else None) or self.at.get(path.removeprefix("/core"))
            fault = fault or self.always
        status, told = 500, {"problem": "not looked at"}
        if fault is None or fault.acted:
            with self._lock:
                status, told = self._handled(path.removeprefix("/core"), headers, body)
        named = {"request-id": headers.get("request-id", "")}
        if fault is None:
            self.problems += problems_of_answer(path.removeprefix("/core"), status, named, told)
            connection.sendall(written(status, told, named))
            if self.twice is not None:
                self._ended.wait(self.twice)
                connection.sendall(written(status, told, named))
            return True
        return self._fail(connection, fault.how, status if fault.acted else 200, told, named)

    def _fail(self, connection: socket.socket, how: str, status: int, told: Row, named: dict[str, str]) -> bool:
        whole = written(status, told, named)
        said = {
            "half": lambda: whole[: len(whole) * 2 // 3],
            "garbage": lambda: b"\x16\x03\x01" + b"\x00garbage" * 20,
            "page": lambda: written(200, "<html>log in</html>", named, "text/html"),
            "empty": lambda: written(200, "", named),
            "wrong type": lambda: written(200, _wrong(told), named),
            "missing": lambda: written(200, {}, named),
            "huge": lambda: written(200, {**told, "more": "x" * 200_000}, named),
            "redirect": lambda: written(307, "", {**named, "location": self.url}),
            "error": lambda: written(503, {"problem": "maintenance"}, named),
            "busy": lambda: written(425, {"problem": "still at it"}, named),
            "other id": lambda: written(status, told, {"request-id": "0" * 32}),
            "unnamed": lambda: written(status, told, {}),
        }
        if how == "gone":
            self._deafen()
        elif how == "hang":
            self._wait(connection)
        elif how == "drip":
            for byte in whole:
                connection.sendall(bytes([byte]))
                if self._ended.wait(0.2):
                    break
        elif how != "cut":
            connection.sendall(said[how]())
        return how in ("wrong type", "missing", "error", "busy", "other id", "unnamed")

    def _wait(self, connection: socket.socket) -> None:
        """Say nothing for a minute, or until the client hangs up."""
        connection.settimeout(60)
        with suppress(OSError):
            connection.recv(1)

    # --- what a firm does ---------------------------------------------------------------------------

    def _handled(self, path: str, headers: dict[str, str], body: Row) -> Answered:
        if headers.get("authorization") != f"Bearer {KEY}":
            return 401, {"problem": "not the key"}
        if path == "/accounts/find":
            return 200, {"customer": self._found(body["institution"], body["number"])}
        if path == "/mail-domains/read":
            return 200, {"domains": ["example.com", "example.org"]}
        record = self.accounts.get(body["account"])
        if record is None:
            return 404, {"problem": "no such account"}
        if path in _READS:
            return 200, _READS[path](record)
        key = headers["idempotency-key"]
        if key in self._known and not self.forgetful:
            return self._known[key]
        self.before_act()
        answered = self._act(path, record, body, key)
        if answered[0] == 200:  # what was refused may be asked for again under the same key
            self.acts.append((path, body["account"], key))
            self._known[key] = answered
        return answered

    def _found(self, institution: str, number: str) -> Row | None:
        records = [record.customer for record in self.accounts.values()]
        return next((c for c in records if (c["institution"], c["number"]) == (institution, number)), None)

    def _act(self, path: str, record: Record, body: Row, key: str) -> Answered:
        if reason := self._reason(path, record, body):
            return 409, {"refused": reason}
        if path == "/password/unlock":
            record.locked_at = None
        elif path == "/password/reissue":
            record.locked_at, record.initial = None, True
        elif path == "/login/suspend":
            record.suspended_at = record.suspended_at or self.now()
        elif path == "/login/restore":
            record.suspended_at = None
        elif path == "/token/keep":
            record.token, record.version = body["token"], record.version + 1
        elif path == "/certificates/issue":
            until = self.now() + timedelta(days=365)
            certificate = {
                "serial": f"demo-{len(record.certificates)}-{key[:8]}",
                "valid_from": self.now(),
                "valid_until": until,
                "revoked_at": None,
            }
            record.certificates.append(certificate)
            told = {"serial": certificate["serial"], "valid_until": until.isoformat()}
            return 200, {"done": True, "certificate": told}
        return 200, {"done": True}

    def _reason(self, path: str, record: Record, body: Row) -> str | None:
        """Return the condition of the act that is not true now."""
        now = self.now()
        valid = any(c["revoked_at"] is None and c["valid_from"] <= now < c["valid_until"] for c in record.certificates)
        if path in ("/login/suspend", "/login/restore"):
            return None
        if path == "/token/keep":
            return None if body["version"] == str(record.version) else "token_changed"
        if record.suspended_at:
            return "suspended"
        if path == "/password/unlock" and not record.locked_at:
            return "not_locked"
        return None if valid else "no_certificate"


def written(status: int, told: Any, headers: dict[str, str], kind: str = "application/json") -> bytes:
    body = told.encode() if isinstance(told, str) else json.dumps(told).encode()
    lines = [
        f"HTTP/1.1 {status} demo",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _request(connection: socket.socket) -> tuple[str, dict[str, str], bytes] | None:
    """Return path, headers and all bytes of the next request; None when the client hung up."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        if not (data := connection.recv(65536)):
            return None
        raw += data
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    while len(body) < int(headers["content-length"]):
        if not (data := connection.recv(65536)):
            return None
        raw, body = raw + data, body + data
    return lines[0].split(" ")[1], headers, raw


def _wrong(told: Row) -> Row:
    """Return the answer with every value of another type."""
    return {name: (1 if isinstance(value, bool) else [value]) for name, value in told.items()}


def _moment(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None


def _password(record: Record) -> Row:
    return {
        "account": record.customer["account"],
        "locked_at": _moment(record.locked_at),
        "suspended_at": _moment(record.suspended_at),
    }


def _certificates(record: Record) -> Row:
    listed = [
        {
            "valid_from": _moment(c["valid_from"]),
            "valid_until": _moment(c["valid_until"]),
            "revoked_at": _moment(c["revoked_at"]),
        }
        for c in record.certificates
    ]
    return {"account": record.customer["account"], "certificates": listed}


def _token(record: Record) -> Row:
    return {"account": record.customer["account"], "token": record.token, "version": str(record.version)}


_READS: dict[str, Callable[[Record], Row]] = {
    "/accounts/read": lambda record: {"customer": record.customer},
    "/password/read": _password,
    "/certificates/read": _certificates,
    "/token/read": _token,
}
