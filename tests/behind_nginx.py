"""What a test of deploy/nginx.conf stands on besides bot/rig/nginx.py: gateways of a kind, and a browser."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bot.rig.nginx import NAME

PATIENCE_SECONDS = 10


@dataclass
class Seen:
    """What reached a gateway."""

    method: str
    path: str
    headers: dict[str, str]
    connection: int  # the port it came from


class Gateway(ThreadingHTTPServer):
    """Answers everything; `drops`: takes a request whole and closes without a word."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.seen: list[Seen] = []
        self.drops = False
        self.go_on = threading.Event()  # ends a stream
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gateway

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append(Seen(self.command, self.path, headers, self.client_address[1]))
        if self.server.drops:
            self.close_connection = True
        elif self.path.startswith("/Webhook/api/stream"):
            self._say("text/event-stream", {"connection": "close"}, b": hello\n\n")
            self.server.go_on.wait(PATIENCE_SECONDS)
            self.close_connection = True
        else:
            self._say("application/json", {"content-length": "2"}, b"{}")

    do_POST = do_GET

    def _say(self, kind: str, headers: dict[str, str], body: bytes) -> None:
        self.send_response(200)
        for name, value in {"content-type": kind, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Client(http.client.HTTPSConnection):
    """A browser that asks for `name` at an address of this machine."""

    def __init__(self, port: int, name: str = NAME) -> None:
        super().__init__("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        self._name = name

    def connect(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection((self.host, self.port), self.timeout)
        self.sock = context.wrap_socket(plain, server_hostname=self._name)


@dataclass
class Proxy:
    """A running nginx."""

    folder: Path
    port: int
    plain_port: int
    gateways: list[Gateway] = field(default_factory=list)

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, bytes]:
        client = Client(self.port)
        client.request(method, path, body, {"Host": NAME, **(headers or {})})
        reply = client.getresponse()
        content = reply.read()
        client.close()
        return reply.status, content

    @property
    def seen(self) -> list[Seen]:
        return [seen for gateway in self.gateways for seen in gateway.seen]
