"""What a test of deploy/nginx.conf stands on: the file itself with other paths, gateways of a kind, and a browser."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bot.settings import ROOT

DEPLOY, NAME = ROOT / "deploy", "chat.example.com"
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


def program() -> str:
    found = shutil.which("nginx") or "/usr/sbin/nginx"
    assert Path(found).exists(), "this needs nginx: apt-get install nginx"
    return found


def configured(folder: Path, servers: list[str], port: int, plain_port: int) -> Path:
    """Return deploy/nginx.conf with the paths, ports and gateways of a test, and nothing else changed."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    temporary = "".join(
        f"{kind}_temp_path {folder}/temp;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    for before, after in (
        ("user www-data;", "user root;" if os.geteuid() == 0 else ""),
        ("worker_processes auto;", "worker_processes 1;"),
        ("pid /run/nginx.pid;", f"pid {folder}/pid;"),
        ("/var/log/nginx/", f"{folder}/"),
        ("/etc/nginx/tls/", f"{folder}/"),
        ("/etc/nginx/anxin-gateways.conf", f"{folder}/gateways.conf"),
        ("/opt/anxin/deploy", str(DEPLOY)),
        ("http {\n", f"http {{\n{temporary}\n"),
        ("listen 443 ", f"listen 127.0.0.1:{port} "),
        ("listen 80 ", f"listen 127.0.0.1:{plain_port} "),
    ):
        assert before in text, before
        text = text.replace(before, after)
    (folder / "nginx.conf").write_text(re.sub(r"\n *listen \[::\].*", "", text), encoding="utf-8")
    one = re.search(
        r"^server 127\.0\.0\.1:8080 (.*;)$", (DEPLOY / "gateways.conf").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert one
    (folder / "gateways.conf").write_text(
        "".join(f"server {server} {one[1]}\n" for server in servers), encoding="utf-8"
    )
    return folder / "nginx.conf"
