"""Ports for processes that are killed and come back to the same one."""

from __future__ import annotations

import random
import socket
from contextlib import suppress


def kept_port() -> int:
    """Return a free port that nobody is given for a connection out: it is still ours when we start again."""
    while True:
        port = random.randrange(15_000, 32_000)  # noqa: S311  # a port is no secret
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
