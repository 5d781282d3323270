"""A private Redis: a free port, a temporary folder, every write in its journal; it can be killed, frozen and emptied."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import redis

from bot.rig.ports import kept_port

PATIENCE_SECONDS = 30
# As deploy/ runs it, but for the network: what was answered is in the journal, and nothing is evicted.
SETTINGS = {
    "bind": "127.0.0.1",
    "dir": ".",
    "save": "",
    "appendonly": "yes",
    "maxmemory-policy": "noeviction",
}


@dataclass
class RedisServer:
    """One instance. `settings` go to its command line; `parent` is where its folder is made."""

    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    parent: str | None = None

    def __post_init__(self) -> None:
        self._program = shutil.which("redis-server")
        if not self._program:
            raise FileNotFoundError("this needs Redis: apt-get install redis-server")
        self._folder = Path(tempfile.mkdtemp(prefix="anxin-redis-", dir=self.parent))
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> redis.Redis:
        """A new client, for looking from outside."""
        return redis.Redis.from_url(self.url, socket_timeout=PATIENCE_SECONDS, decode_responses=True)

    def start(self) -> None:
        """Start it, on the same port as before if it ran before, and wait until it answers."""
        self.port = self.port or kept_port()
        settings = {**SETTINGS, "port": str(self.port), **self.settings}
        line = [str(self._program), *(part for name, value in settings.items() for part in (f"--{name}", value))]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(line, cwd=self._folder, stdout=log, stderr=log, start_new_session=True)
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                with self.client as client:
                    client.ping()
            except (redis.ConnectionError, redis.TimeoutError):  # not there yet, or reading its journal
                time.sleep(0.01)
            else:
                return
        raise TimeoutError(f"Redis does not start: {(self._folder / 'log').read_text()[-500:]}")

    def stop(self) -> None:
        """End it in order."""
        self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """End it at once, by SIGKILL; what it keeps is read again at the next start."""
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)

    def freeze(self) -> None:
        """Make it stand still, with its connections open."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        """Erase all keys."""
        with self.client as client:
            client.flushall()

    def remove(self) -> None:
        """End it and erase everything."""
        if self._process.poll() is None:
            self.kill()
        shutil.rmtree(self._folder)
