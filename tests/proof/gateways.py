"""A gateway of SMS and a mail server, both real, that write down what arrived as the embedded outbox would."""

from __future__ import annotations

import email
import json
import re
import threading
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from bot.rig.actions import free_port

KEY = "demo-key"


class Gateways:
    """Both, on free ports; what arrives stands in `file`, a line each, as often as it arrives."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._sms = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.sms_port = self._sms.server_port
        threading.Thread(target=self._sms.serve_forever, args=(0.05,), daemon=True).start()
        self.smtp_port = free_port()
        self._smtp = Controller(self, hostname="127.0.0.1", port=self.smtp_port)
        self._smtp.start()

    def close(self) -> None:
        self._sms.shutdown()
        self._sms.server_close()
        self._smtp.stop()

    def arrived(self, **line: str) -> None:
        with self._lock, self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=default)
        id_ = str(message["Message-ID"]).strip("<>").partition("@")[0]
        self.arrived(id=id_, to=envelope.rcpt_tos[0], subject=str(message["Subject"]))
        return "250 OK"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        arrived = self.arrived

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["content-length"])))
                arrived(id=told["id"], to=told["to"], code="".join(re.findall(r"\b\d{6}\b", told["text"])[:1]))
                body = json.dumps({"id": told["id"]}).encode()
                self.send_response(202)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing: what is tested is what our side says."""

        return Handler
