"""SMS by HTTP, as deploy/sms-gateway.md describes it (h11): accepted, refused for good, or not sent.

    NotSent
    ├── RefusedForGood     the gateway will never take this message; trying again helps nobody
    └── OutcomeUnknown     it may have left: a code is not sent again, a notice may be (Pattern F)

What is certain is a plain `NotSent`: nothing reached the gateway, or it said "not now". A whole call ends within
`TOTAL_SECONDS`, however slowly the other side talks: an HTTP client's timeout is for each read, and a server that
sends a byte a second would hold the relay for ever. Looking the name up is left to the resolver's own limit.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

import h11

from actions.services.ports import Message, NotSent

CONNECT_SECONDS = 2.0
TOTAL_SECONDS = 5.0
MOST_ANSWER_BYTES = 64 * 1024
_LATER = frozenset({408, 425, 429})  # refused now, not for good


class RefusedForGood(NotSent):
    """The gateway answered that it does not take this message."""


class OutcomeUnknown(NotSent):
    """The request left and no answer says what became of it."""


class AnswerTooLong(Exception):
    """The answer is longer than any the gateway gives."""


class SmsGateway:
    """Hands messages to the gateway at `url`, which gets `ttl_seconds` to deliver each."""

    def __init__(self, url: str, key: str, ttl_seconds: int, ca_file: Path | None = None) -> None:
        """`ca_file`: PEM certificates to trust instead of this machine's. Raise `OSError` where it is none."""
        address = urlsplit(url)
        self._encrypted = address.scheme == "https"
        self._host = address.hostname or ""
        self._port = address.port or (443 if self._encrypted else 80)
        self._named = address.netloc
        self._path = address.path or "/"
        self._key = key
        self._ttl_seconds = ttl_seconds
        self._context = ssl.create_default_context(cafile=ca_file) if self._encrypted else None

    def send(self, message: Message) -> None:
        """Return if the gateway has the message, now or since an earlier try; raise `NotSent`, never its content."""
        status, kind, body = self._ask(message)
        if status == 409 or 200 <= status < 300:
            if not _is_gateways(kind, body, message.id):
                raise OutcomeUnknown(self._said(f"{status} with an answer that is not the gateway's"))
            return
        if 400 <= status < 500 and status not in _LATER:
            raise RefusedForGood(self._said(str(status)))
        if status >= 500:
            raise OutcomeUnknown(self._said(str(status)))
        raise NotSent(self._said(str(status)))

    def _ask(self, message: Message) -> tuple[int, str, bytes]:
        """Return status, content type and body of the answer."""
        until = time.monotonic() + TOTAL_SECONDS
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_ANSWER_BYTES)
        try:
            request = self._request(http, message)
            connection = self._connect(until)
        except (OSError, ValueError, h11.LocalProtocolError) as problem:  # ValueError: a host name that is none
            raise NotSent(self._said(type(problem).__name__)) from None
        try:
            with connection:
                connection.settimeout(_left(until))
                connection.sendall(request)
                return _answer(connection, http, until)
        except (OSError, h11.RemoteProtocolError, AnswerTooLong) as problem:
            raise OutcomeUnknown(self._said(type(problem).__name__)) from None

    def _request(self, http: h11.Connection, message: Message) -> bytes:
        told = {"id": message.id, "to": message.to, "text": message.text, "ttl_seconds": self._ttl_seconds}
        body = json.dumps(told).encode()
        headers = [
            ("Host", self._named),
            ("Authorization", f"Bearer {self._key}"),
            ("Idempotency-Key", message.id),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Accept", "application/json"),
            ("Connection", "close"),
        ]
        head = http.send(h11.Request(method="POST", target=self._path, headers=headers)) or b""
        return head + (http.send(h11.Data(body)) or b"") + (http.send(h11.EndOfMessage()) or b"")

    def _connect(self, until: float) -> socket.socket:
        """Return a connection, its TLS handshake done, the certificate and the name in it checked."""
        connection = _connected(self._host, self._port)
        if self._context is None:
            return connection
        try:
            connection.settimeout(_left(until))
            return self._context.wrap_socket(connection, server_hostname=self._host)
        except BaseException:
            connection.close()
            raise

    def _said(self, what: str) -> str:
        return f"SMS gateway {self._host}:{self._port}: {what}"


def _connected(host: str, port: int) -> socket.socket:
    """Return a connection to the first address that takes one; `CONNECT_SECONDS` for all of them together."""
    until = time.monotonic() + CONNECT_SECONDS
    problem: OSError = ConnectionRefusedError()
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(_left(until))
            connection.connect(address)
        except OSError as refused:
            connection.close()
            problem = refused
        else:
            return connection
    raise problem


def _answer(connection: socket.socket, http: h11.Connection, until: float) -> tuple[int, str, bytes]:
    """Return status, content type and body; raise where the answer is cut, garbage, too long or too late."""
    status, kind, body, received = 0, "", b"", 0
    while not isinstance(event := http.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            connection.settimeout(_left(until))
            data = connection.recv(8192)
            received += len(data)
            if received > MOST_ANSWER_BYTES:
                raise AnswerTooLong
            http.receive_data(data)
        elif isinstance(event, h11.Response):
            status, kind = event.status_code, dict(event.headers).get(b"content-type", b"").decode("latin-1")
        elif isinstance(event, h11.Data):
            body += event.data
        elif not isinstance(event, h11.InformationalResponse):  # none is left, but the loop must not rest on that
            raise h11.RemoteProtocolError("no answer")
    return status, kind, body


def _is_gateways(kind: str, body: bytes, id_: str) -> bool:
    """Return whether an acceptance is empty or a JSON object that names no other message: a proxy's page is not."""
    if not body:
        return True
    if kind.partition(";")[0].strip().lower() != "application/json":
        return False
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(answer, dict) and answer.get("id", id_) == id_


def _left(until: float) -> float:
    """Return the seconds that are left; raise `TimeoutError` where none are."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
