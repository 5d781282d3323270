"""One of our processes, as systemd would have it: started, ready, ended in order, killed, frozen, started again."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bot.settings import ROOT

READY_SECONDS = 90
END_SECONDS = 15


@dataclass
class OwnProcess:
    """`command` with `environment`, ready when `ready_url` answers and has no error; what it says goes to `log`."""

    name: str
    command: list[str]
    environment: dict[str, str]
    ready_url: str
    log: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def is_ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(self.ready_url, trust_env=False, verify=False, timeout=2).status_code < 400  # noqa: S501
        return False

    def wait_until_ready(self) -> None:
        until = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if not self.is_running() or time.monotonic() > until:
                raise TimeoutError(f"{self.name} does not start: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process, f"{self.name} was never started"
        return self._process.pid

    def kill(self) -> None:
        """End it at once, by SIGKILL."""
        if self._process:
            self._process.kill()
            self._process.wait(END_SECONDS)

    def tell_to_end(self) -> None:
        """Send SIGTERM, and do not wait."""
        if self._process:
            self._process.terminate()

    def wait_until_ended(self) -> float:
        """Return the seconds that it still took; kill it and raise where it does not end."""
        began = time.monotonic()
        if self._process:
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return time.monotonic() - began

    def freeze(self) -> None:
        """Make it stand still, with its connections open."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def _send(self, number: int) -> None:
        if self._process:
            self._process.send_signal(number)
