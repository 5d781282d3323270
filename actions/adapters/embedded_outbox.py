"""The embedded outbox: sent messages are lines of a file, to be read with `anxin outbox`. Never in production."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from actions.services.ports import Message, NotSent


class EmbeddedOutbox:
    def __init__(self, file: Path) -> None:
        self._file = file

    def send(self, message: Message) -> None:
        line = {
            "id": message.id,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "channel": message.channel,
            "to": message.to,
            "subject": message.subject,
            "body": message.text,
            **({"code": message.code} if message.code else {}),
        }
        try:
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write((json.dumps(line, ensure_ascii=False) + "\n").encode())
        except OSError as problem:
            raise NotSent(f"{self._file}: {problem.strerror}") from None
