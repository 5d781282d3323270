"""SMS by HTTP, as deploy/sms-gateway.md describes it (h11): accepted, refused for good, or not sent.

What is certain is a plain `NotSent`: nothing reached the gateway, or it said "not now". A whole call ends within
`TOTAL_SECONDS`; how that is kept is in `http.py`.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from actions.adapters.http import Answer, Broken, NotReached, Request, Server
from actions.services.ports import Message, NotSent, OutcomeUnknown, RefusedForGood

CONNECT_SECONDS = 2.0
TOTAL_SECONDS = 5.0
_LATER = frozenset({408, 425, 429})  # refused now, not for good


class SmsGateway:
    """Hands messages to the gateway at `url`, with how long it may take to deliver each."""

    def __init__(self, url: str, key: str, ca_file: Path | None = None) -> None:
        """`ca_file`: PEM certificates to trust instead of this machine's. Raise `OSError` where it is none."""
        self._server = Server(url, ca_file)
        self._key = key

    def send(self, message: Message) -> None:
        """Return if the gateway has the message, now or since an earlier try; raise `NotSent`, never its content."""
        answer = self._ask(message)
        status = answer.status
        if status == 409 or 200 <= status < 300:
            if not _is_gateways(answer, message.id):
                raise OutcomeUnknown(self._said(f"{status} with an answer that is not the gateway's"))
            return
        if 400 <= status < 500 and status not in _LATER:
            raise RefusedForGood(self._said(str(status)))
        if status >= 500:
            raise OutcomeUnknown(self._said(str(status)))
        raise NotSent(self._said(str(status)))

    def _ask(self, message: Message) -> Answer:
        until = time.monotonic() + TOTAL_SECONDS
        line = None
        try:
            line = self._server.connect(until, CONNECT_SECONDS)
            return line.ask(self._request(message), until, last=True)
        except NotReached as problem:
            raise NotSent(self._said(str(problem))) from None
        except Broken as problem:
            raise OutcomeUnknown(self._said(str(problem))) from None
        finally:
            if line:
                line.close()

    def _request(self, message: Message) -> Request:
        told: dict[str, str | int] = {"id": message.id, "to": message.to, "text": message.text}
        if message.ttl_seconds is not None:
            told["ttl_seconds"] = message.ttl_seconds
        headers = {"Authorization": f"Bearer {self._key}", "Idempotency-Key": message.id}
        return Request(self._server.path or "/", json.dumps(told).encode(), headers)

    def _said(self, what: str) -> str:
        return f"SMS gateway {self._server}: {what}"


def _is_gateways(answer: Answer, id_: str) -> bool:
    """Return whether an acceptance is empty or a JSON object that names no other message: a proxy's page is not."""
    if not answer.body:
        return True
    if not answer.is_json:
        return False
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and told.get("id", id_) == id_
