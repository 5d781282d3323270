"""HTTP/1.1 as our adapters speak it (h11): a request and its answer, bounded, within one deadline, synchronous.

    NotReached     nothing of the request left: certain
    Broken         it may have arrived, and no answer says so: cut, garbage, too long or too late
    └── Stale      a connection kept from before ended without a byte of answer: another one may do

The text of each is the kind of failure alone. The deadline holds however slowly the other side talks: an HTTP client's
timeout is for each read, and a server that sends a byte a second would hold the caller for ever. Looking the name up is
left to the resolver's own limit. Redirects are answers like any other; cookies, compression and proxies of the
environment are not used.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import h11

MOST_ANSWER_BYTES = 64 * 1024


class NotReached(Exception):
    """No connection, no trusted TLS, or a request that cannot be written."""


class Broken(Exception):
    """The request left and no answer says what became of it."""


class Stale(Broken):
    """The other side had closed a connection that was kept."""


class AnswerTooLong(Exception):
    """The answer is longer than any that is expected."""


@dataclass(frozen=True)
class Request:
    """A POST of JSON. `headers` besides those that every request has."""

    path: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in small letters
    body: bytes = field(repr=False)

    @property
    def is_json(self) -> bool:
        """Return whether it says that it is; a proxy's page does not."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


class Server:
    """Where requests go: `url` and, for https, the certificates to trust."""

    def __init__(self, url: str, ca_file: Path | None = None) -> None:
        """`ca_file`: PEM certificates to trust instead of this machine's. Raise `OSError` where it is none."""
        address = urlsplit(url)
        encrypted = address.scheme == "https"
        self.host = address.hostname or ""
        self.port = address.port or (443 if encrypted else 80)
        self.named = address.netloc
        self.path = address.path
        self._context = ssl.create_default_context(cafile=ca_file) if encrypted else None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def connect(self, until: float, seconds: float) -> Line:
        """Return a connection, its TLS handshake done, certificate and name checked; raise `NotReached`.

        `seconds`: for some address to take it, before the handshake.
        """
        try:
            connection = _connected(self.host, self.port, min(until, time.monotonic() + seconds))
            return Line(self._secured(connection, until), self.named)
        except (OSError, ValueError) as problem:  # ValueError: a host name that is none
            raise NotReached(type(problem).__name__) from None

    def _secured(self, connection: socket.socket, until: float) -> socket.socket:
        if self._context is None:
            return connection
        try:
            connection.settimeout(_left(until))
            return self._context.wrap_socket(connection, server_hostname=self.host)
        except BaseException:
            connection.close()
            raise


class Line:
    """One connection, for one request after the other."""

    def __init__(self, connection: socket.socket, named: str) -> None:
        self._connection = connection
        self._named = named
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_ANSWER_BYTES)
        self._asked = 0
        self._heard = 0  # bytes of this answer

    def ask(self, request: Request, until: float, last: bool = False) -> Answer:
        """Return the answer; `last`: the other side may close after it. Raise `NotReached`, `Broken` or `Stale`."""
        try:
            written = self._written(request, last)
        except h11.LocalProtocolError as problem:
            raise NotReached(type(problem).__name__) from None
        self._asked, self._heard = self._asked + 1, 0
        try:
            self._connection.settimeout(_left(until))
            self._connection.sendall(written)
            return self._answer(until)
        except (OSError, h11.RemoteProtocolError, AnswerTooLong) as problem:
            stale = self._asked > 1 and not self._heard and not isinstance(problem, TimeoutError)
            raise (Stale if stale else Broken)(type(problem).__name__) from None

    def is_free(self) -> bool:
        """Return whether it can be asked again: the answer ended, both sides keep it open, and nothing came since."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            if self._http.trailing_data[0]:
                return False
            self._http.start_next_cycle()
        idle = self._http.our_state is h11.IDLE and self._http.their_state is h11.IDLE
        return idle and not _has_more(self._connection)

    def close(self) -> None:
        self._connection.close()

    def _written(self, request: Request, last: bool) -> bytes:
        headers = [
            ("Host", self._named),
            *request.headers.items(),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(request.body))),
            ("Accept", "application/json"),
            *([("Connection", "close")] if last else []),
        ]
        head = self._http.send(h11.Request(method="POST", target=request.path, headers=headers)) or b""
        return head + (self._http.send(h11.Data(request.body)) or b"") + (self._http.send(h11.EndOfMessage()) or b"")

    def _answer(self, until: float) -> Answer:
        status, headers, body = 0, {}, b""
        while not isinstance(event := self._http.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                self._hear(until)
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body += event.data
            elif not isinstance(event, h11.InformationalResponse):  # h11 leaves none, but the loop must end
                raise h11.RemoteProtocolError("no answer")
        return Answer(status, headers, body)

    def _hear(self, until: float) -> None:
        self._connection.settimeout(_left(until))
        data = self._connection.recv(8192)
        self._heard += len(data)
        if self._heard > MOST_ANSWER_BYTES:
            raise AnswerTooLong
        self._http.receive_data(data)


def _has_more(connection: socket.socket) -> bool:
    """Return whether something waits to be read: the end, or what nobody asked for."""
    if isinstance(connection, ssl.SSLSocket) and connection.pending():
        return True
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    return bool(waiting.poll(0))


def _connected(host: str, port: int, until: float) -> socket.socket:
    """Return a connection to the first address that takes one."""
    problem: OSError = ConnectionRefusedError()
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(_left(until))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(address)
        except OSError as refused:
            connection.close()
            problem = refused
        else:
            return connection
    raise problem


def _left(until: float) -> float:
    """Return the seconds that are left; raise `TimeoutError` where none are."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
