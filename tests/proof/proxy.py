"""A TCP proxy between our processes and a server, which breaks off where a test says."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from enum import Enum

CHUNK = 65536
GARBAGE = bytes(range(128, 256)) * 8 + b"\r\n\r\n"


class Fault(Enum):
    NONE = "none"
    REFUSE = "refuse"  # nobody listens, and whoever was connected is cut off
    HANG = "hang"  # whatever comes in stays where it is
    CUT_BEFORE = "cut before"  # the request is not passed on
    CUT_AFTER = "cut after"  # it is passed on, and its answer is lost
    CUT_WITHIN = "cut within"  # half an answer comes
    GARBAGE = "garbage"  # something else is answered


class Proxy:
    """Listens on `port` and passes on to `target`. `fault` holds from then on for what comes in.

    `only`: the fault is for requests that hold these bytes alone. `most`: after so many faults it is over. `made`
    counts them.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.made: Counter[Fault] = Counter()
        self._lock = threading.Lock()
        self._fault, self._only, self._most = Fault.NONE, b"", 0
        self._open: set[socket.socket] = set()
        self._ended = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = int(self._listener.getsockname()[1])
        self._accept_soon()

    def set(self, fault: Fault, only: bytes = b"", most: int = 1_000_000) -> None:
        before, self._fault = self._fault, Fault.NONE
        self._only, self._most = only, self.made[fault] + most
        self._fault = fault
        if fault is Fault.REFUSE:
            self.made[fault] += 1
            self._stop_listening()
            self._cut_all()
        elif before is Fault.REFUSE:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=200)
            self._accept_soon()
        elif before is Fault.HANG:
            self._cut_all()

    def close(self) -> None:
        self._ended = True
        self._stop_listening()
        self._cut_all()

    def _accept_soon(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _stop_listening(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _cut_all(self) -> None:
        with self._lock:
            for end in self._open:
                cut(end)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:
            cut(client)
            client.close()
            return
        with self._lock:
            self._open |= {client, server}
        with suppress(OSError):
            self._pass_on(client, server)
        with self._lock:
            self._open -= {client, server}
        for end in (client, server):
            end.close()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on until an end closes or a fault ends it."""
        hit = Fault.NONE
        while not self._ended:
            if self._fault is Fault.HANG:
                self.made[Fault.HANG] += 1
                while self._fault is Fault.HANG and not self._ended:
                    time.sleep(0.01)
                return cut(client)
            readable, _, _ = select.select([client, server], [], [], 0.05)
            for end in readable:
                data = end.recv(CHUNK)
                if not data:
                    return None
                if end is client:
                    hit = self._hit(data)
                    if hit is Fault.CUT_BEFORE:
                        return cut(client)
                    server.sendall(data)
                elif hit in (Fault.CUT_AFTER, Fault.CUT_WITHIN, Fault.GARBAGE):
                    client.sendall({Fault.CUT_WITHIN: data[: len(data) // 2], Fault.GARBAGE: GARBAGE}.get(hit, b""))
                    return None if hit is Fault.GARBAGE else cut(client)
                else:
                    client.sendall(data)
        return None

    def _hit(self, request: bytes) -> Fault:
        """Return the fault that this request meets."""
        with self._lock:
            fault = self._fault
            on_a_request = fault not in (Fault.NONE, Fault.REFUSE, Fault.HANG) and self.made[fault] < self._most
            if not on_a_request or self._only not in request.lower():
                return Fault.NONE
            self.made[fault] += 1
            return fault


def cut(end: socket.socket) -> None:
    """Break off at once, by a reset where there is one."""
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
