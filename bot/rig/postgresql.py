"""A private PostgreSQL: a free port, a temporary folder, durable settings; it can be killed and started again."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from pg8000 import dbapi
from pg8000.native import identifier

PATIENCE_SECONDS = 30
# Nothing else runs on it, and it stays small. Whatever concerns durability is PostgreSQL's default: on.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "logging_collector": "off",
}


def programs() -> Path:
    """Return the folder of `initdb` and `postgres`, of the newest version installed."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True
    )
    found += [Path(path).parent for path in [shutil.which("initdb")] if path]
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise FileNotFoundError("this needs PostgreSQL: apt-get install postgresql")


def unprivileged() -> dict[str, object]:
    """Return how to start a program as somebody whom PostgreSQL accepts: it refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    entry = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@dataclass
class PostgresServer:
    """One instance. `settings` go to its command line; `parent` is where its folder is made, in memory if it may."""

    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    parent: str | None = field(default_factory=lambda: memory())

    def __post_init__(self) -> None:
        self._names = count(1)
        self._as = unprivileged()
        self._folder = Path(tempfile.mkdtemp(prefix="anxin-postgresql-", dir=self.parent))
        if self._as:
            shutil.chown(self._folder, self._as["user"], self._as["group"])  # type: ignore[call-overload]
        self._run("initdb", "--auth=trust", "--username=anxin", "--encoding=UTF8", "--locale=C", "--no-sync", "-D", ".")
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        line = [str(programs() / program), *arguments]
        subprocess.run(line, cwd=self._folder, check=True, capture_output=True, timeout=PATIENCE_SECONDS, **self._as)  # type: ignore[call-overload]

    def start(self) -> None:
        """Start it, on the same port as before if it ran before, and wait until it answers."""
        self.port = self.port or free_port()
        settings = {**SETTINGS, "port": str(self.port), **self.settings}
        line = [str(programs() / "postgres"), "-D", ".", *(f"--{name}={value}" for name, value in settings.items())]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # type: ignore[call-overload]
                line, cwd=self._folder, stdout=log, stderr=log, start_new_session=True, **self._as
            )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                self._connect().close()
            except (dbapi.Error, OSError):
                time.sleep(0.02)
            else:
                return
        raise TimeoutError(f"PostgreSQL does not start: {(self._folder / 'log').read_text()[-500:]}")

    def kill(self) -> None:
        """End all its processes at once, as a power cut would, by SIGKILL; return when none is left."""
        children = children_of(self._process.pid)
        self._signal(signal.SIGKILL)
        self._process.wait(PATIENCE_SECONDS)
        until = time.monotonic() + PATIENCE_SECONDS
        while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < until:
            time.sleep(0.01)  # who is still there keeps the shared memory, and it would not start again

    def freeze(self) -> None:
        """Make it stand still, with its connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        for process in (self._process.pid, *children_of(self._process.pid)):
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def remove(self) -> None:
        """End it and erase everything."""
        if self._process.poll() is not None:
            self.start()  # only it can find the shared memory that a kill left behind
        self._process.send_signal(signal.SIGQUIT)  # at once, and it waits for its children
        self._process.wait(PATIENCE_SECONDS)
        shutil.rmtree(self._folder)

    def files(self) -> list[Path]:
        """Return every file it keeps: tables, journal, log; with all that is still in its memory written to them."""
        self.execute("CHECKPOINT")
        return [file for file in self._folder.rglob("*") if file.is_file()]

    def url(self, database: str) -> str:
        return f"postgresql://anxin@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template1") -> str:
        """Make a new database, as a copy of another, and return its name."""
        name = f"test_{next(self._names)}"
        self.execute(f"CREATE DATABASE {identifier(name)} TEMPLATE {identifier(template)}")
        return name

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE {identifier(name)} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        with self._connect() as connection:
            connection.autocommit = True
            connection.cursor().execute(statement)

    def _connect(self) -> dbapi.Connection:
        return dbapi.connect(
            "anxin", host="127.0.0.1", port=self.port, database="postgres", timeout=PATIENCE_SECONDS, ssl_context=False
        )


def children_of(parent: int) -> list[int]:
    """Return the processes that `parent` started; PostgreSQL's are in no group of its own."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(status.parent.name))
    return found


def memory() -> str | None:
    """Return a folder in memory where there is room: what is tested is killed processes, and disks are slow."""
    folder = Path("/dev/shm")  # noqa: S108  # a folder of our own is made in it
    return str(folder) if folder.is_dir() and shutil.disk_usage(folder).free > 2**30 else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
